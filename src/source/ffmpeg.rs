//! Files that only the user's own `ffmpeg` decodes: Opus, WavPack, Windows Media and others.
//!
//! `ffmpeg` runs as a child and writes samples to a pipe. It gets the name of the file, the name of
//! the container that the first bytes show, and may open files only: no playlists, no network.
//! It is stopped if it gives nothing for 30 s, or when the source is dropped. A quarter of a
//! megabyte of its output is in memory at a time.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use super::lock::lock;
use super::{ChannelChoice, Note, PcmReader, Source, SourceError};
use crate::signal::{Chunk, SampleRate};

/// How long `ffmpeg` may take for its next samples.
const PATIENCE: Duration = Duration::from_secs(30);
/// The longest recording that is decoded, in seconds: two days.
const MOST_SECONDS: u32 = 172_800;
/// The most bytes of its messages.
const MOST_SAID: u64 = 4096;
/// Bytes of a block of its output, and the most blocks that wait.
const BLOCK: usize = 64 << 10;
const MOST_BLOCKS: usize = 3;

/// A container, as its first bytes show it: its name, and what `ffmpeg` calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Container {
    pub(super) name: &'static str,
    demuxer: &'static str,
}

/// The container of the file at `path`, if it is one that `ffmpeg` is asked to read.
pub(super) fn container(path: &Path) -> Option<Container> {
    let mut head = Vec::new();
    File::open(path)
        .ok()?
        .take(192)
        .read_to_end(&mut head)
        .ok()?;
    let found = |name, demuxer| Some(Container { name, demuxer });
    match head.as_slice() {
        [b'O', b'g', b'g', b'S', ..] => match head.get(28..36) {
            Some(b"OpusHead") => found("Opus", "ogg"),
            Some(b"Speex   ") => found("Speex", "ogg"),
            // The program decodes it, unless it is damaged.
            Some([1, b'v', b'o', b'r', b'b', b'i', b's', _]) => None,
            _ => found("Ogg", "ogg"),
        },
        [b'w', b'v', b'p', b'k', ..] => found("WavPack", "wv"),
        [0x30, 0x26, 0xB2, 0x75, 0x8E, 0x66, 0xCF, 0x11, ..] => found("Windows Media", "asf"),
        [0x1A, 0x45, 0xDF, 0xA3, ..] => found("Matroska or WebM", "matroska"),
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => found("MP4", "mov"),
        [b'#', b'!', b'A', b'M', b'R', ..] => found("AMR", "amr"),
        [b'M', b'A', b'C', b' ', ..] => found("Monkey's Audio", "ape"),
        [b'M', b'P', b'C', b'K', ..] => found("Musepack", "mpc8"),
        [b'M', b'P', b'+', ..] => found("Musepack", "mpc"),
        [b'T', b'T', b'A', b'1', ..] => found("True Audio", "tta"),
        [b't', b'B', b'a', b'K', ..] => found("TAK", "tak"),
        [b'a', b'j', b'k', b'g', ..] => found("Shorten", "shn"),
        [b'c', b'a', b'f', b'f', ..] => found("CAF", "caf"),
        [b'D', b'S', b'D', b' ', ..] => found("DSF", "dsf"),
        [b'.', b'R', b'M', b'F', ..] => found("RealMedia", "rm"),
        [b'F', b'L', b'V', 1, ..] => found("Flash Video", "flv"),
        [0x0B, 0x77, ..] => found("AC-3", "ac3"),
        [0x7F, 0xFE, 0x80, 0x01, ..] => found("DTS", "dts"),
        [0x47, ..] if head.get(188) == Some(&0x47) => found("MPEG-TS", "mpegts"),
        [b'R', b'I', b'F', b'F', ..] if head.get(8..12) == Some(b"AVI ") => found("AVI", "avi"),
        [b'.', b's', b'n', b'd', ..] => found("Sun AU", "au"),
        _ if head.starts_with(b"Creative Voice File\x1A") => found("Creative Voice", "voc"),
        _ => None,
    }
}

