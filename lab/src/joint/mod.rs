//! The joint offline fit: logistic regression on all training examples at once.
//!
//! Every report shows its accuracy beside that of the heads, as an upper bound: it is
//! fitted to the same embeddings, but sees all of them together. Cross-validation on the
//! training side chooses its penalty and scaling.

mod error;
mod folds;
mod lbfgs;
mod logistic;
mod upper_bound;

pub use error::JointError;
pub(crate) use folds::{FOLD_SEED, Folds};
pub use logistic::Scaling;
pub(crate) use upper_bound::Joint;
pub use upper_bound::{Penalty, UpperBound};
