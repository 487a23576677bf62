"""scikit-learn: learners with partial_fit, and batch fits to everything at the end."""

import copy
import warnings

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.covariance import OAS
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression, RidgeClassifier, SGDClassifier
from sklearn.model_selection import GroupKFold
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from method import Balanced, Method, product

warnings.filterwarnings("ignore")

REPLAY_ROWS = 200
RANDOM_FEATURES = 512
TINY = 1e-12


class Sgd(Method):
    """One-vs-rest logistic SGD on running standardised rows; it knows all classes in advance."""

    configs = product(schedule=["optimal", "constant"], alpha=[1e-4, 1e-5, 1e-3, 1e-2])

    def __init__(self, *args):
        super().__init__(*args)
        self.all_classes = np.arange(self.classes)
        self.scaler = StandardScaler()
        self.model = SGDClassifier(
            loss="log_loss",
            alpha=self.config["alpha"],
            learning_rate=self.config["schedule"],
            eta0=0.01,
            random_state=self.seed,
        )

    def native(self, row):
        return row.astype(np.float64)[None, :]

    def learn(self, x, y):
        self.scaler.partial_fit(x)
        self.model.partial_fit(self.scaler.transform(x), [y], classes=self.all_classes)

    def predict(self, x):
        return self.model.predict(self.scaler.transform(x))[0]


class SgdReplay(Sgd):
    """The same, mixed with rows drawn from a class-balanced memory of 200."""

    configs = product(schedule=["optimal", "constant"], drawn=[16, 64], alpha=[1e-4, 1e-2])

    def __init__(self, *args):
        super().__init__(*args)
        self.memory = Balanced(REPLAY_ROWS, np.random.default_rng(self.seed))

    def learn(self, x, y):
        self.scaler.partial_fit(x)
        rows, labels = [x], [y]
        if self.memory.rows:
            old, known = self.memory.draw(self.config["drawn"])
            rows, labels = rows + old, labels + known
        batch = self.scaler.transform(np.concatenate(rows))
        self.model.partial_fit(batch, labels, classes=self.all_classes)
        self.memory.insert(x, y)


class NaiveBayes(Method):
    """GaussianNB adds its smoothing by the largest variance among the rows of one call,
    which is nil with one row a call: constant features then give no answer at all. Here
    it is added when predicting, by the largest variance of all rows so far, which is what
    the parameter means in a batch."""

    configs = product(smoothing=[1e-9, 1e-7, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0])

    def __init__(self, *args):
        super().__init__(*args)
        self.all_classes = np.arange(self.classes)
        self.model = GaussianNB(var_smoothing=0.0)
        self.smoothed = None

    def native(self, row):
        return row.astype(np.float64)[None, :]

    def learn(self, x, y):
        self.model.partial_fit(x, [y], classes=self.all_classes)
        self.smoothed = None

    def solve(self):
        if self.smoothed is None:
            model = self.model
            share = model.class_count_[:, None] / model.class_count_.sum()
            mean = (share * model.theta_).sum(axis=0)
            variance = (share * (model.var_ + (model.theta_ - mean) ** 2)).sum(axis=0)
            self.smoothed = copy.copy(model)
            self.smoothed.var_ = model.var_ + max(self.config["smoothing"] * variance.max(), TINY)

    def predict(self, x):
        self.solve()
        return self.smoothed.predict(x)[0]

    def state(self):
        return self.model


class Batch(Method):
    batch = True
    configs = [{}]

    def native(self, row):
        return row.astype(np.float64)

    def predict(self, x):
        return self.model.predict(x[None, :])[0]

    def fit(self, rows, labels, groups):
        self.model = self.build().fit(np.stack(rows), labels)

    def state(self):
        return self.model


class BatchLedoitWolf(Batch):
    def build(self):
        return LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")


