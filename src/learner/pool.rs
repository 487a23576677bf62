//! Pools the embeddings of a clip into one vector.

use std::fmt;
use std::str::FromStr;

use super::LearnError;
use crate::signal::Pool;

impl Pool {
    /// Overwrites `out` with the pooled vector of `windows`, row-major
    /// `[n, size]` with `n >= 1`. Sums are taken in `f64`, in window order.
    ///
    /// # Errors
    /// [`LearnError::Windows`] if there is no window or an incomplete one,
    /// [`LearnError::NotFinite`].
    pub fn pool_into(
        self,
        windows: &[f32],
        size: usize,
        out: &mut Vec<f32>,
    ) -> Result<(), LearnError> {
        out.clear();
        let values = windows.len();
        if size == 0 || values == 0 || !values.is_multiple_of(size) {
            return Err(LearnError::Windows { values, size });
        }
        if let Some(index) = windows.iter().position(|x| !x.is_finite()) {
            return Err(LearnError::NotFinite { index });
        }
        let n = (values / size) as f64;
        let component = |i: usize| windows.iter().skip(i).step_by(size).copied();
        let mean = |i| component(i).map(f64::from).sum::<f64>() / n;
        out.extend((0..size).map(|i| mean(i) as f32));
        if self == Self::MeanStdMax {
            out.extend((0..size).map(|i| {
                let mean = mean(i);
                let squares: f64 = component(i).map(|x| (f64::from(x) - mean).powi(2)).sum();
                (squares / n).sqrt() as f32
            }));
        }
        if self != Self::Mean {
            out.extend((0..size).map(|i| component(i).fold(f32::NEG_INFINITY, f32::max)));
        }
        Ok(())
    }
}

impl FromStr for Pool {
    type Err = LearnError;
    fn from_str(name: &str) -> Result<Self, LearnError> {
        Self::of_name(name).ok_or_else(|| LearnError::UnknownName {
            what: "pooling",
            name: name.to_owned(),
            known: Self::ALL.map(Self::name).join(", "),
        })
    }
}

impl fmt::Display for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_follow_the_order_of_the_name() {
        let windows = [1.0, -4.0, 3.0, -2.0];
        let mut out = Vec::new();
        Pool::MeanStdMax.pool_into(&windows, 2, &mut out).unwrap();
        assert_eq!(out, [2.0, -3.0, 1.0, 1.0, 3.0, -2.0]);
        assert_eq!(out.len(), Pool::MeanStdMax.width(2));
        Pool::Mean.pool_into(&windows, 4, &mut out).unwrap();
        assert_eq!(out, windows, "the mean of one window is the window");
    }

    #[test]
    fn broken_windows_are_refused() {
        let mut out = Vec::new();
        for (windows, size) in [(&[][..], 2), (&[1.0, 2.0, 3.0], 2), (&[1.0], 0)] {
            let error = Pool::Mean.pool_into(windows, size, &mut out).unwrap_err();
            assert!(matches!(error, LearnError::Windows { .. }));
        }
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let error = Pool::MeanMax.pool_into(&[0.0, bad], 1, &mut out);
            assert_eq!(error, Err(LearnError::NotFinite { index: 1 }));
        }
    }

    #[test]
    fn names_round_trip() {
        for pool in Pool::ALL {
            assert_eq!(pool.to_string().parse(), Ok(pool));
            assert_eq!(serde_json::to_string(&pool).unwrap(), format!("\"{pool}\""));
        }
        assert!("max".parse::<Pool>().is_err());
    }
}
