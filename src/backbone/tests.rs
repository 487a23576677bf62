//! Random chains, run by Afield's kernels and by tract.

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tract_core::ops::change_axes::AxisOp;
use tract_core::ops::cnn::{Conv, KernelFormat, MaxPool, PaddingSpec, PoolSpec};
use tract_core::ops::math;
use tract_core::ops::nn::{DataFormat, Reduce, Reducer, leaky_relu};
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::*;

use std::path::{Path, PathBuf};

use super::graph::Graph;
use super::{Layout, chain_of_onnx, chain_of_tract, native};
use crate::model::Card;

/// A graph of random layers and weights, built as tract would read it.
struct Draft {
    model: TypedModel,
    wire: OutletId,
    rng: ChaCha8Rng,
    /// `[1, channels, rows, bands]`
    shape: [usize; 4],
    row_stride: usize,
    nodes: usize,
}

impl Draft {
    fn add(&mut self, op: impl Into<Box<dyn TypedOp>>, inputs: &[OutletId]) {
        self.nodes += 1;
        let name = format!("n{}", self.nodes);
        let mut wires = vec![self.wire];
        wires.extend_from_slice(inputs);
        self.wire = self.model.wire_node(name, op, &wires).unwrap()[0];
        let fact = self.model.outlet_fact(self.wire).unwrap();
        if let Ok(shape) = <[usize; 4]>::try_from(fact.shape.as_concrete().unwrap()) {
            self.shape = shape;
        }
    }

    fn constant(&mut self, shape: &[usize], scale: f32) -> OutletId {
        let len = shape.iter().product();
        let rng = &mut self.rng;
        let values: Vec<f32> = (0..len).map(|_| rng.random_range(-scale..scale)).collect();
        self.nodes += 1;
        let tensor = Tensor::from_shape(shape, &values).unwrap();
        self.model
            .add_const(format!("c{}", self.nodes), tensor)
            .unwrap()
    }

    fn scalar(&mut self, value: f32) -> OutletId {
        self.nodes += 1;
        let tensor = Tensor::from_shape(&[1, 1, 1, 1], &[value]).unwrap();
        self.model
            .add_const(format!("c{}", self.nodes), tensor)
            .unwrap()
    }

    fn spec(&self, kernel: [usize; 2], stride: [usize; 2], outputs: usize) -> PoolSpec {
        PoolSpec {
            data_format: DataFormat::NCHW,
            kernel_shape: kernel.as_slice().into(),
            padding: PaddingSpec::Valid,
            dilations: None,
            strides: Some(stride.as_slice().into()),
            input_channels: self.shape[1],
            output_channels: outputs,
        }
    }

    fn conv(&mut self, spec: PoolSpec, group: usize) {
        let (inputs, outputs) = (spec.input_channels / group, spec.output_channels);
        let taps: usize = spec.kernel_shape.iter().product();
        let scale = 1.7 / ((inputs * taps) as f32).sqrt();
        let shape = [outputs, inputs, spec.kernel_shape[0], spec.kernel_shape[1]];
        let weights = self.constant(&shape, scale);
        let bias = self.constant(&[outputs], 0.3);
        self.row_stride *= spec.stride(0);
        let op = Conv {
            pool_spec: spec,
            kernel_fmt: KernelFormat::OIHW,
            group,
            q_params: None,
        };
        self.add(op, &[weights, bias]);
    }

    fn layer(&mut self, pads: bool) {
        let [_, channels, rows, bands] = self.shape;
        let kernel = [
            self.rng.random_range(1..=3.min(rows)),
            self.rng.random_range(1..=3.min(bands)),
        ];
        let mut stride = [1, 1];
        if rows > 6 && self.row_stride < 4 {
            stride[0] = self.rng.random_range(1..=2);
        }
        if bands > 4 {
            stride[1] = self.rng.random_range(1..=2);
        }
        match self.rng.random_range(0..5) {
            0 if bands >= 2 && rows >= 2 => {
                self.row_stride *= stride[0];
                let pool_spec = self.spec([kernel[0].min(2), 2], stride, channels);
                self.add(
                    MaxPool {
                        pool_spec,
                        with_index_outputs: None,
                    },
                    &[],
                );
            }
            1 | 2 if channels > 1 => {
                let mut spec = self.spec(kernel, stride, channels);
                spec.padding = self.padding(kernel, pads);
                if self.rng.random_bool(0.3) && rows > 8 && !pads {
                    spec.dilations = Some(tvec![2, 1]);
                }
                self.conv(spec, channels);
            }
            _ => {
                let outputs = [1, 3, 8, 17, 24, 40][self.rng.random_range(0..6)];
                let mut spec = self.spec(kernel, stride, outputs);
                spec.padding = self.padding(kernel, pads);
                self.conv(spec, 1);
            }
        }
        match self.rng.random_range(0..5) {
            0 => {
                let zero = self.scalar(0.0);
                self.add(math::max(), &[zero]);
                let six = self.scalar(1.5);
                self.add(math::min(), &[six]);
            }
            1 => {
                self.add(leaky_relu(0.2), &[]);
                let low = self.scalar(-0.1);
                self.add(math::max(), &[low]);
            }
            2 => {
                let scale = self.constant(&[1, self.shape[1], 1, 1], 1.5);
                self.add(math::mul(), &[scale]);
                let shift = self.constant(&[1, self.shape[1], 1, 1], 0.5);
                self.add(math::add(), &[shift]);
            }
            _ => {}
        }
    }

