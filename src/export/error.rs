//! What can go wrong in an export.

use crate::backbone::BackboneError;
use crate::head::HeadKind;
use crate::signal::ErrorKind;

/// Why a learner cannot be exported to ONNX.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The learner has no class.
    #[error("the learner knows no class yet")]
    NothingTaught,
    /// The head has no formula.
    #[error("the head {head} cannot be written as ONNX")]
    Head {
        /// The head.
        head: HeadKind,
    },
    /// The opset of the backbone is older than the added operators need.
    #[error("the backbone is written in ONNX opset {opset}, the operators after it need {first}")]
    Opset {
        /// The opset of the backbone.
        opset: i64,
        /// The lowest supported opset.
        first: i64,
    },
    /// The backbone's graph has a part that cannot run inside a loop.
    #[error("the backbone cannot become part of another graph: {reason}")]
    Backbone {
        /// The part.
        reason: &'static str,
    },
    /// The file is larger than a protobuf message can be.
    #[error("the graph would take {bytes} bytes, an ONNX file has at most 2 GiB")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// The backbone's file does not match the card.
    #[error(transparent)]
    File(#[from] BackboneError),
}

impl ExportError {
    /// The kind of this error.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NothingTaught => ErrorKind::InvalidInput,
            Self::Head { .. } | Self::Opset { .. } | Self::Backbone { .. } => {
                ErrorKind::Unsupported
            }
            Self::TooLarge { .. } => ErrorKind::Limit,
            Self::File(error) => error.kind(),
        }
    }
}
