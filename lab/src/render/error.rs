//! What can go wrong while a report is drawn.

use afield::signal::ErrorKind;

/// A report's chart could not be drawn.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the report's chart cannot be drawn: {reason}")]
pub struct ChartError {
    /// What the drawing library said.
    pub(crate) reason: String,
}

impl ChartError {
    /// What sort of error it is.
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::Unsupported
    }
}
