//! What can go wrong between a file and an embedding.

use std::path::PathBuf;

/// Why a backbone cannot be loaded or run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackboneError {
    /// The file cannot be read.
    #[error("cannot read the model {}: {source}\nhint: check its name and whose it is", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The file is larger than any backbone for an edge computer.
    #[error("{} has {bytes} bytes, more than the {limit} that a backbone may have", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// The bytes are no ONNX model, or one that is damaged.
    #[error(
        "{} is not a usable ONNX graph: {reason}\nhint: check where the file comes from; `python3 -m onnx.checker FILE` says more about a damaged graph",
        path.display()
    )]
    NotOnnx {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The graph is sound but has other shapes than the card says.
    #[error(
        "{}: the {what} is {actual}, the card says {expected}\nhint: correct the card, or use the file that it was written for",
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
    /// The graph uses something that the runtime cannot execute.
    #[error("{} cannot be run: {reason}", path.display())]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// What tract said.
        reason: String,
    },
    /// The graph cannot be computed incrementally.
    #[error(
        "the graph cannot run in streaming mode: {reason}\nhint: use --mode windowed, or --mode auto to let the graph decide"
    )]
    NotStreamable {
        /// The fact about the graph that forbids it.
        reason: String,
    },
    /// The frames given are not whole.
    #[error("{values} values are no whole number of frames of {bands} bands")]
    PartialFrame {
        /// Values given.
        values: usize,
        /// Bands a frame has.
        bands: usize,
    },
    /// The graph failed while running.
    #[error("the graph failed while running: {reason}")]
    Run {
        /// What tract said.
        reason: String,
    },
    /// Not a mode.
    #[error("unknown mode {text:?}\nhint: --mode takes auto, streaming or windowed")]
    UnknownMode {
        /// What was given.
        text: String,
    },
}
