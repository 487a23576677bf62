"""Augments the windows of a few wearers to simulate other wearers.

The variants follow the physics of a watch on a wrist: a faster movement has larger rotation and
acceleration, the position of the watch varies, and either arm may wear it.
"""

import numpy as np

from data import WINDOW

# The wrist's mirror image: the axis along the arm points the other way, and turns about the two
# others change their sense.
MIRROR = np.array([-1, 1, 1, 1, -1, -1], dtype=np.float32)


class Drawer:
    """Draws augmented windows of recordings, by seed."""

    def __init__(self, recordings, seed):
        self.random = np.random.default_rng(seed)
        self.lengths = np.array([len(r.samples) for r in recordings])
        self.samples = np.zeros((len(recordings), self.lengths.max(), 6), dtype=np.float32)
        for row, recording in zip(self.samples, recordings):
            row[: len(recording.samples)] = recording.samples

    def draw(self, count):
        """float32 [count, WINDOW, 6] and the numbers of the recordings they are from."""
        random = self.random
        which = random.integers(len(self.lengths), size=count)
        tempo = np.clip(np.exp(random.normal(0, 0.25, count)), 0.6, 1.6)
        x = self._played(which, tempo)
        x = self._moved(x, tempo)
        x = self._worn(x)
        noise = random.normal(0, 0.05, x.shape) * np.array([1, 1, 1, 3, 3, 3])
        return (x + noise).astype(np.float32), which

    def _played(self, which, tempo):
        """At another tempo, and not at an even one."""
        random, count = self.random, len(which)
        phase = random.uniform(0, 2 * np.pi, (count, 1))
        cycles = random.uniform(0.5, 2, (count, 1))
        depth = random.normal(0, 0.2, (count, 1))
        at = np.arange(WINDOW)[None]
        swing = np.sin(2 * np.pi * cycles * at / WINDOW + phase) - np.sin(phase)
        at = tempo[:, None] * (at + depth * WINDOW * swing / (2 * np.pi * cycles))
        at -= at.min(axis=1, keepdims=True)
        longest = self.lengths[which][:, None]
        room = np.maximum(longest[:, 0] - np.ceil(at.max(axis=1)) - 2, 0)
        at = np.minimum(at + (random.random(count) * room).astype(int)[:, None], longest - 2)
        before = at.astype(int)
        share = (at - before)[:, :, None].astype(np.float32)
        row = which[:, None]
        return self.samples[row, before] * (1 - share) + self.samples[row, before + 1] * share

    def _moved(self, x, tempo):
        """As strongly as the tempo says, and as the wearer does; gravity stays."""
        random, count = self.random, len(x)
        strength = np.exp(random.normal(0, 0.3, (count, 1, 1)))
        speed = tempo[:, None, None]
        gravity = x[:, :, :3].mean(axis=1, keepdims=True)
        acceleration = (x[:, :, :3] - gravity) * (speed**2 * strength) + gravity
        turn = x[:, :, 3:] * (speed * strength)
        x = np.concatenate([acceleration, turn], axis=2)
        return x * np.exp(random.normal(0, 0.1, (count, 1, 6)))

    def _worn(self, x):
        """Turned on the wrist, askew, on the other arm."""
        random, count = self.random, len(x)
        along = np.tile([1.0, 0.0, 0.0], (count, 1))
        turn = rotations(random.normal(size=(count, 3)), random.normal(0, 0.3, count))
        turn = turn @ rotations(along, random.normal(0, 0.5, count))
        turn = turn.transpose(0, 2, 1)
        x = np.concatenate([x[:, :, :3] @ turn, x[:, :, 3:] @ turn], axis=2)
        x[random.random(count) < 0.5] *= MIRROR
        return x


def rotations(axes, angles):
    """[n, 3] and [n] to rotation matrices [n, 3, 3] (Rodrigues)."""
    x, y, z = (axes / np.linalg.norm(axes, axis=1, keepdims=True)).T
    nought = np.zeros_like(x)
    cross = np.array([[nought, -z, y], [z, nought, -x], [-y, x, nought]]).transpose(2, 0, 1)
    sine, cosine = (f(angles)[:, None, None] for f in (np.sin, np.cos))
    return np.eye(3) + sine * cross + (1 - cosine) * (cross @ cross)
