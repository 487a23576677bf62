//! Puts the times of rows in order: drops lone outliers, follows steps, spreads bursts.
//!
//! A row whose time does not follow the row before waits for the next one. If that row goes on from
//! there, time has stepped; otherwise the row is lost. So one wrong time costs one row, and a clock
//! that was reset costs none. No row waits for more than one other.

use std::collections::VecDeque;

use super::pace::Pace;
use super::rows::{PlacedRow, Row, Skipped};
use super::{Note, SkippedRow};

/// A row at most this number of periods after another one goes on from there.
const REACH_PERIODS: f64 = 10.0;
/// A row at most this number of periods after another one follows it, with a lost row between.
const NEXT_PERIODS: f64 = 3.5;
/// A step ahead of more than this number of seconds (30 days) is not a gap.
const LONGEST_GAP_S: f64 = 30.0 * 86_400.0;
/// A last row that is farther ahead than this number of seconds is lost.
const LONGEST_LAST_GAP_S: f64 = 3_600.0;
/// Rows in another, steady distance before the rate counts as changed, and how steady it is.
const CHANGE_ROWS: u32 = 8;
const CHANGE_TOLERANCE: f64 = 0.2;
/// The number of periods that pass in the stream when time steps.
const STEP_PERIODS: f64 = 2.0;

/// The order of times.
#[derive(Debug)]
pub(super) struct RowTimes {
    /// Seconds from row to row.
    period: f64,
    /// Seconds in the unit of the times.
    scale: f64,
    /// The time of the latest row that was placed.
    last: Option<f64>,
    /// Seconds by which times are ahead of the stream.
    ahead: f64,
    /// A row that waits for the next one, and its time.
    held: Option<(f64, Row)>,
    burst: Option<Burst>,
    /// The latest distance that is not a period, and how many rows in a row had it.
    other: (f64, u32),
    /// The first rate, and the latest one if it changed.
    hz: (f64, Option<f64>),
    steps: u64,
}

impl RowTimes {
    /// Of rows with times.
    pub(super) fn new(pace: &Pace, scale: f64) -> Self {
        let period = 1.0 / pace.row_hz;
        Self {
            period,
            scale,
            last: None,
            ahead: 0.0,
            held: None,
            burst: pace.burst.map(|near| Burst::new(period, near)),
            other: (0.0, 0),
            hz: (pace.row_hz, None),
            steps: 0,
        }
    }

    /// What is odd about the times so far.
    pub(super) fn notes(&self) -> impl Iterator<Item = Note> {
        let steps = (self.steps > 0).then_some(Note::TimeSteps { steps: self.steps });
        let spread = self.burst.as_ref().map_or(0, |burst| burst.spread);
        let spread = (spread > 0).then_some(Note::TimesSpread { rows: spread });
        let (from_hz, latest) = self.hz;
        let changed = latest.map(|to_hz| Note::RateChanged { from_hz, to_hz });
        steps.into_iter().chain(spread).chain(changed)
    }

    /// Takes the next row with a time, and appends the rows that are placed now.
    pub(super) fn push(&mut self, row: Row, out: &mut VecDeque<PlacedRow>, skipped: &mut Skipped) {
        let Some(time) = row.time.map(|time| time * self.scale) else {
            return;
        };
        if let Some((held_time, held)) = self.held.take() {
            match self.judge(held_time, time) {
                Judgement::Follows => self.place(held_time, false, held, out),
                Judgement::Stepped => self.place(held_time, true, held, out),
                Judgement::Odd => skipped.count(SkippedRow::OddTime, held.line),
            }
        }
        match self.last {
            Some(last) if self.follows(last, time) => self.place(time, false, row, out),
            _ => self.held = Some((time, row)),
        }
    }

    /// Places the row that waits, at the end.
    pub(super) fn finish(&mut self, out: &mut VecDeque<PlacedRow>, skipped: &mut Skipped) {
        let Some((time, row)) = self.held.take() else {
            return;
        };
        let since = self.last.map_or(0.0, |last| time - last);
        match self.last {
            Some(_) if !(since > 0.0 && since <= LONGEST_LAST_GAP_S) => {
                skipped.count(SkippedRow::OddTime, row.line);
            }
            _ => self.place(time, false, row, out),
        }
    }

    /// Whether a row at `time` certainly follows one at `last`.
    fn follows(&self, last: f64, time: f64) -> bool {
        let since = time - last;
        match &self.burst {
            Some(burst) => since >= 0.0 && since <= burst.longest(),
            None => since > 0.0 && since <= 1.5 * self.period,
        }
    }

