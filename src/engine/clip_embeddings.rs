//! The embeddings of a recording: reads a source to its end and runs it through the backbone.
//!
//! For live sources, use [`crate::pipeline::Embedder`].

use std::ops::Range;

use sha2::{Digest, Sha256};

use super::Error;
use super::loudness::Loudness;
use super::sample_check::SampleCheck;
use super::soundscape::{ClipSound, Soundscape};
use crate::backbone::Backbone;
use crate::model::Card;
use crate::pipeline::{EmbeddingStream, Window};
use crate::signal::{Channel, Chunk, Micros, SOUND, SampleRate, Segment};
use crate::source::{Note, Source};

/// The embeddings of a clip, with its hash and length, and what is odd about it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ClipEmbeddings {
    /// Embeddings, row-major `[rows, embedding size]`.
    pub windows: Vec<f32>,
    /// The share in `[0, 1]` of the window of each embedding that sounds: that lies within 15 dB
    /// of the loudest tenth of a second of the clip; or that moves, for a sensor. Empty if that is
    /// not known.
    pub sounding: Vec<f32>,
    /// Embeddings of the same windows, mixed with the soundscape: one list a level. Empty without
    /// a soundscape.
    pub mixtures: Vec<Vec<f32>>,
    /// sha256 of the sample rate, of the channels unless they are mono sound, and of the samples
    /// as the source gave them. The same recording has the same hash under any name.
    pub clip_sha256: [u8; 32],
    /// The clip's length.
    pub duration: Micros,
    /// What is odd about the recording.
    pub notes: Vec<Note>,
}

impl ClipEmbeddings {
    /// Cuts the clip, whose embeddings have `size` numbers, into the pieces of [`Window::pieces`].
    /// Each piece is a clip with its own hash.
    pub fn cut(&self, size: usize, window: Window) -> Vec<Self> {
        let all = self.windows.len() / size.max(1);
        if all <= window.rows.max(1) {
            return vec![self.clone()];
        }
        let part = |rows: Range<usize>| {
            let mut hash = Sha256::new_with_prefix(self.clip_sha256);
            hash.update((rows.start as u64).to_le_bytes());
            hash.update((rows.len() as u64).to_le_bytes());
            let windows = self.windows.get(rows.start * size..rows.end * size);
            Self {
                windows: windows.unwrap_or_default().to_vec(),
                sounding: self.sounding.get(rows.clone()).unwrap_or_default().to_vec(),
                mixtures: self.mixtures_of(size, &rows),
                clip_sha256: hash.finalize().into(),
                duration: Micros(self.duration.0 * rows.len() as u64 / all as u64),
                notes: Vec::new(),
            }
        };
        window.pieces(all).map(part).collect()
    }

    /// The embeddings `rows` of each mixture.
    fn mixtures_of(&self, size: usize, rows: &Range<usize>) -> Vec<Vec<f32>> {
        let part = |mixture: &Vec<f32>| {
            mixture
                .get(rows.start * size..rows.end * size)
                .map(<[f32]>::to_vec)
        };
        self.mixtures.iter().filter_map(part).collect()
    }
}

/// A clip that was embedded, without its embeddings.
#[derive(Debug, Clone, PartialEq)]
pub struct EmbeddedClip {
    /// Number of embeddings.
    pub rows: u64,
    /// As [`ClipEmbeddings::clip_sha256`].
    pub clip_sha256: [u8; 32],
    /// The clip's length.
    pub duration: Micros,
    /// What is odd about the recording.
    pub notes: Vec<Note>,
}

/// Runs `source` to its end through the backbone. No embedding spans a gap: each segment is
/// embedded separately. Embeddings with NaN or infinity are left out, and a note counts them.
///
/// # Errors
/// [`Error`] if the source or the backbone fails, if the source has no sample, or if no embedding
/// is finite.
pub fn embed(
    source: &mut dyn Source,
    card: &Card,
    backbone: &Backbone,
) -> Result<ClipEmbeddings, Error> {
    embed_mixed(source, card, backbone, None)
}

/// As [`embed`], with the embeddings of the clip mixed with `soundscape`, if there is one and the
/// clip is no longer than [`ClipSound::LONGEST`].
pub(super) fn embed_mixed(
    source: &mut dyn Source,
    card: &Card,
    backbone: &Backbone,
    soundscape: Option<&Soundscape>,
) -> Result<ClipEmbeddings, Error> {
    let mut sounds = Sounds {
        loudness: Loudness::new(card),
        clip: soundscape.map(|_| ClipSound::default()),
    };
    let mut windows = Vec::new();
    let clip = read_through(source, card, backbone, Some(&mut sounds), &mut |rows| {
        windows.extend_from_slice(rows);
        true
    })?;
    // Where embeddings were left out, the others are no longer those of the sounds.
    let whole = sounds.loudness.rows() == windows.len() / card.embedding.size;
    let (mut sounding, mut mixtures) = (Vec::new(), Vec::new());
    if whole {
        sounding = sounds.loudness.sounding();
    }
    if let (true, Some(soundscape), Some(mut sound)) = (whole, soundscape, sounds.clip) {
        sound.level = sounds.loudness.level();
        mixtures = soundscape.mixtures(&sound, &clip.clip_sha256, card, backbone)?;
        mixtures.retain(|rows| rows.len() == windows.len());
    }
    Ok(ClipEmbeddings {
        windows,
        sounding,
        mixtures,
        clip_sha256: clip.clip_sha256,
        duration: clip.duration,
        notes: clip.notes,
    })
}

