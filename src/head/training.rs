//! The training options of a network that a user can choose.

use super::HeadError;
use super::options::Options;

/// Optimiser, loss and adjustment of a trained head.
///
/// The text form contains the choices that differ from the head's defaults, joined by `+`:
/// `linear:adam+er-ace`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Training {
    /// How gradients become steps.
    pub optimiser: Optimiser,
    /// The loss function.
    pub loss: Loss,
    /// Whether training adjusts logits by the class frequencies (Menon et al. 2021): `balanced`.
    pub balanced: bool,
}

/// How gradients become steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub(super) enum Optimiser {
    /// Plain stochastic gradient descent: `sgd`.
    Sgd,
    /// Steps scaled by running moments of the gradient (Kingma & Ba 2015):
    /// `adam`.
    Adam,
}

/// The loss function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub(super) enum Loss {
    /// Cross-entropy in which the new example and the replayed rows weigh alike
    /// (experience replay; Rolnick et al. 2019, Chaudhry et al. 2019): `replay`.
    Replay,
    /// As [`Self::Replay`], but the new example competes only with recently taught classes. It
    /// does not push down classes that have no recent examples (ER-ACE; Caccia et al. 2022):
    /// `er-ace`.
    ErAce,
}

const OPTIMISERS: [Optimiser; 2] = [Optimiser::Sgd, Optimiser::Adam];
const LOSSES: [Loss; 2] = [Loss::Replay, Loss::ErAce];
const BALANCED: [bool; 2] = [false, true];

/// The texts of the options above, in their order.
const TEXTS: [&[&str]; 3] = [
    &["sgd", "adam"],
    &["replay", "er-ace"],
    &["unbalanced", "balanced"],
];

impl Training {
    /// The defaults of `linear`.
    pub(super) const LINEAR: Self = Self {
        optimiser: Optimiser::Sgd,
        loss: Loss::Replay,
        balanced: false,
    };

    /// The defaults of `mlp`.
    pub(super) const MLP: Self = Self {
        optimiser: Optimiser::Adam,
        loss: Loss::Replay,
        balanced: false,
    };

    /// Applies `options` to the defaults.
    pub(super) fn parse(options: &Options<'_>, defaults: Self) -> Result<Self, HeadError> {
        let [optimiser, loss, balanced] = options.choose(TEXTS)?;
        Ok(Self {
            optimiser: optimiser.map_or(defaults.optimiser, |at| OPTIMISERS[at]),
            loss: loss.map_or(defaults.loss, |at| LOSSES[at]),
            balanced: balanced.map_or(defaults.balanced, |at| BALANCED[at]),
        })
    }

    /// The options that turn the defaults into this value.
    pub(super) fn options(self, defaults: Self) -> Vec<&'static str> {
        let differing = [
            (self.optimiser != defaults.optimiser).then_some(self.optimiser as usize),
            (self.loss != defaults.loss).then_some(self.loss as usize),
            (self.balanced != defaults.balanced).then_some(usize::from(self.balanced)),
        ];
        let texts = TEXTS.iter().zip(differing);
        texts.filter_map(|(group, at)| Some(group[at?])).collect()
    }
}
