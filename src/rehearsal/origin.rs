//! Where a remembered example came from.

use serde::{Deserialize, Serialize};

/// The source and the time of an example.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Origin {
    /// The speaker, the place or the recording, by a number that the caller
    /// gave it; 0 where unknown.
    pub group: u64,
    /// When it was taught, in milliseconds of Unix time; 0 where unknown.
    pub at_unix_ms: i64,
}

impl Origin {
    /// What it occupies in a memory and in its saved state.
    pub(crate) const BYTES: usize = 16;
}
