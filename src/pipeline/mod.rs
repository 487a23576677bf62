//! Samples in, embeddings or events out: front end, backbone, learner and
//! decision joined.
//!
//! [`EmbeddingStream`] is the first half, from samples at any rate to
//! embeddings; [`Listener`] adds the second, from embeddings to decisions.
//! Nothing here opens a file, asks a clock or starts a thread, so that the same
//! samples always give the same events.

mod embedding_stream;
mod listener;

pub use embedding_stream::EmbeddingStream;
pub use listener::{Event, Listener, Window};

use crate::backbone::BackboneError;
use crate::frontend::FrontendError;
use crate::learner::LearnError;

/// What can go wrong between samples and events.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PipelineError {
    /// The front end cannot be built from its card.
    #[error(transparent)]
    Frontend(#[from] FrontendError),
    /// The backbone failed.
    #[error(transparent)]
    Backbone(#[from] BackboneError),
    /// The learner refused an embedding.
    #[error(transparent)]
    Learn(#[from] LearnError),
}
