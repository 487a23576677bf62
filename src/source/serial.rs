//! Samples from a microcontroller on a serial line.
//!
//! A separate thread reads the port, because the operating system buffers only a few kilobytes.
//! Blocks wait in a bounded queue. If the program falls behind by more than the queue holds, the
//! newest blocks are dropped and counted. If samples are missing, for any reason, the time jumps
//! from one chunk to the next. Samples are never joined across such a gap.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use firmware_bridge::{Samples, StreamInfo};

use super::live::{LOOK_AGAIN, PATIENCE};
use super::lock::lock;
use super::serial_link::{Heard, Link, LinkStatus};
use super::serial_port::{Port, PortName};
use super::timeline::{Block, Timeline};
use super::{DeviceInfo, Health, LiveSource, Source, SourceError, SourceSpec, StreamProperty};
use crate::signal::{Channel, Chunk, SampleRate, SignalError, Unit};

/// Length of the queue, in blocks: six seconds at ten a second.
const BLOCKS_WAITING: usize = 64;
/// The time that a device may take to describe itself.
const INTRODUCTION: Duration = Duration::from_secs(10);

/// A device on a serial line, as a [`Source`] that ends only with an error.
///
/// Stream time starts with the first sample. It counts samples at the stream's nominal rate, lost
/// ones included. After a reset of the device or a lost port, it continues by the host's clock.
#[derive(Debug)]
pub struct SerialSource {
    reader: Reader,
    stream: Stream,
    timeline: Timeline,
}

/// The source's handle of the thread.
#[derive(Debug)]
struct Reader {
    device: SourceSpec,
    /// The rate that the device is asked for.
    rate: Option<SampleRate>,
    arrivals: Receiver<Arrival>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// The stream of a device: its description, and the same in the library's terms.
#[derive(Debug)]
struct Stream {
    info: DeviceInfo,
    rate: SampleRate,
    channels: Vec<Channel>,
    scales: Vec<f32>,
}

/// The values that the thread and the source share.
#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    status: Mutex<LinkStatus>,
    shown: Mutex<Option<(String, u8)>>,
}

/// A message that arrived, and its time in microseconds since the port was opened.
#[derive(Debug)]
struct Arrival {
    heard: Heard,
    at_us: u64,
}

impl SerialSource {
    /// Opens a port, and waits up to ten seconds until its device describes itself. If `rate` is
    /// given, this device, and any device that replaces it, is asked to sample at this rate.
    /// Otherwise it samples at its own rate.
    ///
    /// # Errors
    /// [`SourceError::Device`] if the port cannot be opened or the device describes an
    /// impossible stream, [`SourceError::PortSilent`] if no device of this protocol answers,
    /// [`SourceError::Mismatch`] if it speaks another version or cannot sample at `rate`.
    pub fn open(name: &PortName, rate: Option<SampleRate>) -> Result<Self, SourceError> {
        let reader = Reader::start(name, rate)?;
        let info = reader.introduction(name)?;
        let stream = Stream::new(&info).map_err(|error| SourceError::Device {
            device: reader.device.clone(),
            reason: format!("it describes an impossible stream: {error}"),
        })?;
        Ok(Self {
            reader,
            timeline: Timeline::new(stream.rate),
            stream,
        })
    }

    /// The device and its channels, as it describes itself.
    pub fn info(&self) -> &DeviceInfo {
        &self.stream.info
    }

    /// Counts of received and lost data so far.
    pub fn status(&self) -> LinkStatus {
        lock(&self.reader.shared.status).clone()
    }

    /// Rejects a device that has returned with another stream.
    fn recognise(&self, info: &StreamInfo) -> Result<(), SourceError> {
        let (known, actual) = (&self.stream.info, DeviceInfo::of(info));
        if actual.hz == known.hz && actual.channels == known.channels {
            return Ok(());
        }
        Err(self
            .reader
            .mismatch(StreamProperty::Stream, known.summary(), actual.summary()))
    }

