//! The heads as a user asks for them: by name, or whichever is best.

use std::fmt;
use std::str::FromStr;

use crate::head::{HeadError, HeadKind};

/// A head as a user asks for it.
///
/// ```
/// use afield::evaluate::HeadChoice;
/// use afield::head::HeadKind;
/// assert_eq!("lda".parse(), Ok(HeadChoice::Named(HeadKind::LDA)));
/// assert_eq!("best".parse(), Ok(HeadChoice::Best));
/// assert!("svm".parse::<HeadChoice>().is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeadChoice {
    /// This one.
    Named(HeadKind),
    /// The head and transform with the highest cross-validated accuracy on the
    /// training side, of [`HeadChoice::tried`] under all transforms.
    Best,
}

impl HeadChoice {
    /// The heads among which [`HeadChoice::Best`] chooses: the exact ones, and
    /// `linear`.
    pub fn tried() -> Vec<HeadKind> {
        (HeadKind::ALL.into_iter())
            .filter(|head| head.is_exact() || *head == HeadKind::LINEAR)
            .collect()
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
