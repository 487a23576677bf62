"""One peer over saved streams, timed call by call, in a process of its own.

`worker.py SPEC.json` prints one JSON object, as `lab/examples/stream_costs.rs` does for
Afield. Keep the two alike. A specification with `configs` requests tuning instead: the
accuracy at the end of every stream with every configuration.
"""

import contextlib
import json
import math
import resource
import sys
import time
from pathlib import Path

import numpy as np

from method import Clock, OverLimit

AFTER_LEARN_SECONDS = 30


def methods(kind):
    if kind == "river":
        from methods_river import METHODS
    elif kind == "sklearn":
        from methods_sklearn import METHODS
    elif kind == "numpy":
        from methods_numpy import METHODS
    else:
        from methods_avalanche import METHODS
    return METHODS


class Rows:
    """The rows of a data set in a method's own form, made before anything is timed."""

    def __init__(self, path, method):
        with np.load(path) as archive:
            # As an array of its own; the method's form replaces it.
            self.x = [method.native(row) for row in archive["X"]]
            self.groups = archive["group"] if "group" in archive else None


def percentiles(nanoseconds):
    """By nearest rank, as Afield's."""
    ordered = sorted(nanoseconds)

    def rank(percent):
        at = max(math.ceil(len(ordered) * percent / 100) - 1, 0)
        return ordered[at] / 1e3 if ordered else 0.0

    mean = sum(ordered) / len(ordered) / 1e3 if ordered else 0.0
    return {"p50": rank(50), "p95": rank(95), "mean": mean}


def run_cell(method, rows, stream, clock):
    """Accuracies after each task as far as time allowed, and the share of calls done."""
    truth, accuracies = stream["truth"], []
    planned = sum(len(task["clips"]) + len(task["tested"]) for task in stream["tasks"])
    try:
        for task in stream["tasks"]:
            method.learn_task([rows.x[clip] for clip in task["clips"]], task["labels"], clock)
            clock.check()
            if not task["tested"]:
                continue
            start = time.perf_counter_ns()
            method.solve()
            clock.solve.append(time.perf_counter_ns() - start)
            right = 0
            for clip in task["tested"]:
                clock.check()
                start = time.perf_counter_ns()
                answer = method.predict(rows.x[clip])
                clock.predict.append(time.perf_counter_ns() - start)
                clock.calls += 1
                right += int(answer is not None and int(answer) == truth[clip])
            accuracies.append(right / len(task["tested"]))
    except OverLimit:
        return accuracies, clock.calls / planned
    return accuracies, 1.0


def run_batch(method, rows, stream, clock):
    """A batch method sees everything at once and is tested at the end."""
    clips = [clip for task in stream["tasks"] for clip in task["clips"]]
    labels = [label for task in stream["tasks"] for label in task["labels"]]
    groups = None if rows.groups is None else [str(rows.groups[clip]) for clip in clips]
    start = time.perf_counter_ns()
    method.fit([rows.x[clip] for clip in clips], labels, groups)
    clock.solve.append(time.perf_counter_ns() - start)
    tested, right = stream["tasks"][-1]["tested"], 0
    for clip in tested:
        start = time.perf_counter_ns()
        answer = method.predict(rows.x[clip])
        clock.predict.append(time.perf_counter_ns() - start)
        right += int(int(answer) == stream["truth"][clip])
    return [right / len(tested)], 1.0


def measure_after_learn(method, rows, stream, clock, times):
    taught = [pair for task in stream["tasks"] for pair in zip(task["clips"], task["labels"])]
    begin = time.perf_counter()
    for i in range(times):
        if time.perf_counter() - begin > AFTER_LEARN_SECONDS:
            break
        clip, label = taught[i % len(taught)]
        method.learn(rows.x[clip], label)
        probe = rows.x[stream["test"][i % len(stream["test"])]]
        start = time.perf_counter_ns()
        method.predict(probe)
        clock.after_learn.append(time.perf_counter_ns() - start)


