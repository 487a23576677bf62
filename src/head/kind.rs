//! Heads by name and options.

use std::fmt;
use std::num::{NonZeroU8, NonZeroU16};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::auto::Auto;
use super::knn::Knn;
use super::lda::{Lda, LdaOptions, Priors};
use super::ncm::{Distance, Ncm};
use super::options::Options;
use super::recipe::Recipe;
use super::ridge::Ridge;
use super::shrinkage::Shrinkage;
use super::trained::Trained;
use super::training::Training;
use super::{Head, HeadError};

/// The kind of a head, and its options. The text form is `NAME[:OPTION[+OPTION…]]`; default
/// options are omitted. `afield heads` and [`Self::summary`] list the options.
///
/// ```
/// use afield::head::HeadKind;
/// assert_eq!("lda".parse(), Ok(HeadKind::LDA));
/// assert_eq!("linear:sgd".parse(), Ok(HeadKind::LINEAR));
/// assert_eq!("mlp:balanced".parse::<HeadKind>()?.to_string(), "mlp:balanced");
/// assert_eq!("lda:ledoit-wolf".parse::<HeadKind>()?.name(), "lda");
/// assert!("svm".parse::<HeadKind>().is_err());
/// assert!("linear:fast".parse::<HeadKind>().is_err());
/// # Ok::<(), afield::head::HeadError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HeadKind(pub(super) Kind);

