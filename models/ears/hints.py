"""Hints: the maps inside a larger network's first layers, which the first blocks learn to reproduce
(Romero et al. 2015, FitNets). They come from YAMNet-256, whose first layers have the same sizes; here it
pads no frames. They only guide the start of the training: no weight of YAMNet-256 is copied.
"""

import hashlib
import tomllib
from pathlib import Path

import onnx
import torch
import torch.nn.functional as F
from onnx import numpy_helper

CARD = Path(__file__).parent.parent / "yamnet-256.toml"


class Hints:
    def __init__(self, path):
        expected = tomllib.loads(CARD.read_text())["origin"]["sha256"]
        if hashlib.sha256(Path(path).read_bytes()).hexdigest() != expected:
            raise SystemExit(f"{path} is not the file of models/yamnet-256.toml")
        of_name = {i.name: torch.tensor(numpy_helper.to_array(i)) for i in onnx.load(path).graph.initializer}

        def of(layer, part):
            names = [n for n in of_name if f"/layer{layer}/{part}" in n]
            weights, biases = ([of_name[n] for n in names if kind in n][0] for kind in ("weights", "bias"))
            return weights.contiguous(memory_format=torch.channels_last), biases

        self.stem = of(1, "conv")
        self.blocks = [(of(n, "depthwise"), of(n, "pointwise"), 2 if n in (3, 5) else 1) for n in range(2, 7)]

    @torch.no_grad()
    def maps(self, x):
        """What the stem and the five blocks give of frames [batch, 1, time, 64]."""
        x = F.relu(F.conv2d(F.pad(x, (0, 1, 0, 0)), *self.stem, stride=2))
        given = [x]
        for depthwise, pointwise, stride in self.blocks:
            x = F.pad(x, (1, 1, 0, 0) if stride == 1 else (0, 1, 0, 0))
            x = F.relu(F.conv2d(x, *depthwise, stride=stride, groups=x.shape[1]))
            x = F.relu(F.conv2d(x, *pointwise))
            given.append(x)
        return given
