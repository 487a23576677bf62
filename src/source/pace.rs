//! What the first rows of sensor data say about time: the unit, the rate, and whether rows come in
//! bursts that share a time.

use super::Note;
use super::sensor_rate::SensorRate;
use super::stamp::TimeUnit;
use crate::signal::SampleRate;

/// How far a stated rate and the times may differ.
const RATE_TOLERANCE: f64 = 0.15;
/// The share of rows that share a time with others, from which on rows count as bursts.
const BURST_SHARE: f64 = 0.1;
/// Rates that the unit of times without one should give, in Hz.
const LIKELY_HZ: std::ops::RangeInclusive<f64> = 0.1..=100_000.0;
/// Above this number of seconds since 1970, times are not in seconds. Smaller units have
/// accordingly larger limits.
const LAST_EPOCH_S: f64 = 1e11;

/// What is stated about the times of sensor data.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Stated {
    pub(super) rate: Option<SensorRate>,
    pub(super) unit: Option<TimeUnit>,
    /// Whether the column's name suggests that the unit is not the second.
    pub(super) is_timestamp: bool,
}

/// How rows are placed in time.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Pace {
    /// The number of seconds in the unit of the times. `None`: rows are even.
    pub(super) scale: Option<f64>,
    /// Rows a second.
    pub(super) row_hz: f64,
    /// Samples a second.
    pub(super) grid: SampleRate,
    /// If rows come in bursts: the largest distance in seconds within a burst.
    pub(super) burst: Option<f64>,
    pub(super) notes: Vec<Note>,
}

impl Pace {
    /// Rows without times.
    pub(super) fn even(rate: SensorRate) -> Self {
        Self {
            scale: None,
            row_hz: rate.hz(),
            grid: rate.grid(),
            burst: None,
            notes: Vec::new(),
        }
    }

    /// The pace of rows with these times, in their unit.
    ///
    /// # Errors
    /// The reason why they have none.
    pub(super) fn of(times: &[f64], stated: Stated) -> Result<Self, String> {
        let mut notes = Vec::new();
        let Some(raw) = Distances::of(times, 1.0) else {
            let scale = stated.unit.unwrap_or(TimeUnit::Seconds).seconds();
            let rate = stated.rate.ok_or("nothing states its rate")?;
            let pace = Self::even(rate);
            return Ok(Self {
                scale: Some(scale),
                ..pace
            });
        };
        let scale = unit(times, &raw, stated, &mut notes);
        let scaled = Distances::of(times, scale).ok_or("its times do not increase")?;
        if !scaled.is_burst && scaled.backwards * 2 > scaled.count {
            return Err(format!(
                "{} of its first {} times do not follow the one before",
                scaled.backwards,
                scaled.count + 1
            ));
        }
        let measured = 1.0 / scaled.median;
        let (row_hz, grid) = match stated.rate {
            Some(rate) if !scaled.contradicts(rate.hz()) => (rate.hz(), rate.grid()),
            stated => {
                let (row_hz, grid) = measured_rate(measured, scaled.is_burst)?;
                if let Some(stated) = stated {
                    notes.push(Note::RateContradicted {
                        stated_hz: stated.hz(),
                        measured_hz: measured,
                    });
                }
                (row_hz, grid)
            }
        };
        // Rows that are stamped as they arrive come in clumps of nearly the same time.
        let is_clumped = stated.rate.is_some_and(|rate| scaled.is_clumped(rate.hz()));
        let burst = match (scaled.is_burst, is_clumped) {
            (true, _) => Some(0.0),
            (false, true) => Some(0.25 / row_hz),
            (false, false) => None,
        };
        Ok(Self {
            scale: Some(scale),
            row_hz,
            grid,
            burst,
            notes,
        })
    }
}

/// Distances between the times of consecutive rows, in seconds.
#[derive(Debug)]
struct Distances {
    /// The median distance of rows. Rows that share a time count with their part of it.
    median: f64,
    /// The smallest and the largest distance above zero.
    range: (f64, f64),
    /// All distances, and those that are below zero.
    count: usize,
    backwards: usize,
    is_burst: bool,
    all: Vec<f64>,
}

