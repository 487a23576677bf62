//! A [`Chain`] ready to run: packed weights, allocated buffers, computed offsets.
//!
//! A step takes any number of frames up to its limit and computes all rows that can be computed,
//! layer by layer. Each layer keeps the rows that later steps need again. A step allocates nothing.

use std::ops::Range;

use super::chain::{Chain, Kind, Layer};
use super::channelwise::Channelwise;
use super::dense::Dense;
use super::kernel::{Kernel, Positions, Side};
use super::rows::Rows;

#[derive(Debug)]
pub(super) struct Network {
    layers: Vec<Packed>,
    /// The capacity of each layer's input: number of rows and length of a row.
    rooms: Vec<(usize, usize)>,
    /// For windowed execution: the rows that each layer need not compute again.
    overlaps: Vec<Overlap>,
    size: usize,
}

/// A layer and the layout of its input.
#[derive(Debug)]
struct Packed {
    work: Work,
    kernel: Kernel,
    positions: Positions,
    /// Rows of zeros before and after a window.
    row_padding: (usize, usize),
    input: Side,
    /// Values after the last band.
    right: usize,
}

#[derive(Debug)]
enum Work {
    Dense(Dense),
    Channelwise(Channelwise),
}

/// The values that the layers keep between steps.
#[derive(Debug)]
pub(super) struct State {
    /// The input of each layer, and the output of the last.
    rows: Vec<Rows>,
    /// Whether a window has been computed, and the next one follows it.
    follows: bool,
}

impl Network {
    /// For steps of up to `most_frames` frames.
    pub(super) fn streaming(chain: &Chain, most_frames: usize) -> Self {
        Self::new(chain, most_frames, Vec::new())
    }

    /// For windows, each `hop_frames` after the one before.
    pub(super) fn windowed(chain: &Chain, hop_frames: usize) -> Self {
        let frames = chain.layers.first().map_or(0, |layer| layer.input.rows);
        Self::new(chain, frames, overlaps(chain, hop_frames))
    }

    fn new(chain: &Chain, most_frames: usize, overlaps: Vec<Overlap>) -> Self {
        let sides: Vec<(Side, usize)> = chain.layers.iter().map(side).collect();
        let size = chain
            .layers
            .last()
            .map_or(0, |layer| layer.output.bands * layer.output.channels);
        let last = Side {
            row_len: size,
            left: 0,
            channels: chain.layers.last().map_or(0, |l| l.output.channels),
        };
        let mut fresh = most_frames;
        let mut rooms = Vec::new();
        let mut layers = Vec::new();
        for (index, layer) in chain.layers.iter().enumerate() {
            let (input, right) = sides[index];
            let output = sides.get(index + 1).map_or(last, |&(side, _)| side);
            // A step leaves fewer rows than one more output row needs.
            let kept = layer.kernel.rows_for(1).max(layer.kernel.row_stride) - 1;
            let room = kept + layer.row_padding.0 + fresh + layer.row_padding.1;
            rooms.push((room, input.row_len));
            fresh = layer.kernel.rows_from(room);
            layers.push(Packed {
                work: Work::of(layer, input.row_len),
                kernel: layer.kernel,
                positions: Positions::new(&layer.kernel, layer.output.bands, fresh, input, output),
                row_padding: layer.row_padding,
                input,
                right,
            });
        }
        rooms.push((fresh, size));
        Self {
            layers,
            rooms,
            overlaps,
            size,
        }
    }

    pub(super) fn state(&self) -> State {
        let rooms = self.rooms.iter();
        State {
            rows: rooms.map(|&(room, len)| Rows::new(room, len)).collect(),
            follows: false,
        }
    }

    /// Computes the rows that `frames` complete, and appends them to `embeddings`.
    pub(super) fn step(&self, state: &mut State, frames: &[f32], embeddings: &mut Vec<f32>) {
        state.feed(frames, self.layers.first());
        for (index, layer) in self.layers.iter().enumerate() {
            let Some((input, output)) = state.around(index) else {
                return;
            };
            input.settle();
            let count = layer.kernel.rows_from(input.held());
            layer.run(0..count, input, output);
            output.extend(count);
            input.drop_front(count * layer.kernel.row_stride);
        }
        state.give(self.size, embeddings);
    }

