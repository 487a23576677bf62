//! Audio files: WAV, AIFF, FLAC, Ogg Vorbis and MP3, decoded by symphonia.
//!
//! Only one packet is in memory at a time, so a recording of ten hours needs no more than one of a
//! second. Channels are mixed by their mean. Encoder delay and padding are trimmed if the format
//! states them. A corrupt packet is skipped and counted, and its time passes. A truncated file ends
//! early and says so.

use std::fmt;
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use symphonia::core::codecs::audio::{AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::Error as DecodeError;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, TrackType};
use symphonia::core::io::{
    MediaSource, MediaSourceStream, MediaSourceStreamOptions, ReadOnlySource,
};
use symphonia::core::meta::MetadataOptions;

use super::{Recorded, Source, SourceError};
use crate::signal::{Chunk, Micros, SampleRate};

/// A file counts as damaged after this number of consecutive packets without a sample.
const MAX_IDLE_PACKETS: u32 = 4096;
/// The most samples that a skipped packet counts for: FLAC's largest block.
const MAX_LOST_SAMPLES: u64 = 65_535;

/// An audio file, read as a stream.
///
/// ```
/// use afield::signal::Chunk;
/// use afield::source::{AudioFile, Source};
///
/// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/goldens/audio/stereo.flac");
/// let mut file = AudioFile::open(path)?;
/// assert_eq!(file.rate().hz(), 22_050);
/// let mut chunk = Chunk::default();
/// let mut samples = 0;
/// while file.read(&mut chunk)? {
///     samples += chunk.samples.len();
/// }
/// assert_eq!(samples, 11_025);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct AudioFile {
    decoding: Decoding,
    rate: SampleRate,
    /// The first samples, decoded on opening to learn the rate.
    first: Vec<f32>,
    ended: bool,
}

/// The demuxer and decoder of one file.
struct Decoding {
    path: PathBuf,
    format: Box<dyn FormatReader>,
    decoder: Box<dyn AudioDecoder>,
    track_id: u32,
    interleaved: Vec<f32>,
    /// Stream position in samples: those decoded and those lost.
    position: u64,
    skipped_packets: u64,
    truncated: bool,
}

impl AudioFile {
    /// Opens the file and decodes its first samples. The contents determine the format; the name
    /// only breaks ties.
    ///
    /// # Errors
    /// [`SourceError`] when the file cannot be read, is a folder, is empty, or
    /// holds no audio track that can be decoded.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, SourceError> {
        let mut decoding = Decoding::open(path.as_ref())?;
        let declared_hz = decoding.decoder.codec_params().sample_rate;
        let mut first = Vec::new();
        // The rate of the decoded samples is used, because headers can be wrong.
        let hz = match decoding.next_samples(&mut first) {
            Ok(decoded) => decoded.or(declared_hz).unwrap_or(0),
            Err(SourceError::Damaged { path, reason, .. }) => {
                return Err(unrecognised(&path, reason));
            }
            Err(error) => return Err(error),
        };
        let rate =
            SampleRate::new(hz).map_err(|error| unrecognised(&decoding.path, error.to_string()))?;
        Ok(Self {
            ended: first.is_empty(),
            decoding,
            rate,
            first,
        })
    }

    /// The file's path, as given.
    pub fn path(&self) -> &Path {
        &self.decoding.path
    }

    /// Corrupt packets skipped so far.
    pub fn skipped_packets(&self) -> u64 {
        self.decoding.skipped_packets
    }

    /// Whether the file is truncated, if its format shows it. An MP3 file that lacks whole frames
    /// seems complete.
    pub fn is_truncated(&self) -> bool {
        self.decoding.truncated
    }
}

impl Source for AudioFile {
    fn rate(&self) -> SampleRate {
        self.rate
    }

    fn read(&mut self, chunk: &mut Chunk) -> Result<bool, SourceError> {
        chunk.samples.clear();
        if self.ended {
            return Ok(false);
        }
        if !self.first.is_empty() {
            chunk.samples.append(&mut self.first);
        } else {
            // A damaged file is not read again.
            self.ended = true;
            let Some(hz) = self.decoding.next_samples(&mut chunk.samples)? else {
                return Ok(false);
            };
            if hz != self.rate.hz() {
                chunk.samples.clear();
                return Err(SourceError::Damaged {
                    path: self.decoding.path.clone(),
                    seconds: self.decoding.position as f64 / f64::from(self.rate.hz()),
                    reason: format!("its sample rate changes from {} to {hz} Hz", self.rate),
                });
            }
            self.ended = false;
        }
        let start = self.decoding.position - chunk.samples.len() as u64;
        chunk.start = Micros::from_samples(start, self.rate);
        Ok(true)
    }
}

