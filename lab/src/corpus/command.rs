//! Runs a program to its end or its time limit, and keeps its last lines.

use std::fs::File;
use std::io::{self, Read};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use tempfile::NamedTempFile;

use afield::model::program::{last_lines, wait};

/// How a program ended.
pub(super) struct Ended {
    /// `None` if the program was stopped at its time limit.
    pub status: Option<ExitStatus>,
    /// The last lines that the program wrote to stdout or stderr.
    pub said: String,
}

/// Why a program did not run to its end.
pub(super) enum Fault {
    /// It could not be started.
    Start(io::Error),
    /// Its output could not be kept, or it could not be waited for.
    Watch(io::Error),
}

/// Runs `command` for at most `limit`. `said` gets the latest line, ten times a second.
pub(super) fn run(
    command: &mut Command,
    limit: Duration,
    said: &mut dyn FnMut(&str),
) -> Result<Ended, Fault> {
    // A file, not a pipe: a grandchild that keeps a pipe open cannot block this call. The file is
    // not in the folder that the program fills, because that folder may have no space left.
    let log = NamedTempFile::new().map_err(Fault::Watch)?;
    let appended = || File::options().append(true).open(log.path());
    let (talk, faults) = (
        appended().map_err(Fault::Watch)?,
        appended().map_err(Fault::Watch)?,
    );
    let mut child = command
        .stdin(Stdio::null())
        .stdout(talk)
        .stderr(faults)
        .spawn()
        .map_err(Fault::Start)?;
    let status = wait(&mut child, limit, &mut || {
        said(&last_lines(&talk_of(&log), 1))
    });
    let status = status.map_err(Fault::Watch)?;
    let said = last_lines(&talk_of(&log), 8);
    Ok(Ended { status, said })
}

/// The output so far, at most 1 MiB of it.
fn talk_of(log: &NamedTempFile) -> String {
    let read = || -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        log.reopen()?.take(1 << 20).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    String::from_utf8_lossy(&read().unwrap_or_default()).into_owned()
}
