"""The third teacher: YAMNet-256, whose layers have the sizes of the student's trunk.

Its maps are hints, which the blocks of the trunk learn to reproduce (Romero et al. 2015, FitNets). Its
embedding, their mean, is a target beside those of the other teachers. Here it pads no frames. No weight
of it is copied.
"""

import hashlib
import tomllib
from pathlib import Path

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import numpy_helper

from front import OFFSET

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

    def embeddings(self, mel, window):
        """Its embedding [n, rows, 256] of every window of `window` frames in magnitudes [n, time, 64]."""
        parts = []
        for part in np.array_split(mel, max(len(mel) // 50, 1)):
            x = (torch.from_numpy(part.astype(np.float32)) + OFFSET).log()[:, None]
            rows = self.maps(x.contiguous(memory_format=torch.channels_last))[-1].mean(3)
            # The last map depends on 43 frames, and its rows are 8 frames apart.
            parts.append(F.avg_pool1d(rows, (window - 43) // 8 + 1, 1).transpose(1, 2).numpy().astype(np.float16))
        return np.concatenate(parts)
