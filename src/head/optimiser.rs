//! Turns gradients into steps.

use super::network::Shape;
use super::training::Optimiser;

/// Adam's decay rates and its guard against division by zero, as published.
const FIRST_DECAY: f32 = 0.9;
const SECOND_DECAY: f32 = 0.999;
const EPSILON: f32 = 1e-8;

/// The largest Euclidean norm of a gradient. Longer gradients are scaled down to it (Pascanu et
/// al. 2013).
///
/// Inputs have length about 1, so a gradient of softmax regression is seldom longer than 1.4. The
/// limit therefore affects only outliers, and no input can drive a weight to infinity.
const LONGEST: f32 = 4.0;

/// An optimiser with its state between steps.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Descent {
    optimiser: Optimiser,
    /// Running means of the gradient and of its square. Each has one value a parameter under Adam,
    /// and none under gradient descent.
    pub(super) first: Vec<f32>,
    pub(super) second: Vec<f32>,
    /// Number of steps of the hidden layer, then of each output. The moments of a new class are
    /// corrected by its own age.
    pub(super) ages: Vec<u32>,
}

impl Descent {
    pub(super) fn new(optimiser: Optimiser) -> Self {
        Self {
            optimiser,
            first: Vec::new(),
            second: Vec::new(),
            ages: Vec::new(),
        }
    }

    /// Whether the optimiser has state.
    pub(super) fn remembers(&self) -> bool {
        self.optimiser == Optimiser::Adam
    }

    /// Grows the state to the parameters of `classes` classes.
    pub(super) fn grow(&mut self, parameters: usize, classes: usize) {
        if self.remembers() {
            self.first.resize(parameters, 0.0);
            self.second.resize(parameters, 0.0);
            self.ages.resize(1 + classes, 0);
        }
    }

    /// One step against `gradient`, which it may scale down in place.
    pub(super) fn step(
        &mut self,
        shape: Shape,
        parameters: &mut [f32],
        gradient: &mut [f32],
        rate: f32,
    ) {
        let norm = super::discriminant::dot(gradient, gradient).sqrt();
        if norm > LONGEST {
            let factor = LONGEST / norm;
            for g in gradient.iter_mut() {
                *g *= factor;
            }
        }
        if !self.remembers() {
            for (p, g) in parameters.iter_mut().zip(&*gradient) {
                *p -= rate * g;
            }
            return;
        }
        let mut at = 0;
        for (block, age) in self.ages.iter_mut().enumerate() {
            let len = match block {
                0 => shape.hidden_len(),
                _ => shape.fan_in() + 1,
            };
            *age = age.saturating_add(1);
            let range = at..at + len;
            at += len;
            // Beyond this age both corrections are 1 in f32.
            let steps = (*age).min(100_000) as i32;
            let unbias = |decay: f32| 1.0 / (1.0 - f64::from(decay).powi(steps)) as f32;
            let (by_first, by_second) = (unbias(FIRST_DECAY), unbias(SECOND_DECAY));
            let moments = (self.first[range.clone()].iter_mut())
                .zip(&mut self.second[range.clone()])
                .zip(&gradient[range.clone()]);
            for (p, ((m, v), &g)) in parameters[range].iter_mut().zip(moments) {
                *m += (1.0 - FIRST_DECAY) * (g - *m);
                *v += (1.0 - SECOND_DECAY) * (g * g - *v);
                *p -= rate * by_first * *m / ((by_second * *v).sqrt() + EPSILON);
            }
        }
    }

    /// Whether gradients can have produced these moments. `m^2 <= 53 v` follows from the decay
    /// rates (Cauchy-Schwarz), up to rounding.
    pub(super) fn is_possible(&self) -> bool {
        let pair = |(&m, &v): (&f32, &f32)| {
            let (m, v) = (f64::from(m), f64::from(v));
            (0.0..=1e3).contains(&v) && m * m <= 64.0 * (v + 1e-36)
        };
        self.first.iter().zip(&self.second).all(pair)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape {
        inputs: 1,
        hidden: 0,
    };

    #[test]
    fn the_first_steps_of_adam_are_those_of_the_paper() {
        let mut descent = Descent::new(Optimiser::Adam);
        descent.grow(2, 1);
        let mut parameters = [1.0, -1.0];
        // The first step has the size of the rate and the sign of the gradient.
        descent.step(SHAPE, &mut parameters, &mut [1e-3, -2.0], 0.1);
        assert!((parameters[0] - 0.9).abs() < 1e-5, "{parameters:?}");
        assert!((parameters[1] + 0.9).abs() < 1e-5, "{parameters:?}");
        // m = 0.9 * 0.1 g + 0.1 h, v = 0.999 * 0.001 g^2 + 0.001 h^2, unbiased.
        let (g, h) = (1e-3_f64, 2e-3_f64);
        let m = (0.09 * g + 0.1 * h) / (1.0 - 0.81);
        let v = (0.000_999 * g * g + 0.001 * h * h) / (1.0 - 0.998_001);
        descent.step(SHAPE, &mut parameters, &mut [2e-3, 0.0], 0.1);
        let expected = 0.9 - 0.1 * m / (v.sqrt() + 1e-8);
        assert!((f64::from(parameters[0]) - expected).abs() < 1e-4);
        assert!(descent.is_possible());
    }

    #[test]
    fn a_new_class_starts_with_age_zero() {
        let mut descent = Descent::new(Optimiser::Adam);
        descent.grow(2, 1);
        let mut parameters = [0.0; 4];
        for _ in 0..50 {
            descent.step(SHAPE, &mut parameters[..2], &mut [0.5, 0.5], 0.1);
        }
        descent.grow(4, 2);
        descent.step(SHAPE, &mut parameters, &mut [0.5; 4], 0.1);
        assert!((parameters[3] + 0.1).abs() < 1e-4, "{parameters:?}");
        assert_eq!(descent.ages, [51, 51, 1]);
    }

    #[test]
    fn a_huge_gradient_moves_no_further_than_the_longest() {
        let mut descent = Descent::new(Optimiser::Sgd);
        let mut parameters = [0.0, 0.0];
        descent.step(SHAPE, &mut parameters, &mut [3e9, 4e9], 1.0);
        let length = parameters[0].hypot(parameters[1]);
        assert!((length - LONGEST).abs() < 1e-4, "{parameters:?}");
    }

    #[test]
    fn impossible_moments_are_detected() {
        let mut descent = Descent::new(Optimiser::Adam);
        descent.grow(2, 1);
        let mut parameters = [0.0; 2];
        for i in 0..500 {
            let spike = if i % 97 == 0 { 2.0 } else { 1e-6 };
            descent.step(SHAPE, &mut parameters, &mut [spike, 0.0], 0.1);
            assert!(descent.is_possible());
        }
        descent.second[0] = 1e-9;
        assert!(!descent.is_possible());
    }
}
