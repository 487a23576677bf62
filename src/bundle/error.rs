//! What can go wrong with bundles and keys.

use std::path::PathBuf;

use super::PublicKey;

/// Why a bundle cannot be made or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// A file or folder failed.
    #[error("cannot {what} {}: {source}\nhint: check its name, whose it is, and the room left", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// More than a bundle may have.
    #[error(
        "a bundle of {bytes} bytes, {limit} at most\nhint: without --with-examples it is smaller"
    )]
    TooLarge {
        /// Its size, as far as it was read.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// Not a bundle.
    #[error("this is no bundle: {reason}\nhint: `afield export DIR -o FILE` makes one")]
    NoBundle {
        /// How it can be told.
        reason: &'static str,
    },
    /// Of a later version.
    #[error("a bundle of format {found}, this program reads {known}\nhint: update afield")]
    Version {
        /// Format found.
        found: u16,
        /// The one known.
        known: u16,
    },
    /// Signed with a key that nobody vouched for.
    #[error(
        "the bundle is signed with {key}, which is not trusted\nhint: if that is what `afield key show` prints where it comes from, import it with --trust {key}"
    )]
    Untrusted {
        /// The key.
        key: PublicKey,
    },
    /// The signature is not of these bytes.
    #[error(
        "the bundle is not what {key} signed: it was changed or damaged on the way\nhint: fetch it again from where it comes from"
    )]
    Forged {
        /// The key that it names.
        key: PublicKey,
    },
    /// Signed, and yet nothing that a learner can be made of.
    #[error(
        "the bundle contradicts itself: {reason}\nhint: export it again with this version of afield"
    )]
    Contents {
        /// What is wrong.
        reason: String,
    },
    /// Older than what came before it.
    #[error(
        "the bundle is revision {revision} of its learner, and revision {known} has been imported here before\nhint: ask for a new export; an old one may bring back what was taken back since"
    )]
    Older {
        /// Its revision.
        revision: u64,
        /// The latest that was imported.
        known: u64,
    },
    /// No text of a key.
    #[error(
        "no public key: {text:?}\nhint: `afield key show` prints one, afield-key- and 64 hex digits"
    )]
    Key {
        /// What was given.
        text: String,
    },
    /// No name of a key.
    #[error("no name of a key: {name:?}\nhint: up to 64 lower-case letters, digits and dashes")]
    KeyName {
        /// What was given.
        name: String,
    },
    /// There is no secret key to sign with.
    #[error("there is no key {name:?} in {}\nhint: `afield key new` makes one", folder.display())]
    NoKey {
        /// The name.
        name: String,
        /// Where it was looked for.
        folder: PathBuf,
    },
    /// There is a secret key already.
    #[error(
        "there is a key {name:?} already\nhint: `afield key show` prints its public half; `afield key new NAME` makes another"
    )]
    KeyExists {
        /// The name.
        name: String,
    },
    /// A secret that others can read is none.
    #[error("{} can be read by others than its owner\nhint: if nobody did, chmod 600 {}; else make a new key", path.display(), path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
    },
    /// The file is no secret key.
    #[error("{} holds no secret key\nhint: restore it from a copy, or make a new key", path.display())]
    DamagedKey {
        /// The file.
        path: PathBuf,
    },
    /// The memory of imports is unreadable.
    #[error("{} is damaged: {reason}\nhint: restore it from a copy; without it older bundles are no longer refused", path.display())]
    DamagedImports {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// No home, no folder for keys.
    #[error("no folder for keys is known\nhint: name one with --keys or AFIELD_KEYS")]
    NoKeyFolder,
}

impl BundleError {
    pub(super) fn io(
        what: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { what, path, source }
    }
}
