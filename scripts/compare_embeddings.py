#!/usr/bin/env python3
"""Compare `afield embed` with ONNX Runtime on real clips, in both modes.

Each clip is converted to 16 kHz, 16 bit and one channel first, so both sides
start from the same samples. For the speech embedding, ONNX Runtime also computes
the log-mel frames, with the graph that ships beside the embedding. That graph
clamps to 80 dB under the loudest bin of the whole call, which a stream cannot
know. If the clamp applies, the clip is compared from frames with the card's
floor, and counted separately. NumPy computes YAMNet's frames from its own mel
matrix.

The exit code is 1 if a difference exceeds the tolerance.

    pip install numpy soundfile soxr onnxruntime
    scripts/compare_embeddings.py --backbone speech-embedding --mel melspectrogram.onnx CLIP...
    scripts/compare_embeddings.py --backbone yamnet --mel-matrix yamnet_mel_64x257.npy CLIP...
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnxruntime
import soundfile
import soxr

RATE = 16_000


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clips", nargs="+", type=Path, metavar="CLIP")
    parser.add_argument("--backbone", required=True)
    parser.add_argument("--afield", default="target/release/afield")
    parser.add_argument("--mel", type=Path, help="melspectrogram.onnx (speech embedding)")
    parser.add_argument("--mel-matrix", type=Path, help="[64, 257] mel matrix (YAMNet)")
    parser.add_argument("--tolerance", type=float, default=1e-3)
    return parser.parse_args()


def main():
    args = arguments()
    card = json.loads(run(args.afield, "model", "show", args.backbone, "--json"))
    model = run(args.afield, "model", "get", args.backbone).strip()
    session = onnxruntime.InferenceSession(model)
    mel = onnxruntime.InferenceSession(args.mel) if args.mel else None
    matrix = np.load(args.mel_matrix) if args.mel_matrix else None
    worst, cpu = {}, {}
    seconds, clamped = 0.0, 0
    with tempfile.TemporaryDirectory() as folder:
        for number, clip in enumerate(args.clips):
            samples = to_16k(clip)
            wav = Path(folder, f"{number:03}.wav")
            soundfile.write(wav, samples, RATE, subtype="PCM_16")
            samples = padded(samples, card).astype(np.float32) / 32768
            if mel is not None:
                frames, bites = speech_frames(samples, card, mel)
                clamped += bites
            else:
                frames = yamnet_frames(samples, card, matrix)
            expected = embeddings(frames, card, session)
            line = {"clip": str(clip), "rows": len(expected), "seconds": len(samples) / RATE}
            for mode in ("streaming", "windowed"):
                out = Path(folder, "out.npy")
                done = subprocess.run(
                    [args.afield, "embed", wav, "--backbone", args.backbone, "--mode", mode, "-o", out],
                    capture_output=True,
                    text=True,
                )
                if done.returncode != 0:
                    line[mode] = done.stderr.strip().splitlines()[0]
                    continue
                actual = np.load(out)
                if actual.shape != expected.shape:
                    sys.exit(f"{clip}: {mode} gives {actual.shape}, expected {expected.shape}")
                difference = float(np.abs(actual - expected).max())
                line[mode] = difference
                worst[mode] = max(worst.get(mode, 0.0), difference)
                cpu[mode] = cpu.get(mode, 0.0) + json.loads(done.stdout)["cpu_seconds"]
            seconds += len(samples) / RATE
            print(json.dumps(line))
    summary = {
        "clips": len(args.clips),
        "max_abs_difference": worst,
        "cpu_seconds_per_hour": {mode: round(cpu[mode] / seconds * 3600, 1) for mode in cpu},
        "clips_where_the_graphs_clamp_bites": clamped,
    }
    print(json.dumps(summary))
    if not worst or max(worst.values()) > args.tolerance:
        sys.exit(1)


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def to_16k(clip):
    samples, rate = soundfile.read(clip, dtype="float64", always_2d=True)
    samples = soxr.resample(samples.mean(axis=1), rate, RATE)
    return np.clip(np.round(samples * 32768), -32768, 32767).astype(np.int16)


def receptive_field(card):
    front = card["frontend"]
    frames = card["input"]["shape"][card["input"]["frames-axis"]]
    return (frames - 1) * front["hop-samples"] + front["frame-samples"]


def padded(samples, card):
    """The card's rule for clips shorter than the receptive field (zeros only)."""
    rule, field = card["padding"], receptive_field(card)
    if len(samples) >= field:
        return samples
    hop = card["embedding"]["hop-frames"] * card["frontend"]["hop-samples"]
    missing = field + (rule["windows"] - 1) * hop - len(samples)
    before = {"start": 0, "center": missing // 2, "end": missing}[rule["align"]]
    return np.pad(samples, (before, missing - before))


def spectra(samples, front):
    window = np.zeros(front["frame-samples"])
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(front["window-samples"]) / front["window-samples"])
    window[front["window-offset"] :][: len(hann)] = hann
    frames = np.lib.stride_tricks.sliding_window_view(samples, len(window))[:: front["hop-samples"]]
    return np.abs(np.fft.rfft(frames.astype(np.float64) * window, front["fft-size"]))


def speech_frames(samples, card, mel):
    decibels = mel.run(None, {"input": samples[None] * 32768})[0].reshape(-1, card["frontend"]["bands"])
    bites = decibels.min() <= decibels.max() - 80 + 1e-3
    if bites:
        # The same graph on each frame alone: no other frame's maximum. What
        # still lies 80 dB under its own frame's is under the card's floor.
        front = card["frontend"]
        step, size = front["hop-samples"], front["frame-samples"]
        starts = range(0, len(samples) - size + 1, step)
        decibels = np.stack([mel.run(None, {"input": samples[None, s : s + size] * 32768})[0].reshape(-1) for s in starts])
    floor = card["frontend"]["log"]["floor-db"]
    return (np.maximum(decibels, floor) / 10 + 2).astype(np.float32), int(bites)


def yamnet_frames(samples, card, matrix):
    magnitudes = spectra(samples, card["frontend"])
    return np.log(magnitudes @ matrix.T + card["frontend"]["log"]["offset"]).astype(np.float32)


def embeddings(frames, card, session):
    shape = card["input"]["shape"]
    window, hop = shape[card["input"]["frames-axis"]], card["embedding"]["hop-frames"]
    windows = [frames[i : i + window] for i in range(0, len(frames) - window + 1, hop)]
    if card["input"]["frames-axis"] > card["input"]["bands-axis"]:
        windows = [w.T for w in windows]
    name, wanted = session.get_inputs()[0].name, card["output"].get("name")
    outputs = [wanted] if wanted else [session.get_outputs()[0].name]
    rows = [session.run(outputs, {name: w.reshape(shape)})[0].reshape(-1) for w in windows]
    return np.stack(rows)


if __name__ == "__main__":
    main()
