//! Sound from a network, decoded by the user's own `ffmpeg`: RTSP, HTTP, HLS, UDP and TCP.
//!
//! A separate thread reads `ffmpeg`. If it ends, fails or gives nothing for a while, the stream counts
//! as lost, and the thread starts `ffmpeg` again: after 1 s, then 2 s, 4 s, up to 60 s. Samples are not
//! joined across such a gap. A program that falls behind holds `ffmpeg` up, and no sample is dropped.
//! Packets that are lost on the way are `ffmpeg`'s concern: it does not tell of them.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use super::capture::{Capture, SharedIntake, capture};
use super::ffmpeg_child::{FfmpegChild, Output};
use super::lock::lock;
use super::stream_url::StreamUrl;
use super::{
    ChannelChoice, Health, LiveSource, Note, PcmFormat, PcmReader, Source, SourceError, SourceSpec,
};
use crate::signal::{Chunk, SampleRate};

/// Time between two looks at whether the source was dropped.
const LOOK: Duration = Duration::from_millis(20);

/// How long things may take.
#[derive(Debug, Clone, Copy)]
struct Times {
    /// The time that a stream may take for its first or its next samples.
    patience: Duration,
    /// The first and the longest pause before `ffmpeg` is started again.
    first_pause: Duration,
    longest_pause: Duration,
    /// After a connection of this length, pauses are short again.
    steady: Duration,
}

const USUAL: Times = Times {
    patience: Duration::from_secs(20),
    first_pause: Duration::from_secs(1),
    longest_pause: Duration::from_secs(60),
    steady: Duration::from_secs(30),
};

/// A stream of sound from a network, as a [`Source`] without an end.
///
/// Stream time starts with the first sample. After a lost connection it continues by the host's
/// clock.
pub(super) struct NetworkStream {
    capture: Capture,
    introduction: String,
    shared: Arc<Shared>,
}

/// What the thread and the source share.
#[derive(Default)]
struct Shared {
    running: Mutex<Running>,
    notes: Mutex<Vec<Note>>,
    /// Why the latest connection ended, or could not be made.
    why: Mutex<Option<String>>,
}

#[derive(Default)]
struct Running {
    is_stopped: bool,
    child: Option<Arc<FfmpegChild>>,
}

impl NetworkStream {
    /// Connects to a stream. `choice` picks one of several channels.
    ///
    /// # Errors
    /// [`SourceError::NeedsFfmpeg`] if it is not installed, [`SourceError::Device`] with `ffmpeg`'s
    /// words if the stream gives no sound within 20 s, [`SourceError::NoChannel`] if it has no such
    /// channel.
    pub(super) fn open(url: &StreamUrl, choice: ChannelChoice) -> Result<Self, SourceError> {
        Self::start("ffmpeg".as_ref(), USUAL, url, choice)
    }

    fn start(
        program: &Path,
        times: Times,
        url: &StreamUrl,
        choice: ChannelChoice,
    ) -> Result<Self, SourceError> {
        let mut worker = Worker {
            program: program.to_owned(),
            url: url.clone(),
            choice,
            times,
            rate: None,
            shared: Arc::default(),
            started: Instant::now(),
        };
        let connection = worker.connect()?;
        let (rate, channels) = (connection.pcm.rate(), connection.pcm.channels());
        worker.rate = Some(rate);
        let channels = match (channels, choice) {
            (1, _) => "1 channel".to_owned(),
            (many, ChannelChoice::Mix) => format!("{many} channels, mixed,"),
            (many, choice) => format!("{many} channels, {choice} of them used,"),
        };
        let introduction = format!("{url}: {channels} at {rate}, decoded by ffmpeg");
        let (intake, capture) = capture(rate);
        let shared = Arc::clone(&worker.shared);
        let spawned = thread::Builder::new()
            .name("network".to_owned())
            .spawn(move || worker.run(connection, &intake));
        spawned.map_err(|error| device_error(url, &error))?;
        Ok(Self {
            capture,
            introduction,
            shared,
        })
    }
}

impl Source for NetworkStream {
    fn rate(&self) -> SampleRate {
        self.capture.rate()
    }

    fn notes(&self) -> Vec<Note> {
        lock(&self.shared.notes).clone()
    }

    /// Waits for samples. After half a second without any, the chunk is empty.
    fn read(&mut self, chunk: &mut Chunk) -> Result<bool, SourceError> {
        self.capture.read(chunk)
    }

    fn live(&self) -> Option<&dyn LiveSource> {
        Some(self)
    }
}

impl LiveSource for NetworkStream {
    fn introduction(&self) -> String {
        self.introduction.clone()
    }

    fn health(&self) -> Health {
        Health {
            overruns: None,
            ..self.capture.status().health()
        }
    }

    fn report(&self) -> String {
        let status = self.capture.status();
        let state = match status.connected {
            true => "connected",
            false => "no connection",
        };
        let mut report = format!(
            "{state}: {} samples; {} reconnects",
            status.samples, status.reconnects
        );
        if let Some(why) = lock(&self.shared.why)
            .as_ref()
            .filter(|_| !status.connected)
        {
            report.push_str(": ");
            report.push_str(why);
        }
        report
    }
}

impl Drop for NetworkStream {
    fn drop(&mut self) {
        let mut running = lock(&self.shared.running);
        running.is_stopped = true;
        // The thread sees that its input ends.
        if let Some(child) = running.child.take() {
            child.stop();
        }
    }
}

/// A running `ffmpeg` whose first samples have come.
struct Connection {
    child: Arc<FfmpegChild>,
    pcm: PcmReader<Output>,
}

