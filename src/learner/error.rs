use super::ContractDifference;
use crate::head::HeadError;
use crate::rehearsal::RehearsalError;
use crate::signal::{ErrorKind, Label};

/// What can go wrong in a learner. The learner has not changed then.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LearnError {
    /// A pooling or a transform of this name does not exist.
    #[error("no {what} is called {name:?}; expected one of {known}")]
    UnknownName {
        /// What was asked for.
        what: &'static str,
        /// The name asked for.
        name: String,
        /// The names there are.
        known: String,
    },
    /// The values are not a whole number, at least 1, of windows.
    #[error("{values} values are not one or more windows of {size}")]
    Windows {
        /// Values given.
        values: usize,
        /// Values in a window.
        size: usize,
    },
    /// A value is NaN or infinite.
    #[error("value {index} of the embedding is not finite")]
    NotFinite {
        /// Where it is.
        index: usize,
    },
    /// An example has another length than the contract says.
    #[error("example of {actual} features, expected {expected}")]
    Width {
        /// Features by the contract.
        expected: usize,
        /// Features the example has.
        actual: usize,
    },
    /// No fixed-point scale can be made.
    #[error("no fixed-point scale for {what}")]
    Scale {
        /// What it was asked for.
        what: String,
    },
    /// Means and deviations cannot be taken.
    #[error("no means and deviations from {what}")]
    Calibration {
        /// What they were to be taken from.
        what: String,
    },
    /// The parts of a contract do not fit together.
    #[error("contract does not hold: {what}")]
    Contract {
        /// The contradiction.
        what: String,
    },
    /// The label was never taught.
    #[error("{label} was never taught")]
    UnknownLabel {
        /// The label.
        label: Label,
    },
    /// The head refused.
    #[error(transparent)]
    Head(#[from] HeadError),
    /// The rehearsal memory refused.
    #[error(transparent)]
    Rehearsal(#[from] RehearsalError),
    /// The saved learner saw its examples through something else.
    #[error("saved under another contract: {0}")]
    OtherContract(Box<ContractDifference>),
    /// The saved learner was made with another setting.
    #[error("saved with {field} {saved}, not {asked}")]
    OtherSettings {
        /// The setting.
        field: &'static str,
        /// Its value in the saved state.
        saved: String,
        /// The value asked for.
        asked: String,
    },
    /// The bytes are no learner that this version reads.
    #[error("no learner: {what}")]
    Damaged {
        /// The first thing found wrong.
        what: String,
    },
}

impl LearnError {
    /// The sort of this error.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::UnknownName { .. }
            | Self::NotFinite { .. }
            | Self::Scale { .. }
            | Self::Calibration { .. }
            | Self::Contract { .. } => ErrorKind::InvalidInput,
            Self::Windows { .. }
            | Self::Width { .. }
            | Self::OtherContract(_)
            | Self::OtherSettings { .. } => ErrorKind::Mismatch,
            Self::UnknownLabel { .. } => ErrorKind::NotFound,
            Self::Head(error) => error.kind(),
            Self::Rehearsal(error) => error.kind(),
            Self::Damaged { .. } => ErrorKind::Damaged,
        }
    }
}
