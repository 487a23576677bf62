//! Time stamps as sensor data hold them: numbers in some unit, dates with a time of day, and times
//! of day.
//!
//! What a column is called, and which unit it states, is decided here. The unit of numbers that
//! state none follows from their distances ([`super::pace`]).

use crate::signal::Timestamp;

/// A unit of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum TimeUnit {
    Seconds,
    Millis,
    Micros,
    Nanos,
}

impl TimeUnit {
    pub(super) const ALL: [Self; 4] = [Self::Seconds, Self::Millis, Self::Micros, Self::Nanos];

    /// The number of seconds in it.
    pub(super) fn seconds(self) -> f64 {
        match self {
            Self::Seconds => 1.0,
            Self::Millis => 1e-3,
            Self::Micros => 1e-6,
            Self::Nanos => 1e-9,
        }
    }

    /// Its symbol.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Seconds => "s",
            Self::Millis => "ms",
            Self::Micros => "us",
            Self::Nanos => "ns",
        }
    }

    /// The unit written as `text`, in any of its spellings.
    pub(super) fn parse(text: &str) -> Option<Self> {
        Some(match text.trim().to_lowercase().trim_end_matches('.') {
            "s" | "sec" | "secs" | "second" | "seconds" => Self::Seconds,
            "ms" | "msec" | "msecs" | "milli" | "millis" | "millisecond" | "milliseconds" => {
                Self::Millis
            }
            "us" | "µs" | "μs" | "usec" | "usecs" | "micro" | "micros" | "microsecond"
            | "microseconds" => Self::Micros,
            "ns" | "nsec" | "nsecs" | "nano" | "nanos" | "nanosecond" | "nanoseconds" => {
                Self::Nanos
            }
            _ => return None,
        })
    }
}

/// How clearly a column's name says that it holds times: a lower rank is taken first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TimeName {
    pub(super) rank: u8,
    /// The unit in the name itself, as in `time_ms`.
    pub(super) unit: Option<TimeUnit>,
}

impl TimeName {
    /// The meaning of a column called `name`; `None` if it holds no times.
    pub(super) fn of(name: &str) -> Option<Self> {
        let name = name.trim().to_lowercase().replace([' ', '-', '.'], "_");
        let named = |rank, unit| Some(Self { rank, unit });
        match name.as_str() {
            "time" | "t" | "timestamp" => return named(0, None),
            "seconds" => return named(0, Some(TimeUnit::Seconds)),
            "seconds_elapsed" | "elapsed_seconds" => return named(1, Some(TimeUnit::Seconds)),
            "millis" | "milliseconds" => return named(1, Some(TimeUnit::Millis)),
            "micros" | "microseconds" => return named(1, Some(TimeUnit::Micros)),
            "nanos" | "nanoseconds" => return named(1, Some(TimeUnit::Nanos)),
            "time_stamp" | "datetime" | "date_time" | "ts" | "elapsed" | "elapsed_time"
            | "unix_time" | "unixtime" | "epoch" | "epoch_time" | "time_utc" | "utc_time"
            | "sensor_time" | "sensor_timestamp" => return named(2, None),
            _ => {}
        }
        let (base, unit) = name.rsplit_once('_')?;
        let unit = TimeUnit::parse(unit)?;
        let base = Self::of(base)?;
        // `seconds_ms` says two units.
        named(1, Some(unit)).filter(|_| base.unit.is_none())
    }
}

/// Reads the times of one column.
#[derive(Debug, Default)]
pub(super) struct StampReader {
    /// The first date or time of day, in nanoseconds. Later ones are relative to it.
    first: Option<i128>,
    /// Whether a number was read: then texts are not times.
    has_number: bool,
}

impl StampReader {
    /// Whether times are dates or times of day, which are returned in seconds.
    pub(super) fn is_date(&self) -> bool {
        self.first.is_some()
    }

    /// The time in `text`, whose value as a number is `number`.
    pub(super) fn read(&mut self, text: &str, number: Option<f64>) -> Option<f64> {
        if self.first.is_none()
            && let Some(number) = number.filter(|number| number.is_finite())
        {
            self.has_number = true;
            return Some(number);
        }
        if self.has_number {
            return None;
        }
        let at = nanos(text)?;
        let first = *self.first.get_or_insert(at);
        Some((at - first) as f64 / 1e9)
    }
}

