//! A clip as one vector, in memory that does not grow with its length.
//!
//! Predictions need a clip's embeddings only pooled, so they are pooled as they come. The standard
//! deviation needs the mean first. For it, the embeddings of a clip are held up to
//! [`MOST_HELD`]; a longer file is read a second time. Teaching cuts clips into windows, so it holds
//! all embeddings ([`ClipEmbeddings`](super::ClipEmbeddings)).

use std::num::NonZeroUsize;

use super::clip_embeddings::{embed_into, embed_sounding};
use super::{Error, Recording};
use crate::backbone::Backbone;
use crate::learner::{Pooling, decision_windows};
use crate::model::Card;
use crate::signal::{Micros, Pool};
use crate::source::Note;

/// The most numbers that are held for a second look: 16 MiB.
const MOST_HELD: usize = 1 << 22;

/// The embeddings of a clip, pooled, with its hash and length, and what is odd about it.
#[derive(Debug, Clone, PartialEq)]
pub struct PooledClip {
    /// The embeddings, pooled as the learner's contract says: one row for the whole clip, or one
    /// for each of up to four decision windows.
    pub pooled: Vec<f32>,
    /// As [`ClipEmbeddings::clip_sha256`](super::ClipEmbeddings::clip_sha256).
    pub clip_sha256: [u8; 32],
    /// The clip's length.
    pub duration: Micros,
    /// What is odd about the recording.
    pub notes: Vec<Note>,
}

impl PooledClip {
    /// Reads a recording to its end.
    ///
    /// # Errors
    /// As [`embed`](super::embed).
    pub(super) fn read(
        recording: &mut Recording,
        card: &Card,
        backbone: &Backbone,
        pool: Pool,
        window_rows: Option<NonZeroUsize>,
    ) -> Result<Self, Error> {
        if let Some(rows) = window_rows {
            return Self::read_windows(recording, card, backbone, pool, rows.get());
        }
        Self::read_holding(recording, card, backbone, pool, MOST_HELD)
    }

    /// Pools each of the decision windows that stand for the clip.
    fn read_windows(
        recording: &mut Recording,
        card: &Card,
        backbone: &Backbone,
        pool: Pool,
        rows: usize,
    ) -> Result<Self, Error> {
        let mut held = Thinned::new(card.embedding.size, rows, MOST_HELD);
        let (clip, sounding) =
            embed_sounding(recording.source(), card, backbone, |rows| held.push(rows))?;
        let sounding = held.shares(&sounding);
        let size = card.embedding.size;
        let (mut pooled, mut row) = (Vec::new(), Vec::new());
        for at in decision_windows(held.rows.len() / size, rows, &sounding) {
            let window = held.rows.get(at.start * size..at.end * size);
            pool.pool_into(window.unwrap_or_default(), size, &mut row)?;
            pooled.extend_from_slice(&row);
        }
        Ok(Self {
            pooled,
            clip_sha256: clip.clip_sha256,
            duration: clip.duration,
            notes: clip.notes,
        })
    }

    fn read_holding(
        recording: &mut Recording,
        card: &Card,
        backbone: &Backbone,
        pool: Pool,
        most: usize,
    ) -> Result<Self, Error> {
        let mut pooling = Pooling::new(pool, card.embedding.size);
        let can_repeat = recording.can_repeat();
        let mut held = pooling.needs_two_passes().then(Vec::new);
        let clip = embed_into(recording.source(), card, backbone, |rows| {
            pooling.push(rows);
            if let Some(all) = &mut held {
                all.extend_from_slice(rows);
            }
            if can_repeat && held.as_ref().is_some_and(|held| held.len() > most) {
                held = None;
            }
            Ok::<_, Error>(())
        })?;
        match held {
            Some(rows) => pooling.push_again(&rows),
            None if pooling.needs_two_passes() => {
                let mut again = recording.repeat()?;
                let second = embed_into(&mut *again, card, backbone, |rows| {
                    pooling.push_again(rows);
                    Ok::<_, Error>(())
                })?;
                if second.clip_sha256 != clip.clip_sha256 {
                    return Err(recording.changed());
                }
            }
            None => {}
        }
        Ok(Self {
            pooled: pooling.finish(),
            clip_sha256: clip.clip_sha256,
            duration: clip.duration,
            notes: clip.notes,
        })
    }
}

/// Embeddings of a clip in bounded memory: if there are too many, every second block of a window's
/// length is dropped, again and again.
struct Thinned {
    rows: Vec<f32>,
    size: usize,
    block: usize,
    most: usize,
    stride: usize,
    seen: usize,
}