/// As [`embed_into`]. Also returns the share of each embedding's window that sounds, as in
/// [`ClipEmbeddings::sounding`].
pub(super) fn embed_sounding(
    source: &mut dyn Source,
    card: &Card,
    backbone: &Backbone,
    mut take: impl FnMut(&[f32]),
) -> Result<(EmbeddedClip, Vec<f32>), Error> {
    let mut sounds = Sounds {
        loudness: Loudness::new(card),
        clip: None,
    };
    let clip = read_through(source, card, backbone, Some(&mut sounds), &mut |rows| {
        take(rows);
        true
    })?;
    let sounding = match sounds.loudness.rows() as u64 == clip.rows {
        true => sounds.loudness.sounding(),
        false => Vec::new(),
    };
    Ok((clip, sounding))
}

/// As [`embed`], in memory that does not grow with the length of the recording. `take` receives
/// the embeddings in parts, row-major `[n, embedding size]`.
///
/// # Errors
/// As [`embed`], and those of `take`. What it received before is then of no use.
pub fn embed_into<E: From<Error>>(
    source: &mut dyn Source,
    card: &Card,
    backbone: &Backbone,
    mut take: impl FnMut(&[f32]) -> Result<(), E>,
) -> Result<EmbeddedClip, E> {
    // An error of `take` ends the reading, whatever its type.
    let mut refused = None;
    let read = read_through(source, card, backbone, None, &mut |rows| {
        let taken = take(rows);
        let go_on = taken.is_ok();
        refused = taken.err();
        go_on
    });
    match refused {
        Some(error) => Err(error),
        None => Ok(read?),
    }
}

/// What is kept of the samples of a clip besides its embeddings.
struct Sounds {
    loudness: Loudness,
    /// The samples themselves, if they are to be mixed.
    clip: Option<ClipSound>,
}

impl Sounds {
    /// Takes samples at the card's rate.
    fn push(&mut self, samples: &[f32]) {
        self.loudness.push(samples);
        if let Some(clip) = &mut self.clip {
            clip.push(samples);
        }
    }

    /// Ends a segment; there are `rows` embeddings so far.
    fn end_segment(&mut self, rows: usize) {
        self.loudness.end_segment(rows);
        if let Some(clip) = &mut self.clip {
            clip.segments.push(Vec::new());
        }
    }
}

/// Reads to the end, or until `take` returns `false`.
fn read_through(
    source: &mut dyn Source,
    card: &Card,
    backbone: &Backbone,
    mut sounds: Option<&mut Sounds>,
    take: &mut dyn FnMut(&[f32]) -> bool,
) -> Result<EmbeddedClip, Error> {
    let rate = source.rate();
    let channels = source.channels().len();
    let size = card.embedding.size;
    let mut stream = EmbeddingStream::of_channels(card, backbone, rate, source.channels())?;
    let mut chunk = Chunk::default();
    let mut windows = Vec::new();
    let (mut rows, mut skipped, mut go_on) = (0, 0, true);
    let mut hash = ClipHash::new(rate, source.channels());
    let mut samples = 0;
    let mut check = SampleCheck::new(card, source.channels());
    let mut segment = Segment::new(rate);
    while go_on && source.read(&mut chunk)? {
        windows.clear();
        if segment.is_gap(chunk.start) {
            if !segment.is_empty() {
                stream.finish(&mut windows)?;
                if let Some(sounds) = &mut sounds {
                    sounds.end_segment(rows as usize + windows.len() / size);
                }
            }
            segment.restart(chunk.start);
        }
        hash.update(&chunk.samples);
        let count = (chunk.samples.len() / channels) as u64;
        samples += count;
        segment.advance(count);
        stream.push(&chunk.samples, &mut windows)?;
        check.push(&chunk.samples, stream.resampled());
        if let Some(sounds) = &mut sounds {
            sounds.push(stream.resampled());
        }
        skipped += keep_finite(&mut windows, size);
        rows += (windows.len() / size) as u64;
        go_on = take(&windows);
    }
    windows.clear();
    stream.finish(&mut windows)?;
    if let Some(sounds) = &mut sounds {
        sounds.end_segment(rows as usize + windows.len() / size);
    }
    skipped += keep_finite(&mut windows, size);
    rows += (windows.len() / size) as u64;
    if go_on {
        take(&windows);
    }
    match (rows, skipped) {
        (0, 0) => return Err(Error::Silent),
        (0, windows) => return Err(Error::NoFiniteEmbedding { windows }),
        _ => {}
    }
    let mut notes = source.notes();
    notes.extend(check.notes());
    if skipped > 0 {
        notes.push(Note::WindowsSkipped { windows: skipped });
    }
    Ok(EmbeddedClip {
        rows,
        clip_sha256: hash.finish(),
        duration: Micros::from_samples(samples, rate),
        notes,
    })
}

