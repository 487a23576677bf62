//! Errors of loading and running a backbone.

use std::path::PathBuf;

use crate::signal::ErrorKind;

/// Why a backbone cannot be loaded or run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackboneError {
    /// The file cannot be read.
    #[error("cannot read the model {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The file is larger than the limit for a backbone.
    #[error("{} has {bytes} bytes, more than the {limit} that a backbone may have", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// The bytes are not an ONNX model, or the model is damaged.
    #[error(
        "{} is not a usable ONNX graph: {reason}",
        path.display()
    )]
    NotOnnx {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The bytes are a damaged TFLite model, or one that lacks what the card names.
    #[error("{} is not a usable TFLite graph: {reason}", path.display())]
    NotTflite {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The card's front end cannot be built.
    #[error(transparent)]
    Frontend(#[from] crate::frontend::FrontendError),
    /// The graph is valid, but its shapes differ from those of the card.
    #[error(
        "{}: the {what} is {actual}, the card says {expected}",
        path.display()
    )]
    Shape {
        /// The file.
        path: PathBuf,
        /// Input or output.
        what: &'static str,
        /// What the card says.
        expected: String,
        /// What the graph says.
        actual: String,
    },
    /// The values of a tensor lie in another file, which is not read.
    #[error("{}: the values of tensor {tensor:?} lie in another file, {location:?}", path.display())]
    ExternalData {
        /// The file.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// The other file, as this one calls it.
        location: String,
    },
    /// The graph computes several windows at once.
    #[error("{} takes {batch} windows at once, not one", path.display())]
    Batch {
        /// The file.
        path: PathBuf,
        /// Windows in a batch.
        batch: usize,
    },
    /// The runtime cannot execute an operator of the graph.
    #[error(
        "{} cannot be run: operator {}{operator} (node {node:?}) {reason}",
        path.display(),
        if domain.is_empty() { String::new() } else { format!("{domain}.") }
    )]
    Operator {
        /// The file.
        path: PathBuf,
        /// The type of the operator.
        operator: String,
        /// Its domain; empty for ONNX's own.
        domain: String,
        /// The name of the node, or of its first output.
        node: String,
        /// What is wrong.
        reason: String,
    },
    /// The graph uses something that the runtime cannot execute.
    #[error("{} cannot be run: {reason}", path.display())]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// What the runtime says.
        reason: String,
    },
    /// The graph cannot be computed incrementally.
    #[error("the graph cannot run in streaming mode: {reason}")]
    NotStreamable {
        /// The property of the graph that prevents it.
        reason: String,
    },
    /// The values given are not whole frames.
    #[error("{values} values are not a whole number of frames of {bands} bands")]
    PartialFrame {
        /// Values given.
        values: usize,
        /// Bands a frame has.
        bands: usize,
    },
    /// The graph failed while running.
    #[error("the graph failed while running: {reason}")]
    Run {
        /// What the runtime says.
        reason: String,
    },
    /// The text is not a mode.
    #[error("unknown mode {text:?}, expected auto, streaming or windowed")]
    UnknownMode {
        /// What was given.
        text: String,
    },
}

impl BackboneError {
    /// The kind of this error.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Read { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
                ErrorKind::NotFound
            }
            Self::Read { .. } => ErrorKind::Io,
            Self::TooLarge { .. } => ErrorKind::Limit,
            Self::NotOnnx { .. } | Self::NotTflite { .. } => ErrorKind::Damaged,
            Self::Frontend(error) => error.kind(),
            Self::Shape { .. } | Self::Batch { .. } => ErrorKind::Mismatch,
            Self::ExternalData { .. } => ErrorKind::NotFound,
            Self::Operator { .. }
            | Self::Unsupported { .. }
            | Self::NotStreamable { .. }
            | Self::Run { .. } => ErrorKind::Unsupported,
            Self::PartialFrame { .. } | Self::UnknownMode { .. } => ErrorKind::InvalidInput,
        }
    }
}
