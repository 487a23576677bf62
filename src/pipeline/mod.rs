//! Turns samples into embeddings or events: joins front end, backbone, learner and decision.
//!
//! [`EmbeddingStream`] turns a recording into embeddings. [`Embedder`] does so for a live source,
//! and computes only the embeddings that a decision uses. It steps the [`Decider`]s that read it,
//! one for each learner; any number of them share one pass of front end and backbone. A [`Gate`]
//! tells the embedder when only the background is heard.
//!
//! Nothing here opens a file, reads a clock or starts a thread. So the same samples always give
//! the same events.

mod background;
mod decider;
mod embedder;
mod embedding_stream;
mod frame_stream;
mod gate;
mod lookback;
mod window;

pub use decider::{Decider, WindowDecision, WindowVectors};
pub use embedder::{Embedder, Reader};
pub use embedding_stream::EmbeddingStream;
pub use gate::Gate;
pub use window::Window;

use crate::backbone::BackboneError;
use crate::frontend::FrontendError;
use crate::learner::LearnError;
use crate::signal::ErrorKind;

/// Why samples could not be turned into embeddings or events.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PipelineError {
    /// The front end cannot be built from its card.
    #[error(transparent)]
    Frontend(#[from] FrontendError),
    /// The backbone failed.
    #[error(transparent)]
    Backbone(#[from] BackboneError),
    /// The learner rejected an embedding.
    #[error(transparent)]
    Learn(#[from] LearnError),
}

impl PipelineError {
    /// The kind of this error.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Frontend(error) => error.kind(),
            Self::Backbone(error) => error.kind(),
            Self::Learn(error) => error.kind(),
        }
    }
}
