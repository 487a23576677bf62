//! The smartwatch recordings, for tests that need real movement.

use std::path::{Path, PathBuf};

use super::Program;

/// A cache that holds them, fetched by the user's own pip and shared by tests; `None` (said on
/// standard error) where they cannot be had.
pub fn cache(test: &str) -> Option<PathBuf> {
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("watch");
    let fetched = Program::new("data get watch")
        .env("AFIELD_CACHE", &cache)
        .run();
    if fetched.code != Some(0) {
        super::skip(test, format_args!("the data set watch: {fetched}"));
        return None;
    }
    Some(cache)
}
