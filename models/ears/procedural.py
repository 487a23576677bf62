"""Sounds that are computed: noises, tones, chirps, impulses and pulse trains, all from a seed."""

import numpy as np

RATE = 16000


def envelope(length, rng):
    """A level over time: steady, decaying, modulated, or in bursts."""
    t = np.arange(length) / RATE
    kind = rng.integers(5)
    if kind == 0:
        return np.ones(length)
    if kind == 1:
        return np.exp(-t / rng.uniform(0.02, 1.0))
    if kind == 2:
        return 1 + rng.uniform(0.3, 1) * np.sin(2 * np.pi * rng.uniform(0.5, 30) * t + rng.uniform(0, 6))
    if kind == 3:
        gates = np.sin(2 * np.pi * rng.uniform(1, 12) * t) > rng.uniform(-0.5, 0.8)
        return np.convolve(gates, np.hanning(161) / 80.0, "same")
    steps = np.exp(rng.normal(0, 1, length // 1600 + 2))
    return np.interp(np.arange(length), np.arange(len(steps)) * 1600, steps)


def pitch(length, rng):
    """A frequency over time in Hz: steady, gliding, or with vibrato."""
    t = np.arange(length) / RATE
    base = np.exp(rng.uniform(np.log(50), np.log(4000)))
    kind = rng.integers(4)
    if kind == 0:
        return np.full(length, base)
    if kind == 1:
        return base * 2 ** (rng.uniform(-2, 2) * t / t[-1])
    if kind == 2:
        return base * 2 ** (rng.uniform(0.02, 0.5) * np.sin(2 * np.pi * rng.uniform(2, 20) * t))
    return base * 2 ** (rng.uniform(0.2, 2) * (t * rng.uniform(1, 8) % 1))


def noise(length, rng):
    """Noise with a random slope and one or two resonances."""
    spectrum = np.fft.rfft(rng.standard_normal(length))
    hz = np.fft.rfftfreq(length, 1 / RATE) + 20
    gain = hz ** -rng.uniform(0, 1.2)
    for _ in range(rng.integers(3)):
        centre, width = np.exp(rng.uniform(np.log(100), np.log(7000))), rng.uniform(0.05, 0.6)
        gain = gain * (1 + rng.uniform(1, 20) * np.exp(-((np.log(hz / centre) / width) ** 2)))
    return np.fft.irfft(spectrum * gain, length)


def harmonics(length, rng):
    """A tone with overtones, as of an engine, a horn or a bird."""
    phase = 2 * np.pi * np.cumsum(pitch(length, rng)) / RATE
    slope, count = rng.uniform(0, 2), rng.integers(1, 16)
    odd = rng.integers(2) + 1
    parts = [np.sin(k * phase) / k**slope for k in range(1, count * odd + 1, odd)]
    return np.sum(parts, axis=0)


def impulses(length, rng):
    """Clicks at random or regular times, each with a decaying ring."""
    x = np.zeros(length)
    every = rng.uniform(0.002, 0.5) * RATE
    if rng.random() < 0.5:
        at = np.arange(rng.integers(int(every) + 1), length, max(int(every), 1))
    else:
        at = rng.integers(0, length, max(int(length / every), 1))
    np.add.at(x, at, rng.normal(0, 1, len(at)))
    t = np.arange(int(0.2 * RATE)) / RATE
    ring = np.exp(-t / rng.uniform(0.0005, 0.04))
    ring = ring * (np.sin(2 * np.pi * rng.uniform(100, 6000) * t) if rng.random() < 0.5 else rng.standard_normal(len(t)))
    size = length + len(t)
    return np.fft.irfft(np.fft.rfft(x, size) * np.fft.rfft(ring, size), size)[:length]


def sound(length, rng):
    """One sound of `length` samples, float32, with an RMS of 1."""
    made = [noise, harmonics, impulses][rng.integers(3)](length, rng)
    if rng.random() < 0.25:
        made = made / (np.std(made) + 1e-9) + rng.uniform(0.1, 1) * noise(length, rng)
    made = made * envelope(length, rng)
    return (made / (np.sqrt(np.mean(made**2)) + 1e-9)).astype(np.float32)
