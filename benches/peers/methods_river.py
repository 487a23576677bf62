"""River: its own learners, its own dictionaries, a running StandardScaler in front."""

import numpy as np
from river import forest, linear_model, multiclass, neighbors, optim, preprocessing

from method import Balanced, Method, product

REPLAY_ROWS, DRAWN = 200, 16

# River's default first.
RATES = [1e-2, 1.0, 1e-1, 3e-2, 3e-3, 1e-3, 1e-4, 1e-5]


class River(Method):
    def __init__(self, *args):
        super().__init__(*args)
        self.model = preprocessing.StandardScaler() | self.build()

    def native(self, row):
        return dict(enumerate(row.tolist()))

    def learn(self, x, y):
        self.model.learn_one(x, y)

    def predict(self, x):
        return self.model.predict_one(x)

    def state(self):
        return self.model


class Softmax(River):
    configs = product(rate=RATES)

    def build(self):
        return linear_model.SoftmaxRegression(optimizer=optim.SGD(self.config["rate"]))


class SoftmaxReplay(Softmax):
    """The same, taught 16 rows of a class-balanced memory of 200 after each new one."""

    def __init__(self, *args):
        super().__init__(*args)
        self.memory = Balanced(REPLAY_ROWS, np.random.default_rng(self.seed))

    def learn(self, x, y):
        self.model.learn_one(x, y)
        if self.memory.rows:
            for row, label in zip(*self.memory.draw(DRAWN)):
                self.model.learn_one(row, label)
        self.memory.insert(x, y)

    def state(self):
        return self.model, self.memory


class OneVsRest(River):
    configs = product(rate=RATES)

    def build(self):
        binary = linear_model.LogisticRegression(optimizer=optim.SGD(self.config["rate"]))
        return multiclass.OneVsRestClassifier(binary)


class Neighbours(River):
    configs = product(window=[200, 2000], k=[5, 1, 3, 9])

    def build(self):
        engine = neighbors.LazySearch(window_size=self.config["window"])
        return neighbors.KNNClassifier(n_neighbors=self.config["k"], engine=engine)


class AdaptiveForest(River):
    configs = product(trees=[10, 5], grace_period=[50, 10], delta=[0.01, 0.1])

    def build(self):
        return forest.ARFClassifier(
            n_models=self.config["trees"],
            grace_period=self.config["grace_period"],
            delta=self.config["delta"],
            seed=self.seed,
        )


METHODS = {
    "river softmax": Softmax,
    "river softmax + replay": SoftmaxReplay,
    "river one-vs-rest": OneVsRest,
    "river knn": Neighbours,
    "river arf": AdaptiveForest,
}
