#!/usr/bin/env python3
"""few_shot.py ROWS.npz [SHOTS,...]: why `lda` subtracts d/n from squared distances.

One class has a few examples, the others have all their examples, and two classes are never taught. Each
group is held out in turn, and each class in turn is the one with few examples. The script compares four
scores, in nats up to a common constant:

    plain      linear discriminant analysis: -D^2 / 2
    d/n        as Afield: + d / 2n for the n examples of a class (Moran & Murphy 1979)
    trace/n    the same with tr(S^-1 W) for d: the features that the covariance knows before shrinkage
    geisser    the predictive distribution (Geisser 1964): -D^2 n / 2(n + 1) - d/2 log(1 + 1/n)

The output is the accuracy, the recall of the class with few examples, and the share of clips of the two
unknown classes that are assigned to that class. `afield embed --labelled --group-pattern` writes
ROWS.npz. --root takes the signed square root first, as cards of ReLU networks say. It needs NumPy.
"""

import argparse

import numpy as np


def scores(x, y, asked):
    """Of each rule [asked, classes], and the classes; the covariance is shrunk as Chen et al. 2010 say."""
    classes, counts = np.unique(y, return_counts=True)
    means = np.stack([x[y == c].mean(axis=0) for c in classes])
    centred = x - means[np.searchsorted(classes, y)]
    freedom, d = max(len(x) - len(classes), 1), x.shape[1]
    within = centred.T @ centred / freedom
    trace, squares = np.trace(within), (within**2).sum()
    above = (1 - 2 / d) * squares + trace**2
    below = (freedom + 1 - 2 / d) * (squares - trace**2 / d)
    shrink = min(1.0, above / below) if below > 0 else 1.0
    s = (1 - shrink) * within
    s[np.diag_indices(d)] += shrink * trace / d
    factor = np.linalg.cholesky(s)
    a, b = (np.linalg.solve(factor, rows.T).T for rows in (asked - means.mean(0), means - means.mean(0)))
    distance = (a**2).sum(1)[:, None] - 2 * a @ b.T + (b**2).sum(1)
    known = np.trace(np.linalg.solve(s, within))
    return classes, {
        "plain": -distance / 2,
        "d/n": -distance / 2 + d / (2 * counts),
        "trace/n": -distance / 2 + known / (2 * counts),
        "geisser": -distance / 2 * counts / (counts + 1) - known / 2 * np.log1p(1 / counts),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("rows")
    parser.add_argument("shots", nargs="?", default="1,2,5,20")
    parser.add_argument("--root", action="store_true")
    args = parser.parse_args()
    held = np.load(args.rows)
    x, y, group = held["X"].astype(float), held["y"], held["group"]
    if args.root:
        x = np.sign(x) * np.sqrt(np.abs(x))
    classes, found = np.unique(y), {}
    for out in np.unique(group):
        for at, few in enumerate(classes):
            never = np.roll(classes, -at - 1)[:2]
            taught = (group != out) & ~np.isin(y, never)
            asked = np.flatnonzero(group == out)
            known = ~np.isin(y[asked], never)
            few_asked = y[asked] == few
            candidates = np.flatnonzero(taught & (y == few))
            for seed in range(2):
                order = np.random.default_rng(seed).permutation(candidates)
                for shots in map(int, args.shots.split(",")):
                    learn = np.concatenate([np.flatnonzero(taught & (y != few)), order[:shots]])
                    names, rules = scores(x[learn], y[learn], x[asked])
                    for rule, score in rules.items():
                        said = names[score.argmax(axis=1)]
                        right = said == y[asked]
                        row = right[known].mean(), right[few_asked].mean(), (said[~known] == few).mean()
                        found.setdefault((shots, rule), []).append(row)
    print("examples  rule      accuracy  recall  of classes never taught")
    for (shots, rule), rows in found.items():
        accuracy, recall, taken = np.mean(rows, axis=0)
        print(f"{shots:8}  {rule:8}  {accuracy:8.3f}  {recall:6.3f}  {taken:6.3f}")


if __name__ == "__main__":
    main()
