//! Heads by name and options.

use std::fmt;
use std::num::{NonZeroU8, NonZeroU16};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::auto::Auto;
use super::knn::Knn;
use super::lda::Lda;
use super::ncm::Ncm;
use super::options::Options;
use super::recipe::Recipe;
use super::ridge::Ridge;
use super::trained::Trained;
use super::training::Training;
use super::{Distance, Head, HeadError, LdaOptions, Priors, Shrinkage};

/// The kind of a head, and its options. The text form is `NAME[:OPTION[+OPTION…]]`; default
/// options are omitted.
///
/// ```
/// use afield::head::HeadKind;
/// assert_eq!("lda".parse(), Ok(HeadKind::LDA));
/// assert_eq!("mlp:balanced".parse::<HeadKind>()?.to_string(), "mlp:balanced");
/// assert!("svm".parse::<HeadKind>().is_err());
/// assert!("linear:fast".parse::<HeadKind>().is_err());
/// # Ok::<(), afield::head::HeadError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[non_exhaustive]
pub enum HeadKind {
    /// Nearest class mean.
    Ncm(Distance),
    /// Linear discriminant analysis from an exact statistic.
    Lda(LdaOptions),
    /// Ridge regression on this number of random features (at most 4,096), from an exact
    /// statistic.
    Ridge(NonZeroU16),
    /// A softmax classifier trained on the new example and on rehearsal.
    Linear(Training),
    /// The same with one hidden layer.
    Mlp(Training),
    /// This number of cosine nearest neighbours in the rehearsal memory.
    Knn(NonZeroU8),
    /// Several heads; the most accurate one on held-out rehearsal examples answers.
    Auto,
    /// A softmax classifier trained on the new example alone: the baseline that
    /// forgets.
    Finetune,
    /// As [`Self::Finetune`], with elastic weight consolidation.
    Ewc,
    /// As [`Self::Finetune`], distilled from the network before the last new class.
    Lwf,
    /// As [`Self::Finetune`], with weights pulled towards those before the last new class.
    L2sp,
}

const DISTANCES: [Distance; 2] = [Distance::Euclidean, Distance::Cosine];
const SHRINKAGES: [Shrinkage; 2] = [Shrinkage::Oas, Shrinkage::LedoitWolf];
const PRIORS: [Priors; 2] = [Priors::Equal, Priors::Empirical];

/// The texts of the options above, in their order. The first is the default.
const DISTANCE_TEXTS: [&str; 2] = ["euclidean", "cosine"];
const SHRINKAGE_TEXTS: [&str; 2] = ["oas", "ledoit-wolf"];
const PRIORS_TEXTS: [&str; 2] = ["equal", "empirical"];

impl HeadKind {
    /// Nearest class mean with its default options.
    pub const NCM: Self = Self::Ncm(Distance::Euclidean);
    /// Linear discriminant analysis with its default options: the default head.
    pub const LDA: Self = Self::Lda(LdaOptions {
        shrinkage: Shrinkage::Oas,
        priors: Priors::Equal,
    });
    /// Ridge regression with its default options.
    pub const RIDGE: Self = Self::Ridge(Ridge::DEFAULT_WIDTH);
    /// Softmax regression with its default options.
    pub const LINEAR: Self = Self::Linear(Training::LINEAR);
    /// A network with a hidden layer, with its default options.
    pub const MLP: Self = Self::Mlp(Training::MLP);
    /// Nearest neighbours with their default options.
    pub const KNN: Self = Self::Knn(Knn::NEIGHBOURS);

    /// Every head, with its default options.
    pub const ALL: [Self; 11] = [
        Self::NCM,
        Self::LDA,
        Self::RIDGE,
        Self::LINEAR,
        Self::MLP,
        Self::KNN,
        Self::Auto,
        Self::Finetune,
        Self::Ewc,
        Self::Lwf,
        Self::L2sp,
    ];

    /// Every head and every option at least once, for tests that cover all heads.
    #[cfg(test)]
    pub(super) fn variants() -> impl Iterator<Item = Self> {
        include_str!("../../tests/fixtures/heads.txt")
            .lines()
            .map(|text| text.parse().unwrap())
    }

