//! Builds a chain node by node.
//!
//! The reader tracks each axis by its meaning (time, bands, channels), not by its position or name.
//! So layout changes between two layers cost nothing. `chain_of_tract` and `chain_of_onnx` read the
//! nodes of the two forms of a graph.

use super::Layout;
use super::activation::Activation;
use super::chain::{Axis, Binary, Chain, Geometry, Kind, Layer, Read, Size};
use super::kernel::Kernel;

/// The chain so far, and the axes and size of the next node's input.
#[derive(Debug, Clone)]
pub(super) struct Reader {
    pub(super) layers: Vec<Layer>,
    pub(super) axes: Vec<Axis>,
    pub(super) size: Size,
    /// Zeros around the rows and the bands that the next convolution takes in.
    pub(super) row_padding: (usize, usize),
    pub(super) band_padding: (usize, usize),
}

impl Reader {
    pub(super) fn new(layout: &Layout) -> Self {
        let axis = |index: usize| match layout.input[index] {
            _ if index == layout.frames_axis => Axis::Rows,
            _ if index == layout.bands_axis => Axis::Bands,
            1 => Axis::Unit,
            _ => Axis::Channels,
        };
        let axes = (0..layout.input.len()).map(axis).collect();
        Self {
            layers: Vec::new(),
            axes,
            size: Size {
                rows: layout.window_frames,
                bands: layout.bands / layout.channels,
                channels: layout.channels,
            },
            row_padding: (0, 0),
            band_padding: (0, 0),
        }
    }

    pub(super) fn finish(mut self, layout: &Layout) -> Read<Chain> {
        self.check_flat(layout)?;
        let layers = self.take_layers()?;
        if layers.is_empty() {
            return Err("it has no layers".to_owned());
        }
        Ok(Chain { layers })
    }

    /// Checks that the value is an embedding.
    pub(super) fn check_flat(&self, layout: &Layout) -> Read<()> {
        let Size {
            rows,
            bands,
            channels,
        } = self.size;
        // One of the two axes is the embedding and the other has length 1, so their order does not
        // matter.
        if rows == 1 && bands.min(channels) == 1 && bands * channels == layout.size {
            return Ok(());
        }
        Err(format!(
            "it ends with {rows} rows of {bands} bands of {channels} channels"
        ))
    }

    /// The layers so far. Later ones continue with their result.
    pub(super) fn take_layers(&mut self) -> Read<Vec<Layer>> {
        self.unpadded()?;
        Ok(std::mem::take(&mut self.layers))
    }

    /// The shape of the next node's input.
    pub(super) fn shape(&self) -> Vec<usize> {
        self.axes.iter().map(|&axis| self.length(axis)).collect()
    }

    fn length(&self, axis: Axis) -> usize {
        match axis {
            Axis::Unit => 1,
            Axis::Rows => self.row_padding.0 + self.size.rows + self.row_padding.1,
            Axis::Bands => self.band_padding.0 + self.size.bands + self.band_padding.1,
            Axis::Channels => self.size.channels,
        }
    }

    /// Adds zeros before and after each axis, for the convolution that follows.
    #[cfg(feature = "tract")]
    pub(super) fn pad(&mut self, pads: &[(usize, usize)]) -> Read<()> {
        if pads.len() != self.axes.len() {
            return Err("zeros are added to other axes".to_owned());
        }
        for (&axis, &(before, after)) in self.axes.iter().zip(pads) {
            let target = match axis {
                _ if (before, after) == (0, 0) => continue,
                Axis::Rows => &mut self.row_padding,
                Axis::Bands => &mut self.band_padding,
                _ => return Err(format!("zeros are added to {axis:?}")),
            };
            target.0 = target.0.saturating_add(before);
            target.1 = target.1.saturating_add(after);
        }
        Ok(())
    }

