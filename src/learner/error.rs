use super::ContractDifference;
use crate::head::HeadError;
use crate::rehearsal::RehearsalError;
use crate::signal::{ErrorKind, Label};

/// An error of a learner. The learner is unchanged after an error.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LearnError {
    /// A pooling or a transform of this name does not exist.
    #[error("no {what} is called {name:?}; expected one of {known}")]
    UnknownName {
        /// The kind of name.
        what: &'static str,
        /// The requested name.
        name: String,
        /// The valid names.
        known: String,
    },
    /// The number of values is not a positive multiple of the window size.
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
        /// The position of the value.
        index: usize,
    },
    /// The number of features differs from that of the contract.
    #[error("example of {actual} features, expected {expected}")]
    Width {
        /// Features in the contract.
        expected: usize,
        /// Features of the example.
        actual: usize,
    },
    /// No fixed-point scale can be made.
    #[error("no fixed-point scale for {what}")]
    Scale {
        /// The numbers for which it was requested.
        what: String,
    },
    /// Means and deviations cannot be computed.
    #[error("no means and deviations from {what}")]
    Calibration {
        /// The invalid input.
        what: String,
    },
    /// The parts of a contract are inconsistent.
    #[error("contract does not hold: {what}")]
    Contract {
        /// The inconsistency.
        what: String,
    },
    /// The label was never taught.
    #[error("{label} was never taught")]
    UnknownLabel {
        /// The label.
        label: Label,
    },
    /// An error of the head.
    #[error(transparent)]
    Head(#[from] HeadError),
    /// An error of the rehearsal memory.
    #[error(transparent)]
    Rehearsal(#[from] RehearsalError),
    /// The learner was saved with another contract.
    #[error("saved under another contract: {0}")]
    OtherContract(Box<ContractDifference>),
    /// The learner was saved with another setting.
    #[error("saved with {field} {saved}, not {asked}")]
    OtherSettings {
        /// The setting.
        field: &'static str,
        /// Its value in the saved state.
        saved: String,
        /// The requested value.
        asked: String,
    },
    /// The bytes are not a learner of a supported version.
    #[error("no learner: {what}")]
    Damaged {
        /// The first thing found wrong.
        what: String,
    },
}

impl LearnError {
    /// The category of this error.
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