    /// The name without options.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ncm(_) => "ncm",
            Self::Lda(_) => "lda",
            Self::Ridge(_) => "ridge",
            Self::Linear(_) => "linear",
            Self::Mlp(_) => "mlp",
            Self::Knn(_) => "knn",
            Self::Auto => "auto",
            Self::Finetune => "finetune",
            Self::Ewc => "ewc",
            Self::Lwf => "lwf",
            Self::L2sp => "l2sp",
        }
    }

    /// A description of the head and its options, in one line.
    pub fn summary(self) -> &'static str {
        match self {
            Self::Ncm(_) => "nearest class mean; euclidean|cosine",
            Self::Lda(_) => {
                "linear discriminant analysis, shrunk; oas|ledoit-wolf, equal|empirical priors"
            }
            Self::Ridge(_) => "ridge regression on random features; how many",
            Self::Linear(_) => {
                "softmax regression on rehearsal; sgd|adam, replay|er-ace, unbalanced|balanced"
            }
            Self::Mlp(_) => "the same with a hidden layer; same options",
            Self::Knn(_) => "cosine nearest neighbours in the rehearsal memory; how many",
            Self::Auto => {
                "whichever of lda, ridge, linear, ncm, knn does best on held-out rehearsal"
            }
            Self::Finetune => "baseline: softmax regression without rehearsal; forgets",
            Self::Ewc => "baseline: finetune with elastic weight consolidation",
            Self::Lwf => "baseline: finetune with distillation from its past self",
            Self::L2sp => "baseline: finetune pulled towards its past weights",
        }
    }

    pub(super) fn names() -> String {
        Self::ALL.map(Self::name).join(", ")
    }

    /// Whether the state is a sum over the examples. Such a state does not depend on their order,
    /// and unlearning restores it to the bit.
    pub fn is_exact(self) -> bool {
        matches!(self, Self::Ncm(_) | Self::Lda(_) | Self::Ridge(_))
    }

    /// Whether the head is a baseline that demonstrates forgetting: it sees no example again and
    /// cannot unlearn.
    pub fn is_baseline(self) -> bool {
        matches!(self, Self::Finetune | Self::Ewc | Self::Lwf | Self::L2sp)
    }

    /// Whether it needs a rehearsal memory.
    pub fn keeps_rehearsal(self) -> bool {
        self.replay_rows() > 0 || self.reads_memory()
    }

    /// Whether [`MemoryHead::set_memory`](super::MemoryHead::set_memory) must be called after
    /// every change of the memory.
    pub(crate) fn reads_memory(self) -> bool {
        matches!(self, Self::Knn(_) | Self::Auto)
    }

    /// Number of rehearsal rows that this head needs with each new example; 0 for heads without
    /// replay.
    pub(crate) fn replay_rows(self) -> usize {
        match self {
            Self::Linear(_) | Self::Mlp(_) | Self::Auto => Trained::REPLAY_ROWS,
            _ => 0,
        }
    }

    /// Creates an empty head for examples of `steps.len()` features. One unit of feature `i` is
    /// worth `steps[i]`. All random numbers derive from `seed`.
    pub(crate) fn build(self, steps: &[f32], seed: u64) -> Box<dyn Head> {
        match self {
            Self::Ncm(distance) => Box::new(Ncm::new(steps, distance)),
            Self::Lda(options) => Box::new(Lda::new(steps, options)),
            Self::Ridge(width) => Box::new(Ridge::new(steps, width)),
            Self::Knn(k) => Box::new(Knn::new(k, steps)),
            Self::Auto => Box::new(Auto::new(steps, seed)),
            Self::Linear(_)
            | Self::Mlp(_)
            | Self::Finetune
            | Self::Ewc
            | Self::Lwf
            | Self::L2sp => Box::new(Trained::new(Recipe::of(self), steps, seed)),
        }
    }

    /// Loads the head that [`Head::save_into`] wrote, with the seed it was built with.
    ///
    /// # Errors
    /// [`HeadError::Damaged`] for bytes that no head of this kind and width
    /// writes.
    pub(crate) fn load(
        self,
        steps: &[f32],
        seed: u64,
        bytes: &[u8],
    ) -> Result<Box<dyn Head>, HeadError> {
        Ok(match self {
            Self::Ncm(distance) => Box::new(Ncm::load(steps, distance, bytes)?),
            Self::Lda(options) => Box::new(Lda::load(steps, options, bytes)?),
            Self::Ridge(width) => Box::new(Ridge::load(steps, width, bytes)?),
            Self::Knn(k) => Box::new(Knn::load(k, steps, bytes)?),
            Self::Auto => Box::new(Auto::load(steps, seed, bytes)?),
            Self::Linear(_)
            | Self::Mlp(_)
            | Self::Finetune
            | Self::Ewc
            | Self::Lwf
            | Self::L2sp => Box::new(Trained::load(Recipe::of(self), steps, seed, bytes)?),
        })
    }
}

