//! Activations that consist of a few comparisons, and those that follow from the sigmoid:
//! rectified, leaky and clipped units, chains of them, the sigmoid, and SiLU.
//!
//! Exporters write one such function as two or three nodes: a leaky unit and a maximum, or a
//! maximum and a minimum. Afield merges them into one formula and applies it while a kernel's sums
//! are still in registers.

use pulp::Simd;

/// `min(max(x, slope * x, low), high)`, with `slope` at most 1; then the gate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Activation {
    slope: f32,
    low: f32,
    high: f32,
    gate: Gate,
}

/// What a sigmoid does to a value.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(
    not(feature = "tract"),
    expect(dead_code, reason = "our own reader of chains knows no sigmoid")
)]
enum Gate {
    Open,
    /// The sigmoid takes its place.
    Sigmoid,
    /// The sigmoid multiplies it.
    Swish,
}

impl Activation {
    pub(super) const IDENTITY: Self = Self {
        slope: 1.0,
        low: f32::NEG_INFINITY,
        high: f32::INFINITY,
        gate: Gate::Open,
    };

    /// This activation, then `max(x, bound)`.
    pub(super) fn then_max(self, bound: f32) -> Option<Self> {
        (bound.is_finite() && self.gate == Gate::Open).then_some(Self {
            low: self.low.max(bound),
            high: self.high.max(bound),
            ..self
        })
    }

    /// This activation, then `min(x, bound)`.
    pub(super) fn then_min(self, bound: f32) -> Option<Self> {
        (bound.is_finite() && self.gate == Gate::Open).then_some(Self {
            low: self.low.min(bound),
            high: self.high.min(bound),
            ..self
        })
    }

    /// This activation, then `x` above zero and `slope * x` below. Only the identity can be
    /// extended in this way.
    pub(super) fn then_leaky(self, slope: f32) -> Option<Self> {
        let fits = self == Self::IDENTITY && (0.0..=1.0).contains(&slope);
        fits.then_some(Self { slope, ..self })
    }

    /// This activation, then the sigmoid.
    #[cfg(feature = "tract")]
    pub(super) fn then_sigmoid(self) -> Option<Self> {
        self.then_gate(Gate::Sigmoid)
    }

    /// This activation, then the product with its own sigmoid.
    #[cfg(feature = "tract")]
    pub(super) fn then_swish(self) -> Option<Self> {
        self.then_gate(Gate::Swish)
    }

    #[cfg(feature = "tract")]
    fn then_gate(self, gate: Gate) -> Option<Self> {
        (self.gate == Gate::Open).then_some(Self { gate, ..self })
    }

    #[inline(always)]
    pub(super) fn constants<S: Simd>(self, simd: S) -> Constants<S> {
        Constants {
            leaks: self.slope != 1.0,
            gate: self.gate,
            slope: simd.splat_f32s(self.slope),
            low: simd.splat_f32s(self.low),
            high: simd.splat_f32s(self.high),
        }
    }
}

/// The constants of an [`Activation`] in registers.
#[derive(Clone, Copy)]
pub(super) struct Constants<S: Simd> {
    leaks: bool,
    gate: Gate,
    slope: S::f32s,
    low: S::f32s,
    high: S::f32s,
}

impl<S: Simd> Constants<S> {
    #[inline(always)]
    pub(super) fn apply(self, simd: S, x: S::f32s) -> S::f32s {
        let x = match self.leaks {
            true => simd.max_f32s(x, simd.mul_f32s(x, self.slope)),
            false => x,
        };
        let x = simd.min_f32s(simd.max_f32s(x, self.low), self.high);
        match self.gate {
            Gate::Open => x,
            Gate::Sigmoid => sigmoid(simd, x),
            Gate::Swish => simd.mul_f32s(x, sigmoid(simd, x)),
        }
    }
}