    /// What the row after one at `time` says about it.
    fn judge(&self, time: f64, next: f64) -> Judgement {
        let until = next - time;
        let Some(last) = self.last else {
            return match (0.0..=LONGEST_GAP_S).contains(&until) {
                true => Judgement::Follows,
                false => Judgement::Odd,
            };
        };
        let burst = self.burst.as_ref().map_or(0.0, Burst::longest);
        let reach = burst.max(REACH_PERIODS * self.period);
        let since = time - last;
        // Rows of a burst share a time.
        let least = if self.burst.is_some() { -1.0 } else { 0.0 };
        let goes_on = until > least && until >= 0.0 && until <= reach;
        if since > LONGEST_GAP_S {
            return match goes_on {
                true => Judgement::Stepped,
                false => Judgement::Odd,
            };
        }
        if since > 0.0 {
            return match until >= 0.0 {
                true => Judgement::Follows,
                false => Judgement::Odd,
            };
        }
        let after_last = next - last;
        let is_next = after_last > 0.0 && after_last <= burst.max(NEXT_PERIODS * self.period);
        match goes_on && !is_next {
            true => Judgement::Stepped,
            false => Judgement::Odd,
        }
    }

    /// The new rate, if rows have come in another distance for a while: a sensor that saves power.
    fn changed(&mut self, since: f64) -> Option<f64> {
        let periods = since / self.period;
        let is_usual = (0.6..1.5).contains(&periods) || periods > 10.0 || periods <= 0.0;
        if is_usual || self.burst.is_some() {
            self.other.1 = 0;
            return None;
        }
        let (distance, rows) = self.other;
        let is_same = (since / distance - 1.0).abs() < CHANGE_TOLERANCE;
        self.other = (since, if is_same { rows + 1 } else { 1 });
        if self.other.1 < CHANGE_ROWS {
            return None;
        }
        self.other.1 = 0;
        self.period = since;
        self.hz.1 = Some(1.0 / since);
        self.hz.1
    }

    fn place(&mut self, time: f64, is_step: bool, row: Row, out: &mut VecDeque<PlacedRow>) {
        if is_step {
            self.steps += 1;
            let last = self.last.unwrap_or(time) - self.ahead;
            self.ahead = time - (last + STEP_PERIODS * self.period);
        }
        let since = self.last.map_or(0.0, |last| time - last);
        self.last = Some(time);
        let mut placed = PlacedRow {
            time: Some(time - self.ahead),
            values: row.values,
            is_step,
            row_hz: self.changed(since),
        };
        if let Some(burst) = &mut self.burst {
            placed.time = Some(burst.place(time - self.ahead, is_step));
        }
        out.push_back(placed);
    }
}

enum Judgement {
    Follows,
    Stepped,
    Odd,
}

/// Rows of a FIFO that is read at once share a time. They are spread at the rate of the rows; the
/// rate is corrected by up to a fifth, so that they keep to the times of the bursts.
#[derive(Debug)]
struct Burst {
    period: f64,
    /// The largest distance of rows in a burst.
    near: f64,
    /// The time of the current burst, its rows so far, and the rows of the one before.
    time: f64,
    rows: u32,
    rows_before: u32,
    /// The place of the latest row.
    place: Option<f64>,
    /// Seconds from row to row in the current burst.
    step: f64,
    /// Seconds by which places of the last rows of bursts are ahead of the bursts' times.
    ahead: Option<f64>,
    spread: u64,
}

impl Burst {
    fn new(period: f64, near: f64) -> Self {
        Self {
            period,
            near,
            time: 0.0,
            rows: 0,
            rows_before: 0,
            place: None,
            step: period,
            ahead: None,
            spread: 0,
        }
    }

    /// The largest time to a burst that certainly follows.
    fn longest(&self) -> f64 {
        self.spans(2.5)
    }

    /// The time of so many bursts.
    fn spans(&self, bursts: f64) -> f64 {
        let rows = self.rows.max(self.rows_before).max(1);
        bursts * f64::from(rows) * self.period + self.near
    }

