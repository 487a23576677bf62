//! Activations that consist of a few comparisons: rectified, leaky and clipped units, and chains of
//! them.
//!
//! Exporters write one such function as two or three nodes: a leaky unit and a maximum, or a
//! maximum and a minimum. Afield merges them into one formula and applies it while a kernel's sums
//! are still in registers.

use pulp::Simd;

/// `min(max(x, slope * x, low), high)`, with `slope` at most 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Activation {
    slope: f32,
    low: f32,
    high: f32,
}

impl Activation {
    pub(super) const IDENTITY: Self = Self {
        slope: 1.0,
        low: f32::NEG_INFINITY,
        high: f32::INFINITY,
    };

    /// This activation, then `max(x, bound)`.
    pub(super) fn then_max(self, bound: f32) -> Option<Self> {
        bound.is_finite().then_some(Self {
            low: self.low.max(bound),
            high: self.high.max(bound),
            ..self
        })
    }

    /// This activation, then `min(x, bound)`.
    pub(super) fn then_min(self, bound: f32) -> Option<Self> {
        bound.is_finite().then_some(Self {
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

    #[inline(always)]
    pub(super) fn constants<S: Simd>(self, simd: S) -> Constants<S> {
        Constants {
            leaks: self.slope != 1.0,
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
        simd.min_f32s(simd.max_f32s(x, self.low), self.high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn unsupported_activations_are_rejected() {
        let clipped = Activation::IDENTITY.then_max(0.0).unwrap();
        assert_eq!(clipped.then_leaky(0.1), None);
        assert_eq!(Activation::IDENTITY.then_leaky(1.5), None);
        assert_eq!(Activation::IDENTITY.then_max(f32::NAN), None);
    }
}
