//! The command line: arguments in, rooms assembled, results out.

pub mod model;
