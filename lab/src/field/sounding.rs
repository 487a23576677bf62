//! Which parts of a clip sound, and how loud.
//!
//! The program has such a rule of its own. This one belongs to the days: they stay as they are when
//! the program's rule changes.

use std::ops::Range;

/// Blocks a second.
const BLOCKS_A_SECOND: usize = 10;
/// Blocks within this of the clip's loudest one sound.
const BELOW_LOUDEST_DB: f64 = 15.0;
/// Sounding parts with at most this many silent blocks between them are one.
const JOINED: usize = 3;

/// The sounding parts of a clip, in samples. A clip of less than a block is one part.
pub(crate) fn sounding_parts(samples: &[f32], rate: usize) -> Vec<Range<usize>> {
    let block = block(rate);
    let mut parts: Vec<Range<usize>> = Vec::new();
    for (at, sounds) in sounding_blocks(samples, rate).into_iter().enumerate() {
        match parts.last_mut() {
            _ if !sounds => {}
            Some(last) if at - last.end <= JOINED => last.end = at + 1,
            _ => parts.push(at..at + 1),
        }
    }
    for part in &mut parts {
        *part = part.start * block..part.end * block;
    }
    if parts.is_empty() {
        parts.push(0..samples.len());
    }
    parts
}

/// The share of a clip's blocks that sound, in `[0, 1]`.
pub(crate) fn sounding_share(samples: &[f32], rate: usize) -> f64 {
    let blocks = sounding_blocks(samples, rate);
    let sounding = blocks.iter().filter(|&&sounds| sounds).count();
    sounding as f64 / blocks.len().max(1) as f64
}

/// The root of the mean square of all sounding parts.
pub(crate) fn sounding_level(samples: &[f32], rate: usize) -> f64 {
    let parts = sounding_parts(samples, rate);
    let (sum, count) = (parts.into_iter()).fold((0.0, 0), |(sum, count), part| {
        (sum + squares(&samples[part.clone()]), count + part.len())
    });
    (sum / count.max(1) as f64 + FLOOR).sqrt()
}

/// The root of the mean square.
pub(crate) fn level(samples: &[f32]) -> f64 {
    (squares(samples) / samples.len().max(1) as f64 + FLOOR).sqrt()
}

/// The mean square of digital silence, so that its level is not 0.
const FLOOR: f64 = 1e-12;

fn squares(samples: &[f32]) -> f64 {
    samples.iter().map(|&x| f64::from(x) * f64::from(x)).sum()
}

fn block(rate: usize) -> usize {
    (rate / BLOCKS_A_SECOND).max(1)
}

/// For each whole block, whether it sounds.
fn sounding_blocks(samples: &[f32], rate: usize) -> Vec<bool> {
    let block = block(rate);
    let powers: Vec<f64> = (samples.chunks_exact(block))
        .map(|samples| squares(samples) / block as f64 + FLOOR)
        .collect();
    let loudest = powers.iter().copied().fold(0.0, f64::max);
    let enough = loudest * 10_f64.powf(-BELOW_LOUDEST_DB / 10.0);
    powers.into_iter().map(|power| power >= enough).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Samples at 100 Hz: one number a block of ten.
    fn blocks(levels: &[f32]) -> Vec<f32> {
        levels.iter().flat_map(|&level| [level; 10]).collect()
    }

    #[test]
    fn parts_are_joined_over_three_silent_blocks_and_not_over_four() {
        let clip = blocks(&[0., 1., 0., 0., 0., 1., 0., 0., 0., 0., 1., 1., 0.]);
        assert_eq!(sounding_parts(&clip, 100), [10..60, 100..120]);
        assert_eq!(sounding_share(&clip, 100), 4.0 / 13.0);
    }

    #[test]
    fn blocks_more_than_15_db_below_the_loudest_do_not_sound() {
        let clip = blocks(&[1.0, 0.18, 0.17]);
        assert_eq!(sounding_parts(&clip, 100).first(), Some(&(0..20)));
    }

    #[test]
    fn the_level_is_that_of_the_sounding_parts() {
        let clip = blocks(&[0.0, 0.5, 0.5, 0.0]);
        assert!((sounding_level(&clip, 100) - 0.5).abs() < 1e-9);
        assert!((level(&clip) - 0.125_f64.sqrt()).abs() < 1e-9);
    }

    #[test]
    fn a_clip_of_less_than_a_block_is_one_part() {
        assert_eq!(sounding_parts(&[0.1; 7], 100).first(), Some(&(0..7)));
    }
}
