//! Samples in, embeddings or events out: front end, backbone, learner and
//! decision joined.
//!
//! [`EmbeddingStream`] is the first half, from samples at any rate to
//! embeddings; [`Listener`] has both, from samples to decisions. It computes the
//! embeddings that a decision looks at and no others; a [`Gate`] before it says
//! when there is nothing to decide on.
//! Nothing here opens a file, asks a clock or starts a thread, so that the same
//! samples always give the same events.

mod background;
mod embedding_stream;
mod frame_stream;
mod gate;
mod listener;
mod lookback;

pub use embedding_stream::EmbeddingStream;
pub use gate::Gate;
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
