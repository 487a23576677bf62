//! Pools the embeddings of a clip that is too long to be held.
//!
//! The result is the same to the bit as that of [`Pool::pool_into`] over all embeddings at once. A
//! standard deviation needs the mean first, so it needs the embeddings a second time.

use crate::signal::Pool;

/// Sums over the embeddings of a clip so far, which come in parts.
#[derive(Debug)]
pub(crate) struct Pooling {
    pool: Pool,
    size: usize,
    rows: u64,
    sums: Vec<f64>,
    maxima: Vec<f32>,
    /// The mean, once all embeddings have come, and the sums of squared deviations from it.
    deviations: Option<(Vec<f64>, Vec<f64>)>,
}

impl Pooling {
    /// Nothing yet, for embeddings of `size` numbers.
    pub(crate) fn new(pool: Pool, size: usize) -> Self {
        Self {
            pool,
            size: size.max(1),
            rows: 0,
            sums: vec![zero(); size],
            maxima: vec![f32::NEG_INFINITY; size],
            deviations: None,
        }
    }

    /// Whether [`Self::push_again`] needs all embeddings after [`Self::push`] had them.
    pub(crate) fn needs_two_passes(&self) -> bool {
        self.pool == Pool::MeanStdMax
    }

    /// Takes the next embeddings, row-major `[n, size]`.
    pub(crate) fn push(&mut self, embeddings: &[f32]) {
        for row in embeddings.chunks_exact(self.size) {
            self.rows += 1;
            for (sum, &x) in self.sums.iter_mut().zip(row) {
                *sum += f64::from(x);
            }
            for (maximum, &x) in self.maxima.iter_mut().zip(row) {
                *maximum = maximum.max(x);
            }
        }
    }

    /// Takes the same embeddings in the same order, after the last of them had come.
    pub(crate) fn push_again(&mut self, embeddings: &[f32]) {
        let mean = || {
            let n = self.rows as f64;
            (
                self.sums.iter().map(|sum| sum / n).collect(),
                vec![zero(); self.size],
            )
        };
        let (means, squares) = self.deviations.get_or_insert_with(mean);
        for row in embeddings.chunks_exact(self.size) {
            for ((square, mean), &x) in squares.iter_mut().zip(means.iter()).zip(row) {
                *square += (f64::from(x) - *mean).powi(2);
            }
        }
    }

    /// The pooled vector.
    pub(crate) fn finish(self) -> Vec<f32> {
        let n = self.rows as f64;
        let mut out: Vec<f32> = self.sums.iter().map(|sum| (sum / n) as f32).collect();
        if let Some((_, squares)) = self.deviations {
            out.extend(squares.iter().map(|square| (square / n).sqrt() as f32));
        }
        if self.pool != Pool::Mean {
            out.extend(self.maxima);
        }
        out
    }
}

/// What an empty sum is: -0, which changes no sum, or 0.
fn zero() -> f64 {
    std::iter::empty::<f64>().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pooling_in_parts_gives_the_same_bits() {
        const SIZE: usize = 5;
        let mut state = 1_u64;
        let mut number = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 40) as f32 / 1e3 - 8e3
        };
        let mut rows: Vec<f32> = (0..SIZE * 301).map(|_| number()).collect();
        // A column of zeros with a sign.
        rows.iter_mut().step_by(SIZE).for_each(|x| *x = -0.0);
        for pool in Pool::ALL {
            for part in [1, 7, 301] {
                let mut pooling = Pooling::new(pool, SIZE);
                rows.chunks(SIZE * part).for_each(|rows| pooling.push(rows));
                if pooling.needs_two_passes() {
                    let parts = rows.chunks(SIZE * part);
                    parts.for_each(|rows| pooling.push_again(rows));
                }
                let mut expected = Vec::new();
                pool.pool_into(&rows, SIZE, &mut expected).unwrap();
                let bits = |all: &[f32]| all.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
                assert_eq!(bits(&pooling.finish()), bits(&expected), "{pool} by {part}");
            }
        }
    }
}
