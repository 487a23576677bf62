use crate::signal::ErrorKind;

/// An error of the rehearsal memory.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RehearsalError {
    /// The text is not a valid plan.
    #[error(
        "{text:?} is no rehearsal memory; expected `none` or POLICY:SIZE[:STORAGE] with reservoir, balanced, herding or recent, a number of examples or a size, and int8, i16 or f32: `balanced:200`, `herding:512KiB:int8`"
    )]
    Plan {
        /// The invalid text.
        text: String,
    },
    /// The limit is too small for a single example.
    #[error("rehearsal of {limit} B cannot hold one example of {example} B")]
    TooSmall {
        /// The limit, in bytes.
        limit: usize,
        /// The size of one example, in bytes.
        example: usize,
    },
    /// The example has a different number of features than the memory expects.
    #[error("example of {actual} features, expected {expected}")]
    Width {
        /// Features that the memory expects.
        expected: usize,
        /// Features of the example.
        actual: usize,
    },
    /// This version does not write such bytes.
    #[error("damaged rehearsal state: {what}")]
    Damaged {
        /// The first thing found wrong.
        what: &'static str,
    },
}

impl RehearsalError {
    /// The category of this error.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Plan { .. } => ErrorKind::InvalidInput,
            Self::TooSmall { .. } => ErrorKind::Limit,
            Self::Width { .. } => ErrorKind::Mismatch,
            Self::Damaged { .. } => ErrorKind::Damaged,
        }
    }
}
