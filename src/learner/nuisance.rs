//! Nuisance: directions in which embeddings vary within every class.
//!
//! A few examples of a class do not show the variation within it. The data that a backbone was
//! trained on does, so the backbone's card may list such directions.

use serde::{Deserialize, Serialize};

use super::LearnError;
use crate::signal::{MOST_DIRECTIONS, direction_length, is_direction};

/// Directions that are damped: `x - sum_i v_i (v_i . x)`.
///
/// A direction of length 1 is removed completely (nuisance attribute projection: Solomonoff,
/// Campbell & Boardman 2005). A shorter direction `v` leaves `1 - |v|^2` of the component along
/// it. Directions are expected to be orthogonal.
///
/// ```
/// use afield::learner::Nuisance;
/// let sideways = Nuisance::new(vec![vec![1.0, 0.0]])?;
/// let mut x = [3.0, 4.0];
/// sideways.apply(&mut x);
/// assert_eq!(x, [0.0, 4.0]);
/// # Ok::<(), afield::learner::LearnError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Vec<f64>>", into = "Vec<Vec<f64>>")]
pub struct Nuisance(Vec<Vec<f32>>);

/// No number in it is NaN.
impl Eq for Nuisance {}

impl Nuisance {
    /// The maximum number of directions.
    pub const MOST: usize = MOST_DIRECTIONS;

    /// Creates a nuisance from directions of one width.
    ///
    /// # Errors
    /// [`LearnError::Contract`] for no direction or too many, for several widths, for lengths
    /// of 0 or above 1, and for numbers that are not finite.
    pub fn new(directions: Vec<Vec<f32>>) -> Result<Self, LearnError> {
        let fault = |what: String| Err(LearnError::Contract { what });
        let count = directions.len();
        if !(1..=Self::MOST).contains(&count) {
            return fault(format!("{count} directions, expected 1 to {}", Self::MOST));
        }
        let widths = directions.iter().map(Vec::len);
        if widths.clone().min() != widths.max() {
            return fault("directions of several widths".to_owned());
        }
        for direction in &directions {
            if !is_direction(direction) {
                let length = direction_length(direction);
                return fault(format!(
                    "a direction of length {length}, expected above 0 and up to 1"
                ));
            }
        }
        Ok(Self(directions))
    }

    /// Number of components.
    pub fn width(&self) -> usize {
        self.0.first().map_or(0, Vec::len)
    }

    /// The directions, each with as many numbers as the width.
    pub fn directions(&self) -> &[Vec<f32>] {
        &self.0
    }

    /// Damps in place. Sums are taken in `f64`, in order, so the result is the same to the bit on
    /// every machine.
    pub fn apply(&self, x: &mut [f32]) {
        let dot = |v: &Vec<f32>| -> f64 {
            let products = v
                .iter()
                .zip(&*x)
                .map(|(&v, &x)| f64::from(v) * f64::from(x));
            products.sum()
        };
        // A fixed array, because decisions must not allocate.
        let mut extents = [0.0; Self::MOST];
        for (extent, v) in extents.iter_mut().zip(&self.0) {
            *extent = dot(v);
        }
        for (i, x) in x.iter_mut().enumerate() {
            let components = self.0.iter().zip(&extents);
            let damped = components.fold(f64::from(*x), |x, (v, extent)| {
                x - v.get(i).map_or(0.0, |&v| f64::from(v) * extent)
            });
            // Larger than every scale, but finite.
            *x = damped.clamp(f64::from(-f32::MAX), f64::from(f32::MAX)) as f32;
        }
    }
}

impl TryFrom<Vec<Vec<f64>>> for Nuisance {
    type Error = LearnError;
    fn try_from(directions: Vec<Vec<f64>>) -> Result<Self, LearnError> {
        let single = |v: Vec<f64>| v.into_iter().map(|x| x as f32).collect();
        Self::new(directions.into_iter().map(single).collect())
    }
}

/// Written as `f64`: every `f32` is then read back to the bit, even by a parser with an error in
/// the last place.
impl From<Nuisance> for Vec<Vec<f64>> {
    fn from(nuisance: Nuisance) -> Self {
        let double = |v: Vec<f32>| v.into_iter().map(f64::from).collect();
        nuisance.0.into_iter().map(double).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damping_follows_the_length_and_changes_nothing_else() {
        let half = 0.5_f32.sqrt();
        let nuisance = Nuisance::new(vec![vec![0.0, half, 0.0], vec![0.0, 0.0, 1.0]]).unwrap();
        let mut x = [7.0, -4.0, 5.0];
        nuisance.apply(&mut x);
        assert_eq!((x[0], x[2]), (7.0, 0.0));
        assert!((x[1] + 2.0).abs() < 1e-6, "{x:?}");
        let mut huge = [f32::MAX; 3];
        nuisance.apply(&mut huge);
        assert!(huge.iter().all(|x| x.is_finite()), "{huge:?}");
    }

    #[test]
    fn empty_long_and_ragged_directions_are_refused() {
        for json in [
            "[]",
            "[[]]",
            "[[0.0,0.0]]",
            "[[1.0,0.1]]",
            "[[1e39,0.0]]",
            "[[0.5],[0.5,0.5]]",
            "[[null]]",
        ] {
            assert!(serde_json::from_str::<Nuisance>(json).is_err(), "{json}");
        }
        assert!(Nuisance::new(vec![vec![f32::NAN]]).is_err());
        assert!(Nuisance::new(vec![vec![0.5]; Nuisance::MOST + 1]).is_err());
        let read: Nuisance = serde_json::from_str("[[0.1,0.3]]").unwrap();
        let again = serde_json::to_string(&read).unwrap();
        assert_eq!(serde_json::from_str::<Nuisance>(&again).unwrap(), read);
    }
}
