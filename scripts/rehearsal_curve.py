#!/usr/bin/env python3
"""Accuracy against the bytes of the rehearsal memory, by policy and storage.

    scripts/rehearsal_curve.py --out DIR FILE.npz[,OPTION=VALUE...] ...

The script runs `afield evaluate --embeddings FILE --head HEAD --rehearsal PLAN
--json` for every policy, storage, size and seed. Options after a file's name go to
every run on it, such as `esc10.npz,transform=signed-sqrt,test-groups=3`. For
several test sides, give several arguments. Points are means over the seeds and test
sides of a file.

It writes DIR/rehearsal.csv (every run), DIR/rehearsal.md (tables) and
DIR/rehearsal.svg (curves). It needs only Python 3.9. Sizes in examples compare
storages with the same examples. Sizes in bytes compare storages with the same
memory.
"""

import argparse
import csv
import json
import math
import subprocess
import sys
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from html import escape
from pathlib import Path
from statistics import mean, stdev

POLICIES = ["reservoir", "balanced", "herding", "recent"]
STORAGES = ["int8", "i16", "f32"]
COLOURS = {"int8": "#c2410c", "i16": "#0f766e", "f32": "#4338ca"}
FIELDS = ["data", "options", "policy", "storage", "size", "seed", "final_accuracy",
          "average_incremental_accuracy", "forgetting", "upper_bound"]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("files", nargs="+", metavar="FILE.npz[,OPTION=VALUE...]")
    parser.add_argument("--afield", default="target/release/afield", metavar="PATH")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR")
    parser.add_argument("--head", default="linear")
    parser.add_argument("--protocol", default="class-incremental")
    parser.add_argument("--policies", default=",".join(POLICIES))
    parser.add_argument("--storages", default=",".join(STORAGES))
    parser.add_argument("--kib", default="2,4,8,16,32,64,128", help="sizes in KiB")
    parser.add_argument("--examples", default="20,50,100,200", help="sizes in examples")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--jobs", type=int, default=1)
    return parser.parse_args()


def split(text):
    return [part for part in text.split(",") if part]


def run(args, file, policy, storage, size, seed):
    """One row of the CSV, or None where the size does not hold one example."""
    path, *options = file.split(",")
    command = [args.afield, "evaluate", "--embeddings", path, "--head", args.head,
               "--protocol", args.protocol, "--rehearsal", f"{policy}:{size}:{storage}",
               "--seed", seed, "--json"]
    for option in options:
        key, _, value = option.partition("=")
        command += [f"--{key}", value]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        if "cannot hold one example" in done.stderr:
            return None
        sys.exit(f"{' '.join(command)}\n{done.stderr}")
    report = json.loads(done.stdout)
    row = dict(report["heads"][0], upper_bound=report["upper_bound"])
    row.update(data=Path(path).stem, options=" ".join(options), policy=policy,
               storage=storage, size=size, seed=seed)
    return {field: row[field] for field in FIELDS}


def pooled(rows):
    """Accuracies of each point by what was the same in all its storages."""
    points = defaultdict(dict)
    for row in rows:
        point = (row["data"], row["policy"], row["storage"], row["size"])
        points[point][row["options"], row["seed"]] = row["final_accuracy"]
    return points


def difference(points, data, policy, size, one, other):
    """Mean and standard error, in points of accuracy, over paired runs."""
    a, b = (points.get((data, policy, s, size), {}) for s in (one, other))
    gaps = [100 * (a[key] - b[key]) for key in a if key in b]
    if not gaps:
        return None
    return mean(gaps), stdev(gaps) / math.sqrt(len(gaps)) if len(gaps) > 1 else 0.0


def table(header, lines):
    rule = ["---"] + ["---:"] * (len(header) - 1)
    return "".join("| " + " | ".join(line) + " |\n" for line in [header, rule, *lines]) + "\n"


def shown(value):
    return "-" if value is None else f"{value[0]:+.2f} ± {value[1]:.2f}"


