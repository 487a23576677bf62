//! The heads that a user can request: by name, or `best`.

use std::fmt;
use std::str::FromStr;

use afield::head::{HeadError, HeadKind};

/// A head that a user requests.
///
/// ```
/// use afield_lab::evaluate::HeadChoice;
/// use afield::head::HeadKind;
/// assert_eq!("lda".parse(), Ok(HeadChoice::Named(HeadKind::LDA)));
/// assert_eq!("best".parse(), Ok(HeadChoice::Best));
/// assert!("svm".parse::<HeadChoice>().is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeadChoice {
    /// The given head.
    Named(HeadKind),
    /// The first of [`HeadChoice::tried`] with the first transform, unless cross-validation on the
    /// training side puts another head and transform clearly ahead: by more than two standard
    /// errors from fold to fold.
    Best,
}

/// The heads with other options than the defaults that are tried.
const OPTIONS: [&str; 3] = ["ncm:cosine", "lda:ledoit-wolf", "lda:empirical"];

impl HeadChoice {
    /// The heads from which [`HeadChoice::Best`] chooses: the exact heads, with the options that
    /// matter for accuracy.
    ///
    /// `ridge` comes first: it did best when speakers and recordings were held out (ESC-10, FSDD).
    /// Trained heads are not candidates, because cross-validation overestimates them: a bounded
    /// memory holds a larger share of the shorter streams that cross-validation teaches.
    pub fn tried() -> Vec<HeadKind> {
        let options = OPTIONS.into_iter().flat_map(str::parse);
        let others =
            (HeadKind::ALL.into_iter()).filter(|&head| head.is_exact() && head != HeadKind::RIDGE);
        let first = [HeadKind::RIDGE].into_iter();
        first.chain(others).chain(options).collect()
    }
}

impl From<HeadKind> for HeadChoice {
    fn from(head: HeadKind) -> Self {
        Self::Named(head)
    }
}

impl fmt::Display for HeadChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(head) => head.fmt(f),
            Self::Best => f.write_str("best"),
        }
    }
}

impl FromStr for HeadChoice {
    type Err = HeadError;
    fn from_str(text: &str) -> Result<Self, HeadError> {
        match text {
            "best" => Ok(Self::Best),
            _ => text.parse().map(Self::Named),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn best_tries_the_exact_heads_and_their_options() {
        let tried = HeadChoice::tried().into_iter();
        let tried: Vec<String> = tried.map(String::from).collect();
        assert_eq!(tried.first().map(String::as_str), Some("ridge"));
        assert_eq!(tried.len(), 3 + OPTIONS.len());
        assert!(tried.ends_with(&OPTIONS.map(str::to_owned)));
    }
}
