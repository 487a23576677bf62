//! The latest imported revision of each learner.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::path::PathBuf;

use super::{BundleError, Contents, KeyFolder, PublicKey};
use crate::store::ReplicaId;

/// The highest accepted revision by signing key and learner, in a file beside the keys.
#[derive(Debug)]
pub struct Imports {
    path: PathBuf,
    folder: KeyFolder,
}

/// The longest file that is read.
const MAX_BYTES: u64 = 16 << 20;

impl Imports {
    /// The file in `folder`; it may not exist yet.
    pub fn of(folder: &KeyFolder) -> Self {
        Self {
            path: folder.root().join("imported.json"),
            folder: folder.clone(),
        }
    }

    /// Records that `contents`, which `key` signed, are about to be imported. The record is on
    /// disk when this returns. The same revision is accepted again, so that a failed import can
    /// be repeated.
    ///
    /// # Errors
    /// [`BundleError::Older`] when a later revision of the learner was accepted before,
    /// [`BundleError::DamagedImports`], [`BundleError::Io`].
    pub fn accept(&self, key: PublicKey, contents: &Contents) -> Result<(), BundleError> {
        self.note(key, contents.learner, contents.revision)
    }

    fn note(&self, key: PublicKey, learner: ReplicaId, revision: u64) -> Result<(), BundleError> {
        self.folder.make_folder()?;
        // Held until this returns, so that imports do not run at the same time.
        let lock_path = self.path.with_extension("lock");
        let lock = File::create(&lock_path).map_err(BundleError::io("make", &lock_path))?;
        lock.lock().map_err(BundleError::io("lock", &lock_path))?;

        let mut imported = self.read()?;
        let known = imported.entry(format!("{key}/{learner}")).or_insert(0);
        if revision < *known {
            let known = *known;
            return Err(BundleError::Older { revision, known });
        }
        *known = revision;
        self.write(&imported)
    }

    fn read(&self) -> Result<BTreeMap<String, u64>, BundleError> {
        let io = || BundleError::io("read", &self.path);
        let file = match File::open(&self.path) {
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(BTreeMap::new()),
            other => other.map_err(io())?,
        };
        let mut bytes = Vec::new();
        file.take(MAX_BYTES).read_to_end(&mut bytes).map_err(io())?;
        serde_json::from_slice(&bytes).map_err(|error| BundleError::DamagedImports {
            path: self.path.clone(),
            reason: error.to_string(),
        })
    }

    /// Writes the whole file, or leaves it unchanged.
    fn write(&self, imported: &BTreeMap<String, u64>) -> Result<(), BundleError> {
        let io = || BundleError::io("write", &self.path);
        let mut file = tempfile::NamedTempFile::new_in(self.folder.root()).map_err(io())?;
        let text = serde_json::to_string_pretty(imported).unwrap_or_default();
        writeln!(file, "{text}").map_err(io())?;
        file.as_file().sync_all().map_err(io())?;
        file.persist(&self.path).map_err(|e| io()(e.error))?;
        // The rename must be durable, too.
        #[cfg(unix)]
        (File::open(self.folder.root()).and_then(|folder| folder.sync_all())).map_err(io())?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::bundle::SecretKey;

    #[test]
    fn older_revision_is_refused_after_a_later_one() {
        let folder = tempfile::tempdir().unwrap();
        let keys = KeyFolder::at(folder.path().join("keys"));
        let key = |n| SecretKey::from_seed([n; 32]).public();
        let accept = |n, learner, revision| {
            let learner = ReplicaId::from_bytes([learner; 16]);
            Imports::of(&keys).note(key(n), learner, revision)
        };
        accept(1, 1, 5).unwrap();
        accept(1, 1, 5).unwrap();
        accept(1, 1, 9).unwrap();
        let old = accept(1, 1, 5).unwrap_err();
        assert!(
            matches!(
                old,
                BundleError::Older {
                    revision: 5,
                    known: 9
                }
            ),
            "{old}"
        );
        // Another learner or another key has its own revisions.
        accept(1, 2, 1).unwrap();
        accept(2, 1, 1).unwrap();
        fs::write(keys.root().join("imported.json"), "{").unwrap();
        let damaged = accept(1, 1, 10).unwrap_err();
        assert!(
            matches!(damaged, BundleError::DamagedImports { .. }),
            "{damaged}"
        );
    }
}
