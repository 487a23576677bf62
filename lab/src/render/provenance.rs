//! Where a report comes from: command, version and machine.

use crate::evaluate::Machine;

/// Command, version and machine of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provenance {
    /// The command line, as it was given.
    pub command: String,
    /// Version of the program.
    pub version: String,
    /// Where it ran.
    pub machine: Machine,
}
