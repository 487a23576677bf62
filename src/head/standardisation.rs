//! Zero mean and unit variance per component, from exact sums.

use super::Statistic;

/// `z_j = (x_j - mean_j) gain_j`, with `gain_j = 1 / (deviation_j sqrt(d))`, so
/// that a typical example has length 1 whatever its width and a learning rate
/// means the same for every backbone.
#[derive(Debug, Clone, Default)]
pub(super) struct Standardisation {
    means: Vec<f32>,
    gains: Vec<f32>,
}

impl Standardisation {
    /// Follows the statistic; a component that has not varied yet counts as
    /// varying by its rounding to the grid.
    pub(super) fn update(&mut self, statistic: &Statistic) {
        let width = statistic.width();
        let n = statistic.total().max(1) as f64;
        self.means.clear();
        self.means.resize(width, 0.0);
        self.gains.clear();
        let mut totals = vec![0_i64; width];
        for class in 0..statistic.counts().len() {
            for (total, sum) in totals.iter_mut().zip(statistic.sum(class)) {
                *total += sum;
            }
        }
        for ((mean, total), square) in self.means.iter_mut().zip(totals).zip(statistic.squares()) {
            let m = total as f64 / n;
            let variance = (square as f64 / n - m * m).max(1.0 / 12.0);
            *mean = m as f32;
            self.gains
                .push((1.0 / (variance * width as f64).sqrt()) as f32);
        }
    }

    /// Appends the standardised rows of `features`.
    pub(super) fn apply_into(&self, features: &[i16], out: &mut Vec<f32>) {
        for row in features.chunks_exact(self.means.len()) {
            let scaled = row.iter().zip(&self.means).zip(&self.gains);
            out.extend(scaled.map(|((&x, mean), gain)| (f32::from(x) - mean) * gain));
        }
    }

    /// The weights and the bias that act on raw features as `weights` and `bias`
    /// act on standardised ones.
    pub(super) fn fold_into(&self, weights: &[f32], bias: f32, out: &mut Vec<f32>) -> f32 {
        let mut folded = f64::from(bias);
        for ((w, mean), gain) in weights.iter().zip(&self.means).zip(&self.gains) {
            folded -= f64::from(w * gain) * f64::from(*mean);
            out.push(w * gain);
        }
        folded as f32
    }
}
