//! Raw PCM without a header, from any reader: standard input, a pipe, a socket.
//!
//! Such a stream does not describe itself, so the caller states its format, for example
//! `s16le:16000:1`. A read returns the bytes that have arrived. It does not wait until a buffer is
//! full.

use std::fmt;
use std::io::{ErrorKind, Read};
use std::str::FromStr;

use super::mixing::Mixing;
use super::stream_header::{self, Beginning};
use super::{ChannelChoice, Note, Source, SourceError};
use crate::signal::{Chunk, Micros, SampleRate};

/// The most channels accepted.
const MAX_CHANNELS: u16 = 64;
/// The number of bytes that one read asks for.
const BUFFER_BYTES: usize = 16 * 1024;

/// The format of a raw PCM stream.
///
/// ```
/// use afield::source::PcmFormat;
/// let format: PcmFormat = "s16le:44100:2".parse()?;
/// assert_eq!(format.to_string(), "s16le:44100:2");
/// assert_eq!(PcmFormat::default().to_string(), "s16le:16000:1");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PcmFormat {
    /// Samples per second and channel.
    rate: SampleRate,
    /// Interleaved channels, 1 to 64; they are mixed by their mean.
    channels: u16,
    encoding: Encoding,
}

impl PcmFormat {
    /// The format of a WAV file: its tag (1 for integers, 3 for floats), bits of a sample, rate in
    /// Hz and channels.
    pub(super) fn of_wave(tag: u16, bits: u16, hz: u32, channels: u16) -> Option<Self> {
        let encoding = match (tag, bits) {
            (1, 8) => Encoding::U8,
            (1, 16) => Encoding::S16Le,
            (1, 24) => Encoding::S24Le,
            (1, 32) => Encoding::S32Le,
            (3, 32) => Encoding::F32Le,
            _ => return None,
        };
        let rate = SampleRate::new(hz).ok()?;
        let possible = (1..=MAX_CHANNELS).contains(&channels);
        possible.then_some(Self {
            rate,
            channels,
            encoding,
        })
    }

    const FORM: &str = "ENCODING:RATE:CHANNELS, as in s16le:16000:1; \
        encodings are u8, s16le, s16be, s24le, s32le and f32le";
}

/// 16-bit little-endian mono at 16 kHz, as written by `arecord -f S16_LE -r 16000`.
impl Default for PcmFormat {
    fn default() -> Self {
        Self {
            rate: SampleRate::new(16_000).unwrap_or(SampleRate::ONE_HZ),
            channels: 1,
            encoding: Encoding::S16Le,
        }
    }
}

/// The encoding of a sample in raw PCM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    /// Unsigned 8-bit.
    U8,
    /// Signed 16-bit, little-endian.
    S16Le,
    /// Signed 16-bit, big-endian.
    S16Be,
    /// Signed 24-bit in three bytes, little-endian.
    S24Le,
    /// Signed 32-bit, little-endian.
    S32Le,
    /// IEEE 754 single precision, little-endian.
    F32Le,
}

impl Encoding {
    const ALL: [(&str, Encoding); 6] = [
        ("u8", Encoding::U8),
        ("s16le", Encoding::S16Le),
        ("s16be", Encoding::S16Be),
        ("s24le", Encoding::S24Le),
        ("s32le", Encoding::S32Le),
        ("f32le", Encoding::F32Le),
    ];

    /// Bytes in a sample.
    fn bytes(self) -> usize {
        match self {
            Encoding::U8 => 1,
            Encoding::S16Le | Encoding::S16Be => 2,
            Encoding::S24Le => 3,
            Encoding::S32Le | Encoding::F32Le => 4,
        }
    }

    /// Decodes the sample in `bytes`, full scale `[-1, 1]`. Returns 0 if there are too few bytes.
    fn sample(self, bytes: &[u8]) -> f32 {
        match (self, bytes) {
            (Encoding::U8, &[a]) => (f32::from(a) - 128.0) / 128.0,
            (Encoding::S16Le, &[a, b]) => f32::from(i16::from_le_bytes([a, b])) / 32_768.0,
            (Encoding::S16Be, &[a, b]) => f32::from(i16::from_be_bytes([a, b])) / 32_768.0,
            (Encoding::S24Le, &[a, b, c]) => {
                i32::from_le_bytes([0, a, b, c]) as f32 / 2_147_483_648.0
            }
            (Encoding::S32Le, &[a, b, c, d]) => {
                i32::from_le_bytes([a, b, c, d]) as f32 / 2_147_483_648.0
            }
            (Encoding::F32Le, &[a, b, c, d]) => f32::from_le_bytes([a, b, c, d]),
            _ => 0.0,
        }
    }
}

