"""Trains `ears`: first each block on hints alone, then all of it on what the teachers say.

    python models/ears/train.py DIR YAMNET256.onnx [--name NAME] [--steps N] [--minus INGREDIENT ...]

DIR holds scenes/ (scenes.py). It gets NAME.pt, the state, from which the same command goes on, and
NAME.tsv, the curve. Shards come into use one after the other, so training can start while they are
made; it waits for a shard that is due. The same versions, processor and number of threads give the
same weights. `--minus` leaves an ingredient out, for the ablation: hints, world, words, mixing.
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
BATCH = 32
RATE = 2e-3
# Steps before the next shard comes into use, and shards at the start.
STEPS_A_SHARD, FIRST_SHARDS = 100, 4
# The share of all steps that learns hints.
HINTED = 0.2
# The row of the student whose window lies in the middle of a teacher's window: WORLD's windows have 96
# frames, WORDS' 76.
WORLD_ROWS = [(start + 96 // 2 - WINDOW // 2) // HOP for start in WORLD]
WORDS_ROWS = [(start + 76 // 2 - WINDOW // 2) // HOP for start in WORDS]


class Student(nn.Module):
    """The network, and linear readouts of the teachers' embeddings from its rows."""

    def __init__(self):
        super().__init__()
        self.ears = Ears()
        size = self.ears.last.out_channels
        self.world, self.words = nn.Linear(size, 1024), nn.Linear(size, 96)


