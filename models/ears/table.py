"""Writes the table of accuracies in docs/benchmarks/ears.md: trained states beside other backbones.

    python models/ears/table.py AFIELD ESC10 FSDD CACHE NAME=STATE.pt[:BITS] ... NAME=BACKBONE ...

AFIELD is the program; ESC10 and FSDD are folders of clips. Every state is exported and added to CACHE, a
cache of Afield's, with the card of `ears`; a backbone is one that CACHE has or the program holds. Each
group is held out in turn, and the others are taught, class after class, with the head `lda`. "5 dB" is the
same on clips that are all mixed with noise 5 dB below their louder parts: another noise in each clip, with
a random slope, resonances and rhythm.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile

import procedural
from fetch import decoded

HERE = Path(__file__).parent
GROUPS = [r"^(\d+)-", r"^([a-z]+)_"]
NOISE_DB = 5


def added(program, name, state, bits, environment):
    """Puts a trained state into the cache as a backbone; returns its name."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / f"{name}.onnx"
        subprocess.run([sys.executable, HERE / "export.py", state, out, "--bits", bits], check=True, stdout=subprocess.DEVNULL)
        checksum = subprocess.run(["sha256sum", out], check=True, capture_output=True, text=True).stdout.split()[0]
        card = (HERE.parent / "ears.toml").read_text()
        card = re.sub(r'name = "ears"', f'name = "{name}"', card, count=1)
        origin = f'[origin]\nkind = "file"\nfile-name = "{name}.onnx"\nsha256 = "{checksum}"\nobtain = "models/ears/train.py"\n'
        card = re.sub(r"(?s)\[origin\]\n.*?\n\n", origin + "\n", card, count=1)
        path = Path(folder) / f"{name}.toml"
        path.write_text(card)
        subprocess.run([program, "model", "add", out, "--card", path], check=True, env=environment, stderr=subprocess.DEVNULL)
    return name


def noisy(folder, to):
    """A copy of the clips, each with its own noise."""
    for number, path in enumerate(sorted(p for p in Path(folder).rglob("*") if p.is_file())):
        clip = decoded(path, 60).astype(np.float32) / 32768
        rng = np.random.default_rng([NOISE_DB, number])
        noise = procedural.noise(len(clip), rng) * np.abs(procedural.envelope(len(clip), rng))
        parts = clip[: len(clip) // 1600 * 1600].reshape(-1, 1600)
        power = np.mean(parts**2, axis=1) if len(parts) else np.array([np.mean(clip**2)])
        power = power[power > power.max() * 1e-3].mean() / 10 ** (NOISE_DB / 10)
        mixed = clip + noise * np.sqrt(power / (np.mean(noise**2) + 1e-12))
        out = to / path.relative_to(folder).with_suffix(".wav")
        out.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(out, np.clip(mixed, -1, 1), 16000, subtype="PCM_16")
    return str(to)


def evaluated(program, backbone, data, pattern, environment, *more):
    """The report of `afield evaluate` with the head `lda`, every group held out in turn."""
    command = [program, "evaluate", "--data", data, "--group-pattern", pattern, "--test-groups", "each"]
    command += ["--backbone", backbone, "--head", "lda", "--json", *more]
    return json.loads(subprocess.run(command, check=True, env=environment, capture_output=True, text=True).stdout)


def accuracy(*arguments):
    """The mean final accuracy, class after class, whole clips."""
    finals = [run["heads"][0]["final_accuracy"] for run in evaluated(*arguments)["runs"]]
    return sum(finals) / len(finals)


def by_windows(*arguments):
    """Taught by decision windows, a third of the classes never taught: accuracy on the others, and AUROC."""
    windows = evaluated(*arguments, "--protocol", "unknown")["teachings"][0]["summary"]
    return windows["accuracy"]["mean"], windows["auroc"]["mean"]


def main():
    program, *folders, cache = sys.argv[1:5]
    environment = {**os.environ, "AFIELD_CACHE": cache}
    with tempfile.TemporaryDirectory() as scratch:
        sets = [(folder, pattern) for folder, pattern in zip(folders, GROUPS)]
        sets += [(noisy(folder, Path(scratch) / str(n)), pattern) for n, (folder, pattern) in enumerate(sets)]
        print("| backbone | ESC-10 | FSDD | ESC-10, 5 dB | FSDD, 5 dB | windows: ESC-10, AUROC | FSDD, AUROC |\n" + "|---" * 7 + "|")
        for argument in sys.argv[5:]:
            name, given = argument.split("=")
            state, _, bits = given.partition(":")
            known = state if not state.endswith(".pt") else added(program, f"ears-{name}", state, bits or "8", environment)
            cells = [(accuracy(program, known, *at, environment),) for at in sets]
            cells += [by_windows(program, known, *at, environment) for at in sets[:2]]
            texts = [", ".join(f"{value:.3f}".lstrip("0") for value in cell) for cell in cells]
            print(f"| {name} | " + " | ".join(texts) + " |", flush=True)


if __name__ == "__main__":
    main()
