//! The smartwatch recordings, for tests that need real movement.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A cache that holds them, fetched by the user's own pip and shared by tests; `None` (said on
/// standard error) where they cannot be had.
pub fn cache(test: &str) -> Option<PathBuf> {
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("watch");
    let fetched = Command::new(env!("CARGO_BIN_EXE_afield"))
        .args(["data", "get", "watch"])
        .env("AFIELD_CACHE", &cache)
        .output()
        .unwrap();
    if !fetched.status.success() {
        let said = String::from_utf8_lossy(&fetched.stderr).into_owned();
        assert!(std::env::var_os("CI").is_none(), "{test}: {said}");
        eprintln!("skipped: {test}: {said}");
        return None;
    }
    Some(cache)
}
