//! Audio exchange: one process listens, and another one teaches the received audio.
//!
//! A process that listens offers its audio buffer through a socket in the learner's folder. Only
//! the folder's owner can open the socket. `teach` requests the samples there and teaches them
//! like a recording. So listening changes nothing in the store and waits for no disk. A client can
//! only read audio; it cannot control the listener.
//!
//! The request is a line of JSON, `{"last_us":2000000}`. The answer is a line of JSON with rate,
//! channels, number of samples, name of the source and age, followed by the samples as 32-bit
//! floats, little-endian. If the request fails, the answer is a line with the reason. The request
//! `{"event":"19ac5e1f2b3-17"}` is answered in the same way. The answer to the request `"state"`
//! is a line with the source and the health of its device. Both sides limit the size and the time
//! of what they read.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::retained_audio::DeviceReport;
use super::{Error, EventId, RetainedAudio};
use crate::source::Excerpt;

/// The socket's name in the learner's folder.
pub(super) const SOCKET: &str = "listen.sock";

/// Audio from another process.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ReceivedAudio {
    /// The samples.
    pub(super) excerpt: Excerpt,
    /// The name of the source in the process that listens.
    pub(super) source: String,
    /// The age of the last sample.
    pub(super) age: Duration,
}

/// The state of a process that listens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ListeningState {
    /// The name of the source in that process.
    pub source: String,
    /// For how long it has been listening.
    pub for_us: u64,
    /// The age of the last sample, if there is one.
    pub age_us: Option<u64>,
    /// The health of the device, if the source is one.
    #[serde(flatten)]
    pub device: Option<DeviceReport>,
}

/// Asks the process that listens with the learner in `dir` for its state; `None` if there is no
/// such process.
///
/// # Errors
/// [`Error::AudioExchange`] when the answer is not valid.
pub(super) fn listening(dir: &Path) -> Result<Option<ListeningState>, Error> {
    match socket::listening(dir) {
        Err(Error::NobodyListens { .. }) => Ok(None),
        answer => answer.map(Some),
    }
}

/// Asks the process that listens with the learner in `dir` for its last `span` of audio.
///
/// # Errors
/// [`Error::NobodyListens`]; [`Error::TooLittleAudio`] when it has less audio without a gap;
/// [`Error::AudioExchange`] when the answer is not valid.
pub(super) fn latest_audio(dir: &Path, span: Duration) -> Result<ReceivedAudio, Error> {
    socket::latest_audio(dir, span)
}

/// Asks the process that listens with the learner in `dir` for the samples of its event `id`.
///
/// # Errors
/// As [`latest_audio`]; also [`Error::AudioExchange`] if the samples of the event are no longer
/// kept.
pub(super) fn event_audio(dir: &Path, id: EventId) -> Result<ReceivedAudio, Error> {
    socket::event_audio(dir, id)
}

/// Offers the audio buffer to other processes until it is dropped.
#[derive(Debug)]
pub struct Lending {
    _server: socket::Server,
}

impl Lending {
    /// Offers `recent`, the audio of `source`, to other processes in the learner's folder `dir`.
    ///
    /// # Errors
    /// [`Error::AudioExchange`] when the folder does not support sockets, or another process that
    /// listens with the same learner already offers its audio.
    pub fn start(dir: &Path, recent: RetainedAudio, source: &str) -> Result<Self, Error> {
        let server = socket::Server::start(&dir.join(SOCKET), recent, source);
        match server {
            Ok(server) => Ok(Self { _server: server }),
            Err(error) => Err(failed(&dir.join(SOCKET), &error)),
        }
    }
}

/// The name of a clip that contains the last `span` of `source`.
pub(super) fn clip_name(span: Duration, source: &str) -> String {
    format!("last {} s of {source}", span.as_secs_f64())
}

/// Whether clips of this name are of one recording. Audio of a listener and samples in memory have
/// names, too, which several clips share.
pub(super) fn is_of_one_recording(name: &str) -> bool {
    !name.starts_with("last ") && name != "memory"
}

