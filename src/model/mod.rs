//! Which backbones exist, where they come from, and whether a file is what its
//! card says.
//!
//! This room never looks inside an ONNX graph; `backbone` does.

mod card;

pub use card::{
    Align, Card, EmbeddingSpec, Fill, Input, Log, LogMel, MelScale, Origin, Output, Padding,
    Spectrum,
};
