//! Microphones, through cpal: ALSA on Linux.
//!
//! A separate thread opens the device, detects when it is gone, and retries until it returns. A
//! thread of the system delivers samples, which [`super::capture`] takes. The device is asked for
//! the rate that the backbone reads, and for as few channels as it offers. Several channels are
//! mixed by their mean, or one of them is chosen.
//! Any sample format is accepted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use cpal::traits::{DeviceTrait, HostTrait, StreamTrait};
use cpal::{
    BufferSize, Data, ErrorKind, FromSample, I24, Sample, SampleFormat, SizedSample, StreamConfig,
    SupportedBufferSize, SupportedStreamConfig, U24,
};

use super::audio_input::{Offer, best};
use super::capture::{Capture, SharedIntake, capture};
use super::live::LOOK_AGAIN;
use super::lock::lock;
use super::mixing::LiveMixing;
use super::{
    ChannelChoice, Health, LiveSource, MicrophoneInfo, Source, SourceError, SourceSpec,
    StreamProperty,
};
use crate::signal::{Chunk, SampleRate};

/// Blocks a second that a device is asked for. The system's buffer holds two blocks, so the program
/// may be delayed by their length without a loss.
const BLOCKS_A_SECOND: u32 = 20;
/// The time that a device may take to open.
const INTRODUCTION: Duration = Duration::from_secs(10);
/// A device that sends no sample for this time, in microseconds, counts as gone, even if it reports
/// no error.
const SILENCE_US: u64 = 3_000_000;

/// Sample formats, in order of preference.
const FORMATS: [SampleFormat; 12] = [
    SampleFormat::I16,
    SampleFormat::F32,
    SampleFormat::I32,
    SampleFormat::I24,
    SampleFormat::F64,
    SampleFormat::I64,
    SampleFormat::U16,
    SampleFormat::U24,
    SampleFormat::U32,
    SampleFormat::U64,
    SampleFormat::I8,
    SampleFormat::U8,
];

/// A microphone, as a [`Source`] of mono sound that ends only with an error.
///
/// Stream time starts with the first sample and counts samples, dropped ones included. After an
/// overrun of the system's buffer or a lost device, it continues by the host's clock.
#[derive(Debug)]
pub struct Microphone {
    capture: Capture,
    introduction: String,
    _worker: Handle,
}

/// The handle of the thread.
#[derive(Debug)]
struct Handle {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Microphone {
    /// Opens a microphone by its name or a part of its description; without `name`, the system's
    /// default. Asks it for `wanted` samples a second, or for the next rate that it supports.
    /// `choice` picks one of several channels.
    ///
    /// # Errors
    /// [`SourceError::Device`] if no microphone has this name, or if it cannot be opened;
    /// [`SourceError::NoChannel`] if it has no such channel.
    pub fn open(
        name: Option<&str>,
        wanted: SampleRate,
        choice: ChannelChoice,
    ) -> Result<Self, SourceError> {
        let stop = Arc::new(AtomicBool::new(false));
        let (told, first) = channel();
        let worker = Worker {
            name: name.map(str::to_owned),
            choice,
            stop: Arc::clone(&stop),
            started: Instant::now(),
        };
        let thread = thread::Builder::new()
            .name("microphone".to_owned())
            .spawn(move || match quietly(|| worker.begin(wanted)) {
                Ok((open, intake, begun)) => {
                    // If opening took too long, the receiver is gone.
                    if told.send(Ok(begun)).is_ok() {
                        worker.go_on(open, &intake);
                    }
                }
                Err(error) => drop(told.send(Err(error))),
            })
            .map_err(|error| refused(name, &error))?;
        let worker = Handle {
            stop,
            thread: Some(thread),
        };
        match first.recv_timeout(INTRODUCTION) {
            Ok(Ok((capture, introduction))) => Ok(Self {
                capture,
                introduction,
                _worker: worker,
            }),
            Ok(Err(error)) => Err(error),
            Err(_) => {
                // The thread hangs in the system; to wait for it would hang the caller as well.
                std::mem::forget(worker);
                Err(refused(name, &"it does not answer"))
            }
        }
    }
}

impl Source for Microphone {
    fn rate(&self) -> SampleRate {
        self.capture.rate()
    }

    /// Waits for samples. After half a second without any, the chunk is empty.
    fn read(&mut self, chunk: &mut Chunk) -> Result<bool, SourceError> {
        self.capture.read(chunk)
    }

