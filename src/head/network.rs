//! A network of one or two layers that grows by one output for each new class.
//!
//! All parameters are in one row, so optimisers and regularisers need not know their meaning. The
//! hidden units, if any, come first, then one unit a class. Each unit has its weights and then its
//! bias.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::centring::Centring;
use super::discriminant::{Discriminant, dot};
use super::{Formula, Layer};

/// Softmax regression (`hidden` = 0), or one hidden layer of rectified linear
/// units below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) inputs: usize,
    pub(super) hidden: usize,
}

impl Shape {
    /// Parameters of the hidden layer.
    pub(super) fn hidden_len(self) -> usize {
        self.hidden * (self.inputs + 1)
    }

    /// Inputs of an output unit.
    pub(super) fn fan_in(self) -> usize {
        match self.hidden {
            0 => self.inputs,
            hidden => hidden,
        }
    }

    /// Number of parameters for this number of classes; `None` if it overflows.
    pub(super) fn len(self, classes: usize) -> Option<usize> {
        let outputs = classes.checked_mul(self.fan_in() + 1)?;
        outputs.checked_add(self.hidden_len())
    }

    /// The parameters of a network without classes. Hidden units are drawn uniformly from
    /// `±sqrt(6)`. He et al. (2015) ask for a variance of 2 divided by the squared length of a
    /// row. This length is about 1 here, so the variance does not depend on the number of inputs.
    pub(super) fn start(self, seed: u64) -> Vec<f32> {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let bound = 6.0_f64.sqrt();
        let mut draw = || {
            let unit = f64::from(random.next_u32()) / f64::from(u32::MAX);
            (bound * (2.0 * unit - 1.0)) as f32
        };
        let mut parameters = Vec::with_capacity(self.hidden_len());
        for _ in 0..self.hidden {
            parameters.extend((0..self.inputs).map(|_| draw()));
            parameters.push(0.0);
        }
        parameters
    }

    /// Adds outputs up to `classes`. New outputs start at zero; existing ones do not change.
    pub(super) fn grow(self, parameters: &mut Vec<f32>, classes: usize) {
        parameters.resize(self.hidden_len() + classes * (self.fan_in() + 1), 0.0);
    }

    /// Overwrites `pass` with the outputs of the network for `rows`, `[n, inputs]`.
    pub(super) fn forward(self, parameters: &[f32], rows: &[f32], pass: &mut Pass) {
        let (first, output) = parameters.split_at(self.hidden_len());
        let Pass { hidden, logits, .. } = pass;
        hidden.clear();
        logits.clear();
        let mut inputs = rows;
        if self.hidden > 0 {
            for row in rows.chunks_exact(self.inputs) {
                hidden.extend(layer(first, row).map(|sum| sum.max(0.0)));
            }
            inputs = hidden;
        }
        for input in inputs.chunks_exact(self.fan_in()) {
            logits.extend(layer(output, input));
        }
    }

    /// Overwrites `gradient`. `pass.logits` must hold the derivatives of the loss by the logits of
    /// the last [`Self::forward`] over the same rows.
    pub(super) fn backward(
        self,
        parameters: &[f32],
        rows: &[f32],
        pass: &mut Pass,
        gradient: &mut Vec<f32>,
    ) {
        gradient.clear();
        gradient.resize(parameters.len(), 0.0);
        let (to_first, to_output) = gradient.split_at_mut(self.hidden_len());
        let (errors, fan_in) = (&pass.logits, self.fan_in());
        if self.hidden == 0 {
            accumulate(to_output, errors, rows, fan_in);
            return;
        }
        accumulate(to_output, errors, &pass.hidden, fan_in);
        let output = &parameters[self.hidden_len()..];
        let classes = output.len() / (fan_in + 1);
        pass.hidden_errors.clear();
        pass.hidden_errors.resize(pass.hidden.len(), 0.0);
        let backs = pass.hidden_errors.chunks_exact_mut(fan_in);
        for (back, errors) in backs.zip(errors.chunks_exact(classes.max(1))) {
            for (unit, &error) in output.chunks_exact(fan_in + 1).zip(errors) {
                add_scaled(back, error, &unit[..fan_in]);
            }
        }
        for (back, &out) in pass.hidden_errors.iter_mut().zip(&pass.hidden) {
            if out <= 0.0 {
                *back = 0.0;
            }
        }
        accumulate(to_first, &pass.hidden_errors, rows, self.inputs);
    }

    /// The same function, for features that are not centred.
    pub(super) fn fold(self, parameters: &[f32], centring: &Centring) -> Folded {
        let (first, output) = parameters.split_at(self.hidden_len());
        let on_inputs = if self.hidden > 0 { first } else { output };
        let mut weights = Vec::with_capacity(on_inputs.len());
        let units = on_inputs.chunks_exact(self.inputs + 1);
        let biases = units
            .filter_map(|unit| unit.split_last())
            .map(|(&bias, unit)| centring.fold_into(unit, bias, &mut weights))
            .collect();
        Folded {
            first: Discriminant::new(weights, biases),
            output: (self.hidden > 0).then(|| output.to_vec()),
        }
    }
}

/// Scratch of one pass through a network.
#[derive(Debug, Default)]
pub(super) struct Pass {
    /// `[n, hidden]`
    hidden: Vec<f32>,
    hidden_errors: Vec<f32>,
    /// `[n, classes]`
    pub(super) logits: Vec<f32>,
}

