"""The network: a chain of convolutions over time, nothing padded, no axis summed away.

A row of its output sees 49 samples, 0.98 s, and the next begins eight later, so that it can be
computed step by step as samples come. What a learner is taught about a window is the mean and
the maximum of its rows; training pools in the same way.
"""

import numpy as np
import torch
from torch import nn

AXES = 6
# Outputs, taps, stride of each layer.
LAYERS = ((32, 9, 2), (48, 5, 2), (64, 5, 2), (96, 3, 1))
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

    def __init__(self, classes, statistics, dropout):
        super().__init__()
        layers, inputs = [], AXES
        for outputs, taps, stride in LAYERS:
            convolution = nn.Conv1d(inputs, outputs, taps, stride=stride, bias=False)
            layers += [convolution, nn.BatchNorm1d(outputs), nn.ReLU()]
            inputs = outputs
        self.rows = nn.Sequential(*layers)
        self.norm = nn.BatchNorm1d(2 * SIZE)
        self.classify = nn.Sequential(nn.Dropout(dropout), nn.Linear(2 * SIZE, classes))
        self.describe = nn.Linear(2 * SIZE, statistics)

    def forward(self, x):
        rows = self.rows(x)
        pooled = torch.cat([rows.mean(2), rows.amax(2)], dim=1)
        pooled = self.norm(pooled)
        return self.classify(pooled), self.describe(pooled)


def rows_of(network, windows):
    """[n, samples, 6] in units to rows [n, size, m]."""
    x = torch.from_numpy(np.ascontiguousarray((windows / DEVIATIONS).transpose(0, 2, 1)))
    network.eval()
    with torch.no_grad():
        return torch.cat([network.rows(part) for part in x.split(256)]).numpy()


def embed(network, windows):
    """[n, samples, 6] in units to pooled embeddings [n, 2 * size]."""
    rows = rows_of(network, windows)
    return np.concatenate([rows.mean(axis=2), rows.max(axis=2)], axis=1)


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
