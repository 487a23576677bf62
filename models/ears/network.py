"""The network: separable convolutions that pad no frames, so that a stream is computed exactly.

Frames [batch, 1, time, 64] become rows [batch, SIZE, rows]; a row depends on WINDOW frames and follows
the one before after HOP frames. The first six blocks have the widths of YAMNet's.
"""

import torch
import torch.nn.functional as F
from torch import nn

BANDS = 64
HOP = 8
SIZE = 256
# Of each block: channels out, rows and bands of its depthwise kernel, stride in time and across bands.
TRUNK = [(64, 3, 3, 1, 1), (128, 3, 3, 2, 2), (128, 3, 3, 1, 1), (256, 3, 3, 2, 2), (256, 3, 3, 1, 1)]
TOP = [(320, 3, 3, 1, 2), (352, 1, 4, 1, 1), (352, 5, 1, 1, 1)]
STEM = 32


class Block(nn.Module):
    """A depthwise and a pointwise convolution, each with batch normalisation and ReLU."""

    def __init__(self, inputs, outputs, rows, bands, row_stride, band_stride):
        super().__init__()
        stride = (row_stride, band_stride)
        # As TensorFlow's "same" across bands: with a stride of 2, the zero is behind the last band.
        self.padding = {(3, 1): (1, 1), (3, 2): (0, 1)}.get((bands, band_stride), (0, 0))
        self.depthwise = nn.Conv2d(inputs, inputs, (rows, bands), stride, groups=inputs, bias=False)
        self.first = nn.BatchNorm2d(inputs)
        self.pointwise = nn.Conv2d(inputs, outputs, 1, bias=False)
        self.second = nn.BatchNorm2d(outputs)

    def forward(self, x):
        x = F.relu(self.first(self.depthwise(F.pad(x, (*self.padding, 0, 0)))), inplace=True)
        return F.relu(self.second(self.pointwise(x)), inplace=True)


class Ears(nn.Module):
    def __init__(self, top=TOP, size=SIZE):
        super().__init__()
        self.stem = nn.Conv2d(1, STEM, 3, 2, bias=False)
        self.norm = nn.BatchNorm2d(STEM)
        blocks, channels = [], STEM
        for outputs, rows, bands, row_stride, band_stride in TRUNK + top:
            blocks.append(Block(channels, outputs, rows, bands, row_stride, band_stride))
            channels = outputs
        self.blocks = nn.ModuleList(blocks)
        self.last = nn.Conv2d(channels, size, 1)

    def first(self, x):
        """What the stem gives."""
        return F.relu(self.norm(self.stem(F.pad(x, (0, 1, 0, 0)))), inplace=True)

    def forward(self, x):
        x = self.first(x)
        for block in self.blocks:
            x = block(x)
        return self.last(x)[..., 0]

    def above(self, frozen, x):
        """As forward, in training: the first layers are kept as they are."""
        for layer in (self.norm, *self.blocks[: frozen - 1]):
            layer.eval()
        with torch.no_grad():
            x = self.first(x)
            for block in self.blocks[: frozen - 1]:
                x = block(x)
        for block in self.blocks[frozen - 1 :]:
            x = block(x)
        return self.last(x)[..., 0]


def receptive_field(top=TOP):
    """Frames that a row depends on."""
    frames = 1
    for _, rows, _, stride, _ in reversed(TRUNK + top):
        frames = (frames - 1) * stride + rows
    return (frames - 1) * 2 + 3


def costs(top=TOP, size=SIZE):
    """Multiplications of a hop of HOP frames, and weights."""
    bands, rate, channels = 32, HOP // 2, STEM
    multiplications, weights = rate * bands * 9 * STEM, 9 * STEM + STEM
    for outputs, rows, columns, row_stride, band_stride in TRUNK + top:
        rate //= row_stride
        bands = bands // band_stride if columns == 3 else 1
        multiplications += rate * bands * channels * (rows * columns + outputs)
        weights += channels * (rows * columns + 1 + outputs) + outputs
        channels = outputs
    return multiplications + channels * size, weights + channels * size + size


def buffers(top=TOP):
    """Values that a stream holds: the rows that each layer needs again, and those of one hop."""
    bands, rate, channels = BANDS, HOP, 1
    values = (2 + rate) * bands
    bands, rate, channels = bands // 2, rate // 2, STEM
    for outputs, rows, columns, row_stride, band_stride in TRUNK + top:
        values += (rows - 1 + rate) * bands * channels
        rate //= row_stride
        bands = bands // band_stride if columns == 3 else 1
        values += rate * bands * channels
        channels = outputs
    return values + channels


WINDOW = receptive_field()

if __name__ == "__main__":
    multiplications, weights = costs()
    print(f"window {WINDOW} frames, hop {HOP}: {multiplications:,} multiplications a hop, {weights:,} weights, {buffers():,} values held")
