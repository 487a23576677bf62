//! Wall-clock time.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::{Serialize, Serializer};

use super::SignalError;

/// A moment in wall-clock time, to the millisecond, from year 1 to 9999.
///
/// It is written as RFC 3339 in UTC, such as `2026-06-01T20:10:00.250Z`. A text without an offset
/// from UTC is read in the machine's time zone.
///
/// ```
/// use afield::signal::Timestamp;
/// let at: Timestamp = "2026-06-01T22:10:00+02:00".parse()?;
/// assert_eq!(at.to_string(), "2026-06-01T20:10:00.000Z");
/// assert_eq!(at.unix_ms(), 1_780_344_600_000);
/// # Ok::<(), afield::signal::SignalError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(jiff::Timestamp);

impl Timestamp {
    /// The moment so many milliseconds after 1970-01-01T00:00:00Z; `None` outside the range.
    pub fn from_unix_ms(ms: i64) -> Option<Self> {
        jiff::Timestamp::from_millisecond(ms).ok().map(Self)
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub fn unix_ms(self) -> i64 {
        self.0.as_millisecond()
    }

    /// The moment `span` later; `None` outside the range.
    pub fn after(self, span: Duration) -> Option<Self> {
        let ms = i64::try_from(span.as_millis()).ok()?;
        Self::from_unix_ms(self.unix_ms().checked_add(ms)?)
    }

    /// The moment of a date and time of day that lie `offset_minutes` ahead of UTC, or in the
    /// machine's time zone if the offset is not known. `None` if there is no such day or time.
    ///
    /// `date` is year, month and day; `time` is hours, minutes and seconds.
    pub(crate) fn of(date: [i16; 3], time: [i16; 3], offset_minutes: Option<i32>) -> Option<Self> {
        let small = |number: i16| i8::try_from(number).ok();
        let [year, month, day] = date;
        let [hour, minute, second] = time;
        let civil = DateTime::new(
            year,
            small(month)?,
            small(day)?,
            small(hour)?,
            small(minute)?,
            small(second)?,
            0,
        );
        let zone = match offset_minutes {
            Some(minutes) => TimeZone::fixed(jiff::tz::Offset::from_seconds(minutes * 60).ok()?),
            None => TimeZone::system(),
        };
        let zoned = civil.ok()?.to_zoned_datetime(zone).ok()?;
        Some(Self(zoned.timestamp()))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.0)
    }
}

impl FromStr for Timestamp {
    type Err = SignalError;

    fn from_str(text: &str) -> Result<Self, SignalError> {
        let with_offset = text.parse::<jiff::Timestamp>();
        let parsed = with_offset.or_else(|_| {
            let civil: DateTime = text.parse()?;
            let zoned = civil.to_zoned_datetime(TimeZone::system())?;
            Ok::<_, jiff::Error>(zoned.timestamp())
        });
        match parsed {
            Ok(at) => Ok(Self(at)),
            Err(_) => Err(SignalError::Timestamp {
                text: text.to_owned(),
            }),
        }
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_and_without_an_offset() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        assert_eq!(at("2026-06-01T22:10:00+02:00"), at("2026-06-01 20:10:00Z"));
        let local = Timestamp::of([2026, 6, 1], [22, 10, 0], None).unwrap();
        assert_eq!(at("2026-06-01T22:10:00"), local);
        for wrong in ["", "now", "2026-13-01T00:00:00Z", "22:10", "1e9"] {
            assert!(wrong.parse::<Timestamp>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn dates_that_do_not_exist_have_no_timestamp() {
        let utc = Some(0);
        assert!(Timestamp::of([2026, 2, 29], [0, 0, 0], utc).is_none());
        assert!(Timestamp::of([2026, 2, 28], [24, 0, 0], utc).is_none());
        assert!(Timestamp::of([2026, 300, 1], [0, 0, 0], utc).is_none());
        let leap = Timestamp::of([2028, 2, 29], [0, 0, 0], utc).unwrap();
        assert_eq!(leap.to_string(), "2028-02-29T00:00:00.000Z");
        assert_eq!(Timestamp::from_unix_ms(i64::MAX), None);
        assert_eq!(leap.after(Duration::MAX), None);
    }
}