impl FromStr for PcmFormat {
    type Err = SourceError;

    fn from_str(text: &str) -> Result<Self, SourceError> {
        let refuse = |reason: String| SourceError::Syntax {
            text: text.to_owned(),
            what: "raw PCM format",
            form: Self::FORM,
            reason,
        };
        let parts: Vec<&str> = text.split(':').collect();
        let &[encoding, rate, channels] = parts.as_slice() else {
            return Err(refuse(format!("it has {} parts instead of 3", parts.len())));
        };
        let (_, encoding) = Encoding::ALL
            .into_iter()
            .find(|(name, _)| *name == encoding)
            .ok_or_else(|| refuse(format!("{encoding:?} is not an encoding")))?;
        let hz: u32 = rate
            .parse()
            .map_err(|_| refuse(format!("{rate:?} is not a rate in Hz")))?;
        let rate = SampleRate::new(hz).map_err(|error| refuse(error.to_string()))?;
        let channels = channels
            .parse()
            .ok()
            .filter(|channels| (1..=MAX_CHANNELS).contains(channels))
            .ok_or_else(|| refuse(format!("channels must be 1 to {MAX_CHANNELS}")))?;
        Ok(Self {
            rate,
            channels,
            encoding,
        })
    }
}

impl fmt::Display for PcmFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Encoding::ALL
            .iter()
            .find(|(_, encoding)| *encoding == self.encoding)
            .map_or("", |(name, _)| name);
        write!(f, "{name}:{}:{}", self.rate.hz(), self.channels)
    }
}

/// Raw PCM as a [`Source`].
///
/// Bytes at the end that do not fill a frame are dropped. If the reader would block, the chunk is
/// empty.
#[derive(Debug)]
pub(super) struct PcmReader<R> {
    reader: R,
    format: PcmFormat,
    buffer: Vec<u8>,
    /// Bytes at the front of the buffer that wait for the rest of their frame.
    held: usize,
    samples_out: u64,
    ended: bool,
    choice: ChannelChoice,
    /// Known as soon as there are samples enough to choose a channel.
    mixing: Option<Mixing>,
    /// Samples that are not mixed yet.
    interleaved: Vec<f32>,
    /// Bytes of samples that are still to come, if a header stated their number.
    left: Option<u64>,
    had_header: bool,
}

impl<R: Read + Send> PcmReader<R> {
    /// Reads PCM in `format` from `reader`.
    pub(super) fn new(reader: R, format: PcmFormat) -> Self {
        Self {
            reader,
            format,
            buffer: vec![0; BUFFER_BYTES],
            held: 0,
            samples_out: 0,
            ended: false,
            choice: ChannelChoice::Mix,
            mixing: None,
            interleaved: Vec::new(),
            left: None,
            had_header: false,
        }
    }

    /// Reads the WAV header at the start of the stream, if there is one: its format is used
    /// instead of the stated one. Waits for four bytes.
    ///
    /// # Errors
    /// [`SourceError::Io`] for a header that states no plain samples, or that ends early.
    pub(super) fn read_header(&mut self) -> Result<(), SourceError> {
        let beginning = stream_header::read(&mut self.reader);
        match beginning.map_err(|error| SourceError::io_of_stream("the stream", &error))? {
            Beginning::Header(format, left) => {
                self.format = format;
                self.left = left;
                self.had_header = true;
            }
            Beginning::Samples(bytes) => {
                if let Some(front) = self.buffer.get_mut(..bytes.len()) {
                    front.copy_from_slice(&bytes);
                    self.held = bytes.len();
                }
            }
        }
        Ok(())
    }

    /// Whether the stream began with a header.
    pub(super) fn had_header(&self) -> bool {
        self.had_header
    }

    /// The reader of the bytes.
    pub(super) fn reader_mut(&mut self) -> &mut R {
        &mut self.reader
    }

    /// The number of channels.
    pub(super) fn channels(&self) -> usize {
        usize::from(self.format.channels)
    }

