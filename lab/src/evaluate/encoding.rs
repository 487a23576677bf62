//! Clips as examples, under one contract or under several that compete.

use std::time::Instant;

use afield::learner::{Contract, Example, Learner, Settings};

use super::clips::Clips;
use super::course::microseconds_since;
use super::error::EvaluateError;
use super::metrics::Percentiles;

/// The contracts under which heads may learn: one for all, several to choose
/// from, or both.
///
/// ```
/// use afield_lab::evaluate::Contracts;
/// use afield::learner::{Contract, EmbeddingSpace, Pool, Transform};
/// let toy = |t| Contract::new(EmbeddingSpace::new("toy", 2, 4.0), Pool::Mean, t);
/// let all = vec![toy(Transform::None)?, toy(Transform::L2)?];
/// assert!(Contracts::from(toy(Transform::None)?).fixed().is_some());
/// assert!(Contracts::new(None, all)?.fixed().is_none());
/// assert!(Contracts::new(None, vec![]).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Contracts {
    all: Vec<Contract>,
    fixed: Option<usize>,
}

impl Contracts {
    /// `fixed` for the heads that are named; without it, each of them gets that
    /// of `tried` which does best on the training side. `tried` and `fixed` are
    /// what `best` chooses from.
    ///
    /// # Errors
    /// [`EvaluateError::NoContract`] when there is none at all.
    pub fn new(fixed: Option<Contract>, tried: Vec<Contract>) -> Result<Self, EvaluateError> {
        let mut all = tried;
        let fixed = fixed.map(|fixed| {
            let known = all.iter().position(|contract| *contract == fixed);
            known.unwrap_or_else(|| {
                all.push(fixed);
                all.len() - 1
            })
        });
        match all.is_empty() {
            true => Err(EvaluateError::NoContract),
            false => Ok(Self { all, fixed }),
        }
    }

    /// All contracts, at least one.
    pub fn all(&self) -> &[Contract] {
        &self.all
    }

    /// The one for heads that are named, unless it is to be chosen.
    pub fn fixed(&self) -> Option<&Contract> {
        self.all.get(self.fixed?)
    }

    pub(super) fn fixed_position(&self) -> Option<usize> {
        self.fixed
    }
}

impl From<Contract> for Contracts {
    fn from(contract: Contract) -> Self {
        Self {
            all: vec![contract],
            fixed: Some(0),
        }
    }
}

/// All clips under one contract.
pub(super) struct Encoded {
    pub contract: Contract,
    /// One example a clip.
    pub examples: Vec<Example>,
    /// What encoding a clip took.
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
