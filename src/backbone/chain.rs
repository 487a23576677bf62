//! A graph read as a chain of convolutions and pools, where it is one.
//!
//! tract parses the file, folds constants and infers shapes; this module asks
//! what is left between input and output. A chain (no branches, no operation
//! beyond those of [`Kind`]) can be run by kernels that were made for it. Any
//! other graph is refused with a reason, and tract runs it.
//!
//! Axes are followed by meaning (time, bands, channels), never by position or
//! by name, so that layout changes on the way cost nothing.

use tract_core::ops::binary::TypedBinOp;
use tract_core::ops::cast::Cast;
use tract_core::ops::change_axes::AxisOp;
use tract_core::ops::cnn::{Conv, KernelFormat, MaxPool, PoolSpec, SumPool};
use tract_core::ops::element_wise::ElementWiseOp;
use tract_core::ops::nn::{LeakyRelu, Reduce, Reducer};
use tract_core::ops::source::TypedSource;
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::*;

use super::Layout;
use super::activation::Activation;
use super::kernel::Kernel;

/// Layers from frames to an embedding.
#[derive(Debug)]
pub(super) struct Chain {
    pub(super) layers: Vec<Layer>,
}

/// One step of the chain. Values lie as `[rows, bands, channels]`.
#[derive(Debug)]
pub(super) struct Layer {
    pub(super) kind: Kind,
    pub(super) kernel: Kernel,
    pub(super) activation: Activation,
    /// Zeros wanted before and after the rows of a window.
    pub(super) row_padding: (usize, usize),
    /// Zeros wanted beside the bands.
    pub(super) band_padding: (usize, usize),
    pub(super) input: Size,
    pub(super) output: Size,
}

/// The size of what a window is at some point of the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) rows: usize,
    pub(super) bands: usize,
    pub(super) channels: usize,
}

#[derive(Debug)]
pub(super) enum Kind {
    /// Over all channels: weights `[rows, bands, inputs, outputs]`.
    Dense { weights: Vec<f32>, bias: Vec<f32> },
    /// Channel by channel: weights `[rows, bands, channels]`.
    Depthwise { weights: Vec<f32>, bias: Vec<f32> },
    /// The largest of each channel.
    MaxPool,
}

/// What an axis of a tensor means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Axis {
    /// Of length 1, and nothing.
    Unit,
    Rows,
    Bands,
    Channels,
}

type Read<T> = Result<T, String>;

/// Values that a layer may see at once: what a file says of padding becomes
/// memory.
const MOST_VALUES: usize = 1 << 26;

impl Chain {
    /// Reads `model`, whose input is one window of `layout`.
    pub(super) fn read(model: &TypedModel, layout: &Layout) -> Read<Self> {
        let mut reader = Reader::new(layout);
        for node in path(model)? {
            reader.node(model, node)?;
        }
        reader.finish(layout)
    }

    /// Why the chain cannot run step by step, where it cannot.
    pub(super) fn not_streamable_because(&self, hop_frames: usize) -> Option<String> {
        if self.layers.iter().any(|layer| layer.row_padding != (0, 0)) {
            return Some("a convolution pads across time".to_owned());
        }
        let stride = self.row_stride();
        (!hop_frames.is_multiple_of(stride)).then(|| {
            format!("its {stride} frames a step do not divide the {hop_frames} frames of a hop")
        })
    }

    /// Makes the chain give one row a hop, by striding where time is last
    /// looked across. What comes after looks at single rows.
    pub(super) fn stride_by_hops(&mut self, hop_frames: usize) {
        let factor = hop_frames / self.row_stride();
        let across = self.layers.iter_mut().rfind(|l| l.kernel.rows > 1);
        if let Some(layer) = across {
            layer.kernel.row_stride *= factor;
        } else if let Some(layer) = self.layers.first_mut() {
            layer.kernel.row_stride *= factor;
        }
    }

    /// Frames that the last row sees.
    pub(super) fn receptive_frames(&self) -> usize {
        let layers = self.layers.iter().rev();
        layers.fold(1, |rows, layer| layer.kernel.rows_for(rows))
    }

