//! Embeddings on disk, stored by the content that they were computed from.
//!
//! The key of an entry is the sha256 of everything that determines it: the backbone's file, the
//! front end's parameters and the clip's own bytes. So an entry is never stale, and moving or
//! renaming clips costs nothing. Entries are checked when they are read. A damaged entry counts as
//! absent. Entries are never evicted.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use afield::source::Note;
use sha2::{Digest, Sha256};

use super::error::DataError;

/// `"afield-embeddings" | version u8 | size u32 | length of notes u32 | notes as JSON | values
/// f32... | sha256 of all before`, little-endian.
///
/// Version 1 had no notes. Its entries count as absent, and are replaced.
const MAGIC: &[u8] = b"afield-embeddings\x02";
const CHECKSUM_BYTES: usize = 32;

/// A hash of everything that determines a clip's embeddings.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CacheKey(String);

impl CacheKey {
    /// The key of a clip under a backbone.
    ///
    /// `backbone_sha256` identifies the weights. `frontend` describes everything between the clip's
    /// bytes and the embedding, including sample rate, padding, hop, and the tensors of the graph
    /// that are its input and output. `clip` is the content of the file.
    pub fn new(backbone_sha256: &str, frontend: &str, clip: &[u8]) -> Self {
        let mut hash = Sha256::new();
        for part in [backbone_sha256.as_bytes(), frontend.as_bytes(), clip] {
            // Lengths come first, so that no two triples hash the same bytes.
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        let mut hex = String::with_capacity(64);
        for byte in hash.finalize() {
            let _ = write!(hex, "{byte:02x}");
        }
        Self(hex)
    }
}

/// The embeddings of a clip, and what is odd about it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CachedEmbeddings {
    /// Embeddings, row-major `[windows, size]`.
    pub windows: Vec<f32>,
    /// What is odd about the recording.
    pub notes: Vec<Note>,
}

/// A folder of embeddings.
#[derive(Debug, Clone)]
pub struct EmbeddingCache {
    folder: PathBuf,
}

