#!/usr/bin/env python3
"""Compares Afield's BirdNET with LiteRT's, and its speed with LiteRT's and ONNX Runtime's.

    birdnet.py AFIELD HOP_COSTS MODEL.tflite RECORDING... [--onnx FROM_SAMPLES.onnx]

AFIELD is the program, with `birdnet` in its cache (`afield model get birdnet`); HOP_COSTS is the example of lab/. The
first 3 s of each recording are compared. Needs numpy, soundfile, scipy and ai-edge-litert; with --onnx, a conversion of
the graph from samples to embedding, onnxruntime.
"""
import argparse
import json
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile
from ai_edge_litert.interpreter import Interpreter
from scipy.signal import resample_poly

RATE, WINDOW, EMBEDDING = 48000, 144000, "model/GLOBAL_AVG_POOL/Mean"
ROUNDS = 7


def clip(path):
    """The first 3 s of a recording, mono, at 48 kHz."""
    samples, rate = soundfile.read(path, dtype="float64", always_2d=True)
    samples = samples.mean(1)
    if rate != RATE:
        samples = resample_poly(samples, RATE, rate)
    samples = np.clip(samples, -1, 1)[:WINDOW].astype("f4")
    return np.pad(samples, (0, WINDOW - len(samples)))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("afield")
    parser.add_argument("hop_costs")
    parser.add_argument("model")
    parser.add_argument("recordings", nargs="+")
    parser.add_argument("--onnx")
    args = parser.parse_args()
    clips = [clip(path) for path in args.recordings]
    kept = Interpreter(args.model, num_threads=1, experimental_preserve_all_tensors=True)
    kept.allocate_tensors()
    wanted = next(d["index"] for d in kept.get_tensor_details() if d["name"] == EMBEDDING)
    expected = []
    for samples in clips:
        kept.set_tensor(0, samples[None])
        kept.invoke()
        expected.append(kept.get_tensor(wanted)[0].copy())
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        paths = [folder / f"{i:03}.wav" for i in range(len(clips))]
        for path, samples in zip(paths, clips):
            soundfile.write(path, samples, RATE, subtype="FLOAT")
        run = [args.afield, "embed", *paths, "--backbone", "birdnet", "-o", folder / "rows.npy"]
        subprocess.run(run, check=True, stdout=subprocess.DEVNULL)
        actual = np.load(folder / "rows.npy")
        for path, a, e, samples in zip(args.recordings, actual, expected, clips):
            # A frame of equal samples is digital silence.
            frames = np.lib.stride_tricks.sliding_window_view(samples, 1024)[::280]
            silent = (np.ptp(frames, axis=1) == 0).mean()
            print(f"{np.abs(a - e).max():.1e} of {np.abs(e).max():.2f}, {silent:4.0%} digital silence, {path}")
        np.save(folder / "in.npy", np.concatenate(clips[:4])[:, None])
        card = Path(__file__).resolve().parent.parent / "models" / "birdnet.toml"

        def afield():
            run = [args.hop_costs, "backbone", card, args.model, "windowed", folder / "in.npy", folder / "out.npy", "3"]
            costs = json.loads(subprocess.run(run, check=True, capture_output=True).stdout)
            windows = len(np.load(folder / "out.npy"))
            return [us * costs["hops"] / windows / 1e3 for us in costs["cpu_us"]]

        def timed(step, count=20):
            times = []
            for _ in range(count):
                began = time.process_time()
                step()
                times.append((time.process_time() - began) * 1e3)
            return times

        plain = Interpreter(args.model, num_threads=1)
        plain.allocate_tensors()
        plain.set_tensor(0, clips[0][None])
        peers = {"Afield": afield, "LiteRT": lambda: timed(plain.invoke)}
        if args.onnx:
            import onnxruntime
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = options.inter_op_num_threads = 1
            session = onnxruntime.InferenceSession(args.onnx, options)
            entry = session.get_inputs()[0].name
            peers["ONNX Runtime"] = lambda: timed(lambda: session.run(None, {entry: clips[0][None]}))
        times = {name: [] for name in peers}
        for _ in range(ROUNDS):
            for name, peer in peers.items():
                times[name] += peer()
        for name, values in times.items():
            print(f"{name:12} {min(values):6.1f} ms CPU a window, median {np.median(values):6.1f}")


main()
