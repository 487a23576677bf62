//! Means and deviations of the components of pooled vectors.
//!
//! They are computed once, from calibration clips, and are part of a contract. If they followed
//! the signal, sums over examples of different days could not be compared. This module therefore
//! does not adapt to drift.

use serde::{Deserialize, Serialize};

use super::LearnError;

/// What [`Contract::standardised`](super::Contract::standardised) subtracts and divides by: `(x - mean) / deviation`, component by component.
///
/// ```
/// use afield::learner::Standardisation;
/// let calm = Standardisation::of(&[[1.0, -3.0], [3.0, 3.0]])?;
/// assert_eq!(calm.means(), [2.0, 0.0]);
/// assert_eq!(calm.deviations(), [1.0, 3.0]);
/// let mut x = [4.0, 3.0];
/// calm.apply(&mut x);
/// assert_eq!(x, [2.0, 1.0]);
/// # Ok::<(), afield::learner::LearnError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Record", into = "Record")]
pub struct Standardisation {
    means: Vec<f32>,
    deviations: Vec<f32>,
}

/// No number in it is NaN.
impl Eq for Standardisation {}

/// Written as `f64`: every `f32` is then read back to the bit, even by a parser with an error in
/// the last place.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    means: Vec<f64>,
    deviations: Vec<f64>,
}

impl Standardisation {
    /// The largest magnitude that is kept, in deviations.
    ///
    /// Of `n` numbers, none is further than `sqrt(n - 1)` deviations from their mean (Samuelson
    /// 1968). So all values of up to 257 calibration clips lie inside, for every distribution.
    /// With more clips at most one number in 256 lies outside (Chebyshev). The step is then 1/2048
    /// of a deviation, far below the difference between two recordings of the same thing.
    pub(crate) const MAX_ABS: f32 = 16.0;

    /// The minimum deviation, as a share of the root mean square of all deviations. Without a
    /// minimum, a component that hardly moved in calibration would outweigh all others at its
    /// first real movement.
    ///
    /// Mean cross-validated accuracy of ncm, lda, ridge and linear on the training sides of ESC-10
    /// (YAMNet, folds 1 and 2 held out): .913 with a share of 0.01, .938 with 0.1, .943 with 0.3,
    /// .947 with 1. A share of 1 would leave the relative scale of most components unchanged.
    /// Spoken digits are not affected.
    const FLOOR: f64 = 0.3;

    /// Means and population deviations of `rows`, at least two vectors of one
    /// width. Each component's values are sorted and then summed in `f64`: the
    /// order of the rows changes no bit. A deviation under 0.3 of the root mean square
    /// of all deviations is raised to it.
    ///
    /// # Errors
    /// [`LearnError::Calibration`] for fewer than two rows, for rows that are all
    /// alike, and for empty rows; [`LearnError::Width`],
    /// [`LearnError::NotFinite`].
    pub fn of<R: AsRef<[f32]>>(rows: &[R]) -> Result<Self, LearnError> {
        let refused = |what: String| Err(LearnError::Calibration { what });
        let width = match rows {
            [] => return refused("no clip".into()),
            [_] => return refused("one clip".into()),
            [first, ..] => first.as_ref().len(),
        };
        for row in rows.iter().map(AsRef::as_ref) {
            if row.len() != width {
                return Err(LearnError::Width {
                    expected: width,
                    actual: row.len(),
                });
            }
            if let Some(index) = row.iter().position(|x| !x.is_finite()) {
                return Err(LearnError::NotFinite { index });
            }
        }
        let count = rows.len() as f64;
        let mut column = Vec::with_capacity(rows.len());
        let (mut means, mut deviations) = (Vec::new(), Vec::new());
        for component in 0..width {
            column.clear();
            let values = rows.iter().filter_map(|row| row.as_ref().get(component));
            column.extend(values.map(|&x| f64::from(x)));
            column.sort_by(f64::total_cmp);
            let mean = column.iter().sum::<f64>() / count;
            let squares: f64 = column.iter().map(|x| (x - mean) * (x - mean)).sum();
            means.push(mean);
            deviations.push((squares / count).sqrt());
        }
        let squares: f64 = deviations
            .iter()
            .map(|deviation| deviation * deviation)
            .sum();
        let typical = (squares / width as f64).sqrt();
        if typical.is_nan() || typical <= 0.0 {
            return refused(format!("{} clips that are all alike", rows.len()));
        }
        let floor = (Self::FLOOR * typical).max(f64::from(f32::MIN_POSITIVE));
        for deviation in &mut deviations {
            *deviation = deviation.max(floor);
        }
        Self::new(&means, &deviations)
    }