    /// The same reader with a choice of the channel.
    #[must_use]
    pub(super) fn choosing(mut self, choice: ChannelChoice) -> Self {
        self.choice = choice;
        self
    }
}

impl<R: Read + Send> Source for PcmReader<R> {
    fn rate(&self) -> SampleRate {
        self.format.rate
    }

    fn notes(&self) -> Vec<Note> {
        let mut notes = self.mixing.as_ref().map(Mixing::notes).unwrap_or_default();
        if self.had_header {
            notes.push(Note::HeaderInStream {
                rate_hz: self.format.rate.hz(),
                channels: u32::from(self.format.channels),
            });
        }
        notes
    }

    fn read(&mut self, chunk: &mut Chunk) -> Result<bool, SourceError> {
        chunk.samples.clear();
        let sample_bytes = self.format.encoding.bytes();
        let channels = usize::from(self.format.channels);
        let frame_bytes = (sample_bytes * channels).max(1);
        let wanted = Mixing::frames_to_choose(self.choice, channels, self.format.rate) * channels;
        while !self.ended {
            if !self.fill()? {
                chunk.start = Micros::from_samples(self.samples_out, self.format.rate);
                return Ok(true);
            }
            let whole = self.held - self.held % frame_bytes;
            let encoding = self.format.encoding;
            let bytes = self.buffer.get(..whole).unwrap_or_default();
            self.interleaved.extend(
                bytes
                    .chunks_exact(sample_bytes)
                    .map(|bytes| encoding.sample(bytes)),
            );
            self.buffer.copy_within(whole..self.held, 0);
            self.held -= whole;
            let is_enough = self.mixing.is_some() || self.ended || self.interleaved.len() >= wanted;
            if self.interleaved.is_empty() || !is_enough {
                continue;
            }
            let mixing = match &mut self.mixing {
                Some(mixing) => mixing,
                none => {
                    let first = self.interleaved.len().min(wanted);
                    let first = self.interleaved.get(..first).unwrap_or_default();
                    let mixing = Mixing::new(self.choice, channels, first);
                    let mixing = mixing.map_err(|channels| SourceError::NoChannel {
                        path: "stdin".into(),
                        choice: self.choice,
                        channels,
                    });
                    none.insert(mixing?)
                }
            };
            mixing.mix(&mut self.interleaved, channels, &mut chunk.samples);
            self.interleaved.clear();
            chunk.start = Micros::from_samples(self.samples_out, self.format.rate);
            self.samples_out += chunk.samples.len() as u64;
            return Ok(true);
        }
        Ok(false)
    }
}

