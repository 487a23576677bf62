//! Finds out which axes a convolution or pool works on, and the layer that it becomes.

use super::activation::Activation;
use super::chain::{Axis, Geometry, Kind, Layer, Read, Size, Sliding};
use super::chain_reader::Reader;
use super::kernel::Kernel;

/// The most values in a layer's input, or in any tensor. A file's padding takes memory, so it must
/// be bounded.
pub(super) const MOST_VALUES: usize = 1 << 26;

impl Reader {
    /// Finds out which of the input's axes a convolution or pool works on.
    pub(super) fn places(&mut self, geometry: &Geometry) -> Read<Places> {
        let rank = self.axes.len();
        let Geometry {
            batched,
            channels_last,
            ref spatial,
        } = *geometry;
        let channels = match channels_last {
            true => rank.wrapping_sub(1),
            false => usize::from(batched),
        };
        let first = geometry.first_spatial_axis();
        let whole = rank == spatial.len() + 1 + usize::from(batched);
        if !whole || (batched && self.axes[0] != Axis::Unit) {
            return Err("a layer works on a batch".to_owned());
        }
        let spatial: Vec<usize> = (first..first + spatial.len()).collect();
        let known = |axis| spatial.iter().any(|&at| self.axes[at] == axis);
        match self.axes[channels] {
            Axis::Channels => {}
            Axis::Unit if self.size.channels == 1 && !known(Axis::Channels) => {}
            // The bands become channels; their layout in memory does not change.
            Axis::Bands if self.size.channels == 1 => {
                self.unpadded()?;
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
        // If there is no axis of bands, another axis, of length 1 so far, takes its place.
        for index in 0..places.spatial.len() {
            if places.rows == Some(index) || places.bands == Some(index) {
                continue;
            }
            if places.bands.is_none() && self.size.bands == 1 {
                places.bands = Some(index);
            } else if geometry.spatial[index].kernel != 1 {
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

    /// The layer of a convolution or pool, without its weights and operation.
    pub(super) fn layer(&self, geometry: &Geometry, places: &Places, may_pad: bool) -> Read<Layer> {
        const POINT: Sliding = Sliding {
            kernel: 1,
            stride: 1,
            dilation: 1,
            padding: (0, 0),
            outputs: 1,
        };
        let along = |index: Option<usize>| index.map_or(POINT, |i| geometry.spatial[i]);
        let (row, band) = (along(places.rows), along(places.bands));
        let (rows, row_stride, row_dilation) = (row.kernel, row.stride, row.dilation);
        let (bands, band_stride) = (band.kernel, band.stride);
        let both = |a: (usize, usize), b: (usize, usize)| {
            (a.0.saturating_add(b.0), a.1.saturating_add(b.1))
        };
        let row_padding = both(row.padding, self.row_padding);
        let band_padding = both(band.padding, self.band_padding);
        let (rows_out, bands_out) = (row.outputs, band.outputs);
        let others_point = (geometry.spatial.iter().enumerate())
            .all(|(i, axis)| [places.rows, places.bands].contains(&Some(i)) || axis.outputs == 1);
        if (band.dilation != 1 && bands > 1) || !others_point {
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
        let padded = |(before, after): (usize, usize), length: usize| {
            before.saturating_add(length).saturating_add(after)
        };
        let padded_rows = padded(row_padding, self.size.rows);
        let padded_bands = padded(band_padding, self.size.bands);
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
pub(super) struct Places {
    channels: usize,
    spatial: Vec<usize>,
    /// Index of the rows among the spatial axes.
    rows: Option<usize>,
    bands: Option<usize>,
}

impl Places {
    /// The distance between the weights of neighbouring rows, and of neighbouring bands.
    pub(super) fn kernel_steps(&self, geometry: &Geometry) -> (usize, usize) {
        let step = |index: Option<usize>| match index {
            Some(i) => (geometry.spatial[i + 1..].iter())
                .map(|axis| axis.kernel)
                .product(),
            None => 0,
        };
        (step(self.rows), step(self.bands))
    }

    pub(super) fn axes_after(&self, rank: usize) -> Vec<Axis> {
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
