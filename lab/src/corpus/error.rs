//! What can go wrong with corpora.
//!
//! Messages are whole: they carry their cause and, where the user can act, a
//! last line that starts with `hint: `.

use std::io;
use std::path::{Path, PathBuf};

use afield::model::{ModelError, io_hint};

/// Why a corpus could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CorpusError {
    /// The card is no TOML, or a value on it cannot be.
    #[error("cannot read card {path}: {reason}", path = path.display())]
    Card {
        /// The card's file.
        path: PathBuf,
        /// What is wrong, with the key.
        reason: String,
    },
    /// The pattern of file names does not serve.
    #[error("the pattern {pattern:?} does not serve: {reason}")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// What is wrong.
        reason: String,
    },
    /// No card has the name.
    #[error(
        "no data are named {name:?}; known are {known}\n\
         hint: for a folder of your own, give its path: DIR/<class>/<clip>",
        known = known.join(", ")
    )]
    Unknown {
        /// The name asked for.
        name: String,
        /// All names there are.
        known: Vec<String>,
    },
    /// The corpus is not in the cache.
    #[error("the data {name} are not in the cache\nhint: `afield data get {name}`")]
    NotFetched {
        /// The corpus.
        name: String,
    },
    /// The clips are not those that the card describes.
    #[error("{what}: the {clips} clips have sha256 {actual}, not {expected}\nhint: {hint}")]
    Checksum {
        /// Which clips.
        what: String,
        /// How many there are.
        clips: usize,
        /// The card's checksum.
        expected: String,
        /// The clips' checksum.
        actual: String,
        /// What to do.
        hint: String,
    },
    /// A program that fetching needs is not there.
    #[error(
        "cannot run {program}: {reason}\n\
         hint: {name} comes as a Debian package, through apt; elsewhere, bring recordings of your own: --data DIR, laid out as DIR/<class>/<clip>"
    )]
    NoProgram {
        /// The corpus.
        name: String,
        /// The program.
        program: String,
        /// The system's answer.
        reason: io::Error,
    },
    /// A program that fetching needs failed.
    #[error(
        "{doing} failed ({status}):\n{said}\n\
         hint: check the network, apt's sources and the free space in the cache; or bring recordings of your own: --data DIR"
    )]
    Program {
        /// The command.
        doing: String,
        /// How it ended.
        status: String,
        /// The last lines that it wrote.
        said: String,
    },
    /// pip could not get a package.
    #[error(transparent)]
    Pip(#[from] ModelError),
    /// There is no Python to convert what pip got.
    #[error(
        "cannot run {program}: {reason}\n\
         hint: {name} is converted by python3; install it, or name another with AFIELD_PYTHON"
    )]
    NoPython {
        /// The corpus.
        name: String,
        /// The program.
        program: String,
        /// The system's answer.
        reason: io::Error,
    },
    /// The conversion of what pip got failed.
    #[error(
        "{doing} failed ({status}):\n{said}\n\
         hint: Python 3.6 or later is needed, and free space in the cache; another Python: AFIELD_PYTHON"
    )]
    Convert {
        /// The command.
        doing: String,
        /// How it ended.
        status: String,
        /// The last lines that it wrote.
        said: String,
    },
    /// What pip got is not what the card describes.
    #[error(
        "{}: {reason}\n\
         hint: the index served another file than the card was made for; check which index pip uses",
        wheel.display()
    )]
    Wheel {
        /// The wheel.
        wheel: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A program that fetching needs took too long and was stopped.
    #[error(
        "{doing} did not end within {limit_seconds} s and was stopped\n\
         hint: check the network and apt's sources, then try again"
    )]
    Timeout {
        /// The command.
        doing: String,
        /// The time it had, in seconds.
        limit_seconds: u64,
    },
    /// The package lacks the clips.
    #[error(
        "{package} has no folder {folder}\n\
         hint: your release carries another version; bring recordings of your own: --data DIR"
    )]
    NoFolder {
        /// The package.
        package: String,
        /// The folder looked for.
        folder: String,
    },
    /// apt ended well, but there is not exactly one package.
    #[error("apt-get left {count} files of package {package}, not 1")]
    PackageCount {
        /// The package.
        package: String,
        /// Files found.
        count: usize,
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
}

impl CorpusError {
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |reason| Self::Io {
            action,
            path: path.into(),
            reason,
        }
    }
}