impl<R: Read + Send> PcmReader<R> {
    /// Reads once into the buffer; notices the end. `false` if the reader would wait too long.
    fn fill(&mut self) -> Result<bool, SourceError> {
        let left = self.left.unwrap_or(u64::MAX);
        let left = usize::try_from(left).unwrap_or(usize::MAX);
        let free = self.buffer.get_mut(self.held..).unwrap_or_default();
        let most = left.min(free.len());
        let free = free.get_mut(..most).unwrap_or_default();
        match self.reader.read(free) {
            Ok(0) => self.ended = true,
            Ok(count) => {
                let count = count.min(most);
                self.held += count;
                self.left = self.left.map(|left| left.saturating_sub(count as u64));
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) => {
                self.ended = true;
                return Err(SourceError::io_of_stream("raw PCM", &error));
            }
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns bytes in reads of the given sizes, in a cycle.
    struct Trickle<'a> {
        bytes: &'a [u8],
        sizes: Vec<usize>,
        turn: usize,
    }

    impl Read for Trickle<'_> {
        fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
            let size = self.sizes[self.turn % self.sizes.len()];
            self.turn += 1;
            if size == 0 {
                return Err(ErrorKind::Interrupted.into());
            }
            let count = size.min(out.len()).min(self.bytes.len());
            let (now, later) = self.bytes.split_at(count);
            out[..count].copy_from_slice(now);
            self.bytes = later;
            Ok(count)
        }
    }

    fn samples_of(mut source: impl Source) -> Vec<f32> {
        let mut chunk = Chunk::default();
        let mut samples = Vec::new();
        while source.read(&mut chunk).unwrap() {
            let start = Micros::from_samples(samples.len() as u64, source.rate());
            assert_eq!(chunk.start, start);
            samples.extend_from_slice(&chunk.samples);
        }
        assert!(chunk.samples.is_empty());
        assert!(!source.read(&mut chunk).unwrap());
        samples
    }

    #[test]
    fn every_encoding_decodes_to_the_same_levels() {
        let half = [
            ("u8", vec![192, 64]),
            ("s16le", vec![0, 0x40, 0, 0xc0]),
            ("s16be", vec![0x40, 0, 0xc0, 0]),
            ("s24le", vec![0, 0, 0x40, 0, 0, 0xc0]),
            ("s32le", vec![0, 0, 0, 0x40, 0, 0, 0, 0xc0]),
            (
                "f32le",
                [0.5f32.to_le_bytes(), (-0.5f32).to_le_bytes()].concat(),
            ),
        ];
        assert_eq!(half.len(), Encoding::ALL.len());
        for (name, bytes) in half {
            let format: PcmFormat = format!("{name}:8000:1").parse().unwrap();
            assert_eq!(
                samples_of(PcmReader::new(&bytes[..], format)),
                [0.5, -0.5],
                "{name}"
            );
            assert_eq!(format.to_string(), format!("{name}:8000:1"));
            assert!(PcmFormat::FORM.contains(name));
        }
    }

    #[test]
    fn bytes_after_the_last_whole_frame_are_dropped() {
        let bytes: &[u8] = &[0x00, 0x40, 0x00, 0xc0, 0x00];
        let pcm = PcmReader::new(bytes, "s16le:16000:1".parse().unwrap());
        assert_eq!(samples_of(pcm), [0.5, -0.5]);
    }

    #[test]
    fn read_sizes_do_not_change_the_samples() {
        let bytes: Vec<u8> = (0..60_007u32).map(|i| (i * 31 % 251) as u8).collect();
        let format: PcmFormat = "s24le:48000:3".parse().unwrap();
        let at_once = samples_of(PcmReader::new(&bytes[..], format));
        assert_eq!(at_once.len(), 60_007 / 9);
        for sizes in [vec![1], vec![7, 0, 2], vec![100_000], vec![8, 9, 10, 0, 0]] {
            let trickle = Trickle {
                bytes: &bytes,
                sizes,
                turn: 0,
            };
            assert_eq!(samples_of(PcmReader::new(trickle, format)), at_once);
        }
    }

    #[test]
    fn invalid_formats_are_rejected() {
        for text in [
            "",
            "s16le",
            "s16le:16000",
            "s16le:16000:1:1",
            "S16LE:16000:1",
            "s16le:0:1",
            "s16le:1e4:1",
            "s16le:16000:0",
            "s16le:16000:65",
            "s16le:-1:1",
            "mp3:16000:1",
        ] {
            let error = text.parse::<PcmFormat>().unwrap_err();
            assert!(matches!(error, SourceError::Syntax { .. }), "{error}");
        }
    }

    #[test]
    fn the_first_second_chooses_the_channel_whatever_the_sizes_of_reads() {
        // Half a second in antiphase, then the right channel alone; 100 Hz.
        let frame = |i: i16| match i {
            0..50 => [4_096, -4_096],
            _ => [0, 16_384],
        };
        let samples: Vec<[i16; 2]> = (0..200).map(frame).collect();
        let bytes: Vec<u8> = samples
            .iter()
            .flatten()
            .flat_map(|x| x.to_le_bytes())
            .collect();
        for (choice, channel) in [("mix", None), ("best", Some(1)), ("right", Some(1))] {
            let expected: Vec<f32> = samples
                .iter()
                .map(|frame| match channel {
                    Some(channel) => f32::from(frame[channel]) / 32_768.0,
                    None => (f32::from(frame[0]) + f32::from(frame[1])) / 65_536.0,
                })
                .collect();
            for size in [1, 7, 1_000] {
                let reader = Trickle {
                    bytes: &bytes,
                    sizes: vec![size],
                    turn: 0,
                };
                let format = "s16le:100:2".parse().unwrap();
                let mut pcm = PcmReader::new(reader, format).choosing(choice.parse().unwrap());
                let (mut chunk, mut read) = (Chunk::default(), Vec::new());
                while pcm.read(&mut chunk).unwrap() {
                    assert_eq!(chunk.start.0, read.len() as u64 * 10_000);
                    read.extend_from_slice(&chunk.samples);
                }
                assert_eq!(read, expected, "{choice}, reads of {size}");
            }
        }
    }
}
