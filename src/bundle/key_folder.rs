//! The folder of a user's secret keys: one file a key, readable by the user only.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use super::key::{from_hex, hex};
use super::{BundleError, KeyError, PublicKey, SecretKey};

/// A folder of keys and of the record of imports. It may not exist yet.
#[derive(Debug, Clone)]
pub struct KeyFolder {
    root: PathBuf,
}

const PREFIX: &str = "afield-secret-key-";
const SUFFIX: &str = "secret";
/// The longest key file, in bytes.
const MAX_BYTES: u64 = 256;

impl KeyFolder {
    /// The default name of a key.
    pub const DEFAULT: &str = "default";

    /// The folder at `explicit`, else `afield/keys` in the user's data folder
    /// (`XDG_DATA_HOME`, `~/.local/share`).
    ///
    /// # Errors
    /// [`KeyError::NoFolder`] if no folder is given and the home directory is unknown.
    pub fn locate(explicit: Option<&Path>) -> Result<Self, BundleError> {
        use etcetera::BaseStrategy;
        if let Some(root) = explicit {
            return Ok(Self::at(root));
        }
        let home = etcetera::choose_base_strategy().map_err(|_| KeyError::NoFolder)?;
        Ok(Self::at(home.data_dir().join("afield").join("keys")))
    }

    /// The key folder at `root`.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Makes the key `name` from a random seed. It is on disk when this returns.
    ///
    /// # Errors
    /// [`KeyError::Exists`], [`KeyError::Name`], [`BundleError::Io`].
    pub fn make(&self, name: &str) -> Result<PublicKey, BundleError> {
        let path = self.path(name)?;
        let mut seed = [0; 32];
        let no_seed = |e: getrandom::Error| std::io::Error::other(e.to_string());
        getrandom::fill(&mut seed)
            .map_err(|e| BundleError::io("draw a key for", &path)(no_seed(e)))?;
        let key = SecretKey::from_seed(seed);
        self.make_folder()?;
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = match options.open(&path) {
            Err(e) if e.kind() == ErrorKind::AlreadyExists => {
                let name = name.to_owned();
                return Err(KeyError::Exists { name }.into());
            }
            other => other.map_err(BundleError::io("make", &path))?,
        };
        let written = writeln!(file, "{PREFIX}{}", hex(key.seed())).and_then(|()| file.sync_all());
        if let Err(source) = written {
            // An incomplete key file would prevent the creation of a complete one.
            let _ = fs::remove_file(&path);
            return Err(BundleError::io("write", &path)(source));
        }
        Ok(key.public())
    }

    /// The secret key `name`.
    ///
    /// # Errors
    /// [`KeyError::Missing`], [`KeyError::Exposed`] if other users can read it,
    /// [`KeyError::Damaged`], [`BundleError::Io`].
    pub fn secret(&self, name: &str) -> Result<SecretKey, BundleError> {
        let path = self.path(name)?;
        let file = match File::open(&path) {
            Err(e) if e.kind() == ErrorKind::NotFound => {
                return Err(KeyError::Missing {
                    name: name.to_owned(),
                    folder: self.root.clone(),
                }
                .into());
            }
            other => other.map_err(BundleError::io("read", &path))?,
        };
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let metadata = file.metadata().map_err(BundleError::io("read", &path))?;
            if metadata.permissions().mode() & 0o077 != 0 {
                return Err(KeyError::Exposed { path }.into());
            }
        }
        let mut text = String::new();
        let read = file.take(MAX_BYTES).read_to_string(&mut text);
        let seed = read
            .ok()
            .and_then(|_| from_hex(text.trim_end().strip_prefix(PREFIX)?));
        let seed = seed.ok_or(KeyError::Damaged { path })?;
        Ok(SecretKey::from_seed(seed))
    }

    /// Names and public keys of all secret keys, sorted by name. Unreadable files are skipped.
    ///
    /// # Errors
    /// [`BundleError::Io`] when the folder cannot be read. A missing folder has no keys.
    pub fn list(&self) -> Result<Vec<(String, PublicKey)>, BundleError> {
        let entries = match fs::read_dir(&self.root) {
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.map_err(BundleError::io("read", &self.root))?,
        };
        let mut keys = Vec::new();
        for entry in entries {
            let path = entry.map_err(BundleError::io("read", &self.root))?.path();
            let name = path.file_stem().and_then(|name| name.to_str());
            if let (Some(name), true) = (name, path.extension().is_some_and(|e| e == SUFFIX))
                && let Ok(key) = self.secret(name)
            {
                keys.push((name.to_owned(), key.public()));
            }
        }
        keys.sort();
        Ok(keys)
    }

    /// Makes the folder, accessible to its owner only.
    pub(super) fn make_folder(&self) -> Result<(), BundleError> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        (builder.create(&self.root)).map_err(BundleError::io("make", &self.root))
    }

    fn path(&self, name: &str) -> Result<PathBuf, BundleError> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        match !name.is_empty() && name.len() <= 64 && name.chars().all(plain) {
            true => Ok(self.root.join(format!("{name}.{SUFFIX}"))),
            false => Err(KeyError::Name { name: name.into() }.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_is_made_once_and_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let keys = KeyFolder::at(folder.path().join("keys"));
        assert!(keys.list().unwrap().is_empty());
        assert!(matches!(
            keys.secret("default"),
            Err(BundleError::Key(KeyError::Missing { .. }))
        ));
        let made = keys.make("default").unwrap();
        assert_eq!(keys.secret("default").unwrap().public(), made);
        assert!(matches!(
            keys.make("default"),
            Err(BundleError::Key(KeyError::Exists { .. }))
        ));
        let other = keys.make("other").unwrap();
        assert_ne!(other, made);
        assert_eq!(
            keys.list().unwrap(),
            [("default".to_owned(), made), ("other".to_owned(), other)]
        );
        for name in ["", "../x", "A", "a.b", &"a".repeat(65)] {
            assert!(
                matches!(
                    keys.make(name),
                    Err(BundleError::Key(KeyError::Name { .. }))
                ),
                "{name}"
            );
        }
    }

    #[cfg(unix)]
    #[test]
    fn secret_key_is_readable_by_its_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let keys = KeyFolder::at(folder.path().join("keys"));
        keys.make("default").unwrap();
        let path = keys.root().join("default.secret");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(keys.root())), (0o600, 0o700));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let refused = keys.secret("default").unwrap_err();
        assert!(
            matches!(refused, BundleError::Key(KeyError::Exposed { .. })),
            "{refused}"
        );
    }

    #[test]
    fn file_without_a_key_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let keys = KeyFolder::at(folder.path());
        keys.make("default").unwrap();
        let path = folder.path().join("default.secret");
        let sound = fs::read_to_string(&path).unwrap();
        for text in [
            "",
            "afield-secret-key-",
            &sound[1..],
            &sound[..60],
            &sound.to_uppercase(),
        ] {
            fs::write(&path, text).unwrap();
            let refused = keys.secret("default").unwrap_err();
            assert!(
                matches!(refused, BundleError::Key(KeyError::Damaged { .. })),
                "{text}"
            );
        }
    }
}
