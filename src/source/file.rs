//! Audio files: WAV, AIFF, FLAC, Ogg Vorbis, MP3, AAC and ALAC, decoded by symphonia.
//!
//! One packet is in memory at a time, and of several channels the first second, to choose between
//! them, so a recording of ten hours needs no more than one of a second. Encoder delay and
//! padding are trimmed if the format states them. A corrupt packet is skipped and counted, and its
//! time passes. A truncated file ends early and says so. Headers of plain samples are repaired
//! first (`wave`), and tags before MPEG frames skipped (`mpeg`). Files that were joined are read on,
//! at the rate of the first (`rate_change`).

use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::io::{ErrorKind, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use symphonia::core::audio::GenericAudioBufferRef;
use symphonia::core::codecs::audio::well_known::{
    CODEC_ID_FLAC, CODEC_ID_MP1, CODEC_ID_MP2, CODEC_ID_MP3,
};
use symphonia::core::codecs::audio::{AudioCodecId, AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::Error as DecodeError;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::well_known::{
    FORMAT_ID_CAF, FORMAT_ID_ISOMP4, FORMAT_ID_MKV, FORMAT_ID_OGG,
};
use symphonia::core::formats::{FormatOptions, FormatReader, TrackType};
use symphonia::core::io::{
    MediaSource, MediaSourceStream, MediaSourceStreamOptions, ReadOnlySource,
};
use symphonia::core::meta::MetadataOptions;
use symphonia::core::packet::Packet;

use super::caf::is_cut_caf;
use super::container_time::is_cut_mp4;
use super::file_bytes::{bytes_at, read_at};
use super::matroska::is_cut_matroska;
use super::mixing::Mixing;
use super::rate_change::{Place, RateChange};
use super::spliced::Spliced;
use super::{ChannelChoice, Note, Recorded, Source, SourceError, mpeg, ogg, wave};
use crate::resample::ResampleError;
use crate::signal::{Chunk, SampleRate};

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
    mixing: Mixing,
    conversion: RateChange,
    /// Packets that were decoded and not given out: those of the opening, to learn the rate and to
    /// choose a channel, and the one after a change of the rate.
    ahead: VecDeque<Block>,
    /// The error after those packets.
    failed: Option<SourceError>,
    /// Whether no more packets follow those.
    is_read: bool,
    ended: bool,
    /// The samples of a packet, mixed.
    mono: Vec<f32>,
}

/// The demuxer and decoder of one file.
struct Decoding {
    path: PathBuf,
    format: Box<dyn FormatReader>,
    decoder: Box<dyn AudioDecoder>,
    track_id: u32,
    /// The place of the next sample: after those decoded and those lost.
    position: Place,
    /// The rate of the first samples in Hz.
    first_hz: u32,
    /// The length of the file in bytes.
    len: u64,
    /// Where the next of the files begins that were joined.
    next_part: Option<u64>,
    /// The number of samples that the header states, if packets state their positions.
    stated: Option<u64>,
    /// The length that other headers state.
    stated_seconds: Option<f64>,
    /// Whether packets state the exact position of their samples.
    is_numbered: bool,
    /// The number of channels of the samples decoded last.
    channels: usize,
    skipped_packets: u64,
    truncated: bool,
    /// What was found on opening.
    notes: Vec<Note>,
}

/// The samples of one packet, interleaved.
#[derive(Debug, Default)]
struct Block {
    /// The place of the first frame, with its rate.
    place: Place,
    channels: usize,
    interleaved: Vec<f32>,
}

impl Block {
    /// Takes over what was decoded.
    fn take(&mut self, decoded: &GenericAudioBufferRef<'_>) {
        self.place.hz = decoded.spec().rate();
        self.channels = decoded.spec().channels().count();
        decoded.copy_to_vec_interleaved(&mut self.interleaved);
    }
}

impl AudioFile {
    /// Opens the file and decodes its first samples. The contents determine the format; the name
    /// only breaks ties. Several channels are mixed by their mean.
    ///
    /// # Errors
    /// [`SourceError`] when the file cannot be read, is a folder, is empty, or
    /// holds no audio track that can be decoded.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, SourceError> {
        Self::open_with(path, ChannelChoice::Mix)
    }

    /// As [`Self::open`], with a choice of the channel.
    ///
    /// # Errors
    /// As [`Self::open`]; [`SourceError::NoChannel`] if the chosen channel is not there.
    pub fn open_with(path: impl AsRef<Path>, choice: ChannelChoice) -> Result<Self, SourceError> {
        let mut decoding = Decoding::open(path.as_ref())?;
        let declared_hz = decoding.decoder.codec_params().sample_rate;
        let mut first = Block::default();
        // The rate of the decoded samples is used, because headers can be wrong.
        let is_there = match decoding.next_packet(&mut first) {
            Err(SourceError::Damaged { path, reason, .. }) => {
                return Err(unrecognised(&path, reason));
            }
            result => result?,
        };
        let hz = if is_there {
            first.place.hz
        } else {
            declared_hz.unwrap_or(0)
        };
        let rate =
            SampleRate::new(hz).map_err(|error| unrecognised(&decoding.path, error.to_string()))?;
        let channels = first.channels;
        let (mut failed, mut is_read) = (None, !is_there);
        let mut ahead = VecDeque::new();
        if is_there {
            ahead.push_back(first);
        }
        let wanted = Mixing::frames_to_choose(choice, channels, rate) * channels;
        let mut sample = Vec::new();
        while let Some(packet) = ahead.back()
            && packet.channels == channels
            && sample.len() < wanted
        {
            sample.extend_from_slice(&packet.interleaved);
            let mut next = Block::default();
            if sample.len() >= wanted {
                break;
            }
            match decoding.next_packet(&mut next) {
                Ok(true) => ahead.push_back(next),
                Ok(false) => {
                    is_read = true;
                    break;
                }
                Err(error) => {
                    failed = Some(error);
                    is_read = true;
                    break;
                }
            }
        }
        sample.truncate(wanted);
        let mixing =
            Mixing::new(choice, channels, &sample).map_err(|channels| SourceError::NoChannel {
                path: decoding.path.clone(),
                choice,
                channels,
            })?;
        Ok(Self {
            ended: !is_there,
            decoding,
            rate,
            mixing,
            conversion: RateChange::new(rate),
            ahead,
            failed,
            is_read,
            mono: Vec::new(),
        })
    }

    /// The next packet. `None` at the end.
    fn next_block(&mut self) -> Result<Option<Block>, SourceError> {
        if let Some(block) = self.ahead.pop_front() {
            return Ok(Some(block));
        }
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        // A damaged file is not read again.
        if std::mem::replace(&mut self.is_read, true) {
            return Ok(None);
        }
        let mut block = Block::default();
        if !self.decoding.next_packet(&mut block)? {
            return Ok(None);
        }
        self.is_read = false;
        Ok(Some(block))
    }

    /// What the conversion held back, before the end or an error.
    fn rest(&mut self, chunk: &mut Chunk) -> bool {
        self.conversion.finish(chunk);
        !chunk.samples.is_empty()
    }

    /// The file's path, as given.
    pub fn path(&self) -> &Path {
        &self.decoding.path
    }

    /// Corrupt packets skipped so far.
    pub fn skipped_packets(&self) -> u64 {
        self.decoding.skipped_packets
    }

    /// Whether the file is truncated, as far as was read.
    pub fn is_truncated(&self) -> bool {
        self.decoding.truncated || self.decoding.notes.contains(&Note::Truncated)
    }
}

