//! The origin of a report: command, version and machine.

use crate::evaluate::Machine;

/// Command, version and machine of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provenance {
    /// The command line, as it was given.
    pub command: String,
    /// How many recordings the report was made on, if it was made on recordings.
    pub recordings: Option<String>,
    /// Version of the program.
    pub version: String,
    /// The machine of the run.
    pub machine: Machine,
}
