//! A bounded memory of past examples, for heads that need to see them again.
//!
//! Gradient descent forgets classes that it no longer sees. A few stored examples in every step
//! prevent most of this. This module stores fixed-point feature vectors under a hard limit,
//! chooses which to drop, and draws batches. It uses class indices, not labels or heads. It
//! computes no accuracy and reads no clock.

mod arena;
mod balanced;
mod capacity;
mod chance;
mod error;
mod held;
mod herding;
mod memory;
mod origin;
mod plan;
mod policy;
mod recent;
mod reservoir;
mod rows;
mod state;
mod statistics;
mod storage;
#[cfg(test)]
mod tests;

pub use capacity::Capacity;
pub use error::RehearsalError;
pub use memory::Rehearsal;
pub use origin::Origin;
pub use plan::Plan;
pub use policy::Draws;
pub(crate) use policy::Policy;
pub(crate) use rows::Rows;
pub use statistics::{ByteStatistics, ClassStatistics, GroupStatistics, Statistics};
pub(crate) use storage::Storage;