    fn place(&mut self, time: f64, is_step: bool) -> f64 {
        let Some(before) = self.place else {
            (self.time, self.rows, self.place) = (time, 1, Some(time));
            return time;
        };
        if !is_step && time - self.time <= self.near {
            self.rows += 1;
            self.spread += if self.rows == 2 { 2 } else { 1 };
            let place = before + self.step;
            self.place = Some(place);
            if self.near > 0.0 {
                self.time = time;
            }
            return place;
        }
        let since = time - self.time;
        // Twice the usual time: a burst is lost.
        let is_gap = is_step || since > self.spans(1.8);
        let ahead = *self.ahead.get_or_insert(before - self.time);
        self.rows_before = self.rows;
        let place = if is_gap {
            self.step = self.period;
            let rows = f64::from(self.rows_before.max(1) - 1);
            let place = time + ahead - rows * self.period;
            place.max(before + STEP_PERIODS * self.period)
        } else {
            let late = self.time + ahead - before;
            let correction = (late / (2.0 * since)).clamp(-0.2, 0.2);
            self.step = self.period * (1.0 + correction);
            before + self.step
        };
        (self.time, self.rows, self.place) = (time, 1, Some(place));
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::SensorRate;

    fn placed(times: &[f64], burst: Option<f64>) -> (Vec<f64>, u64, u64) {
        let pace = Pace {
            scale: Some(1.0),
            burst,
            ..Pace::even(SensorRate::new(50.0).unwrap())
        };
        let mut order = RowTimes::new(&pace, 1.0);
        let (mut out, mut skipped) = (VecDeque::new(), Skipped::default());
        for (line, &time) in times.iter().enumerate() {
            let row = Row {
                line: line as u64 + 1,
                time: Some(time),
                ..Row::default()
            };
            order.push(row, &mut out, &mut skipped);
            assert!(
                out.len() + 1 + skipped.rows() as usize > line,
                "one row waits"
            );
        }
        order.finish(&mut out, &mut skipped);
        let places: Vec<f64> = out.iter().filter_map(|row| row.time).collect();
        assert!(
            places.windows(2).all(|pair| pair[0] < pair[1]),
            "{places:?}"
        );
        (places, order.steps, skipped.rows())
    }

    fn even(from: f64, rows: u32) -> Vec<f64> {
        (0..rows).map(|i| from + f64::from(i) / 50.0).collect()
    }

    #[test]
    fn one_odd_time_costs_one_row() {
        for odd in [4e9, 0.3, -5.0, 0.0, 1e6] {
            for at in [0, 1, 20, 39] {
                let mut times = even(1.0, 40);
                times[at] = odd;
                let (places, steps, skipped) = placed(&times, None);
                // Nothing tells which of the first two times is wrong.
                if at == 1 && odd == 4e9 {
                    assert_eq!((places.len(), skipped), (38, 2));
                    continue;
                }
                let follows = at == 0 && (-5.0..1.0).contains(&odd);
                let expected = if follows { (40, 0) } else { (39, 1) };
                assert_eq!((places.len(), skipped), expected, "{odd} at {at}");
                assert_eq!(steps, 0, "{odd} at {at}");
            }
        }
    }

    #[test]
    fn a_step_begins_anew_two_periods_later() {
        for to in [0.0, -3600.0, 99.5, 3e9] {
            let times = [even(100.0, 40), even(to, 40)].concat();
            let (places, steps, skipped) = placed(&times, None);
            assert_eq!((places.len(), steps, skipped), (80, 1, 0), "{to}");
            assert!((places[40] - places[39] - 0.04).abs() < 1e-6, "{to}");
        }
        // A gap is no step.
        let times = [even(100.0, 40), even(4_000.0, 40)].concat();
        assert_eq!(placed(&times, None).0, times);
    }

    #[test]
    fn a_rate_that_changes_is_followed() {
        let pace = Pace::even(SensorRate::new(50.0).unwrap());
        let mut order = RowTimes::new(&pace, 1.0);
        let (mut out, mut skipped) = (VecDeque::new(), Skipped::default());
        for i in 0..120 {
            let i = f64::from(i);
            let row = Row {
                time: Some(if i < 40.0 {
                    i / 50.0
                } else {
                    0.8 + (i - 40.0) / 12.5
                }),
                ..Row::default()
            };
            order.push(row, &mut out, &mut skipped);
        }
        let changes: Vec<f64> = out.iter().filter_map(|row| row.row_hz).collect();
        assert_eq!(changes.len(), 1);
        assert!((changes[0] - 12.5).abs() < 1e-6);
        assert_eq!((out.len(), order.notes().count()), (120, 1));
    }

    #[test]
    fn bursts_are_spread_over_the_time_since_the_burst_before() {
        let mut times = Vec::new();
        // The FIFO runs at 50.5 Hz, is read at 0.6 s and more, and one burst is lost.
        for burst in 0..20 {
            let rows = [30, 31, 30, 32][burst % 4];
            if burst != 10 {
                times.extend([burst as f64 * 0.61].repeat(rows));
            }
        }
        let (places, steps, skipped) = placed(&times, Some(0.0));
        assert_eq!((places.len(), steps, skipped), (times.len(), 0, 0));
        let gaps = places.windows(2).filter(|pair| pair[1] - pair[0] > 0.03);
        assert_eq!(gaps.count(), 1);
        let (first, last) = (places[0], places[places.len() - 1]);
        assert!((last - first - 20.0 * 0.61).abs() < 0.1, "{}", last - first);
    }
}