    fn live(&self) -> Option<&dyn LiveSource> {
        Some(self)
    }
}

impl LiveSource for Microphone {
    fn introduction(&self) -> String {
        self.introduction.clone()
    }

    fn health(&self) -> Health {
        self.capture.status().health()
    }

    fn report(&self) -> String {
        self.capture.status().to_string()
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // The thread's result, even a panic, does not matter.
            let _ = thread.join();
        }
    }
}

/// The microphones of this machine, with the default one first.
///
/// # Errors
/// [`SourceError::Device`] if the system cannot list them.
pub fn microphones() -> Result<Vec<MicrophoneInfo>, SourceError> {
    quietly(|| {
        let host = host(None)?;
        let default = host.default_input_device();
        let others = host
            .input_devices()
            .map_err(|error| refused(None, &error))?;
        let mut known: Vec<MicrophoneInfo> = Vec::new();
        for (device, is_default) in (default.into_iter().map(|device| (device, true)))
            .chain(others.map(|device| (device, false)))
        {
            if let Some(info) = described(&device, is_default)
                && known.iter().all(|other| other.name != info.name)
            {
                known.push(info);
            }
        }
        Ok(known)
    })
}

/// Describes a device; `None` if it gives no sound.
fn described(device: &cpal::Device, is_default: bool) -> Option<MicrophoneInfo> {
    let (name, description) = names(device)?;
    // ALSA's null device.
    if name == "null" {
        return None;
    }
    let silent = MicrophoneInfo {
        name,
        description,
        is_default,
        channels: None,
        rates: None,
    };
    let offers = match device.supported_input_configs() {
        Ok(offers) => offers,
        Err(error) if error.kind() == ErrorKind::DeviceBusy => return Some(silent),
        Err(_) => return None,
    };
    let offers: Vec<Offer> = offers.filter_map(|range| offer(&range)).collect();
    let (channels, lowest) = (
        offers.iter().map(|offer| offer.channels),
        offers.iter().map(|offer| offer.lowest_hz),
    );
    let highest = offers.iter().map(|offer| offer.highest_hz).max()?;
    let rate = |hz: u32| SampleRate::new(hz.clamp(1, SampleRate::MAX_HZ)).ok();
    Some(MicrophoneInfo {
        channels: channels.clone().min().zip(channels.max()),
        rates: rate(lowest.min()?).zip(rate(highest)),
        ..silent
    })
}

/// The name that opens a device, and its description in one line.
fn names(device: &cpal::Device) -> Option<(String, String)> {
    let name = device.id().ok()?.id().to_owned();
    let description = match device.description() {
        Ok(description) => description.name().to_owned(),
        Err(_) => name.clone(),
    };
    Some((name, description))
}

fn offer(range: &cpal::SupportedStreamConfigRange) -> Option<Offer> {
    let format = (FORMATS.iter()).position(|format| *format == range.sample_format())?;
    Some(Offer {
        channels: range.channels(),
        lowest_hz: range.min_sample_rate(),
        highest_hz: range.max_sample_rate(),
        format: u8::try_from(format).ok()?,
    })
}

/// The thread's state.
struct Worker {
    name: Option<String>,
    choice: ChannelChoice,
    stop: Arc<AtomicBool>,
    started: Instant,
}

/// An open device.
struct Open {
    /// The device sends as long as this value exists.
    _stream: cpal::Stream,
    failures: Receiver<cpal::Error>,
}

impl Worker {
    /// Opens the device for the first time. Returns the device, both ends of the queue and a
    /// description.
    fn begin(
        &self,
        wanted: SampleRate,
    ) -> Result<(Open, SharedIntake, (Capture, String)), SourceError> {
        let (device, config, rate) = self.find(wanted)?;
        let (intake, capture) = capture(rate);
        let open = self.start(&device, &config, rate, &intake)?;
        let description = names(&device).map_or_else(String::new, |(_, description)| description);
        let channels = match config.channels() {
            1 => "1 channel".to_owned(),
            many => match self.choice {
                ChannelChoice::Mix => format!("{many} channels, mixed,"),
                choice => format!("{many} channels, {choice} of them used,"),
            },
        };
        let format = config.sample_format();
        let introduction = format!("{description}: {channels} at {rate}, {format}");
        Ok((open, intake, (capture, introduction)))
    }

