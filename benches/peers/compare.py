"""Runs Afield and its peers over the same rows and orders, one after the other, and
writes the report. run.py prepares the environment and starts this script."""

import argparse
import csv
import datetime
import io
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
from cache import Rows, digest
from runner import HERE, Runner

ROOT = HERE.parent.parent

# Afield's heads, at their defaults: none is tuned. Those the build does not know are
# left out, and said so.
AFIELD = [
    "lda", "ncm", "ridge", "linear", "mlp", "knn", "auto", "finetune", "ewc", "lwf", "l2sp"
]
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
    "river softmax + replay": "river",
    "river one-vs-rest": "river",
    "river knn": "river",
    "river arf": "river",
    "batch lda oas": "sklearn",
    "batch lda ledoit-wolf": "sklearn",
    "batch ridge": "sklearn",
    "batch ridge on random features": "sklearn",
    "joint logistic regression": "sklearn",
}
QUICK_PEERS = ["numpy exact lda", "sklearn sgd", "river softmax", "avalanche slda", "batch lda oas"]
GROWN = [
    "numpy exact lda", "avalanche slda", "avalanche replay", "sklearn sgd", "sklearn sgd + replay",
    "sklearn gaussian nb", "river softmax", "river one-vs-rest", "river knn", "river arf",
]
# The order in which they are measured: what matters most first.
STREAMS = [
    ("esc10", "class-incremental"),
    ("fsdd", "class-incremental"),
    ("watch", "class-incremental"),
    ("synthetic-96", "iid"),
    ("synthetic-1024", "iid"),
]
# With --domains, after the others.
DOMAINS = [("fsdd", "domain-incremental"), ("watch", "domain-incremental")]
GROWTH_WIDTHS, GROWTH_MOST = (96, 1024), 1_000_000


def say(text):
    print(f"peers: {text}", file=sys.stderr, flush=True)


class Comparison:
    def __init__(self, arguments):
        self.arguments = arguments
        self.places = data.places(ROOT)
        limits = {
            "tune": arguments.tune_seconds,
            "run": arguments.run_seconds,
            "cell": arguments.cell_seconds,
        }
        self.rows = Rows(self.places.work / "rows", arguments.fresh)
        self.machine = machine.describe(ROOT, os.environ.get("PEERS_AVALANCHE", ""))
        software = [self.machine["processor"], self.machine["peers"], self.machine["avalanche"]]
        self.runner = Runner(self.places, self.rows, limits, software)
        self.missing, self.prepared, self.tables = {}, {}, []
        self.begin = time.monotonic()
        if note := os.environ.get("PEERS_AVALANCHE_NOTE", ""):
            self.missing["avalanche"] = note

    def late(self):
        return time.monotonic() - self.begin > 60 * self.arguments.minutes

    def peers(self):
        for method, kind in PEERS.items():
            wanted = self.arguments.peers or (QUICK_PEERS if self.arguments.quick else PEERS)
            if method in wanted and (kind != "avalanche" or self.runner.avalanche):
                yield method, kind

    def heads(self):
        known = self.runner.afield_heads()
        for head in AFIELD:
            if head not in known:
                self.missing.setdefault(f"afield {head}", "this build has no such head")
        heads = [head for head in AFIELD if head in known]
        return heads[:3] if self.arguments.quick else heads

    def over(self, name, protocol):
        """All methods over one stream."""
        if name not in self.prepared:
            say(f"{name}: data")
            of = self.prepared[name] = data.prepare(name, self.places)
            if self.arguments.quick:
                of.groups, of.seeds = of.groups[-1:], 1
        of = self.prepared[name]
        cells, checks = self.cells(of, protocol)
        with np.load(of.raw) as archive:
            group_of = archive["group"].tolist()
        validations = self.validations(of, protocol, group_of, cells)
        table = {
            "name": name,
            "protocol": protocol,
            "about": of.about,
            "rows_of_data": of.rows,
            "features": of.features,
            "classes": of.classes,
            "groups": of.groups,
            "made_up": of.made_up,
            "rows": [],
        }
        self.tables.append(table)
        for head in self.heads():
            self.add(table, self.runner.afield(of, head, cells))
        for method, kind in self.peers():
            if of.made_up and method.startswith("joint"):
                continue
            if self.late():
                late = f"not begun within {self.arguments.minutes:g} minutes"
                self.add(table, {"method": method, "kind": kind, "error": late})
            else:
                self.add(table, self.runner.peer(of, method, kind, cells, validations))
        table["checks"] = self.check(table["rows"], checks)

    def add(self, table, row):
        table["rows"].append(row)
        said = f"{table['name']}, {table['protocol']}: {row['method']}"
        if "error" in row:
            say(f"{said}: {row['error']}")
            return
        finals = [cell["accuracy_after"][-1] for cell in row["cells"] if cell["accuracy_after"]]
        mean = sum(finals) / max(len(finals), 1)
        spent = row["seconds"] + row.get("tune_seconds", 0)
        say(f"{said}: {mean:.3f} over {len(row['cells'])} cells, {spent:.0f} s")

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
                if row["kind"] == "afield" and expected not in (None, cell["accuracy_after"]):
                    raise SystemExit(
                        f"peers: {row['method']} on {cell['name']}: evaluate says {expected}, "
                        f"the timed run {cell['accuracy_after']}"
                    )
        return len(checks)

    def growth(self):
        """Costs against examples seen: Afield's bench, then each peer as far as it gets."""
        seconds = self.arguments.growth_seconds
        say("growth: building")
        build = ["cargo", "bench", "--bench", "growth"]
        subprocess.run([*build, "--no-run"], cwd=ROOT, check=True, stdout=sys.stderr)
        sources = [self.runner.costs, ROOT / "benches" / "growth.rs"]
        about = ["growth", seconds, self.machine["processor"]]

        def of_afield():
            say("growth: afield")
            command = [*build, "--", str(GROWTH_MOST), str(seconds)]
            done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
            if done.returncode != 0:
                return {"error": f"growth ended with {done.returncode}"}
            return {"csv": done.stdout}

        found = self.rows.get(digest(*sources, text=about), of_afield)
        if "error" in found:
            self.missing["growth of afield"] = found["error"]
        curves = [
            {**row, "method": f"afield {row['head']}"}
            for row in csv.DictReader(io.StringIO(found.get("csv", "")))
        ]
        peers = dict(self.peers())
        for method in GROWN:
            if method not in peers:
                continue
            kind = peers[method]
            code = [HERE / "method.py", HERE / "growth.py", HERE / f"methods_{kind}.py"]
            for width in GROWTH_WIDTHS:
                if self.late():
                    self.missing[f"growth of {method}, {width}"] = "time was up"
                    continue
                spec = {"method": method, "kind": kind, "features": width}
                spec |= {"most": GROWTH_MOST, "seconds": seconds / 10}
                command = [self.runner.python(kind), str(HERE / "growth.py")]
                key = digest(*code, text=[spec, self.runner.machine])
                found = self.rows.get(key, lambda: self.runner.process(command, spec))
                if "error" in found:
                    self.missing[f"growth of {method}, {width}"] = found["error"]
                rows = found.get("rows", [])
                say(f"growth: {method}, {width}: to {rows[-1]['examples'] if rows else 0}")
                curves += [{**row, "method": method, "features": width} for row in rows]
        return curves


