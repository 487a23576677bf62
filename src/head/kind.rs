//! The heads by name.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Distance, Head, HeadError, Lda, LdaOptions, Linear, Ncm, Ridge};

/// Which head learns.
///
/// ```
/// use afield::head::HeadKind;
/// assert_eq!("lda".parse(), Ok(HeadKind::Lda));
/// assert_eq!(HeadKind::Lda.to_string(), "lda");
/// assert!("svm".parse::<HeadKind>().is_err());
/// ```
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum HeadKind {
    /// Nearest class mean.
    Ncm,
    /// Linear discriminant analysis from an exact statistic; the default.
    #[default]
    Lda,
    /// Ridge regression on random features, from an exact statistic.
    Ridge,
    /// A softmax classifier trained on the new example and on rehearsal.
    Linear,
    /// A softmax classifier trained on the new example alone: the baseline that
    /// forgets.
    Finetune,
}

impl HeadKind {
    /// Every head.
    pub const ALL: [Self; 5] = [
        Self::Ncm,
        Self::Lda,
        Self::Ridge,
        Self::Linear,
        Self::Finetune,
    ];

    /// The name, as on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ncm => "ncm",
            Self::Lda => "lda",
            Self::Ridge => "ridge",
            Self::Linear => "linear",
            Self::Finetune => "finetune",
        }
    }

    pub(super) fn names() -> String {
        Self::ALL.map(Self::name).join(", ")
    }

    /// Whether the state is a sum over the examples, so that it does not depend
    /// on their order and unlearning restores it to the bit.
    pub fn is_exact(self) -> bool {
        matches!(self, Self::Ncm | Self::Lda | Self::Ridge)
    }

    /// Rehearsal rows this head wants beside each new example; 0 for heads that
    /// need no memory.
    pub fn replay_rows(self) -> usize {
        match self {
            Self::Linear => Linear::REPLAY_ROWS,
            _ => 0,
        }
    }

    /// An empty head for examples of `steps.len()` features, where one unit of
    /// feature `i` is worth `steps[i]`.
    pub fn build(self, steps: &[f32]) -> Box<dyn Head> {
        match self {
            Self::Ncm => Box::new(Ncm::new(steps, Distance::default())),
            Self::Lda => Box::new(Lda::new(steps, LdaOptions::default())),
            Self::Ridge => Box::new(Ridge::new(steps, Ridge::DEFAULT_WIDTH)),
            Self::Linear => Box::new(Linear::rehearsed(steps)),
            Self::Finetune => Box::new(Linear::finetuned(steps)),
        }
    }

    /// The head that [`Head::save_into`] wrote.
    ///
    /// # Errors
    /// [`HeadError::Damaged`] for bytes that no head of this kind and width
    /// writes.
    pub fn load(self, steps: &[f32], bytes: &[u8]) -> Result<Box<dyn Head>, HeadError> {
        Ok(match self {
            Self::Ncm => Box::new(Ncm::load(steps, Distance::default(), bytes)?),
            Self::Lda => Box::new(Lda::load(steps, LdaOptions::default(), bytes)?),
            Self::Ridge => Box::new(Ridge::load(steps, Ridge::DEFAULT_WIDTH, bytes)?),
            Self::Linear => Box::new(Linear::rehearsed(steps).load(bytes)?),
            Self::Finetune => Box::new(Linear::finetuned(steps).load(bytes)?),
        })
    }
}

impl FromStr for HeadKind {
    type Err = HeadError;
    fn from_str(name: &str) -> Result<Self, HeadError> {
        let found = Self::ALL.into_iter().find(|head| head.name() == name);
        found.ok_or_else(|| HeadError::UnknownHead {
            name: name.to_owned(),
        })
    }
}

impl fmt::Display for HeadKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
