//! Trials on noise: check whether two executions of a graph give the same embeddings.

/// The largest difference that counts as rounding, relative to the largest magnitude of the
/// embeddings.
const TOLERANCE: f32 = 1e-4;

/// Repeatable values in `[0, 8)`, about the range of log-mel frames.
pub(super) fn noise(len: usize) -> Vec<f32> {
    let mut state = 0x2545_F491_4F6C_DD1Du64;
    (0..len)
        .map(|_| {
            // xorshift64: the values must be repeatable; their quality does not matter.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 40) as f32 / (1u64 << 24) as f32 * 8.0
        })
        .collect()
}

/// Checks that both executions gave the same number of values, and that these differ by rounding
/// only. Otherwise returns the largest difference.
pub(super) fn compare(expected: &[f32], actual: &[f32]) -> Result<(), f32> {
    let scale = expected.iter().fold(1.0f32, |m, x| m.max(x.abs()));
    let differences = expected.iter().zip(actual).map(|(e, a)| (e - a).abs());
    let close = |difference: f32| difference <= TOLERANCE * scale;
    // A NaN on either side is not close.
    if expected.len() == actual.len() && differences.clone().all(close) {
        return Ok(());
    }
    Err(differences.fold(0.0f32, f32::max))
}
