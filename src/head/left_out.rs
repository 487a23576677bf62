//! Distances of a clip's rows as if the clip had not been learned, without another solve; and of
//! the rows of a class as if the class had not.
//!
//! Taking a clip out of the exact sums moves its class mean and takes a matrix of low rank from the
//! covariance within classes. The inverse follows from the Woodbury identity, so a clip of `r` rows
//! costs `r` solves with the factor that is there.

use super::discriminant::dot;

/// What a head says of the rows of a clip, as if the clip had not been learned.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct LeftOutEvidence {
    /// The squared distance from each row to the mean of each class, `[rows, classes]`.
    pub(crate) squared_distances: Vec<f32>,
    /// The log score of each class for each row, `[rows, classes]`. Empty if the head that measures
    /// is not the one that answers.
    pub(crate) log_scores: Vec<f32>,
}

/// A clip that was learned.
pub(super) struct LeftOut<'a> {
    pub(super) width: usize,
    /// Rows minus the mean of their class, `[rows, width]`.
    pub(super) residuals: &'a [f32],
    /// The inverse covariance times each residual.
    pub(super) solutions: &'a [f32],
    /// How often the statistic holds each row.
    pub(super) weights: &'a [f64],
    /// Examples of the class in the statistic, with those of the clip.
    pub(super) n: f64,
    /// The factor of the scatter in the covariance.
    pub(super) kept: f64,
}

impl LeftOut<'_> {
    /// Overwrites `distances` with those of each row to each class, `[rows, classes]`. `offsets`
    /// are class means, and `directions` the inverse covariance times them. If the rows are the
    /// whole class, their distances to it are infinite. Returns whether it is possible: the
    /// covariance needs other examples.
    pub(super) fn distances_into(
        &self,
        class: usize,
        offsets: &[f32],
        directions: &[f32],
        distances: &mut Vec<f32>,
    ) -> bool {
        distances.clear();
        let width = self.width;
        let (rows, classes) = (self.residuals.len() / width, offsets.len() / width);
        let weight: f64 = self.weights.iter().sum();
        let rest = self.n - weight;
        if rows == 0 || self.weights.len() != rows || rest < -0.5 {
            return false;
        }
        // Without its rows, the class has no mean.
        let (shift, of_mean) = match rest < 0.5 {
            true => (0.0, 0.0),
            false => (weight / rest, (weight * weight / rest).sqrt()),
        };
        let residual = |i: usize| &self.residuals[i * width..(i + 1) * width];
        let solution = |i: usize| &self.solutions[i * width..(i + 1) * width];
        let of = |rows: &[f32], k: usize| rows[k * width..(k + 1) * width].to_vec();
        // Products under the inverse covariance: between rows, and of rows with the way from
        // another class to this one.
        let gram = Square::of(rows, |i, j| f64::from(dot(residual(i), solution(j))));
        let (own_offset, own_direction) = (of(offsets, class), of(directions, class));
        let mut ways = Vec::with_capacity(classes);
        for k in 0..classes {
            let less = |own: &[f32], other: &[f32]| -> Vec<f32> {
                own.iter().zip(other).map(|(a, b)| a - b).collect()
            };
            let offset = less(&own_offset, &of(offsets, k));
            let direction = less(&own_direction, &of(directions, k));
            let of_rows = (0..rows).map(|i| f64::from(dot(residual(i), &direction)));
            ways.push((
                of_rows.collect::<Vec<f64>>(),
                f64::from(dot(&offset, &direction)),
            ));
        }
        // The columns taken from the scatter: each row, and the mean of all.
        let scales: Vec<f64> = self.weights.iter().map(|weight| weight.sqrt()).collect();
        let mean_of = |of_row: &dyn Fn(usize) -> f64| -> f64 {
            let weighted = self.weights.iter().enumerate();
            weighted.map(|(i, w)| w * of_row(i)).sum::<f64>() / weight
        };
        let column = |of_row: &dyn Fn(usize) -> f64| -> Vec<f64> {
            let scaled = scales
                .iter()
                .enumerate()
                .map(|(i, scale)| scale * of_row(i));
            scaled.chain([of_mean * mean_of(of_row)]).collect()
        };
        let between: Vec<Vec<f64>> = (0..rows).map(|j| column(&|i| gram.at(i, j))).collect();
        let means: Vec<f64> = (0..=rows).map(|at| mean_of(&|j| between[j][at])).collect();
        let mut inner = Square::of(rows + 1, |i, j| {
            let product = match scales.get(j) {
                Some(scale) => between[j][i] * scale,
                None => means[i] * of_mean,
            };
            f64::from(u8::from(i == j)) - self.kept * product
        });
        if !inner.factorise() {
            return false;
        }
        let products_with_mean: Vec<f64> = (0..rows).map(|i| mean_of(&|j| gram.at(i, j))).collect();
        let mean_product = |i: usize| products_with_mean[i];
        let mean_square = mean_of(&mean_product);
        for i in 0..rows {
            for (k, (way, length)) in ways.iter().enumerate() {
                if k == class && shift == 0.0 {
                    distances.push(f32::INFINITY);
                    continue;
                }
                let (square, mut products) = if k == class {
                    let square =
                        gram.at(i, i) + 2.0 * shift * mean_product(i) + shift * shift * mean_square;
                    (square, column(&|l| gram.at(l, i) + shift * mean_product(l)))
                } else {
                    let square = gram.at(i, i) + 2.0 * way[i] + length;
                    (square, column(&|l| gram.at(l, i) + way[l]))
                };
                inner.forward(&mut products);
                let gained: f64 = products.iter().map(|x| x * x).sum();
                distances.push((square + self.kept * gained).max(0.0) as f32);
            }
        }
        true
    }
}

