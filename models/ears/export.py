"""Writes models/ears.onnx from a trained state: batch normalisation folded, weights in 8 bits.

    python models/ears/export.py DIR/ears.pt [OUT.onnx] [--bits 8|32]

Rows are centred and partly whitened on the scenes of DIR/scenes/0000.npz, so that what varies much does not
drown the rest. Each output channel of a convolution has its own scale. Without OUT.onnx, the script writes
models/ears.onnx, tests/goldens/ears.npy (ONNX Runtime's rows, the reference for the kernels) and the
checksum and shapes in models/ears.toml.
"""

import argparse
import hashlib
import re
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper

from front import OFFSET
from network import BANDS, HOP, SIZE, WINDOW, Ears

ROOT = Path(__file__).parents[2]
# Rows of scenes are whitened by this power of their covariance; .5 would be wholly.
WHITENING = 0.25


def folded(convolution, norm):
    """Weights and bias of a convolution and the batch normalisation behind it."""
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    return convolution.weight * scale[:, None, None, None], norm.bias - norm.running_mean * scale


def whitened(ears, mel):
    """The last layer, so that rows of scenes vary more alike: by a power of their covariance."""
    x = (torch.from_numpy(mel.astype(np.float32)) + OFFSET).log()[:, None]
    rows = torch.cat([ears(part).transpose(1, 2).reshape(-1, SIZE)[::4] for part in x.split(25)]).double()
    values, vectors = torch.linalg.eigh(torch.cov(rows.T))
    values = values.clamp(min=values.max() * 1e-4)
    turn = (vectors * values ** -WHITENING) @ vectors.T
    turn = turn / (values ** (1 - 2 * WHITENING)).mean().sqrt()
    weight = turn @ ears.last.weight.double()[..., 0, 0]
    bias = turn @ (ears.last.bias.double() - rows.mean(0))
    return weight[..., None, None].float(), bias.float()


def trained(state):
    ears = Ears()
    ears.load_state_dict({k.removeprefix("ears."): v for k, v in state.items() if k.startswith("ears.")})
    return ears.eval()


def layers_of(ears, mel):
    """Weights, bias, stride, padding across bands, groups, and whether ReLU follows, of each convolution."""
    layers = [(*folded(ears.stem, ears.norm), (2, 2), (0, 1), 1, True)]
    for block in ears.blocks:
        depthwise, bias = folded(block.depthwise, block.first)
        layers.append((depthwise, bias, block.depthwise.stride, block.padding, depthwise.shape[0], True))
        layers.append((*folded(block.pointwise, block.second), (1, 1), (0, 0), 1, True))
    return layers + [(*whitened(ears, mel), (1, 1), (0, 0), 1, False)]


def quantised(weights):
    """Weights as int8, and one scale for each output channel."""
    scales = np.abs(weights).max((1, 2, 3)) / 127 + 1e-12
    return np.round(weights / scales[:, None, None, None]).astype(np.int8), scales.astype(np.float32)


def graph_of(layers, bits):
    nodes, constants, at = [], [], "frames"
    for n, (weights, bias, stride, padding, groups, relu) in enumerate(layers):
        weights, bias = weights.detach().numpy(), bias.detach().numpy()
        if bits == 8:
            values, scales = quantised(weights)
            constants += [numpy_helper.from_array(values, f"w{n}"), numpy_helper.from_array(scales, f"s{n}")]
            nodes.append(helper.make_node("DequantizeLinear", [f"w{n}", f"s{n}"], [f"d{n}"], axis=0))
        else:
            constants.append(numpy_helper.from_array(weights, f"d{n}"))
        constants.append(numpy_helper.from_array(bias, f"b{n}"))
        pads = [0, padding[0], 0, padding[1]]
        to = f"c{n}" if relu else "embedding"
        nodes.append(helper.make_node("Conv", [at, f"d{n}", f"b{n}"], [to], strides=list(stride), pads=pads, group=groups))
        if relu:
            nodes.append(helper.make_node("Relu", [to], [f"r{n}"]))
        at = f"r{n}"
    frames = helper.make_tensor_value_info("frames", TensorProto.FLOAT, [1, 1, "time", BANDS])
    rows = helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [1, SIZE, "rows", 1])
    graph = helper.make_graph(nodes, "ears", [frames], [rows], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def golden(session):
    """ONNX Runtime's rows [n, SIZE] of 200 frames that tests/it/backbone.rs makes as well."""
    time_, band = np.arange(200)[:, None], np.arange(BANDS)[None]
    frames = -4 + 3 * np.sin(0.05 * time_ + 0.3 * band) * np.cos(0.11 * time_)
    rows = session.run(None, {"frames": frames.astype(np.float32)[None, None]})[0]
    return np.ascontiguousarray(rows[0, :, :, 0].T)


def write_card(sha256):
    """Checksum and shapes into the card; its words are for people to keep true."""
    path = ROOT / "models" / "ears.toml"
    text = path.read_text()
    for key, value in (
        (r'sha256 = "[0-9a-f]+"', f'sha256 = "{sha256}"'),
        (r"shape = \[1, 1, \d+, \d+\]", f"shape = [1, 1, {WINDOW}, {BANDS}]"),
        (r"shape = \[1, \d+, 1, 1\]", f"shape = [1, {SIZE}, 1, 1]"),
        (r"(?m)^size = \d+", f"size = {SIZE}"),
        (r"hop-frames = \d+", f"hop-frames = {HOP}"),
    ):
        text, count = re.subn(key, value, text)
        assert count == 1, key
    path.write_text(text)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("state", type=Path)
    parser.add_argument("out", type=Path, nargs="?", default=ROOT / "models" / "ears.onnx")
    parser.add_argument("--bits", type=int, choices=[8, 32], default=8)
    args = parser.parse_args()
    saved = torch.load(args.state)
    mel = np.load(args.state.parent / "scenes" / "0000.npz")["mel"]
    with torch.no_grad():
        onnx.save(graph_of(layers_of(trained(saved["student"]), mel), args.bits), args.out)
    session = onnxruntime.InferenceSession(str(args.out), providers=["CPUExecutionProvider"])
    rows = golden(session)
    sha256 = hashlib.sha256(args.out.read_bytes()).hexdigest()
    print(f"step {saved['step']}, {args.out.stat().st_size:,} bytes, window {WINDOW} frames, sha256 {sha256}")
    if args.out == ROOT / "models" / "ears.onnx":
        np.save(ROOT / "tests" / "goldens" / "ears.npy", rows)
        write_card(sha256)


if __name__ == "__main__":
    main()
