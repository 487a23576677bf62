//! Rows of text from a serial port, for devices that print a table, JSON lines or NMEA sentences.
//!
//! A separate thread reads the port. If the port is lost, the thread opens it again as soon as it is
//! back, as for devices of Afield's protocol: the rest of the first line is passed over, and the
//! samples after it begin a new segment, by the host's clock. If the columns are not those of the
//! first head any more, it ends with an error (`comeback`). Nothing is sent to the device.

use std::io::{self, Read};
use std::sync::mpsc::{
    Receiver, RecvTimeoutError, SyncSender, TrySendError, channel, sync_channel,
};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::lateness::Lateness;
use super::lines::LOSS;
use super::live::{LOOK_AGAIN, PATIENCE};
use super::lock::lock;
use super::sensor_text::sensor_text;
use super::serial_port::Port;
use super::{Health, LiveSource, Note, PortName, SensorFormat, Source, SourceError, SourceSpec};
use crate::signal::{Channel, Chunk, Micros, SampleRate, Segment};

/// Length of the queue, in chunks.
const CHUNKS_WAITING: usize = 512;

/// Rows of text from a serial port, as a [`Source`] that ends only with an error.
#[derive(Debug)]
pub(super) struct SerialLines {
    name: String,
    rate: SampleRate,
    channels: Vec<Channel>,
    arrivals: Receiver<Result<Arrival, SourceError>>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    place: Place,
}

/// A chunk, and the time that the port was gone before it.
#[derive(Debug)]
struct Arrival {
    chunk: Chunk,
    gone: Duration,
}

/// The place of chunks in the stream. Rows do not tell how long a port was gone, unless they have
/// times.
#[derive(Debug)]
struct Place {
    /// The latest segment, by the rows.
    rows: Segment,
    gone: Duration,
    /// Microseconds by which the stream is ahead of the rows.
    ahead_us: u64,
}

impl Place {
    fn new(rate: SampleRate) -> Self {
        Self {
            rows: Segment::new(rate),
            gone: Duration::ZERO,
            ahead_us: 0,
        }
    }

    /// The start in the stream of a chunk of so many samples.
    fn of(&mut self, start: Micros, samples: u64, gone: Duration) -> Micros {
        if self.rows.is_gap(start) {
            // The first new segment after the port came back.
            let missing = (gone.saturating_sub(self.gone)).as_micros();
            let missing = u64::try_from(missing).unwrap_or(u64::MAX);
            let jump = start.0.saturating_sub(self.rows.end().0);
            self.ahead_us = (self.ahead_us).saturating_add(missing.saturating_sub(jump));
            self.gone = gone;
            self.rows.restart(start);
        }
        self.rows.advance(samples);
        Micros(start.0.saturating_add(self.ahead_us))
    }

    fn expected(&self) -> Micros {
        Micros(self.rows.end().0.saturating_add(self.ahead_us))
    }
}

/// What the thread and the source share.
#[derive(Debug, Default)]
struct Shared(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    is_stopped: bool,
    /// Whether the head is known. A port that is lost before is an error.
    is_begun: bool,
    connected: bool,
    reconnects: u64,
    gone: Duration,
    samples: u64,
    dropped: u64,
    latency_us: u64,
    notes: Vec<Note>,
}

impl SerialLines {
    /// Opens a port, and waits for the lines that tell the format and the rate.
    ///
    /// # Errors
    /// [`SourceError::Device`] if the port cannot be opened, otherwise as
    /// [`sensor_text`](super::sensor_text).
    pub(super) fn open(port: &PortName, format: &SensorFormat) -> Result<Self, SourceError> {
        let shared = Arc::new(Shared::default());
        lock(&shared.0).connected = true;
        let text = PortText {
            port: Some(Port::open(port)?),
            name: port.clone(),
            shared: Arc::clone(&shared),
            lost_at: Instant::now(),
        };
        let name = SourceSpec::serial(port.clone()).to_string();
        let (what, format) = (name.clone(), format.clone());
        let (begun, beginning) = channel();
        let (sender, arrivals) = sync_channel(CHUNKS_WAITING);
        let worker = Arc::clone(&shared);
        let thread = thread::Builder::new().name("lines".to_owned());
        let thread = thread.spawn(move || match sensor_text(text, &what, &format) {
            Ok(source) => {
                lock(&worker.0).is_begun = true;
                let known = (source.rate(), source.channels().to_vec());
                if begun.send(Ok(known)).is_ok() {
                    run(source, &worker, &sender);
                }
            }
            Err(error) => drop(begun.send(Err(error))),
        });
        let thread = thread.map_err(|error| SourceError::io(port.path(), error))?;
        let known = match beginning.recv() {
            Ok(known) => known?,
            Err(_) => return Err(SourceError::stream(&name, "its thread ended")),
        };
        Ok(Self {
            name,
            rate: known.0,
            channels: known.1,
            arrivals,
            shared,
            thread: Some(thread),
            place: Place::new(known.0),
        })
    }
}

