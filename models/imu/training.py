"""Training, by seed: exercises told apart, and what a statistician would say of a window foretold.

The second task (regression of the 159 hand statistics and FFT features that the peers' benchmark
uses) keeps in the embedding what seven exercises do not ask for, but an eighth may.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn

sys.path.append(str(Path(__file__).parents[2] / "benches" / "peers"))

from augment import Drawer
from features import features
from network import DEVIATIONS, Network

STEPS, BATCH, RATE, DECAY, DROPOUT, SMOOTHING = 400, 48, 4e-3, 1e-2, 0.3, 0.1
# Augmented windows that the steps draw from.
POOL = 4000
# Weight of the second task, and the deviations at which its targets are clamped.
STATISTICS, CLAMP = 2.0, 4.0


def train(recordings, seed, steps=STEPS):
    """A network that has seen these recordings and no others."""
    exercises = sorted({r.exercise for r in recordings})
    labels = np.array([exercises.index(r.exercise) for r in recordings])
    torch.manual_seed(seed)
    drawer = Drawer(recordings, labels, seed)
    pool, classes = drawer.draw(POOL)
    statistics = features(pool.astype(np.float64))
    statistics = (statistics - statistics.mean(axis=0)) / (statistics.std(axis=0) + 1e-6)
    statistics = torch.from_numpy(statistics.clip(-CLAMP, CLAMP).astype(np.float32))
    pool = torch.from_numpy(np.ascontiguousarray((pool / DEVIATIONS).transpose(0, 2, 1)))
    classes = torch.from_numpy(classes)
    network = Network(len(exercises), statistics.shape[1], DROPOUT)
    optimiser = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, RATE, total_steps=steps, pct_start=0.2
    )
    told_apart = nn.CrossEntropyLoss(label_smoothing=SMOOTHING)
    foretold = nn.SmoothL1Loss()
    network.train()
    for _ in range(steps):
        drawn = torch.from_numpy(drawer.random.choice(POOL, BATCH, replace=False))
        named, estimates = network(pool[drawn])
        loss = told_apart(named, classes[drawn])
        loss = loss + STATISTICS * foretold(estimates, statistics[drawn])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    network.eval()
    return network
