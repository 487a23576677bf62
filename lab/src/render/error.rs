//! Errors of drawing a report.

use afield::signal::ErrorKind;

/// A report's chart could not be drawn.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the report's chart cannot be drawn: {reason}")]
pub struct ChartError {
    /// The error message of the drawing library.
    pub(crate) reason: String,
}

impl ChartError {
    /// The kind of the error.
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::Unsupported
    }
}