    /// Watches the device until the thread is told to stop.
    fn go_on(&self, open: Open, intake: &SharedIntake) {
        let mut open = Some(open);
        let rate = lock(intake).rate();
        while !self.stop.load(Ordering::Relaxed) {
            match &open {
                Some(device) => {
                    let gone = match device.failures.recv_timeout(LOOK_AGAIN) {
                        Ok(_) => true,
                        Err(RecvTimeoutError::Timeout) => {
                            lock(intake).silent_us(self.now_us()) > SILENCE_US
                        }
                        Err(RecvTimeoutError::Disconnected) => true,
                    };
                    if gone {
                        lock(intake).lost();
                        open = None;
                    }
                }
                None => {
                    thread::sleep(LOOK_AGAIN);
                    match quietly(|| self.again(rate, intake)) {
                        Ok(again) => open = Some(again),
                        Err(error @ SourceError::Mismatch { .. }) => {
                            return lock(intake).fail(error);
                        }
                        // The device is not back yet.
                        Err(_) => {}
                    }
                }
            }
        }
    }

    /// Opens the device again, with the same rate.
    fn again(&self, rate: SampleRate, intake: &SharedIntake) -> Result<Open, SourceError> {
        let (device, config, actual) = self.find(rate)?;
        if actual != rate {
            return Err(SourceError::Mismatch {
                device: SourceSpec::microphone(self.name.as_deref()),
                property: StreamProperty::Stream,
                expected: rate.to_string(),
                actual: actual.to_string(),
            });
        }
        self.start(&device, &config, rate, intake)
    }

    /// Finds the device and its best configuration.
    fn find(
        &self,
        wanted: SampleRate,
    ) -> Result<(cpal::Device, SupportedStreamConfig, SampleRate), SourceError> {
        let name = self.name.as_deref();
        let device = self.device(&host(name)?)?;
        let ranges = device.supported_input_configs();
        let offered: Vec<_> = ranges
            .map_err(|error| refused(name, &error))?
            .filter_map(|range| Some((range, offer(&range)?)))
            .collect();
        // A chosen channel must be among them; the best is one of as many as there are.
        let most = offered.iter().map(|(_, offer)| offer.channels).max();
        let needed = match self.choice {
            ChannelChoice::Mix => 1,
            ChannelChoice::Best => most.unwrap_or(1),
            ChannelChoice::Only(channel) => channel,
        };
        if let Some(most) = most.filter(|&most| most < needed) {
            return Err(self.no_channel(usize::from(most)));
        }
        let (ranges, offers): (Vec<_>, Vec<Offer>) = offered
            .into_iter()
            .filter(|(_, offer)| offer.channels >= needed)
            .unzip();
        let best = best(&offers, wanted).and_then(|(place, rate)| {
            let range = ranges.get(place)?;
            Some((range.try_with_sample_rate(rate.hz())?, rate))
        });
        match best {
            Some((config, rate)) => Ok((device, config, rate)),
            None => Err(refused(name, &"it offers no sound that can be read")),
        }
    }

    fn no_channel(&self, channels: usize) -> SourceError {
        SourceError::NoChannel {
            path: SourceSpec::microphone(self.name.as_deref())
                .to_string()
                .into(),
            choice: self.choice,
            channels,
        }
    }

    fn device(&self, host: &cpal::Host) -> Result<cpal::Device, SourceError> {
        let Some(name) = self.name.as_deref() else {
            let default = host.default_input_device();
            return default.ok_or_else(|| refused(None, &"the system has no default"));
        };
        let devices = host.input_devices();
        let devices: Vec<(cpal::Device, String, String)> = devices
            .map_err(|error| refused(Some(name), &error))?
            .filter_map(|device| {
                let (id, description) = names(&device)?;
                Some((device, id, description))
            })
            .collect();
        let within = |text: &str| text.to_lowercase().contains(&name.to_lowercase());
        let exact = devices.iter().find(|(_, id, _)| id == name);
        let part = || (devices.iter()).find(|(_, id, text)| within(text) || within(id));
        match exact.or_else(part) {
            Some((device, ..)) => Ok(device.clone()),
            // The list of devices lacks the default, at least on Linux.
            None if name == "default" => host
                .default_input_device()
                .ok_or_else(|| refused(Some(name), &"the system has no default")),
            None => Err(refused(Some(name), &"there is no microphone of this name")),
        }
    }

