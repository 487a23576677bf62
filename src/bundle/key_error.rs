//! What can go wrong with keys.

use std::path::PathBuf;

use crate::signal::ErrorKind;

/// Why a key cannot be read, found or made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The text is not a public key.
    #[error("no public key: {text:?}")]
    Syntax {
        /// The text.
        text: String,
    },
    /// The text is not a valid key name.
    #[error("no name of a key: {name:?}")]
    Name {
        /// The text.
        name: String,
    },
    /// No secret key has this name.
    #[error("there is no key {name:?} in {}", folder.display())]
    Missing {
        /// The name.
        name: String,
        /// The folder that was searched.
        folder: PathBuf,
    },
    /// A secret key of this name exists already.
    #[error("there is a key {name:?} already")]
    Exists {
        /// The name.
        name: String,
    },
    /// Users other than the owner can read the file of a secret key.
    #[error("{} can be read by others than its owner", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
    },
    /// The file does not hold a valid secret key.
    #[error("{} holds no secret key", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// No folder is given, and the home directory is unknown.
    #[error("no folder for keys is known")]
    NoFolder,
}

impl KeyError {
    /// The kind of this error.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Syntax { .. } | Self::Name { .. } => ErrorKind::InvalidInput,
            Self::Exposed { .. } | Self::Damaged { .. } => ErrorKind::Damaged,
            Self::Missing { .. } | Self::NoFolder => ErrorKind::NotFound,
            Self::Exists { .. } => ErrorKind::AlreadyExists,
        }
    }
}
