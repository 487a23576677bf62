"""Training, by seed: three tasks on augmented windows.

The network classifies exercises. It also classifies recordings (one exercise by one arm of one subject
each). It also predicts the 159 hand-made statistics and FFT features of the peers' benchmark, by
regression. The last two tasks keep information in the embedding that seven exercises do not need, but
an eighth may need.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn

sys.path.append(str(Path(__file__).parents[2] / "benches" / "peers"))

from augment import Drawer
from data import windows
from features import features
from network import DEVIATIONS, SIZE, Network, embed

STEPS, BATCH, RATE, DECAY, DROPOUT, SMOOTHING = 400, 48, 4e-3, 1e-2, 0.3, 0.1
# Augmented windows that the steps draw from.
POOL = 4000
# Weight of the statistics, and the deviations at which they are clamped.
STATISTICS, CLAMP = 2.0, 4.0


def train(recordings, seed):
    """A network that has seen these recordings and no others."""
    exercises = sorted({r.exercise for r in recordings})
    labels = np.array([exercises.index(r.exercise) for r in recordings])
    torch.manual_seed(seed)
    drawer = Drawer(recordings, seed)
    pool, drawn_from = drawer.draw(POOL)
    statistics = features(pool.astype(np.float64))
    statistics = (statistics - statistics.mean(axis=0)) / (statistics.std(axis=0) + 1e-6)
    statistics = torch.from_numpy(statistics.clip(-CLAMP, CLAMP).astype(np.float32))
    pool = torch.from_numpy(np.ascontiguousarray((pool / DEVIATIONS).transpose(0, 2, 1)))
    classes, drawn_from = torch.from_numpy(labels[drawn_from]), torch.from_numpy(drawn_from)
    network = Network(len(exercises), len(recordings), statistics.shape[1], DROPOUT)
    optimiser = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, RATE, total_steps=STEPS, pct_start=0.2
    )
    told_apart = nn.CrossEntropyLoss(label_smoothing=SMOOTHING)
    foretold = nn.SmoothL1Loss()
    network.train()
    for _ in range(STEPS):
        drawn = torch.from_numpy(drawer.random.choice(POOL, BATCH, replace=False))
        exercise, recording, estimates = network(pool[drawn])
        loss = told_apart(exercise, classes[drawn]) + told_apart(recording, drawn_from[drawn])
        loss = loss + STATISTICS * foretold(estimates, statistics[drawn])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    network.eval()
    even_out(network, recordings)
    return network


def even_out(network, recordings):
    """Scales the rows so that each of their numbers varies alike within an exercise: with a few
    examples in all, a head has nothing but distances to go by."""
    x, exercise, _, _ = windows(recordings)
    x = embed(network, x)
    within = np.mean([x[exercise == e].var(axis=0) for e in np.unique(exercise)], axis=0)
    within = within.reshape(3, SIZE).mean(axis=0)
    # Of a root, variances go as the rows do.
    scale = within.mean() / np.maximum(within, within.mean() / 20)
    norm = network.rows[-2]
    with torch.no_grad():
        for parameter in (norm.weight, norm.bias):
            parameter *= torch.from_numpy(scale.astype(np.float32))
