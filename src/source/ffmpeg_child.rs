//! The user's own `ffmpeg` as a child: its output, its messages, and its end.
//!
//! There is no shell. Threads read both pipes, so that a child that says nothing, or too much, holds
//! up nobody. The child is stopped if it gives nothing for a while, and when it is dropped.

use std::ffi::OsString;
use std::io::{self, Read};
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use super::SourceError;
use super::lock::lock;
use super::piped::read_blocks;

/// The most bytes of its first messages that are kept, and of its latest ones.
const MOST_SAID: usize = 4096;
/// Bytes of a block of its output, and the most blocks that wait.
const BLOCK: usize = 64 << 10;
const MOST_BLOCKS: usize = 3;

/// A running `ffmpeg`.
pub(super) struct FfmpegChild {
    child: Arc<Mutex<Child>>,
    patience: Duration,
    said: Said,
}

impl FfmpegChild {
    /// Starts `program`. `None` if it is not installed. `patience` is how long it may take for its
    /// next bytes, and for its end.
    ///
    /// # Errors
    /// The system's, if the program cannot be started.
    pub(super) fn start(
        program: &Path,
        arguments: &[OsString],
        patience: Duration,
    ) -> io::Result<Option<(Self, Output)>> {
        let started = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = match started {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            started => started?,
        };
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let child = Arc::new(Mutex::new(child));
        let output = Output::new(stdout, Arc::clone(&child), patience);
        let child = Self {
            child,
            patience,
            said: Said::new(stderr),
        };
        Ok(Some((child, output)))
    }

    /// Stops it.
    pub(super) fn stop(&self) {
        let mut child = lock(&self.child);
        let _ = child.kill();
        let _ = child.wait();
    }

    /// Waits for the end of `ffmpeg`, which has closed its output. Stops it if that takes long.
    fn end(&self) -> io::Result<ExitStatus> {
        let began = Instant::now();
        let mut is_killed = false;
        loop {
            if let Some(status) = lock(&self.child).try_wait()? {
                return Ok(status);
            }
            if began.elapsed() > self.patience {
                if is_killed {
                    return Err(io::Error::other("it cannot be stopped"));
                }
                lock(&self.child).kill()?;
                is_killed = true;
            }
            thread::sleep(Duration::from_millis(5) + self.patience / 100);
        }
    }

    /// Waits for `ffmpeg`. Why it failed: its own first words, or else `failure` of reading its
    /// output, or else its exit status. `None` if it did not fail.
    pub(super) fn why(&self, failure: Option<&SourceError>) -> Option<String> {
        self.reason(failure, |said| said.first_line())
    }

    /// As [`Self::why`], with its latest words: earlier ones of a long stream are of the past. If it
    /// was stopped because it gave nothing, that is the reason.
    pub(super) fn why_at_last(&self, failure: Option<&SourceError>) -> Option<String> {
        let is_silent = matches!(failure, Some(SourceError::Io { error, .. })
            if error.kind() == io::ErrorKind::TimedOut);
        self.reason(failure, |said| said.last_line().filter(|_| !is_silent))
    }

    /// Whether its latest messages have these words. Waits a little for them.
    pub(super) fn mentions(&self, words: &str) -> bool {
        self.said.settle();
        let text = lock(&self.said.text);
        String::from_utf8_lossy(&text.latest).contains(words)
    }

    fn reason(
        &self,
        failure: Option<&SourceError>,
        said: impl Fn(&Said) -> Option<String>,
    ) -> Option<String> {
        let status = match self.end() {
            Ok(status) => status,
            Err(error) => return Some(error.to_string()),
        };
        let failure = failure.map(|failure| match failure {
            SourceError::Io { error, .. } => error.to_string(),
            failure => failure.to_string(),
        });
        if status.success() {
            return failure;
        }
        said(&self.said)
            .or(failure)
            .or_else(|| Some(status.to_string()))
    }
}