    /// Replaces the axes from `at` on, whose lengths are `from`, by axes of the lengths `to`. Only
    /// axes of length 1 may come or go.
    #[cfg(feature = "tract")]
    pub(super) fn reshape(&mut self, at: usize, from: &[usize], to: &[usize]) -> Read<()> {
        let long = |lengths: &[usize]| {
            lengths
                .iter()
                .copied()
                .filter(|&n| n != 1)
                .collect::<Vec<_>>()
        };
        if long(from) != long(to) || at + from.len() > self.axes.len() {
            return Err(format!("{from:?} become {to:?}"));
        }
        let replaced = self
            .axes
            .splice(at..at + from.len(), Vec::new())
            .collect::<Vec<_>>();
        let mut kept = (replaced.into_iter().zip(from)).filter(|&(_, &n)| n != 1);
        for (offset, &length) in to.iter().enumerate() {
            let axis = if length == 1 { None } else { kept.next() };
            self.axes
                .insert(at + offset, axis.map_or(Axis::Unit, |(axis, _)| axis));
        }
        Ok(())
    }

    /// Inserts an axis of length 1 before the axis `at`.
    pub(super) fn insert_axis(&mut self, at: usize) -> Read<()> {
        if at > self.axes.len() {
            return Err(format!("there is no axis {at}"));
        }
        self.axes.insert(at, Axis::Unit);
        Ok(())
    }

    /// Removes an axis of length 1.
    pub(super) fn remove_axis(&mut self, at: usize) -> Read<()> {
        match self.axes.get(at) {
            Some(&axis) if self.length(axis) == 1 => {
                self.axes.remove(at);
                Ok(())
            }
            _ => Err(format!("axis {at} has not the length 1")),
        }
    }

    pub(super) fn move_axis(&mut self, from: usize, to: usize) -> Read<()> {
        if from.max(to) >= self.axes.len() {
            return Err(format!("axis {from} moves to {to}"));
        }
        let axis = self.axes.remove(from);
        self.axes.insert(to, axis);
        Ok(())
    }

    /// Adds a convolution with weights `[outputs, inputs of a group, spatial…]`.
    pub(super) fn conv(
        &mut self,
        geometry: &Geometry,
        groups: usize,
        given: &[f32],
        bias: Vec<f32>,
    ) -> Read<()> {
        let outputs = bias.len();
        let places = self.places(geometry)?;
        let inputs = self.size.channels;
        let group_inputs = match groups {
            1 => inputs,
            groups if groups == inputs && inputs == outputs => 1,
            groups => return Err(format!("a convolution has {groups} groups")),
        };
        let layer = self.layer(geometry, &places, true)?;
        let (rows, bands) = (layer.kernel.rows, layer.kernel.bands);
        let taps = rows.checked_mul(bands);
        let expected = [outputs, group_inputs]
            .iter()
            .try_fold(taps.unwrap_or(usize::MAX), |n, &size| n.checked_mul(size));
        if expected != Some(given.len()) || given.is_empty() {
            return Err(format!("a convolution has {} weights", given.len()));
        }
        // From [outputs, inputs, spatial…] to [rows, bands, inputs, outputs].
        let (row_step, band_step) = places.kernel_steps(geometry);
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
        let kind = if groups == 1 {
            Kind::Dense { weights, bias }
        } else {
            Kind::Depthwise { weights, bias }
        };
        self.push(Layer { kind, ..layer }, outputs);
        self.axes = places.axes_after(self.axes.len());
        Ok(())
    }

    pub(super) fn max_pool(&mut self, geometry: &Geometry) -> Read<()> {
        self.pool(geometry, |_| Kind::MaxPool)
    }

    /// Adds a sum pool, or a mean pool.
    pub(super) fn sum_pool(&mut self, geometry: &Geometry, mean: bool) -> Read<()> {
        self.pool(geometry, |taps| {
            let weight = if mean { 1.0 / taps as f32 } else { 1.0 };
            Kind::depthwise_alike(weight)
        })
    }

    fn pool(&mut self, geometry: &Geometry, kind: impl Fn(usize) -> Kind) -> Read<()> {
        let places = self.places(geometry)?;
        let mut layer = self.layer(geometry, &places, false)?;
        layer.kind = kind(layer.kernel.rows * layer.kernel.bands)
            .for_taps(layer.kernel.rows * layer.kernel.bands, self.size.channels);
        self.push(layer, self.size.channels);
        self.axes = places.axes_after(self.axes.len());
        Ok(())
    }

    /// Adds a sum over whole axes, which keep the length 1. It is a depthwise kernel that covers
    /// these axes.
    pub(super) fn sum(&mut self, axes: &[usize]) -> Read<()> {
        self.whole(axes, Kind::depthwise_alike(1.0))
    }