/// A network in the form used for predictions.
#[derive(Debug)]
pub(super) struct Folded {
    first: Discriminant,
    /// Output units, if the first layer is a hidden one.
    output: Option<Vec<f32>>,
}

impl Folded {
    /// Overwrites `scores` with the log score of each class.
    pub(super) fn scores_into(&self, x: &[i16], scores: &mut Vec<f32>) {
        self.first.apply_into(x, scores);
        if let Some(output) = &self.output {
            // The buffer holds the hidden units before the outputs until the outputs are known.
            let hidden = scores.len();
            for sum in scores.iter_mut() {
                *sum = sum.max(0.0);
            }
            for unit in output.chunks_exact(hidden + 1) {
                let logit = dot(&unit[..hidden], &scores[..hidden]) + unit[hidden];
                scores.push(logit);
            }
            scores.drain(..hidden);
        }
    }
}

impl Folded {
    pub(super) fn formula(&self) -> Formula {
        let first = self.first.layer();
        let Some(units) = &self.output else {
            return Formula::Linear(first);
        };
        let mut output = Layer::default();
        for unit in units.chunks_exact(first.biases.len() + 1) {
            if let Some((&bias, weights)) = unit.split_last() {
                output.weights.extend_from_slice(weights);
                output.biases.push(bias);
            }
        }
        Formula::Hidden { first, output }
    }
}

/// The output of each unit (weights, then bias) for one input.
fn layer(units: &[f32], input: &[f32]) -> impl Iterator<Item = f32> {
    let units = units.chunks_exact(input.len() + 1);
    units
        .filter_map(|unit| unit.split_last())
        .map(|(bias, weights)| dot(weights, input) + bias)
}

/// `gradient_u += sum_r errors_ru (inputs_r, 1)`
fn accumulate(gradient: &mut [f32], errors: &[f32], inputs: &[f32], fan_in: usize) {
    let units = gradient.len() / (fan_in + 1);
    for (u, gradient) in gradient.chunks_exact_mut(fan_in + 1).enumerate() {
        let rows = inputs.chunks_exact(fan_in).zip(errors.chunks_exact(units));
        for (input, errors) in rows {
            // A rectified unit that is off passes no gradient.
            if errors[u] != 0.0 {
                add_scaled(&mut gradient[..fan_in], errors[u], input);
                gradient[fan_in] += errors[u];
            }
        }
    }
}

fn add_scaled(to: &mut [f32], factor: f32, from: &[f32]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to += factor * from;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wave(n: usize, phase: f32) -> Vec<f32> {
        (0..n).map(|i| (i as f32 * 1.7 + phase).sin()).collect()
    }

    #[test]
    fn the_gradient_agrees_with_finite_differences() {
        for hidden in [0, 5] {
            let shape = Shape { inputs: 3, hidden };
            let mut parameters = shape.start(9);
            shape.grow(&mut parameters, 4);
            let output = shape.hidden_len();
            for (p, w) in parameters[output..].iter_mut().zip(wave(40, 0.3)) {
                *p = w;
            }
            let (rows, by_logit) = (wave(6, 0.9), wave(8, 2.0));
            let loss = |parameters: &[f32]| {
                let mut pass = Pass::default();
                shape.forward(parameters, &rows, &mut pass);
                let terms = pass.logits.iter().zip(&by_logit);
                terms.map(|(z, w)| f64::from(z * w)).sum::<f64>()
            };
            let (mut pass, mut gradient) = (Pass::default(), Vec::new());
            shape.forward(&parameters, &rows, &mut pass);
            pass.logits.copy_from_slice(&by_logit);
            shape.backward(&parameters, &rows, &mut pass, &mut gradient);
            assert_eq!(gradient.len(), shape.len(4).unwrap());
            for at in 0..parameters.len() {
                let mut moved = parameters.clone();
                moved[at] += 1e-3;
                let up = loss(&moved);
                moved[at] -= 2e-3;
                let slope = (up - loss(&moved)) / 2e-3;
                let error = (slope - f64::from(gradient[at])).abs();
                assert!(error < 2e-3, "{hidden} {at}: {slope} {}", gradient[at]);
            }
        }
    }

    #[test]
    fn a_new_output_changes_no_other_output() {
        let shape = Shape {
            inputs: 3,
            hidden: 4,
        };
        let mut parameters = shape.start(1);
        shape.grow(&mut parameters, 2);
        let before = parameters.clone();
        shape.grow(&mut parameters, 3);
        assert_eq!(parameters[..before.len()], before);
        assert_eq!(parameters[before.len()..], [0.0; 5]);
    }

    #[test]
    fn hidden_units_start_with_different_bounded_weights() {
        let shape = Shape {
            inputs: 24,
            hidden: 64,
        };
        let start = shape.start(3);
        assert_eq!(start, shape.start(3));
        assert_ne!(start, shape.start(4));
        let weights = start.chunks(25).flat_map(|unit| &unit[..24]);
        let squares: f32 = weights.clone().map(|w| w * w).sum();
        assert!(weights.clone().all(|w| w.abs() <= 6.0_f32.sqrt()));
        let variance = squares / weights.count() as f32;
        assert!((variance / 2.0 - 1.0).abs() < 0.1, "{variance}");
    }
}
