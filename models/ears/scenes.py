"""Scenes to learn from: one to four sounds at random times, levels, pitches and places, and what the
teachers say of them.

    python models/ears/scenes.py DIR YAMNET.onnx SPEECH.onnx FIRST LAST

DIR holds sounds.npz and voices.npz, and gets scenes/NNNN.npz for each shard from FIRST to LAST, unless it
is there: mel magnitudes [SCENES, FRAMES, 64], `world` [SCENES, len(WORLD), 1024] and `words`
[SCENES, len(WORDS), 96], all in half precision. A shard depends on its number alone.
"""

import sys
from pathlib import Path

import numpy as np

from front import HOP, RATE, magnitudes
from procedural import noise, sound

SCENES = 500
FRAMES = 288
SAMPLES = HOP * (FRAMES - 1) + 400 + 112
# First frames of the windows of the two teachers, in the middle of which a row of the student lies.
WORLD = list(range(0, 193, 24))
WORDS = [8 + 16 * i for i in range(13)]


class Sounds:
    """All recordings, drawn by kind, then by package, then by file."""

    def __init__(self, folder):
        data, voices = np.load(folder / "sounds.npz"), np.load(folder / "voices.npz")
        self.samples = {"files": data["samples"], "voices": voices["samples"]}
        spans = list(zip(data["starts"].tolist(), data["lengths"].tolist()))
        self.by = {}
        for kind, package, span in zip(data["kinds"].tolist(), data["packages"].tolist(), spans):
            self.by.setdefault(kind, {}).setdefault(package, []).append(span)
        self.shares = {}
        for kind, packages in self.by.items():
            # The square root of the seconds, so that large packages do not drown the others.
            weights = np.array([sum(n for _, n in spans) ** 0.5 for spans in packages.values()])
            self.shares[kind] = (list(packages.values()), weights / weights.sum())
        self.voices = list(zip(voices["starts"].tolist(), voices["lengths"].tolist()))

    def draw(self, rng):
        """One recording, or a computed sound; float32, up to two scenes long."""
        kind = rng.choice(["world", "speech", "voices", "music", "procedural"], p=[0.50, 0.17, 0.06, 0.09, 0.18])
        if kind == "procedural":
            return sound(rng.integers(RATE // 10, SAMPLES), rng)
        if kind == "voices":
            at, length = self.voices[rng.integers(len(self.voices))]
            samples = self.samples["voices"]
        else:
            packages, shares = self.shares[kind]
            spans = packages[rng.choice(len(packages), p=shares)]
            at, length = spans[rng.integers(len(spans))]
            samples = self.samples["files"]
        if length > 2 * SAMPLES:
            at, length = at + rng.integers(length - 2 * SAMPLES), 2 * SAMPLES
        return samples[at : at + length].astype(np.float32) / 32768


def resampled(x, factor):
    """Faster and higher by a factor."""
    if len(x) < 2:
        return x
    return np.interp(np.arange(0, len(x) - 1, factor), np.arange(len(x)), x).astype(np.float32)


def filtered(x, rng):
    """Through a random smooth response, and at times through a band-pass."""
    spectrum = np.fft.rfft(x)
    octaves = np.log2(np.linspace(1, RATE / 2, len(spectrum)) / 60).clip(0, 7)
    gain = np.interp(octaves, np.arange(8), rng.normal(0, 5, 8))
    if rng.random() < 0.3:
        low, high = sorted(rng.uniform(0, 7, 2))
        gain = gain - 24 * (np.maximum(low - octaves, 0) + np.maximum(octaves - high - 0.5, 0))
    return np.fft.irfft(spectrum * 10 ** (gain / 20), len(x)).astype(np.float32)


def reverberated(x, rng):
    """In a room: noise that decays, after the direct sound."""
    tail = int(rng.uniform(0.05, 0.6) * RATE)
    t = np.arange(tail) / RATE
    response = rng.standard_normal(tail) * np.exp(-6.9 * t / t[-1]) * rng.uniform(0.02, 0.25) * 40 / tail**0.5
    response[0] = 1.0
    size = len(x) + tail
    return np.fft.irfft(np.fft.rfft(x, size) * np.fft.rfft(response, size), size).astype(np.float32)


def texture(x, rng):
    """Many copies of a short sound, each at its own time and pitch: rain from a drop, a crowd from a voice."""
    out = np.zeros(SAMPLES, np.float32)
    for _ in range(rng.integers(6, 40)):
        copy = resampled(x[: RATE // 2], 2 ** rng.uniform(-0.6, 0.6))
        at = rng.integers(-len(copy) // 2, SAMPLES)
        copy = copy[max(-at, 0) : SAMPLES - at]
        out[max(at, 0) : max(at, 0) + len(copy)] += copy * 10 ** (rng.uniform(-15, 0) / 20)
    return out


def piece(sounds, rng):
    """A sound as it is heard in a scene, [SAMPLES]."""
    x = sounds.draw(rng)
    if rng.random() < 0.5:
        x = resampled(x, 2 ** rng.normal(0, 0.35))
    if rng.random() < 0.5:
        x = filtered(x, rng)
    if len(x) < RATE and rng.random() < 0.25:
        x = texture(x, rng)
    elif len(x) < SAMPLES and rng.random() < 0.3:
        gap = rng.integers(0, RATE // 2)
        x = np.tile(np.pad(x, (0, gap)), SAMPLES // (len(x) + gap) + 1)
    if rng.random() < 0.3:
        x = reverberated(x, rng)
    level = np.sqrt(np.mean(x**2)) + 1e-6
    at = rng.integers(-max(len(x) - SAMPLES, 0), max(SAMPLES - len(x), 0) + 1)
    if rng.random() < 0.3:
        at = rng.integers(-len(x) // 2, SAMPLES - min(len(x), SAMPLES) // 2)
    out = np.zeros(SAMPLES, np.float32)
    x = x[max(-at, 0) : SAMPLES - at]
    out[max(at, 0) : max(at, 0) + len(x)] = x / level
    return out


def scene(sounds, rng):
    """Samples [SAMPLES], float32, full scale 1."""
    x = piece(sounds, rng)
    for _ in range(rng.choice(4, p=[0.5, 0.28, 0.14, 0.08])):
        x = x + piece(sounds, rng) * np.float32(10 ** (rng.uniform(-25, 3) / 20))
    if rng.random() < 0.3:
        floor = noise(SAMPLES, rng)
        x = x + (floor / floor.std() * 10 ** (rng.uniform(-40, -10) / 20)).astype(np.float32)
    loudest = np.abs(x).max() + 1e-9
    x = x / loudest * np.float32(10 ** (rng.uniform(-34, 0) / 20))
    # What a converter gives.
    return np.round(x * 32767).astype(np.float32) / 32768


def shard(number, sounds, teachers):
    rng = np.random.default_rng([20, number])
    mel, world, words = [], [], []
    for _ in range(SCENES):
        x = scene(sounds, rng)
        mel.append(magnitudes(x)[:FRAMES].astype(np.float16))
        of_world, of_words = teachers.of(x, WORLD, WORDS)
        world.append(of_world.astype(np.float16))
        words.append(of_words.astype(np.float16))
    return {"mel": np.stack(mel), "world": np.stack(world), "words": np.stack(words)}


def main():
    from teachers import Teachers

    folder, yamnet, speech = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    first, last = int(sys.argv[4]), int(sys.argv[5])
    sounds, teachers = Sounds(folder), Teachers(yamnet, speech)
    (folder / "scenes").mkdir(exist_ok=True)
    for number in range(first, last + 1):
        path = folder / "scenes" / f"{number:04}.npz"
        if not path.exists():
            partial = path.with_suffix(".partial.npz")
            np.savez(partial, **shard(number, sounds, teachers))
            partial.rename(path)
            print(path.name, flush=True)


if __name__ == "__main__":
    main()