impl Default for HeadKind {
    /// [`HeadKind::LDA`]
    fn default() -> Self {
        Self::LDA
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
            Self::Ncm(_) => {
                let [distance] = options.choose([&DISTANCE_TEXTS])?;
                Self::Ncm(DISTANCES[distance.unwrap_or(0)])
            }
            Self::Lda(_) => {
                let [shrinkage, priors] = options.choose([&SHRINKAGE_TEXTS, &PRIORS_TEXTS])?;
                Self::Lda(LdaOptions {
                    shrinkage: SHRINKAGES[shrinkage.unwrap_or(0)],
                    priors: PRIORS[priors.unwrap_or(0)],
                })
            }
            Self::Ridge(default) => {
                let width = options.number(1..=Ridge::MAX_WIDTH.get().into())?;
                let width = width.and_then(|n| u16::try_from(n).ok().and_then(NonZeroU16::new));
                Self::Ridge(width.unwrap_or(default))
            }
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
            Self::Ncm(Distance::Cosine) => DISTANCE_TEXTS[1].to_owned(),
            Self::Lda(LdaOptions { shrinkage, priors }) => {
                let shrinkage = (shrinkage != Shrinkage::Oas).then_some(SHRINKAGE_TEXTS[1]);
                let priors = (priors != Priors::Equal).then_some(PRIORS_TEXTS[1]);
                let differing: Vec<&str> = shrinkage.into_iter().chain(priors).collect();
                differing.join("+")
            }
            Self::Ridge(width) if width != Ridge::DEFAULT_WIDTH => width.to_string(),
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
    use proptest::prelude::*;

    #[test]
    fn every_head_is_parsed_from_its_own_text() {
        for head in HeadKind::variants() {
            let text = head.to_string();
            assert_eq!(text.parse(), Ok(head), "{text}");
            let json = serde_json::to_string(&head).unwrap();
            assert_eq!(json, format!("{text:?}"));
            assert_eq!(serde_json::from_str::<HeadKind>(&json).unwrap(), head);
        }
        for head in HeadKind::ALL {
            assert_eq!(head.to_string(), head.name());
            assert!(
                HeadKind::variants().any(|variant| variant == head),
                "{head}"
            );
        }
    }

    #[test]
    fn default_options_are_not_written() {
        let parsed = |text: &str| text.parse::<HeadKind>().map(|head| head.to_string());
        assert_eq!(parsed("linear:sgd+replay+unbalanced"), Ok("linear".into()));
        assert_eq!(
            parsed("linear:balanced+adam"),
            Ok("linear:adam+balanced".into())
        );
        assert_eq!(parsed("knn:7"), Ok("knn:7".into()));
        assert_eq!(parsed("ncm:euclidean"), Ok("ncm".into()));
        assert_eq!(
            parsed("lda:empirical+ledoit-wolf"),
            Ok("lda:ledoit-wolf+empirical".into())
        );
        assert_eq!(parsed("lda:oas+equal"), Ok("lda".into()));
        assert_eq!(parsed("ridge:512"), Ok("ridge".into()));
        assert_eq!(parsed("ridge:2000"), Ok("ridge:2000".into()));
        for text in [
            "ncm:",
            "ewc:1",
            "lda:oas+ledoit-wolf",
            "ridge:0",
            "ridge:4097",
            "knn:0",
            "knn:256",
            "mlp:adam+sgd",
            "Linear",
        ] {
            let error = parsed(text).unwrap_err().to_string();
            assert!(error.contains("expected "), "{error}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        #[test]
        fn any_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            // There is no checksum here, so a head may accept random bytes.
            for head in HeadKind::variants() {
                let _ = head.load(&[1.0; 4], 0, &bytes);
            }
        }
    }
}
