//! A clip as one vector, in memory that does not grow with its length.
//!
//! Predictions need a clip's embeddings only pooled, so they are pooled as they come. The standard
//! deviation needs the mean first. For it, the embeddings of a clip are held up to
//! [`MOST_HELD`]; a longer file is read a second time. Teaching cuts clips into windows, so it holds
//! all embeddings ([`ClipEmbeddings`](super::ClipEmbeddings)).

use super::clip_embeddings::embed_into;
use super::{Error, Recording};
use crate::backbone::Backbone;
use crate::learner::Pooling;
use crate::model::Card;
use crate::signal::{Micros, Pool};
use crate::source::Note;

/// The most numbers that are held for a second look: 16 MiB.
const MOST_HELD: usize = 1 << 22;

/// The embeddings of a clip, pooled, with its hash and length, and what is odd about it.
#[derive(Debug, Clone, PartialEq)]
pub struct PooledClip {
    /// The embeddings, pooled as the learner's contract says.
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
    ) -> Result<Self, Error> {
        Self::read_holding(recording, card, backbone, pool, MOST_HELD)
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

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use crate::backbone::Mode;
    use crate::engine::embed;
    use crate::model::Cache;

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
