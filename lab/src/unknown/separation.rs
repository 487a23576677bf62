//! The errors of a score at one threshold.

/// The share of `low` in `[0, 1]` that scores as high as the threshold that a share `recall` of
/// `high` reaches. `None` if a side is empty.
///
/// ```
/// use afield_lab::unknown::false_share;
/// let high = [5.0, 4.0, 3.0, 0.0];
/// assert_eq!(false_share(&high, &[4.5, 1.0], 0.75), Some(0.5));
/// assert_eq!(false_share(&high, &[4.5, 1.0], 1.0), Some(1.0));
/// ```
pub fn false_share(high: &[f32], low: &[f32], recall: f64) -> Option<f64> {
    let mut sorted = high.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    let reached = (recall * high.len() as f64 - 1e-9).ceil().max(1.0) as usize;
    let threshold = sorted.get(reached - 1)?;
    let reaching = low.iter().filter(|&score| score >= threshold).count();
    (!low.is_empty()).then(|| reaching as f64 / low.len() as f64)
}
