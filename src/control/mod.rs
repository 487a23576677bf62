//! A learner at work: the store that remembers it, the backbone it listens
//! through, and the one place where both change together.
//!
//! [`Session`] holds the rule that makes learning safe: what is learned in
//! memory is what the log on disk says, and a caller hears of success only
//! after the disk does. Sources are read here; arguments are parsed and results
//! printed elsewhere.

mod contract;
mod hearing;
mod merge;
mod session;
mod solver;
mod status;

pub use contract::backbone_contract;
pub use hearing::{Heard, clip_sha256, hear};
pub use merge::{Merged, merge};
pub use session::{Session, SessionError, TaughtAs};
pub use solver::Solver;
pub use status::{ClassStatus, RehearsalStatus, Status};
