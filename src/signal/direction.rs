//! Validation of nuisance directions, on a card and in a contract.

/// The largest number of directions.
pub(crate) const MOST_DIRECTIONS: usize = 16;

/// The largest squared length of a direction of length 1 after rounding.
const LONGEST_SQUARED: f64 = 1.001;

/// The length of a direction.
pub(crate) fn direction_length(direction: &[f32]) -> f64 {
    squared_length(direction).sqrt()
}

/// Whether the length of a direction is above 0 and at most 1.
pub(crate) fn is_direction(direction: &[f32]) -> bool {
    let squared = squared_length(direction);
    squared > 0.0 && squared <= LONGEST_SQUARED
}

fn squared_length(direction: &[f32]) -> f64 {
    direction.iter().map(|&x| f64::from(x).powi(2)).sum()
}
