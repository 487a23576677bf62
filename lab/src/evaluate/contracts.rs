//! The contracts from which an evaluation may choose.

use afield::learner::Contract;

use super::error::EvaluateError;

/// The contracts that heads may use: one for all heads, several to choose from, or both.
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
    /// `fixed` is the contract of the named heads. Without it, each named head gets the contract of
    /// `tried` that does best on the training side. `best` chooses from both `tried` and `fixed`.
    ///
    /// # Errors
    /// [`EvaluateError::NoContract`] if both are empty.
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

    /// The contract of the named heads, unless it is to be chosen.
    pub fn fixed(&self) -> Option<&Contract> {
        self.all.get(self.fixed?)
    }

    pub(crate) fn fixed_position(&self) -> Option<usize> {
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
