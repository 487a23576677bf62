//! Labels that the user types into the terminal of `afield listen`. Each label teaches the latest
//! audio.

use std::io::{self, BufRead, IsTerminal, Read};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::Duration;

use afield::Engine;
use afield::engine::{Listening, TaughtAs};
use afield::signal::Label;
use anyhow::{Context, Result};

use super::message;
use super::teach::note_look_alike;

/// Most bytes of a typed line that are read.
const MOST_TYPED: u64 = 4_096;

/// The typed labels, if there is a terminal.
pub struct Typed {
    lines: Receiver<Vec<u8>>,
    span: Duration,
}

impl Typed {
    /// Reads labels that teach the last `span`; `None` without a terminal.
    pub fn begin(span: Duration) -> Option<Self> {
        if !io::stdin().is_terminal() || in_background() {
            return None;
        }
        let seconds = span.as_secs_f64();
        eprintln!("type a label and Enter to teach the last {seconds:.1} s");
        let lines = lines();
        Some(Self { lines, span })
    }

    /// Teaches the labels typed since the last call. Failures are printed, and listening continues.
    pub fn teach(&self, engine: &Engine, listening: &Listening) {
        for line in self.lines.try_iter() {
            let line = line.trim_ascii();
            if line.is_empty() {
                continue;
            }
            match self.teach_line(line, engine, listening) {
                Ok(said) => eprintln!("{said}"),
                Err(error) => eprintln!("not taught: {}", message(&error)),
            }
        }
    }

    fn teach_line(&self, line: &[u8], engine: &Engine, listening: &Listening) -> Result<String> {
        let label = std::str::from_utf8(line).context("what was typed is not text")?;
        let recording = listening.recent(self.span)?;
        let clip = recording.name().to_owned();
        let label = Label::new(label)?;
        note_look_alike(engine, &label);
        Ok(match engine.teach(label.clone(), recording)? {
            TaughtAs::Corrected { from } => format!("{clip}: was {from}, is {label}"),
            _ => format!("taught {clip} as {label}"),
        })
    }
}

/// The typed lines. A separate thread reads them and ends with the program.
fn lines() -> Receiver<Vec<u8>> {
    let (sender, typed) = sync_channel(16);
    thread::spawn(move || {
        let mut stdin = io::stdin().lock();
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = stdin.by_ref().take(MOST_TYPED).read_until(b'\n', &mut line);
            if !matches!(read, Ok(1..)) || sender.send(line.clone()).is_err() {
                return;
            }
        }
    });
    typed
}

/// Whether the terminal belongs to another job: reading from it would stop this process.
fn in_background() -> bool {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // After the program's name in parentheses: state, parent, group, session, terminal, and the
    // foreground group of the terminal.
    let behind = stat.rsplit(')').next().unwrap_or_default();
    let mut numbers = behind.split_whitespace().skip(2);
    let (group, foreground) = (numbers.next(), numbers.nth(2));
    let terminal = foreground.and_then(|group| group.parse::<i64>().ok());
    // A process without a controlling terminal is not stopped.
    terminal.is_some_and(|group| group > 0) && group != foreground
}
