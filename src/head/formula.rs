//! The function that a head computes, as plain numbers, for export to ONNX.
//!
//! A formula describes the head at one moment. It does not learn and is not saved. Heads do not
//! use it for predictions.

/// The function from fixed-point features to shares of 1, one a class, in class order. It gives
/// the head's scores as shares, without any adjustment by `decision`.
///
/// Features `x` are counted in units. In real numbers, one unit of feature `i` is worth
/// `steps[i]`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Formula {
    /// `softmax(W x + b)`
    Linear(Layer),
    /// `softmax((W x + b) / |steps x|)`, with 0 for a division by 0.
    Cosine {
        /// `W` and `b`.
        layer: Layer,
        /// The real value of one unit of each feature.
        steps: Vec<f32>,
    },
    /// `softmax(V max(0, W x + b) + c)`
    Hidden {
        /// `W` and `b`.
        first: Layer,
        /// `V` and `c`.
        output: Layer,
    },
    /// `softmax(W h + b)`, or `softmax(W [x, h] + b)`, of rectified random features
    /// `h = clamp(floor((S (x 2^aligned) + 2^shift / 2) / 2^shift), 0, 32767)`. If `shift` is 0,
    /// the term `2^shift / 2` is 0.
    Projected {
        /// `S`, row-major `[features of x, random features]`, each 1 or -1.
        signs: Vec<i8>,
        /// Number of bits by which each feature of `x` is shifted left.
        aligned: Vec<u8>,
        /// Number of low bits dropped from each sum.
        shift: u32,
        /// Whether `x` comes before `h` in the input of the layer.
        direct: bool,
        /// `W` and `b`.
        layer: Layer,
    },
    /// A vote among the nearest rows.
    Neighbours(Neighbours),
}

/// An affine function.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Layer {
    /// Row-major `[outputs, inputs]`.
    pub(crate) weights: Vec<f32>,
    /// `[outputs]`
    pub(crate) biases: Vec<f32>,
}