fn failed(socket: &Path, reason: &dyn std::fmt::Display) -> Error {
    Error::AudioExchange {
        socket: PathBuf::from(socket),
        reason: reason.to_string(),
    }
}

#[cfg(unix)]
mod socket {
    use std::fs;
    use std::io::{self, ErrorKind, Read, Write};
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    use std::os::unix::net::{UnixListener, UnixStream};
    use std::path::{Path, PathBuf};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread::{self, JoinHandle};
    use std::time::{Duration, Instant};

    use serde::{Deserialize, Serialize};

    use super::{ListeningState, ReceivedAudio, SOCKET, failed};
    use crate::engine::retained_audio::MOST_VALUES;
    use crate::engine::{Error, EventId, RetainedAudio};
    use crate::signal::{Channel, SampleRate};
    use crate::source::Excerpt;

    /// The longest request, and the longest first line of an answer, in bytes.
    const MOST_REQUEST: usize = 256;
    const MOST_ANSWER: usize = 16 * 1024;
    /// The time limit of reading a request, and of sending its answer.
    const PATIENCE: Duration = Duration::from_secs(2);
    /// How long a client waits, including the time in which other clients are answered.
    const LONG_PATIENCE: Duration = Duration::from_secs(10);

    #[derive(Debug, Serialize, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Request {
        LastUs(u64),
        Event(EventId),
        State,
    }

    #[derive(Debug, Serialize, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Answer {
        Heard {
            rate: SampleRate,
            channels: Vec<Channel>,
            values: usize,
            source: String,
            age_us: u64,
        },
        State(ListeningState),
        Less {
            heard_us: u64,
        },
        Refused {
            reason: String,
        },
    }

    /// The thread that answers requests.
    #[derive(Debug)]
    pub(super) struct Server {
        path: PathBuf,
        inode: u64,
        stop: Arc<AtomicBool>,
        thread: Option<JoinHandle<()>>,
    }

    impl Server {
        pub(super) fn start(path: &Path, recent: RetainedAudio, source: &str) -> io::Result<Self> {
            if UnixStream::connect(path).is_ok() {
                let reason = "another process that listens to this learner answers there";
                return Err(io::Error::new(ErrorKind::AddrInUse, reason));
            }
            // Create the socket in a private folder, so that it is never open to other users. Then
            // move it into place, where it may replace the socket of a dead process.
            let folder = path.parent().unwrap_or(Path::new("."));
            let private = tempfile::Builder::new()
                .prefix(".listen-")
                .tempdir_in(folder)?;
            let made = private.path().join("s");
            let listener = UnixListener::bind(&made)?;
            fs::set_permissions(&made, fs::Permissions::from_mode(0o600))?;
            fs::rename(&made, path)?;
            let inode = fs::symlink_metadata(path)?.ino();
            let stop = Arc::new(AtomicBool::new(false));
            let (stopped, source) = (Arc::clone(&stop), source.to_owned());
            let thread = thread::Builder::new()
                .name("audio-exchange".to_owned())
                .spawn(move || {
                    for stream in listener.incoming() {
                        if stopped.load(Ordering::Relaxed) {
                            return;
                        }
                        match stream {
                            // Ignore clients that send invalid requests or hang up.
                            Ok(stream) => drop(answer(stream, &recent, &source)),
                            Err(_) => thread::sleep(Duration::from_millis(100)),
                        }
                    }
                })?;
            Ok(Self {
                path: path.to_owned(),
                inode,
                stop,
                thread: Some(thread),
            })
        }
    }

    impl Drop for Server {
        fn drop(&mut self) {
            self.stop.store(true, Ordering::Relaxed);
            let ours = fs::symlink_metadata(&self.path).is_ok_and(|m| m.ino() == self.inode);
            // If another process replaced the socket, the thread can no longer be woken, and need
            // not be.
            if ours {
                let woken = UnixStream::connect(&self.path).is_ok();
                let _ = fs::remove_file(&self.path);
                if woken && let Some(thread) = self.thread.take() {
                    let _ = thread.join();
                }
            }
        }
    }

    fn answer(stream: UnixStream, recent: &RetainedAudio, source: &str) -> io::Result<()> {
        let mut line = Timed::new(stream, PATIENCE);
        let request = line.read_line(MOST_REQUEST);
        // The client gets the same time again to receive the answer.
        line.until = Instant::now() + PATIENCE;
        let request = request.and_then(|bytes| Ok(serde_json::from_slice::<Request>(&bytes)?));
        let found = match request {
            Ok(Request::LastUs(span)) => recent.last(Duration::from_micros(span)),
            Ok(Request::Event(id)) => match recent.event(id) {
                Some(found) => found,
                None => {
                    let reason =
                        format!("event {id} is not kept any more, or is of another listener");
                    return line.say(&Answer::Refused { reason });
                }
            },
            Ok(Request::State) => {
                let (began, heard_at, device) = recent.state();
                return line.say(&Answer::State(ListeningState {
                    source: source.to_owned(),
                    for_us: micros(began.elapsed()),
                    age_us: heard_at.map(|at| micros(at.elapsed())),
                    device,
                }));
            }
            Err(error) => {
                let reason = error.to_string();
                return line.say(&Answer::Refused { reason });
            }
        };
        let (excerpt, heard_at) = match found {
            Ok(found) => found,
            Err(less) => {
                return line.say(&Answer::Less {
                    heard_us: micros(less.available),
                });
            }
        };
        let values = excerpt.samples();
        line.say(&Answer::Heard {
            rate: crate::source::Source::rate(&excerpt),
            channels: crate::source::Source::channels(&excerpt).to_vec(),
            values: values.len(),
            source: source.to_owned(),
            age_us: micros(heard_at.elapsed()),
        })?;
        let bytes: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        line.write_all(&bytes)
    }

    /// Sends `request` to the process that listens with the learner in `dir`, and reads the first
    /// line.
    fn ask(dir: &Path, request: &Request) -> Result<(Timed, Answer), Error> {
        let path = dir.join(SOCKET);
        let io = |error: io::Error| failed(&path, &error);
        let stream = match UnixStream::connect(&path) {
            Ok(stream) => stream,
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::NotFound | ErrorKind::ConnectionRefused
                ) =>
            {
                return Err(Error::NobodyListens {
                    dir: dir.to_owned(),
                });
            }
            Err(error) => return Err(io(error)),
        };
        let mut line = Timed::new(stream, LONG_PATIENCE);
        line.say(request).map_err(io)?;
        let header = line.read_line(MOST_ANSWER).map_err(io)?;
        let header = serde_json::from_slice(&header).map_err(|error| failed(&path, &error))?;
        match header {
            Answer::Refused { reason } => Err(failed(&path, &reason)),
            answer => Ok((line, answer)),
        }
    }

    pub(super) fn listening(dir: &Path) -> Result<ListeningState, Error> {
        match ask(dir, &Request::State)? {
            (_, Answer::State(state)) => Ok(state),
            _ => Err(senseless(dir)),
        }
    }

    fn senseless(dir: &Path) -> Error {
        failed(&dir.join(SOCKET), &"its answer makes no sense")
    }

    pub(super) fn latest_audio(dir: &Path, span: Duration) -> Result<ReceivedAudio, Error> {
        receive(dir, &Request::LastUs(micros(span)), span)
    }

    pub(super) fn event_audio(dir: &Path, id: EventId) -> Result<ReceivedAudio, Error> {
        receive(dir, &Request::Event(id), Duration::ZERO)
    }

    /// Requests samples with a length of `span`.
    fn receive(dir: &Path, request: &Request, span: Duration) -> Result<ReceivedAudio, Error> {
        let (mut line, answer) = ask(dir, request)?;
        let (rate, channels, values, source, age_us) = match answer {
            Answer::Heard {
                rate,
                channels,
                values,
                source,
                age_us,
            } => (rate, channels, values, source, age_us),
            Answer::Less { heard_us } => {
                return Err(Error::TooLittleAudio {
                    requested: span,
                    available: Duration::from_micros(heard_us),
                });
            }
            _ => return Err(senseless(dir)),
        };
        let possible = (1..=Channel::MAX_COUNT).contains(&channels.len())
            && values % channels.len() == 0
            && (1..=MOST_VALUES).contains(&values);
        if !possible {
            return Err(senseless(dir));
        }
        let mut bytes = vec![0; values * 4];
        line.read_exact(&mut bytes)
            .map_err(|error| failed(&dir.join(SOCKET), &error))?;
        let value = |bytes: &[u8]| bytes.try_into().map_or(0.0, f32::from_le_bytes);
        let samples = bytes.chunks_exact(4).map(value).collect();
        Ok(ReceivedAudio {
            excerpt: Excerpt::new(rate, channels, samples),
            source,
            age: Duration::from_micros(age_us),
        })
    }

    fn micros(span: Duration) -> u64 {
        u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
    }

    /// A connection with a deadline.
    struct Timed {
        stream: UnixStream,
        until: Instant,
    }

    impl Timed {
        fn new(stream: UnixStream, patience: Duration) -> Self {
            Self {
                stream,
                until: Instant::now() + patience,
            }
        }

        fn left(&self) -> io::Result<Option<Duration>> {
            let left = self.until.saturating_duration_since(Instant::now());
            match left.is_zero() {
                true => Err(ErrorKind::TimedOut.into()),
                false => Ok(Some(left)),
            }
        }

        /// Reads a line of at most `most` bytes, without its end.
        fn read_line(&mut self, most: usize) -> io::Result<Vec<u8>> {
            let mut line = Vec::new();
            let mut byte = [0];
            loop {
                self.read_exact(&mut byte)?;
                match byte {
                    [b'\n'] => return Ok(line),
                    _ if line.len() >= most => {
                        return Err(io::Error::new(ErrorKind::InvalidData, "too long a line"));
                    }
                    [byte] => line.push(byte),
                }
            }
        }

        fn say(&mut self, what: &impl Serialize) -> io::Result<()> {
            let mut line = serde_json::to_vec(what)?;
            line.push(b'\n');
            self.write_all(&line)
        }
    }

    impl Read for Timed {
        fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
            self.stream.set_read_timeout(self.left()?)?;
            self.stream.read(bytes)
        }
    }

    impl Write for Timed {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.stream.set_write_timeout(self.left()?)?;
            self.stream.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            self.stream.flush()
        }
    }
}

/// Systems without Unix sockets: no audio is offered.
#[cfg(not(unix))]
mod socket {
    use std::io;
    use std::path::Path;
    use std::time::Duration;

    use super::{ListeningState, ReceivedAudio};
    use crate::engine::{Error, EventId, RetainedAudio};

    #[derive(Debug)]
    pub(super) enum Server {}

    impl Server {
        pub(super) fn start(_: &Path, _: RetainedAudio, _: &str) -> io::Result<Self> {
            Err(io::ErrorKind::Unsupported.into())
        }
    }

    pub(super) fn listening(dir: &Path) -> Result<ListeningState, Error> {
        Err(Error::NobodyListens {
            dir: dir.to_owned(),
        })
    }

    pub(super) fn latest_audio(dir: &Path, _: Duration) -> Result<ReceivedAudio, Error> {
        Err(Error::NobodyListens {
            dir: dir.to_owned(),
        })
    }

    pub(super) fn event_audio(dir: &Path, _: EventId) -> Result<ReceivedAudio, Error> {
        Err(Error::NobodyListens {
            dir: dir.to_owned(),
        })
    }
}