impl Source for AudioFile {
    fn rate(&self) -> SampleRate {
        self.rate
    }

    fn notes(&self) -> Vec<Note> {
        let mut notes = self.decoding.notes.clone();
        if self.decoding.truncated && !notes.contains(&Note::Truncated) {
            notes.push(Note::Truncated);
        }
        if self.decoding.skipped_packets > 0 {
            notes.push(Note::BlocksLost {
                blocks: self.decoding.skipped_packets,
            });
        }
        notes.extend(self.conversion.note());
        notes.extend(self.mixing.notes());
        notes
    }

    fn read(&mut self, chunk: &mut Chunk) -> Result<bool, SourceError> {
        chunk.samples.clear();
        while !self.ended {
            let mut block = match self.next_block() {
                Ok(Some(block)) => block,
                Ok(None) => {
                    self.ended = true;
                    return Ok(self.rest(chunk));
                }
                Err(error) => {
                    if self.rest(chunk) {
                        self.failed = Some(error);
                        return Ok(true);
                    }
                    self.ended = true;
                    return Err(error);
                }
            };
            if self.conversion.ends_before(block.place) && self.rest(chunk) {
                self.ahead.push_front(block);
                return Ok(true);
            }
            self.mono.clear();
            self.mixing
                .mix(&mut block.interleaved, block.channels, &mut self.mono);
            let pushed = self.conversion.push(block.place, &mut self.mono, chunk);
            if let Err(ResampleError { reason, .. }) = pushed {
                self.ended = true;
                return Err(self.decoding.damaged(reason));
            }
            if !chunk.samples.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
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
        let probe = |source: Box<dyn MediaSource>| probe(path, source);
        let Prepared {
            source,
            mut notes,
            next_part,
        } = prepared(file, metadata.len()).map_err(io)?;
        let format = match probe(source) {
            // The AIFF reader first seeks to the data after the sound, which fails in a truncated
            // file. With a source that cannot seek, it reads the sound.
            Err(DecodeError::IoError(error)) if error.kind() == ErrorKind::UnexpectedEof => {
                let again = File::open(path).map_err(io)?;
                probe(Box::new(ReadOnlySource::new(again)))
            }
            // A chunk that the decoder cannot read, such as a list of tags, is left out.
            Err(error) => {
                let again = File::open(path).map_err(io)?;
                match wave::repaired(again, metadata.len(), true).map_err(io)? {
                    Some(repaired) => {
                        notes = repaired.notes;
                        probe(Box::new(repaired.source)).map_err(|_| error)
                    }
                    None => Err(error),
                }
            }
            format => format,
        }
        .map_err(|error| {
            let codec = File::open(path).and_then(|mut file| wave::foreign_codec(&mut file));
            let reason = codec.ok().flatten();
            unrecognised(path, reason.unwrap_or_else(|| error.to_string()))
        })?;
        let (track_id, decoder) =
            decoder_of(&*format, true).map_err(|reason| unrecognised(path, reason))?;
        let codec = decoder.codec_params().codec;
        let container = format.format_info().format;
        // Formats without a header that states the length.
        let is_mpeg = is_mpeg(codec);
        if is_mpeg || container == FORMAT_ID_OGG {
            let mut file = File::open(path).map_err(io)?;
            let is_cut = if is_mpeg {
                mpeg::is_cut(&mut file, metadata.len())
            } else {
                ogg::is_cut(&mut file, metadata.len())
            };
            if is_cut.map_err(io)? {
                notes.push(Note::Truncated);
            }
        }
        let is_cut = match container {
            FORMAT_ID_ISOMP4 => is_cut_mp4(path).map_err(io)?,
            FORMAT_ID_CAF => is_cut_caf(path).map_err(io)?,
            FORMAT_ID_MKV => is_cut_matroska(path).map_err(io)?,
            _ => false,
        };
        if is_cut {
            notes.push(Note::Truncated);
        }
        let is_numbered = codec == CODEC_ID_FLAC;
        let track = format.tracks().iter().find(|track| track.id == track_id);
        let stated = track.and_then(|track| track.num_frames);
        // Elsewhere the length is an estimate.
        let stated_seconds = track
            .filter(|_| matches!(container, FORMAT_ID_ISOMP4 | FORMAT_ID_CAF))
            .and_then(|track| {
                let (unit, length) = (track.time_base?, track.duration?.get() as f64);
                Some(length * f64::from(unit.numer.get()) / f64::from(unit.denom.get()))
            });
        Ok(Self {
            path: path.to_owned(),
            format,
            decoder,
            track_id,
            position: Place::default(),
            first_hz: 0,
            len: metadata.len(),
            next_part,
            stated: stated.filter(|_| is_numbered),
            stated_seconds,
            is_numbered,
            channels: 0,
            skipped_packets: 0,
            truncated: false,
            notes,
        })
    }

    /// Decodes the next packet that has samples. `false` at the end.
    fn next_packet(&mut self, out: &mut Block) -> Result<bool, SourceError> {
        for _ in 0..MAX_IDLE_PACKETS {
            let packet = match self.format.next_packet() {
                Ok(Some(packet)) => packet,
                Ok(None) => {
                    if self.open_next_part()? {
                        continue;
                    }
                    self.truncated |= self.lacks_samples();
                    return Ok(false);
                }
                Err(DecodeError::ResetRequired) => {
                    // A chained stream: another stream follows in the same file.
                    let (track_id, decoder) =
                        decoder_of(&*self.format, true).map_err(|reason| self.damaged(reason))?;
                    self.track_id = track_id;
                    self.decoder = decoder;
                    self.stated = None;
                    self.stated_seconds = None;
                    self.is_numbered = false;
                    continue;
                }
                Err(DecodeError::IoError(error)) if error.kind() == ErrorKind::UnexpectedEof => {
                    self.truncated = true;
                    return Ok(false);
                }
                Err(DecodeError::IoError(error)) => {
                    return Err(SourceError::io(&self.path, error));
                }
                Err(error) => return Err(self.damaged(error.to_string())),
            };
            if packet.track_id != self.track_id {
                continue;
            }
            // FLAC numbers its samples. A jump is a block that the demuxer passed over.
            if self.is_numbered
                && let Ok(at) = u64::try_from(packet.pts.get())
                && at > self.position.at
                && self.is_plausible(at)
            {
                self.skipped_packets += 1;
                self.position.at = at;
            }
            match self.decoder.decode(&packet) {
                Ok(decoded) => {
                    out.take(&decoded);
                }
                Err(
                    DecodeError::DecodeError(_)
                    | DecodeError::IoError(_)
                    | DecodeError::LimitError(_),
                ) => {
                    if !self.decode_anew(&packet, out) {
                        self.skipped_packets += 1;
                        self.position.at += packet.dur.get().min(MAX_LOST_SAMPLES);
                        continue;
                    }
                }
                Err(error) => return Err(self.damaged(error.to_string())),
            }
            let frames = out.interleaved.len() / out.channels.max(1);
            self.follow(out);
            self.position.at += frames as u64;
            if frames > 0 {
                return Ok(true);
            }
        }
        Err(self.damaged(format!("{MAX_IDLE_PACKETS} packets without a sample")))
    }

    /// Decodes a packet that the decoder refused by a new one. `false` if that refuses it, too, or
    /// if the rate and the channels are those before: then the packet is corrupt.
    ///
    /// A decoder of MPEG audio keeps to the rate and the channels of its first packet. Files that
    /// were joined have several.
    fn decode_anew(&mut self, packet: &Packet, out: &mut Block) -> bool {
        // The end of the sound is stated for the first rate.
        let Ok((_, mut decoder)) = decoder_of(&*self.format, false) else {
            return false;
        };
        let Ok(decoded) = decoder.decode(packet) else {
            return false;
        };
        out.take(&decoded);
        let before = (self.position.hz, self.channels);
        if before == (0, 0) || before == (out.place.hz, out.channels) {
            return false;
        }
        self.decoder = decoder;
        true
    }

    /// Gives the decoded samples their place, which may begin another rate.
    fn follow(&mut self, out: &mut Block) {
        let hz = out.place.hz;
        if self.position.hz == 0 {
            (self.position.hz, self.first_hz) = (hz, hz);
        } else if self.position.hz != hz {
            self.position = Place {
                base: self.position.at_first_rate(self.first_hz),
                at: 0,
                hz,
            };
        }
        self.channels = out.channels;
        out.place = self.position;
    }

    /// Goes on to the next of the files that were joined. `false` if there is none.
    fn open_next_part(&mut self) -> Result<bool, SourceError> {
        let Some(start) = self.next_part.take() else {
            return Ok(false);
        };
        let io = |error| SourceError::io(&self.path, error);
        let mut file = File::open(&self.path).map_err(io)?;
        let Some(part) = mpeg::part(&mut file, start, self.len).map_err(io)? else {
            return Ok(false);
        };
        let source = Box::new(Spliced::new(Vec::new(), file, part.bytes));
        let opened = probe(&self.path, source).map_err(|error| error.to_string());
        let opened = opened.and_then(|format| Ok((decoder_of(&*format, true)?, format)));
        let ((track_id, decoder), format) = opened.map_err(|reason| self.damaged(reason))?;
        (self.track_id, self.decoder, self.format) = (track_id, decoder, format);
        self.next_part = part.next;
        Ok(true)
    }

    /// Whether samples are missing at the end. Coders other than FLAC add some and take some away.
    fn lacks_samples(&self) -> bool {
        let seconds = self.seconds();
        self.stated.is_some_and(|all| self.position.at < all)
            || (self.stated_seconds).is_some_and(|all| seconds < 0.98 * all - 0.1)
    }

    /// The seconds up to the next sample.
    fn seconds(&self) -> f64 {
        self.position.at_first_rate(self.first_hz) as f64 / f64::from(self.first_hz.max(1))
    }

    /// Whether a packet may begin at sample `at`: before the stated end, or within a minute.
    fn is_plausible(&self, at: u64) -> bool {
        match self.stated {
            Some(all) => at < all,
            None => at - self.position.at <= 60 * u64::from(self.position.hz),
        }
    }

    fn damaged(&self, reason: String) -> SourceError {
        SourceError::Damaged {
            path: self.path.clone(),
            seconds: self.seconds(),
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

/// Finds the format of bytes. The extension of `path` only breaks ties.
fn probe(path: &Path, source: Box<dyn MediaSource>) -> Result<Box<dyn FormatReader>, DecodeError> {
    let mut hint = Hint::new();
    if let Some(extension) = path.extension().and_then(|e| e.to_str()) {
        hint.with_extension(extension);
    }
    symphonia::default::get_probe().probe(
        &hint,
        MediaSourceStream::new(source, MediaSourceStreamOptions::default()),
        FormatOptions::default(),
        MetadataOptions::default(),
    )
}

/// The default audio track and its decoder, or the reason why there is none. With `trims`, the
/// decoder leaves out the samples that the encoder added at both ends.
fn decoder_of(
    format: &dyn FormatReader,
    trims: bool,
) -> Result<(u32, Box<dyn AudioDecoder>), String> {
    let track = format
        .default_track(TrackType::Audio)
        .ok_or("no audio track")?;
    let parameters = track
        .codec_params
        .as_ref()
        .and_then(|parameters| parameters.audio())
        .ok_or("the audio track says nothing of its codec")?;
    // Without a tag that states the delay, the demuxer of MPEG audio estimates the end.
    let is_estimate = is_mpeg(parameters.codec) && track.delay.is_none();
    let options = AudioDecoderOptions::default().gapless(trims && !is_estimate);
    let decoder = symphonia::default::get_codecs()
        .make_audio_decoder(parameters, &options)
        .map_err(|error| error.to_string())?;
    Ok((track.id, decoder))
}

fn is_mpeg(codec: AudioCodecId) -> bool {
    [CODEC_ID_MP1, CODEC_ID_MP2, CODEC_ID_MP3].contains(&codec)
}

/// A file as the decoder reads it, and what was wrong with it.
struct Prepared {
    source: Box<dyn MediaSource>,
    notes: Vec<Note>,
    /// Where the next file begins, if several were joined.
    next_part: Option<u64>,
}

impl Prepared {
    fn new(source: impl MediaSource + 'static) -> Self {
        Self {
            source: Box::new(source),
            notes: Vec::new(),
            next_part: None,
        }
    }
}

/// Corrects the header of a file of `len` bytes, or skips its tags, where that is necessary.
fn prepared(mut file: File, len: u64) -> std::io::Result<Prepared> {
    if let Some(repaired) = wave::repaired(file.try_clone()?, len, false)? {
        return Ok(Prepared {
            notes: repaired.notes,
            ..Prepared::new(repaired.source)
        });
    }
    let start = mpeg::after_tags(&mut file, 0)?;
    if let Some(part) = mpeg::part(&mut file, start, len)? {
        return Ok(Prepared {
            next_part: part.next,
            ..Prepared::new(Spliced::new(Vec::new(), file, part.bytes))
        });
    }
    if (1..len).contains(&start) {
        return Ok(Prepared::new(Spliced::new(Vec::new(), file, start..len)));
    }
    if let Some(head) = flac_head(&mut file)? {
        return Ok(Prepared::new(Spliced::new(head, file, FLAC_HEAD..len)));
    }
    file.seek(SeekFrom::Start(0))?;
    Ok(Prepared::new(file))
}

/// Bytes of a FLAC file up to its smallest and largest block size.
const FLAC_HEAD: u64 = 12;
/// The most blocks of metadata of a FLAC file.
const MOST_BLOCKS: usize = 128;

/// The head of a FLAC file that states a smallest block size of 0, which some encoders write, with
/// a size that is legal; `None` for any other file.
fn flac_head(file: &mut File) -> std::io::Result<Option<Vec<u8>>> {
    let mut head = read_at(file, 0, FLAC_HEAD)?;
    let [b'f', b'L', b'a', b'C', kind, _, _, _, a, b, largest @ ..] = head.as_mut_slice() else {
        return Ok(None);
    };
    if *kind & 0x7F != 0 || u16::from_be_bytes([*a, *b]) >= 16 {
        return Ok(None);
    }
    // Frames of a fixed size are told from others by the two sizes being the same.
    let mut at = 4;
    for _ in 0..MOST_BLOCKS {
        let Some(next) = bytes_at::<4>(file, at)? else {
            return Ok(None);
        };
        if next[0] == 0xFF {
            let is_fixed = next[1] & 1 == 0;
            match largest {
                [c, d] if is_fixed => (*a, *b) = (*c, *d),
                _ => (*a, *b) = (0, 16),
            }
            return Ok(Some(head));
        }
        at += 4 + u64::from(u32::from_be_bytes([0, next[1], next[2], next[3]]));
    }
    Ok(None)
}