    fn start(
        &self,
        device: &cpal::Device,
        config: &SupportedStreamConfig,
        rate: SampleRate,
        intake: &SharedIntake,
    ) -> Result<Open, SourceError> {
        let frames = (rate.hz() / BLOCKS_A_SECOND).max(1);
        let frames = match *config.buffer_size() {
            SupportedBufferSize::Range { min, max } => frames.max(min).min(max),
            SupportedBufferSize::Unknown => frames,
        };
        let sized = |buffer_size| StreamConfig {
            buffer_size,
            ..config.config()
        };
        let fixed = sized(BufferSize::Fixed(frames));
        let format = config.sample_format();
        let mixing = || {
            let channels = usize::from(config.channels());
            LiveMixing::new(self.choice, channels, rate).map_err(|count| self.no_channel(count))
        };
        let started = self.build(device, fixed, format, intake, mixing()?);
        let started = match started {
            Ok(open) => Ok(open),
            // Some devices reject a buffer size that they offer.
            Err(_) => self.build(
                device,
                sized(BufferSize::Default),
                format,
                intake,
                mixing()?,
            ),
        };
        let open = started.map_err(|error| refused(self.name.as_deref(), &error))?;
        lock(intake).opened(self.now_us());
        Ok(open)
    }

    fn build(
        &self,
        device: &cpal::Device,
        config: StreamConfig,
        format: SampleFormat,
        intake: &SharedIntake,
        mut mixing: LiveMixing,
    ) -> Result<Open, cpal::Error> {
        let (heard, failed, started) = (Arc::clone(intake), Arc::clone(intake), self.started);
        let (sender, failures) = channel();
        let stream = device.build_input_stream_raw(
            config,
            format,
            move |data, _| {
                let samples = mono(data, &mut mixing);
                lock(&heard).take(samples, micros_since(started));
            },
            move |error| match error.kind() {
                ErrorKind::Xrun => lock(&failed).overrun(),
                // The stream continues, on another device or with less priority.
                ErrorKind::DeviceChanged | ErrorKind::RealtimeDenied => {}
                // The receiver may be gone.
                _ => drop(sender.send(error)),
            },
            None,
        )?;
        stream.play()?;
        Ok(Open {
            _stream: stream,
            failures,
        })
    }

    fn now_us(&self) -> u64 {
        micros_since(self.started)
    }
}

fn micros_since(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX)
}

fn host(name: Option<&str>) -> Result<cpal::Host, SourceError> {
    let host = cpal::available_hosts().first().copied();
    let host = host.ok_or_else(|| refused(name, &"the system has no sound"))?;
    cpal::host_from_id(host).map_err(|error| refused(name, &error))
}

fn refused(name: Option<&str>, reason: &dyn std::fmt::Display) -> SourceError {
    SourceError::Device {
        device: SourceSpec::microphone(name),
        reason: reason.to_string(),
    }
}

/// One sample for each frame, full scale `[-1, 1]`.
fn mono(data: &Data, mixing: &mut LiveMixing) -> Vec<f32> {
    match data.sample_format() {
        SampleFormat::I8 => mixed::<i8>(data, mixing),
        SampleFormat::I16 => mixed::<i16>(data, mixing),
        SampleFormat::I24 => mixed::<I24>(data, mixing),
        SampleFormat::I32 => mixed::<i32>(data, mixing),
        SampleFormat::I64 => mixed::<i64>(data, mixing),
        SampleFormat::U8 => mixed::<u8>(data, mixing),
        SampleFormat::U16 => mixed::<u16>(data, mixing),
        SampleFormat::U24 => mixed::<U24>(data, mixing),
        SampleFormat::U32 => mixed::<u32>(data, mixing),
        SampleFormat::U64 => mixed::<u64>(data, mixing),
        SampleFormat::F32 => mixed::<f32>(data, mixing),
        SampleFormat::F64 => mixed::<f64>(data, mixing),
        _ => Vec::new(),
    }
}

fn mixed<T: SizedSample>(data: &Data, mixing: &mut LiveMixing) -> Vec<f32>
where
    f32: FromSample<T>,
{
    let samples = data.as_slice::<T>().unwrap_or_default();
    mixing.mix(samples.iter().map(|&x| f32::from_sample(x)))
}

/// Runs `work` and keeps ALSA's library from writing messages about missing devices to the
/// terminal. ALSA writes to a buffer of this thread instead, a new one each time.
#[cfg(target_os = "linux")]
fn quietly<T>(work: impl FnOnce() -> T) -> T {
    // If this fails, ALSA writes to the terminal.
    let _buffer = alsa::Output::local_error_handler();
    work()
}

#[cfg(not(target_os = "linux"))]
fn quietly<T>(work: impl FnOnce() -> T) -> T {
    work()
}