impl Decoding {
    fn open(path: &Path) -> Result<Self, SourceError> {
        let io = |error| SourceError::io(path, error);
        let file = File::open(path).map_err(io)?;
        let metadata = file.metadata().map_err(io)?;
        if metadata.is_dir() {
            return Err(unrecognised(path, "it is a folder"));
        }
        if metadata.is_file() && metadata.len() == 0 {
            return Err(SourceError::Empty {
                path: path.to_owned(),
                endings: &[],
            });
        }
        let mut hint = Hint::new();
        if let Some(extension) = path.extension().and_then(|e| e.to_str()) {
            hint.with_extension(extension);
        }
        let probe = |source: Box<dyn MediaSource>| {
            symphonia::default::get_probe().probe(
                &hint,
                MediaSourceStream::new(source, MediaSourceStreamOptions::default()),
                FormatOptions::default(),
                MetadataOptions::default(),
            )
        };
        let format = match probe(Box::new(file)) {
            // The AIFF reader first seeks to the data after the sound, which fails in a truncated
            // file. With a source that cannot seek, it reads the sound.
            Err(DecodeError::IoError(error)) if error.kind() == ErrorKind::UnexpectedEof => {
                let again = File::open(path).map_err(io)?;
                probe(Box::new(ReadOnlySource::new(again)))
            }
            format => format,
        }
        .map_err(|error| unrecognised(path, error.to_string()))?;
        let (track_id, decoder) =
            decoder_of(&*format).map_err(|reason| unrecognised(path, reason))?;
        Ok(Self {
            path: path.to_owned(),
            format,
            decoder,
            track_id,
            interleaved: Vec::new(),
            position: 0,
            skipped_packets: 0,
            truncated: false,
        })
    }

    /// Appends the next packet's samples, mixed to one channel, and returns their rate in Hz.
    /// `None` at the end.
    fn next_samples(&mut self, out: &mut Vec<f32>) -> Result<Option<u32>, SourceError> {
        for _ in 0..MAX_IDLE_PACKETS {
            let packet = match self.format.next_packet() {
                Ok(Some(packet)) => packet,
                Ok(None) => return Ok(None),
                Err(DecodeError::ResetRequired) => {
                    // A chained stream: another stream follows in the same file.
                    let (track_id, decoder) =
                        decoder_of(&*self.format).map_err(|reason| self.damaged(reason))?;
                    self.track_id = track_id;
                    self.decoder = decoder;
                    continue;
                }
                Err(DecodeError::IoError(error)) if error.kind() == ErrorKind::UnexpectedEof => {
                    self.truncated = true;
                    return Ok(None);
                }
                Err(DecodeError::IoError(error)) => {
                    return Err(SourceError::io(&self.path, error));
                }
                Err(error) => return Err(self.damaged(error.to_string())),
            };
            if packet.track_id != self.track_id {
                continue;
            }
            match self.decoder.decode(&packet) {
                Ok(decoded) => {
                    let hz = decoded.spec().rate();
                    let channels = decoded.spec().channels().count();
                    decoded.copy_to_vec_interleaved(&mut self.interleaved);
                    let before = out.len();
                    mix_down(&self.interleaved, channels, out);
                    let samples = out.len() - before;
                    self.position += samples as u64;
                    if samples > 0 {
                        return Ok(Some(hz));
                    }
                }
                Err(
                    DecodeError::DecodeError(_)
                    | DecodeError::IoError(_)
                    | DecodeError::LimitError(_),
                ) => {
                    self.skipped_packets += 1;
                    self.position += packet.dur.get().min(MAX_LOST_SAMPLES);
                }
                Err(error) => return Err(self.damaged(error.to_string())),
            }
        }
        Err(self.damaged(format!("{MAX_IDLE_PACKETS} packets without a sample")))
    }

    fn damaged(&self, reason: String) -> SourceError {
        let hz = self.decoder.codec_params().sample_rate.unwrap_or(0).max(1);
        SourceError::Damaged {
            path: self.path.clone(),
            seconds: self.position as f64 / f64::from(hz),
            reason,
        }
    }
}

impl fmt::Debug for AudioFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AudioFile")
            .field("path", &self.decoding.path)
            .field("rate", &self.rate)
            .field("position", &self.decoding.position)
            .finish_non_exhaustive()
    }
}

fn unrecognised(path: &Path, reason: impl Into<String>) -> SourceError {
    SourceError::Unrecognised {
        what: path.display().to_string(),
        kind: Recorded::Sound,
        reason: reason.into(),
    }
}

/// The default audio track and its decoder, or the reason why there is none.
fn decoder_of(format: &dyn FormatReader) -> Result<(u32, Box<dyn AudioDecoder>), String> {
    let track = format
        .default_track(TrackType::Audio)
        .ok_or("no audio track")?;
    let parameters = track
        .codec_params
        .as_ref()
        .and_then(|parameters| parameters.audio())
        .ok_or("the audio track says nothing of its codec")?;
    let decoder = symphonia::default::get_codecs()
        .make_audio_decoder(parameters, &AudioDecoderOptions::default())
        .map_err(|error| error.to_string())?;
    Ok((track.id, decoder))
}

/// Appends the mean of each frame of `channels` interleaved samples.
fn mix_down(interleaved: &[f32], channels: usize, out: &mut Vec<f32>) {
    match channels {
        0 => {}
        1 => out.extend_from_slice(interleaved),
        _ => out.extend(
            interleaved
                .chunks_exact(channels)
                .map(|frame| frame.iter().sum::<f32>() / channels as f32),
        ),
    }
}
