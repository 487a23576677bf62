//! What a direction of nuisance may be, on a card and in a contract.

/// The most directions.
pub(crate) const MOST_DIRECTIONS: usize = 16;

/// The longest that a direction of length 1 may become by rounding, squared.
const LONGEST_SQUARED: f64 = 1.001;

/// The length of a direction.
pub(crate) fn direction_length(direction: &[f32]) -> f64 {
    squared_length(direction).sqrt()
}

/// Whether a direction has a length, of at most 1.
pub(crate) fn is_direction(direction: &[f32]) -> bool {
    let squared = squared_length(direction);
    squared > 0.0 && squared <= LONGEST_SQUARED
}

fn squared_length(direction: &[f32]) -> f64 {
    direction.iter().map(|&x| f64::from(x).powi(2)).sum()
}
