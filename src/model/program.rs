//! Waits for child programs and reads their output.

use std::io;
use std::process::{Child, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

/// Waits for the child to end and calls `tick` ten times a second. After `limit` it stops the
/// child and returns `None`.
pub fn wait(
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

/// The last non-empty lines, without control characters.
pub fn last_lines(text: &str, lines: usize) -> String {
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
