"""Runs Afield and its peers over the same rows and orders, one after the other, and
writes the report. Started by run.py, which makes what this needs."""

import argparse
import datetime
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

import data
import machine
import report
import streams

ROOT = Path(__file__).resolve().parent.parent.parent

# Afield's heads, at their defaults: none is tuned. Those the build does not know are
# left out, and said so.
AFIELD = [
    "lda", "ncm", "ridge", "linear", "mlp", "knn", "auto", "finetune", "ewc", "lwf", "l2sp"
]
REHEARSAL = "balanced:200"
PEERS = {
    "numpy exact lda": "numpy",
    "avalanche slda": "avalanche",
    "avalanche replay": "avalanche",
    "avalanche ewc": "avalanche",
    "avalanche naive": "avalanche",
    "sklearn sgd": "sklearn",
    "sklearn sgd + replay": "sklearn",
    "sklearn gaussian nb": "sklearn",
    "river softmax": "river",
    "river one-vs-rest": "river",
    "river knn": "river",
    "river arf": "river",
    "batch lda ledoit-wolf": "sklearn",
    "batch lda oas": "sklearn",
    "batch ridge": "sklearn",
    "joint logistic regression": "sklearn",
}
QUICK_PEERS = ["numpy exact lda", "sklearn sgd", "river softmax", "avalanche slda", "batch lda oas"]


def say(text):
    print(f"peers: {text}", file=sys.stderr, flush=True)


class Comparison:
    def __init__(self, arguments):
        self.arguments = arguments
        self.places = data.places(ROOT)
        self.costs = ROOT / "target" / "release" / "examples" / "stream_costs"
        self.avalanche = os.environ.get("PEERS_AVALANCHE", "")
        self.missing = {}
        if note := os.environ.get("PEERS_AVALANCHE_NOTE", ""):
            self.missing["avalanche"] = note

    def over(self, name):
        """Everything over one data set."""
        say(f"{name}: data")
        of = data.prepare(name, self.places)
        if self.arguments.quick:
            of.groups, of.protocols, of.seeds = of.groups[-1:], of.protocols[:1], 1
        with np.load(of.raw) as archive:
            group_of = archive["group"].tolist()
        tables = []
        for protocol in of.protocols:
            tables.append(self.over_protocol(of, protocol, group_of, tables))
        return {
            "name": name,
            "about": of.about,
            "rows": of.rows,
            "features": of.features,
            "classes": of.classes,
            "groups": of.groups,
            "seeds": of.seeds,
            "tables": tables,
        }

    def over_protocol(self, of, protocol, group_of, earlier):
        cells, checks = self.cells(of, protocol)
        validations = self.validations(of, protocol, group_of, cells)
        rows = []

        def add(row):
            if row is not None:
                rows.append(row)
                said = f"{of.name}, {protocol}: {row['method']}"
                if "error" in row:
                    say(f"{said}: {row['error']}")
                else:
                    final = [cell["accuracy_after"][-1:] for cell in row["cells"]]
                    final = [accuracy for each in final for accuracy in each]
                    mean = sum(final) / max(len(final), 1)
                    say(f"{said}: {mean:.3f} over {len(row['cells'])} cells, {row['seconds']:.0f} s")

        for head in self.heads():
            add(self.afield(of, head, cells))
        for method, kind in PEERS.items():
            wanted = QUICK_PEERS if self.arguments.quick else list(PEERS)
            if method not in (self.arguments.peers or wanted) or (kind == "avalanche" and not self.avalanche):
                continue
            before = [row for table in earlier for row in table["rows"] if row["method"] == method]
            batch = method.startswith(("batch", "joint"))
            if batch and before and "error" not in before[0]:
                # They see everything at once: no order changes them.
                add({**before[0], "seconds": 0.0})
            else:
                add(self.peer(of, method, kind, cells, validations))
        # Once more: how far the machine drifted while the peers ran.
        again = self.afield(of, "lda", cells)
        return {"protocol": protocol, "rows": rows, "lda_again": again, "checks": self.check(rows, checks)}

    def heads(self):
        known = subprocess.run([self.costs, "--heads"], check=True, capture_output=True, text=True)
        names = known.stdout.split()
        for head in AFIELD:
            if head not in names:
                self.missing.setdefault(f"afield {head}", "this build has no such head")
        wanted = [head for head in AFIELD if head in names]
        return wanted[:3] if self.arguments.quick else wanted

    def cells(self, of, protocol):
        """Seed by seed, every group held out once: a round."""
        cells, checks = [], {}
        for seed in range(min(of.seeds, self.arguments.seeds)):
            for group in of.groups:
                path, measured = streams.save(self.places, of, protocol, group, seed, ["lda", "ncm"])
                name = f"{group}/{seed}"
                checks[name] = {head["head"]: head["accuracy_after"] for head in measured["heads"]}
                cells.append(
                    {
                        "name": name,
                        "group": group,
                        "seed": seed,
                        "round": seed,
                        "stream": str(path),
                        "data": str(of.data(group)),
                        "raw": str(of.raw),
                    }
                )
        return cells, checks

    def validations(self, of, protocol, group_of, cells):
        made = []
        for cell in cells:
            if cell["round"] == 0:
                stream = json.loads(Path(cell["stream"]).read_text())
                held = streams.validation_group(of, cell["group"])
                path = of.folder / "streams" / f"{protocol}-{cell['group']}-validation.json"
                path.write_text(json.dumps(streams.validation(stream, group_of, held)))
                made.append({**cell, "stream": str(path)})
        return made

    def check(self, rows, checks):
        """`evaluate` and the timed example are two programs over one library: what they
        say of the same head and stream must be the same."""
        for row in rows:
            for cell in row.get("cells", []):
                expected = checks[cell["name"]].get(row["method"].removeprefix("afield "))
                if row["method"].startswith("afield ") and expected is not None:
                    if expected != cell["accuracy_after"]:
                        raise SystemExit(
                            f"peers: {row['method']} on {cell['name']}: evaluate says {expected}, "
                            f"the timed run {cell['accuracy_after']}"
                        )
        return len(checks)

    def spec(self, of, cells, **more):
        return {
            "features": of.features,
            "data": cells[0]["data"],
            "cells": cells,
            "after_learn": 200,
            "run_seconds": self.arguments.run_seconds,
            "cell_seconds": self.arguments.cell_seconds,
            "tune_seconds": self.arguments.tune_seconds,
            "rehearsal": REHEARSAL,
            **more,
        }

    def process(self, command, spec):
        """What a process of its own makes of the specification."""
        path = self.places.work / "spec.json"
        path.write_text(json.dumps(spec))
        a = self.arguments
        limit = 2 * (a.run_seconds + a.cell_seconds + a.tune_seconds) + 600
        begin = time.monotonic()
        log = self.places.work / "worker.log"
        try:
            with log.open("w") as errors:
                done = subprocess.run(
                    [*command, path], stdout=subprocess.PIPE, stderr=errors, timeout=limit
                )
        except subprocess.TimeoutExpired:
            return {"error": f"stopped after {limit:.0f} s"}
        seconds = time.monotonic() - begin
        if done.returncode != 0:
            last = log.read_text().strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
            return {"error": last[0][:200], "seconds": seconds}
        return {**json.loads(done.stdout), "seconds": seconds}

    def afield(self, of, head, cells):
        found = self.process([self.costs], self.spec(of, cells, method=head))
        return {"method": f"afield {head}", "kind": "afield", "tuned": False, **found}

    def peer(self, of, method, kind, cells, validations):
        python = self.avalanche if kind == "avalanche" else sys.executable
        command = [python, str(Path(__file__).parent / "worker.py")]
        # Tuning in a process apart, so that its memory is not counted.
        tuning = self.process(
            command, self.spec(of, validations, method=method, kind=kind, tune=True)
        )
        row = {"method": method, "kind": kind}
        if "error" in tuning:
            return {**row, "error": f"tuning: {tuning['error']}", "seconds": 0.0}
        batch = method.startswith(("batch", "joint"))
        chosen_cells = [cell for cell in cells if cell["round"] == 0] if batch else cells
        spec = self.spec(of, chosen_cells, method=method, kind=kind, chosen=tuning["chosen"])
        found = self.process(command, spec)
        if "error" not in found and found["chosen"]:
            tuning["chosen"] = found["chosen"]
        found.pop("chosen", None)
        return {
            **row,
            "batch": batch,
            "chosen": tuning["chosen"],
            "tried": {"configs": tuning.get("configs", []), "scores": tuning.get("scores", {})},
            "tune_seconds": tuning["seconds"],
            **found,
        }


