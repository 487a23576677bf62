//! Transforms by name.

use std::fmt;
use std::str::FromStr;

use super::LearnError;
use crate::signal::Transform;

impl FromStr for Transform {
    type Err = LearnError;
    fn from_str(name: &str) -> Result<Self, LearnError> {
        Self::of_name(name).ok_or_else(|| LearnError::UnknownName {
            what: "transform",
            name: name.to_owned(),
            known: Self::ALL.map(Self::name).join(", "),
        })
    }
}

impl fmt::Display for Transform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for transform in Transform::ALL {
            assert_eq!(transform.to_string().parse(), Ok(transform));
            assert_eq!(
                serde_json::to_string(&transform).unwrap(),
                format!("\"{transform}\"")
            );
        }
        assert!("sqrt".parse::<Transform>().is_err());
    }
}