    fn row_stride(&self) -> usize {
        self.layers.iter().map(|l| l.kernel.row_stride).product()
    }
}

/// The nodes from the source to the output, when each has one input that is no
/// constant.
fn path(model: &TypedModel) -> Read<Vec<&TypedNode>> {
    let mut outlet = *model.outputs.first().ok_or("it has no output")?;
    let mut path = Vec::new();
    loop {
        let node = model.nodes.get(outlet.node).ok_or("an outlet is missing")?;
        if outlet.slot != 0 {
            return Err(format!("{} has several outputs", node.op.name()));
        }
        if node.op_is::<TypedSource>() {
            path.reverse();
            return Ok(path);
        }
        if path.len() > model.nodes.len() {
            return Err("it has a cycle".to_owned());
        }
        let mut data = (node.inputs.iter()).filter(|&&input| constant(model, input).is_none());
        match (data.next(), data.next()) {
            (Some(&only), None) => outlet = only,
            _ => return Err(format!("{} joins several paths", node.op.name())),
        }
        path.push(node);
    }
}

/// The constant at `outlet`, seen through casts and moved axes.
fn constant(model: &TypedModel, outlet: OutletId) -> Option<Arc<Tensor>> {
    let fact = model.outlet_fact(outlet).ok()?;
    if let Some(value) = &fact.konst {
        return Some(Arc::clone(value));
    }
    let node = model.nodes.get(outlet.node)?;
    let input = *node.inputs.first()?;
    if node.op_is::<Cast>() && fact.datum_type == f32::datum_type() {
        return Some(Arc::new(
            constant(model, input)?.cast_to::<f32>().ok()?.into_owned(),
        ));
    }
    let op = node.op_as::<AxisOp>()?;
    let mut value = constant(model, input)?.as_ref().clone();
    op.change_tensor(&mut value, false).ok()?;
    Some(Arc::new(value))
}

fn floats(tensor: &Tensor) -> Read<Vec<f32>> {
    let plain = tensor.try_as_plain_ram().map_err(|e| format!("{e:#}"))?;
    let values = plain.as_slice::<f32>().map_err(|e| format!("{e:#}"))?;
    Ok(values.to_vec())
}

/// The chain so far, and what the next node's input looks like.
struct Reader {
    layers: Vec<Layer>,
    axes: Vec<Axis>,
    size: Size,
}

impl Reader {
    fn new(layout: &Layout) -> Self {
        let mut axes = vec![Axis::Unit; layout.input.len()];
        axes[layout.frames_axis] = Axis::Rows;
        axes[layout.bands_axis] = Axis::Bands;
        Self {
            layers: Vec::new(),
            axes,
            size: Size {
                rows: layout.window_frames,
                bands: layout.bands,
                channels: 1,
            },
        }
    }

    fn finish(self, layout: &Layout) -> Read<Chain> {
        let Size {
            rows,
            bands,
            channels,
        } = self.size;
        // One of the two is the embedding: then their order says nothing.
        let flat = rows == 1 && bands.min(channels) == 1 && bands * channels == layout.size;
        if self.layers.is_empty() || !flat {
            return Err(format!(
                "it ends with {rows} rows of {bands} bands of {channels} channels"
            ));
        }
        Ok(Chain {
            layers: self.layers,
        })
    }

    fn node(&mut self, model: &TypedModel, node: &TypedNode) -> Read<()> {
        let refuse = || Err(format!("{} is no layer of a chain", node.op.name()));
        if let Some(op) = node.op_as::<AxisOp>() {
            self.axis(op)?;
        } else if let Some(op) = node.op_as::<Conv>() {
            self.conv(model, node, op)?;
        } else if let Some(op) = node.op_as::<MaxPool>() {
            self.pool(&op.pool_spec, |_| Kind::MaxPool)?;
        } else if let Some(op) = node.op_as::<SumPool>() {
            let average = op.normalize;
            self.pool(&op.pool_spec, |taps| {
                let weight = if average { 1.0 / taps as f32 } else { 1.0 };
                Kind::depthwise_alike(weight)
            })?;
        } else if let Some(op) = node.op_as::<Reduce>() {
            self.reduce(op)?;
        } else if let Some(op) = node.op_as::<ElementWiseOp>() {
            match op.0.downcast_ref::<LeakyRelu>() {
                Some(leaky) => self.activate(|a| a.then_leaky(leaky.alpha))?,
                None => return refuse(),
            }
        } else if let Some(op) = node.op_as::<TypedBinOp>() {
            self.binary(model, node, op)?;
        } else {
            return refuse();
        }
        self.agrees_with(model, node)
    }