    /// Computes the window in `frames` and appends its embedding. Rows that it shares with the
    /// previous window are not computed again.
    pub(super) fn window(&self, state: &mut State, frames: &[f32], embeddings: &mut Vec<f32>) {
        state.feed(frames, self.layers.first());
        let follows = std::mem::replace(&mut state.follows, true);
        let mut next = self.layers.iter().skip(1);
        for (index, (layer, overlap)) in self.layers.iter().zip(&self.overlaps).enumerate() {
            let Some((input, output)) = state.around(index) else {
                return;
            };
            input.extend(layer.row_padding.1);
            output.extend(next.next().map_or(0, |next| next.row_padding.0));
            let count = layer.kernel.rows_from(input.held());
            if follows && !overlap.shared.is_empty() {
                output.reuse(&overlap.shared, overlap.shift);
                layer.run(0..overlap.shared.start, input, output);
                layer.run(overlap.shared.end..count, input, output);
            } else {
                layer.run(0..count, input, output);
            }
            output.extend(count);
            // The values are not moved, so the zeros around the rows remain.
            input.rewind();
        }
        state.give(self.size, embeddings);
    }
}

/// Rows of a layer's output that a window shares with the previous one.
#[derive(Debug)]
struct Overlap {
    shared: Range<usize>,
    /// In the previous window, these rows were at a place `shift` rows later.
    shift: usize,
}

/// Finds the shared rows. A row is shared if it depends on no padding in either window: then it is
/// the same sum of the same frames. Rows near the ends of a window are not shared; the deeper the
/// layer, the more of them.
fn overlaps(chain: &Chain, hop_frames: usize) -> Vec<Overlap> {
    let mut stride = 1;
    // Rows at the start and end of a layer's input that depend on padding.
    let (mut head, mut tail) = (0, 0);
    let layers = chain.layers.iter();
    layers
        .map(|layer| {
            let Kernel { row_stride, .. } = layer.kernel;
            let (before, _) = layer.row_padding;
            let rows = layer.output.rows;
            stride *= row_stride;
            head = (head + before).div_ceil(row_stride).min(rows);
            let clean = (layer.input.rows + before + 1).checked_sub(tail + layer.kernel.span());
            tail = rows - clean.map_or(0, |c| c.div_ceil(row_stride)).min(rows);
            let shift = hop_frames / stride;
            let end = rows.saturating_sub(shift + tail);
            let aligned = hop_frames.is_multiple_of(stride);
            Overlap {
                shared: if aligned { head..end.max(head) } else { 0..0 },
                shift,
            }
        })
        .collect()
}

impl State {
    /// Forgets every frame.
    pub(super) fn clear(&mut self) {
        self.rows.iter_mut().for_each(Rows::clear);
        self.follows = false;
    }

    /// The input and the output of a layer.
    fn around(&mut self, index: usize) -> Option<(&mut Rows, &mut Rows)> {
        let (before, after) = self.rows.split_at_mut_checked(index + 1)?;
        Some((before.last_mut()?, after.first_mut()?))
    }

    fn feed(&mut self, frames: &[f32], first: Option<&Packed>) {
        if let (Some(input), Some(layer)) = (self.rows.first_mut(), first) {
            input.extend(layer.row_padding.0);
            input.push(frames, layer.input.left, layer.right);
        }
    }

    fn give(&mut self, size: usize, embeddings: &mut Vec<f32>) {
        if let Some(output) = self.rows.last_mut() {
            embeddings.extend_from_slice(&output.values()[..output.held() * size]);
            output.rewind();
        }
    }
}

impl Packed {
    /// Computes the given rows, counted from the end of the rows in `output`.
    fn run(&self, rows: Range<usize>, input: &Rows, output: &mut Rows) {
        let (from, to) = self.positions.of(rows);
        let (y, start) = output.fresh();
        let (x, y) = (input.values(), &mut y[start..]);
        match &self.work {
            Work::Dense(dense) => {
                let row_step = self.kernel.row_dilation * input.row_len();
                dense.run(x, from, row_step, y, to);
            }
            Work::Channelwise(channelwise) => channelwise.run(x, from, y, to),
        }
    }
}

impl Work {
    fn of(layer: &Layer, row_len: usize) -> Self {
        Self::Channelwise(match &layer.kind {
            Kind::Dense { weights, bias } => {
                let run = layer.kernel.bands * layer.input.channels;
                let rows = layer.kernel.rows;
                return Self::Dense(Dense::new(weights, bias, rows, run, layer.activation));
            }
            Kind::Depthwise { weights, bias } => {
                Channelwise::new(layer, row_len, Some((weights, bias)))
            }
            Kind::MaxPool => Channelwise::new(layer, row_len, None),
        })
    }
}

/// The layout of a layer's input, and the values after its last band.
fn side(layer: &Layer) -> (Side, usize) {
    let channels = layer.input.channels;
    let (left, right) = layer.band_padding;
    let row_len = (left + layer.input.bands + right) * channels;
    let side = Side {
        row_len,
        left: left * channels,
        channels,
    };
    (side, right * channels)
}
