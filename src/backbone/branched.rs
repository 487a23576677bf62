//! Networks with branches: residual blocks, squeeze and excitation, parallel pools.
//!
//! Each step is a layer of a chain, or joins the values of earlier steps. Such a network runs
//! window by window, on the kernels of chains. Values that share a place in memory are found once:
//! a value whose last use has passed gives its place to another one of the same form.

use std::collections::HashMap;
use std::sync::Arc;

use super::chain::{Kind, Layer, Size};
use super::channelwise::Channelwise;
use super::dense::Dense;
use super::kernel::{Positions, Side};
use super::{Layout, element_wise};
use crate::frontend::wide;

/// Layers and joins, from frames to an embedding. Value 0 is the window; step `i` gives value
/// `i + 1`.
#[derive(Debug)]
pub(super) struct Branched {
    pub(super) steps: Vec<Step>,
    pub(super) input: Size,
    /// The value that is the embedding.
    pub(super) output: usize,
}

/// One step, and the values that it reads.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) op: Op,
    pub(super) inputs: Vec<usize>,
    pub(super) size: Size,
}

#[derive(Debug)]
pub(super) enum Op {
    Layer(Box<Layer>),
    /// The sum of two values of one size.
    Add,
    /// The first value, multiplied by one number a channel, the second value.
    Scale,
    /// The channels of all values, one after another.
    Concat,
}

/// Positions that are computed in one call, about: enough to use each weight often, few enough to
/// stay in the cache.
const POSITIONS: usize = 256;
/// Values that a kernel may read after the last row.
const SLACK: usize = 32;

/// A network with branches, ready to run.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    network: Arc<Network>,
}

#[derive(Debug)]
struct Network {
    steps: Vec<Packed>,
    places: Vec<Place>,
    /// The place and the size of the window, and of the embedding.
    input: (usize, Size),
    output: (usize, Size),
}

#[derive(Debug)]
struct Packed {
    work: Work,
    from: Vec<usize>,
    to: usize,
}

#[derive(Debug)]
enum Work {
    Dense(Dense, Sweep),
    Channelwise(Channelwise, Sweep),
    Mean {
        input: Size,
        scale: Vec<f32>,
        bias: Vec<f32>,
        activation: super::activation::Activation,
    },
    Add(Size),
    Scale(Size),
    Concat(Vec<Size>),
}

/// How a layer moves over its input, a block of rows at a time.
#[derive(Debug)]
struct Sweep {
    positions: Positions,
    rows: usize,
    block: usize,
    /// Values between the beginnings of two rows of output, in the input and in the output.
    input_step: usize,
    output_step: usize,
    /// Where the first position reads.
    start: usize,
    /// Values between two rows that the kernel reads.
    row_step: usize,
}

/// The form of values in memory: rows with zeros around them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
struct Place {
    before: usize,
    rows: usize,
    after: usize,
    left: usize,
    inner: usize,
    right: usize,
}

impl Place {
    fn row_len(&self) -> usize {
        self.left + self.inner + self.right
    }

    fn len(&self) -> usize {
        (self.before + self.rows + self.after) * self.row_len() + SLACK
    }

    /// Where the first value lies.
    fn first(&self) -> usize {
        self.before * self.row_len() + self.left
    }
}

impl Plan {
    pub(super) fn new(branched: &Branched) -> Self {
        Self {
            network: Arc::new(Network::new(branched)),
        }
    }

    pub(super) fn stream(&self) -> Stream {
        let places = self.network.places.iter();
        Stream {
            network: Arc::clone(&self.network),
            values: places.map(|place| vec![0.0; place.len()]).collect(),
            pending: Vec::new(),
        }
    }
}

/// The execution of a network on one signal, divided into windows.
pub(super) struct Stream {
    network: Arc<Network>,
    values: Vec<Vec<f32>>,
    /// Frames from the start of the next window, fewer than a window.
    pending: Vec<f32>,
}

impl Stream {
    pub(super) fn push(&mut self, layout: &Layout, frames: &[f32], embeddings: &mut Vec<f32>) {
        let window = layout.window_frames * layout.bands;
        let hop = layout.hop_frames * layout.bands;
        self.pending.extend_from_slice(frames);
        let mut start = 0;
        while let Some(frames) = self.pending.get(start..start + window) {
            self.network.window(&mut self.values, frames, embeddings);
            start += hop;
        }
        self.pending.drain(..start.min(self.pending.len()));
    }

    pub(super) fn reset(&mut self) {
        self.pending.clear();
    }
}