    /// Holds the size followed here against the one that tract inferred.
    fn agrees_with(&self, model: &TypedModel, node: &TypedNode) -> Read<()> {
        let fact = model.outlet_fact(node.id.into());
        let shape = fact
            .ok()
            .and_then(|f| f.shape.as_concrete().map(<[_]>::to_vec));
        let expected: Vec<usize> = self.axes.iter().map(|&axis| self.length(axis)).collect();
        if shape.as_ref() == Some(&expected) {
            return Ok(());
        }
        Err(format!(
            "{} gives {shape:?}, not {expected:?}",
            node.op.name()
        ))
    }

    fn length(&self, axis: Axis) -> usize {
        match axis {
            Axis::Unit => 1,
            Axis::Rows => self.size.rows,
            Axis::Bands => self.size.bands,
            Axis::Channels => self.size.channels,
        }
    }

    fn axis(&mut self, op: &AxisOp) -> Read<()> {
        match *op {
            AxisOp::Add(at) if at <= self.axes.len() => self.axes.insert(at, Axis::Unit),
            AxisOp::Rm(at) if at < self.axes.len() && self.length(self.axes[at]) == 1 => {
                self.axes.remove(at);
            }
            AxisOp::Move(from, to) if from.max(to) < self.axes.len() => {
                let axis = self.axes.remove(from);
                self.axes.insert(to, axis);
            }
            _ => return Err(format!("{op:?} moves data")),
        }
        Ok(())
    }

    fn conv(&mut self, model: &TypedModel, node: &TypedNode, op: &Conv) -> Read<()> {
        if op.kernel_fmt != KernelFormat::OIHW || op.q_params.is_some() {
            return Err("a convolution is quantised or laid out in another way".to_owned());
        }
        let places = self.places(&op.pool_spec)?;
        let (inputs, outputs) = (op.pool_spec.input_channels, op.pool_spec.output_channels);
        let group_inputs = match op.group {
            1 => inputs,
            group if group == inputs && inputs == outputs => 1,
            group => return Err(format!("a convolution has {group} groups")),
        };
        let input = |slot: usize| node.inputs.get(slot).and_then(|&o| constant(model, o));
        let weights = input(1).ok_or("a convolution's weights are computed")?;
        let bias = floats(&*input(2).ok_or("a convolution's bias is computed")?)?;
        let bias = match bias.len() {
            1 => vec![bias[0]; outputs],
            n if n == outputs => bias,
            n => {
                return Err(format!(
                    "a convolution has {n} biases for {outputs} channels"
                ));
            }
        };
        let layer = self.layer(&op.pool_spec, &places, true)?;
        let (rows, bands) = (layer.kernel.rows, layer.kernel.bands);
        if weights.len() != outputs * group_inputs * rows * bands {
            return Err(format!("a convolution has {} weights", weights.len()));
        }
        let given = floats(&weights)?;
        // From [outputs, inputs, spatial…] to [rows, bands, inputs, outputs].
        let (row_step, band_step) = places.kernel_steps(&op.pool_spec.kernel_shape);
        let mut weights = Vec::with_capacity(given.len());
        for row in 0..rows {
            for band in 0..bands {
                let tap = row * row_step + band * band_step;
                for i in 0..group_inputs {
                    for o in 0..outputs {
                        weights.push(given[(o * group_inputs + i) * rows * bands + tap]);
                    }
                }
            }
        }
        let kind = if op.group == 1 {
            Kind::Dense { weights, bias }
        } else {
            Kind::Depthwise { weights, bias }
        };
        self.push(Layer { kind, ..layer }, outputs);
        self.axes = places.axes_after(self.axes.len());
        Ok(())
    }