/// A file that `ffmpeg` decodes.
pub(super) struct FfmpegFile {
    path: PathBuf,
    pcm: PcmReader<Output>,
    child: Arc<Mutex<Child>>,
    patience: Duration,
    said: Said,
    samples: u64,
    ended: bool,
}

impl FfmpegFile {
    /// Starts `ffmpeg`. `None` if it is not installed.
    ///
    /// # Errors
    /// [`SourceError::Unrecognised`] if it finds no sound in the file.
    pub(super) fn open(
        path: &Path,
        container: Container,
        choice: ChannelChoice,
    ) -> Result<Option<Self>, SourceError> {
        Self::run("ffmpeg".as_ref(), PATIENCE, path, container, choice)
    }

    fn run(
        program: &Path,
        patience: Duration,
        path: &Path,
        container: Container,
        choice: ChannelChoice,
    ) -> Result<Option<Self>, SourceError> {
        let mut file = std::ffi::OsString::from("file:");
        file.push(path);
        let started = Command::new(program)
            .args([
                "-nostdin",
                "-v",
                "error",
                "-protocol_whitelist",
                "file,pipe",
            ])
            .args(["-f", container.demuxer, "-i"])
            .arg(file)
            .args(["-map", "0:a:0", "-vn", "-sn", "-dn", "-map_metadata", "-1"])
            .args(["-t", &MOST_SECONDS.to_string()])
            .args(["-c:a", "pcm_f32le", "-f", "wav", "-"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = match started {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            started => started.map_err(|error| SourceError::io(path, error))?,
        };
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let child = Arc::new(Mutex::new(child));
        let output = Output::new(stdout, Arc::clone(&child), patience);
        let mut opened = Self {
            path: path.to_owned(),
            pcm: PcmReader::new(output, super::PcmFormat::default()).choosing(choice),
            child,
            patience,
            said: Said::new(stderr),
            samples: 0,
            ended: false,
        };
        let header = opened.pcm.read_header();
        if header.is_err() || !opened.pcm.had_header() {
            let why = opened.why(header.err().as_ref());
            let why = why.unwrap_or_else(|| "no output".to_owned());
            return Err(SourceError::Unrecognised {
                what: path.display().to_string(),
                kind: super::Recorded::Sound,
                reason: format!("ffmpeg says: {why}"),
            });
        }
        let channels = opened.pcm.channels();
        match choice {
            ChannelChoice::Only(channel) if usize::from(channel) > channels => {
                Err(SourceError::NoChannel {
                    path: path.to_owned(),
                    choice,
                    channels,
                })
            }
            _ => Ok(Some(opened)),
        }
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

    /// Waits for `ffmpeg`. Why it failed: its own words, or else `failure` of reading its output,
    /// or else its exit status. `None` if it did not fail.
    fn why(&self, failure: Option<&SourceError>) -> Option<String> {
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
        let said = self.said.first_line();
        said.or(failure).or_else(|| Some(status.to_string()))
    }
}

impl Source for FfmpegFile {
    fn rate(&self) -> SampleRate {
        self.pcm.rate()
    }

    fn notes(&self) -> Vec<Note> {
        let mut notes = self.pcm.notes();
        notes.retain(|note| !matches!(note, Note::HeaderInStream { .. }));
        // It ends well after a cut file, and only says so.
        if self.ended && self.said.mentions("partial file") {
            notes.push(Note::Truncated);
        }
        notes
    }

    fn read(&mut self, chunk: &mut Chunk) -> Result<bool, SourceError> {
        chunk.samples.clear();
        if self.ended {
            return Ok(false);
        }
        let read = self.pcm.read(chunk);
        if let Ok(true) = read {
            self.samples += chunk.samples.len() as u64;
            return read;
        }
        self.ended = true;
        match self.why(read.err().as_ref()) {
            None => Ok(false),
            Some(reason) => Err(SourceError::Damaged {
                path: self.path.clone(),
                seconds: self.samples as f64 / f64::from(self.rate().hz()),
                reason: format!("ffmpeg says: {reason}"),
            }),
        }
    }
}

impl Drop for FfmpegFile {
    fn drop(&mut self) {
        let mut child = lock(&self.child);
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// Output of a child that is killed when it gives nothing for too long.
///
/// A thread reads the pipe, so that a process that the child started, and that keeps the pipe open,
/// cannot hold up the caller. The thread ends with the pipe, or with the first block after the
/// receiver is gone.
struct Output {
    blocks: Receiver<io::Result<Vec<u8>>>,
    block: Vec<u8>,
    /// Bytes of the block that were taken.
    taken: usize,
    child: Arc<Mutex<Child>>,
    patience: Duration,
}

impl Output {
    fn new(pipe: Option<ChildStdout>, child: Arc<Mutex<Child>>, patience: Duration) -> Self {
        let (sender, blocks) = sync_channel(MOST_BLOCKS);
        thread::spawn(move || {
            let Some(mut pipe) = pipe else {
                return;
            };
            loop {
                let mut block = vec![0; BLOCK];
                let read = match pipe.read(&mut block) {
                    Ok(0) => return,
                    Ok(count) => {
                        block.truncate(count);
                        Ok(block)
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) => Err(error),
                };
                let is_over = read.is_err();
                if sender.send(read).is_err() || is_over {
                    return;
                }
            }
        });
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

/// The first messages of a child, collected by a thread.
struct Said {
    text: Arc<Mutex<Vec<u8>>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Said {
    fn new(pipe: Option<ChildStderr>) -> Self {
        let text = Arc::new(Mutex::new(Vec::new()));
        let collected = Arc::clone(&text);
        let thread = pipe.map(|mut pipe| {
            thread::spawn(move || {
                let mut part = [0; 1024];
                // To its end: a full pipe would stop the child.
                while let Ok(count @ 1..) = pipe.read(&mut part) {
                    let mut text = lock(&collected);
                    let free = (MOST_SAID as usize).saturating_sub(text.len());
                    text.extend(part.iter().take(count.min(free)));
                }
            })
        });
        Self { text, thread }
    }

    /// Whether the child wrote these words, after it has ended.
    fn mentions(&self, words: &str) -> bool {
        String::from_utf8_lossy(&self.text()).contains(words)
    }

    /// All messages, after the child has ended. Waits a little for them.
    fn text(&self) -> MutexGuard<'_, Vec<u8>> {
        let began = Instant::now();
        while self
            .thread
            .as_ref()
            .is_some_and(|thread| !thread.is_finished())
            && began.elapsed() < Duration::from_millis(500)
        {
            thread::sleep(Duration::from_millis(5));
        }
        lock(&self.text)
    }

    /// The first line, after the child has ended.
    fn first_line(&self) -> Option<String> {
        let text = self.text();
        let text = String::from_utf8_lossy(&text);
        let line = text.lines().map(str::trim).find(|line| !line.is_empty())?;
        // A terminal shows it: no control characters.
        Some(line.chars().filter(|c| !c.is_control()).collect())
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const OPUS: Container = Container {
        name: "Opus",
        demuxer: "ogg",
    };

    /// A program that stands in for `ffmpeg`.
    fn standing_in(script: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ffmpeg");
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        folder
    }

    fn run(folder: &Path, patience: Duration) -> Result<Option<FfmpegFile>, SourceError> {
        let program = folder.join("ffmpeg");
        FfmpegFile::run(
            &program,
            patience,
            "a b.opus".as_ref(),
            OPUS,
            ChannelChoice::Mix,
        )
    }

    /// A header of 16 kHz mono float, as `printf` writes it.
    const HEADER: &str = "printf 'RIFF\\377\\377\\377\\377WAVEfmt \\020\\0\\0\\0\\003\\0\\001\\0\\200\\076\\0\\0\\0\\372\\0\\0\\004\\0\\040\\0data\\377\\377\\377\\377'";

    #[test]
    fn the_output_of_ffmpeg_is_a_source() {
        let folder = standing_in(&format!(
            "{HEADER}; printf '\\0\\0\\0\\077'; printf '\\0\\0\\200\\077'; echo \"$@\" > $0.args"
        ));
        let mut file = run(folder.path(), PATIENCE).unwrap().unwrap();
        assert_eq!(file.rate().hz(), 16_000);
        let (mut chunk, mut samples) = (Chunk::default(), Vec::new());
        while file.read(&mut chunk).unwrap() {
            samples.extend_from_slice(&chunk.samples);
        }
        assert_eq!(samples, [0.5, 1.0]);
        assert_eq!(file.notes(), []);
        let arguments = std::fs::read_to_string(folder.path().join("ffmpeg.args")).unwrap();
        let safe = "-protocol_whitelist file,pipe -f ogg -i file:a b.opus ";
        assert!(arguments.contains(safe), "{arguments}");
    }

    #[test]
    fn a_failure_of_ffmpeg_is_an_error_with_its_words() {
        let folder = standing_in("echo 'a b.opus: no such codec' >&2; exit 1");
        let error = run(folder.path(), PATIENCE).err().unwrap().to_string();
        assert!(
            error.ends_with("ffmpeg says: a b.opus: no such codec"),
            "{error}"
        );
        let folder = standing_in(&format!("{HEADER}; printf '\\0\\0\\0\\077'; exit 7"));
        let mut file = run(folder.path(), PATIENCE).unwrap().unwrap();
        let mut chunk = Chunk::default();
        assert!(file.read(&mut chunk).unwrap());
        let error = file.read(&mut chunk).unwrap_err();
        assert!(matches!(error, SourceError::Damaged { .. }), "{error}");
        assert!(!file.read(&mut chunk).unwrap());
        let missing = tempfile::tempdir().unwrap();
        assert!(run(missing.path(), PATIENCE).unwrap().is_none());
    }

    #[test]
    fn an_ffmpeg_that_hangs_is_stopped() {
        let patience = Duration::from_millis(300);
        for script in [
            "exec sleep 600",
            // The pipe outlives the child that is stopped.
            "sleep 20; true",
            &format!("{HEADER}; exec sleep 600"),
            "exec >&-; exec sleep 600",
        ] {
            let folder = standing_in(script);
            let began = Instant::now();
            let failed = match run(folder.path(), patience) {
                Err(error) => error.to_string(),
                Ok(file) => {
                    let error = file.unwrap().read(&mut Chunk::default()).unwrap_err();
                    error.to_string()
                }
            };
            let is_told = ["nothing for 0.3 s", "signal"].map(|part| failed.contains(part));
            assert!(is_told.contains(&true), "{script}: {failed}");
            assert!(began.elapsed() < Duration::from_secs(15), "{script}");
        }
    }

    #[test]
    fn an_ffmpeg_is_stopped_with_its_source() {
        let folder = standing_in(&format!("echo $$ > $0.id; {HEADER}; exec cat /dev/zero"));
        let mut file = run(folder.path(), PATIENCE).unwrap().unwrap();
        assert!(file.read(&mut Chunk::default()).unwrap());
        let id = std::fs::read_to_string(folder.path().join("ffmpeg.id")).unwrap();
        drop(file);
        let process = Path::new("/proc").join(id.trim());
        assert!(!process.exists(), "{}", process.display());
    }

    #[test]
    fn a_missing_channel_is_an_error_with_the_name_of_the_file() {
        let folder = standing_in(&format!("{HEADER}; printf '\\0\\0\\0\\077'"));
        let program = folder.path().join("ffmpeg");
        let path = Path::new("a.opus");
        let opened = FfmpegFile::run(&program, PATIENCE, path, OPUS, ChannelChoice::Only(2));
        let error = opened.err().unwrap().to_string();
        assert_eq!(error, "a.opus has 1 channel, and channel 2 was asked for");
    }
}
