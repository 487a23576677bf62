//! What can go wrong between a data set on disk and a report.
//!
//! Messages name the file and the array, row or line; where the user can act,
//! the second line is a hint.

use std::path::PathBuf;

use afield::learner::LearnError;
use afield::signal::SignalError;

/// Why an evaluation could not be set up, run or written down.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvaluateError {
    /// A file could not be read.
    #[error("cannot read {}: {fault}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        fault: std::io::Error,
    },
    /// A file could not be written.
    #[error("cannot write {}: {fault}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        fault: std::io::Error,
    },
    /// An archive could not be written.
    #[error("cannot write the archive: {0}")]
    Archiving(std::io::Error),
    /// The file is no npz archive.
    #[error(
        "{} is no npz archive: {reason}\nhint: write it with numpy.savez(path, X=X, y=y, group=group, test=test)",
        path.display()
    )]
    Archive {
        /// The file.
        path: PathBuf,
        /// What the decoder met.
        reason: String,
    },
    /// An array of the archive is missing or cannot be used.
    #[error("array '{array}' of {}: {fault}", path.display())]
    Array {
        /// The archive.
        path: PathBuf,
        /// The array's name.
        array: &'static str,
        /// What is wrong with it.
        fault: ArrayFault,
    },
    /// A line of the manifest cannot be used.
    #[error("{}, line {line}: {reason}", path.display())]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// Line, counted from 1.
        line: u64,
        /// What is wrong with it, with a hint where one helps.
        reason: String,
    },
    /// The group pattern has no capture, or does not match a clip.
    #[error("--group-pattern '{pattern}': {reason}")]
    GroupPattern {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Class names are labels, and this one cannot be one.
    #[error("class of example {example}: {fault}")]
    Class {
        /// Position of the example, counted from 0.
        example: usize,
        /// What a label must be.
        fault: SignalError,
    },
    /// Two arrays that belong together differ in length.
    #[error("{what} has {actual} entries where {expected} are needed")]
    Lengths {
        /// What is too short or too long.
        what: &'static str,
        /// How many there should be.
        expected: usize,
        /// How many there are.
        actual: usize,
    },
    /// A data set too large to be meant.
    #[error("{what} of {actual} is above the limit of {limit}")]
    Limit {
        /// What is too large.
        what: &'static str,
        /// The limit.
        limit: usize,
        /// The size met.
        actual: usize,
    },
    /// An embedding holds NaN or an infinity.
    #[error(
        "embedding row {row} (counted from 0) is not finite in column {column}\nhint: find such rows with numpy.isfinite(X).all(axis=1)"
    )]
    NotFinite {
        /// Row of the embedding matrix.
        row: usize,
        /// Its first column that is not finite.
        column: usize,
    },
    /// There is nothing to tell apart.
    #[error("the data hold {classes} class(es), at least 2 are needed")]
    Classes {
        /// Distinct classes found.
        classes: usize,
    },
    /// One side of the split is empty.
    #[error(
        "the {side} side of the split is empty\nhint: the test side is chosen by --test-groups, by the npz's test array or by the manifest's split column"
    )]
    EmptySide {
        /// `training` or `test`.
        side: &'static str,
    },
    /// A group named for testing does not exist.
    #[error("--test-groups: there is no group '{unknown}'\nhint: the groups are {known}")]
    UnknownGroup {
        /// The name asked for.
        unknown: String,
        /// The groups there are, comma-separated.
        known: String,
    },
    /// Groups are needed and there are none.
    #[error(
        "{needed_by} needs groups, and the data name none\nhint: groups come from the npz's group array, the manifest's group column or --group-pattern"
    )]
    NoGroups {
        /// The flag that needs them.
        needed_by: &'static str,
    },
    /// The stream needs more than one training group.
    #[error(
        "--protocol domain-incremental needs at least 2 training groups, there is only '{only}'\nhint: leave more groups out of --test-groups"
    )]
    OneDomain {
        /// The one training group.
        only: String,
    },
    /// A share that is none.
    #[error("'{text}' is no share\nhint: write a number from 0 to 1; 0.05 is one in twenty")]
    Share {
        /// What was written.
        text: String,
    },
    /// A ratio of class sizes that is none.
    #[error(
        "'{text}' is no ratio of the largest to the smallest class\nhint: write a number from 1 (all alike) up; with 50 the rarest class keeps one clip in fifty"
    )]
    Ratio {
        /// What was written.
        text: String,
    },
    /// Too few classes for one of them to change.
    #[error(
        "--protocol drift needs at least {needed} classes with training and test clips, there are {classes}\nhint: one class becomes another, and a third is needed to tell them from"
    )]
    DriftClasses {
        /// How many there must be.
        needed: usize,
        /// How many there are.
        classes: usize,
    },
    /// No set of whole groups can be held out.
    #[error(
        "no group can be held out without losing a class from training\nhint: choose the test side with --test-groups, an npz test array or a split column"
    )]
    NoGroupSplit,
    /// There is no contract to learn under.
    #[error("no contract says how embeddings become examples")]
    NoContract,
    /// The learner refused.
    #[error(transparent)]
    Learner(#[from] LearnError),
    /// The upper bound's linear algebra failed.
    #[error("the joint upper bound cannot be computed: {reason}")]
    UpperBound {
        /// What failed.
        reason: String,
    },
    /// A chart could not be drawn.
    #[error("the report's chart cannot be drawn: {reason}")]
    Chart {
        /// What the drawing library said.
        reason: String,
    },
}

/// What is wrong with one array of an npz archive.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ArrayFault {
    /// It is not there.
    #[error("missing\nhint: the archive holds {present}")]
    Missing {
        /// The arrays there are, comma-separated.
        present: String,
    },
    /// It cannot be unpacked.
    #[error("cannot be unpacked: {0}")]
    Unpack(String),
    /// It is larger than the limit.
    #[error("larger than the limit of {limit_bytes} bytes")]
    TooLarge {
        /// The limit, unpacked.
        limit_bytes: u64,
    },
    /// Its header is not that of an npy file.
    #[error("not an npy array ({0})")]
    Header(&'static str),
    /// Header and data disagree in size.
    #[error("holds {actual} bytes of data where its shape needs {expected}")]
    Size {
        /// Bytes that shape and dtype ask for.
        expected: u128,
        /// Bytes there are.
        actual: usize,
    },
    /// Its shape does not fit its role.
    #[error("has shape {actual:?}, expected {expected}")]
    Shape {
        /// The shape asked for, in words.
        expected: &'static str,
        /// The shape met.
        actual: Vec<usize>,
    },
    /// Its dtype does not fit its role.
    #[error("has dtype '{actual}', expected {expected}\nhint: {hint}")]
    Dtype {
        /// The dtypes that do.
        expected: &'static str,
        /// The dtype met.
        actual: String,
        /// How to convert it.
        hint: &'static str,
    },
    /// One of its values cannot be read.
    #[error("entry {index} (counted from 0) {reason}")]
    Value {
        /// Position of the entry.
        index: usize,
        /// What is wrong with it.
        reason: &'static str,
    },
}