    fn pool(&mut self, spec: &PoolSpec, kind: impl Fn(usize) -> Kind) -> Read<()> {
        let places = self.places(spec)?;
        let mut layer = self.layer(spec, &places, false)?;
        layer.kind = kind(layer.kernel.rows * layer.kernel.bands)
            .for_taps(layer.kernel.rows * layer.kernel.bands, self.size.channels);
        self.push(layer, self.size.channels);
        self.axes = places.axes_after(self.axes.len());
        Ok(())
    }

    /// A sum over whole axes is a depthwise kernel of their extent.
    fn reduce(&mut self, op: &Reduce) -> Read<()> {
        let over = |axis| op.axes.iter().any(|&at| self.axes.get(at) == Some(&axis));
        if op.reducer != Reducer::Sum || over(Axis::Channels) {
            return Err(format!("{:?} over axes {:?}", op.reducer, op.axes));
        }
        let kernel = Kernel {
            rows: if over(Axis::Rows) { self.size.rows } else { 1 },
            bands: if over(Axis::Bands) {
                self.size.bands
            } else {
                1
            },
            ..Kernel::POINT
        };
        let kind =
            Kind::depthwise_alike(1.0).for_taps(kernel.rows * kernel.bands, self.size.channels);
        let layer = Layer {
            kind,
            kernel,
            activation: Activation::IDENTITY,
            row_padding: (0, 0),
            band_padding: (0, 0),
            input: self.size,
            output: Size {
                rows: self.size.rows + 1 - kernel.rows,
                bands: self.size.bands + 1 - kernel.bands,
                channels: self.size.channels,
            },
        };
        self.push(layer, self.size.channels);
        Ok(())
    }

    /// Arithmetic with a constant, the same for all values or one a channel.
    fn binary(&mut self, model: &TypedModel, node: &TypedNode, op: &TypedBinOp) -> Read<()> {
        let name = op.0.name();
        let constants = [0, 1].map(|i| node.inputs.get(i).and_then(|&o| constant(model, o)));
        let (value, first) = match constants {
            [Some(value), None] => (value, true),
            [None, Some(value)] => (value, false),
            _ => return Err(format!("{name} has no constant side")),
        };
        let values = floats(&value)?;
        let by_channel = (value.shape().iter().enumerate())
            .all(|(at, &n)| n == 1 || self.axes.get(at) == Some(&Axis::Channels));
        if !by_channel || value.rank() > self.axes.len() || values.is_empty() {
            return Err(format!(
                "{name} with a constant of shape {:?}",
                value.shape()
            ));
        }
        let one = values[0];
        let uniform = values.iter().all(|v| v.to_bits() == one.to_bits());
        match name {
            "Max" if uniform => self.activate(|a| a.then_max(one)),
            "Min" if uniform => self.activate(|a| a.then_min(one)),
            "Mul" => self.scale(&values, &[0.0]),
            "Div" if !first => {
                let inverse: Vec<f32> = values.iter().map(|v| 1.0 / v).collect();
                self.scale(&inverse, &[0.0])
            }
            "Add" => self.scale(&[1.0], &values),
            "Sub" if !first => {
                let negative: Vec<f32> = values.iter().map(|v| -v).collect();
                self.scale(&[1.0], &negative)
            }
            _ => Err(format!("{name} is no layer of a chain")),
        }
    }

    fn activate(&mut self, then: impl Fn(Activation) -> Option<Activation>) -> Read<()> {
        let last = self.layers.last_mut();
        if let Some(layer) = last
            && let Some(activation) = then(layer.activation)
        {
            layer.activation = activation;
            return Ok(());
        }
        let activation = then(Activation::IDENTITY).ok_or("an activation is not supported")?;
        self.scale_apart(1.0, 0.0, activation);
        Ok(())
    }

