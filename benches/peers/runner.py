"""Measures one method over one stream, in a process of its own, and `lda` directly before it."""

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cache import digest

HERE = Path(__file__).resolve().parent
REFERENCE = "lda"
REHEARSAL = "balanced:200"


def is_batch(method):
    return method.startswith(("batch", "joint"))


class Runner:
    def __init__(self, places, rows, limits, machine):
        self.places, self.rows, self.limits, self.machine = places, rows, limits, machine
        self.costs = places.root / "target" / "release" / "examples" / "stream_costs"
        self.avalanche = os.environ.get("PEERS_AVALANCHE", "")

    def afield_heads(self):
        """The heads that this build knows."""
        done = subprocess.run([self.costs, "--heads"], check=True, capture_output=True, text=True)
        return done.stdout.split()

    def python(self, kind):
        return self.avalanche if kind == "avalanche" else sys.executable

    def afield(self, of, head, cells):
        """A row of Afield's. `lda` again beside it, for the ratio of the two."""

        def measure():
            beside = self.beside(of, cells)
            found = self.process([self.costs], self.spec(of, cells, method=head))
            row = {"method": f"afield {head}", "kind": "afield", "beside": beside}
            return {**row, "measured": time.time(), **found}

        return self.rows.get(self.key(of, head, "afield", cells, self.costs), measure)

    def peer(self, of, method, kind, cells, validations):
        """A row of a peer's, tuned on `validations`; a batch method once over the groups."""
        if is_batch(method):
            cells = [cell for cell in cells if cell["round"] == 0]
        code = [HERE / "method.py", HERE / "worker.py", HERE / f"methods_{kind}.py"]
        key = self.key(of, method, kind, cells, *code, also=validations)
        return self.rows.get(key, lambda: self.measure(of, method, kind, cells, validations))

    def measure(self, of, method, kind, cells, validations):
        command = [self.python(kind), str(HERE / "worker.py")]
        row = {"method": method, "kind": kind, "batch": is_batch(method)}
        tuning = self.tune(command, of, method, kind, validations)
        if "error" in tuning:
            return {**row, "error": f"tuning: {tuning['error']}", "seconds": 0.0}
        beside = None if is_batch(method) else self.beside(of, cells)
        spec = self.spec(of, cells, method=method, kind=kind, chosen=tuning["chosen"])
        found = self.process(command, spec)
        # What a method chose by itself, as the joint bound does.
        chosen = found.pop("chosen", None) or tuning["chosen"]
        return {
            **row,
            "beside": beside,
            "chosen": chosen,
            "tried": {"configs": tuning.get("configs", []), "scores": tuning.get("scores", {})},
            "tune_seconds": tuning["seconds"],
            "measured": time.time(),
            **found,
        }

    def tune(self, command, of, method, kind, validations):
        """Tuned apart from the run, so that its memory is not counted, and untimed, so that
        two processes may share the held-out groups."""
        halves = [half for half in (validations[::2], validations[1::2]) if half]

        def half(index):
            spec = self.spec(of, halves[index], method=method, kind=kind, tune=True)
            if of.made_up:
                spec["tune_seconds"] = self.limits["tune"] / 6
            return self.process(command, spec, f"tune-{index}")

        with ThreadPoolExecutor() as pool:
            found = list(pool.map(half, range(len(halves))))
        if failed := [each for each in found if "error" in each]:
            return failed[0]
        return {
            "chosen": {group: config for each in found for group, config in each["chosen"].items()},
            "scores": {group: of for each in found for group, of in each.get("scores", {}).items()},
            "configs": found[0].get("configs", []),
            "seconds": max(each["seconds"] for each in found),
        }

    def beside(self, of, cells):
        """What `lda` costs at this very time, over the first stream."""
        spec = self.spec(of, cells[:1], method=REFERENCE)
        found = self.process([self.costs], {**spec, "after_learn": 0})
        return found if "error" in found else {name: found[name] for name in ("learn_us", "predict_us")}

    def spec(self, of, cells, **more):
        return {
            "features": of.features,
            "data": cells[0]["data"],
            "cells": cells,
            "after_learn": 200,
            "run_seconds": self.limits["run"],
            "cell_seconds": self.limits["cell"],
            "tune_seconds": self.limits["tune"],
            "rehearsal": REHEARSAL,
            **more,
        }

    def key(self, of, method, kind, cells, *code, also=()):
        files = [path for cell in [*cells, *also] for path in (cell["stream"], cell["data"])]
        about = [of.name, method, kind, self.limits, self.machine, REHEARSAL, len(cells)]
        return digest(*sorted(set(files)), of.raw, *code, text=about)

    def process(self, command, spec, name="run"):
        """What a process of its own makes of the specification."""
        path, log = self.places.work / f"{name}.json", self.places.work / f"{name}.log"
        path.write_text(json.dumps(spec))
        limit = 2 * sum(self.limits.values()) + 300
        begin = time.monotonic()
        try:
            with log.open("w") as errors:
                done = subprocess.run(
                    [*command, path], stdout=subprocess.PIPE, stderr=errors, timeout=limit
                )
        except subprocess.TimeoutExpired:
            return {"error": f"stopped after {limit:.0f} s", "seconds": limit}
        seconds = time.monotonic() - begin
        if done.returncode != 0:
            last = log.read_text().strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
            return {"error": last[0][:200], "seconds": seconds}
        return {**json.loads(done.stdout), "seconds": seconds}
