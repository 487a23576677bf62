"""Trains the backbone that ships, models/imu.onnx, on subjects 1 to 5 only.

    python models/imu/train.py [OUT.onnx]

Training is seeded and takes less than a minute. The file is the same with the same versions of PyTorch
and NumPy, the same kind of processor, and the same number of threads of NumPy's BLAS (two, on two cores;
OMP_NUM_THREADS=1 gives another file). The script also writes tests/goldens/imu.npy (ONNX Runtime's rows,
the reference for the kernels) and the values in models/imu.toml that follow from the graph.
"""

import hashlib
import re
import sys
import time
from pathlib import Path

import numpy as np
import onnxruntime
import torch

from data import recordings, windows
from network import AXES, DEVIATIONS, HOP, SIZE, export, pooled, receptive_field, rows_of
from nuisance import damped, nuisance
from training import train

ROOT = Path(__file__).parents[2]
SEED = 0
SUBJECTS = range(1, 6)


def golden(session):
    """ONNX Runtime's rows [n, size] of 200 frames that tests/it/backbone.rs makes as well."""
    time_, axis = np.arange(200)[:, None], np.arange(6)[None]
    frames = np.sin(0.1 * (axis + 1) * time_) * (1 + 0.3 * axis)
    rows = session.run(None, {"samples": frames.astype(np.float32)[None, None]})[0]
    return np.ascontiguousarray(rows[0, :, :, 0].T)


def numbers(directions):
    """Directions as TOML, ten numbers a line."""
    rows = []
    for direction in directions:
        lines = [direction[i : i + 10] for i in range(0, len(direction), 10)]
        lines = ["        " + ", ".join(f"{x:.4f}" for x in line) + ",\n" for line in lines]
        rows.append("    [\n" + "".join(lines) + "    ],\n")
    return "nuisance = [\n" + "".join(rows) + "]"


def write_card(sha256, directions):
    """Checksum, shapes and directions into the card; its words are for people to keep true."""
    path = ROOT / "models" / "imu.toml"
    text = path.read_text()
    for key, value in (
        (r"(?s)nuisance = \[\n.*?\n\]", numbers(directions)),
        (r'sha256 = "[0-9a-f]+"', f'sha256 = "{sha256}"'),
        (r"shape = \[1, 1, \d+, \d+\]", f"shape = [1, 1, {receptive_field()}, {AXES}]"),
        (r"shape = \[1, \d+, 1, 1\]", f"shape = [1, {SIZE}, 1, 1]"),
        (r"(?m)^size = \d+", f"size = {SIZE}"),
        (r"hop-frames = \d+", f"hop-frames = {HOP}"),
    ):
        text, count = re.subn(key, value, text)
        assert count == 1, key
    path.write_text(text)


def main():
    torch.set_num_threads(1)
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "models" / "imu.onnx"
    of = [r for r in recordings() if r.subject in SUBJECTS]
    started = time.process_time()
    network = train(of, SEED)
    took = time.process_time() - started
    export(network, out)
    x, y, _, _ = windows(of)
    session = onnxruntime.InferenceSession(str(out), providers=["CPUExecutionProvider"])
    theirs = [session.run(None, {"samples": (w / DEVIATIONS)[None, None]})[0] for w in x[:200]]
    rows = rows_of(network, x)
    difference = float(np.abs(np.concatenate(theirs)[..., 0] - rows[:200]).max())
    print(f"{len(of)} recordings, {len(x)} windows of subjects {min(SUBJECTS)} to {max(SUBJECTS)}")
    print(f"{took:.0f} CPU seconds, {out.stat().st_size:,} bytes, window {receptive_field()}")
    directions = nuisance(pooled(rows), y)
    largest = np.abs(damped(pooled(rows), directions)).max()
    print(f"largest value {rows.max():.2f}, {largest:.2f} as learned")
    print(f"PyTorch and ONNX Runtime differ by at most {difference:.2e}")
    assert difference < 1e-4
    sha256 = hashlib.sha256(out.read_bytes()).hexdigest()
    print(f"sha256 {sha256}")
    if len(sys.argv) < 2:
        np.save(ROOT / "tests" / "goldens" / "imu.npy", golden(session))
        write_card(sha256, directions)


if __name__ == "__main__":
    main()