impl Network {
    fn new(branched: &Branched) -> Self {
        let count = branched.steps.len() + 1;
        let size = |value: usize| match value {
            0 => branched.input,
            value => branched.steps[value - 1].size,
        };
        let mut last_use = vec![0; count];
        for (index, step) in branched.steps.iter().enumerate() {
            for &input in &step.inputs {
                last_use[input] = index + 1;
            }
        }
        last_use[branched.output] = count;
        // A join writes over its first value, if nothing reads that later.
        let mut owner: Vec<usize> = (0..count).collect();
        for (index, step) in branched.steps.iter().enumerate() {
            let first = step.inputs[0];
            let elsewhere = step.inputs[1..]
                .iter()
                .any(|&input| owner[input] == owner[first]);
            if matches!(step.op, Op::Add | Op::Scale) && last_use[first] == index + 1 && !elsewhere
            {
                owner[index + 1] = owner[first];
            }
        }
        let mut forms: Vec<Place> = (0..count).map(|value| form(size(value))).collect();
        for step in &branched.steps {
            if let Op::Layer(layer) = &step.op {
                let place = &mut forms[owner[step.inputs[0]]];
                let channels = layer.input.channels;
                place.before = place.before.max(layer.row_padding.0);
                place.after = place.after.max(layer.row_padding.1);
                place.left = place.left.max(layer.band_padding.0 * channels);
                place.right = place.right.max(layer.band_padding.1 * channels);
            }
        }
        let ends = |value: usize| {
            let shared = (0..count).filter(|&other| owner[other] == owner[value]);
            shared.map(|other| last_use[other]).max().unwrap_or(count)
        };
        let mut network = Self {
            steps: Vec::new(),
            places: Vec::new(),
            input: (0, branched.input),
            output: (0, size(branched.output)),
        };
        let mut free: HashMap<Place, Vec<usize>> = HashMap::new();
        let mut place_of = vec![0; count];
        let mut held: Vec<usize> = Vec::new();
        for value in 0..count {
            if owner[value] == value {
                let spare = free.get_mut(&forms[value]).and_then(Vec::pop);
                place_of[value] = spare.unwrap_or_else(|| {
                    network.places.push(forms[value]);
                    network.places.len() - 1
                });
                held.push(value);
            } else {
                place_of[value] = place_of[owner[value]];
            }
            if value > 0 {
                let step = &branched.steps[value - 1];
                let from: Vec<usize> = step.inputs.iter().map(|&i| place_of[i]).collect();
                let to = place_of[value];
                let sizes: Vec<Size> = step.inputs.iter().map(|&i| size(i)).collect();
                let forms = (network.places[from[0]], network.places[to]);
                let work = Work::of(step, &sizes, forms);
                network.steps.push(Packed { work, from, to });
            }
            // What is not read any more gives its place to later values.
            held.retain(|&old| {
                let keeps = ends(old) > value;
                if !keeps {
                    free.entry(forms[old]).or_default().push(place_of[old]);
                }
                keeps
            });
        }
        network.input.0 = place_of[0];
        network.output.0 = place_of[branched.output];
        network
    }

    fn window(&self, values: &mut [Vec<f32>], frames: &[f32], embeddings: &mut Vec<f32>) {
        let (index, size) = self.input;
        let place = self.places[index];
        let width = (size.bands * size.channels).max(1);
        for (row, frame) in frames.chunks_exact(width).enumerate() {
            let start = place.first() + row * place.row_len();
            values[index][start..start + width].copy_from_slice(frame);
        }
        for step in &self.steps {
            step.run(values, &self.places);
        }
        let (index, size) = self.output;
        let place = self.places[index];
        let start = place.first();
        let embedding = size.rows * size.bands * size.channels;
        embeddings.extend_from_slice(&values[index][start..start + embedding]);
    }
}

fn form(size: Size) -> Place {
    Place {
        rows: size.rows,
        inner: size.bands * size.channels,
        ..Place::default()
    }
}

impl Work {
    fn of(step: &Step, sizes: &[Size], (input, output): (Place, Place)) -> Self {
        let layer = match &step.op {
            Op::Add => return Self::Add(step.size),
            Op::Scale => return Self::Scale(step.size),
            Op::Concat => return Self::Concat(sizes.to_vec()),
            Op::Layer(layer) => layer,
        };
        if let Some(mean) = Self::mean(layer) {
            return mean;
        }
        let sweep = Sweep::new(layer, input, output);
        match &layer.kind {
            Kind::Dense { weights, bias } => {
                let run = layer.kernel.bands * layer.input.channels;
                let dense = Dense::new(weights, bias, layer.kernel.rows, run, layer.activation);
                Self::Dense(dense, sweep)
            }
            Kind::Depthwise { weights, bias } => {
                let layer = Channelwise::new(layer, input.row_len(), Some((weights, bias)));
                Self::Channelwise(layer, sweep)
            }
            Kind::MaxPool => {
                Self::Channelwise(Channelwise::new(layer, input.row_len(), None), sweep)
            }
        }
    }

