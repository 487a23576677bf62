use crate::signal::ErrorKind;

/// What can go wrong in the rehearsal memory.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RehearsalError {
    /// The text is no plan.
    #[error(
        "{text:?} is no rehearsal memory; expected `none` or POLICY:SIZE[:STORAGE] with reservoir, balanced, herding or recent, a number of examples or a size, and int8, i16 or f32: `balanced:200`, `herding:512KiB:int8`"
    )]
    Plan {
        /// The offending text.
        text: String,
    },
    /// The limit does not hold a single example.
    #[error("rehearsal of {limit} B cannot hold one example of {example} B")]
    TooSmall {
        /// The limit, in bytes.
        limit: usize,
        /// What one example needs, in bytes.
        example: usize,
    },
    /// An example has another length than the memory was made for.
    #[error("example of {actual} features, expected {expected}")]
    Width {
        /// Features an example has here.
        expected: usize,
        /// Features it came with.
        actual: usize,
    },
    /// Saved bytes are not what this version writes.
    #[error("damaged rehearsal state: {what}")]
    Damaged {
        /// The first thing found wrong.
        what: &'static str,
    },
}

impl RehearsalError {
    /// The sort of this error.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Plan { .. } => ErrorKind::InvalidInput,
            Self::TooSmall { .. } => ErrorKind::Limit,
            Self::Width { .. } => ErrorKind::Mismatch,
            Self::Damaged { .. } => ErrorKind::Damaged,
        }
    }
}
