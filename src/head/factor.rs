//! A packed triangular factor for predictions between two solves.

use faer::MatRef;
use pulp::{Arch, Simd, WithSimd};

use super::discriminant::dot;

/// The Cholesky factor `L` of a positive definite matrix `A = L L^T`, rounded to
/// `f32` and packed by columns.
///
/// The precision is about six digits. That is enough, because an exact solve replaces the factor
/// soon. It needs half the bytes of the statistic it was computed from.
#[derive(Debug, Clone)]
pub(super) struct Factor {
    width: usize,
    /// The lower triangle packed by columns, `width (width + 1) / 2` numbers.
    packed: Vec<f32>,
}

impl Factor {
    /// Packs the lower triangle of `l`.
    pub(super) fn pack(l: MatRef<'_, f64>) -> Self {
        let width = l.ncols();
        let mut packed = Vec::with_capacity(width * (width + 1) / 2);
        for (j, column) in l.col_iter().enumerate() {
            packed.extend(column.iter().skip(j).map(|&value| value as f32));
        }
        Self { width, packed }
    }

    /// The factor of a matrix `scale^2 I`.
    pub(super) fn diagonal(width: usize, scale: f64) -> Self {
        let mut packed = vec![0.0; width * (width + 1) / 2];
        let mut at = 0;
        for j in 0..width {
            packed[at] = scale as f32;
            at += width - j;
        }
        Self { width, packed }
    }

    /// Overwrites each row `x` of `[rows, width]` with `A^-1 x`: `width^2` multiplications a row.
    /// Reading the factor dominates the time. Eight rows together read it twice, as one row does.
    pub(super) fn solve_in_place(&self, rows: &mut [f32]) {
        for rows in rows.chunks_mut(8 * self.width) {
            Arch::new().dispatch(Solve { factor: self, rows });
        }
    }
}

/// Both substitutions, compiled for each level of vector instructions.
struct Solve<'a> {
    factor: &'a Factor,
    rows: &'a mut [f32],
}

impl WithSimd for Solve<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { factor, rows } = self;
        let width = factor.width;
        // L y = x, column by column.
        let mut rest = factor.packed.as_slice();
        for j in 0..width {
            let (column, next) = rest.split_at(width - j);
            rest = next;
            for x in rows.chunks_exact_mut(width) {
                let y = x[j] / column[0];
                x[j] = y;
                for (x, l) in x[j + 1..].iter_mut().zip(&column[1..]) {
                    *x -= y * l;
                }
            }
        }
        // L^T z = y; a column of L is a row of L^T.
        let mut rest = factor.packed.as_slice();
        for j in (0..width).rev() {
            let (next, column) = rest.split_at(rest.len() - (width - j));
            rest = next;
            for x in rows.chunks_exact_mut(width) {
                x[j] = (x[j] - dot(&column[1..], &x[j + 1..])) / column[0];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use faer::Mat;

    #[test]
    fn solving_undoes_the_product() {
        let width = 37;
        let l = Mat::from_fn(width, width, |i, j| match i {
            _ if i == j => 2.0 + j as f64 / 9.0,
            _ if i > j => ((i * 31 + j * 17) % 13) as f64 / 13.0 - 0.5,
            // Entries above the diagonal are undefined after a factorisation.
            _ => f64::NAN,
        });
        let factor = Factor::pack(l.as_ref());
        let expected: Vec<f64> = (0..width).map(|i| (i as f64 * 0.7).sin()).collect();
        let lower = Mat::from_fn(width, width, |i, j| if i >= j { l[(i, j)] } else { 0.0 });
        let a = &lower * lower.transpose();
        let product: Vec<f32> = (0..width)
            .map(|i| (0..width).map(|j| a[(i, j)] * expected[j]).sum::<f64>() as f32)
            .collect();
        let mut alone = product.clone();
        factor.solve_in_place(&mut alone);
        for (x, expected) in alone.iter().zip(expected) {
            assert!((f64::from(*x) - expected).abs() < 1e-3, "{x} {expected}");
        }
        for rows in [2, 8, 11] {
            let mut together = product.repeat(rows);
            factor.solve_in_place(&mut together);
            assert_eq!(together, alone.repeat(rows));
        }
    }

    #[test]
    fn a_diagonal_factor_divides() {
        let mut x = [8.0, -4.0, 0.0];
        Factor::diagonal(3, 2.0).solve_in_place(&mut x);
        assert_eq!(x, [2.0, -1.0, 0.0]);
    }
}