/// Nanoseconds of a date with a time of day (ISO 8601, RFC 3339) since 1970, or of a time of day
/// since midnight. A time without an offset from UTC counts as UTC: only differences matter.
fn nanos(text: &str) -> Option<i128> {
    let text = text.trim();
    let bytes = text.as_bytes();
    let is_mark = |at: usize, marks: &[u8]| bytes.get(at).is_some_and(|byte| marks.contains(byte));
    let (days, rest) = if is_mark(4, b"-/") && bytes.get(4) == bytes.get(7) {
        let [year, month, day] = [text.get(..4)?, text.get(5..7)?, text.get(8..10)?];
        let rest = text.get(10..)?.trim_start();
        let rest = rest.strip_prefix(['T', 't', '_']).unwrap_or(rest);
        (days([whole(year)?, whole(month)?, whole(day)?])?, rest)
    } else {
        (0, text)
    };
    let (clock, offset) = match rest.find(['Z', 'z', '+', '-']) {
        Some(at) => (rest.get(..at)?, offset_seconds(rest.get(at..)?)?),
        None => (rest, 0),
    };
    let mut parts = clock.trim_end().splitn(3, ':');
    let (hour, minute) = (whole(parts.next()?)?, whole(parts.next()?)?);
    let (second, fraction) = match parts.next() {
        Some(seconds) => match seconds.split_once(['.', ',']) {
            Some((second, fraction)) => (whole(second)?, fraction),
            None => (whole(seconds)?, ""),
        },
        None => (0, ""),
    };
    if hour > 24 || minute > 59 || second > 60 {
        return None;
    }
    let mut nanos = 0;
    for digit in fraction.chars().chain(std::iter::repeat('0')).take(9) {
        nanos = nanos * 10 + i128::from(digit.to_digit(10)?);
    }
    if !fraction.chars().all(|c| c.is_ascii_digit()) {
        return None;
    }
    let seconds = days * 86_400 + hour * 3_600 + minute * 60 + second - offset;
    Some(i128::from(seconds) * 1_000_000_000 + nanos)
}

fn offset_seconds(text: &str) -> Option<i64> {
    let sign = match text.trim_end() {
        "Z" | "z" => return Some(0),
        text if text.starts_with('-') => -1,
        _ => 1,
    };
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let is_offset = text
        .get(1..)?
        .chars()
        .all(|c| c.is_ascii_digit() || c == ':');
    let (hours, minutes) = match digits.len() {
        2 => (whole(&digits)?, 0),
        4 => (whole(digits.get(..2)?)?, whole(digits.get(2..)?)?),
        _ => return None,
    };
    (is_offset && hours <= 18 && minutes < 60).then_some(sign * (hours * 3_600 + minutes * 60))
}

/// A number of one to four digits.
fn whole(text: &str) -> Option<i64> {
    let is_digits = (1..=4).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    if is_digits { text.parse().ok() } else { None }
}

/// Days from 1970-01-01 to this year, month and day; `None` if there is no such day.
fn days(date: [i64; 3]) -> Option<i64> {
    const DAY_MS: i64 = 86_400_000;
    let date = date.map(|number| i16::try_from(number).unwrap_or(-1));
    let midnight = Timestamp::of(date, [0; 3], Some(0))?;
    Some(midnight.unix_ms().div_euclid(DAY_MS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_in_all_usual_forms() {
        let at = 1_774_742_397_020_000_000;
        for text in [
            "2026-03-28T23:59:57.020Z",
            "2026-03-28 23:59:57,02",
            "2026/03/28 23:59:57.020000",
            "2026-03-29T01:59:57.02+02:00",
            "2026-03-29 01:59:57.020 +0200",
            "2026-03-28T18:59:57.020000001-05",
        ] {
            let read = nanos(text).unwrap();
            assert!((0..=1).contains(&(read - at)), "{text}: {read}");
        }
        assert_eq!(nanos("00:01:00.5"), Some(60_500_000_000));
        assert_eq!(nanos("2000-03-01T00:00"), Some(951_868_800_000_000_000));
        for text in [
            "",
            "2026",
            "2026-13-01T00:00:00",
            "now",
            "1:2:3:4",
            "-1:00",
            "2026-03-29",
            "2026-02-30T00:00:00",
            "1:2:3.x",
        ] {
            assert_eq!(nanos(text), None, "{text}");
        }
    }

    #[test]
    fn names_of_time_columns_state_units() {
        let unit = |name: &str| TimeName::of(name).map(|name| name.unit);
        assert_eq!(unit("Time"), Some(None));
        assert_eq!(unit("time_ms"), Some(Some(TimeUnit::Millis)));
        assert_eq!(unit("timestamp_us"), Some(Some(TimeUnit::Micros)));
        assert_eq!(unit("seconds_elapsed"), Some(Some(TimeUnit::Seconds)));
        for name in ["ax", "runtime", "seconds_ms", "ax_s", ""] {
            assert_eq!(unit(name), None, "{name}");
        }
    }

    #[test]
    fn dates_are_relative_to_the_first_one() {
        let mut stamps = StampReader::default();
        assert_eq!(stamps.read("2026-03-29T00:00:00Z", None), Some(0.0));
        assert_eq!(stamps.read("2026-03-29T00:00:00.02Z", None), Some(0.02));
        assert_eq!(stamps.read("x", None), None);
        let mut numbers = StampReader::default();
        assert_eq!(numbers.read("5", Some(5.0)), Some(5.0));
        assert_eq!(numbers.read("2026-03-29T00:00:00Z", None), None);
    }
}