    fn padding(&mut self, kernel: [usize; 2], pads: bool) -> PaddingSpec {
        if pads && self.rng.random_bool(0.7) {
            return PaddingSpec::SameUpper;
        }
        let (before, after) = match kernel[1] {
            3 => (self.rng.random_range(0..=1), 1),
            _ => (0, 0),
        };
        PaddingSpec::Explicit(tvec![0, before], tvec![0, after])
    }
}

/// A random graph that gives one embedding a window, and its layout.
fn random_graph(seed: u64) -> (TypedModel, Layout) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (rows, bands) = (rng.random_range(12..=40), rng.random_range(1..=12));
    let hop_frames = [4, 8, 8, 12, 5][rng.random_range(0..5)];
    let pads = rng.random_bool(0.4);
    let mut model = TypedModel::default();
    let input = [1, rows, bands, 1];
    let wire = model.add_source("frames", f32::fact(input)).unwrap();
    let mut draft = Draft {
        model,
        wire,
        rng,
        shape: [1, 1, rows, bands],
        row_stride: 1,
        nodes: 0,
    };
    draft.add(AxisOp::Move(3, 1), &[]);
    for _ in 0..draft.rng.random_range(2..6) {
        draft.layer(pads);
    }
    let [_, channels, rows, bands] = draft.shape;
    if draft.rng.random_bool(0.5) {
        let spec = draft.spec([rows, bands], [1, 1], 20);
        draft.conv(spec, 1);
    } else {
        let reduce = Reduce::new(tvec![2, 3], Reducer::Sum);
        draft.add(reduce, &[]);
        let count = draft.scalar((rows * bands) as f32);
        draft.add(math::div(), &[count]);
    }
    let size = if draft.shape[1] == channels {
        channels
    } else {
        20
    };
    let outlet = draft.wire;
    draft.model.select_output_outlets(&[outlet]).unwrap();
    let layout = Layout {
        frames_axis: 1,
        bands_axis: 2,
        bands: input[2],
        channels: 1,
        window_frames: input[1],
        hop_frames,
        size,
        input: input.to_vec(),
    };
    (draft.model, layout)
}

fn frames(rng: &mut impl Rng, layout: &Layout, hops: usize) -> Vec<f32> {
    let count = layout.window_frames + hops * layout.hop_frames;
    (0..count * layout.bands)
        .map(|_| rng.random_range(-2.0..2.0))
        .collect()
}

fn push(plan: &native::Plan, layout: &Layout, pieces: &[&[f32]]) -> Vec<f32> {
    let (mut stream, mut out) = (plan.stream(layout), Vec::new());
    for piece in pieces {
        stream.push(layout, piece, &mut out);
    }
    out
}