    /// Overwrites `chunk` with a block of samples.
    fn take(&mut self, samples: &Samples, at_us: u64, chunk: &mut Chunk) {
        chunk.start = self.timeline.advance(Block {
            epoch: samples.epoch,
            first: samples.first,
            count: samples.count() as u64,
            at_us,
        });
        let scales = self.stream.scales.iter().cycle();
        let values = samples.values.iter().zip(scales);
        (chunk.samples).extend(values.map(|(&count, scale)| f32::from(count) * scale));
    }
}

impl Source for SerialSource {
    fn rate(&self) -> SampleRate {
        self.stream.rate
    }

    fn channels(&self) -> &[Channel] {
        &self.stream.channels
    }

    /// Waits for samples. After half a second without any, the chunk is empty.
    fn read(&mut self, chunk: &mut Chunk) -> Result<bool, SourceError> {
        chunk.samples.clear();
        chunk.start = self.timeline.expected();
        let Arrival { heard, at_us } = match self.reader.arrivals.recv_timeout(PATIENCE) {
            Ok(arrival) => arrival,
            Err(RecvTimeoutError::Timeout) => return Ok(true),
            Err(RecvTimeoutError::Disconnected) => return Ok(false),
        };
        match heard {
            Heard::Info(info) => self.recognise(&info)?,
            Heard::RateRefused => return Err(self.reader.rate_refused()),
            Heard::Samples(samples)
                if usize::from(samples.channels) == self.stream.channels.len() =>
            {
                self.take(&samples, at_us, chunk);
            }
            // The number of channels differs from the description: a new one follows.
            Heard::Samples(_) => {}
        }
        Ok(true)
    }

    fn live(&self) -> Option<&dyn LiveSource> {
        Some(self)
    }
}

impl LiveSource for SerialSource {
    fn introduction(&self) -> String {
        let info = &self.stream.info;
        let channels = info.channels.len();
        format!("{}: {channels} channels at {} Hz", info.name, info.hz)
    }

    fn health(&self) -> Health {
        let status = lock(&self.reader.shared.status);
        let lost_samples = status.lost_samples + status.overrun_samples;
        Health {
            connected: status.connected,
            lost_samples,
            overruns: None,
            troubles: lost_samples + status.damaged + status.reconnects,
            latency_us: status.latency_us,
        }
    }

    fn report(&self) -> String {
        self.status().to_string()
    }

    /// A later decision replaces one that has not been sent.
    fn show(&self, label: &str, percent: u8) {
        *lock(&self.reader.shared.shown) = Some((label.to_owned(), percent));
    }
}

impl Stream {
    fn new(info: &StreamInfo) -> Result<Self, SignalError> {
        let hz = (u64::from(info.rate_mhz) + 500) / 1_000;
        let channel = |channel: &firmware_bridge::Channel| {
            Channel::new(channel.name.as_str(), Unit::new(channel.unit.as_str())?)
        };
        let channels: Result<Vec<_>, _> = info.channels.iter().map(channel).collect();
        Ok(Self {
            rate: SampleRate::new(u32::try_from(hz).unwrap_or(u32::MAX))?,
            channels: channels?,
            scales: info.channels.iter().map(|channel| channel.scale).collect(),
            info: DeviceInfo::of(info),
        })
    }
}

impl Reader {
    fn start(name: &PortName, rate: Option<SampleRate>) -> Result<Self, SourceError> {
        let port = Port::open(name)?;
        let shared = Arc::new(Shared::default());
        let (sender, arrivals) = sync_channel(BLOCKS_WAITING);
        let worker = Worker {
            name: name.clone(),
            link: Link::new(rate.map(|rate| rate.hz().saturating_mul(1_000))),
            shared: Arc::clone(&shared),
            arrivals: sender,
            held: None,
            started: Instant::now(),
        };
        let thread = thread::Builder::new()
            .name("serial".to_owned())
            .spawn(move || worker.run(port))
            .map_err(|error| SourceError::io(name.path(), error))?;
        Ok(Self {
            device: SourceSpec::serial(name.clone()),
            rate,
            arrivals,
            shared,
            thread: Some(thread),
        })
    }

