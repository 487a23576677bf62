"""Avalanche on PyTorch: its StreamingLDA, and Naive, Replay and EWC over a linear head.

StreamingLDA gets row by row through `fit`. The others train by experience: one
experience a task, minibatches of 1 new row, one epoch. EWC's importances and the replay
buffer's updates are designed for this. The time of an example runs from the end of one
iteration to the end of the next, loading included. The work after the last iteration of
a task (importances, buffer) counts towards its last example. Learning a single example
later, as in "predict right after learn", is an experience of one.
"""

import logging
import random
import time
import warnings

import numpy as np
import torch
from avalanche.benchmarks.scenarios.deprecated.generators import tensors_benchmark
from avalanche.training.plugins import EvaluationPlugin, ReplayPlugin, SupervisedPlugin
from avalanche.training.storage_policy import ClassBalancedBuffer
from avalanche.training.supervised import EWC, Naive, StreamingLDA

from method import Method, product

warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)
torch.set_num_threads(1)

REPLAY_ROWS = 200


class Slda(Method):
    """`base` rows, or the first task where that is shorter, go to `fit_base`. Classes
    without a row yet are never answered, which the library leaves to its user."""

    configs = product(base=[0, 50], shrinkage=[1e-4, 1e-2, 1e-1, 0.5])

    def __init__(self, *args):
        super().__init__(*args)
        self.model = StreamingLDA(
            slda_model=torch.nn.Identity(),
            criterion=None,
            input_size=self.features,
            num_classes=self.classes,
            shrinkage_param=self.config["shrinkage"],
            evaluator=EvaluationPlugin(),
        )
        self.waiting = [] if self.config["base"] else None

    def native(self, row):
        return torch.from_numpy(row.copy())[None, :]

    def learn(self, x, y):
        y = torch.tensor([y])
        if self.waiting is None:
            self.model.fit(x, y)
            return
        self.waiting.append((x, y))
        if len(self.waiting) == self.config["base"]:
            self.begin()

    def begin(self):
        rows, labels = zip(*self.waiting)
        self.waiting = None
        self.model.fit_base(torch.cat(rows), torch.cat(labels))

    def solve(self):
        if self.waiting:
            self.begin()
        if self.model.prev_num_updates != self.model.num_updates:
            self.model.predict(torch.zeros(1, self.features))

    def predict(self, x):
        scores = self.model.predict(x)[0]
        scores[self.model.cK == 0] = -torch.inf
        return int(scores.argmax())

    def state(self):
        model = self.model
        return [model.muK.numpy(), model.cK.numpy(), model.Sigma.numpy(), model.num_updates]


class RunningStandardiser(torch.nn.Module):
    """Centres and scales by what training has shown so far, as River's StandardScaler."""

    def __init__(self, features):
        super().__init__()
        self.register_buffer("count", torch.zeros(1, dtype=torch.float64))
        self.register_buffer("mean", torch.zeros(features, dtype=torch.float64))
        self.register_buffer("squares", torch.zeros(features, dtype=torch.float64))

    def forward(self, x):
        if self.training:
            with torch.no_grad():
                for row in x.double():
                    self.count += 1
                    delta = row - self.mean
                    self.mean += delta / self.count
                    self.squares += delta * (row - self.mean)
        deviation = (self.squares / self.count.clamp(min=1)).sqrt()
        scaled = (x - self.mean) / torch.where(deviation > 1e-12, deviation, torch.ones(()).double())
        return scaled.float()


class Stopwatch(SupervisedPlugin):
    def __init__(self):
        super().__init__()
        self.clock = None

    def after_training_iteration(self, strategy, **_):
        if self.clock is not None:
            now = time.perf_counter_ns()
            self.clock.learn.append(now - self.last)
            self.clock.calls += 1
            self.clock.check()
            self.last = time.perf_counter_ns()


class Gradient(Method):
    """A linear softmax head for all classes, told their number ahead; plain SGD."""

    configs = product(standardise=[True, False], rate=[1e-2, 1e-1, 1e-3, 1e-4])
    shuffle = False

    def __init__(self, *args):
        super().__init__(*args)
        torch.manual_seed(self.seed)
        random.seed(self.seed)
        np.random.seed(self.seed)
        layers = [torch.nn.Linear(self.features, self.classes)]
        if self.config.get("standardise", True):
            layers.insert(0, RunningStandardiser(self.features))
        self.model = torch.nn.Sequential(*layers)
        self.stopwatch = Stopwatch()
        self.strategy = self.build(
            model=self.model,
            optimizer=torch.optim.SGD(self.model.parameters(), lr=self.config["rate"]),
            criterion=torch.nn.CrossEntropyLoss(),
            train_mb_size=1,
            train_epochs=1,
            evaluator=EvaluationPlugin(),
        )

    def build(self, **common):
        return Naive(plugins=[self.stopwatch], **common)

    def native(self, row):
        return torch.from_numpy(row.copy())[None, :]

    def experience(self, rows, labels):
        pair = (torch.cat(rows), torch.tensor(labels))
        scenario = tensors_benchmark(
            train_tensors=[pair],
            test_tensors=[(pair[0][:1], pair[1][:1])],
            task_labels=[0],
            complete_test_set_only=False,
        )
        return scenario.train_stream[0]

    def learn_task(self, rows, labels, clock):
        experience = self.experience(rows, labels)
        clock.check()
        self.stopwatch.clock = clock
        before = len(clock.learn)
        self.stopwatch.last = time.perf_counter_ns()
        self.strategy.train(experience, shuffle=self.shuffle, num_workers=0)
        if len(clock.learn) > before:
            clock.learn[-1] += time.perf_counter_ns() - self.stopwatch.last
        self.stopwatch.clock = None
        self.model.eval()

    def learn(self, x, y):
        self.strategy.train(self.experience([x], [y]), shuffle=self.shuffle, num_workers=0)
        self.model.eval()

    @torch.no_grad()
    def predict(self, x):
        return int(self.model(x).argmax())

    def state(self):
        return {name: value.numpy() for name, value in self.model.state_dict().items()}


class WithReplay(Gradient):
    """A class-balanced buffer of 200; 16 of its rows beside each new one. Avalanche draws
    both from shuffled loaders, so the order within a task is its own."""

    shuffle = True

    def build(self, **common):
        buffer = ClassBalancedBuffer(max_size=REPLAY_ROWS, adaptive_size=True)
        self.replay = ReplayPlugin(
            mem_size=REPLAY_ROWS, batch_size=1, batch_size_mem=16, storage_policy=buffer
        )
        return Naive(plugins=[self.replay, self.stopwatch], **common)

    def state(self):
        buffer = self.replay.storage_policy.buffer
        rows = [(np.asarray(item[0]), int(item[1])) for item in buffer]
        return super().state(), rows


class Consolidation(Gradient):
    configs = product(rate=[1e-2, 1e-1], strength=[1.0, 1e-2, 1e2, 1e4])

    def build(self, **common):
        return EWC(ewc_lambda=self.config["strength"], plugins=[self.stopwatch], **common)

    def state(self):
        ewc = next(p for p in self.strategy.plugins if hasattr(p, "importances"))
        kept = [
            {task: {name: p.data.detach().numpy() for name, p in of.items()} for task, of in all.items()}
            for all in (ewc.importances, ewc.saved_params)
        ]
        return super().state(), kept


METHODS = {
    "avalanche slda": Slda,
    "avalanche naive": Gradient,
    "avalanche replay": WithReplay,
    "avalanche ewc": Consolidation,
}
