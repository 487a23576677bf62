//! Which examples a full memory drops.

use std::fmt;

use serde::Serialize;

/// How a full memory chooses the examples to keep.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub(crate) enum Policy {
    /// A uniform random sample of everything shown (algorithm R, Vitter 1985). It stays uniform
    /// when examples are removed (random pairing, Gemulla, Lehner & Haas 2006).
    Reservoir,
    /// A random sample of each class, with equal class sizes where possible (class-balancing
    /// reservoir sampling, Chrysakis & Moens 2020). This is the default.
    #[default]
    Balanced,
    /// An equal share of each class: the examples whose mean is nearest to the mean of all
    /// examples shown. This is an online form of the herding of iCaRL (Rebuffi et al. 2017). It
    /// stores the sum of each class, 8 bytes a feature, which counts towards a limit in bytes. If
    /// the sums would take more than half of the limit, or leave less than one row a class, they
    /// are dropped for good. The memory then continues as [`Self::Balanced`].
    Herding,
    /// The latest examples, whatever their class.
    Recent,
}

impl Policy {
    /// Every policy.
    pub(crate) const ALL: [Self; 4] =
        [Self::Reservoir, Self::Balanced, Self::Herding, Self::Recent];

    /// The name on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Reservoir => "reservoir",
            Self::Balanced => "balanced",
            Self::Herding => "herding",
            Self::Recent => "recent",
        }
    }

    /// How rows are drawn for replay: in the same proportions as the policy keeps them.
    pub(crate) fn draws(self) -> Draws {
        match self {
            Self::Balanced | Self::Herding => Draws::ClassBalanced,
            Self::Reservoir | Self::Recent => Draws::Uniform,
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|policy| policy.name() == name)
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How rows are drawn for replay, always with replacement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Draws {
    /// A class drawn uniformly, then a row drawn uniformly within it.
    ClassBalanced,
    /// A row drawn uniformly from all.
    Uniform,
}
