//! A learner's folder, and `afield listen` on it as a process that goes on while tests do
//! other things.

// Each test program uses a part of this.
#![allow(dead_code)]

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::{models, recording};

/// How long anything may take: machines under load are slow.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// A folder with a learner in it or soon to be, and the cache of the tests.
pub struct Bench {
    root: TempDir,
}

impl Bench {
    pub fn new() -> Self {
        models::fixture("tiny");
        Self {
            root: tempfile::tempdir().unwrap(),
        }
    }

    /// One with a learner on the tiny backbone, taught low and high tones.
    pub fn taught() -> Self {
        let bench = Self::new();
        ok(bench.run(&["init", "box", "--backbone", "tiny"]));
        for (label, hz) in [("low", 300.0), ("high", 3_000.0)] {
            for seed in 0..4 {
                let samples = recording::tone(16_000, hz + 10.0 * seed as f64, 0.5, seed);
                let name = format!("{label}-{seed}.wav");
                recording::write_wav(&bench.path(&name), 16_000, &samples);
                ok(bench.run(&["teach", label, &name]));
            }
        }
        bench
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_afield"));
        command
            .args(arguments)
            .current_dir(self.root.path())
            .env("AFIELD_CACHE", models::cache().root())
            .env("AFIELD_LEARNER", self.learner())
            .stdin(Stdio::null());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    pub fn learner(&self) -> PathBuf {
        self.path("box")
    }
}

pub fn ok(output: Output) -> Output {
    assert!(output.status.success(), "{}", stderr(&output));
    output
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What a process has printed, line by line.
pub fn lines(output: &Output) -> Vec<Value> {
    let text = std::str::from_utf8(&output.stdout).unwrap();
    text.lines().map(parsed).collect()
}

pub fn parsed(line: &str) -> Value {
    serde_json::from_str(line).unwrap()
}

pub fn number(event: &Value, key: &str) -> f64 {
    event[key].as_f64().unwrap()
}

/// A process that listens. It is stopped when this is dropped.
pub struct Listening {
    pub child: Child,
    said: Receiver<String>,
    pub heard: Vec<String>,
    events: Option<Receiver<String>>,
}

impl Listening {
    /// Starts it; its output is read at once, or not before [`Self::read`].
    pub fn start(command: &mut Command, read: bool) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let said = lines_of(child.stderr.take().unwrap());
        let mut listening = Self {
            child,
            said,
            heard: Vec::new(),
            events: None,
        };
        if read {
            listening.read();
        }
        listening
    }

    /// Reads its output from now on.
    pub fn read(&mut self) {
        self.events = Some(lines_of(self.child.stdout.take().unwrap()));
    }

    /// The next decision; `None` when it has ended.
    pub fn next(&mut self) -> Option<Value> {
        let line = self.events.as_ref().unwrap().recv_timeout(PATIENCE);
        match line {
            Ok(line) => Some(parsed(&line)),
            Err(error) => {
                assert!(
                    !error.to_string().contains("timed out"),
                    "no decision comes"
                );
                None
            }
        }
    }

    /// Waits until it says something on its standard error.
    pub fn wait_for(&mut self, what: &str) -> String {
        if let Some(line) = self.heard.iter().find(|line| line.contains(what)) {
            return line.clone();
        }
        let until = Instant::now() + PATIENCE;
        while let Ok(line) = self.said.recv_timeout(until - Instant::now()) {
            eprintln!("listen: {line}");
            self.heard.push(line.clone());
            if line.contains(what) {
                return line;
            }
        }
        panic!("it never said {what:?}, but {:?}", self.heard);
    }

    /// Waits for its end; all that it said on its standard error.
    pub fn end(&mut self) -> (ExitStatus, Vec<String>) {
        let status = self.child.wait().unwrap();
        self.heard.extend(self.said.iter());
        (status, self.heard.clone())
    }
}

impl Drop for Listening {
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

/// The socket of whoever listens to `learner`.
pub fn socket(learner: &Path) -> PathBuf {
    learner.join("listen.sock")
}
