//! Repairs invalid samples: NaN, infinities and extreme levels.
//!
//! A single NaN would spread to every frame, embedding and decision that depends on it. A
//! non-finite sample therefore becomes 0, and a finite one is clamped to `±`[`MAX_ABS_SAMPLE`].
//! Both are counted. Levels a little beyond full scale, common in floating-point files, pass
//! unchanged.

/// Largest magnitude of a repaired sample: 36 dB above full scale. With this limit no power
/// spectrum of a valid card overflows `f32`.
const MAX_ABS_SAMPLE: f32 = 64.0;

/// Appends the repaired `samples` to `out`. Returns how many were changed.
pub(crate) fn append_repaired(samples: &[f32], out: &mut Vec<f32>) -> u64 {
    let start = out.len();
    out.extend_from_slice(samples);
    // Most blocks need no repair, and one branch-free pass detects that. The comparison is
    // false for NaN as well.
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
    fn only_invalid_samples_are_changed_and_each_is_counted() {
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
    fn valid_samples_pass_bit_for_bit() {
        let input = [0.0, -0.0, 1.0, -1.0, f32::MIN_POSITIVE / 4.0];
        let mut out = Vec::new();
        assert_eq!(append_repaired(&input, &mut out), 0);
        let bits = |v: &[f32]| v.iter().map(|s| s.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&out), bits(&input));
    }
}
