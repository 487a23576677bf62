//! The input of a drafted card: which axis is time, and what its frames are.

use crate::model::{Card, Origin};

/// Frames of a window if the file leaves them open.
pub(super) const OPEN_FRAMES: usize = 96;
/// Samples of a window if the file leaves them open.
const OPEN_SAMPLES: usize = 16_000;
/// An input of at most so many bands counts as a sensor's channels.
const MOST_CHANNELS: usize = 16;

/// The input of a draft.
#[derive(Clone)]
pub(super) struct Input {
    pub(super) shape: Vec<usize>,
    pub(super) frames_axis: usize,
    /// `None` for a graph that takes samples.
    pub(super) bands_axis: Option<usize>,
    pub(super) kind: Kind,
    /// Whether the axes of time and of bands may be the other way round.
    pub(super) may_swap: bool,
    /// The axes, of time or of bands, whose sizes the file leaves open.
    pub(super) open: Vec<usize>,
}

#[derive(Clone)]
pub(super) enum Kind {
    /// Frames of a shipped card.
    Known(Box<Card>),
    LogMel,
    Sensor,
    Waveform,
}

impl Input {
    pub(super) fn of(declared: &[Option<usize>]) -> Result<Self, String> {
        let long: Vec<usize> = (0..declared.len())
            .filter(|&axis| match declared[axis] {
                // A symbolic first axis of several is the batch.
                None => axis > 0 || declared.len() == 1,
                Some(size) => size != 1,
            })
            .collect();
        let size = |axis: usize| declared.get(axis).copied().flatten();
        let mut may_swap = false;
        let (frames_axis, bands_axis, kind) = match *long.as_slice() {
            [axis] => (axis, None, Kind::Waveform),
            [a, b] => match [(a, b), (b, a)]
                .into_iter()
                .find_map(|(f, b)| Some((f, b, known(size(f), size(b))?)))
            {
                Some((f, b, card)) => (f, Some(b), Kind::Known(Box::new(card))),
                None => {
                    // The open axis, or the longer one, is time.
                    let (f, b) = match (size(a), size(b)) {
                        (None, _) => (a, b),
                        (_, None) => (b, a),
                        (Some(x), Some(y)) if x >= y => (a, b),
                        _ => (b, a),
                    };
                    may_swap = true;
                    (f, Some(b), kind_of(size(b)))
                }
            },
            _ => {
                return Err(format!(
                    "its input has {} axes that can be longer than 1; a card describes frames and bands",
                    long.len()
                ));
            }
        };
        let frames = match &kind {
            Kind::Known(card) => card.window_frames(),
            Kind::Waveform => OPEN_SAMPLES,
            _ => OPEN_FRAMES,
        };
        let of_axis = |(axis, size): (usize, &Option<usize>)| match size {
            Some(size) => *size,
            None if axis == frames_axis => frames,
            None => 1,
        };
        Ok(Self {
            shape: declared.iter().enumerate().map(of_axis).collect(),
            frames_axis,
            bands_axis,
            kind,
            may_swap,
            open: long
                .into_iter()
                .filter(|&axis| size(axis).is_none())
                .collect(),
        })
    }

    /// Frames of a window.
    pub(super) fn frames(&self) -> usize {
        self.shape[self.frames_axis]
    }

    /// Numbers of a frame.
    pub(super) fn bands(&self) -> usize {
        let size = self.bands_axis.and_then(|axis| self.shape.get(axis));
        size.copied().unwrap_or(1)
    }

    /// Takes the axis of bands for time, and the reverse.
    pub(super) fn swap(&mut self) {
        if let Some(bands_axis) = &mut self.bands_axis {
            std::mem::swap(&mut self.frames_axis, bands_axis);
        }
        self.kind = kind_of(Some(self.bands()));
    }

    /// Sets the size of an axis that the file leaves open.
    pub(super) fn set_size(&mut self, axis: usize, size: usize) {
        self.shape[axis] = size;
        if Some(axis) == self.bands_axis {
            self.kind = kind_of(Some(size));
        }
    }
}

/// The usual rate of graphs that take so many samples.
pub(super) fn rate_of(samples: usize) -> u32 {
    match samples {
        // Three or five seconds of bird recorders.
        144_000 | 240_000 => 48_000,
        // Perch, and others with windows of five seconds and more.
        n if n.is_multiple_of(32_000) && n >= 160_000 => 32_000,
        n if n.is_multiple_of(44_100) => 44_100,
        n if n.is_multiple_of(22_050) => 22_050,
        _ => 16_000,
    }
}

/// What frames of so many numbers are, if no shipped card has them.
fn kind_of(bands: Option<usize>) -> Kind {
    match bands {
        Some(bands) if bands > MOST_CHANNELS => Kind::LogMel,
        _ => Kind::Sensor,
    }
}

/// The shipped card for audio whose input has these sizes, of a network that others publish.
fn known(frames: Option<usize>, bands: Option<usize>) -> Option<Card> {
    let fits = |card: &&Card| {
        card.log_mel().is_some()
            && !matches!(card.origin, Origin::BuiltIn { .. })
            && bands == Some(card.bands())
            && frames.is_none_or(|frames| frames == card.window_frames())
    };
    Card::built_in().iter().find(fits).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_axis_of_time_is_guessed_from_known_cards_and_sizes() {
        let of = |declared: &[Option<usize>]| {
            let input = Input::of(declared).unwrap();
            (
                input.frames_axis,
                input.bands_axis.unwrap_or(9),
                input.shape,
            )
        };
        assert_eq!(of(&[None, None, Some(64)]), (1, 2, vec![1, 96, 64]));
        assert_eq!(of(&[Some(1), Some(32), Some(76)]), (2, 1, vec![1, 32, 76]));
        assert_eq!(of(&[Some(1), Some(6), Some(128)]), (2, 1, vec![1, 6, 128]));
        assert_eq!(of(&[None, Some(15_600)]), (1, 9, vec![1, 15_600]));
        assert_eq!(of(&[None]), (0, 9, vec![OPEN_SAMPLES]));
        assert_eq!((rate_of(144_000), rate_of(15_600)), (48_000, 16_000));
        assert_eq!(of(&[None, None, Some(9)]), (1, 2, vec![1, OPEN_FRAMES, 9]));
        assert!(Input::of(&[Some(1), Some(3), Some(4), Some(5)]).is_err());
        assert!(Input::of(&[Some(1)]).is_err());
    }
}
