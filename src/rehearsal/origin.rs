//! The origin of a remembered example.

use serde::{Deserialize, Serialize};

/// The source and the time of an example.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Origin {
    /// Number of the speaker, the place or the recording, set by the caller; 0 if unknown.
    pub group: u64,
    /// When it was taught, in milliseconds of Unix time; 0 if unknown.
    pub at_unix_ms: i64,
}

impl Origin {
    /// Size of an origin in a memory and in its saved state.
    pub(crate) const BYTES: usize = 16;
}
