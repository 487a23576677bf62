//! Groups from file names.

use std::path::Path;
use std::str::FromStr;

use regex::Regex;

use super::error::{DataError, PatternFault};

/// A pattern that finds the group of a clip in its file name. The first capture is the speaker,
/// subject, site or recording.
///
/// ```
/// use afield_lab::data::GroupPattern;
/// let pattern: GroupPattern = r"^(\d+)-".parse()?;
/// assert_eq!(pattern.group_of("rain/3-17.ogg".as_ref())?, "3");
/// assert!(pattern.group_of("3-rain/x.ogg".as_ref()).is_err());
/// # Ok::<(), afield_lab::data::DataError>(())
/// ```
#[derive(Debug, Clone)]
pub struct GroupPattern(Regex);

impl GroupPattern {
    /// The group of the clip at `path`.
    ///
    /// # Errors
    /// [`DataError::GroupPattern`] if its file name does not match.
    pub fn group_of(&self, path: &Path) -> Result<String, DataError> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let group = (self.0.captures(&name)).and_then(|found| Some(found.get(1)?.as_str().into()));
        group.ok_or_else(|| fault(self.0.as_str(), PatternFault::NoMatch(name.into_owned())))
    }
}

impl FromStr for GroupPattern {
    type Err = DataError;
    /// # Errors
    /// [`DataError::GroupPattern`] for an invalid pattern and for one without
    /// a capture.
    fn from_str(pattern: &str) -> Result<Self, DataError> {
        let regex = Regex::new(pattern)
            .map_err(|invalid| fault(pattern, PatternFault::Invalid(invalid.to_string())))?;
        if regex.captures_len() < 2 {
            return Err(fault(pattern, PatternFault::NoCapture));
        }
        Ok(Self(regex))
    }
}

fn fault(pattern: &str, fault: PatternFault) -> DataError {
    DataError::GroupPattern {
        pattern: pattern.to_owned(),
        fault,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_group_is_captured_from_the_file_name_not_the_folder() {
        let pattern: GroupPattern = "^([a-z]+)_".parse().unwrap();
        let group = |path: &str| pattern.group_of(path.as_ref());
        assert_eq!(group("data/1-a/anna_0.wav").unwrap(), "anna");
        let error = group("data/anna_x/0.wav").unwrap_err();
        let text = error.to_string();
        assert_eq!(
            text,
            "group pattern '^([a-z]+)_' does not match the file name '0.wav'"
        );
    }

    #[test]
    fn a_pattern_without_a_capture_is_rejected() {
        let fault = |pattern: &str| match pattern.parse::<GroupPattern>() {
            Err(DataError::GroupPattern { fault, .. }) => fault,
            other => panic!("{other:?}"),
        };
        assert_eq!(fault("anna|ben"), PatternFault::NoCapture);
        assert!(matches!(fault("("), PatternFault::Invalid(_)));
    }
}