def main():
    parser = argparse.ArgumentParser(prog="run.py", description=__doc__)
    add = parser.add_argument
    add("--quick", action="store_true", help="one data set, one seed, few peers, to try things")
    add("--data", nargs="+", choices=data.MAKERS, help="only these data sets")
    add("--peers", nargs="+", choices=PEERS, help="only these peers")
    add("--seeds", type=int, default=5, help="orders of each stream (default 5)")
    add("--tune-seconds", type=float, default=240, help="for 8 configurations of a method (240)")
    add("--run-seconds", type=float, default=120, help="no new seed is begun beyond these (120)")
    add("--cell-seconds", type=float, default=180, help="limit of one stream (180)")
    add("--date", default=datetime.date.today().isoformat(), help="date of the report (today)")
    add("--output", type=Path, help="folder of the report (docs/benchmarks; target/peers if --quick)")
    add("--report-only", action="store_true", help="write the report of the last results again")
    arguments = parser.parse_args()
    comparison = Comparison(arguments)
    work = comparison.places.work
    quick = arguments.quick or arguments.data or arguments.peers
    output = arguments.output or (work / "report" if quick else ROOT / "docs" / "benchmarks")
    results_path = work / ("results-quick.json" if quick else "results.json")
    if arguments.report_only:
        results = json.loads(results_path.read_text())
    else:
        begin = time.monotonic()
        names = arguments.data or (["fsdd"] if arguments.quick else list(data.MAKERS))
        results = {
            "date": arguments.date,
            "machine": machine.describe(ROOT, comparison.avalanche),
            "limits": {
                "tune": arguments.tune_seconds,
                "run": arguments.run_seconds,
                "cell": arguments.cell_seconds,
            },
            "data": [],
        }
        for name in names:
            try:
                results["data"].append(comparison.over(name))
            except data.Missing as missing:
                say(f"{name} is left out: {missing}")
                comparison.missing[name] = str(missing)
            results["missing"] = comparison.missing
            results["minutes"] = (time.monotonic() - begin) / 60
            results["load_after"] = machine.load()
            # Kept as it grows: an interrupted run still has what it measured.
            results_path.write_text(json.dumps(results))
    if not results["data"]:
        raise SystemExit("peers: no data set to compare over")
    report.write(results, output, work / "growth.csv")
    say(f"wrote {output / 'learning.md'} ({results['minutes']:.0f} minutes)")


if __name__ == "__main__":
    main()