def load(spec, cell):
    stream = json.loads(Path(cell["stream"]).read_text())
    return stream, len(stream["classes"])


def run(spec, build):
    clock, cells, loaded = Clock(), [], {}
    outcome = {"chosen": {}}
    begin, round_now, asked_after = time.perf_counter(), 0, 0.0
    for cell in spec["cells"]:
        if cell["round"] != round_now:
            # No round is begun that would not end in time.
            each = (time.perf_counter() - begin - asked_after) / cell["round"]
            if each * (cell["round"] + 1) > spec["run_seconds"]:
                break
            round_now = cell["round"]
        stream, classes = load(spec, cell)
        path = cell["raw"] if getattr(build, "raw", False) else cell["data"]
        config = spec["chosen"].get(cell["group"], build.configs[0])
        method = build(spec["features"], classes, config, cell["seed"])
        if path not in loaded:
            loaded = {path: Rows(path, method)}
        rows = loaded[path]
        first = not cells
        clock.limit(spec["cell_seconds"])
        start = time.perf_counter()
        course = run_batch if build.batch else run_cell
        accuracies, share = course(method, rows, stream, clock)
        cells.append(
            {
                "name": cell["name"],
                "seed": cell["seed"],
                "accuracy_after": accuracies,
                "share": share,
                "seconds": time.perf_counter() - start,
            }
        )
        if build.batch and hasattr(method, "chosen"):
            outcome["chosen"][cell["group"]] = method.chosen
        if first:
            outcome["state_bytes"] = method.state_bytes()
            outcome["peak_rss_bytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
            if not build.batch:
                clock.deadline = None
                start = time.perf_counter()
                measure_after_learn(method, rows, stream, clock, spec["after_learn"])
                asked_after = time.perf_counter() - start
        if share < 1.0:
            # The others would not end in time either.
            break
    outcome["cells"] = cells
    outcome["learn_us"] = percentiles(clock.learn)
    outcome["predict_us"] = percentiles(clock.predict)
    outcome["solve_us"] = percentiles(clock.solve)
    outcome["predict_after_learn_us"] = percentiles(clock.after_learn)
    outcome["after_learn"] = len(clock.after_learn)
    return outcome


def tune(spec, build):
    """For each held-out group, the configuration that is best on a validation group of
    the training side. One that takes too long is out; the first one is the default."""
    chosen, tried, loaded = {}, {}, {}
    group_seconds = spec["tune_seconds"] / len(spec["cells"])
    for cell in spec["cells"]:
        stream, classes = load(spec, cell)
        scores, begin = [], time.perf_counter()
        for config in build.configs:
            if time.perf_counter() - begin > group_seconds:
                scores.append(None)
                continue
            method = build(spec["features"], classes, config, cell["seed"])
            if cell["data"] not in loaded:
                loaded = {cell["data"]: Rows(cell["data"], method)}
            clock = Clock()
            # Some configurations may take longer than their share, not all of them.
            clock.limit(3 * group_seconds / len(build.configs))
            course = run_batch if build.batch else run_cell
            accuracies, share = course(method, loaded[cell["data"]], stream, clock)
            scores.append(accuracies[-1] if share == 1.0 and accuracies else None)
        best = max(range(len(scores)), key=lambda i: (-1 if scores[i] is None else scores[i], -i))
        chosen[cell["group"]] = build.configs[best]
        tried[cell["group"]] = scores
    return {"chosen": chosen, "scores": tried, "configs": build.configs}


def main():
    spec = json.loads(Path(sys.argv[1]).read_text())
    # Libraries talk on standard output; the result must stay alone there.
    with contextlib.redirect_stdout(sys.stderr):
        build = methods(spec["kind"])[spec["method"]]
        if spec.get("tune"):
            result = tune(spec, build) if len(build.configs) > 1 else {"chosen": {}}
        else:
            result = run(spec, build)
    json.dump(result, sys.stdout)


if __name__ == "__main__":
    main()
