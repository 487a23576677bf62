//! All clips of a data set as examples under one contract.

use std::time::Instant;

use afield::learner::{Contract, Example, Learner, Settings};

use super::error::EvaluateError;
use super::metrics::{Percentiles, microseconds_since};
use crate::data::Clips;

/// All clips under one contract.
pub(crate) struct Encoded {
    pub contract: Contract,
    /// One example a clip.
    pub examples: Vec<Example>,
    /// Time to encode one clip.
    pub encode_us: Percentiles,
}

impl Encoded {
    pub fn new(contract: &Contract, clips: &Clips) -> Result<Self, EvaluateError> {
        let encoder = Learner::new(contract.clone(), Settings::default())?;
        let mut micros = Vec::with_capacity(clips.len());
        let examples = (0..clips.len()).map(|clip| {
            let begin = Instant::now();
            let example = encoder.encode(clips.windows(clip));
            micros.push(microseconds_since(begin));
            example
        });
        Ok(Self {
            contract: contract.clone(),
            examples: examples.collect::<Result<_, _>>()?,
            encode_us: Percentiles::of(&mut micros),
        })
    }

    /// The transform's name.
    pub fn transform(&self) -> String {
        self.contract.transform_name()
    }

    /// Share of the features that were clamped, in `[0, 1]`.
    pub fn saturated(&self) -> f64 {
        let values = self.examples.len() * self.contract.width();
        let clamped: usize = self.examples.iter().map(Example::saturated).sum();
        clamped as f64 / values.max(1) as f64
    }
}
