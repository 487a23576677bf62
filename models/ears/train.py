"""Trains `ears`: first each block of the trunk on hints alone, then the rest on what three teachers say.

    python models/ears/train.py DIR YAMNET256.onnx [--name NAME] [--steps N] [--minus INGREDIENT ...]

DIR holds scenes/ (scenes.py). It gets NAME.pt, the state, from which the same command goes on, and
NAME.tsv, the curve. Shards come into use one after the other, so training can start while they are
made; it waits for a shard that is due. The same versions, processor and number of threads give the
same weights. `--minus` leaves an ingredient out, for the ablation: hints, world, words, sounds, mixing.
"""

import argparse
import math
import os
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

from front import OFFSET
from hints import Hints
from network import Ears, HOP, WINDOW
from scenes import WORDS, WORLD

SEED = 0
RATE = 2e-3
# Steps that learn hints, with few scenes each: a scene has thousands of positions. The last of them keep
# the statistics of the batch normalisation, since the hints' network has fixed ones. Then steps with more
# scenes, which keep the first layers as they are.
HINTED, FIXED, HINTED_BATCH, BATCH, FROZEN = 6000, 4500, 8, 32, 4
# Steps before the next shard comes into use, and shards at the start.
STEPS_A_SHARD, FIRST_SHARDS = 100, 40
# The row of the student whose window lies in the middle of a teacher's window: WORLD's windows have 96
# frames, WORDS' 76.
WORLD_ROWS = [(start + 96 // 2 - WINDOW // 2) // HOP for start in WORLD]
WORDS_ROWS = [(start + 76 // 2 - WINDOW // 2) // HOP for start in WORDS]
TEACHERS = {"world": 1024, "words": 96, "sounds": 256}


class Student(nn.Module):
    """The network, and linear readouts of the teachers' embeddings from its rows."""

    def __init__(self):
        super().__init__()
        self.ears = Ears()
        size = self.ears.last.out_channels
        self.readouts = nn.ModuleDict({name: nn.Linear(size, numbers) for name, numbers in TEACHERS.items()})


class Shards:
    """The shards in use; they are loaded as they come into use."""

    def __init__(self, folder, count, hints):
        self.folder, self.count, self.hints, self.loaded = folder, count, hints, []

    def at(self, step):
        due = min(self.count, FIRST_SHARDS + max(step - HINTED, 0) // STEPS_A_SHARD)
        while len(self.loaded) < due:
            path = self.folder / f"{len(self.loaded):04}.npz"
            while not path.exists():
                time.sleep(1)
            with np.load(path) as data:
                mel = data["mel"]
                sounds = self.hints.embeddings(mel, WINDOW)
                self.loaded.append({"mel": mel, "world": data["world"], "words": data["words"], "sounds": sounds})
        return self.loaded

    def batch(self, step, count, rng):
        """Scenes: magnitudes, and what the teachers say."""
        shards = self.at(step)
        picks = [(int(rng.integers(len(shards))), int(rng.integers(len(shards[0]["mel"])))) for _ in range(count)]
        parts = {part: np.stack([shards[s][part][i] for s, i in picks]) for part in shards[0]}
        return {part: torch.from_numpy(values.astype(np.float32)) for part, values in parts.items()}


def rooted(name, values):
    """Of embeddings that are never negative, the root: large values count less."""
    return values if name == "words" else values.clamp(min=0).sqrt()


def scales_of(shards):
    """Mean and deviation of each teacher's numbers; a number that hardly varies stays small."""
    scales = {}
    for name, numbers in TEACHERS.items():
        values = torch.from_numpy(np.concatenate([s[name] for s in shards]).astype(np.float32))
        values = rooted(name, values.reshape(-1, numbers))
        scales[name] = (values.mean(0), values.std(0) + 0.1 * values.std(0).mean())
    return scales


def mixed(mel, rng):
    """Magnitudes as another microphone in a noisier place hears them: gain, response and noise.

    The teachers' answers stay those of the clean scene, so the student learns to hear through it.
    """
    batch, frames, bands = mel.shape
    level = mel.pow(2).mean((1, 2), keepdim=True).sqrt().clamp(min=1e-6)
    knots = rng.normal(0, 3, (batch, 1, 8)).astype(np.float32)
    positions = np.linspace(0, 7, bands)
    response = np.stack([np.interp(positions, np.arange(8), k[0]) for k in knots])[:, None].astype(np.float32)
    noisy = mel * torch.from_numpy(10 ** (response / 20))
    # Another scene of the batch, as a faint background; or a steady noise with a random spectrum.
    scene = torch.roll(noisy, 1, 0) / torch.roll(level, 1, 0)
    shape = np.stack([np.interp(positions, np.arange(8), k) for k in rng.normal(0, 8, (batch, 8))])[:, None]
    wavering = np.abs(1 + 0.3 * rng.standard_normal((batch, frames, bands), np.float32))
    steady = torch.from_numpy(10 ** (shape / 20).astype(np.float32) * wavering)
    steady = steady / steady.pow(2).mean((1, 2), keepdim=True).sqrt()
    kind = rng.random(batch)
    below = np.where(kind < 0.25, rng.uniform(8, 30, batch), rng.uniform(0, 30, batch))
    below = np.where(kind > 0.8, 200.0, below)
    amount = level * torch.from_numpy((10 ** (-below / 20)).astype(np.float32))[:, None, None]
    which = torch.from_numpy(kind < 0.25)[:, None, None]
    noisy = (noisy.pow(2) + (amount * torch.where(which, scene, steady)).pow(2)).sqrt()
    gain = 10 ** (rng.uniform(-14, 10, (batch, 1, 1)) / 20)
    return noisy * torch.from_numpy(gain.astype(np.float32))


def log(mel):
    """The network's input [batch, 1, time, 64]."""
    return (mel + OFFSET).log()[:, None].contiguous(memory_format=torch.channels_last)


def answers(student, rows, said, scales, minus):
    """The loss of rows [batch, size, n], and the mean squared error against each teacher."""
    rows, errors = rows.transpose(1, 2), {}
    at = {"world": WORLD_ROWS, "words": WORDS_ROWS, "sounds": slice(None)}
    for name in TEACHERS:
        mean, deviation = scales[name]
        target = (rooted(name, said[name]) - mean) / deviation
        errors[name] = (student.readouts[name](rows[:, at[name]]) - target).pow(2).mean()
    loss = sum(error for name, error in errors.items() if name not in minus)
    return loss, [error.item() for error in errors.values()]


def hinted(ears, x, hints):
    """The loss of each block's map, on what the hints' network gives before it."""
    maps = hints.maps(x)
    given = [ears.first(x)]
    given += [block(map) for block, map in zip(ears.blocks, maps)]
    return sum((g - m).pow(2).mean() / m.var() for g, m in zip(given, maps))


def rate_at(step, steps):
    """Rises for 200 steps, then falls as a cosine; anew when the hints end."""
    start, end = (0, HINTED) if step < HINTED else (HINTED, steps)
    done = (step - start) / max(end - start, 1)
    return RATE * min(1, (step - start + 1) / 200) * (0.02 + 0.98 * (1 + math.cos(math.pi * done)) / 2)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("hints")
    parser.add_argument("--name", default="ears")
    parser.add_argument("--steps", type=int, default=20000)
    parser.add_argument("--shards", type=int, default=80)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--minus", nargs="*", default=[])
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(SEED)
    student = Student().to(memory_format=torch.channels_last)
    decayed = [p for p in student.parameters() if p.ndim > 1]
    others = [p for p in student.parameters() if p.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": 1e-2}, {"params": others, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=RATE, betas=(0.9, 0.98))
    hints = Hints(args.hints)
    shards = Shards(args.folder / "scenes", args.shards, hints)
    scales = scales_of(shards.at(0)[:4])
    state, curve = args.folder / f"{args.name}.pt", args.folder / f"{args.name}.tsv"
    first = HINTED if "hints" in args.minus else 0
    if state.exists():
        saved = torch.load(state)
        student.load_state_dict(saved["student"])
        optimiser.load_state_dict(saved["optimiser"])
        first = saved["step"]
    else:
        curve.write_text("step\tCPU seconds\thints\t" + "\t".join(TEACHERS) + "\n")
    sums = np.zeros(1 + len(TEACHERS))
    for step in range(first, args.steps):
        rng = np.random.default_rng([SEED, step])
        said = shards.batch(step, HINTED_BATCH if step < HINTED else BATCH, rng)
        x = log(said["mel"] if "mixing" in args.minus else mixed(said["mel"], rng))
        for group in optimiser.param_groups:
            group["lr"] = rate_at(step, args.steps)
        student.train(step < FIXED or step >= HINTED)
        if step < HINTED:
            loss = hinted(student.ears, x, hints)
            errors = [loss.item()] + [0.0] * len(TEACHERS)
        else:
            rows = student.ears(x) if "hints" in args.minus else student.ears.above(FROZEN, x)
            loss, errors = answers(student, rows, said, scales, args.minus)
            errors = [0.0, *errors]
        loss.backward()
        nn.utils.clip_grad_norm_(student.parameters(), 5.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        sums += errors
        if (step + 1) % 100 == 0:
            row = [step + 1, round(time.process_time()), *(sums / 100).round(4)]
            sums[:] = 0
            with curve.open("a") as file:
                file.write("\t".join(map(str, row)) + "\n")
        if (step + 1) % 500 == 0 or step + 1 == args.steps:
            saved = {"student": student.state_dict(), "optimiser": optimiser.state_dict(), "step": step + 1}
            torch.save(saved, state.with_suffix(".partial"))
            os.replace(state.with_suffix(".partial"), state)


if __name__ == "__main__":
    main()
