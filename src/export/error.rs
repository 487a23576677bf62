//! What can go wrong in an export.

use crate::backbone::BackboneError;
use crate::head::HeadKind;
use crate::signal::ErrorKind;

/// Why there is no ONNX file of a learner.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The learner has no class.
    #[error("the learner knows no class yet")]
    NothingTaught,
    /// No formula describes what the head does.
    #[error("the head {head} cannot be written as ONNX")]
    Head {
        /// The head.
        head: HeadKind,
    },
    /// The backbone's operators are older than those that are added to it.
    #[error("the backbone is written in ONNX opset {opset}, the operators after it need {first}")]
    Opset {
        /// The backbone's.
        opset: i64,
        /// The first that will do.
        first: i64,
    },
    /// The backbone's graph has a part that cannot be inside a loop.
    #[error("the backbone cannot become part of another graph: {reason}")]
    Backbone {
        /// The part.
        reason: &'static str,
    },
    /// More than a protobuf message may hold.
    #[error("the graph would take {bytes} bytes, an ONNX file has at most 2 GiB")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// The backbone's file is not what the card says.
    #[error(transparent)]
    File(#[from] BackboneError),
}

impl ExportError {
    /// The sort of this error.
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
