//! A chain of convolutions and pools, which Afield's kernels can run.
//!
//! A chain has no branches and no operations except those of [`Kind`]. Any other graph is rejected
//! with a reason. `chain_reader` builds it node by node.

use super::activation::Activation;
use super::kernel::Kernel;

/// Layers from frames to an embedding.
#[derive(Debug)]
pub(super) struct Chain {
    pub(super) layers: Vec<Layer>,
}

/// One step of the chain. Values are stored as `[rows, bands, channels]`.
#[derive(Debug, Clone)]
pub(super) struct Layer {
    pub(super) kind: Kind,
    pub(super) kernel: Kernel,
    pub(super) activation: Activation,
    /// Rows of zeros before and after the rows of a window.
    pub(super) row_padding: (usize, usize),
    /// Zeros before and after the bands.
    pub(super) band_padding: (usize, usize),
    pub(super) input: Size,
    pub(super) output: Size,
}

/// The size of a window's values at one point of the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) rows: usize,
    pub(super) bands: usize,
    pub(super) channels: usize,
}

#[derive(Debug, Clone)]
pub(super) enum Kind {
    /// A convolution over all channels, with weights `[rows, bands, inputs, outputs]`.
    Dense { weights: Vec<f32>, bias: Vec<f32> },
    /// A convolution of each channel alone, with weights `[rows, bands, channels]`.
    Depthwise { weights: Vec<f32>, bias: Vec<f32> },
    /// The largest value of each channel.
    MaxPool,
}

/// How a convolution or pool slides over its input.
#[derive(Debug)]
pub(super) struct Geometry {
    /// Whether the first axis is a batch axis, of length 1.
    pub(super) batched: bool,
    /// Whether channels are the last axis, not the first.
    pub(super) channels_last: bool,
    /// The movement along each of the other axes.
    pub(super) spatial: Vec<Sliding>,
}

/// How a kernel slides along one axis.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sliding {
    pub(super) kernel: usize,
    pub(super) stride: usize,
    pub(super) dilation: usize,
    /// Zeros before and after the input.
    pub(super) padding: (usize, usize),
    /// Number of outputs.
    pub(super) outputs: usize,
}

impl Geometry {
    pub(super) fn first_spatial_axis(&self) -> usize {
        usize::from(self.batched) + usize::from(!self.channels_last)
    }
}

/// Arithmetic with a constant.
#[derive(Debug, Clone, Copy)]
pub(super) enum Binary {
    Add,
    Sub,
    Mul,
    Div,
    Max,
    Min,
}

/// What an axis of a tensor means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Axis {
    /// An axis of length 1 without a meaning.
    Unit,
    Rows,
    Bands,
    Channels,
}

/// A result, or the reason why a graph is not a chain.
pub(super) type Read<T> = Result<T, String>;

impl Chain {
    /// The reason why the chain cannot be streamed; `None` if it can.
    pub(super) fn not_streamable_because(&self, hop_frames: usize) -> Option<String> {
        if self.layers.iter().any(|layer| layer.row_padding != (0, 0)) {
            return Some("a convolution pads across time".to_owned());
        }
        let stride = self.row_stride();
        (!hop_frames.is_multiple_of(stride)).then(|| {
            format!("its {stride} frames a step do not divide the {hop_frames} frames of a hop")
        })
    }

    /// Makes the chain give one row a hop: increases the row stride of the last layer whose kernel
    /// covers several rows. The layers after it use single rows.
    pub(super) fn stride_by_hops(&mut self, hop_frames: usize) {
        let factor = hop_frames / self.row_stride();
        let across = self.layers.iter_mut().rfind(|l| l.kernel.rows > 1);
        if let Some(layer) = across {
            layer.kernel.row_stride *= factor;
        } else if let Some(layer) = self.layers.first_mut() {
            layer.kernel.row_stride *= factor;
        }
    }

    /// Frames that the last row depends on.
    pub(super) fn receptive_frames(&self) -> usize {
        let layers = self.layers.iter().rev();
        layers.fold(1, |rows, layer| layer.kernel.rows_for(rows))
    }

    fn row_stride(&self) -> usize {
        self.layers.iter().map(|l| l.kernel.row_stride).product()
    }
}

impl Kind {
    /// Sums the values under the kernel with one weight for all.
    pub(super) fn depthwise_alike(weight: f32) -> Self {
        Self::Depthwise {
            weights: vec![weight],
            bias: vec![0.0],
        }
    }

    /// Repeats the weights for `taps` values under the kernel and for `channels` channels.
    pub(super) fn for_taps(self, taps: usize, channels: usize) -> Self {
        match self {
            Self::Depthwise { weights, bias } => Self::Depthwise {
                weights: weights.repeat(taps * channels),
                bias: bias.repeat(channels),
            },
            other => other,
        }
    }
}