    /// `scale * x + shift`, folded into the layer before where that is linear
    /// to its end.
    fn scale(&mut self, scale: &[f32], shift: &[f32]) -> Read<()> {
        if scale.iter().chain(shift).any(|v| !v.is_finite()) {
            return Err("a constant is not finite".to_owned());
        }
        let foldable = self.layers.last().is_some_and(|layer| {
            layer.activation == Activation::IDENTITY && !matches!(layer.kind, Kind::MaxPool)
        });
        if !foldable {
            self.scale_apart(1.0, 0.0, Activation::IDENTITY);
        }
        let Some(Layer {
            kind: Kind::Dense { weights, bias } | Kind::Depthwise { weights, bias },
            ..
        }) = self.layers.last_mut()
        else {
            return Err("nothing can be scaled".to_owned());
        };
        for line in weights.chunks_exact_mut(bias.len()) {
            for (weight, scale) in line.iter_mut().zip(scale.iter().cycle()) {
                *weight *= scale;
            }
        }
        let factors = scale.iter().cycle().zip(shift.iter().cycle());
        for (bias, (scale, shift)) in bias.iter_mut().zip(factors) {
            *bias = *bias * scale + shift;
        }
        Ok(())
    }

    /// A layer that scales, shifts and activates every value alike.
    fn scale_apart(&mut self, scale: f32, shift: f32, activation: Activation) {
        let channels = self.size.channels;
        let layer = Layer {
            kind: Kind::Depthwise {
                weights: vec![scale; channels],
                bias: vec![shift; channels],
            },
            kernel: Kernel::POINT,
            activation,
            row_padding: (0, 0),
            band_padding: (0, 0),
            input: self.size,
            output: self.size,
        };
        self.push(layer, channels);
    }

    fn push(&mut self, layer: Layer, channels: usize) {
        self.size = Size {
            channels,
            ..layer.output
        };
        self.layers.push(Layer {
            output: self.size,
            ..layer
        });
    }

    /// Finds out which of the input's axes a convolution or pool works on.
    fn places(&mut self, spec: &PoolSpec) -> Read<Places> {
        let rank = self.axes.len();
        let batched = spec.data_format.has_n();
        let channels_last = spec.data_format.c_is_last();
        let channels = match (channels_last, batched) {
            (true, _) => rank.wrapping_sub(1),
            (false, batched) => usize::from(batched),
        };
        let first = usize::from(batched) + usize::from(!channels_last);
        let spatial: Vec<usize> = (first..first + spec.rank()).collect();
        let whole = rank == spec.rank() + 1 + usize::from(batched);
        if !whole || (batched && self.axes[0] != Axis::Unit) {
            return Err("a layer works on a batch".to_owned());
        }
        let known = |axis| spatial.iter().any(|&at| self.axes[at] == axis);
        match self.axes[channels] {
            Axis::Channels => {}
            Axis::Unit if self.size.channels == 1 && !known(Axis::Channels) => {}
            // Bands that are channels from here on lie in memory as they did.
            Axis::Bands if self.size.channels == 1 => {
                self.size.channels = std::mem::replace(&mut self.size.bands, 1);
                if let Some(layer) = self.layers.last_mut() {
                    layer.output = self.size;
                }
            }
            other => return Err(format!("a layer mixes {other:?}")),
        }
        self.axes[channels] = Axis::Channels;
        let mut places = Places {
            channels,
            rows: None,
            bands: None,
            spatial,
        };
        for (index, &at) in places.spatial.iter().enumerate() {
            match self.axes[at] {
                Axis::Rows => places.rows = Some(index),
                Axis::Bands => places.bands = Some(index),
                Axis::Unit => {}
                Axis::Channels => return Err("a layer slides over channels".to_owned()),
            }
        }
        // A further axis, of length 1 so far, takes the place of missing bands.
        for index in 0..places.spatial.len() {
            if places.rows == Some(index) || places.bands == Some(index) {
                continue;
            }
            if places.bands.is_none() && self.size.bands == 1 {
                places.bands = Some(index);
            } else if spec.kernel_shape[index] != 1 {
                return Err("a layer slides over three axes".to_owned());
            }
        }
        if (self.size.bands > 1 && places.bands.is_none())
            || (self.size.rows > 1 && places.rows.is_none())
        {
            return Err("a layer treats time or bands as a batch".to_owned());
        }
        Ok(places)
    }