impl EmbeddingCache {
    /// A cache in `folder`. The folder is created with the first entry.
    pub fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
        }
    }

    /// The embeddings of a clip. `None` if they are absent, damaged, of an earlier version or of
    /// another size.
    pub fn get(&self, key: &CacheKey, size: usize) -> Option<CachedEmbeddings> {
        let bytes = fs::read(self.path(key)).ok()?;
        let (body, checksum) = bytes.split_at_checked(bytes.len().checked_sub(CHECKSUM_BYTES)?)?;
        if Sha256::digest(body).as_slice() != checksum {
            return None;
        }
        let (stored, rest) = body.strip_prefix(MAGIC)?.split_first_chunk::<4>()?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let (notes, values) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        let (values, rest) = values.as_chunks::<4>();
        let is_whole = !values.is_empty() && values.len().is_multiple_of(size) && rest.is_empty();
        if !is_whole || u32::from_le_bytes(*stored) as usize != size {
            return None;
        }
        let value = |&value: &[u8; 4]| f32::from_le_bytes(value);
        Some(CachedEmbeddings {
            windows: values.iter().map(value).collect(),
            // A kind of note that this version does not know: the clip is embedded again.
            notes: serde_json::from_slice(notes).ok()?,
        })
    }

    /// Stores the embeddings of a clip. A concurrent reader finds the old entry or the new one,
    /// never a part of either.
    ///
    /// # Errors
    /// [`DataError::File`].
    pub fn put(
        &self,
        key: &CacheKey,
        size: usize,
        embedded: &CachedEmbeddings,
    ) -> Result<(), DataError> {
        let path = self.path(key);
        let fault = |reason| DataError::File {
            action: "write",
            path: path.clone(),
            reason,
        };
        let mut bytes = MAGIC.to_vec();
        bytes.extend((size as u32).to_le_bytes());
        let notes = serde_json::to_vec(&embedded.notes).map_err(|error| fault(error.into()))?;
        bytes.extend((notes.len() as u32).to_le_bytes());
        bytes.extend(notes);
        bytes.extend(
            embedded
                .windows
                .iter()
                .flat_map(|value| value.to_le_bytes()),
        );
        let checksum = Sha256::digest(&bytes);
        bytes.extend_from_slice(&checksum);
        let folder = path.parent().unwrap_or(&self.folder);
        fs::create_dir_all(folder).map_err(fault)?;
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(fault)?;
        file.write_all(&bytes).map_err(fault)?;
        file.persist(&path)
            .map_err(|refused| fault(refused.error))?;
        Ok(())
    }

    /// Spreads entries over 256 folders, because some file systems are slow with large folders.
    fn path(&self, key: &CacheKey) -> PathBuf {
        let (start, rest) = key.0.split_at(2);
        self.folder.join(start).join(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn embedded(windows: &[f32]) -> CachedEmbeddings {
        CachedEmbeddings {
            windows: windows.to_vec(),
            notes: vec![Note::Silence, Note::Clipped { share: 0.25 }],
        }
    }

    #[test]
    fn embeddings_are_had_back_by_their_key() {
        let folder = tempfile::tempdir().unwrap();
        let cache = EmbeddingCache::new(folder.path());
        let key = CacheKey::new("00ff", "mel", b"RIFF...");
        assert_eq!(cache.get(&key, 2), None);
        let stored = embedded(&[1.0, 2.0, 3.0, 4.0]);
        cache.put(&key, 2, &stored).unwrap();
        assert_eq!(cache.get(&key, 2), Some(stored));
    }

    #[test]
    fn an_entry_of_version_1_counts_as_absent() {
        let folder = tempfile::tempdir().unwrap();
        let cache = EmbeddingCache::new(folder.path());
        let key = CacheKey::new("aa", "mel", b"clip");
        cache.put(&key, 1, &embedded(&[0.5])).unwrap();
        let mut bytes = b"afield-embeddings\x01\x01\0\0\0".to_vec();
        bytes.extend(0.5_f32.to_le_bytes());
        bytes.extend_from_slice(&Sha256::digest(&bytes));
        fs::write(cache.path(&key), &bytes).unwrap();
        assert_eq!(cache.get(&key, 1), None);
    }

    #[test]
    fn the_key_depends_on_backbone_front_end_and_clip() {
        let key = CacheKey::new("aa", "mel", b"clip");
        for other in [
            CacheKey::new("ab", "mel", b"clip"),
            CacheKey::new("aa", "mel2", b"clip"),
            CacheKey::new("aa", "mel", b"clap"),
            CacheKey::new("aam", "el", b"clip"),
        ] {
            assert_ne!(key, other);
        }
        assert_eq!(key, CacheKey::new("aa", "mel", b"clip"));
    }

    #[test]
    fn a_damaged_entry_counts_as_absent_and_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let cache = EmbeddingCache::new(folder.path());
        let key = CacheKey::new("aa", "mel", b"clip");
        cache.put(&key, 3, &embedded(&[0.5; 6])).unwrap();
        assert_eq!(cache.get(&key, 2), None, "another size");
        let intact = fs::read(cache.path(&key)).unwrap();
        for cut in 0..intact.len() {
            fs::write(cache.path(&key), &intact[..cut]).unwrap();
            assert_eq!(cache.get(&key, 3), None, "cut to {cut}");
        }
        for position in 0..intact.len() {
            let mut bytes = intact.clone();
            bytes[position] ^= 0x10;
            fs::write(cache.path(&key), &bytes).unwrap();
            assert_eq!(cache.get(&key, 3), None, "bit of byte {position}");
        }
        cache.put(&key, 3, &embedded(&[0.25; 3])).unwrap();
        assert_eq!(cache.get(&key, 3), Some(embedded(&[0.25; 3])));
    }
}