impl Drop for FfmpegChild {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Output of a child that is killed when it gives nothing for too long.
///
/// A thread reads the pipe, so that a process that the child started, and that keeps the pipe open,
/// cannot hold up the caller. The thread ends with the pipe, or with the first block after the
/// receiver is gone.
pub(super) struct Output {
    blocks: Receiver<io::Result<Vec<u8>>>,
    block: Vec<u8>,
    /// Bytes of the block that were taken.
    taken: usize,
    child: Arc<Mutex<Child>>,
    patience: Duration,
}

impl Output {
    fn new(pipe: Option<ChildStdout>, child: Arc<Mutex<Child>>, patience: Duration) -> Self {
        // Without a pipe there is nothing to read.
        let pipe: Box<dyn Read + Send> = match pipe {
            Some(pipe) => Box::new(pipe),
            None => Box::new(io::empty()),
        };
        let blocks = read_blocks(pipe, BLOCK, MOST_BLOCKS);
        Self {
            blocks,
            block: Vec::new(),
            taken: 0,
            child,
            patience,
        }
    }
}

impl Read for Output {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.taken == self.block.len() {
            self.block = match self.blocks.recv_timeout(self.patience) {
                Ok(block) => block?,
                Err(RecvTimeoutError::Disconnected) => return Ok(0),
                Err(RecvTimeoutError::Timeout) => {
                    // It may have ended meanwhile.
                    let _ = lock(&self.child).kill();
                    let seconds = self.patience.as_secs_f64();
                    let reason = format!("nothing for {seconds} s; it was stopped");
                    return Err(io::Error::new(io::ErrorKind::TimedOut, reason));
                }
            };
            self.taken = 0;
        }
        let count = self.block.get(self.taken..).unwrap_or_default().read(out)?;
        self.taken += count;
        Ok(count)
    }
}

/// The first and the latest messages of a child, collected by a thread.
struct Said {
    text: Arc<Mutex<Text>>,
    thread: Option<thread::JoinHandle<()>>,
}

#[derive(Default)]
struct Text {
    first: Vec<u8>,
    latest: Vec<u8>,
    /// Whether `latest` lacks what came before it.
    is_cut: bool,
}

impl Text {
    fn add(&mut self, part: &[u8]) {
        let free = MOST_SAID.saturating_sub(self.first.len());
        self.first.extend(part.iter().take(free));
        self.latest.extend_from_slice(part);
        let over = self.latest.len().saturating_sub(MOST_SAID);
        self.is_cut |= over > 0;
        self.latest.drain(..over);
    }
}

impl Said {
    fn new(pipe: Option<ChildStderr>) -> Self {
        let text = Arc::new(Mutex::new(Text::default()));
        let collected = Arc::clone(&text);
        let thread = pipe.map(|mut pipe| {
            thread::spawn(move || {
                let mut part = [0; 1024];
                // To its end: a full pipe would stop the child.
                while let Ok(count @ 1..) = pipe.read(&mut part) {
                    lock(&collected).add(part.get(..count).unwrap_or_default());
                }
            })
        });
        Self { text, thread }
    }

    /// Waits a little for the end of the messages, after the child has ended.
    fn settle(&self) {
        let began = Instant::now();
        while self
            .thread
            .as_ref()
            .is_some_and(|thread| !thread.is_finished())
            && began.elapsed() < Duration::from_millis(500)
        {
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn first_line(&self) -> Option<String> {
        self.settle();
        let text = lock(&self.text);
        printable(String::from_utf8_lossy(&text.first).lines())
    }

    fn last_line(&self) -> Option<String> {
        self.settle();
        let text = lock(&self.text);
        let latest = String::from_utf8_lossy(&text.latest);
        // Half a line may be half a name.
        let whole = latest.lines().skip(usize::from(text.is_cut));
        printable(whole.collect::<Vec<_>>().into_iter().rev())
    }
}

/// The first line that is not blank. A terminal shows it: no control characters.
fn printable<'a>(mut lines: impl Iterator<Item = &'a str>) -> Option<String> {
    let line = lines.find(|line| !line.trim().is_empty())?;
    Some(line.trim().chars().filter(|c| !c.is_control()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_and_the_latest_messages_are_kept_in_bounded_memory() {
        let mut text = Text::default();
        text.add(b"first\n");
        for _ in 0..10_000 {
            text.add(b"http://anna:secret@host/ failed\n");
        }
        text.add(b"last\x1b[2J\n\n");
        assert!(text.first.len() == MOST_SAID && text.latest.len() == MOST_SAID);
        let said = Said {
            text: Arc::new(Mutex::new(text)),
            thread: None,
        };
        assert_eq!(said.first_line().unwrap(), "first");
        assert_eq!(said.last_line().unwrap(), "last[2J");
        let mut endless = Text::default();
        endless.add(&[b'x'; 2 * MOST_SAID]);
        let said = Said {
            text: Arc::new(Mutex::new(endless)),
            thread: None,
        };
        assert_eq!(said.last_line(), None, "half a line is not shown");
    }
}
