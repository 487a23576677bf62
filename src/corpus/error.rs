//! What can go wrong on the way to a data set.

use std::path::PathBuf;

/// Why a data set cannot be had. The cache is as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CorpusError {
    /// No card has this name.
    #[error("no data set is called {name:?}\nhint: one of {known}")]
    Unknown {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: String,
    },
    /// A card cannot be read.
    #[error("data card {name}: {reason}")]
    Card {
        /// Which card.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A program of the package manager is not there.
    #[error(
        "cannot run {program}: {source}\nhint: this data set comes as a Debian package; elsewhere, give recordings of your own with --data DIR, one folder a class"
    )]
    NoProgram {
        /// The program.
        program: &'static str,
        /// What the system says.
        source: std::io::Error,
    },
    /// The package manager failed.
    #[error(
        "{program} failed:\n{talk}\nhint: check the network and `apt-get update`; or give recordings of your own with --data DIR"
    )]
    Program {
        /// The program.
        program: &'static str,
        /// The last lines it said.
        talk: String,
    },
    /// The clips are not those of the card.
    #[error(
        "the clips of {name} are {actual_clips} with sha256 {actual}, expected {expected_clips} with {expected}\nhint: the package has changed; give recordings of your own with --data DIR"
    )]
    Content {
        /// The data set.
        name: String,
        /// Clips by the card.
        expected_clips: usize,
        /// sha256 by the card.
        expected: String,
        /// Clips found.
        actual_clips: usize,
        /// sha256 found.
        actual: String,
    },
    /// A file or folder cannot be read or written.
    #[error("{}: {source}\nhint: check its owner and the room on the disk", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}
