//! A number of false alarms in a time, such as 2/day.

use std::fmt;
use std::str::FromStr;

/// False alarms in a day.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AlarmRate(pub f64);

impl FromStr for AlarmRate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wanted = || {
            let form = "a number in a day or an hour, such as 2/day or 0.5/hour";
            format!("expected {form}, found '{text}'")
        };
        let (number, time) = text.split_once('/').ok_or_else(wanted)?;
        let number: f64 = number.trim().parse().map_err(|_| wanted())?;
        let in_day = match time.trim() {
            "day" | "d" => 1.0,
            "hour" | "h" => 24.0,
            _ => return Err(wanted()),
        };
        if !(0.0..=1e6).contains(&number) {
            return Err(format!("expected 0 to 1000000, found {number}"));
        }
        Ok(Self(number * in_day))
    }
}

impl fmt::Display for AlarmRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/day", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_in_days_or_hours() {
        let per_day = |text: &str| text.parse::<AlarmRate>().map(|rate| rate.0);
        assert_eq!(per_day("2/day"), Ok(2.0));
        assert_eq!(per_day("0.5/hour"), Ok(12.0));
        assert_eq!(per_day(" 3 / h"), Ok(72.0));
        for wrong in ["2", "-1/day", "x/day", "2/week", "nan/day", "inf/h", "/"] {
            assert!(per_day(wrong).is_err(), "{wrong}");
        }
    }
}