#[test]
fn random_chains_agree_with_tract_in_every_execution() {
    let (mut streamed, mut padded) = (0, 0);
    for seed in 0..150 {
        let (model, layout) = random_graph(seed);
        let chain = chain_of_tract::read(&model, &layout).unwrap_or_else(|e| panic!("{seed}: {e}"));
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let frames = frames(&mut rng, &layout, 23);
        let tract = model.into_decluttered().unwrap();
        let tract = tract.into_optimized().unwrap().into_runnable().unwrap();
        let windows = native::Plan::windowed(&chain, &layout);
        let actual = push(&windows, &layout, &[&frames]);
        let step = layout.hop_frames * layout.bands;
        let window = layout.window_frames * layout.bands;
        let mut expected = Vec::new();
        for hop in 0..24 {
            let input = layout
                .tensor(&frames[hop * step..hop * step + window])
                .unwrap();
            let output = tract.run(tvec!(input.into())).unwrap();
            let output = output[0].try_as_plain_ram().unwrap();
            expected.extend_from_slice(output.as_slice::<f32>().unwrap());
        }
        assert_eq!(actual.len(), expected.len(), "seed {seed}");
        let scale = expected.iter().fold(1.0f32, |m, x| m.max(x.abs()));
        for (a, e) in actual.iter().zip(&expected) {
            assert!((a - e).abs() < 2e-5 * scale, "seed {seed}: {a} for {e}");
        }
        // Any division into pushes, and streaming if it is possible, gives the same bits.
        let mut pieces: Vec<&[f32]> = Vec::new();
        let mut rest = frames.as_slice();
        while !rest.is_empty() {
            let rows = rng.random_range(1..=2 * layout.window_frames);
            let (piece, later) = rest.split_at((rows * layout.bands).min(rest.len()));
            (rest, pieces) = (later, [pieces, vec![piece]].concat());
        }
        assert_eq!(push(&windows, &layout, &pieces), actual, "seed {seed}");
        match native::Plan::streaming(chain, &layout) {
            Ok(plan) => {
                streamed += 1;
                assert_eq!(push(&plan, &layout, &[&frames]), actual, "seed {seed}");
                assert_eq!(push(&plan, &layout, &pieces), actual, "seed {seed}");
            }
            Err(_) => padded += 1,
        }
    }
    println!("{streamed} streamed, {padded} only as windows");
    assert!(streamed > 40 && padded > 40);
}

#[test]
fn padding_beyond_memory_is_rejected_on_reading() {
    let layout = random_graph(0).1;
    let mut model = TypedModel::default();
    let wire = model
        .add_source("frames", f32::fact(&*layout.input))
        .unwrap();
    let mut draft = Draft {
        model,
        wire,
        rng: ChaCha8Rng::seed_from_u64(0),
        shape: [1, 1, layout.window_frames, layout.bands],
        row_stride: 1,
        nodes: 0,
    };
    draft.add(AxisOp::Move(3, 1), &[]);
    let mut spec = draft.spec([1, 1], [1, 1], 2);
    spec.padding = PaddingSpec::Explicit(tvec![0, 1 << 40], tvec![0, 0]);
    draft.conv(spec, 1);
    let outlet = draft.wire;
    draft.model.select_output_outlets(&[outlet]).unwrap();
    let error = chain_of_tract::read(&draft.model, &layout).unwrap_err();
    assert!(error.contains("too large"), "{error}");
}

#[test]
fn a_finished_stream_starts_again() {
    let (model, layout) = random_graph(3);
    let chain = chain_of_tract::read(&model, &layout).unwrap();
    let frames = frames(&mut ChaCha8Rng::seed_from_u64(1), &layout, 5);
    let plan = native::Plan::windowed(&chain, &layout);
    let (mut stream, mut first, mut second) = (plan.stream(&layout), Vec::new(), Vec::new());
    stream.push(&layout, &frames, &mut first);
    stream.reset(&layout);
    stream.push(&layout, &frames, &mut second);
    assert_eq!(first, second);
}

/// Graphs in the repository, with their cards.
fn graphs() -> Vec<(Card, PathBuf)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let fixtures = ["tiny", "squashed", "padded", "squashed-padded"];
    let fixtures = fixtures.map(|name| root.join("tests/fixtures").join(name));
    (fixtures.into_iter().chain([root.join("models/imu")]))
        .map(|path| {
            let card = Card::read(path.with_extension("toml")).unwrap();
            (card, path.with_extension("onnx"))
        })
        .collect()
}

#[test]
fn the_file_reader_and_tract_give_the_same_chain() {
    let mut read = 0;
    for (card, path) in graphs() {
        let (graph, layout) = (Graph::read(&path, &card).unwrap(), Layout::of(&card));
        let of_tract = chain_of_tract::read(&graph.fixed(&layout).unwrap(), &layout);
        let of_file = chain_of_onnx::read(graph.proto.graph.as_ref().unwrap(), &layout);
        let (of_tract, (of_file, shape)) = match (of_tract, of_file) {
            (Ok(of_tract), Ok(of_file)) => (of_tract, of_file),
            (Err(_), Err(_)) => continue,
            (of_tract, of_file) => panic!("{}: {of_tract:?}, {of_file:?}", card.name),
        };
        assert_eq!(shape, card.output.shape, "{}", card.name);
        let frames = frames(&mut ChaCha8Rng::seed_from_u64(7), &layout, 3);
        let [expected, actual] = [of_tract, of_file].map(|chain| {
            let plan = native::Plan::windowed(&chain, &layout);
            push(&plan, &layout, &[&frames])
        });
        for (a, e) in actual.iter().zip(&expected) {
            assert!(
                (a - e).abs() <= 1e-5 * e.abs().max(1.0),
                "{}: {a} for {e}",
                card.name
            );
        }
        read += 1;
    }
    assert!(read >= 3, "{read}");
}