    fn new(means: &[f64], deviations: &[f64]) -> Result<Self, LearnError> {
        let fault = |what: String| Err(LearnError::Contract { what });
        if means.len() != deviations.len() {
            let (means, deviations) = (means.len(), deviations.len());
            return fault(format!("{means} means and {deviations} deviations"));
        }
        let single = |values: &[f64]| -> Vec<f32> { values.iter().map(|&x| x as f32).collect() };
        let (mut means, deviations) = (single(means), single(deviations));
        if let Some(mean) = means.iter().find(|mean| !mean.is_finite()) {
            return fault(format!("a mean of {mean}"));
        }
        let usable = |deviation: &f32| deviation.is_finite() && *deviation > 0.0;
        if let Some(deviation) = deviations.iter().find(|deviation| !usable(deviation)) {
            return fault(format!("a deviation of {deviation}"));
        }
        // One zero, not two: equal statistics are equal bytes.
        means.iter_mut().for_each(|mean| *mean += 0.0);
        Ok(Self { means, deviations })
    }

    /// Components.
    pub fn width(&self) -> usize {
        self.means.len()
    }

    /// The mean of each component.
    pub fn means(&self) -> &[f32] {
        &self.means
    }

    /// What is taken for the deviation of each component, all above 0.
    pub fn deviations(&self) -> &[f32] {
        &self.deviations
    }

    /// Standardises in place. One subtraction and
    /// one division in `f64`: the same to the bit on every machine.
    pub fn apply(&self, x: &mut [f32]) {
        let components = self.means.iter().zip(&self.deviations);
        for (x, (&mean, &deviation)) in x.iter_mut().zip(components) {
            let z = (f64::from(*x) - f64::from(mean)) / f64::from(deviation);
            // Beyond every scale, but still a number.
            *x = z.clamp(f64::from(-f32::MAX), f64::from(f32::MAX)) as f32;
        }
    }
}

impl TryFrom<Record> for Standardisation {
    type Error = LearnError;
    fn try_from(record: Record) -> Result<Self, LearnError> {
        Self::new(&record.means, &record.deviations)
    }
}

