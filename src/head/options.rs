//! Parses a head as text: `NAME[:OPTION[+OPTION…]]`.
//!
//! This module splits and checks; `kind` gives options their meaning.

use std::ops::RangeInclusive;

use super::HeadError;

/// The options after a head's name. Each option belongs to a group of alternatives, such as `sgd`
/// and `adam`. At most one option of each group may be given.
#[derive(Debug)]
pub(super) struct Options<'a> {
    head: &'a str,
    listed: Option<&'a str>,
}

impl<'a> Options<'a> {
    /// Splits `text` into the name and its options.
    pub(super) fn split(text: &'a str) -> (&'a str, Self) {
        let (head, listed) = match text.split_once(':') {
            Some((head, listed)) => (head, Some(listed)),
            None => (text, None),
        };
        (head, Self { head, listed })
    }

    /// Checks that there are no options, for a head that takes none.
    ///
    /// # Errors
    /// [`HeadError::HeadOption`] if there are any.
    pub(super) fn none(&self) -> Result<(), HeadError> {
        self.choose([]).map(|[]| ())
    }

    /// The position of the named alternative in each group, if one was named.
    ///
    /// # Errors
    /// [`HeadError::HeadOption`] for an unknown option, and for two options of one group.
    pub(super) fn choose<const N: usize>(
        &self,
        groups: [&[&str]; N],
    ) -> Result<[Option<usize>; N], HeadError> {
        let mut chosen = [None; N];
        let Some(listed) = self.listed else {
            return Ok(chosen);
        };
        let valid = || match groups.iter().all(|group| group.is_empty()) {
            true => format!("none: `{}` has no options", self.head),
            false => {
                let groups = groups.map(|group| group.join(" or "));
                format!("options, joined by `+`: {}", groups.join("; "))
            }
        };
        for option in listed.split('+') {
            let found = groups.iter().zip(&mut chosen).find_map(|(group, slot)| {
                let at = group.iter().position(|valid| *valid == option)?;
                Some((slot, at))
            });
            match found {
                Some((slot @ None, at)) => *slot = Some(at),
                Some(_) => {
                    return Err(self.fault(option, "one choice too many:", valid()));
                }
                None => return Err(self.fault(option, "no such option:", valid())),
            }
        }
        Ok(chosen)
    }

    /// Reads the option of a head whose only option is a whole number within `range`.
    ///
    /// # Errors
    /// [`HeadError::HeadOption`] for anything else.
    pub(super) fn number(&self, range: RangeInclusive<u32>) -> Result<Option<u32>, HeadError> {
        let Some(listed) = self.listed else {
            return Ok(None);
        };
        // `parse` alone would accept a sign and leading zeros, so one head would have several
        // texts.
        let plain = |n: &u32| range.contains(n) && n.to_string() == listed;
        match listed.parse().ok().filter(plain) {
            Some(n) => Ok(Some(n)),
            None => {
                let (low, high) = (range.start(), range.end());
                let valid = format!("a whole number from {low} to {high}");
                Err(self.fault(listed, "no such option:", valid))
            }
        }
    }

    fn fault(&self, option: &str, fault: &'static str, valid: String) -> HeadError {
        HeadError::HeadOption {
            head: self.head.to_owned(),
            option: option.to_owned(),
            fault,
            valid,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROUPS: [&[&str]; 2] = [&["sgd", "adam"], &["replay", "er-ace"]];

    fn chosen(text: &str) -> Result<[Option<usize>; 2], String> {
        let (name, options) = Options::split(text);
        assert_eq!(name, "net");
        options.choose(GROUPS).map_err(|error| error.to_string())
    }

    #[test]
    fn options_are_chosen_by_group_in_any_order() {
        assert_eq!(chosen("net"), Ok([None, None]));
        assert_eq!(chosen("net:adam"), Ok([Some(1), None]));
        assert_eq!(chosen("net:er-ace+sgd"), Ok([Some(0), Some(1)]));
    }

    #[test]
    fn unknown_and_repeated_options_are_refused_and_valid_ones_are_listed() {
        let expected = "; expected options, joined by `+`: sgd or adam; replay or er-ace";
        for (text, message) in [
            ("net:lion", "head `net`: no such option: \"lion\""),
            ("net:", "head `net`: no such option: \"\""),
            ("net:adam+", "head `net`: no such option: \"\""),
            ("net:sgd+adam", "head `net`: one choice too many: \"adam\""),
            ("net:adam+adam", "head `net`: one choice too many: \"adam\""),
        ] {
            assert_eq!(chosen(text), Err(format!("{message}{expected}")));
        }
        let error = Options::split("ncm:x").1.none().unwrap_err().to_string();
        assert!(
            error.ends_with("; expected none: `ncm` has no options"),
            "{error}"
        );
    }

    #[test]
    fn a_number_has_one_text() {
        let number = |text| Options::split(text).1.number(1..=500);
        assert_eq!(number("knn"), Ok(None));
        assert_eq!(number("knn:500"), Ok(Some(500)));
        for text in ["knn:", "knn:0", "knn:501", "knn:05", "knn:+5", "knn:5+5"] {
            assert!(number(text).is_err(), "{text}");
        }
    }
}