    /// Waits until the device describes itself.
    fn introduction(&self, name: &PortName) -> Result<StreamInfo, SourceError> {
        let until = Instant::now() + INTRODUCTION;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.arrivals.recv_timeout(left) {
                Ok(Arrival {
                    heard: Heard::Info(info),
                    ..
                }) => {
                    let asked = self.rate.map(|rate| u64::from(rate.hz()) * 1_000);
                    if asked.is_some_and(|mhz| mhz != u64::from(info.rate_mhz)) {
                        return Err(self.rate_refused());
                    }
                    return Ok(info);
                }
                Ok(Arrival {
                    heard: Heard::RateRefused,
                    ..
                }) => return Err(self.rate_refused()),
                Ok(_) => {}
                Err(_) => break,
            }
        }
        let status = lock(&self.shared.status).clone();
        Err(match status.foreign_version {
            Some(version) => self.mismatch(
                StreamProperty::ProtocolVersion,
                firmware_bridge::VERSION.to_string(),
                version.to_string(),
            ),
            None => SourceError::PortSilent {
                port: name.clone(),
                seconds: INTRODUCTION.as_secs(),
                bytes: status.bytes,
                frames: status.frames,
            },
        })
    }

    fn rate_refused(&self) -> SourceError {
        let expected = self.rate.map_or(String::new(), |rate| rate.to_string());
        self.mismatch(StreamProperty::Rate, expected, "another one".to_owned())
    }

    fn mismatch(&self, property: StreamProperty, expected: String, actual: String) -> SourceError {
        SourceError::Mismatch {
            device: self.device.clone(),
            property,
            expected,
            actual,
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // The thread's result, even a panic, no longer matters.
            let _ = thread.join();
        }
    }
}

/// The thread's state.
struct Worker {
    name: PortName,
    link: Link,
    shared: Arc<Shared>,
    arrivals: SyncSender<Arrival>,
    /// A description that did not fit into the queue; later arrivals wait behind it.
    held: Option<Arrival>,
    started: Instant,
}

impl Worker {
    fn run(mut self, port: Port) {
        let mut port = Some(port);
        self.link.opened(self.now_us());
        while !self.shared.stop.load(Ordering::Relaxed) {
            match &mut port {
                Some(open) => {
                    if self.talk(open).is_err() {
                        port = None;
                        self.link.closed();
                    }
                }
                None => {
                    thread::sleep(LOOK_AGAIN);
                    port = Port::open(&self.name).ok();
                    if port.is_some() {
                        self.link.opened(self.now_us());
                    }
                }
            }
            *lock(&self.shared.status) = self.link.status();
        }
        if let Some(mut port) = port {
            let mut out = Vec::new();
            self.link.stop(self.now_us(), &mut out);
            // The device may be gone; no answer is expected.
            let _ = port.write(&out);
        }
    }

    /// Writes what is due and reads what has arrived. An error means that the port is gone.
    fn talk(&mut self, port: &mut Port) -> std::io::Result<()> {
        if let Some((label, percent)) = lock(&self.shared.shown).take() {
            self.link.show(&label, percent);
        }
        let mut out = Vec::new();
        self.link.poll(self.now_us(), &mut out);
        port.write(&out)?;
        let mut bytes = [0; 4_096];
        let read = port.read(&mut bytes)?;
        let at_us = self.now_us();
        let (arrivals, stop, held) = (&self.arrivals, &self.shared.stop, &mut self.held);
        let mut overrun = 0;
        let bytes = bytes.get(..read).unwrap_or_default();
        self.link.receive(bytes, at_us, |heard| {
            for arrival in held.take().into_iter().chain([Arrival { heard, at_us }]) {
                let refused = match held {
                    None => arrivals.try_send(arrival),
                    Some(_) => Err(TrySendError::Full(arrival)),
                };
                match refused {
                    Ok(()) => {}
                    Err(TrySendError::Full(arrival)) => match arrival.heard {
                        Heard::Samples(samples) => overrun += samples.count() as u64,
                        Heard::Info(_) | Heard::RateRefused => *held = Some(arrival),
                    },
                    Err(TrySendError::Disconnected(_)) => stop.store(true, Ordering::Relaxed),
                }
            }
        });
        self.link.overrun(overrun);
        Ok(())
    }

    fn now_us(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}