/// `1 / (1 + exp(-x))` as a quotient of two polynomials, with an absolute error below 2e-7. The
/// coefficients are those of Eigen's and tract's logistic function.
#[inline(always)]
fn sigmoid<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    const LIMIT: f32 = 14.5;
    const ABOVE: [f32; 7] = [
        -4.433_153_4e-18,
        1.169_974_4e-14,
        -1.875_289_6e-11,
        4.257_889_5e-8,
        4.811_817_6e-5,
        8.163_842e-3,
        0.25,
    ];
    const BELOW: [f32; 4] = [3.922_936e-6, 1.524_872_4e-3, 0.115_988_67, 1.0];
    let x = simd.max_f32s(x, simd.splat_f32s(-LIMIT));
    let x = simd.min_f32s(x, simd.splat_f32s(LIMIT));
    let square = simd.mul_f32s(x, x);
    let mut above = simd.splat_f32s(ABOVE[0]);
    for coefficient in &ABOVE[1..] {
        above = simd.mul_add_e_f32s(above, square, simd.splat_f32s(*coefficient));
    }
    let mut below = simd.splat_f32s(BELOW[0]);
    for coefficient in &BELOW[1..] {
        below = simd.mul_add_e_f32s(below, square, simd.splat_f32s(*coefficient));
    }
    let above = simd.mul_f32s(above, x);
    simd.add_f32s(simd.div_f32s(above, below), simd.splat_f32s(0.5))
}

#[cfg(all(test, feature = "tract"))]
mod tests {
    use super::*;
    use crate::backbone::element_wise;

    fn at(activation: Activation, x: f32) -> f32 {
        let leaky = x.max(x * activation.slope);
        leaky.max(activation.low).min(activation.high)
    }

    #[test]
    fn consecutive_bounds_merge_into_one_activation() {
        let identity = Activation::IDENTITY;
        let speech = identity.then_leaky(0.2).and_then(|a| a.then_max(-0.4));
        let clipped = identity.then_max(0.0).and_then(|a| a.then_min(6.0));
        let crossed = identity.then_min(1.0).and_then(|a| a.then_max(2.0));
        for x in [-9.0, -2.0, -1.0, 0.0, 0.5, 1.5, 7.0] {
            let leaky = if x < 0.0 { 0.2 * x } else { x };
            assert_eq!(at(speech.unwrap(), x), leaky.max(-0.4));
            assert_eq!(at(clipped.unwrap(), x), x.clamp(0.0, 6.0));
            assert_eq!(at(crossed.unwrap(), x), 2.0);
        }
    }

    #[test]
    fn the_sigmoid_and_its_product_equal_the_library() {
        let mut values: Vec<f32> = (-50_000..=50_000).map(|i| i as f32 / 1000.0).collect();
        values.extend([1e-30, -1e-30, 0.0]);
        let applied = |activation: Option<Activation>| {
            let mut applied = values.clone();
            element_wise::activate(activation.unwrap(), &mut applied);
            applied
        };
        let sigmoids = applied(Activation::IDENTITY.then_sigmoid());
        let products = applied(Activation::IDENTITY.then_swish());
        for ((&x, sigmoid), product) in values.iter().zip(sigmoids).zip(products) {
            let x = f64::from(x);
            let expected = 1.0 / (1.0 + (-x).exp());
            assert!(
                (f64::from(sigmoid) - expected).abs() < 6e-7,
                "{x}: {sigmoid}"
            );
            let error = (f64::from(product) - x * expected).abs();
            assert!(error < 6e-7 * x.abs().max(1.0), "{x}: {product}");
        }
    }

    #[test]
    fn unsupported_activations_are_rejected() {
        let clipped = Activation::IDENTITY.then_max(0.0).unwrap();
        assert_eq!(clipped.then_leaky(0.1), None);
        assert_eq!(Activation::IDENTITY.then_leaky(1.5), None);
        assert_eq!(Activation::IDENTITY.then_max(f32::NAN), None);
    }
}