impl Distances {
    /// Of times in a unit of `scale` seconds; `None` if none increases.
    fn of(times: &[f64], scale: f64) -> Option<Self> {
        let pairs = times.iter().zip(times.iter().skip(1));
        let all: Vec<f64> = pairs.map(|(a, b)| b * scale - a * scale).collect();
        let equal = all.iter().filter(|d| **d == 0.0).count();
        let is_burst = equal as f64 > BURST_SHARE * all.len() as f64 && equal > 1;
        // The distance from each time to the next one, and the number of rows of that time.
        let (mut groups, mut rows) = (Vec::new(), 1_usize);
        for &distance in &all {
            if distance == 0.0 {
                rows += 1;
                continue;
            }
            if distance > 0.0 && distance.is_finite() {
                groups.push((distance, if is_burst { rows } else { 1 }));
            }
            rows = 1;
        }
        let mut sorted: Vec<f64> = groups.iter().map(|(d, rows)| d / *rows as f64).collect();
        sorted.sort_by(f64::total_cmp);
        let median = *sorted.get(sorted.len() / 2)?;
        let mut spans: Vec<f64> = groups.iter().map(|(d, _)| *d).collect();
        spans.sort_by(f64::total_cmp);
        let limit = 5.0 * spans.get(spans.len() / 2)?;
        let usual = groups.iter().filter(|(d, _)| *d <= limit);
        let (span, rows) = usual.fold((0.0, 0), |(s, n), (d, rows)| (s + d, n + rows));
        let mean = span / f64::max(rows as f64, 1.0);
        Some(Self {
            median: if is_burst { mean } else { median },
            range: (*spans.first()?, *spans.last()?),
            count: all.len(),
            backwards: all.iter().filter(|d| d.is_nan() || **d < 0.0).count(),
            is_burst,
            all,
        })
    }

    /// Whether these distances are not those of rows at `hz`.
    fn contradicts(&self, hz: f64) -> bool {
        let differs = |distance: f64| {
            let share = distance * hz;
            if share > 1.0 + RATE_TOLERANCE {
                1
            } else if share < 1.0 - RATE_TOLERANCE {
                -1
            } else {
                0
            }
        };
        let (median, mean) = (differs(self.median), differs(self.mean(hz)));
        median != 0 && median == mean
    }

    /// The mean distance, without gaps of more than 20 rows at `hz`.
    fn mean(&self, hz: f64) -> f64 {
        let limit = f64::max(20.0 / hz, 5.0 * self.median);
        let usual = self.all.iter().filter(|d| (0.0..limit).contains(*d));
        let (sum, count) = usual.fold((0.0, 0_u32), |(sum, count), d| (sum + d, count + 1));
        sum / f64::from(count.max(1))
    }

    /// Whether most rows are much closer together than rows at `hz`, although the mean fits.
    fn is_clumped(&self, hz: f64) -> bool {
        let near = self.all.iter().filter(|d| (0.0..0.25 / hz).contains(*d));
        let is_mostly = near.count() * 2 > self.count;
        is_mostly && self.count > 4 && (0.6..1.6).contains(&(self.mean(hz) * hz))
    }
}

/// The number of seconds in the unit of times: stated, or the one that gives a likely rate.
fn unit(times: &[f64], raw: &Distances, stated: Stated, notes: &mut Vec<Note>) -> f64 {
    let step = raw.median;
    let fits = |unit: &TimeUnit| {
        let rate = stated.rate.map_or(0.0, SensorRate::hz);
        (0.75..1.34).contains(&(step * unit.seconds() * rate))
    };
    if let Some(unit) = stated.unit {
        let other = TimeUnit::ALL.iter().find(|unit| fits(unit));
        // A factor of a thousand is not a wrong rate.
        if let Some(other) = other.filter(|other| **other != unit) {
            notes.push(Note::TimeUnitContradicted {
                stated: unit.name().into(),
                used: other.name().into(),
            });
            return other.seconds();
        }
        return unit.seconds();
    }
    let first = times.first().map_or(0.0, |time| time.abs());
    let likely = |unit: &TimeUnit| {
        let is_timestamp = stated.is_timestamp && *unit == TimeUnit::Seconds;
        // Steps of 3 to 10 are milliseconds, if whole: 100 Hz is more usual than 0.1 Hz.
        let is_whole = times.iter().all(|time| time.fract() == 0.0);
        let is_slow = (is_timestamp && is_whole && step > 2.0)
            || (*unit == TimeUnit::Seconds && step >= 10.0);
        let hz = 1.0 / (step * unit.seconds());
        !is_slow && LIKELY_HZ.contains(&hz) && first * unit.seconds() <= LAST_EPOCH_S
    };
    let found = TimeUnit::ALL.iter().find(|unit| fits(unit));
    let is_counter = raw.range == (1.0, 1.0) && times.iter().all(|time| time.fract() == 0.0);
    if found.is_none()
        && is_counter
        && let Some(rate) = stated.rate
    {
        notes.push(Note::TimeUnitGuessed {
            unit: "rows".into(),
        });
        return 1.0 / rate.hz();
    }
    let found = found.or_else(|| TimeUnit::ALL.iter().find(|unit| likely(unit)));
    let unit = found.copied().unwrap_or(TimeUnit::Seconds);
    if unit != TimeUnit::Seconds {
        notes.push(Note::TimeUnitGuessed {
            unit: unit.name().into(),
        });
    }
    unit.seconds()
}

