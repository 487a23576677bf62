"""Exact LDA in NumPy only: the mathematics of Afield's `lda` in f64, as a user of NumPy
would write it. Its accuracy must equal that of `lda`, except for rounding to integers."""

import numpy as np

from method import Method


class ExactLda(Method):
    configs = [{}]

    def __init__(self, *args):
        super().__init__(*args)
        d, k = self.features, self.classes
        self.counts = np.zeros(k)
        self.sums = np.zeros((k, d))
        self.moments = np.zeros((d, d))
        self._product = np.empty((d, d))
        self._weights = None

    def native(self, row):
        return row.astype(np.float64)

    def learn(self, x, y):
        self.counts[y] += 1
        self.sums[y] += x
        np.multiply(x[:, None], x, out=self._product)
        self.moments += self._product
        self._weights = None

    def solve(self):
        if self._weights is not None:
            return
        seen = np.flatnonzero(self.counts)
        counts, d = self.counts[seen], self.features
        means = self.sums[seen] / counts[:, None]
        freedom = max(counts.sum() - len(seen), 1.0)
        scaled = self.sums[seen] / np.sqrt(counts)[:, None]
        covariance = (self.moments - scaled.T @ scaled) / freedom
        trace, squares = np.trace(covariance), (covariance**2).sum()
        # Chen et al. 2010, eq. 23.
        above = (1 - 2 / d) * squares + trace**2
        below = (freedom + 1 - 2 / d) * (squares - trace**2 / d)
        shrinkage = min(1.0, above / below) if below > 0 else 1.0
        covariance *= 1 - shrinkage
        covariance[np.diag_indices(d)] += max(shrinkage * trace / d, 1e-12)
        centre = means.mean(axis=0)
        offsets = means - centre
        weights = np.linalg.solve(covariance, offsets.T).T
        # The second term: what distances to uncertain means exceed the true ones by.
        biases = -0.5 * (weights * offsets).sum(axis=1) + 0.5 * d / counts
        self._weights = (seen, weights, biases - weights @ centre)

    def predict(self, x):
        self.solve()
        seen, weights, biases = self._weights
        return seen[np.argmax(weights @ x + biases)]

    def state(self):
        return self.counts, self.sums, self.moments


METHODS = {"numpy exact lda": ExactLda}
