//! Why a learner cannot be written in another language.

use crate::backbone::BackboneError;
use crate::head::HeadKind;

/// Why there is no ONNX file of a learner.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// There is nothing to tell apart.
    #[error("the learner knows no class yet\nhint: `afield teach LABEL FILE…` teaches it one")]
    NothingTaught,
    /// No formula describes what the head does.
    #[error(
        "the head {head} cannot be written as ONNX\nhint: `afield init --head lda` makes a learner that can"
    )]
    Head {
        /// The head.
        head: HeadKind,
    },
    /// The backbone's operators are older than those that go behind it.
    #[error(
        "the backbone is written in ONNX opset {opset}, what goes behind it needs {first}\nhint: convert it with onnx.version_converter and make a card for the result"
    )]
    Opset {
        /// The backbone's.
        opset: i64,
        /// The first that will do.
        first: i64,
    },
    /// The backbone's graph has something that has no place inside a loop.
    #[error("the backbone cannot become part of another graph: {reason}")]
    Backbone {
        /// What it has.
        reason: &'static str,
    },
    /// More than a protobuf message may hold.
    #[error(
        "the graph would take {bytes} bytes, ONNX files end at 2 GiB\nhint: a smaller rehearsal memory or another head makes it smaller"
    )]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// The backbone's file is not what the card says.
    #[error(transparent)]
    File(#[from] BackboneError),
}
