//! What can go wrong with bundles and keys.

use std::path::PathBuf;

use super::PublicKey;
use crate::signal::ErrorKind;

/// Why a bundle cannot be made or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// A file or folder cannot be read, made or written.
    #[error("cannot {what} {}: {source}", path.display())]
    Io {
        /// The verb, such as `read`.
        what: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The bundle is larger than a bundle may be.
    #[error("a bundle of {bytes} bytes, {limit} at most")]
    TooLarge {
        /// Its size, as far as it was read.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// The bytes are no bundle.
    #[error("this is no bundle: {reason}")]
    NoBundle {
        /// The reason.
        reason: &'static str,
    },
    /// A later version wrote it.
    #[error("a bundle of format {found}, this program reads {known}")]
    Version {
        /// Format found.
        found: u16,
        /// The one known.
        known: u16,
    },
    /// The key that signed it is not trusted.
    #[error("the bundle is signed with {key}, which is not trusted")]
    Untrusted {
        /// The key.
        key: PublicKey,
    },
    /// The signature does not belong to these bytes.
    #[error("the bundle is not what {key} signed: it was changed or damaged on the way")]
    Forged {
        /// The key that it names.
        key: PublicKey,
    },
    /// The signature is right, and the contents are not valid.
    #[error("the bundle contradicts itself: {reason}")]
    Contents {
        /// What is wrong.
        reason: String,
    },
    /// What it holds makes no learner, or a learner makes no bundle.
    #[error("the bundle makes no learner: {reason}")]
    NoLearner {
        /// What is wrong.
        reason: String,
    },
    /// A later revision of the same learner was imported before.
    #[error(
        "the bundle is revision {revision} of its learner, and revision {known} has been imported here before"
    )]
    Older {
        /// Its revision.
        revision: u64,
        /// The latest that was imported.
        known: u64,
    },
    /// The text is no public key.
    #[error("no public key: {text:?}")]
    Key {
        /// What was given.
        text: String,
    },
    /// The text cannot name a key.
    #[error("no name of a key: {name:?}")]
    KeyName {
        /// What was given.
        name: String,
    },
    /// There is no secret key of this name.
    #[error("there is no key {name:?} in {}", folder.display())]
    NoKey {
        /// The name.
        name: String,
        /// Where it was looked for.
        folder: PathBuf,
    },
    /// There is a secret key of this name already.
    #[error("there is a key {name:?} already")]
    KeyExists {
        /// The name.
        name: String,
    },
    /// Others than its owner can read the file of a secret key.
    #[error("{} can be read by others than its owner", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
    },
    /// The file holds no secret key.
    #[error("{} holds no secret key", path.display())]
    DamagedKey {
        /// The file.
        path: PathBuf,
    },
    /// The file of imported revisions cannot be parsed.
    #[error("{} is damaged: {reason}", path.display())]
    DamagedImports {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// No folder was given, and the user has no home.
    #[error("no folder for keys is known")]
    NoKeyFolder,
}

impl BundleError {
    /// The sort of error.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Io { .. } => ErrorKind::Io,
            Self::TooLarge { .. } => ErrorKind::Limit,
            Self::NoBundle { .. } | Self::Key { .. } | Self::KeyName { .. } => {
                ErrorKind::InvalidInput
            }
            Self::Version { .. } | Self::Untrusted { .. } | Self::Older { .. } => {
                ErrorKind::Mismatch
            }
            Self::Forged { .. }
            | Self::Contents { .. }
            | Self::NoLearner { .. }
            | Self::Exposed { .. }
            | Self::DamagedKey { .. }
            | Self::DamagedImports { .. } => ErrorKind::Damaged,
            Self::NoKey { .. } | Self::NoKeyFolder => ErrorKind::NotFound,
            Self::KeyExists { .. } => ErrorKind::AlreadyExists,
        }
    }

    pub(super) fn io(
        what: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { what, path, source }
    }
}
