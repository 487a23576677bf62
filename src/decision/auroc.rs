//! How well a score tells two sides apart.

/// The area under the receiver operating characteristic: the probability in `[0, 1]` that a score
/// of `high` is above one of `low`, where equal scores count half. `None` if a side is empty.
///
/// ```
/// use afield::decision::auroc;
/// assert_eq!(auroc(&[3.0, 2.0], &[1.0, 2.0]), Some(0.875));
/// assert_eq!(auroc(&[], &[1.0]), None);
/// ```
pub fn auroc(high: &[f32], low: &[f32]) -> Option<f64> {
    let mut sorted = low.to_vec();
    sorted.sort_by(f32::total_cmp);
    let below = |score: &f32| {
        let under = sorted.partition_point(|other| other < score);
        let up_to = sorted.partition_point(|other| other <= score);
        (under + up_to) as f64 / 2.0
    };
    let pairs = high.len() * low.len();
    (pairs > 0).then(|| high.iter().map(below).sum::<f64>() / pairs as f64)
}
