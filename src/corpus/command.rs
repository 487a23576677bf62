//! A program run to its end or its time limit, its talk kept.

use std::fs::File;
use std::io::{self, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::NamedTempFile;

/// How a program ended.
pub(super) struct Ended {
    /// `None` when it was stopped at its limit.
    pub status: Option<ExitStatus>,
    /// The last lines that it wrote, on either stream.
    pub said: String,
}

/// Why a program could not be watched to its end.
pub(super) enum Fault {
    /// It could not be started.
    Start(io::Error),
    /// Its talk could not be kept, or it could not be waited for.
    Watch(io::Error),
}

/// Runs `command` for at most `limit`; `said` is told its latest line, ten
/// times a second.
pub(super) fn run(
    command: &mut Command,
    limit: Duration,
    said: &mut dyn FnMut(&str),
) -> Result<Ended, Fault> {
    // A file, not a pipe: a grandchild that keeps a pipe open cannot hang us.
    // Not in the folder that the program fills, which may have no space left.
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
    let status = wait(&mut child, limit, &mut || said(&tail(&talk_of(&log), 1)));
    let status = status.map_err(Fault::Watch)?;
    let said = tail(&talk_of(&log), 8);
    Ok(Ended { status, said })
}

fn wait(
    child: &mut Child,
    limit: Duration,
    tick: &mut dyn FnMut(),
) -> io::Result<Option<ExitStatus>> {
    let start = Instant::now();
    loop {
        match child.try_wait() {
            Ok(None) if start.elapsed() < limit => {}
            Ok(Some(status)) => return Ok(Some(status)),
            ended => {
                child.kill()?;
                child.wait()?;
                return ended;
            }
        }
        tick();
        thread::sleep(Duration::from_millis(100).min(limit));
    }
}

/// The talk so far, at most 1 MiB of it.
fn talk_of(log: &NamedTempFile) -> String {
    let read = || -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        log.reopen()?.take(1 << 20).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    String::from_utf8_lossy(&read().unwrap_or_default()).into_owned()
}

/// The last lines, without control characters.
fn tail(text: &str, lines: usize) -> String {
    let clean =
        |line: &str| -> String { line.chars().filter(|c| !c.is_control()).take(400).collect() };
    let mut last: Vec<String> = (text.lines().rev())
        .filter(|line| !line.trim().is_empty())
        .take(lines)
        .map(clean)
        .collect();
    last.reverse();
    last.join("\n")
}
