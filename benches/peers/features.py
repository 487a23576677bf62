"""Hand-made statistics and FFT features of windowed motion data.

Windows of 3 s (150 samples at 50 Hz) with half overlap over 6 axes (accelerometer,
gyroscope). Of every axis and of the two vector lengths (8 signals): mean, standard
deviation, minimum, maximum, quartiles, zero crossings of the centred signal, log
energy (9 numbers), the log power in 8 bands of the FFT, and the dominant frequency:
18 numbers. The 15 correlations between the axes follow: 159 in all. Nothing is random
and nothing is fitted.
"""

import numpy as np

RATE_HZ = 50
WINDOW_SAMPLES = 150
HOP_SAMPLES = 75
# Upper edges of the bands, in Hz; the first begins above 0.
BANDS_HZ = (0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 25.0)
# Keeps logarithms finite on a signal that stands still.
FLOOR = 1e-6


def windows(recording):
    """[samples, axes] to [n, WINDOW_SAMPLES, axes]."""
    recording = np.asarray(recording, dtype=np.float64)
    starts = range(0, len(recording) - WINDOW_SAMPLES + 1, HOP_SAMPLES)
    return np.stack([recording[start : start + WINDOW_SAMPLES] for start in starts])


def features(batch):
    """[n, samples, 6] to float32 [n, 159]."""
    lengths = [np.linalg.norm(batch[:, :, axes], axis=2) for axes in (slice(0, 3), slice(3, 6))]
    signals = np.concatenate([batch, np.stack(lengths, axis=2)], axis=2)
    centred = signals - signals.mean(axis=1, keepdims=True)
    quartiles = np.percentile(signals, [25, 50, 75], axis=1)
    crossings = (np.diff(np.signbit(centred), axis=1)).mean(axis=1)
    energy = np.log((signals**2).mean(axis=1) + FLOOR)
    parts = [
        signals.mean(axis=1),
        signals.std(axis=1),
        signals.min(axis=1),
        signals.max(axis=1),
        *quartiles,
        crossings,
        energy,
    ]
    samples = batch.shape[1]
    power = np.abs(np.fft.rfft(centred * np.hanning(samples)[None, :, None], axis=1)) ** 2
    hz = np.fft.rfftfreq(samples, 1 / RATE_HZ)
    low = 0.0
    for high in BANDS_HZ:
        band = power[:, (hz > low) & (hz <= high)].sum(axis=1)
        parts.append(np.log(band / samples + FLOOR))
        low = high
    parts.append(hz[power.argmax(axis=1)])
    axes = centred[:, :, :6] / np.sqrt((centred[:, :, :6] ** 2).sum(axis=1, keepdims=True) + FLOOR)
    correlations = np.einsum("nsi,nsj->nij", axes, axes)
    upper = np.triu_indices(6, 1)
    parts.append(correlations[:, upper[0], upper[1]])
    return np.concatenate(parts, axis=1).astype(np.float32)