def arguments():
    parser = argparse.ArgumentParser(prog="run.py", description=__doc__)
    add = parser.add_argument
    add("--quick", action="store_true", help="one stream, one seed, few peers, for a trial")
    add("--data", nargs="+", choices=data.MAKERS, help="only these data sets")
    add("--peers", nargs="+", choices=PEERS, help="only these peers")
    add("--seeds", type=int, default=5, help="orders of each stream (default 5)")
    add("--minutes", type=float, default=120, help="start no peer after this time (default 120)")
    add("--tune-seconds", type=float, default=240, help="time for 8 configurations of a method (240)")
    add("--run-seconds", type=float, default=30, help="start no new seed after this time (30)")
    add("--cell-seconds", type=float, default=60, help="limit of one stream (60)")
    add("--growth-seconds", type=float, default=300, help="time for the growth of one head; a peer has a tenth (300)")
    add("--no-growth", action="store_true", help="omit costs against examples seen")
    add("--domains", action="store_true", help="also streams of one group after the other")
    add("--fresh", action="store_true", help="ignore the finished rows of earlier runs")
    add("--date", default=datetime.date.today().isoformat(), help="date of the report (today)")
    add("--output", type=Path, help="folder of the report (docs/benchmarks; a trial uses another)")
    add("--report-only", action="store_true", help="write the report of the last results again")
    return parser.parse_args()


def main():
    args = arguments()
    comparison = Comparison(args)
    work = comparison.places.work
    part = args.quick or args.data or args.peers
    output = args.output or (work / "report" if part else ROOT / "docs" / "benchmarks")
    results_path = work / ("results-part.json" if part else "results.json")
    if args.report_only:
        results = json.loads(results_path.read_text())
    else:
        results = {"date": args.date, "machine": comparison.machine, "limits": comparison.runner.limits}
        results |= {"growth_seconds": args.growth_seconds, "tables": comparison.tables, "growth": []}
        results["missing"] = comparison.missing
        names = args.data or (["fsdd"] if args.quick else list(data.MAKERS))
        every = STREAMS + (DOMAINS if args.domains else [])
        wanted = [stream for stream in every if stream[0] in names]
        for name, protocol in wanted[:1] if args.quick else wanted:
            try:
                comparison.over(name, protocol)
            except data.Missing as missing:
                say(f"{name} is left out: {missing}")
                comparison.missing[name] = str(missing)
            if name == "synthetic-1024" and not (args.quick or args.no_growth):
                results["growth"] = comparison.growth()
            results["minutes"] = (time.monotonic() - comparison.begin) / 60
            results["reused"] = comparison.rows.reused
            results["load_after"] = machine.load()
            # Kept as it grows: an interrupted run still has what it measured.
            results_path.write_text(json.dumps(results))
    if not results["tables"]:
        raise SystemExit("peers: no data set to compare over")
    report.write(results, output)
    say(f"wrote {output / 'learning.md'} ({results['minutes']:.0f} minutes)")


if __name__ == "__main__":
    main()
