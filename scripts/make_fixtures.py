#!/usr/bin/env python3
"""Makes the small ONNX graphs under tests/fixtures/.

    python scripts/make_fixtures.py

Their weights are random (seeded). Their layout is that of real backbones, so the
tests of the runtime run without a network connection.

- tiny.onnx: three convolutions that neither pad nor pool across time, behind a
  Reshape with a literal shape that only moves an axis of length 1, as exporters
  write it. It can stream.
- padded.onnx: pads the window's time axis and then slides like a window, so
  its shapes do not show that it cannot stream.
- squashed.onnx, squashed-padded.onnx: the same with a hyperbolic tangent in
  between. Our kernels have no such layer, so tract runs them.
- classed.onnx: tiny with a dense layer of six classes after its embedding.

The script prints each file's sha256 for its card. It needs numpy and onnx.
"""

import hashlib
import pathlib

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FIXTURES = pathlib.Path(__file__).resolve().parent.parent / "tests" / "fixtures"
FRAMES, BANDS, SIZE = 15, 8, 16


def weights(rng, name, *shape):
    fan_in = int(np.prod(shape[1:]))
    values = rng.normal(0, (2 / fan_in) ** 0.5, shape).astype(np.float32)
    return numpy_helper.from_array(values, name)


def save(name, nodes, constants, output_shape, classes=None):
    outputs = [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, output_shape)]
    if classes:
        outputs.append(helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", classes]))
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info("mel", TensorProto.FLOAT, ["n", FRAMES, BANDS, 1])],
        outputs,
        constants,
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8, producer_name="afield"
    )
    onnx.checker.check_model(model, full_check=True)
    bytes = model.SerializeToString(deterministic=True)
    (FIXTURES / f"{name}.onnx").write_bytes(bytes)
    print(f"{name}.onnx: {len(bytes)} bytes, sha256 {hashlib.sha256(bytes).hexdigest()}")


def shape(name, *sizes):
    return numpy_helper.from_array(np.array(sizes, dtype=np.int64), name)


def tiny(name="tiny", activation="Relu", classes=None):
    rng = np.random.default_rng(2026)
    constants = [
        shape("channels-first", -1, 1, FRAMES, BANDS),
        weights(rng, "w1", 6, 1, 3, 3),
        weights(rng, "w2", 8, 6, 3, 3),
        weights(rng, "w3", SIZE, 8, 3, 1),
        shape("channels-last", -1, 1, 1, SIZE),
    ]
    nodes = [
        helper.make_node("Reshape", ["mel", "channels-first"], ["x0"]),
        helper.make_node("Conv", ["x0", "w1"], ["x1"], strides=[2, 2]),
        helper.make_node("Relu", ["x1"], ["x2"]),
        helper.make_node("Conv", ["x2", "w2"], ["x3"], strides=[2, 1]),
        helper.make_node(activation, ["x3"], ["x4"]),
        helper.make_node("Conv", ["x4", "w3"], ["x5"]),
        helper.make_node("Reshape", ["x5", "channels-last"], ["embedding"]),
    ]
    if classes:
        # A seed of which a tone of 300 Hz, one of 3 kHz and silence are of three kinds.
        rng = np.random.default_rng(2026)
        dense = [rng.normal(0, 0.125, (classes, SIZE)), rng.normal(0, 0.1, classes) - 1]
        constants.append(shape("flat", -1, SIZE))
        constants += [numpy_helper.from_array(v.astype(np.float32), n) for v, n in zip(dense, ("w4", "b4"))]
        nodes.append(helper.make_node("Reshape", ["embedding", "flat"], ["x6"]))
        nodes.append(helper.make_node("Gemm", ["x6", "w4", "b4"], ["logits"], transB=1))
    save(name, nodes, constants, ["n", 1, 1, SIZE], classes)


def padded(name="padded", activation=None):
    rng = np.random.default_rng(2027)
    constants = [
        weights(rng, "w1", 2, 1, 3, BANDS),
        weights(rng, "w2", SIZE, 2, FRAMES, 1),
    ]
    nodes = [
        helper.make_node("Transpose", ["mel"], ["x0"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["x0", "w1"], ["x1"], pads=[1, 0, 1, 0]),
        *([helper.make_node(activation, ["x1"], ["a1"])] if activation else []),
        helper.make_node("Conv", ["a1" if activation else "x1", "w2"], ["x2"], strides=[4, 1]),
        helper.make_node("Transpose", ["x2"], ["embedding"], perm=[0, 2, 3, 1]),
    ]
    save(name, nodes, constants, ["n", 1, 1, SIZE])


if __name__ == "__main__":
    tiny()
    padded()
    tiny("squashed", "Tanh")
    padded("squashed-padded", "Tanh")
    tiny("classed", classes=6)