/// A small symmetric matrix, or the lower triangle of its Cholesky factor.
struct Square {
    size: usize,
    values: Vec<f64>,
}

impl Square {
    fn of(size: usize, value: impl Fn(usize, usize) -> f64) -> Self {
        let all = (0..size * size).map(|at| value(at / size, at % size));
        Self {
            size,
            values: all.collect(),
        }
    }

    fn at(&self, i: usize, j: usize) -> f64 {
        self.values[i * self.size + j]
    }

    /// Returns whether the matrix is positive definite.
    fn factorise(&mut self) -> bool {
        for i in 0..self.size {
            for j in 0..=i {
                let sum: f64 = (0..j).map(|k| self.at(i, k) * self.at(j, k)).sum();
                let rest = self.at(i, j) - sum;
                self.values[i * self.size + j] = match i == j {
                    true if rest > 1e-9 => rest.sqrt(),
                    true => return false,
                    false => rest / self.at(j, j),
                };
            }
        }
        true
    }

    /// Overwrites `x` with the solution of `L y = x`.
    fn forward(&self, x: &mut [f64]) {
        for i in 0..self.size {
            let sum: f64 = (0..i).map(|k| self.at(i, k) * x[k]).sum();
            x[i] = (x[i] - sum) / self.at(i, i);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::LeftOutEvidence;
    use crate::head::HeadKind;

    const WIDTH: usize = 6;

    /// Row `row` of clip `clip` of a class.
    fn row(class: usize, clip: usize, row: usize) -> Vec<i16> {
        let noise = |at: usize| {
            let mixed = (class * 7919 + at * 104_729 + 17) as u64;
            (mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 52) as i16 - 2048
        };
        let value = |j: usize| {
            let own = i16::from(j == class) * 4000;
            own + noise(clip * 31 + j) + noise(1000 + clip * 97 + row * 13 + j) / 2
        };
        (0..WIDTH).map(value).collect()
    }

    /// Distances of the rows of a clip to all classes, or their scores, by a head that never learned
    /// the clip.
    fn without(clip: usize, left_out: bool, rows: &[Vec<i16>], scores: bool) -> Vec<f32> {
        let mut head = HeadKind::LDA.build(&[0.001; WIDTH], 0, 16);
        for class in 0..3 {
            for other in 0..40 {
                if left_out && (class, other) == (1, clip) {
                    continue;
                }
                for at in 0..4 {
                    (0..4).for_each(|_| head.learn_one(&row(class, other, at), class).unwrap());
                }
            }
        }
        if left_out {
            let mut evidence = crate::head::Evidence::with_distances();
            return (rows.iter())
                .flat_map(|row| {
                    head.evidence_into(row, &mut evidence).unwrap();
                    match scores {
                        true => evidence.scores().to_vec(),
                        false => evidence.squared_distances().unwrap().to_vec(),
                    }
                })
                .collect();
        }
        let mut left_out = LeftOutEvidence::default();
        assert!(head.left_out_into(&rows.concat(), 1, &[4.0; 4], &mut left_out));
        match scores {
            true => left_out.log_scores,
            false => left_out.squared_distances,
        }
    }

    #[test]
    fn a_clip_left_out_is_as_far_as_if_it_had_never_been_learned() {
        for clip in [0, 7, 31] {
            let rows: Vec<Vec<i16>> = (0..4).map(|at| row(1, clip, at)).collect();
            let of = |left_out, scores| without(clip, left_out, &rows, scores);
            let (fast, slow) = (of(false, false), of(true, false));
            assert_eq!(fast.len(), 4 * 3);
            for (fast, slow) in fast.iter().zip(&slow) {
                // The shrinkage and the divisor of the covariance stay those of all clips.
                assert!((fast / slow - 1.0).abs() < 0.02, "{fast} {slow}");
            }
            let (fast, slow) = (of(false, true), of(true, true));
            for (fast, slow) in fast.chunks(3).zip(slow.chunks(3)) {
                // Only differences of scores have a meaning.
                for (class, gap) in [(0, slow[1] - slow[0]), (2, slow[1] - slow[2])] {
                    let found = fast[1] - fast[class];
                    assert!(
                        (found - gap).abs() < 0.02 * gap.abs() + 0.1,
                        "{found} {gap}"
                    );
                }
            }
        }
    }

    #[test]
    fn without_its_only_clip_a_class_is_infinitely_far() {
        let mut head = HeadKind::LDA.build(&[0.001; WIDTH], 0, 16);
        let rows: Vec<i16> = (0..4).flat_map(|at| row(0, 0, at)).collect();
        let mut learn = |class, clip| {
            for at in 0..4 {
                (0..4).for_each(|_| head.learn_one(&row(class, clip, at), class).unwrap());
            }
        };
        learn(0, 0);
        (0..20).for_each(|clip| learn(1, clip));
        let mut left_out = LeftOutEvidence::default();
        assert!(head.left_out_into(&rows, 0, &[4.0; 4], &mut left_out));
        for distances in left_out.squared_distances.chunks(2) {
            assert!(distances[0].is_infinite() && distances[1].is_finite());
        }
        assert!(!head.left_out_into(&rows, 5, &[4.0; 4], &mut left_out));
        let ridge = HeadKind::RIDGE.build(&[0.001; WIDTH], 0, 16);
        assert!(!ridge.left_out_into(&rows, 0, &[4.0; 4], &mut left_out));
    }

    #[test]
    fn a_class_mean_without_a_clip_is_as_if_it_had_never_been_learned() {
        for kind in ["ncm", "ncm:cosine"] {
            let kind: HeadKind = kind.parse().unwrap();
            let (mut all, mut less) = (
                kind.build(&[0.001; WIDTH], 0, 16),
                kind.build(&[0.001; WIDTH], 0, 16),
            );
            let mut clip = Vec::new();
            for class in 0..3 {
                for at in 0..12 {
                    let row = row(class, at, 0);
                    all.learn_one(&row, class).unwrap();
                    match (class, at) {
                        (1, 4..6) => clip.extend(row),
                        _ => less.learn_one(&row, class).unwrap(),
                    }
                }
            }
            let mut left_out = LeftOutEvidence::default();
            assert!(all.left_out_into(&clip, 1, &[1.0; 2], &mut left_out));
            let mut evidence = crate::head::Evidence::with_distances();
            for (at, row) in clip.chunks(WIDTH).enumerate() {
                less.evidence_into(row, &mut evidence).unwrap();
                let fast = &left_out.squared_distances[at * 3..][..3];
                for (fast, slow) in fast.iter().zip(evidence.squared_distances().unwrap()) {
                    assert!((fast - slow).abs() < 1e-5 * slow.max(1.0), "{fast} {slow}");
                }
                // Only the sharpness is that of all clips.
                let gap = |scores: &[f32]| scores[1] - scores[0];
                let (fast, slow) = (gap(&left_out.log_scores[at * 3..]), gap(evidence.scores()));
                assert!((fast / slow - 1.0).abs() < 0.1, "{fast} {slow}");
            }
            assert!(all.left_out_into(&clip, 1, &[6.0; 2], &mut left_out));
            assert!(left_out.squared_distances[1].is_infinite());
        }
    }

    #[test]
    fn a_class_left_out_is_as_far_as_if_it_had_never_been_learned() {
        let (mut all, mut two) = (
            HeadKind::LDA.build(&[0.001; WIDTH], 0, 16),
            HeadKind::LDA.build(&[0.001; WIDTH], 0, 16),
        );
        let mut rows = Vec::new();
        for class in 0..3 {
            for clip in 0..40 {
                for at in 0..4 {
                    // The last class varies along one feature, as no other does.
                    let mut row = row(class, clip, at);
                    if class == 2 {
                        row[5] += (clip as i16 - 20) * 300;
                        rows.extend_from_slice(&row);
                    } else {
                        (0..4).for_each(|_| two.learn_one(&row, class).unwrap());
                    }
                    (0..4).for_each(|_| all.learn_one(&row, class).unwrap());
                }
            }
        }
        let mut left_out = LeftOutEvidence::default();
        assert!(all.left_out_into(&rows, 2, &[4.0; 160], &mut left_out));
        let mut evidence = crate::head::Evidence::with_distances();
        for (row, fast) in rows.chunks(WIDTH).zip(left_out.squared_distances.chunks(3)) {
            two.evidence_into(row, &mut evidence).unwrap();
            let slow = evidence.squared_distances().unwrap();
            assert!(fast[2].is_infinite());
            for (fast, slow) in fast.iter().zip(slow) {
                // The shrinkage stays that of all classes.
                assert!((fast / slow - 1.0).abs() < 0.2, "{fast} {slow}");
            }
        }
    }
}
