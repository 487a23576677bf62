"""Front ends: log-mel frames of YAMNet and of the speech embedding. `ears` takes YAMNet's, with its own OFFSET.

Samples are float32 at 16 kHz with a full scale of 1. A frame is 10 ms after the one before.
"""

import numpy as np

RATE = 16000
HOP = 160
BANDS = 64
YAMNET_OFFSET, OFFSET = 1e-3, 1e-4
SPEECH_FLOOR_DB = 0.0


def hann(length):
    """The periodic Hann window."""
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)


def frames_of(samples, length):
    """Frames [n, length] without padding, a view."""
    count = 1 + (len(samples) - length) // HOP
    stride = samples.strides[0]
    return np.lib.stride_tricks.as_strided(samples, (count, length), (HOP * stride, stride), writeable=False)


def htk(hz):
    return 1127.0 * np.log1p(np.asarray(hz) / 700.0)


def yamnet_bands():
    """Triangles [64, 257] drawn in mel (HTK), 125 to 7500 Hz, not normalised."""
    bins = htk(np.arange(257) * RATE / 512)
    edges = np.linspace(htk(125.0), htk(7500.0), BANDS + 2)
    low, centre, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    bands = np.minimum((bins - low) / (centre - low), (high - bins) / (high - centre))
    bands = np.maximum(bands, 0.0)
    bands[:, 0] = 0.0
    return bands.astype(np.float32)


def slaney(hz):
    hz = np.asarray(hz, np.float64)
    return np.where(hz < 1000, hz * 3 / 200, 15 + np.log(np.maximum(hz, 1000) / 1000) / (np.log(6.4) / 27))


def from_slaney(mel):
    mel = np.asarray(mel, np.float64)
    return np.where(mel < 15, mel * 200 / 3, 1000 * np.exp((mel - 15) * np.log(6.4) / 27))


def speech_bands():
    """Triangles [32, 257] drawn in Hz, 60 to 3800 Hz, each of unit area."""
    hz = np.arange(257) * RATE / 512
    edges = from_slaney(np.linspace(slaney(60.0), slaney(3800.0), 34))
    low, centre, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    bands = np.minimum((hz - low) / (centre - low), (high - hz) / (high - centre))
    return (np.maximum(bands, 0.0) * 2 / (high - low)).astype(np.float32)


YAMNET_BANDS, SPEECH_BANDS = yamnet_bands().T.copy(), speech_bands().T.copy()
HANN = hann(400).astype(np.float32)


def magnitudes(samples):
    """Mel magnitudes [n, 64], before the logarithm."""
    return np.abs(np.fft.rfft(frames_of(samples, 400) * HANN, 512)).astype(np.float32) @ YAMNET_BANDS


def log_mel(samples, offset=YAMNET_OFFSET):
    """YAMNet's frames [n, 64]: ln(magnitude + offset)."""
    return np.log(magnitudes(samples) + np.float32(offset))


def speech_frames(samples):
    """The speech embedding's frames [n, 32], with the card's floor in place of the graph's clamp."""
    window = np.zeros(512, np.float32)
    window[56:456] = HANN
    spectrum = np.fft.rfft(frames_of(samples * np.float32(32768), 512) * window, 512)
    power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32) @ SPEECH_BANDS
    return np.maximum(10 * np.log10(np.maximum(power, 1e-10)), SPEECH_FLOOR_DB) * 0.1 + 2.0
