"""The smartwatch recordings (seglearn 1.2.5, BSD-3-Clause): subjects and windows.

Ten subjects did seven shoulder exercises with a watch on either wrist: 140 recordings of six
axes at 50 Hz, accelerations in g, angular rates in rad/s. Subjects 8 to 10 are reserved for a final
test. This module does not return them.
"""

import hashlib
from dataclasses import dataclass
from importlib.metadata import distribution

import numpy as np

FILE = "seglearn/data/watch_dataset.npy"
SHA256 = "eb122f23cdf06ef6bd6c6c5312958ec5cf9d038e2e6d457b8081662c75a42537"
RATE_HZ = 50
LAST_SUBJECT = 7
# Windows to learn and to be asked: 3 s, half of it shared with the next.
WINDOW, STEP = 150, 75


@dataclass
class Recording:
    samples: np.ndarray  # float32 [n, 6]
    exercise: str
    subject: int


def recordings():
    """All recordings of subjects 1 to 7, in the file's order."""
    path = distribution("seglearn").locate_file(FILE)
    if hashlib.sha256(path.read_bytes()).hexdigest() != SHA256:
        raise SystemExit(f"{path} is not the file of seglearn 1.2.5")
    # A pickle, and trusted by its checksum.
    held = np.load(path, allow_pickle=True).item()
    return [
        Recording(np.asarray(x, dtype=np.float32), held["y_labels"][int(y)], int(subject))
        for x, y, subject in zip(held["X"], held["y"], held["subject"])
        if subject <= LAST_SUBJECT
    ]


def windows(of):
    """Recordings to [n, WINDOW, 6], their exercises, their subjects and their recordings."""
    x, exercise, subject, number = [], [], [], []
    for index, recording in enumerate(of):
        for start in range(0, len(recording.samples) - WINDOW + 1, STEP):
            x.append(recording.samples[start : start + WINDOW])
            exercise.append(recording.exercise)
            subject.append(recording.subject)
            number.append(index)
    return np.stack(x), np.array(exercise), np.array(subject), np.array(number)