class Shards:
    """The shards in use; they are loaded as they come into use."""

    def __init__(self, folder, count):
        self.folder, self.count, self.loaded = folder, count, []

    def at(self, step):
        due = min(self.count, FIRST_SHARDS + step // STEPS_A_SHARD)
        while len(self.loaded) < due:
            path = self.folder / f"{len(self.loaded):04}.npz"
            while not path.exists():
                time.sleep(1)
            with np.load(path) as data:
                self.loaded.append((data["mel"], data["world"], data["words"]))
        return self.loaded

    def batch(self, step, rng):
        """BATCH scenes: magnitudes, and what both teachers say."""
        shards = self.at(step)
        picks = [(int(rng.integers(len(shards))), int(rng.integers(len(shards[0][0])))) for _ in range(BATCH)]
        return [torch.from_numpy(np.stack([shards[s][part][i] for s, i in picks]).astype(np.float32)) for part in range(3)]


def targets(world, words, scales):
    """Both embeddings, each number with mean 0 and deviation 1."""
    (mean, deviation), (words_mean, words_deviation) = scales
    return (world.clamp(min=0).sqrt() - mean) / deviation, (words - words_mean) / words_deviation


def scales_of(shards):
    """Mean and deviation of each number of both embeddings; a number that hardly varies stays small."""
    world, words = (torch.from_numpy(np.concatenate([s[part] for s in shards]).astype(np.float32)) for part in (1, 2))
    flat = (world.clamp(min=0).sqrt().reshape(-1, 1024), words.reshape(-1, 96))
    return tuple((x.mean(0), x.std(0) + 0.1 * x.std(0).mean()) for x in flat)


def mixed(mel, rng):
    """Magnitudes as another microphone in a noisier place hears them: gain, response and noise.

    The teachers' answers stay those of the clean scene, so the student learns to hear through it.
    """
    batch, frames, bands = mel.shape
    level = mel.pow(2).mean((1, 2), keepdim=True).sqrt()
    knots = rng.normal(0, 3, (batch, 1, 8)).astype(np.float32)
    positions = np.linspace(0, 7, bands)
    response = np.stack([np.interp(positions, np.arange(8), k[0]) for k in knots])[:, None].astype(np.float32)
    noisy = mel * torch.from_numpy(10 ** (response / 20))
    # Another scene of the batch, as a faint background; or a steady noise with a random spectrum.
    scene = torch.roll(noisy, 1, 0) / torch.roll(level, 1, 0)
    shape = np.stack([np.interp(positions, np.arange(8), k) for k in rng.normal(0, 8, (batch, 8))])[:, None]
    steady = torch.from_numpy((10 ** (shape / 20) * np.sqrt(rng.gamma(6, 1 / 6, (batch, frames, bands)))).astype(np.float32))
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


def answers(student, rows, world, words, scales, minus):
    """The loss of rows [batch, size, n] against the teachers, and the share of variance left of each."""
    to_world, to_words = targets(world, words, scales)
    rows = rows.transpose(1, 2)
    of_world = (student.world(rows[:, WORLD_ROWS]) - to_world).pow(2).mean()
    of_words = (student.words(rows[:, WORDS_ROWS]) - to_words).pow(2).mean()
    loss = (0 if "world" in minus else of_world) + (0 if "words" in minus else of_words)
    return loss, of_world.item(), of_words.item()


def hinted(student, x, hints):
    """Each block on what the hints' network gives before it. Returns the rows, and the loss of the maps."""
    maps, ears = hints.maps(x), student.ears
    given = [torch.relu(ears.norm(ears.stem(nn.functional.pad(x, (0, 1, 0, 0)))))]
    given += [block(map) for block, map in zip(ears.blocks, maps)]
    loss = sum((g - m).pow(2).mean() / m.var() for g, m in zip(given, maps))
    top = maps[-1]
    for block in list(ears.blocks)[len(maps) - 1 :]:
        top = block(top)
    return ears.last(top)[..., 0], loss


def rate_at(step, steps):
    """Rises for 200 steps, then falls as a cosine; anew when the hints end."""
    start, end = (0, HINTED * steps) if step < HINTED * steps else (HINTED * steps, steps)
    done = (step - start) / max(end - start, 1)
    return RATE * min(1, (step - start + 1) / 200) * (0.02 + 0.98 * (1 + math.cos(math.pi * done)) / 2)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("hints")
    parser.add_argument("--name", default="ears")
    parser.add_argument("--steps", type=int, default=16000)
    parser.add_argument("--shards", type=int, default=80)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--minus", nargs="*", default=[])
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(SEED)
    student = Student().to(memory_format=torch.channels_last)
    decayed = [p for p in student.parameters() if p.ndim > 1]
    others = [p for p in student.parameters() if p.ndim <= 1]
    optimiser = torch.optim.AdamW([{"params": decayed, "weight_decay": 1e-2}, {"params": others, "weight_decay": 0.0}], lr=RATE, betas=(0.9, 0.98))
    hints, shards = Hints(args.hints), Shards(args.folder / "scenes", args.shards)
    scales = scales_of(shards.at(0)[:FIRST_SHARDS])
    state, curve = args.folder / f"{args.name}.pt", args.folder / f"{args.name}.tsv"
    first = 0
    if state.exists():
        saved = torch.load(state)
        student.load_state_dict(saved["student"])
        optimiser.load_state_dict(saved["optimiser"])
        first = saved["step"]
    else:
        curve.write_text("step\tCPU seconds\thints\tworld\twords\n")
    sums = np.zeros(3)
    for step in range(first, args.steps):
        rng = np.random.default_rng([SEED, step])
        mel, world, words = shards.batch(step, rng)
        x = log(mel if "mixing" in args.minus else mixed(mel, rng))
        for group in optimiser.param_groups:
            group["lr"] = rate_at(step, args.steps)
        student.train()
        if step < HINTED * args.steps and "hints" not in args.minus:
            rows, of_hints = hinted(student, x, hints)
        else:
            rows, of_hints = student.ears(x), torch.zeros(())
        loss, of_world, of_words = answers(student, rows, world, words, scales, args.minus)
        (loss + of_hints).backward()
        nn.utils.clip_grad_norm_(student.parameters(), 5.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        sums += of_hints.item(), of_world, of_words
        if (step + 1) % 100 == 0:
            row = [step + 1, round(time.process_time()), *(sums / 100).round(4)]
            sums[:] = 0
            with curve.open("a") as file:
                file.write("\t".join(map(str, row)) + "\n")
        if (step + 1) % 500 == 0 or step + 1 == args.steps:
            saved = {"student": student.state_dict(), "optimiser": optimiser.state_dict(), "step": step + 1, "scales": scales}
            torch.save(saved, state.with_suffix(".partial"))
            os.replace(state.with_suffix(".partial"), state)


if __name__ == "__main__":
    main()
