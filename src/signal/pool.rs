//! The poolings that cards name and contracts apply.

use serde::{Deserialize, Serialize};

/// Reduces the embeddings of a clip to one vector, component by component.
///
/// ```
/// use afield::learner::Pool;
/// let pool: Pool = "mean+max".parse()?;
/// let mut pooled = Vec::new();
/// pool.pool_into(&[1.0, 2.0, 3.0, 0.0], 2, &mut pooled)?;
/// assert_eq!(pooled, [2.0, 1.0, 3.0, 2.0]);
/// # Ok::<(), afield::learner::LearnError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Pool {
    /// The mean.
    #[serde(rename = "mean")]
    Mean,
    /// The mean, then the maximum.
    #[serde(rename = "mean+max")]
    MeanMax,
    /// The mean, the standard deviation (of the population), the maximum.
    #[serde(rename = "mean+std+max")]
    MeanStdMax,
}

impl Pool {
    /// Every pooling.
    pub const ALL: [Self; 3] = [Self::Mean, Self::MeanMax, Self::MeanStdMax];

    /// The name, as on a card.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::MeanMax => "mean+max",
            Self::MeanStdMax => "mean+std+max",
        }
    }

    /// The pooling with this name.
    pub(crate) fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|pool| pool.name() == name)
    }

    /// Length of a pooled vector, for embeddings of `size` numbers.
    pub fn width(self, size: usize) -> usize {
        let parts: usize = match self {
            Self::Mean => 1,
            Self::MeanMax => 2,
            Self::MeanStdMax => 3,
        };
        parts.saturating_mul(size)
    }
}