impl From<Standardisation> for Record {
    fn from(Standardisation { means, deviations }: Standardisation) -> Record {
        let double = |values: Vec<f32>| values.into_iter().map(f64::from).collect();
        Record {
            means: double(means),
            deviations: double(deviations),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn small_deviations_are_raised_to_the_floor() {
        let rows = [[0.0, 1.0, 7.0], [0.0, 3.0, 7.0], [0.0, 2.0, 7.0]];
        let found = Standardisation::of(&rows).unwrap();
        let moved = (2.0_f64 / 3.0).sqrt();
        let floor = 0.3 * (moved * moved / 3.0).sqrt();
        assert_eq!(found.means(), [0.0, 2.0, 7.0]);
        assert_eq!(
            found.deviations(),
            [floor as f32, moved as f32, floor as f32]
        );
    }

    #[test]
    fn too_few_or_equal_rows_are_refused() {
        let none: [[f32; 2]; 0] = [];
        let errors = [
            Standardisation::of(&none),
            Standardisation::of(&[[1.0, 2.0]]),
            Standardisation::of(&[[1.0, 2.0], [1.0, 2.0]]),
            Standardisation::of(&[vec![], vec![]]),
        ];
        for error in errors.map(Result::unwrap_err) {
            assert!(matches!(error, LearnError::Calibration { .. }), "{error}");
        }
        let ragged = Standardisation::of(&[vec![1.0], vec![1.0, 2.0]]);
        assert!(matches!(ragged, Err(LearnError::Width { .. })));
        let broken = Standardisation::of(&[[1.0], [f32::NAN]]);
        assert_eq!(broken, Err(LearnError::NotFinite { index: 0 }));
    }

    #[test]
    fn extremes_neither_panic_nor_become_infinite() {
        for rows in [
            [[f32::MAX, 1e-45], [-f32::MAX, 0.0]],
            [[1e-45, 0.0], [0.0, 0.0]],
        ] {
            let found = Standardisation::of(&rows).unwrap();
            let mut x = [f32::MAX, -f32::MAX];
            found.apply(&mut x);
            assert!(x.iter().all(|x| x.is_finite()), "{found:?}");
        }
    }

    #[test]
    fn invalid_means_and_deviations_are_refused() {
        for json in [
            r#"{"means":[0.0],"deviations":[0.0]}"#,
            r#"{"means":[0.0],"deviations":[-1.0]}"#,
            r#"{"means":[0.0],"deviations":[1e-60]}"#,
            r#"{"means":[0.0],"deviations":[1e60]}"#,
            r#"{"means":[-1e60],"deviations":[1.0]}"#,
            r#"{"means":[0.0],"deviations":[null]}"#,
            r#"{"means":[0.0],"deviations":[NaN]}"#,
            r#"{"means":[0.0,0.0],"deviations":[1.0]}"#,
            r#"{"means":[0.0]}"#,
        ] {
            assert!(
                serde_json::from_str::<Standardisation>(json).is_err(),
                "{json}"
            );
        }
    }

    fn rows(component: BoxedStrategy<f32>) -> impl Strategy<Value = Vec<Vec<f32>>> {
        prop::collection::vec(prop::collection::vec(component, 5), 2..40)
    }

    proptest! {
        #[test]
        fn clip_order_changes_no_bit(
            // Beside the large ones small ones vanish, in some orders.
            rows in rows(prop_oneof![-1e6_f32..1e6, Just(1e30), Just(-1e30)].boxed()),
            by in 0_usize..40,
        ) {
            let mut turned = rows.clone();
            turned.rotate_left(by % rows.len());
            turned.swap(0, rows.len() / 2);
            prop_assert_eq!(Standardisation::of(&turned), Standardisation::of(&rows));
        }

        #[test]
        fn calibration_clips_lie_within_the_scale(rows in rows((-1e6_f32..1e6).boxed())) {
            prop_assume!(Standardisation::of(&rows).is_ok());
            let found = Standardisation::of(&rows).unwrap();
            let mut sums = [0.0; 5];
            for mut row in rows.clone() {
                found.apply(&mut row);
                for (sum, x) in sums.iter_mut().zip(row) {
                    prop_assert!(x.abs() <= Standardisation::MAX_ABS);
                    *sum += f64::from(x);
                }
            }
            for sum in sums {
                prop_assert!((sum / rows.len() as f64).abs() < 1e-3);
            }
        }

        #[test]
        fn json_keeps_every_bit(
            mean in any::<u32>().prop_map(f32::from_bits),
            deviation in any::<u32>().prop_map(f32::from_bits),
        ) {
            let new = Standardisation::new(&[mean.into()], &[deviation.into()]);
            let good = mean.is_finite() && deviation.is_finite() && deviation > 0.0;
            prop_assert_eq!(new.is_ok(), good);
            if let Ok(new) = new {
                let json = serde_json::to_string(&new).unwrap();
                let read: Standardisation = serde_json::from_str(&json).unwrap();
                prop_assert_eq!(read.means[0].to_bits(), (mean + 0.0).to_bits());
                prop_assert_eq!(read.deviations[0].to_bits(), deviation.to_bits());
            }
        }
    }
}
