//! Files that only the user's own `ffmpeg` decodes: Opus, WavPack, Windows Media and others.
//!
//! `ffmpeg` runs as a child and writes samples to a pipe. It gets the name of the file, the name of
//! the container that the first bytes show, and may open files only: no playlists, no network.
//! It is stopped if it is silent for long, or when the source is dropped. Nothing is held in
//! memory but what the pipe holds.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
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
        .take(64)
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
        [b'T', b'T', b'A', b'1', ..] => found("True Audio", "tta"),
        [b'c', b'a', b'f', b'f', ..] => found("CAF", "caf"),
        [b'D', b'S', b'D', b' ', ..] => found("DSF", "dsf"),
        _ => None,
    }
}

/// A file that `ffmpeg` decodes.
pub(super) struct FfmpegFile {
    path: PathBuf,
    pcm: PcmReader<Watched>,
    child: Arc<Mutex<Child>>,
    patience: Duration,
    said: Option<JoinHandle<String>>,
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
        let said = stderr.map(|stderr| {
            thread::spawn(move || {
                let mut text = Vec::new();
                let mut stderr = stderr;
                let _ = (&mut stderr).take(MOST_SAID).read_to_end(&mut text);
                // A full pipe would stop it.
                let _ = io::copy(&mut stderr, &mut io::sink());
                String::from_utf8_lossy(&text).into_owned()
            })
        });
        let child = Arc::new(Mutex::new(child));
        let watched = Watched::new(stdout, Arc::clone(&child), patience);
        let pcm = PcmReader::new(watched, super::PcmFormat::default());
        let mut opened = Self {
            path: path.to_owned(),
            pcm: pcm.choosing(choice),
            child,
            patience,
            said,
            samples: 0,
            ended: false,
        };
        let header = opened.pcm.read_header();
        if header.is_err() || !opened.pcm.had_header() {
            let other = header.map_or_else(|error| error.to_string(), |()| "no output".to_owned());
            let reason = opened.why().unwrap_or(other);
            return Err(SourceError::Unrecognised {
                what: path.display().to_string(),
                kind: super::Recorded::Sound,
                reason: format!("ffmpeg says: {reason}"),
            });
        }
        Ok(Some(opened))
    }

    /// Waits for the end of `ffmpeg`, which has closed its output.
    fn end(&self) -> io::Result<ExitStatus> {
        let began = Instant::now();
        loop {
            if let Some(status) = lock(&self.child).try_wait()? {
                return Ok(status);
            }
            if began.elapsed() > self.patience {
                lock(&self.child).kill()?;
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits for `ffmpeg`. If it failed, what it said.
    fn why(&mut self) -> Option<String> {
        let status = self.end();
        let said = self.said.take().and_then(|said| said.join().ok());
        match status {
            Ok(status) if status.success() => None,
            Ok(status) => {
                let said = said.unwrap_or_default();
                let line = said.lines().next().unwrap_or_default().trim().to_owned();
                Some(if line.is_empty() {
                    status.to_string()
                } else {
                    line
                })
            }
            Err(error) => Some(error.to_string()),
        }
    }
}

impl Source for FfmpegFile {
    fn rate(&self) -> SampleRate {
        self.pcm.rate()
    }

    fn notes(&self) -> Vec<Note> {
        let mut notes = self.pcm.notes();
        notes.retain(|note| !matches!(note, Note::HeaderInStream { .. }));
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
        let failure = read.err().map(|error| error.to_string());
        match self.why().or(failure) {
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

/// Output of a child that is killed when a read waits for too long.
struct Watched {
    output: Option<ChildStdout>,
    waiting: Arc<Mutex<Waiting>>,
}

/// What the watching thread knows.
struct Waiting {
    since: Option<Instant>,
    is_over: bool,
}

impl Watched {
    fn new(output: Option<ChildStdout>, child: Arc<Mutex<Child>>, patience: Duration) -> Self {
        let waiting = Arc::new(Mutex::new(Waiting {
            since: None,
            is_over: false,
        }));
        let watched = Arc::clone(&waiting);
        thread::spawn(move || {
            loop {
                thread::sleep(patience.min(Duration::from_millis(200)));
                let waiting = lock(&watched);
                if waiting.is_over {
                    return;
                }
                if waiting
                    .since
                    .is_some_and(|since| since.elapsed() > patience)
                {
                    let _ = lock(&child).kill();
                    return;
                }
            }
        });
        Self { output, waiting }
    }
}

impl Read for Watched {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let Some(output) = &mut self.output else {
            return Ok(0);
        };
        lock(&self.waiting).since = Some(Instant::now());
        let read = output.read(out);
        lock(&self.waiting).since = None;
        read
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        lock(&self.waiting).is_over = true;
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
            &format!("{HEADER}; exec sleep 600"),
            "exec >&-; exec sleep 600",
        ] {
            let folder = standing_in(script);
            let began = Instant::now();
            let failed = match run(folder.path(), patience) {
                Err(error) => error,
                Ok(file) => file.unwrap().read(&mut Chunk::default()).unwrap_err(),
            };
            assert!(failed.to_string().contains("signal"), "{failed}");
            assert!(began.elapsed() < Duration::from_secs(60));
        }
    }
}
