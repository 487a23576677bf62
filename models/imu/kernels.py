"""Random convolution kernels in the manner of MiniRocket (Dempster et al. 2021), a baseline.

There are 84 kernels of nine taps, three of them 2 and six -1, on dilations 1 to 16, each on a random
set of axes. A feature is the share of output values above a bias. The biases are quantiles of the
kernel's output on a training window. There are 840 features, and nothing else is fitted.
"""

from itertools import combinations

import numpy as np

DILATIONS = (1, 2, 4, 8, 16)
BIASES = 2


class Kernels:
    def __init__(self, windows, seed):
        self.random = np.random.default_rng(seed)
        self.scale = windows.std(axis=(0, 1), keepdims=True) + 1e-6
        self.plan = []
        for dilation in DILATIONS:
            for twos in combinations(range(9), 3):
                count = int(2 ** self.random.uniform(0, np.log2(6 + 1)))
                axes = self.random.choice(6, size=count, replace=False)
                of = windows[self.random.integers(len(windows))][None] / self.scale
                out = self._convolved(of, dilation, twos, axes)
                biases = np.quantile(out, self.random.uniform(0, 1, BIASES))
                self.plan.append((dilation, twos, axes, biases))

    @staticmethod
    def _convolved(x, dilation, twos, axes):
        x = x[:, :, axes].sum(axis=2)
        length = x.shape[1] - 8 * dilation
        taps = [x[:, tap * dilation : tap * dilation + length] for tap in range(9)]
        return 3 * sum(taps[tap] for tap in twos) - sum(taps)

    def features(self, windows):
        """[n, samples, 6] to float32 [n, 840]."""
        x = (windows / self.scale).astype(np.float32)
        columns = []
        for dilation, twos, axes, biases in self.plan:
            out = self._convolved(x, dilation, twos, axes)
            columns += [(out > bias).mean(axis=1) for bias in biases]
        return np.stack(columns, axis=1).astype(np.float32)
