//! The heads by name and options.

use std::fmt;
use std::num::NonZeroU8;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::options::Options;
use super::recipe::Recipe;
use super::trained::Trained;
use super::training::{Loss, Optimiser, Training};
use super::{Distance, Head, HeadError, Knn, Lda, LdaOptions, Ncm, Ridge};

/// Which head learns, and with which options. As text `NAME[:OPTION[+OPTION…]]`,
/// without the options that are the defaults.
///
/// ```
/// use afield::head::HeadKind;
/// assert_eq!("lda".parse(), Ok(HeadKind::Lda));
/// assert_eq!("mlp:balanced".parse::<HeadKind>()?.to_string(), "mlp:balanced");
/// assert!("svm".parse::<HeadKind>().is_err());
/// assert!("linear:fast".parse::<HeadKind>().is_err());
/// # Ok::<(), afield::head::HeadError>(())
/// ```
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(try_from = "String", into = "String")]
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
    Linear(Training),
    /// The same with one hidden layer.
    Mlp(Training),
    /// So many cosine nearest neighbours in the rehearsal memory.
    Knn(NonZeroU8),
    /// A softmax classifier trained on the new example alone: the baseline that
    /// forgets.
    Finetune,
    /// The same under elastic weight consolidation.
    Ewc,
    /// The same, distilled from what it was before the last new class.
    Lwf,
    /// The same, pulled towards its weights before the last new class.
    L2sp,
}

impl HeadKind {
    /// Every head, with its default options.
    pub const ALL: [Self; 10] = [
        Self::Ncm,
        Self::Lda,
        Self::Ridge,
        Self::Linear(Training::LINEAR),
        Self::Mlp(Training::MLP),
        Self::Knn(Knn::NEIGHBOURS),
        Self::Finetune,
        Self::Ewc,
        Self::Lwf,
        Self::L2sp,
    ];

    /// Every head, and every option at least once: what a claim about all heads
    /// must hold for.
    pub const VARIANTS: [Self; 19] = {
        const LINEAR: Training = Training::LINEAR;
        const MLP: Training = Training::MLP;
        const fn sgd(base: Training) -> Training {
            Training {
                optimiser: Optimiser::Sgd,
                ..base
            }
        }
        const fn adam(base: Training) -> Training {
            Training {
                optimiser: Optimiser::Adam,
                ..base
            }
        }
        const fn er_ace(base: Training) -> Training {
            Training {
                loss: Loss::ErAce,
                ..base
            }
        }
        const fn balanced(base: Training) -> Training {
            Training {
                balanced: true,
                ..base
            }
        }
        [
            Self::Ncm,
            Self::Lda,
            Self::Ridge,
            Self::Linear(LINEAR),
            Self::Linear(adam(LINEAR)),
            Self::Linear(er_ace(LINEAR)),
            Self::Linear(balanced(LINEAR)),
            Self::Linear(adam(er_ace(balanced(LINEAR)))),
            Self::Mlp(MLP),
            Self::Mlp(sgd(MLP)),
            Self::Mlp(er_ace(MLP)),
            Self::Mlp(balanced(MLP)),
            Self::Mlp(sgd(er_ace(balanced(MLP)))),
            Self::Knn(NonZeroU8::MIN),
            Self::Knn(Knn::NEIGHBOURS),
            Self::Finetune,
            Self::Ewc,
            Self::Lwf,
            Self::L2sp,
        ]
    };

