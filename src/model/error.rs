//! What can go wrong with cards, the cache and fetching.

use std::io;
use std::path::{Path, PathBuf};

use super::Origin;
use crate::signal::ErrorKind;

/// Why a card or a model is not available.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// A card cannot be read, or a value on it is not valid.
    #[error("{}", card_message(path, *key, reason))]
    Card {
        /// The file of the card.
        path: PathBuf,
        /// The key with the invalid value, with its tables; `None` if the card is not valid TOML,
        /// lacks a key, has an unknown one or is too long.
        key: Option<&'static str>,
        /// What is wrong: with line and column, or expected and found.
        reason: String,
    },
    /// The card to add does not state the checksum of its model.
    #[error("card {path} lacks the checksum of its model; {file} has sha256 {sha256}",
        path = path.display(), file = file.display())]
    CardLacksChecksum {
        /// The file of the card.
        path: PathBuf,
        /// The file to add.
        file: PathBuf,
        /// The checksum of that file.
        sha256: String,
    },
    /// Another card has the name already.
    #[error("there is another card named {name}")]
    NameTaken {
        /// The name.
        name: String,
        /// The card to add.
        path: PathBuf,
    },
    /// No card has the name.
    #[error("no model is named {name:?}; known are {known}", known = known.join(", "))]
    Unknown {
        /// The name asked for.
        name: String,
        /// All known names.
        known: Vec<String>,
        /// The known name that is most alike, if any is.
        nearest: Option<String>,
    },
    /// The model is not in the cache, or cannot be fetched into it.
    #[error("model {name} {reason}")]
    NotFetched {
        /// The model.
        name: String,
        /// Where the model comes from.
        origin: Box<Origin>,
        /// What is in the way.
        reason: &'static str,
    },
    /// A file is not the one that the card describes.
    #[error("{what} has sha256 {actual}, not {expected}")]
    Checksum {
        /// The file, in words.
        what: String,
        /// The model.
        name: String,
        /// Where the model comes from.
        origin: Box<Origin>,
        /// Which file was checked.
        checked: Checked,
        /// The checksum on the card.
        expected: String,
        /// The checksum of the file.
        actual: String,
    },
    /// The labels of a model's classes are not those that its card describes.
    #[error("the labels in {} cannot be used: {reason}", path.display())]
    Labels {
        /// Their file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The card names no published classes.
    #[error("the card of {name} names no published classes")]
    NoClasses {
        /// The model.
        name: String,
    },
    /// A file is larger than allowed.
    #[error("{what} is {bytes} bytes long, more than the {limit} that a model may have")]
    TooLarge {
        /// The file, in words.
        what: String,
        /// Its size.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// The values of a tensor lie in another file, which cannot be taken in.
    #[error("{}: the values of tensor {tensor:?} lie in {location:?}: {reason}", file.display())]
    OtherFile {
        /// The file to add.
        file: PathBuf,
        /// The tensor.
        tensor: String,
        /// The other file, as the file to add calls it.
        location: String,
        /// What is wrong.
        reason: String,
    },
    /// A file or folder cannot be read or written.
    #[error("cannot {action} {path}: {reason}", path = path.display())]
    Io {
        /// The verb.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The answer of the system.
        reason: io::Error,
    },
    /// The home directory is unknown, so that the cache has no folder.
    #[error("no folder for the cache: the home directory is unknown")]
    NoCacheFolder,
    /// Python cannot be started, or has no pip.
    #[error("{}", pip_message(python, reason.as_ref()))]
    NoPip {
        /// The commands that were tried.
        python: String,
        /// The answer of the system; `None` if Python runs and has no pip.
        reason: Option<io::Error>,
    },
    /// pip did not deliver the wheel.
    #[error("pip could not download {requirement} ({status}){stderr}",
        stderr = if stderr.is_empty() { String::new() } else { format!(":\n{stderr}") })]
    Pip {
        /// The command.
        python: String,
        /// The package and its version.
        requirement: String,
        /// How pip ended.
        status: String,
        /// The last lines that pip wrote to stderr.
        stderr: String,
    },
    /// The wheel is damaged, or lacks the model.
    #[error("wheel {wheel} is damaged: {reason}")]
    Wheel {
        /// The file name of the wheel.
        wheel: String,
        /// What is wrong.
        reason: String,
    },
}

/// The file that was compared with a checksum on a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checked {
    /// The model in the cache.
    Cached,
    /// A wheel from the package index.
    Wheel,
    /// The model in a wheel.
    Member,
    /// The model that is part of the program.
    BuiltIn,
    /// A file that a user adds.
    File,
}

impl ModelError {
    /// The reason of [`Self::NotFetched`] if only the labels of published classes are missing.
    pub const LACKS_LABELS: &str = "lacks the labels of its classes";

    /// The kind of this error.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Card { .. } | Self::CardLacksChecksum { .. } | Self::Labels { .. } => {
                ErrorKind::InvalidInput
            }
            Self::NoClasses { .. } => ErrorKind::Unsupported,
            Self::NameTaken { .. } => ErrorKind::AlreadyExists,
            Self::Unknown { .. } | Self::NotFetched { .. } | Self::NoCacheFolder => {
                ErrorKind::NotFound
            }
            Self::Checksum {
                checked: Checked::Cached | Checked::BuiltIn,
                ..
            }
            | Self::Wheel { .. } => ErrorKind::Damaged,
            Self::Checksum { .. } | Self::OtherFile { .. } => ErrorKind::Mismatch,
            Self::TooLarge { .. } => ErrorKind::Limit,
            Self::Io { .. } => ErrorKind::Io,
            Self::NoPip { .. } | Self::Pip { .. } => ErrorKind::Unavailable,
        }
    }

    pub(super) fn io(action: &'static str, path: &Path, reason: io::Error) -> Self {
        Self::Io {
            action,
            path: path.into(),
            reason,
        }
    }

    /// A card that cannot be read as a whole.
    pub(super) fn unreadable_card(path: &Path, reason: impl Into<String>) -> Self {
        Self::Card {
            path: path.into(),
            key: None,
            reason: reason.into(),
        }
    }

    /// A card with an invalid value.
    pub(super) fn card_field(
        path: &Path,
        key: &'static str,
        expected: impl std::fmt::Display,
        actual: impl std::fmt::Display,
    ) -> Self {
        Self::Card {
            path: path.into(),
            key: Some(key),
            reason: format!("expects {expected}, not {actual}"),
        }
    }
}

fn card_message(path: &Path, key: Option<&str>, reason: &str) -> String {
    match key {
        Some(key) => format!("card {}: key `{key}` {reason}", path.display()),
        None => format!("cannot read card {}: {reason}", path.display()),
    }
}

fn pip_message(python: &str, reason: Option<&io::Error>) -> String {
    match reason {
        Some(reason) => format!("cannot run {python}: {reason}"),
        None => format!("{python} has no pip"),
    }
}