/// Reads rows until the source is dropped.
fn run(
    mut source: Box<dyn Source>,
    shared: &Shared,
    arrivals: &SyncSender<Result<Arrival, SourceError>>,
) {
    let (rate, channels) = (source.rate(), source.channels().len().max(1));
    let (mut lateness, mut gone, started) = (Lateness::new(), Duration::ZERO, Instant::now());
    loop {
        let mut chunk = Chunk::default();
        match source.read(&mut chunk) {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => return drop(arrivals.send(Err(error))),
        }
        let notes = source.notes();
        let count = (chunk.samples.len() / channels) as u64;
        let mut state = lock(&shared.0);
        if std::mem::replace(&mut gone, state.gone) != state.gone {
            lateness.restart();
        }
        let end = chunk
            .start
            .0
            .saturating_add(Micros::from_samples(count, rate).0);
        let now = started.elapsed().as_micros();
        lateness.arrived(end, u64::try_from(now).unwrap_or(u64::MAX));
        state.notes = notes;
        state.samples += count;
        state.latency_us = lateness.median_us();
        match arrivals.try_send(Ok(Arrival { chunk, gone })) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => state.dropped += count,
            Err(TrySendError::Disconnected(_)) => return,
        }
        if state.is_stopped {
            return;
        }
    }
}

impl Source for SerialLines {
    fn rate(&self) -> SampleRate {
        self.rate
    }

    fn channels(&self) -> &[Channel] {
        &self.channels
    }

    fn notes(&self) -> Vec<Note> {
        lock(&self.shared.0).notes.clone()
    }

    /// Waits for samples. After half a second without any, the chunk is empty.
    fn read(&mut self, chunk: &mut Chunk) -> Result<bool, SourceError> {
        chunk.samples.clear();
        chunk.start = self.place.expected();
        match self.arrivals.recv_timeout(PATIENCE) {
            Ok(arrival) => {
                let arrival = arrival?;
                let count = arrival.chunk.samples.len() / self.channels.len().max(1);
                *chunk = arrival.chunk;
                chunk.start = self.place.of(chunk.start, count as u64, arrival.gone);
                Ok(true)
            }
            Err(RecvTimeoutError::Timeout) => Ok(true),
            Err(RecvTimeoutError::Disconnected) => Ok(false),
        }
    }

    fn live(&self) -> Option<&dyn LiveSource> {
        Some(self)
    }
}

impl LiveSource for SerialLines {
    fn introduction(&self) -> String {
        let (channels, rate) = (self.channels.len(), self.rate);
        format!(
            "{}: {channels} channels at {rate}, lines of text",
            self.name
        )
    }

    fn health(&self) -> Health {
        let state = lock(&self.shared.0);
        Health {
            connected: state.connected,
            lost_samples: state.dropped,
            overruns: None,
            troubles: state.dropped + state.reconnects,
            latency_us: state.latency_us,
        }
    }

    fn report(&self) -> String {
        let state = lock(&self.shared.0);
        let connected = match state.connected {
            true => "connected",
            false => "no connection",
        };
        format!(
            "{connected}: {} samples, {} dropped by us; {} reconnects; latency {:.1} ms",
            state.samples,
            state.dropped,
            state.reconnects,
            state.latency_us as f64 / 1e3
        )
    }
}

impl Drop for SerialLines {
    fn drop(&mut self) {
        lock(&self.shared.0).is_stopped = true;
        if let Some(thread) = self.thread.take() {
            // The thread's result, even a panic, no longer matters.
            let _ = thread.join();
        }
    }
}

/// A port as a reader that waits for bytes, and for the port when it is lost.
struct PortText {
    port: Option<Port>,
    name: PortName,
    shared: Arc<Shared>,
    lost_at: Instant,
}

impl Read for PortText {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        loop {
            if lock(&self.shared.0).is_stopped {
                return Ok(0);
            }
            let Some(port) = &mut self.port else {
                self.look_again();
                continue;
            };
            match port.read(bytes) {
                Ok(0) => {}
                Ok(count) => return Ok(count),
                Err(_) => {
                    self.port = None;
                    self.lost_at = Instant::now();
                    let mut state = lock(&self.shared.0);
                    if !state.is_begun {
                        return Ok(0);
                    }
                    state.connected = false;
                    state.reconnects += 1;
                    return LOSS.take(bytes.len() as u64).read(bytes);
                }
            }
        }
    }
}

impl PortText {
    fn look_again(&mut self) {
        thread::sleep(LOOK_AGAIN);
        if let Ok(port) = Port::open(&self.name) {
            self.port = Some(port);
            let mut state = lock(&self.shared.0);
            state.connected = true;
            state.gone += self.lost_at.elapsed();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_port_leaves_a_gap_by_the_hosts_clock() {
        let us = |ms: u64| Micros(ms * 1_000);
        let ms = Duration::from_millis;
        let mut place = Place::new(SampleRate::new(1_000).unwrap());
        assert_eq!(place.of(us(0), 100, ms(0)), us(0));
        assert_eq!(place.of(us(100), 100, ms(0)), us(100));
        // Rows that came before the port was lost follow.
        assert_eq!(place.of(us(200), 100, ms(5_000)), us(200));
        // Rows without times: one row counts as lost.
        assert_eq!(place.of(us(320), 100, ms(5_000)), us(5_300));
        assert_eq!(place.of(us(420), 100, ms(5_000)), us(5_400));
        assert_eq!(place.expected(), us(5_500));
        // Rows with times tell of the gap themselves.
        assert_eq!(place.of(us(7_520), 100, ms(12_000)), us(12_500));
        // A gap of another reason is as long as the rows say.
        assert_eq!(place.of(us(8_000), 100, ms(12_000)), us(12_980));
    }
}
