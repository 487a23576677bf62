//! Groups that file names tell.

use std::path::Path;
use std::str::FromStr;

use regex::Regex;

use super::error::EvaluateError;

/// A pattern whose first capture in a clip's file name is its speaker, subject,
/// site or recording.
///
/// ```
/// use afield_lab::evaluate::GroupPattern;
/// let pattern: GroupPattern = r"^(\d+)-".parse()?;
/// assert_eq!(pattern.group_of("rain/3-17.ogg".as_ref())?, "3");
/// assert!(pattern.group_of("3-rain/x.ogg".as_ref()).is_err());
/// # Ok::<(), afield_lab::evaluate::EvaluateError>(())
/// ```
#[derive(Debug, Clone)]
pub struct GroupPattern(Regex);

impl GroupPattern {
    /// The group of the clip at `path`.
    ///
    /// # Errors
    /// [`EvaluateError::GroupPattern`] where its file name does not match.
    pub fn group_of(&self, path: &Path) -> Result<String, EvaluateError> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let group = (self.0.captures(&name)).and_then(|found| Some(found.get(1)?.as_str().into()));
        group.ok_or_else(|| {
            let reason = format!(
                "does not match the file name '{name}'\nhint: every clip needs a group, or none"
            );
            fault(self.0.as_str(), reason)
        })
    }
}

impl FromStr for GroupPattern {
    type Err = EvaluateError;
    /// # Errors
    /// [`EvaluateError::GroupPattern`] for an invalid pattern and for one without
    /// a capture.
    fn from_str(pattern: &str) -> Result<Self, EvaluateError> {
        let regex = Regex::new(pattern).map_err(|invalid| fault(pattern, invalid.to_string()))?;
        if regex.captures_len() < 2 {
            let hint = r"put the group in parentheses, as in '^(\d+)-'";
            return Err(fault(pattern, format!("has no capture\nhint: {hint}")));
        }
        Ok(Self(regex))
    }
}

fn fault(pattern: &str, reason: String) -> EvaluateError {
    EvaluateError::GroupPattern {
        pattern: pattern.to_owned(),
        reason,
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
        let error = group("data/anna_x/0.wav").unwrap_err().to_string();
        assert!(
            error.contains("0.wav") && error.contains("hint: "),
            "{error}"
        );
    }

    #[test]
    fn a_pattern_without_a_capture_is_refused() {
        let refused = |pattern: &str| pattern.parse::<GroupPattern>().unwrap_err().to_string();
        assert!(refused("anna|ben").contains("hint: "));
        assert!(refused("(").contains("--group-pattern '('"));
    }
}
