"""The cost of a peer's calls as examples accumulate: `growth.py SPEC.json` prints JSON.

It is the counterpart of benches/growth.rs: 50 Gaussian classes, with the calls before each
power of ten timed. A power that would exceed the peer's time is not started.
"""

import contextlib
import json
import sys
import time
from pathlib import Path

import numpy as np

from worker import methods, percentiles

CLASSES, TIMED = 50, 200


class Examples:
    """Rows without end, made and converted outside the timed calls."""

    def __init__(self, features, method):
        self.rng = np.random.default_rng(features)
        self.means = self.rng.standard_normal((CLASSES, features)) * 0.7
        self.method, self.at = method, 0

    def next(self):
        label = self.at % CLASSES
        self.at += 1
        row = self.means[label] + self.rng.standard_normal(len(self.means[label]))
        return self.method.native(row.astype(np.float32)), label


def timed(call, *arguments):
    start = time.perf_counter_ns()
    call(*arguments)
    return time.perf_counter_ns() - start


def grow(method, features, most, seconds):
    examples, seen, goal, rows = Examples(features, method), 0, 100, []
    begin = time.perf_counter()
    while goal <= most:
        pairs = min(TIMED, (goal - seen) // 3)
        started, learned = time.perf_counter(), []
        for left in range(goal - seen - 1, pairs - 1, -1):
            took = timed(method.learn, *examples.next())
            if left < pairs + 2 * TIMED:
                learned.append(took)
        each = (time.perf_counter() - started) / (goal - seen - pairs)
        method.solve()
        predicted = [timed(method.predict, examples.next()[0]) for _ in range(TIMED)]
        after = []
        for _ in range(pairs):
            method.learn(*examples.next())
            after.append(timed(method.predict, examples.next()[0]))
        seen = goal
        learn, predict, right_after = percentiles(learned), percentiles(predicted), percentiles(after)
        rows.append(
            {
                "examples": goal,
                "learn_p50": learn["p50"],
                "learn_p95": learn["p95"],
                "predict_p50": predict["p50"],
                "predict_p95": predict["p95"],
                "after_p50": right_after["p50"],
                "after_p95": right_after["p95"],
                "state_bytes": method.state_bytes(),
            }
        )
        goal *= 10
        if time.perf_counter() - begin + each * (goal - seen) > seconds:
            break
    return rows


def main():
    spec = json.loads(Path(sys.argv[1]).read_text())
    with contextlib.redirect_stdout(sys.stderr):
        build = methods(spec["kind"])[spec["method"]]
        method = build(spec["features"], CLASSES, build.configs[0], 0)
        rows = grow(method, spec["features"], spec["most"], spec["seconds"])
    json.dump({"rows": rows}, sys.stdout)


if __name__ == "__main__":
    main()