    /// A sum of all rows and bands with equal weights.
    fn mean(layer: &Layer) -> Option<Self> {
        let Kind::Depthwise { weights, bias } = &layer.kind else {
            return None;
        };
        let whole = layer.kernel.rows == layer.input.rows
            && layer.kernel.bands == layer.input.bands
            && (layer.row_padding, layer.band_padding) == ((0, 0), (0, 0));
        let (scale, others) = weights.split_at_checked(bias.len())?;
        let alike = others.chunks(bias.len()).all(|tap| tap == scale);
        (whole && alike && layer.kernel.row_dilation == 1).then(|| Self::Mean {
            input: layer.input,
            scale: scale.to_vec(),
            bias: bias.clone(),
            activation: layer.activation,
        })
    }
}

impl Sweep {
    fn new(layer: &Layer, input: Place, output: Place) -> Self {
        let (kernel, channels) = (layer.kernel, layer.input.channels);
        let bands = layer.output.bands.max(1);
        let block = (POSITIONS / bands).clamp(1, layer.output.rows.max(1));
        let sides = [
            (input.row_len(), channels),
            (output.row_len(), layer.output.channels),
        ];
        let [from, to] = sides.map(|(row_len, channels)| Side {
            row_len,
            left: 0,
            channels,
        });
        let left = input.left - layer.band_padding.0 * channels;
        let above = input.before - layer.row_padding.0;
        Self {
            positions: Positions::new(&kernel, bands, block, from, to),
            rows: layer.output.rows,
            block,
            input_step: kernel.row_stride * input.row_len(),
            output_step: output.row_len(),
            start: above * input.row_len() + left,
            row_step: kernel.row_dilation * input.row_len(),
        }
    }

    /// Calls `run` with the input and the output of each block of rows.
    fn each(
        &self,
        x: &[f32],
        y: &mut [f32],
        mut run: impl FnMut(&[f32], &[usize], &mut [f32], &[usize]),
    ) {
        for first in (0..self.rows).step_by(self.block) {
            let count = self.block.min(self.rows - first);
            let (from, to) = self.positions.of(0..count);
            let x = &x[self.start + first * self.input_step..];
            run(x, from, &mut y[first * self.output_step..], to);
        }
    }
}

impl Packed {
    fn run(&self, values: &mut [Vec<f32>], places: &[Place]) {
        // The output is taken out, so that the inputs can be read beside it.
        let mut out = std::mem::take(&mut values[self.to]);
        let to = places[self.to];
        let y = &mut out[to.first()..];
        let input = |index: usize| {
            (
                values[self.from[index]].as_slice(),
                places[self.from[index]],
            )
        };
        // A join may write over its first value.
        let apart = self.from[0] != self.to;
        match &self.work {
            Work::Dense(dense, sweep) => sweep.each(input(0).0, y, |x, from, y, to| {
                dense.run(x, from, sweep.row_step, y, to);
            }),
            Work::Channelwise(layer, sweep) => {
                sweep.each(input(0).0, y, |x, from, y, to| layer.run(x, from, y, to));
            }
            Work::Mean {
                input: size,
                scale,
                bias,
                activation,
            } => {
                let sums = &mut y[..size.channels];
                wide(|| element_wise::sums((0..size.rows).map(|row| row_of(input(0), row)), sums));
                for ((sum, scale), bias) in sums.iter_mut().zip(scale).zip(bias) {
                    *sum = *sum * scale + bias;
                }
                element_wise::activate(*activation, sums);
            }
            Work::Add(size) => wide(|| {
                for row in 0..size.rows {
                    let y = &mut y[row * to.row_len()..][..to.inner];
                    if apart {
                        y.copy_from_slice(row_of(input(0), row));
                    }
                    element_wise::add(y, row_of(input(1), row));
                }
            }),
            Work::Scale(size) => wide(|| {
                let factors = row_of(input(1), 0);
                for row in 0..size.rows {
                    let y = &mut y[row * to.row_len()..][..to.inner];
                    if apart {
                        y.copy_from_slice(row_of(input(0), row));
                    }
                    element_wise::scale(y, factors);
                }
            }),
            Work::Concat(sizes) => {
                let all: usize = sizes.iter().map(|size| size.channels).sum();
                let mut before = 0;
                for (index, size) in sizes.iter().enumerate() {
                    for row in 0..size.rows {
                        let x = row_of(input(index), row);
                        let y = &mut y[row * to.row_len()..][..to.inner];
                        let targets = y.chunks_exact_mut(all);
                        for (target, x) in targets.zip(x.chunks_exact(size.channels)) {
                            target[before..before + size.channels].copy_from_slice(x);
                        }
                    }
                    before += size.channels;
                }
            }
        }
        values[self.to] = out;
    }
}

/// The values of one row, without the zeros around them.
fn row_of((values, place): (&[f32], Place), row: usize) -> &[f32] {
    let start = place.first() + row * place.row_len();
    &values[start..start + place.inner]
}
