"""Accuracy against the bytes of the rehearsal memory, for every policy and storage.
`run.py --memory` starts it. It writes docs/benchmarks/rehearsal.md and its plots."""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import data
import plots
from cache import Rows, digest
from scores import interval, mean
from words import three

ROOT = Path(__file__).resolve().parent.parent.parent
POLICIES = ["reservoir", "balanced", "herding", "recent"]
STORAGES = ["int8", "i16", "f32"]
KIB = [2, 4, 8, 16, 32, 64, 128, 256, 512]
EXAMPLES = [20, 50, 100, 200]
HEADS = ["linear", "knn"]
NAMES = ["esc10", "fsdd"]
SEEDS = 5


def say(text):
    print(f"memory: {text}", file=sys.stderr, flush=True)


def evaluate(places, of, plan, group):
    """Final accuracies by head, one a seed; none where one example does not fit."""
    heads = ",".join(HEADS)
    command = [places.afield, "evaluate", "--embeddings", of.data(group), "--test-groups", group]
    command += ["--head", heads, "--rehearsal", plan, "--seeds", SEEDS]
    command += ["--no-upper-bound", "--json"]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode != 0:
        if "cannot hold one example" in done.stderr:
            return {head: None for head in HEADS}
        raise SystemExit(f"memory: {plan}: {done.stderr.strip()}")
    said = json.loads(done.stdout)
    runs = said["runs"] if isinstance(said, dict) and "runs" in said else said
    finals = {head: [] for head in HEADS}
    for run in runs:
        for head in run["heads"]:
            finals[head["head"]].append(head["final_accuracy"])
    return finals


def measure(places, rows, of, plan):
    """Final accuracies by head, group after group, seed after seed."""
    found = {head: [] for head in HEADS}
    for group in of.groups:
        key = digest(places.afield, of.data(group), text=["memory", plan, group, HEADS, SEEDS])
        got = rows.get(key, lambda: evaluate(places, of, plan, group))
        for head in HEADS:
            if got[head] is None:
                return {head: None for head in HEADS}
            found[head] += got[head]
    return found


def bytes_table(found, head):
    lines = ["| policy, storage | " + " | ".join(f"{kib} KiB" for kib in KIB) + " |"]
    lines.append("|---|" + "---:|" * len(KIB))
    for policy in POLICIES:
        for storage in STORAGES:
            cells = [found[f"{policy}:{kib}KiB:{storage}"][head] for kib in KIB]
            cells = ["–" if cell is None else three(mean(cell)) for cell in cells]
            lines.append(f"| {policy}, {storage} | " + " | ".join(cells) + " |")
    return lines


def storage_table(found, head):
    """int8 minus f32 at equal numbers of examples, in points, paired."""
    lines = ["| policy | " + " | ".join(f"{count} examples" for count in EXAMPLES) + " |"]
    lines.append("|---|" + "---:|" * len(EXAMPLES))
    for policy in POLICIES:
        cells = []
        for count in EXAMPLES:
            int8, f32 = (found[f"{policy}:{count}:{storage}"][head] for storage in ("int8", "f32"))
            points = [100 * (a - b) for a, b in zip(int8, f32)]
            cells.append(f"{mean(points):+.2f} ± {interval(points) or 0:.2f}")
        lines.append(f"| {policy} | " + " | ".join(cells) + " |")
    return lines


def report(places, output, rows):
    output.mkdir(parents=True, exist_ok=True)
    text = [
        "# Accuracy against the bytes of rehearsal",
        "",
        "Final accuracy against the bytes of the rehearsal memory, after a class-incremental stream",
        "with each clip once. The heads depend on their memory: `linear` is trained on it, and `knn`",
        f"consists of it. Every group is held out in turn, with {SEEDS} orders each; cells are means over",
        "all. A dash means that one example does not fit. The exact heads keep no memory.",
        "`python3 benches/peers/run.py --memory` writes this page.",
    ]
    for name in NAMES:
        try:
            of = data.prepare(name, places)
        except data.Missing as missing:
            say(f"{name} is left out: {missing}")
            continue
        text += ["", f"## {name}", "", of.about]
        plans = [f"{p}:{kib}KiB:{s}" for p in POLICIES for s in STORAGES for kib in KIB]
        plans += [f"{p}:{n}:{s}" for p in POLICIES for s in ("int8", "f32") for n in EXAMPLES]
        found = {}
        for index, plan in enumerate(plans):
            found[plan] = measure(places, rows, of, plan)
            if index % 10 == 9 or index + 1 == len(plans):
                say(f"{name}: {index + 1} of {len(plans)}")
        for head in HEADS:
            plot = plots.memory(output / f"rehearsal-{name}-{head}.svg", found, head, KIB)
            text += ["", f"### `{head}`", "", f"![Accuracy against bytes]({plot})", ""]
            text += bytes_table(found, head)
            text += ["", "int8 minus f32 at equal numbers of examples, in points, paired by group"]
            text += ["and order, with half the 95 % interval:", ""]
            text += storage_table(found, head)
    (output / "rehearsal.md").write_text("\n".join(text) + "\n")
    say(f"wrote {output / 'rehearsal.md'}")


def main():
    parser = argparse.ArgumentParser(prog="run.py --memory", description=__doc__)
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "benchmarks")
    parser.add_argument("--fresh", action="store_true", help="ignore the finished rows of earlier runs")
    args = parser.parse_args()
    places = data.places(ROOT)
    report(places, args.output, Rows(places.work / "rows", args.fresh))


if __name__ == "__main__":
    main()
