//! Streams of examples: the taught clips, their order and labels, and the clips that each test
//! uses.
//!
//! A stream depends only on the data set, the [`StreamOrder`] and the seed, so every head of a run
//! learns the same examples in the same sequence.

mod bursty;
mod drift;
mod error;
mod example_stream;
mod imbalance;
mod label_noise;
mod protocol;
mod saved_stream;
mod task;

pub use drift::ClassDrift;
pub use error::StreamError;
pub use example_stream::{ExampleStream, StreamOrder};
pub use imbalance::Imbalance;
pub use label_noise::LabelNoise;
pub use protocol::Protocol;
pub use saved_stream::SavedStream;
pub use task::Task;