class BatchOas(Batch):
    """One shrinkage for the pooled covariance, and every class as likely as any other: what
    Afield's `lda` computes from sums, here from all rows."""

    def fit(self, rows, labels, groups):
        rows, labels = np.stack(rows), np.asarray(labels)
        centred, seen = rows.copy(), np.unique(labels)
        for label in seen:
            centred[labels == label] -= rows[labels == label].mean(axis=0)
        shrinkage = OAS(assume_centered=True).fit(centred).shrinkage_
        priors = np.full(len(seen), 1 / len(seen))
        self.model = LinearDiscriminantAnalysis(solver="eigen", shrinkage=shrinkage, priors=priors)
        self.model.fit(rows, labels)


class BatchRidge(Batch):
    configs = product(alpha=[1.0, 1e-2, 1e-1, 1e1, 1e2, 1e3, 1e4, 1e5])

    def build(self):
        return make_pipeline(StandardScaler(), RidgeClassifier(alpha=self.config["alpha"]))


class RandomRelu(TransformerMixin, BaseEstimator):
    """As many random features as Afield's `ridge` has, not the same ones."""

    def fit(self, rows, _labels=None):
        rng = np.random.default_rng(0)
        self.weights_ = rng.standard_normal((rows.shape[1], RANDOM_FEATURES))
        return self

    def transform(self, rows):
        return np.maximum(rows @ self.weights_, 0)


class BatchRandomRidge(BatchRidge):
    def build(self):
        ridge = RidgeClassifier(alpha=self.config["alpha"])
        return make_pipeline(StandardScaler(), RandomRelu(), ridge)


TRANSFORMS = ("none", "l2", "signed-sqrt", "standardise")


class Transformed:
    """A transform, then one common scale, so that a penalty means the same after each."""

    def __init__(self, name):
        self.name = name

    def _apply(self, rows):
        if self.name == "l2":
            return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
        if self.name == "signed-sqrt":
            return np.sign(rows) * np.sqrt(np.abs(rows))
        return rows

    def fit(self, rows):
        rows = self._apply(rows)
        self.mean, deviation = rows.mean(axis=0), rows.std(axis=0)
        self.scale = np.sqrt((deviation**2).mean())
        if self.name == "standardise":
            self.scale = np.where(deviation > 1e-9 * self.scale, deviation, self.scale)
        return self

    def transform(self, rows):
        return (self._apply(rows) - self.mean) / self.scale


class Joint(Batch):
    """The upper bound: logistic regression on all rows at once, on the rows as they were
    before any transform; transform and penalty chosen by cross-validation over whole
    groups of the training side. 16 combinations are tried, twice what others get."""

    raw = True

    def fit(self, rows, labels, groups):
        rows, labels = np.stack(rows), np.asarray(labels)
        folds = GroupKFold(min(3, len(set(groups))))
        best = (-1.0, None)
        for name in TRANSFORMS:
            for c in (1e-1, 1e-3, 1e-2, 1.0):
                right = 0
                for train, held in folds.split(rows, labels, groups):
                    transform = Transformed(name).fit(rows[train])
                    model = LogisticRegression(C=c, max_iter=500)
                    model.fit(transform.transform(rows[train]), labels[train])
                    answers = model.predict(transform.transform(rows[held]))
                    right += (answers == labels[held]).sum()
                if right > best[0]:
                    best = (right, {"transform": name, "C": c})
        self.chosen = best[1]
        self.transform = Transformed(self.chosen["transform"]).fit(rows)
        self.model = LogisticRegression(C=self.chosen["C"], max_iter=2000)
        self.model.fit(self.transform.transform(rows), labels)
        if self.model.n_iter_.max() >= self.model.max_iter:
            self.chosen["not converged after"] = int(self.model.max_iter)

    def predict(self, x):
        return self.model.predict(self.transform.transform(x[None, :]))[0]


METHODS = {
    "sklearn sgd": Sgd,
    "sklearn sgd + replay": SgdReplay,
    "sklearn gaussian nb": NaiveBayes,
    "batch lda ledoit-wolf": BatchLedoitWolf,
    "batch lda oas": BatchOas,
    "batch ridge": BatchRidge,
    "batch ridge on random features": BatchRandomRidge,
    "joint logistic regression": Joint,
}