impl Thinned {
    fn new(size: usize, block: usize, most: usize) -> Self {
        Self {
            rows: Vec::new(),
            size,
            block,
            // Some blocks stay in any case.
            most: most.max(8 * block * size),
            stride: 1,
            seen: 0,
        }
    }

    fn push(&mut self, rows: &[f32]) {
        for row in rows.chunks_exact(self.size) {
            if (self.seen / self.block).is_multiple_of(self.stride) {
                self.rows.extend_from_slice(row);
            }
            self.seen += 1;
            if self.rows.len() > self.most && self.seen.is_multiple_of(self.block) {
                self.thin();
            }
        }
    }

    fn thin(&mut self) {
        let length = self.block * self.size;
        let blocks = self.rows.len().div_ceil(length);
        for (to, from) in (0..blocks).step_by(2).enumerate() {
            let end = ((from + 1) * length).min(self.rows.len());
            self.rows.copy_within(from * length..end, to * length);
        }
        self.rows.truncate(blocks.div_ceil(2) * length);
        self.stride *= 2;
    }

    /// The entries of `all`, one for each row that was seen, that belong to the rows held.
    fn shares(&self, all: &[f32]) -> Vec<f32> {
        let is_held = |&at: &usize| (at / self.block).is_multiple_of(self.stride);
        (0..all.len()).filter(is_held).map(|at| all[at]).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use crate::backbone::Mode;
    use crate::engine::embed;
    use crate::model::Cache;

    #[test]
    fn rows_beyond_the_limit_are_thinned_evenly_and_keep_their_shares() {
        for (block, all) in [(1, 1000), (7, 1000), (3, 10)] {
            let mut held = Thinned::new(1, block, 40);
            let values: Vec<f32> = (0..all).map(|i| i as f32).collect();
            values.chunks(11).for_each(|rows| held.push(rows));
            assert!(held.rows.len() <= 40_usize.max(8 * block) + 2 * block);
            assert_eq!(held.rows, held.shares(&values));
            let blocks = held.rows.chunks_exact(block);
            assert!(
                blocks
                    .clone()
                    .all(|rows| rows.windows(2).all(|w| w[1] == w[0] + 1.0))
            );
            let starts: Vec<f32> = blocks.map(|rows| rows[0]).collect();
            let step = (held.stride * block) as f32;
            assert!(starts.windows(2).all(|w| w[1] == w[0] + step), "{starts:?}");
        }
    }

    #[test]
    fn a_clip_too_long_to_be_held_is_pooled_to_the_same_bits() {
        let cache = Cache::at("/nowhere");
        let card = cache.find("imu").unwrap();
        let bytes = cache.model_bytes(&card).unwrap();
        let backbone = Backbone::from_bytes(&bytes, &card, Mode::Auto).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        let mut text =
            "# rate: 50 Hz\nax [g],ay [g],az [g],wx [deg/s],wy [deg/s],wz [deg/s]\n".to_owned();
        for i in 0..900 {
            let x = (f64::from(i) / 9.0).sin();
            let _ = writeln!(text, "{x},0,1,0,{x},{}", i % 7);
        }
        std::fs::write(&path, &text).unwrap();
        let clip = embed(Recording::open(&path).unwrap().source(), &card, &backbone).unwrap();
        for pool in Pool::ALL {
            let mut expected = Vec::new();
            let size = card.embedding.size;
            pool.pool_into(&clip.windows, size, &mut expected).unwrap();
            for most in [0, 1_000, usize::MAX] {
                let mut recording = Recording::open(&path).unwrap();
                let pooled =
                    PooledClip::read_holding(&mut recording, &card, &backbone, pool, most).unwrap();
                assert_eq!(pooled.pooled, expected, "{pool}, {most} held");
                assert_eq!(pooled.clip_sha256, clip.clip_sha256);
                assert_eq!(pooled.duration, clip.duration);
            }
        }
        // Longer when it is read again.
        let mut recording = Recording::open(&path).unwrap();
        text.push_str("0,0,1,0,0,0\n");
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, &text).unwrap();
        let pool = Pool::MeanStdMax;
        let error = PooledClip::read_holding(&mut recording, &card, &backbone, pool, 0);
        let error = error.unwrap_err().to_string();
        assert!(
            error.ends_with("a.csv changed while it was read"),
            "{error}"
        );
    }
}
