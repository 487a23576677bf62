//! What can go wrong with bundles.

use std::path::PathBuf;

use super::{KeyError, PublicKey};
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
    /// The bytes are not a bundle.
    #[error("this is no bundle: {reason}")]
    NoBundle {
        /// The reason.
        reason: &'static str,
    },
    /// A later version of Afield wrote the bundle.
    #[error("a bundle of format {found}, this program reads {known}")]
    Version {
        /// The format of the bundle.
        found: u16,
        /// The only supported format.
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
        /// The signing key that the bundle names.
        key: PublicKey,
    },
    /// The signature is valid, but the contents are not.
    #[error("the bundle contradicts itself: {reason}")]
    Contents {
        /// What is wrong.
        reason: String,
    },
    /// The contents cannot be made into a learner, or the learner cannot be made into a bundle.
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
        /// The revision of the bundle.
        revision: u64,
        /// The latest imported revision.
        known: u64,
    },
    /// A key cannot be read, found or made.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The file of imported revisions cannot be parsed.
    #[error("{} is damaged: {reason}", path.display())]
    DamagedImports {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

impl BundleError {
    /// The kind of this error.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Io { .. } => ErrorKind::Io,
            Self::TooLarge { .. } => ErrorKind::Limit,
            Self::Key(error) => error.kind(),
            Self::NoBundle { .. } => ErrorKind::InvalidInput,
            Self::Version { .. } | Self::Untrusted { .. } | Self::Older { .. } => {
                ErrorKind::Mismatch
            }
            Self::Forged { .. }
            | Self::Contents { .. }
            | Self::NoLearner { .. }
            | Self::DamagedImports { .. } => ErrorKind::Damaged,
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
