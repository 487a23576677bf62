//! A bounded memory of past examples, for heads that must see them again.
//!
//! Plain gradient descent forgets what it no longer sees; mixing a few stored
//! examples into every step is the simplest cure that works. This room keeps
//! fixed-point feature vectors under a hard limit, chooses by itself which to
//! let go, and draws batches. It knows class indices, not labels, and nothing
//! of the heads that read it; it computes no accuracy and asks no clock.

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
pub use policy::{Draws, Policy};
pub use rows::Rows;
pub use statistics::{ByteStatistics, ClassStatistics, GroupStatistics, Statistics};
pub use storage::Storage;