/// The kinds, with their options.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Kind {
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
    pub const NCM: Self = Self(Kind::Ncm(Distance::Euclidean));
    /// Linear discriminant analysis with its default options: the default head.
    pub const LDA: Self = Self(Kind::Lda(LdaOptions {
        shrinkage: Shrinkage::Oas,
        priors: Priors::Equal,
    }));
    /// Ridge regression with its default options.
    pub const RIDGE: Self = Self(Kind::Ridge(Ridge::DEFAULT_WIDTH));
    /// Softmax regression with its default options.
    pub const LINEAR: Self = Self(Kind::Linear(Training::LINEAR));
    /// A network with a hidden layer, with its default options.
    pub const MLP: Self = Self(Kind::Mlp(Training::MLP));
    /// Nearest neighbours with their default options.
    pub const KNN: Self = Self(Kind::Knn(Knn::NEIGHBOURS));
    /// Several heads; the most accurate one on held-out rehearsal examples answers.
    pub const AUTO: Self = Self(Kind::Auto);
    /// A softmax classifier trained on the new example alone: the baseline that forgets.
    pub const FINETUNE: Self = Self(Kind::Finetune);
    /// As [`Self::FINETUNE`], with elastic weight consolidation.
    pub const EWC: Self = Self(Kind::Ewc);
    /// As [`Self::FINETUNE`], distilled from the network before the last new class.
    pub const LWF: Self = Self(Kind::Lwf);
    /// As [`Self::FINETUNE`], with weights pulled towards those before the last new class.
    pub const L2SP: Self = Self(Kind::L2sp);

    /// Every head, with its default options.
    pub const ALL: [Self; 11] = [
        Self::NCM,
        Self::LDA,
        Self::RIDGE,
        Self::LINEAR,
        Self::MLP,
        Self::KNN,
        Self::AUTO,
        Self::FINETUNE,
        Self::EWC,
        Self::LWF,
        Self::L2SP,
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
        match self.0 {
            Kind::Ncm(_) => "ncm",
            Kind::Lda(_) => "lda",
            Kind::Ridge(_) => "ridge",
            Kind::Linear(_) => "linear",
            Kind::Mlp(_) => "mlp",
            Kind::Knn(_) => "knn",
            Kind::Auto => "auto",
            Kind::Finetune => "finetune",
            Kind::Ewc => "ewc",
            Kind::Lwf => "lwf",
            Kind::L2sp => "l2sp",
        }
    }

    /// A description of the head and its options, in one line.
    pub fn summary(self) -> &'static str {
        match self.0 {
            Kind::Ncm(_) => "nearest class mean; euclidean|cosine",
            Kind::Lda(_) => {
                "linear discriminant analysis, shrunk; oas|ledoit-wolf, equal|empirical priors"
            }
            Kind::Ridge(_) => "ridge regression on random features; number of features",
            Kind::Linear(_) => {
                "rehearsed softmax regression; sgd|adam, replay|er-ace, unbalanced|balanced"
            }
            Kind::Mlp(_) => "as linear, with a hidden layer; same options",
            Kind::Knn(_) => {
                "cosine nearest neighbours in the rehearsal memory; number of neighbours"
            }
            Kind::Auto => {
                "the best of lda, ridge, linear, ncm and knn on held-out rehearsal examples"
            }
            Kind::Finetune => "baseline: softmax regression without rehearsal; it forgets",
            Kind::Ewc => "baseline: finetune with elastic weight consolidation",
            Kind::Lwf => "baseline: finetune with distillation from its earlier network",
            Kind::L2sp => "baseline: finetune with weights pulled towards its earlier weights",
        }
    }

    pub(super) fn names() -> String {
        Self::ALL.map(Self::name).join(", ")
    }

    /// Whether the state is a sum over the examples. Such a state does not depend on their order,
    /// and unlearning restores it to the bit.
    pub fn is_exact(self) -> bool {
        matches!(self.0, Kind::Ncm(_) | Kind::Lda(_) | Kind::Ridge(_))
    }

    /// Whether there is a distance that tells how unlike everything taught an example is: of `lda`
    /// and `ncm` to the class means, of heads with a rehearsal memory to the nearest rows of it.
    /// `ridge` has none: its features are too many for another factorisation, and it keeps no
    /// examples. Nor have the baselines.
    pub fn judges_novelty(self) -> bool {
        !matches!(self.0, Kind::Ridge(_)) && !self.is_baseline()
    }

    /// Whether the head can tell what it would say of taught clips without them, without being
    /// taught anew, so well that labels are judged by it: `lda` alone.
    pub fn judges_labels(self) -> bool {
        matches!(self.0, Kind::Lda(_))
    }

    /// Whether the distances of an example are those of `knn` on the rehearsal memory, as the head
    /// has none of its own.
    pub(crate) fn measures_by_memory(self) -> bool {
        matches!(self.0, Kind::Linear(_) | Kind::Mlp(_))
    }

    /// Whether the head is a baseline that demonstrates forgetting: it sees no example again and
    /// cannot unlearn.
    pub fn is_baseline(self) -> bool {
        matches!(self.0, Kind::Finetune | Kind::Ewc | Kind::Lwf | Kind::L2sp)
    }

    /// Whether it needs a rehearsal memory.
    pub fn keeps_rehearsal(self) -> bool {
        self.replay_rows() > 0 || self.reads_memory()
    }

    /// Whether [`MemoryHead::set_memory`](super::MemoryHead::set_memory) must be called after
    /// every change of the memory.
    pub(crate) fn reads_memory(self) -> bool {
        matches!(self.0, Kind::Knn(_) | Kind::Auto)
    }

    /// Number of rehearsal rows that this head needs with each new example; 0 for heads without
    /// replay.
    pub(crate) fn replay_rows(self) -> usize {
        match self.0 {
            Kind::Linear(_) | Kind::Mlp(_) | Kind::Auto => Trained::REPLAY_ROWS,
            _ => 0,
        }
    }

    /// Creates an empty head for examples of `steps.len()` features. One unit of feature `i` is
    /// worth `steps[i]`. All random numbers derive from `seed`. Exact heads take `unit` examples
    /// as one independent observation.
    pub(crate) fn build(self, steps: &[f32], seed: u64, unit: u64) -> Box<dyn Head> {
        match self.0 {
            Kind::Ncm(distance) => Box::new(Ncm::new(steps, distance).of_units(unit)),
            Kind::Lda(options) => Box::new(Lda::new(steps, options).of_units(unit)),
            Kind::Ridge(width) => Box::new(Ridge::new(steps, width).of_units(unit)),
            Kind::Knn(k) => Box::new(Knn::new(k, steps)),
            Kind::Auto => Box::new(Auto::new(steps, seed)),
            Kind::Linear(_)
            | Kind::Mlp(_)
            | Kind::Finetune
            | Kind::Ewc
            | Kind::Lwf
            | Kind::L2sp => Box::new(Trained::new(Recipe::of(self), steps, seed)),
        }
    }

    /// Loads the head that [`Head::save_into`] wrote, with the seed and the unit it was built with.
    ///
    /// # Errors
    /// [`HeadError::Damaged`] for bytes that no head of this kind and width
    /// writes.
    pub(crate) fn load(
        self,
        steps: &[f32],
        seed: u64,
        unit: u64,
        bytes: &[u8],
    ) -> Result<Box<dyn Head>, HeadError> {
        Ok(match self.0 {
            Kind::Ncm(distance) => Box::new(Ncm::load(steps, distance, bytes)?.of_units(unit)),
            Kind::Lda(options) => Box::new(Lda::load(steps, options, bytes)?.of_units(unit)),
            Kind::Ridge(width) => Box::new(Ridge::load(steps, width, bytes)?.of_units(unit)),
            Kind::Knn(k) => Box::new(Knn::load(k, steps, bytes)?),
            Kind::Auto => Box::new(Auto::load(steps, seed, bytes)?),
            Kind::Linear(_)
            | Kind::Mlp(_)
            | Kind::Finetune
            | Kind::Ewc
            | Kind::Lwf
            | Kind::L2sp => Box::new(Trained::load(Recipe::of(self), steps, seed, bytes)?),
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
        Ok(Self(match head.0 {
            Kind::Ncm(_) => {
                let [distance] = options.choose([&DISTANCE_TEXTS])?;
                Kind::Ncm(DISTANCES[distance.unwrap_or(0)])
            }
            Kind::Lda(_) => {
                let [shrinkage, priors] = options.choose([&SHRINKAGE_TEXTS, &PRIORS_TEXTS])?;
                Kind::Lda(LdaOptions {
                    shrinkage: SHRINKAGES[shrinkage.unwrap_or(0)],
                    priors: PRIORS[priors.unwrap_or(0)],
                })
            }
            Kind::Ridge(default) => {
                let width = options.number(1..=Ridge::MAX_WIDTH.get().into())?;
                let width = width.and_then(|n| u16::try_from(n).ok().and_then(NonZeroU16::new));
                Kind::Ridge(width.unwrap_or(default))
            }
            Kind::Linear(defaults) => Kind::Linear(Training::parse(&options, defaults)?),
            Kind::Mlp(defaults) => Kind::Mlp(Training::parse(&options, defaults)?),
            Kind::Knn(default) => {
                let k = options.number(1..=u8::MAX.into())?;
                let k = k.and_then(|k| u8::try_from(k).ok().and_then(NonZeroU8::new));
                Kind::Knn(k.unwrap_or(default))
            }
            plain => {
                options.none()?;
                plain
            }
        }))
    }
}

impl fmt::Display for HeadKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        let options = match self.0 {
            Kind::Ncm(Distance::Cosine) => DISTANCE_TEXTS[1].to_owned(),
            Kind::Lda(LdaOptions { shrinkage, priors }) => {
                let shrinkage = (shrinkage != Shrinkage::Oas).then_some(SHRINKAGE_TEXTS[1]);
                let priors = (priors != Priors::Equal).then_some(PRIORS_TEXTS[1]);
                let differing: Vec<&str> = shrinkage.into_iter().chain(priors).collect();
                differing.join("+")
            }
            Kind::Ridge(width) if width != Ridge::DEFAULT_WIDTH => width.to_string(),
            Kind::Linear(training) => training.options(Training::LINEAR).join("+"),
            Kind::Mlp(training) => training.options(Training::MLP).join("+"),
            Kind::Knn(k) if k != Knn::NEIGHBOURS => k.to_string(),
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
                let _ = head.load(&[1.0; 4], 0, 1, &bytes);
            }
        }
    }
}
