use super::HeadKind;
use crate::signal::ErrorKind;

/// What can go wrong in a head. The head has not changed then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeadError {
    /// No head has this name.
    #[error("no head is called {name:?}; expected one of {}", HeadKind::names())]
    UnknownHead {
        /// The name asked for.
        name: String,
    },
    /// The head has no such option.
    #[error("head `{head}`: {fault} {option:?}; expected {valid}")]
    HeadOption {
        /// The head's name.
        head: String,
        /// The option asked for.
        option: String,
        /// What is wrong with it.
        fault: &'static str,
        /// What would be right.
        valid: String,
    },
    /// An example has another length than the head was made for.
    #[error("example of {actual} features, expected {expected}")]
    Width {
        /// Features the head expects.
        expected: usize,
        /// Features the example has.
        actual: usize,
    },
    /// The class index is neither known nor the next new one.
    #[error("class {class} does not exist, there are {classes}")]
    Class {
        /// The index.
        class: usize,
        /// Classes the head knows.
        classes: usize,
    },
    /// The head has learned as many examples as its integers are proven for.
    #[error("a head learns at most {limit} examples")]
    Full {
        /// The limit.
        limit: u64,
    },
    /// The example cannot be among those learned for the class.
    #[error("this example was never learned for this class")]
    NeverLearned,
    /// This head cannot unlearn.
    #[error("{head} cannot unlearn: {why}")]
    CannotUnlearn {
        /// The head.
        head: HeadKind,
        /// What is missing.
        why: &'static str,
    },
    /// The head is not exact: what it learned is no sum that could be added to another.
    #[error("only exact heads can be merged: `ncm`, `lda` and `ridge`")]
    CannotMerge,
    /// Saved bytes are not what this version writes.
    #[error("damaged head state: {what}")]
    Damaged {
        /// The first thing found wrong.
        what: &'static str,
    },
}

impl HeadError {
    /// The sort of this error.
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