/// The thread's state.
struct Worker {
    program: PathBuf,
    url: StreamUrl,
    choice: ChannelChoice,
    times: Times,
    /// The rate of the first connection, which all others are converted to.
    rate: Option<SampleRate>,
    shared: Arc<Shared>,
    started: Instant,
}

impl Worker {
    /// Starts `ffmpeg`, and waits for the format of its samples.
    fn connect(&self) -> Result<Connection, SourceError> {
        let (child, output) = {
            let mut running = lock(&self.shared.running);
            if running.is_stopped {
                return Err(device_error(&self.url, &"it was closed"));
            }
            let patience = self.times.patience;
            let started = FfmpegChild::start(&self.program, &self.arguments(), patience);
            let started = started.map_err(|error| device_error(&self.url, &error))?;
            let Some((child, output)) = started else {
                return Err(SourceError::NeedsFfmpeg {
                    path: self.url.to_string().into(),
                    format: "a network stream",
                });
            };
            let child = Arc::new(child);
            running.child = Some(Arc::clone(&child));
            (child, output)
        };
        let mut pcm = PcmReader::new(output, PcmFormat::default()).choosing(self.choice);
        let header = pcm.read_header();
        if header.is_err() || !pcm.had_header() {
            let why = child.why_at_last(header.err().as_ref());
            let why = why.unwrap_or_else(|| "no output".to_owned());
            return Err(self.failed(&why));
        }
        let channels = pcm.channels();
        match self.choice {
            ChannelChoice::Only(channel) if usize::from(channel) > channels => {
                Err(SourceError::NoChannel {
                    path: self.url.to_string().into(),
                    choice: self.choice,
                    channels,
                })
            }
            _ => Ok(Connection { child, pcm }),
        }
    }

    /// The command line. Nothing in an address is an option, since it follows `-i`.
    fn arguments(&self) -> Vec<OsString> {
        let words = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
        let mut arguments = words(&["-nostdin", "-v", "error", "-protocol_whitelist"]);
        arguments.push(self.url.protocols().into());
        if self.url.is_rtsp() {
            // Over TCP, packets are neither lost nor held up by a firewall.
            let session = ["-rtsp_transport", "tcp", "-allowed_media_types", "audio"];
            arguments.extend(words(&session));
        }
        arguments.push("-i".into());
        arguments.push(self.url.secret().into());
        arguments.extend(words(&["-map", "0:a:0", "-vn", "-sn", "-dn"]));
        arguments.extend(words(&["-map_metadata", "-1", "-c:a", "pcm_f32le"]));
        if let Some(rate) = self.rate {
            arguments.extend(["-ar".into(), rate.hz().to_string().into()]);
        }
        arguments.extend(words(&["-flush_packets", "1", "-f", "wav", "-"]));
        arguments
    }

    /// Reads the stream, and connects again whenever it is lost, until the source is dropped.
    fn run(self, connection: Connection, intake: &SharedIntake) {
        let mut connection = Ok(connection);
        let mut pause = self.times.first_pause;
        while !self.is_stopped() {
            let began = Instant::now();
            let why = match connection {
                Ok(open) => {
                    lock(intake).opened(self.now_us());
                    let why = self.listen(open, intake);
                    lock(intake).lost();
                    why
                }
                Err(error) => match error {
                    SourceError::Device { reason, .. } => reason,
                    error => error.to_string(),
                },
            };
            *lock(&self.shared.why) = Some(why);
            if began.elapsed() >= self.times.steady {
                pause = self.times.first_pause;
            }
            self.wait(pause);
            pause = (pause * 2).min(self.times.longest_pause);
            connection = self.connect();
        }
    }

    /// Hands over samples until the connection ends. Returns why it did.
    fn listen(&self, mut open: Connection, intake: &SharedIntake) -> String {
        let mut chunk = Chunk::default();
        loop {
            let read = open.pcm.read(&mut chunk);
            if let Ok(true) = read {
                let samples = std::mem::take(&mut chunk.samples);
                self.hand_over(samples, intake);
                let mut notes = open.pcm.notes();
                notes.retain(|note| !matches!(note, Note::HeaderInStream { .. }));
                *lock(&self.shared.notes) = notes;
                continue;
            }
            let why = open.child.why_at_last(read.err().as_ref());
            return match why {
                Some(why) => format!("ffmpeg says: {}", self.url.redacted(&why)),
                None => "the stream ended".to_owned(),
            };
        }
    }

    /// Waits until the queue has room.
    fn hand_over(&self, samples: Vec<f32>, intake: &SharedIntake) {
        let at_us = self.now_us();
        let mut left = lock(intake).offer(samples, at_us);
        while let Err(samples) = left {
            if self.is_stopped() {
                return;
            }
            thread::sleep(LOOK);
            left = lock(intake).offer(samples, at_us);
        }
    }

    fn wait(&self, pause: Duration) {
        let until = Instant::now() + pause;
        while !self.is_stopped() && Instant::now() < until {
            thread::sleep(LOOK.min(pause));
        }
    }

    fn is_stopped(&self) -> bool {
        lock(&self.shared.running).is_stopped
    }

    fn failed(&self, why: &str) -> SourceError {
        let why = self.url.redacted(why);
        device_error(&self.url, &format!("ffmpeg says: {why}"))
    }

    fn now_us(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

fn device_error(url: &StreamUrl, reason: &dyn std::fmt::Display) -> SourceError {
    SourceError::Device {
        device: SourceSpec::stream(url.clone()),
        reason: reason.to_string(),
    }
}

#[cfg(test)]
#[cfg(unix)]
#[path = "network_stream_tests.rs"]
mod tests;