/// Let `u` be `steps x - centre` scaled to length 1 (or 0), and `s_r` its dot product with row
/// `r`. The `k` rows with the largest `s_r` vote; of equal ones, the first. Each adds
/// `exp((s_r - max s) / temperature)` to its class. Every class starts with `floor`. The
/// probability of a class is its sum divided by the sum of all classes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Neighbours {
    /// Number of rows that vote.
    pub(crate) k: usize,
    /// The real value of one unit of each feature.
    pub(crate) steps: Vec<f32>,
    /// The origin of the directions.
    pub(crate) centre: Vec<f32>,
    /// Row-major `[n, width]`, each of length 1 or 0.
    pub(crate) rows: Vec<f32>,
    /// The class of each row.
    pub(crate) classes: Vec<usize>,
    /// Number of classes.
    pub(crate) known: usize,
    /// The decrease in similarity that divides the weight of a vote by e.
    pub(crate) temperature: f32,
    /// The initial value of every class.
    pub(crate) floor: f32,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::testing::probabilities;
    use crate::head::{HeadKind, Replay};

    const WIDTH: usize = 5;
    const STEPS: [f32; WIDTH] = [0.01; WIDTH];

    fn row(class: usize, i: usize) -> [i16; WIDTH] {
        let noise = |j: usize| ((i * 37 + j * 11 + class * 5) % 23) as i16 * 9 - 80;
        std::array::from_fn(|j| noise(j) + if j == class { 1000 } else { 0 })
    }

    fn affine(layer: &Layer, x: &[f64]) -> Vec<f64> {
        let rows = layer.weights.chunks(x.len()).zip(&layer.biases);
        rows.map(|(w, &b)| {
            let products = w.iter().zip(x).map(|(&w, x)| f64::from(w) * x);
            products.sum::<f64>() + f64::from(b)
        })
        .collect()
    }

    fn softmax(logits: Vec<f64>) -> Vec<f64> {
        let top = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let weights: Vec<f64> = logits.iter().map(|l| (l - top).exp()).collect();
        let total: f64 = weights.iter().sum();
        weights.iter().map(|w| w / total).collect()
    }

    fn length(x: &[f64]) -> f64 {
        x.iter().map(|x| x * x).sum::<f64>().sqrt()
    }

    /// Evaluates a formula as its documentation defines it.
    fn value(formula: &Formula, x: &[i16]) -> Vec<f64> {
        let x: Vec<f64> = x.iter().map(|&x| x.into()).collect();
        let real = |steps: &[f32]| -> Vec<f64> {
            x.iter()
                .zip(steps)
                .map(|(x, &s)| x * f64::from(s))
                .collect()
        };
        match formula {
            Formula::Linear(layer) => softmax(affine(layer, &x)),
            Formula::Cosine { layer, steps } => {
                let logits = affine(layer, &x);
                let length = length(&real(steps));
                let scale = if length > 0.0 { 1.0 / length } else { 0.0 };
                softmax(logits.iter().map(|l| l * scale).collect())
            }
            Formula::Hidden { first, output } => {
                let hidden = affine(first, &x)
                    .iter()
                    .map(|h| h.max(0.0))
                    .collect::<Vec<_>>();
                softmax(affine(output, &hidden))
            }
            Formula::Projected {
                signs,
                aligned,
                shift,
                direct,
                layer,
            } => {
                let features = signs.len() / x.len();
                let sum = |f: usize| -> f64 {
                    let terms = x.iter().zip(aligned).enumerate();
                    let term = |(i, (x, &a)): (usize, (&f64, &u8))| {
                        x * 2_f64.powi(a.into()) * f64::from(signs[i * features + f])
                    };
                    terms.map(term).sum()
                };
                let (unit, half) = (2_f64.powi(*shift as i32), ((1_u64 << shift) >> 1) as f64);
                let h = (0..features).map(|f| ((sum(f) + half) / unit).floor().clamp(0.0, 32767.0));
                let x = x.iter().copied().filter(|_| *direct);
                softmax(affine(layer, &x.chain(h).collect::<Vec<_>>()))
            }
            Formula::Neighbours(n) => {
                let mut u: Vec<f64> = real(&n.steps);
                u.iter_mut()
                    .zip(&n.centre)
                    .for_each(|(u, &c)| *u -= f64::from(c));
                let norm = length(&u);
                if norm > 0.0 {
                    u.iter_mut().for_each(|u| *u /= norm);
                }
                let dots = n.rows.chunks(u.len());
                let dots = dots.map(|row| row.iter().zip(&u).map(|(&r, u)| f64::from(r) * u).sum());
                let mut near: Vec<(f64, usize)> = dots.zip(n.classes.iter().copied()).collect();
                near.sort_by(|(a, _), (b, _)| b.total_cmp(a));
                let mut votes = vec![f64::from(n.floor); n.known];
                for (s, class) in near.iter().take(n.k) {
                    votes[*class] += ((s - near[0].0) / f64::from(n.temperature)).exp();
                }
                let total: f64 = votes.iter().sum();
                votes.iter().map(|v| v / total).collect()
            }
        }
    }

    #[test]
    fn predictions_of_every_head_match_its_formula() {
        for kind in HeadKind::variants() {
            let mut head = kind.build(&STEPS, 3, 1);
            assert_eq!(head.formula(), None, "{kind}: nothing learned yet");
            let (mut features, mut classes) = (Vec::new(), Vec::new());
            for (class, i) in (0..3).flat_map(|class| (0..9).map(move |i| (class, i))) {
                let x = row(class, i);
                let Some(head) = head.memory() else {
                    head.learn_one(&x, class).unwrap();
                    continue;
                };
                let replay = Replay {
                    features: &features,
                    classes: &classes,
                    groups: &[],
                };
                head.learn_with(&x, class, replay).unwrap();
                features.extend(x);
                classes.push(class);
                head.set_memory(Replay {
                    features: &features,
                    classes: &classes,
                    groups: &[],
                });
            }
            let formula = head.formula().expect("a head that knows classes");
            let mut worst = 0.0_f64;
            for x in [
                row(0, 50),
                row(1, 51),
                row(2, 52),
                [0; WIDTH],
                [i16::MAX; WIDTH],
            ] {
                let predicted = probabilities(&*head, &x);
                let expected = value(&formula, &x);
                assert_eq!(expected.len(), predicted.len());
                for (expected, p) in expected.iter().zip(predicted) {
                    worst = worst.max((expected - f64::from(p)).abs());
                }
            }
            assert!(worst < 1e-5, "{kind}: {worst}");
        }
    }
}
