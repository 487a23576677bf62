//! Where the shared development data lie, for tests that need real recordings.
//!
//! They are not part of the repository. `AFIELD_SHARED_DATA` names their folder;
//! without it, `../shared/data` beside the repository is looked at. A test that
//! cannot find them says that it skips; where `CI` is set it fails instead, so
//! that no skip goes unnoticed.

use std::path::PathBuf;

/// The folder of shared data, or `None` (said on standard error) when there is
/// none and the test may be skipped.
pub fn folder(test: &str) -> Option<PathBuf> {
    let root = crate::root().to_path_buf();
    let candidates = match std::env::var_os("AFIELD_SHARED_DATA") {
        Some(named) => vec![PathBuf::from(named)],
        None => root
            .parent()
            .map(|beside| beside.join("shared").join("data"))
            .into_iter()
            .collect(),
    };
    let found = candidates.iter().find(|folder| folder.is_dir()).cloned();
    if found.is_none() {
        super::skip(test, format_args!("the shared data at {candidates:?}"));
    }
    found
}
