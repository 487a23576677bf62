//! Files that only the user's own `ffmpeg` decodes: Opus, WavPack, Windows Media and others.
//!
//! `ffmpeg` runs as a child and writes samples to a pipe. It gets the name of the file, the name of
//! the container that the first bytes show, and may open files only: no playlists, no network.
//! It is stopped if it gives nothing for 30 s, or when the source is dropped. A quarter of a
//! megabyte of its output is in memory at a time.

use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::caf::is_cut_caf;
use super::container_time::is_cut_mp4;
use super::ffmpeg_child::{FfmpegChild, Output};
use super::matroska::is_cut_matroska;
use super::{ChannelChoice, Note, PcmReader, Source, SourceError};
use crate::signal::{Chunk, SampleRate};

/// How long `ffmpeg` may take for its next samples.
const PATIENCE: Duration = Duration::from_secs(30);
/// The longest recording that is decoded, in seconds: two days.
const MOST_SECONDS: u32 = 172_800;

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
    child: FfmpegChild,
    /// Whether the file breaks off, as far as its container shows.
    is_cut: bool,
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
        let mut file = OsString::from("file:");
        file.push(path);
        let mut arguments: Vec<OsString> = ["-nostdin", "-v", "error"].map(Into::into).into();
        arguments.extend(
            [
                "-protocol_whitelist",
                "file,pipe",
                "-f",
                container.demuxer,
                "-i",
            ]
            .map(Into::into),
        );
        arguments.push(file);
        arguments
            .extend(["-map", "0:a:0", "-vn", "-sn", "-dn", "-map_metadata", "-1"].map(Into::into));
        arguments.extend(["-t".into(), MOST_SECONDS.to_string().into()]);
        arguments.extend(["-c:a", "pcm_f32le", "-f", "wav", "-"].map(Into::into));
        let started = FfmpegChild::start(program, &arguments, patience);
        let started = started.map_err(|error| SourceError::io(path, error))?;
        let Some((child, output)) = started else {
            return Ok(None);
        };
        let mut opened = Self {
            path: path.to_owned(),
            pcm: PcmReader::new(output, super::PcmFormat::default()).choosing(choice),
            child,
            is_cut: match container.demuxer {
                "mov" => is_cut_mp4(path).unwrap_or(false),
                "caf" => is_cut_caf(path).unwrap_or(false),
                "matroska" => is_cut_matroska(path).unwrap_or(false),
                _ => false,
            },
            samples: 0,
            ended: false,
        };
        let header = opened.pcm.read_header();
        if header.is_err() || !opened.pcm.had_header() {
            let why = opened.child.why(header.err().as_ref());
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
}

impl Source for FfmpegFile {
    fn rate(&self) -> SampleRate {
        self.pcm.rate()
    }

    fn notes(&self) -> Vec<Note> {
        let mut notes = self.pcm.notes();
        notes.retain(|note| !matches!(note, Note::HeaderInStream { .. }));
        // It ends well after a cut file, and only says so.
        if self.is_cut || self.ended && self.child.mentions("partial file") {
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
        match self.child.why(read.err().as_ref()) {
            None => Ok(false),
            Some(reason) => Err(SourceError::Damaged {
                path: self.path.clone(),
                seconds: self.samples as f64 / f64::from(self.rate().hz()),
                reason: format!("ffmpeg says: {reason}"),
            }),
        }
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::time::Instant;

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
