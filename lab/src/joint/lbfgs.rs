//! L-BFGS, for smooth convex functions of a few thousand to a few hundred
//! thousand variables.
//!
//! Two-loop recursion: Nocedal & Wright (2006), Numerical Optimization,
//! algorithm 7.4. Line search: bisection to the weak Wolfe conditions, Lewis &
//! Overton (2013), which always ends for a convex function that is bounded
//! below. Single-threaded f64 in a fixed order: same input, same bytes.

use std::collections::VecDeque;

/// Correction pairs kept.
const MEMORY: usize = 10;
/// Sufficient decrease and curvature constants of the Wolfe conditions.
const DECREASE: f64 = 1e-4;
const CURVATURE: f64 = 0.9;
/// Bisections before the search along a direction stops.
const MAX_BISECTIONS: usize = 40;

/// Where a minimisation ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Outcome {
    /// Iterations taken.
    pub(crate) iterations: usize,
    /// Whether the largest component of the gradient fell to the tolerance.
    pub(crate) converged: bool,
}

struct Pair {
    step: Vec<f64>,
    change: Vec<f64>,
    inverse_curvature: f64,
}

/// Minimises `value_and_gradient` in place, starting at `x`, until the largest component of the
/// gradient is at most `tolerance`.
///
/// `value_and_gradient(x, gradient)` returns the value at `x` and fills the
/// gradient, of the same length.
pub(crate) fn minimise(
    x: &mut Vec<f64>,
    tolerance: f64,
    max_iterations: usize,
    mut value_and_gradient: impl FnMut(&[f64], &mut [f64]) -> f64,
) -> Outcome {
    let n = x.len();
    let mut gradient = vec![0.0; n];
    let mut value = value_and_gradient(x, &mut gradient);
    let (mut next, mut next_gradient) = (vec![0.0; n], vec![0.0; n]);
    let mut direction = vec![0.0; n];
    let mut pairs: VecDeque<Pair> = VecDeque::with_capacity(MEMORY);

    for iteration in 0..max_iterations {
        if gradient.iter().all(|g| g.abs() <= tolerance) {
            return Outcome {
                iterations: iteration,
                converged: true,
            };
        }
        descend(&mut direction, &gradient, &pairs);
        let slope = dot(&direction, &gradient);
        let (mut low, mut high) = (0.0, f64::INFINITY);
        let mut length = match pairs.is_empty() {
            true => 1.0 / dot(&gradient, &gradient).sqrt().max(1.0),
            false => 1.0,
        };
        let mut accepted = None;
        for _ in 0..MAX_BISECTIONS {
            for ((next, x), d) in next.iter_mut().zip(x.iter()).zip(&direction) {
                *next = x + length * d;
            }
            let reached = value_and_gradient(&next, &mut next_gradient);
            if reached.is_nan() || reached > value + DECREASE * length * slope {
                high = length;
            } else if dot(&direction, &next_gradient) < CURVATURE * slope {
                low = length;
            } else {
                accepted = Some(reached);
                break;
            }
            length = if high.is_finite() {
                (low + high) / 2.0
            } else {
                2.0 * low
            };
        }
        let Some(reached) = accepted else {
            // Rounding hides any further decrease. This is the minimum in f64, unless the stored
            // curvature misleads.
            if pairs.is_empty() {
                return Outcome {
                    iterations: iteration,
                    converged: false,
                };
            }
            pairs.clear();
            continue;
        };
        let step: Vec<f64> = next.iter().zip(x.iter()).map(|(a, b)| a - b).collect();
        let change: Vec<f64> = next_gradient
            .iter()
            .zip(&gradient)
            .map(|(a, b)| a - b)
            .collect();
        let curvature = dot(&step, &change);
        if curvature > f64::EPSILON * dot(&change, &change) {
            if pairs.len() == MEMORY {
                pairs.pop_front();
            }
            pairs.push_back(Pair {
                step,
                change,
                inverse_curvature: 1.0 / curvature,
            });
        }
        std::mem::swap(x, &mut next);
        std::mem::swap(&mut gradient, &mut next_gradient);
        value = reached;
    }
    let converged = gradient.iter().all(|g| g.abs() <= tolerance);
    Outcome {
        iterations: max_iterations,
        converged,
    }
}

/// `direction = -H gradient`, `H` the inverse Hessian that `pairs` imply.
fn descend(direction: &mut [f64], gradient: &[f64], pairs: &VecDeque<Pair>) {
    for (d, g) in direction.iter_mut().zip(gradient) {
        *d = -g;
    }
    let mut weights = [0.0; MEMORY];
    for (pair, weight) in pairs.iter().zip(&mut weights).rev() {
        *weight = pair.inverse_curvature * dot(&pair.step, direction);
        add(direction, -*weight, &pair.change);
    }
    if let Some(newest) = pairs.back() {
        let scale = 1.0 / (newest.inverse_curvature * dot(&newest.change, &newest.change));
        direction.iter_mut().for_each(|d| *d *= scale);
    }
    for (pair, weight) in pairs.iter().zip(&weights) {
        let correction = pair.inverse_curvature * dot(&pair.change, direction);
        add(direction, weight - correction, &pair.step);
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn add(target: &mut [f64], factor: f64, other: &[f64]) {
    target
        .iter_mut()
        .zip(other)
        .for_each(|(target, other)| *target += factor * other);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ill_conditioned_quadratic_is_solved_to_the_tolerance() {
        let scale = |i: usize| 10_f64.powi(i as i32 % 5);
        let mut x = vec![1.0; 50];
        let outcome = minimise(&mut x, 1e-8, 500, |x, gradient| {
            let mut value = 0.0;
            for (i, (x, g)) in x.iter().zip(gradient).enumerate() {
                let distance = x - i as f64;
                value += 0.5 * scale(i) * distance * distance;
                *g = scale(i) * distance;
            }
            value
        });
        assert!(outcome.converged, "{outcome:?}");
        assert!(
            x.iter()
                .enumerate()
                .all(|(i, x)| (x - i as f64).abs() < 1e-7)
        );
    }

    #[test]
    fn rosenbrock_is_minimised() {
        let mut x = vec![-1.2, 1.0];
        let outcome = minimise(&mut x, 1e-8, 200, |x, gradient| {
            let [a, b] = [x[0], x[1]];
            gradient[0] = -400.0 * a * (b - a * a) - 2.0 * (1.0 - a);
            gradient[1] = 200.0 * (b - a * a);
            100.0 * (b - a * a).powi(2) + (1.0 - a).powi(2)
        });
        assert!(
            outcome.converged && (x[0] - 1.0).abs() < 1e-6,
            "{outcome:?} {x:?}"
        );
    }

    #[test]
    fn a_function_that_is_nowhere_finite_ends_without_converging() {
        let mut x = vec![1.0];
        let outcome = minimise(&mut x, 1e-8, 100, |_, gradient| {
            gradient[0] = 1.0;
            f64::NAN
        });
        assert!(!outcome.converged);
    }
}
