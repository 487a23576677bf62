//! Taught sounds, to find the one that is most like a new sound.
//!
//! One sound is enough for it: conformal p-values need nine (see `novelty`). It does not say how
//! likely a class is.

use crate::head::dot;
use crate::signal::Label;

/// The features of taught sounds, one row a window, with the class of each.
#[derive(Debug, Clone, Default)]
pub(crate) struct TaughtSounds {
    width: usize,
    /// Rows of length 1.
    rows: Vec<f32>,
    classes: Vec<Label>,
}

impl TaughtSounds {
    /// No sounds, of `width` features a row.
    pub(crate) fn new(width: usize) -> Self {
        Self {
            width,
            ..Self::default()
        }
    }

    /// Adds the rows of a sound. Rows of zeros are left out.
    pub(crate) fn push(&mut self, features: &[i16], label: &Label) {
        for row in features.chunks_exact(self.width.max(1)) {
            let start = self.rows.len();
            self.rows.extend(row.iter().map(|&x| f32::from(x)));
            match normalise(&mut self.rows[start..]) {
                true => self.classes.push(label.clone()),
                false => self.rows.truncate(start),
            }
        }
    }

    /// The class of the taught row at the smallest angle to a row of features, and the cosine of
    /// the angle; `scratch` is overwritten. `None` if nothing was taught.
    pub(crate) fn nearest(
        &self,
        features: &[i16],
        scratch: &mut Vec<f32>,
    ) -> Option<(&Label, f32)> {
        scratch.clear();
        scratch.extend(features.iter().map(|&x| f32::from(x)));
        if scratch.len() != self.width || !normalise(scratch) {
            return None;
        }
        let rows = self.rows.chunks_exact(self.width);
        let cosines = rows.map(|row| dot(row, scratch));
        let (index, cosine) = cosines.enumerate().max_by(|a, b| a.1.total_cmp(&b.1))?;
        Some((self.classes.get(index)?, cosine))
    }
}

/// Scales a row to length 1, unless it is zero.
fn normalise(row: &mut [f32]) -> bool {
    let length = dot(row, row).sqrt();
    row.iter_mut().for_each(|x| *x /= length);
    length > 0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_sound_is_that_of_the_smallest_angle() {
        let [dog, rain] = ["dog", "rain"].map(|text| Label::new(text).unwrap());
        let (mut sounds, mut scratch) = (TaughtSounds::new(9), Vec::new());
        assert_eq!(sounds.nearest(&[1; 9], &mut scratch), None);
        sounds.push(&[0; 9], &rain);
        assert_eq!(sounds.nearest(&[1; 9], &mut scratch), None);
        sounds.push(
            &[5, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9],
            &dog,
        );
        sounds.push(&[0, 0, 0, 0, 0, 0, 0, 4, 3], &rain);
        let (label, cosine) = sounds
            .nearest(&[0, 0, 0, 0, 0, 0, 0, 0, 100], &mut scratch)
            .unwrap();
        assert_eq!((label, cosine), (&dog, 1.0));
        let (label, cosine) = sounds
            .nearest(&[0, 0, 0, 0, 0, 0, 0, 100, 0], &mut scratch)
            .unwrap();
        assert_eq!((label, cosine), (&rain, 0.8));
    }
}