    /// The name without options.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ncm => "ncm",
            Self::Lda => "lda",
            Self::Ridge => "ridge",
            Self::Linear(_) => "linear",
            Self::Mlp(_) => "mlp",
            Self::Knn(_) => "knn",
            Self::Finetune => "finetune",
            Self::Ewc => "ewc",
            Self::Lwf => "lwf",
            Self::L2sp => "l2sp",
        }
    }

    /// What it is and which options it takes, in one line.
    pub fn summary(self) -> &'static str {
        match self {
            Self::Ncm => "nearest class mean",
            Self::Lda => "linear discriminant analysis, shrunk covariance",
            Self::Ridge => "ridge regression on random features",
            Self::Linear(_) => {
                "softmax regression on rehearsal; sgd|adam, replay|er-ace, unbalanced|balanced"
            }
            Self::Mlp(_) => "the same with a hidden layer; same options",
            Self::Knn(_) => "cosine nearest neighbours in the rehearsal memory; how many",
            Self::Finetune => "baseline: softmax regression without rehearsal; forgets",
            Self::Ewc => "baseline: finetune with elastic weight consolidation",
            Self::Lwf => "baseline: finetune with distillation from its past self",
            Self::L2sp => "baseline: finetune pulled towards its past weights",
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

    /// Whether it is a baseline, there to show forgetting: it sees no example
    /// again and cannot unlearn.
    pub fn is_baseline(self) -> bool {
        matches!(self, Self::Finetune | Self::Ewc | Self::Lwf | Self::L2sp)
    }

    /// Whether it needs a rehearsal memory.
    pub fn keeps_rehearsal(self) -> bool {
        self.replay_rows() > 0 || self.recalls()
    }

    /// Whether [`Head::recall`] is to be called after every change of the
    /// memory.
    pub fn recalls(self) -> bool {
        matches!(self, Self::Knn(_))
    }

    /// Rehearsal rows this head wants beside each new example; 0 for heads that
    /// are not trained on any.
    pub fn replay_rows(self) -> usize {
        match self {
            Self::Linear(_) | Self::Mlp(_) => Trained::REPLAY_ROWS,
            _ => 0,
        }
    }

    /// An empty head for examples of `steps.len()` features, where one unit of
    /// feature `i` is worth `steps[i]`. Everything random follows from `seed`.
    pub fn build(self, steps: &[f32], seed: u64) -> Box<dyn Head> {
        match self {
            Self::Ncm => Box::new(Ncm::new(steps, Distance::default())),
            Self::Lda => Box::new(Lda::new(steps, LdaOptions::default())),
            Self::Ridge => Box::new(Ridge::new(steps, Ridge::DEFAULT_WIDTH)),
            Self::Knn(k) => Box::new(Knn::new(k, steps)),
            Self::Linear(_)
            | Self::Mlp(_)
            | Self::Finetune
            | Self::Ewc
            | Self::Lwf
            | Self::L2sp => Box::new(Trained::new(Recipe::of(self), steps, seed)),
        }
    }

    /// The head that [`Head::save_into`] wrote, with the seed it was built with.
    ///
    /// # Errors
    /// [`HeadError::Damaged`] for bytes that no head of this kind and width
    /// writes.
    pub fn load(self, steps: &[f32], seed: u64, bytes: &[u8]) -> Result<Box<dyn Head>, HeadError> {
        Ok(match self {
            Self::Ncm => Box::new(Ncm::load(steps, Distance::default(), bytes)?),
            Self::Lda => Box::new(Lda::load(steps, LdaOptions::default(), bytes)?),
            Self::Ridge => Box::new(Ridge::load(steps, Ridge::DEFAULT_WIDTH, bytes)?),
            Self::Knn(k) => Box::new(Knn::load(k, steps, bytes)?),
            Self::Linear(_)
            | Self::Mlp(_)
            | Self::Finetune
            | Self::Ewc
            | Self::Lwf
            | Self::L2sp => Box::new(Trained::load(Recipe::of(self), steps, seed, bytes)?),
        })
    }
}

impl FromStr for HeadKind {
    type Err = HeadError;
    fn from_str(text: &str) -> Result<Self, HeadError> {
        let (name, options) = Options::split(text);
        let found = Self::ALL.into_iter().find(|head| head.name() == name);
        let Some(head) = found else {
            let name = name.to_owned();
            return Err(HeadError::UnknownHead { name });
        };
        Ok(match head {
            Self::Linear(defaults) => Self::Linear(Training::parse(&options, defaults)?),
            Self::Mlp(defaults) => Self::Mlp(Training::parse(&options, defaults)?),
            Self::Knn(default) => {
                let k = options.number(1..=u8::MAX.into())?;
                let k = k.and_then(|k| u8::try_from(k).ok().and_then(NonZeroU8::new));
                Self::Knn(k.unwrap_or(default))
            }
            plain => {
                options.none()?;
                plain
            }
        })
    }
}

impl fmt::Display for HeadKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        let options = match *self {
            Self::Linear(training) => training.options(Training::LINEAR).join("+"),
            Self::Mlp(training) => training.options(Training::MLP).join("+"),
            Self::Knn(k) if k != Knn::NEIGHBOURS => k.to_string(),
            _ => return Ok(()),
        };
        match options.is_empty() {
            true => Ok(()),
            false => write!(f, ":{options}"),
        }
    }
}

impl TryFrom<String> for HeadKind {
    type Error = HeadError;
    fn try_from(text: String) -> Result<Self, HeadError> {
        text.parse()
    }
}

impl From<HeadKind> for String {
    fn from(head: HeadKind) -> Self {
        head.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_variant_survives_its_text() {
        for head in HeadKind::VARIANTS {
            let text = head.to_string();
            assert_eq!(text.parse(), Ok(head), "{text}");
            let json = serde_json::to_string(&head).unwrap();
            assert_eq!(json, format!("{text:?}"));
            assert_eq!(serde_json::from_str::<HeadKind>(&json).unwrap(), head);
        }
        for head in HeadKind::ALL {
            assert_eq!(head.to_string(), head.name());
            assert!(HeadKind::VARIANTS.contains(&head), "{head}");
        }
    }

    #[test]
    fn an_option_that_names_the_default_is_left_out() {
        let parsed = |text: &str| text.parse::<HeadKind>().map(|head| head.to_string());
        assert_eq!(parsed("linear:sgd+replay+unbalanced"), Ok("linear".into()));
        assert_eq!(
            parsed("linear:balanced+adam"),
            Ok("linear:adam+balanced".into())
        );
        assert_eq!(parsed("knn:7"), Ok("knn:7".into()));
        for text in [
            "ncm:",
            "ewc:1",
            "knn:0",
            "knn:256",
            "mlp:adam+sgd",
            "Linear",
        ] {
            let error = parsed(text).unwrap_err().to_string();
            assert!(error.contains("\nhint: "), "{error}");
        }
    }
}