    /// The layer of a convolution or pool but for what it does.
    fn layer(&self, spec: &PoolSpec, places: &Places, may_pad: bool) -> Read<Layer> {
        let lengths: TVec<usize> = (0..spec.rank())
            .map(|index| match index {
                i if Some(i) == places.rows => self.size.rows,
                i if Some(i) == places.bands => self.size.bands,
                _ => 1,
            })
            .collect();
        let padded = spec.computed_padding(&lengths);
        let strides = spec.strides();
        let dilations = spec.dilations();
        let along = |index: Option<usize>| match index {
            None => (1, 1, 1, (0, 0), 1),
            Some(i) => (
                spec.kernel_shape[i],
                strides[i],
                dilations[i],
                (padded[i].pad_before, padded[i].pad_after),
                padded[i].convoluted,
            ),
        };
        let (rows, row_stride, row_dilation, row_padding, rows_out) = along(places.rows);
        let (bands, band_stride, band_dilation, band_padding, bands_out) = along(places.bands);
        let others_point = (0..spec.rank()).all(|i| {
            Some(i) == places.rows || Some(i) == places.bands || padded[i].convoluted == 1
        });
        if (band_dilation != 1 && bands > 1) || !others_point {
            return Err("a layer is dilated across bands".to_owned());
        }
        if !may_pad && (row_padding, band_padding) != ((0, 0), (0, 0)) {
            return Err("a pool pads".to_owned());
        }
        let kernel = Kernel {
            rows,
            row_stride,
            row_dilation,
            bands,
            band_stride,
        };
        let padded_rows = row_padding.0 + self.size.rows + row_padding.1;
        let padded_bands = band_padding.0 + self.size.bands + band_padding.1;
        let fits = rows > 0
            && bands > 0
            && row_stride > 0
            && band_stride > 0
            && row_dilation > 0
            && kernel.rows_from(padded_rows) == rows_out
            && rows_out > 0
            && bands_out > 0
            && (bands_out - 1) * band_stride + bands <= padded_bands;
        if !fits {
            return Err("a layer reaches beyond its input".to_owned());
        }
        let values = [padded_rows, padded_bands, self.size.channels]
            .into_iter()
            .try_fold(1usize, |n, size| n.checked_mul(size));
        if values.is_none_or(|values| values > MOST_VALUES) {
            return Err("a layer's input with its padding is too large".to_owned());
        }
        Ok(Layer {
            kind: Kind::MaxPool,
            kernel,
            activation: Activation::IDENTITY,
            row_padding,
            band_padding,
            input: self.size,
            output: Size {
                rows: rows_out,
                bands: bands_out,
                channels: self.size.channels,
            },
        })
    }
}

/// Which axes of its input a convolution or pool works on.
struct Places {
    channels: usize,
    spatial: Vec<usize>,
    /// Index of the rows among the spatial axes.
    rows: Option<usize>,
    bands: Option<usize>,
}

impl Places {
    /// How far apart weights of neighbouring rows and bands are.
    fn kernel_steps(&self, kernel_shape: &[usize]) -> (usize, usize) {
        let step = |index: Option<usize>| match index {
            Some(i) => kernel_shape[i + 1..].iter().product(),
            None => 0,
        };
        (step(self.rows), step(self.bands))
    }

    fn axes_after(&self, rank: usize) -> Vec<Axis> {
        let mut axes = vec![Axis::Unit; rank];
        axes[self.channels] = Axis::Channels;
        for (index, &at) in self.spatial.iter().enumerate() {
            if self.rows == Some(index) {
                axes[at] = Axis::Rows;
            } else if self.bands == Some(index) {
                axes[at] = Axis::Bands;
            }
        }
        axes
    }
}

impl Kind {
    /// Adds up what it sees, each value weighted alike.
    fn depthwise_alike(weight: f32) -> Self {
        Self::Depthwise {
            weights: vec![weight],
            bias: vec![0.0],
        }
    }

    /// The same for so many values under the kernel, and channels.
    fn for_taps(self, taps: usize, channels: usize) -> Self {
        match self {
            Self::Depthwise { weights, bias } => Self::Depthwise {
                weights: weights.repeat(taps * channels),
                bias: bias.repeat(channels),
            },
            other => other,
        }
    }
}
