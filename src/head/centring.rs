//! Centres the inputs of gradient descent and scales them to a length of about 1.

use super::Statistic;

/// `z = (x - mean) gain`, with one gain for all components. A typical example then has length 1 at
/// every width, so a learning rate means the same for every backbone. Mean and gain come from
/// exact sums over all examples.
///
/// There is one gain because components with little variation are mostly noise. Dividing each
/// component by its own deviation cost 1 to 4 points on ESC-10 (YAMNet) and gained nothing on FSDD
/// (speech embedding).
#[derive(Debug, Clone, Default)]
pub(super) struct Centring {
    means: Vec<f32>,
    /// In real units per unit of each feature.
    gains: Vec<f32>,
    totals: Vec<i64>,
}

impl Centring {
    /// Updates mean and gain from the statistic. One unit of feature `i` is worth `steps[i]`.
    pub(super) fn update(&mut self, statistic: &Statistic, steps: &[f32]) {
        let n = statistic.total().max(1) as f64;
        self.totals.clear();
        self.totals.resize(steps.len(), 0);
        for class in 0..statistic.counts().len() {
            for (total, sum) in self.totals.iter_mut().zip(statistic.sum(class)) {
                *total += sum;
            }
        }
        self.means.clear();
        let mut squares = 0.0;
        let sums = self.totals.iter().zip(statistic.squares());
        for ((&total, square), &step) in sums.zip(steps) {
            let mean = total as f64 / n;
            self.means.push(mean as f32);
            // The rounding to the grid sets a lower bound on the variance of each component.
            let variance = (square as f64 / n - mean * mean).max(1.0 / 12.0);
            squares += variance * f64::from(step) * f64::from(step);
        }
        let gain = squares.sqrt().recip();
        self.gains.clear();
        let gains = steps.iter().map(|&step| (f64::from(step) * gain) as f32);
        self.gains.extend(gains);
    }

    /// Appends the centred rows of `features`.
    pub(super) fn apply_into(&self, features: &[i16], out: &mut Vec<f32>) {
        for row in features.chunks_exact(self.means.len().max(1)) {
            let centred = row.iter().zip(&self.means).zip(&self.gains);
            out.extend(centred.map(|((&x, mean), gain)| (f32::from(x) - mean) * gain));
        }
    }

    /// Converts `weights` for centred features to weights for raw features and appends them.
    /// Returns the matching bias.
    pub(super) fn fold_into(&self, weights: &[f32], bias: f32, out: &mut Vec<f32>) -> f32 {
        let mut folded = f64::from(bias);
        for ((w, mean), gain) in weights.iter().zip(&self.means).zip(&self.gains) {
            let weight = w * gain;
            folded -= f64::from(weight) * f64::from(*mean);
            out.push(weight);
        }
        folded as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::Moments;

    #[test]
    fn typical_rows_have_length_one_around_zero() {
        let mut statistic = Statistic::new(2, Moments::Diagonal);
        let rows = [[1000_i16, -50], [3000, 50], [1000, 50], [3000, -50]];
        for (i, row) in rows.iter().enumerate() {
            statistic.add(row, usize::from(i > 1)).unwrap();
        }
        let mut centring = Centring::default();
        centring.update(&statistic, &[0.001, 0.5]);
        let mut out = Vec::new();
        centring.apply_into(rows.as_flattened(), &mut out);
        let squares: f32 = out.iter().map(|z| z * z).sum::<f32>() / 4.0;
        assert!((squares - 1.0).abs() < 1e-5, "{squares}");
        assert!(out.iter().sum::<f32>().abs() < 1e-5);

        let (weights, mut folded) = ([0.3, -2.0], Vec::new());
        let bias = centring.fold_into(&weights, 0.7, &mut folded);
        for (row, z) in rows.iter().zip(out.chunks(2)) {
            let there = weights[0] * z[0] + weights[1] * z[1] + 0.7;
            let x = row.map(f32::from);
            let here = folded[0] * x[0] + folded[1] * x[1] + bias;
            assert!((here - there).abs() < 1e-5);
        }
    }
}
