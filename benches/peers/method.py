"""The interface of a peer, as the worker uses it."""

import pickle
import time


class OverLimit(Exception):
    """The time of a cell is over."""


class Clock:
    """Time of each call in nanoseconds, and the limit of the cell."""

    def __init__(self):
        self.learn, self.predict, self.solve, self.after_learn = [], [], [], []
        self.deadline = None
        self.calls = 0

    def limit(self, seconds):
        self.deadline = time.perf_counter() + seconds
        self.calls = 0

    def check(self):
        if self.deadline is not None and time.perf_counter() > self.deadline:
            raise OverLimit


class Method:
    """A learner of one example at a time.

    Rows are prepared in the library's own form (`native`) outside all timing, so that
    no peer pays for a conversion that its own users would not see.
    """

    # Fitted once, to everything seen, and only tested at the end.
    batch = False

    def __init__(self, features, classes, config, seed):
        self.features, self.classes, self.config, self.seed = features, classes, config, seed

    def native(self, row):
        return row

    def learn(self, x, y):
        raise NotImplementedError

    def learn_task(self, rows, labels, clock):
        """Learns a task in its order; overridden by libraries that train by task."""
        for x, y in zip(rows, labels):
            clock.check()
            start = time.perf_counter_ns()
            self.learn(x, y)
            clock.learn.append(time.perf_counter_ns() - start)
            clock.calls += 1

    def solve(self):
        """Work that the next prediction would otherwise start with."""

    def predict(self, x):
        raise NotImplementedError

    def state(self):
        """What would have to be saved to go on later."""
        return self.__dict__

    def state_bytes(self):
        return len(pickle.dumps(self.state(), protocol=pickle.HIGHEST_PROTOCOL))


def product(**options):
    """Every combination, the first value of each option first."""
    configs = [{}]
    for name, values in options.items():
        configs = [{**config, name: value} for config in configs for value in values]
    return configs


class Balanced:
    """A class-balanced memory: when full, a new row replaces one of the largest class."""

    def __init__(self, size, rng):
        self.size, self.rng, self.rows, self.labels = size, rng, [], []
        self.members = {}

    def insert(self, x, y):
        if len(self.rows) < self.size:
            self.members.setdefault(y, []).append(len(self.rows))
            self.rows.append(x)
            self.labels.append(y)
            return
        largest = max(self.members, key=lambda label: len(self.members[label]))
        slots = self.members[largest]
        at = int(self.rng.integers(len(slots)))
        slot = slots[at]
        if largest != y:
            slots.pop(at)
            self.members.setdefault(y, []).append(slot)
        self.rows[slot], self.labels[slot] = x, y

    def draw(self, count):
        picked = self.rng.integers(len(self.rows), size=min(count, len(self.rows)))
        return [self.rows[i] for i in picked], [self.labels[i] for i in picked]
