//! The periodic Hann window of spectrogram front ends.
//!
//! The window is periodic (`cos(2 pi n / N)`), as in `tf.signal.hann_window` and
//! `scipy.signal.get_window`. It is not the symmetric window of filter design.

use std::f64::consts::TAU;

/// A periodic Hann window of `samples` points, each multiplied by `scale`.
pub(super) fn periodic_hann(samples: usize, scale: f32) -> Vec<f32> {
    (0..samples)
        .map(|n| {
            let phase = TAU * n as f64 / samples as f64;
            ((0.5 - 0.5 * phase.cos()) * f64::from(scale)) as f32
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_is_periodic_and_not_symmetric() {
        let window = periodic_hann(400, 1.0);
        assert_eq!(window[0], 0.0);
        assert_eq!(window[200], 1.0);
        assert_eq!(window[100], 0.5);
        for n in 1..200 {
            assert!((window[n] - window[400 - n]).abs() < 1e-7);
        }
        assert!(window[399] > 0.0);
    }

    #[test]
    fn window_and_its_half_length_shift_add_up_to_one() {
        let window = periodic_hann(64, 1.0);
        for n in 0..32 {
            assert!((window[n] + window[n + 32] - 1.0).abs() < 1e-6);
        }
    }
}
