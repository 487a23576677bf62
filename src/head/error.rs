use super::HeadKind;
use crate::signal::ErrorKind;

/// An error of a head. The head is unchanged after an error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeadError {
    /// No head has this name.
    #[error("no head is called {name:?}; expected one of {}", HeadKind::names())]
    UnknownHead {
        /// The requested name.
        name: String,
    },
    /// The head has no such option.
    #[error("head `{head}`: {fault} {option:?}; expected {valid}")]
    HeadOption {
        /// The head's name.
        head: String,
        /// The requested option.
        option: String,
        /// The fault.
        fault: &'static str,
        /// The valid options.
        valid: String,
    },
    /// The example has a different number of features than the head expects.
    #[error("example of {actual} features, expected {expected}")]
    Width {
        /// Features the head expects.
        expected: usize,
        /// Features the example has.
        actual: usize,
    },
    /// The class index is neither an existing class nor the next new one.
    #[error("class {class} does not exist, there are {classes}")]
    Class {
        /// The index.
        class: usize,
        /// Classes the head knows.
        classes: usize,
    },
    /// The head has learned the maximum number of examples. Beyond it, its integer sums could
    /// overflow.
    #[error("a head learns at most {limit} examples")]
    Full {
        /// The limit.
        limit: u64,
    },
    /// The example was provably never learned for this class.
    #[error("this example was never learned for this class")]
    NeverLearned,
    /// This head cannot unlearn.
    #[error("{head} cannot unlearn: {why}")]
    CannotUnlearn {
        /// The head.
        head: HeadKind,
        /// The reason.
        why: &'static str,
    },
    /// The head is not exact: its state is not a sum, so it cannot be merged.
    #[error("only exact heads can be merged: `ncm`, `lda` and `ridge`")]
    CannotMerge,
    /// This version does not write such bytes.
    #[error("damaged head state: {what}")]
    Damaged {
        /// The first thing found wrong.
        what: &'static str,
    },
}

impl HeadError {
    /// The category of this error.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::UnknownHead { .. } | Self::HeadOption { .. } | Self::Class { .. } => {
                ErrorKind::InvalidInput
            }
            Self::Width { .. } => ErrorKind::Mismatch,
            Self::Full { .. } => ErrorKind::Limit,
            Self::NeverLearned => ErrorKind::NotFound,
            Self::CannotUnlearn { .. } | Self::CannotMerge => ErrorKind::Unsupported,
            Self::Damaged { .. } => ErrorKind::Damaged,
        }
    }
}
