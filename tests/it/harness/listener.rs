//! `afield listen` as a process that goes on while a test does other things.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::Program;

/// The exit status of a listener whose live source ended, or whose output nobody reads.
pub const ENDED: i32 = 4;

/// How long anything may take: machines under load are slow.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// A process that listens. It is stopped when this is dropped.
pub struct ListeningProcess {
    pub child: Child,
    /// The lines of standard error that nobody has waited for yet.
    unread: Receiver<String>,
    /// The lines of standard error so far.
    pub stderr: Vec<String>,
    events: Option<Receiver<String>>,
}

impl ListeningProcess {
    /// Starts it. Its output waits in the pipe until [`Self::read`].
    pub fn start(program: Program) -> Self {
        let mut child = program.spawn();
        let unread = lines_of(child.stderr.take().unwrap());
        Self {
            child,
            unread,
            stderr: Vec::new(),
            events: None,
        }
    }

    /// Reads its output from now on.
    pub fn read(&mut self) {
        self.events = Some(lines_of(self.child.stdout.take().unwrap()));
    }

    /// The next decision; `None` when it has ended.
    pub fn next(&mut self) -> Option<Value> {
        let events = self.events.as_ref().expect("its output is read");
        match events.recv_timeout(PATIENCE) {
            Ok(line) => Some(serde_json::from_str(&line).expect("a line of JSON")),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("no decision comes"),
        }
    }

    /// Waits until it says something on its standard error.
    pub fn wait_for(&mut self, what: &str) -> String {
        if let Some(line) = self.stderr.iter().find(|line| line.contains(what)) {
            return line.clone();
        }
        let until = Instant::now() + PATIENCE;
        while let Ok(line) = self.unread.recv_timeout(until - Instant::now()) {
            eprintln!("listen: {line}");
            self.stderr.push(line.clone());
            if line.contains(what) {
                return line;
            }
        }
        panic!("it never said {what:?}, but {:?}", self.stderr);
    }

    /// Waits for its end; all that it said on its standard error.
    pub fn end(&mut self) -> (ExitStatus, Vec<String>) {
        let status = self.child.wait().unwrap();
        self.stderr.extend(self.unread.iter());
        (status, self.stderr.clone())
    }
}

impl Drop for ListeningProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lines_of(from: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = channel();
    thread::spawn(move || {
        for line in BufReader::new(from).lines() {
            if !line.is_ok_and(|line| sender.send(line).is_ok()) {
                return;
            }
        }
    });
    lines
}

/// Waits until `what` holds.
pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < until, "never: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// The socket of the process that listens for `learner`.
pub fn socket(learner: &Path) -> PathBuf {
    learner.join("listen.sock")
}

/// A number of an event.
pub fn number(event: &Value, key: &str) -> f64 {
    event[key].as_f64().unwrap()
}