    /// Adds a maximum over whole axes, which keep the length 1.
    #[cfg(any(test, not(feature = "tract")))]
    pub(super) fn max(&mut self, axes: &[usize]) -> Read<()> {
        self.whole(axes, Kind::MaxPool)
    }

    fn whole(&mut self, axes: &[usize], kind: Kind) -> Read<()> {
        self.unpadded()?;
        let over = |axis| axes.iter().any(|&at| self.axes.get(at) == Some(&axis));
        let beyond = axes.iter().any(|&at| at >= self.axes.len());
        if beyond || (over(Axis::Channels) && self.size.channels > 1) {
            return Err(format!("a sum or maximum over axes {axes:?}"));
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
        let layer = Layer {
            kind: kind.for_taps(kernel.rows * kernel.bands, self.size.channels),
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

    /// Adds `x op constant`, or `constant op x` if the constant comes `first`. The constant is one
    /// value, or one value a channel. Its axes have the lengths `shape` and are the last axes of
    /// `x`.
    pub(super) fn binary(
        &mut self,
        op: Binary,
        shape: &[usize],
        values: &[f32],
        first: bool,
    ) -> Read<()> {
        let skipped = self.axes.len().checked_sub(shape.len());
        let by_channel = skipped.is_some_and(|skipped| {
            (shape.iter().zip(&self.axes[skipped..]))
                .all(|(&n, &axis)| n == 1 || (axis == Axis::Channels && n == self.size.channels))
        });
        if !by_channel || shape.iter().product::<usize>() != values.len() || values.is_empty() {
            return Err(format!("{op:?} with a constant of shape {shape:?}"));
        }
        let one = values[0];
        let uniform = values.iter().all(|v| v.to_bits() == one.to_bits());
        match op {
            Binary::Max if uniform => self.activate(|a| a.then_max(one)),
            Binary::Min if uniform => self.activate(|a| a.then_min(one)),
            Binary::Mul => self.scale(values, &[0.0]),
            Binary::Div if !first => {
                let inverse: Vec<f32> = values.iter().map(|v| 1.0 / v).collect();
                self.scale(&inverse, &[0.0])
            }
            Binary::Add => self.scale(&[1.0], values),
            Binary::Sub if !first => {
                let negative: Vec<f32> = values.iter().map(|v| -v).collect();
                self.scale(&[1.0], &negative)
            }
            _ => Err(format!("{op:?} with this constant is no layer of a chain")),
        }
    }

    /// Adds `1 / (1 + exp(-x))`.
    #[cfg(feature = "tract")]
    pub(super) fn sigmoid(&mut self) -> Read<()> {
        self.activate(Activation::then_sigmoid)
    }

    /// Adds `x / (1 + exp(-x))`, the sigmoid-weighted linear unit (SiLU, swish).
    #[cfg(feature = "tract")]
    pub(super) fn swish(&mut self) -> Read<()> {
        self.activate(Activation::then_swish)
    }

    /// Adds `max(x, 0) + alpha min(x, 0)`.
    pub(super) fn leaky_relu(&mut self, alpha: f32) -> Read<()> {
        self.activate(|a| a.then_leaky(alpha))
    }

    fn activate(&mut self, then: impl Fn(Activation) -> Option<Activation>) -> Read<()> {
        self.unpadded()?;
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

    /// Adds `scale * x + shift`. It is folded into the previous layer if that layer is linear and
    /// has no activation; otherwise it becomes a layer of its own.
    pub(super) fn scale(&mut self, scale: &[f32], shift: &[f32]) -> Read<()> {
        if scale.iter().chain(shift).any(|v| !v.is_finite()) {
            return Err("a constant is not finite".to_owned());
        }
        self.unpadded()?;
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

    /// Adds a layer that scales, shifts and activates all values in the same way.
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

    /// Checks that no zeros wait for a convolution.
    pub(super) fn unpadded(&self) -> Read<()> {
        match (self.row_padding, self.band_padding) {
            ((0, 0), (0, 0)) => Ok(()),
            _ => Err("zeros are added where no convolution follows".to_owned()),
        }
    }

    fn push(&mut self, layer: Layer, channels: usize) {
        (self.row_padding, self.band_padding) = ((0, 0), (0, 0));
        self.size = Size {
            channels,
            ..layer.output
        };
        self.layers.push(Layer {
            output: self.size,
            ..layer
        });
    }
}
