//! Loops that are compiled for the widest registers of this machine.

use pulp::{Arch, Simd, WithSimd};

/// Runs `step`, compiled for the widest registers. What it calls must be inlined into it.
pub(crate) fn wide(step: impl FnOnce()) {
    struct Step<F>(F);
    impl<F: FnOnce()> WithSimd for Step<F> {
        type Output = ();
        #[inline(always)]
        fn with_simd<S: Simd>(self, _: S) {
            (self.0)();
        }
    }
    Arch::new().dispatch(Step(step));
}
