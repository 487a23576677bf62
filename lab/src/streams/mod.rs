//! Streams of examples: what is taught, in which order, under which labels, and what is
//! tested when.
//!
//! A stream depends on the data set, the [`StreamOrder`] and the seed alone, so every
//! head of a run learns the same examples in the same sequence.

mod error;
mod protocol;
mod imbalance;
mod label_noise;
mod bursty;
mod task;
mod drift;
mod example_stream;
mod saved_stream;

pub use drift::ClassDrift;
pub use error::StreamError;
pub use example_stream::{ExampleStream, StreamOrder};
pub use imbalance::Imbalance;
pub use label_noise::LabelNoise;
pub use protocol::Protocol;
pub use saved_stream::SavedStream;
pub use task::Task;