/// Rows and samples a second for a measured rate.
fn measured_rate(hz: f64, is_burst: bool) -> Result<(f64, SampleRate), String> {
    let whole = hz.round();
    if whole >= 1.0
        && whole <= f64::from(SampleRate::MAX_HZ)
        && let Ok(rate) = SampleRate::new(whole as u32)
    {
        return Ok((if is_burst { hz } else { whole }, rate));
    }
    match SensorRate::within(hz) {
        Some(rate) => Ok((rate.hz(), rate.grid())),
        None if hz < 1.0 => Err(format!(
            "its rows are {:.4} s apart; rates below {} Hz are not supported, or the unit of its times is wrong",
            1.0 / hz,
            SensorRate::MIN_HZ
        )),
        None => Err(format!(
            "its rows are {:.3} ns apart; the unit of its times is wrong",
            1e9 / hz
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn even(step: f64, from: f64) -> Vec<f64> {
        (0..64).map(|i| from + f64::from(i) * step).collect()
    }

    fn stated(hz: Option<f64>, unit: Option<TimeUnit>) -> Stated {
        Stated {
            rate: hz.map(|hz| SensorRate::new(hz).unwrap()),
            unit,
            is_timestamp: false,
        }
    }

    fn measured(times: &[f64]) -> Pace {
        Pace::of(times, stated(None, None)).unwrap()
    }

    #[test]
    fn the_unit_follows_from_magnitude_and_step() {
        for (from, step, unit, hz) in [
            (0.0, 0.02, "s", 50),
            (1_764_150_000.0, 0.02, "s", 50),
            (0.0, 20.0, "ms", 50),
            (1.764e12, 20.0, "ms", 50),
            (1.764e12, 1.0, "ms", 1_000),
            (0.0, 20_000.0, "us", 50),
            (4_291_967_296.0, 20_000.0, "us", 50),
            (1.764e15, 1_000.0, "us", 1_000),
            (1.764e18, 2e7, "ns", 50),
            (5e14, 2e7, "ns", 50),
            (0.0, 1.0, "s", 1),
        ] {
            let pace = measured(&even(step, from));
            let guessed = pace.notes.iter().find_map(|note| match note {
                Note::TimeUnitGuessed { unit } => Some(unit.as_ref()),
                _ => None,
            });
            assert_eq!(guessed.unwrap_or("s"), unit, "{from} {step}");
            assert_eq!(pace.grid.hz(), hz, "{from} {step}");
        }
        let timestamps = Stated {
            is_timestamp: true,
            ..Stated::default()
        };
        let pace = Pace::of(&even(5.0, 0.0), timestamps).unwrap();
        assert_eq!(pace.grid.hz(), 200);
        assert_eq!(measured(&even(5.0, 0.0)).row_hz, 0.2);
    }

    #[test]
    fn a_stated_rate_chooses_the_unit_or_is_contradicted() {
        let pace = Pace::of(&even(1.0, 7.0), stated(Some(50.0), None)).unwrap();
        assert_eq!((pace.scale, pace.grid.hz()), (Some(0.02), 50));
        let of = |unit| Pace::of(&even(20.0, 0.0), stated(Some(50.0), unit)).unwrap();
        assert_eq!(of(None).scale, Some(1e-3));
        let wrong = of(Some(TimeUnit::Seconds));
        assert_eq!(wrong.scale, Some(1e-3));
        assert!(matches!(
            wrong.notes[..],
            [Note::TimeUnitContradicted { .. }]
        ));
        let twice = Pace::of(&even(0.02, 0.0), stated(Some(100.0), None)).unwrap();
        assert_eq!((twice.row_hz, twice.grid.hz()), (50.0, 50));
        assert!(matches!(twice.notes[..], [Note::RateContradicted { .. }]));
    }

    #[test]
    fn bursts_are_found_and_disorder_is_refused() {
        let bursts: Vec<f64> = (0..96).map(|i| f64::from(i / 32) * 0.64).collect();
        let pace = measured(&bursts);
        assert_eq!((pace.grid.hz(), pace.burst), (50, Some(0.0)));
        let clumps: Vec<f64> = (0..64)
            .map(|i| f64::from(i / 4) * 0.08 + f64::from(i % 4) * 0.001)
            .collect();
        let pace = Pace::of(&clumps, stated(Some(50.0), None)).unwrap();
        assert_eq!((pace.grid.hz(), pace.burst), (50, Some(0.005)));
        let falling = even(-0.02, 9.0);
        assert!(Pace::of(&falling, stated(None, None)).is_err());
        let slow = Pace::of(&even(20.0, 0.0), stated(None, Some(TimeUnit::Seconds)));
        assert!(slow.unwrap_err().contains("20.0000 s apart"));
    }
}