/// Removes the rows of `size` numbers that are not all finite, and returns their number.
fn keep_finite(windows: &mut Vec<f32>, size: usize) -> u64 {
    if windows.iter().all(|x| x.is_finite()) {
        return 0;
    }
    let before = windows.len();
    let finite = |row: &&[f32]| row.iter().all(|x| x.is_finite());
    *windows = windows
        .chunks_exact(size)
        .filter(finite)
        .flatten()
        .copied()
        .collect();
    ((before - windows.len()) / size) as u64
}

/// The hash that [`embed`] would give the clip. Does not compute embeddings.
///
/// # Errors
/// [`Error`] if the source fails.
pub fn clip_sha256(source: &mut dyn Source) -> Result<[u8; 32], Error> {
    let mut hash = ClipHash::new(source.rate(), source.channels());
    let mut chunk = Chunk::default();
    while source.read(&mut chunk)? {
        hash.update(&chunk.samples);
    }
    Ok(hash.finish())
}

/// sha256 of the sample rate, of the channels unless they are mono sound, and of the
/// samples; numbers are little-endian.
struct ClipHash {
    hash: Sha256,
    bytes: Vec<u8>,
}

impl ClipHash {
    fn new(rate: SampleRate, channels: &[Channel]) -> Self {
        let mut hash = Sha256::new_with_prefix(rate.hz().to_le_bytes());
        if channels != SOUND {
            for channel in channels {
                hash.update(channel.to_string());
                hash.update([0]);
            }
        }
        Self {
            hash,
            bytes: Vec::new(),
        }
    }

    fn update(&mut self, samples: &[f32]) {
        self.bytes.clear();
        (self.bytes).extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
        self.hash.update(&self.bytes);
    }

    fn finish(self) -> [u8; 32] {
        self.hash.finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use crate::backbone::Mode;
    use crate::model::Cache;
    use crate::source::{JsonLines, SensorFormat};

    #[test]
    fn each_cut_piece_has_its_own_hash() {
        let clip = ClipEmbeddings {
            windows: (0..20).map(|i| i as f32).collect(),
            clip_sha256: [7; 32],
            duration: Micros(10_000_000),
            ..ClipEmbeddings::default()
        };
        let window = |rows, every_rows| Window { rows, every_rows };
        let parts = clip.cut(2, window(4, 3));
        let starts: Vec<f32> = parts.iter().map(|part| part.windows[0]).collect();
        assert_eq!(starts, [0.0, 6.0, 12.0]);
        assert!(parts.iter().all(|part| part.windows.len() == 8));
        assert!(parts.iter().all(|part| part.duration == Micros(4_000_000)));
        assert_ne!(parts[0].clip_sha256, parts[1].clip_sha256);
        assert_eq!(clip.cut(2, window(4, 3)), parts, "the same pieces again");
        assert_eq!(clip.cut(2, window(10, 1)), std::slice::from_ref(&clip));
        assert_eq!(clip.cut(2, window(99, 1)), [clip]);
    }

    /// Embeddings of two segments together, of the first and of the second.
    fn segments(gap: f64) -> [Vec<f32>; 3] {
        let cache = Cache::at("/nowhere");
        let card = cache.find("imu").unwrap();
        let bytes = cache.model_bytes(&card).unwrap();
        let backbone = Backbone::from_bytes(&bytes, &card, Mode::Auto).unwrap();
        let text = |from: u32, to: u32, gap: f64| {
            (from..to).fold(String::new(), |mut text, i| {
                let time = f64::from(i) / 50.0 + gap;
                let x = (f64::from(i) / 9.0).sin();
                let _ = writeln!(
                    text,
                    "{{\"t\":{time},\"ax\":{x},\"ay\":0,\"az\":1,\"wx\":0,\"wy\":{x},\"wz\":0}}"
                );
                text
            })
        };
        let (first, second) = (text(0, 100, 0.0), text(100, 200, gap));
        let rows = |text: String| {
            let text = std::io::Cursor::new(text);
            let mut source = JsonLines::new(text, "test", &SensorFormat::default()).unwrap();
            embed(&mut source, &card, &backbone).unwrap().windows
        };
        [rows(first.clone() + &second), rows(first), rows(second)]
    }

    #[test]
    fn each_segment_is_embedded_by_itself() {
        let [both, first, second] = segments(0.5);
        let apart = [first, second].concat();
        assert_eq!(both.len(), apart.len());
        // Times of day are rounded differently.
        let differs = |(a, b): (&f32, &f32)| (a - b).abs() > 1e-4;
        assert!(!both.iter().zip(&apart).any(differs));
        // Without a gap there is one longer segment.
        let [both, first, second] = segments(0.0);
        assert!(both.len() > first.len() + second.len());
    }
}
