"""The network: a chain of convolutions over time, without padding and without a sum over an axis.

A row of its output covers 13 samples, 0.26 s. The next row begins eight samples later, so rows can be
computed step by step as samples arrive. A learner gets the square root of the mean, the standard
deviation and the maximum of the rows of a window. Training pools in the same way.

Many rows with a short receptive field distinguish exercises that are not in the training data. The
architecture was chosen on subjects 1 to 5 only, each of them left out in turn (docs/benchmarks/imu.md).
"""

import numpy as np
import torch
from torch import nn

AXES = 6
# Outputs, taps, stride of each layer.
LAYERS = ((64, 5, 4), (128, 3, 2))
SIZE = LAYERS[-1][0]
HOP = 8
# What accelerations in g and angular rates in rad/s are divided by.
DEVIATIONS = np.array([1, 1, 1, 3, 3, 3], dtype=np.float32)


def receptive_field():
    rows = 1
    for _, taps, stride in reversed(LAYERS):
        rows = (rows - 1) * stride + taps
    return rows


class Network(nn.Module):
    """Rows, and what training alone asks of them."""

    def __init__(self, exercises, recordings, statistics, dropout):
        super().__init__()
        layers, inputs = [], AXES
        for outputs, taps, stride in LAYERS:
            convolution = nn.Conv1d(inputs, outputs, taps, stride=stride, bias=False)
            layers += [convolution, nn.BatchNorm1d(outputs), nn.ReLU()]
            inputs = outputs
        self.rows = nn.Sequential(*layers)
        self.norm = nn.BatchNorm1d(3 * SIZE)
        self.exercise = nn.Sequential(nn.Dropout(dropout), nn.Linear(3 * SIZE, exercises))
        self.statistics = nn.Linear(3 * SIZE, statistics)
        self.recording = nn.Linear(3 * SIZE, recordings)

    def forward(self, x):
        rows = self.rows(x)
        # Roots have no slope at nought.
        deviation = (rows.var(2, unbiased=False) + 1e-5).sqrt()
        pooled = torch.cat([rows.mean(2), deviation, rows.amax(2)], dim=1)
        pooled = self.norm((pooled + 1e-4).sqrt())
        return self.exercise(pooled), self.recording(pooled), self.statistics(pooled)


def rows_of(network, windows):
    """[n, samples, 6] in units to rows [n, size, m]."""
    x = torch.from_numpy(np.ascontiguousarray((windows / DEVIATIONS).transpose(0, 2, 1)))
    network.eval()
    with torch.no_grad():
        return torch.cat([network.rows(part) for part in x.split(256)]).numpy()


def pooled(rows):
    """[n, size, m] to [n, 3 * size]: pool `mean+std+max`, transform `signed-sqrt`."""
    parts = [rows.mean(axis=2), rows.std(axis=2), rows.max(axis=2)]
    return np.sqrt(np.concatenate(parts, axis=1))


def embed(network, windows):
    """[n, samples, 6] in units to pooled embeddings [n, 3 * size]."""
    return pooled(rows_of(network, windows))


def export(network, path):
    """Writes the graph, [1, 1, samples, axes] to [1, size, rows, 1], its norms folded into the
    convolutions before them."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    nodes, constants, at = [], [], "samples"
    modules = list(network.rows)
    for number, (convolution, norm) in enumerate(zip(modules[::3], modules[1::3])):
        scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        bias = (norm.bias - norm.running_mean * scale).detach().numpy()
        weight = (convolution.weight * scale[:, None, None]).detach().numpy()
        # [outputs, inputs, taps]: of the first layer, inputs are the axes, side by side.
        if number == 0:
            weight = weight.transpose(0, 2, 1)[:, None]
        else:
            weight = weight[:, :, :, None]
        names = [f"weight{number}", f"bias{number}"]
        for name, values in zip(names, (weight, bias)):
            constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        strides = [convolution.stride[0], 1]
        out = "rows" if number == len(LAYERS) - 1 else f"layer{number}"
        nodes.append(helper.make_node("Conv", [at, *names], [f"sum{number}"], strides=strides))
        nodes.append(helper.make_node("Relu", [f"sum{number}"], [out]))
        at = out
    io = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in (("samples", [1, 1, "t", AXES]), ("rows", [1, SIZE, "m", 1]))
    ]
    graph = helper.make_graph(nodes, "imu", io[:1], io[1:], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    onnx.checker.check_model(model)
    onnx.save(model, path)