def markdown(args, rows, sizes, counts):
    points = pooled(rows)
    policies = split(args.policies)
    text = (f"Head `{args.head}`, {args.protocol}. Final accuracy in per cent, means over seeds "
            f"{args.seeds} and the test sides; a dash where one example does not fit.\n"
            "Differences are paired by seed and test side, ± one standard error, in points.\n\n")
    for data in dict.fromkeys(row["data"] for row in rows):
        mine = [row for row in rows if row["data"] == data]
        sides = ", ".join(dict.fromkeys(row["options"] or "its own test side" for row in mine))
        bound = mean({(r["options"], r["seed"]): r["upper_bound"] for r in mine}.values())
        text += f"## {data}\n\n{sides}; joint, offline: {100 * bound:.1f}\n\n"

        def accuracy(policy, storage, size):
            point = points.get((data, policy, storage, size))
            return f"{100 * mean(point.values()):.1f}" if point else "-"

        lines = [[f"{policy}:{storage}"] + [accuracy(policy, storage, s) for s in sizes + counts]
                 for policy in policies for storage in split(args.storages)]
        text += table(["plan", *sizes, *(f"{c} ex." for c in counts)], lines)
        if counts:
            text += "int8 less f32 at equal numbers of examples:\n\n"
            lines = [[p] + [shown(difference(points, data, p, c, "int8", "f32")) for c in counts]
                     for p in policies]
            text += table(["policy", *(f"{c} ex." for c in counts)], lines)
        for other in ("f32", "i16") if sizes else ():
            text += f"int8 less {other} at equal bytes:\n\n"
            lines = [[p] + [shown(difference(points, data, p, s, "int8", other)) for s in sizes]
                     for p in policies]
            text += table(["policy", *sizes], lines)
    return text


def panel(points, data, policy, sizes, low, left, top, width, height):
    def place(index, accuracy):
        x = left + 34 + index * (width - 50) / max(len(sizes) - 1, 1)
        return x, top + 20 + (1 - accuracy) / (1 - low) * (height - 50)

    right = left + width - 16
    title = escape(f"{data}, {policy}")
    svg = f'<text x="{left + 34}" y="{top + 10}" font-weight="bold">{title}</text>\n'
    for step in range(5):
        level = low + step * (1 - low) / 4
        y = place(0, level)[1]
        svg += f'<line x1="{left + 34}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>\n'
        svg += f'<text x="{left + 30}" y="{y + 3:.1f}" text-anchor="end">{100 * level:.0f}</text>\n'
    for index, size in enumerate(sizes):
        x, y, kib = place(index, low)[0], top + height - 16, size.removesuffix("KiB")
        svg += f'<text x="{x:.1f}" y="{y}" text-anchor="middle">{kib}</text>\n'
    for storage in STORAGES:
        found = [(i, points.get((data, policy, storage, size))) for i, size in enumerate(sizes)]
        line = [place(i, mean(point.values())) for i, point in found if point]
        path, colour = " ".join(f"{x:.1f},{y:.1f}" for x, y in line), COLOURS[storage]
        svg += f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.6"/>\n'
        svg += "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.2" fill="{colour}"/>\n'
                       for x, y in line)
    return svg


def curves(rows, policies, sizes):
    points = pooled(rows)
    names = list(dict.fromkeys(row["data"] for row in rows))
    width, height = 250, 190
    body = ""
    for down, data in enumerate(names):
        values = [mean(accuracies.values()) for (name, _, _, size), accuracies in points.items()
                  if name == data and size in sizes]
        low = min(math.floor(10 * min(values, default=0)) / 10, 0.9)
        for across, policy in enumerate(policies):
            body += panel(points, data, policy, sizes, low, across * width,
                          24 + down * height, width, height)
    for index, storage in enumerate(STORAGES):
        body += (f'<text x="{34 + 50 * index}" y="14" fill="{COLOURS[storage]}" '
                 f'font-weight="bold">{storage}</text>\n')
    body += '<text x="190" y="14">final accuracy (%) against KiB of rehearsal</text>\n'
    across, down = width * len(policies), 24 + height * len(names)
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {across} {down}" '
            f'font-family="sans-serif" font-size="10">\n'
            f'<rect width="{across}" height="{down}" fill="white"/>\n{body}</svg>\n')


def main():
    args = arguments()
    sizes = [f"{kib}KiB" for kib in split(args.kib)]
    counts, policies = split(args.examples), split(args.policies)
    jobs = [(args, file, policy, storage, size, seed)
            for file in args.files for policy in policies for size in sizes + counts
            for storage in split(args.storages) for seed in split(args.seeds)]
    rows = []
    with ThreadPoolExecutor(args.jobs) as pool:
        for number, row in enumerate(pool.map(lambda job: run(*job), jobs), 1):
            if row is not None:
                rows.append(row)
            if number % 50 == 0:
                print(f"{number} of {len(jobs)}", file=sys.stderr)
    args.out.mkdir(parents=True, exist_ok=True)
    with open(args.out / "rehearsal.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, FIELDS)
        writer.writeheader()
        writer.writerows(rows)
    (args.out / "rehearsal.md").write_text(markdown(args, rows, sizes, counts))
    if sizes:
        (args.out / "rehearsal.svg").write_text(curves(rows, policies, sizes))


if __name__ == "__main__":
    main()
