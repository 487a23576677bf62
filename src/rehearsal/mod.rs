//! A bounded memory of past examples, for heads that must see them again.
//!
//! Plain gradient descent forgets what it no longer sees; mixing a few stored
//! examples into every step is the simplest cure that works. This room keeps
//! fixed-point feature vectors under a hard limit, chooses by itself which to
//! let go, and draws class-balanced batches. It knows class indices, not
//! labels, and nothing of the heads that read it.

mod capacity;
mod error;
mod reservoir;
mod state;

pub use capacity::Capacity;
pub use error::RehearsalError;
pub use reservoir::Rehearsal;
