//! Replicas: which learner first wrote an entry, and its sequence number there.
//!
//! The pair stays with an entry when it is merged into another learner, so that logs of several
//! learners can be compared. No decision uses it yet.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The identity of one learner's folder: the first 16 bytes of a sha256 over contract, settings
/// and time of creation.
///
/// It stays the same as long as the folder exists. A copy of the folder has the same identity. So
/// have two learners that were created with the same contract and settings in the same
/// millisecond.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct ReplicaId([u8; 16]);

impl ReplicaId {
    /// The identity with these 16 bytes.
    pub(crate) const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The identity of a learner from its contract's sha256 in hex, its settings as JSON and the
    /// time of its creation in milliseconds of Unix time.
    pub(crate) fn of(contract_digest: &str, settings: &str, created_unix_ms: i64) -> Self {
        let mut hash = Sha256::new_with_prefix("afield learner\n");
        hash.update(contract_digest);
        hash.update(settings);
        hash.update(created_unix_ms.to_le_bytes());
        let digest: [u8; 32] = hash.finalize().into();
        Self(digest.first_chunk().copied().unwrap_or_default())
    }

    pub(super) fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// 32 lower-case hex digits.
impl fmt::Display for ReplicaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ReplicaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReplicaId({self})")
    }
}

/// The replica that first wrote an entry, and the sequence number there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Stamp {
    /// The learner that wrote it.
    pub replica: ReplicaId,
    /// The sequence number in that learner's log, from 1 on.
    pub sequence: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replica_id_is_pinned() {
        // Bundles and logs contain this id: a change here is a change of both formats.
        let id = ReplicaId::of("00ff", "{}", 5);
        assert_eq!(id.to_string(), "275689a9c20e61b74e2a98692ef04802");
        assert_ne!(id, ReplicaId::of("00ff", "{}", 6));
    }
}
