//! Values that are joined: whether two of them have one shape, and the shape of the result.

use super::chain::{Axis, Read, Size};
use super::chain_reader::Reader;

/// How one value fits another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Joined {
    /// Both have the same axes and sizes.
    Alike,
    /// The other one has one number a channel.
    ByChannel,
    /// This one has one number a channel.
    OtherByChannel,
    No,
}

impl Reader {
    pub(super) fn size(&self) -> Size {
        self.size
    }

    /// How the value of `other` fits this one.
    pub(super) fn joined(&self, other: &Self) -> Joined {
        if self.size == other.size && self.places_of(other) {
            Joined::Alike
        } else if self.takes_factors_of(other) {
            Joined::ByChannel
        } else if other.takes_factors_of(self) {
            Joined::OtherByChannel
        } else {
            Joined::No
        }
    }

    /// Whether every axis of this value that is not of length 1 has its place in `other`.
    fn places_of(&self, other: &Self) -> bool {
        let shape = self.shape();
        let axes = self.axes.iter().zip(&other.axes).zip(&shape);
        self.axes.len() == other.axes.len() && axes.into_iter().all(|((a, b), &n)| n == 1 || a == b)
    }

    fn takes_factors_of(&self, factors: &Self) -> bool {
        let one = Size {
            rows: 1,
            bands: 1,
            channels: self.size.channels,
        };
        let at = |reader: &Self| reader.axes.iter().position(|&axis| axis == Axis::Channels);
        factors.size == one
            && at(self).is_some()
            && at(self) == at(factors)
            && self.axes.len() == factors.axes.len()
    }

    /// The value that holds the channels of all values, one after another.
    pub(super) fn concatenated(all: &[&Self], axis: usize) -> Read<Self> {
        let (first, others) = all.split_first().ok_or("nothing is joined")?;
        let is_of_channels = |reader: &Self| reader.axes.get(axis) == Some(&Axis::Channels);
        let fits = others.iter().all(|other| {
            let alike = Size {
                channels: first.size.channels,
                ..other.size
            };
            alike == first.size && first.axes == other.axes
        });
        if !fits || !all.iter().all(|reader| is_of_channels(reader)) {
            return Err(
                "values of other shapes, or along another axis, are put together".to_owned(),
            );
        }
        let mut joined = (*first).clone();
        joined.size.channels = all.iter().map(|reader| reader.size.channels).sum();
        Ok(joined)
    }
}
