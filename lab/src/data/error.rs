//! Errors of reading, checking, splitting and writing a data set.

use std::fmt;
use std::io;
use std::path::PathBuf;

use afield::signal::{ErrorKind, SignalError};

/// Why a data set could not be read, checked, split or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// A file could not be read or written.
    #[error("cannot {action} {}: {reason}", path.display())]
    File {
        /// `read` or `write`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        reason: io::Error,
    },
    /// A file is not an npz archive of embeddings.
    #[error("{}{fault}", path.display())]
    Npz {
        /// The archive.
        path: PathBuf,
        /// What is wrong with it.
        fault: NpzFault,
    },
    /// A line of a manifest cannot be used.
    #[error("{}, line {line}: {fault}", path.display())]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// Line, counted from 1.
        line: u64,
        /// What is wrong with it.
        fault: ManifestFault,
    },
    /// A group pattern is not valid or does not match a clip.
    #[error("group pattern '{pattern}' {fault}")]
    GroupPattern {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        fault: PatternFault,
    },
    /// Two arrays that belong together differ in length.
    #[error("{what} has {actual} entries, expected {expected}")]
    Lengths {
        /// The array.
        what: &'static str,
        /// The number of entries expected.
        expected: usize,
        /// The number found.
        actual: usize,
    },
    /// A data set is larger than is supported.
    #[error("{what} of {actual} is above the limit of {limit}")]
    Limit {
        /// What is too large.
        what: &'static str,
        /// The limit.
        limit: usize,
        /// The size found.
        actual: usize,
    },
    /// The name of a class is not valid as a label.
    #[error("class of example {example}: {fault}")]
    Class {
        /// Position of the example, counted from 0.
        example: usize,
        /// The rule that the name breaks.
        fault: SignalError,
    },
    /// An embedding holds NaN or an infinity.
    #[error("embedding row {row} (counted from 0) is not finite in column {column}")]
    NotFinite {
        /// Row of the embedding matrix.
        row: usize,
        /// Its first column that is not finite.
        column: usize,
    },
    /// The clips cannot be split into a training and a test side as requested.
    #[error("{0}")]
    Split(#[from] SplitFault),
}

impl DataError {
    /// The kind of the error.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::File { reason, .. } if reason.kind() == io::ErrorKind::NotFound => {
                ErrorKind::NotFound
            }
            Self::File { .. } => ErrorKind::Io,
            Self::Limit { .. }
            | Self::Npz {
                fault: NpzFault::Array(_, ArrayFault::TooLarge { .. }),
                ..
            } => ErrorKind::Limit,
            Self::Split(SplitFault::UnknownGroup { .. }) => ErrorKind::NotFound,
            Self::Npz { .. }
            | Self::Manifest { .. }
            | Self::GroupPattern { .. }
            | Self::Lengths { .. }
            | Self::Class { .. }
            | Self::NotFinite { .. }
            | Self::Split(_) => ErrorKind::InvalidInput,
        }
    }
}

/// What is wrong with an npz archive.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NpzFault {
    /// The file is not an npz archive.
    #[error(" is not an npz archive: {0}")]
    NotAnArchive(String),
    /// One of its arrays is missing or cannot be used.
    #[error(", array '{0}': {1}")]
    Array(&'static str, ArrayFault),
}

/// What is wrong with one array of an npz archive.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ArrayFault {
    /// The archive does not hold it.
    #[error("missing")]
    Missing {
        /// The arrays that the archive holds.
        present: Vec<String>,
    },
    /// Its dtype does not fit its role.
    #[error("has dtype '{actual}', expected {expected}")]
    Dtype {
        /// The expected type.
        expected: ArrayType,
        /// Its dtype, as NumPy writes it.
        actual: String,
    },
    /// It is larger than the limit.
    #[error("larger than the limit of {limit_bytes} bytes")]
    TooLarge {
        /// The limit, unpacked.
        limit_bytes: u64,
    },
    /// Its bytes, header, shape or values cannot be read.
    #[error("{0}")]
    Unreadable(String),
}

/// What an array of an npz archive must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArrayType {
    /// Numbers or text of any plain dtype.
    Plain,
    /// 32-bit floats.
    Float32,
    /// Integers or text.
    IntegersOrText,
    /// Integers.
    Integers,
    /// Booleans.
    Bool,
}

impl fmt::Display for ArrayType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain => "integers, floats or text",
            Self::Float32 => "float32",
            Self::IntegersOrText => "integers or text",
            Self::Integers => "integers",
            Self::Bool => "bool",
        })
    }
}

/// What is wrong with a line of a manifest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestFault {
    /// The file is larger than the limit.
    #[error("the file has more than {limit_bytes} bytes")]
    TooLarge {
        /// The limit.
        limit_bytes: u64,
    },
    /// The line has more or fewer fields than the header.
    #[error("{actual} fields where the header has {expected}")]
    Fields {
        /// Fields of the header.
        expected: u64,
        /// Fields of the line.
        actual: u64,
    },
    /// The header has a column that is not known.
    #[error("unknown column '{0}'")]
    UnknownColumn(String),
    /// The header lacks a column that is needed.
    #[error("the header needs the columns path and label")]
    MissingColumn,
    /// A field or the text of the line is not valid.
    #[error("{0}")]
    Text(String),
}

/// What is wrong with a group pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PatternFault {
    /// It is not a regular expression.
    #[error("is not a regular expression: {0}")]
    Invalid(String),
    /// It has no capture.
    #[error("has no capture")]
    NoCapture,
    /// It does not match a clip's file name.
    #[error("does not match the file name '{0}'")]
    NoMatch(String),
}

/// Why clips cannot be split into a training and a test side.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SplitFault {
    /// There are fewer than two classes to tell apart.
    #[error("the data hold {classes} class(es), at least 2 are needed")]
    Classes {
        /// Distinct classes found.
        classes: usize,
    },
    /// One side is empty.
    #[error("the {side} side of the split is empty")]
    EmptySide {
        /// `training` or `test`.
        side: &'static str,
    },
    /// A group that was named for testing does not exist.
    #[error("there is no group '{unknown}'")]
    UnknownGroup {
        /// The requested name.
        unknown: String,
        /// The groups that exist.
        known: Vec<String>,
    },
    /// The test side was requested by group, but the clips have no groups.
    #[error("the test side needs groups, and the data name none")]
    NoGroups,
    /// Every group holds all training clips of some class.
    #[error("no group can be held out without losing a class from training")]
    NoGroupSplit,
}
