//! What happens to samples that are no sound: NaN, infinities, absurd levels.
//!
//! A single NaN would spread over every frame, embedding and decision that its
//! window touches, so it is stopped at the door. The rule: a non-finite sample
//! becomes 0, a finite one is clamped to `±`[`MAX_ABS_SAMPLE`], and both are
//! counted. Levels a little beyond full scale, common in floating-point files,
//! pass unchanged.

/// Largest magnitude a sample keeps: 36 dB above full scale. With it no power
/// spectrum of a valid card overflows `f32`.
pub(super) const MAX_ABS_SAMPLE: f32 = 64.0;

/// Appends `samples` to `out`, repaired; returns how many were changed.
pub(super) fn append_repaired(samples: &[f32], out: &mut Vec<f32>) -> u64 {
    let start = out.len();
    out.extend_from_slice(samples);
    // The usual block needs no repair: one branch-free pass decides. The
    // comparison is false for NaN as well.
    let sound = samples
        .iter()
        .fold(true, |all, s| all & (s.abs() <= MAX_ABS_SAMPLE));
    if sound {
        return 0;
    }
    let mut repaired = 0;
    for sample in out.iter_mut().skip(start) {
        if !sample.is_finite() {
            *sample = 0.0;
            repaired += 1;
        } else if sample.abs() > MAX_ABS_SAMPLE {
            *sample = sample.clamp(-MAX_ABS_SAMPLE, MAX_ABS_SAMPLE);
            repaired += 1;
        }
    }
    repaired
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_impossible_samples_are_changed_and_each_is_counted() {
        let input = [
            0.5,
            f32::NAN,
            -1.5,
            f32::INFINITY,
            f32::NEG_INFINITY,
            1e30,
            -1e30,
            64.0,
        ];
        let mut out = vec![f32::NAN];
        assert_eq!(append_repaired(&input, &mut out), 5);
        assert_eq!(out[1..], [0.5, 0.0, -1.5, 0.0, 0.0, 64.0, -64.0, 64.0]);
        assert!(out[0].is_nan(), "what was there before stays");
    }

    #[test]
    fn sound_samples_pass_bit_for_bit() {
        let input = [0.0, -0.0, 1.0, -1.0, f32::MIN_POSITIVE / 4.0];
        let mut out = Vec::new();
        assert_eq!(append_repaired(&input, &mut out), 0);
        let bits = |v: &[f32]| v.iter().map(|s| s.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&out), bits(&input));
    }
}
