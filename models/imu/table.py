"""Measures the backbone beside hand-made statistics and random kernels, on people outside its training
data, and writes docs/benchmarks/imu.md.

    python models/imu/table.py [--shipped] [--networks 5] [--work DIR] [--afield BINARY]

Every network is trained anew without the tested people or exercises. Finished networks stay in the
work folder (default: $XDG_CACHE_HOME/afield-imu), so a run resumes, as long as the sources of the
networks do not change. `afield evaluate` computes the class-incremental rows. The few-shot rows use
numpy's LDA, which is the same formula.
"""

import argparse
import hashlib
import json
import os
import subprocess
import time
import tomllib
from pathlib import Path

import numpy as np
import torch
from scipy.stats import t as student
from sklearn.linear_model import LogisticRegressionCV
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from data import RATE_HZ, recordings, windows
from kernels import Kernels
from network import DEVIATIONS, embed, pooled, receptive_field
from nuisance import damped, nuisance
from training import features, train

HEADS = ("lda", "linear", "finetune")
ROOT = Path(__file__).parents[2]
# What networks are made by.
SOURCES = [Path(__file__).with_name(f"{name}.py") for name in ("augment", "data", "network", "training")]
SOURCES.append(ROOT / "benches" / "peers" / "features.py")
SEEDS, SHOTS, PRETRAINED, ASKED = range(5), (1, 5, 20), range(1, 6), (6, 7)
# Samples of windows that are shorter than those learned.
SHORT = (5, 10, 20, 30, 50, 75, 100, 150)
NAMES = {
    "imu": "our backbone; root of mean, deviation and maximum of its rows; nuisance directions damped",
    "hand": "159 hand-made statistics and FFT features",
    "kernels": "840 random kernels (MiniRocket-like)",
}


def lda(x, y, asked):
    """Afield's `lda`: one covariance, shrunk as Chen et al. (OAS) say, equal priors, distances less
    what the uncertainty of the means adds to them."""
    classes, counts = np.unique(y, return_counts=True)
    means = np.stack([x[y == c].mean(axis=0) for c in classes])
    centred = np.concatenate([x[y == c] - m for c, m in zip(classes, means)])
    n, d = centred.shape
    s = centred.T @ centred / n
    mean, square = np.trace(s) / d, (s**2).mean()
    below = (n + 1) * (square - mean**2 / d)
    shrink = 1.0 if below <= 0 else min(1.0, (square + mean**2) / below)
    s = (1 - shrink) * s + (shrink * mean + 1e-9) * np.eye(d)
    weights = np.linalg.solve(s, means.T)
    bias = -0.5 * (means.T * weights).sum(axis=0) + 0.5 * d / counts
    return classes[(asked @ weights + bias).argmax(axis=1)]


def joint(x, y, groups, asked):
    """Logistic regression on everything at once, its penalty chosen by whole subjects."""
    folds = list(GroupKFold(min(5, len(set(groups)))).split(x, y, groups))
    fit = LogisticRegressionCV(Cs=[0.003, 0.03, 0.3], cv=folds, max_iter=300)
    return make_pipeline(StandardScaler(), fit).fit(x, y).predict(asked)


def standardised(x, train):
    mean, deviation = x[train].mean(axis=0), x[train].std(axis=0)
    return (x - mean) / np.where(deviation > 1e-9, deviation, 1.0)


class Table:
    def __init__(self, work, afield):
        made_by = hashlib.sha256(b"".join(path.read_bytes() for path in SOURCES)).hexdigest()
        self.work, self.afield = work / made_by[:12], afield
        self.work.mkdir(parents=True, exist_ok=True)
        self.recordings = recordings()
        self.x, self.y, self.subject, _ = windows(self.recordings)
        self.hand = features(self.x.astype(np.float64)).astype(np.float64)

    def of(self, subjects):
        """Which windows are of these subjects."""
        return np.isin(self.subject, subjects)

    def network(self, name, of, seed):
        """Embeddings of all windows by a network that saw the recordings `of`."""
        path = self.work / f"{name}-{seed}.npy"
        if not path.exists():
            started = time.process_time()
            rows = embed(train(of, seed), self.x)
            np.save(path, rows)
            print(f"{path.name}: {time.process_time() - started:.0f} CPU seconds", flush=True)
        return np.load(path).astype(np.float64)

    def rows(self, kind, name, of, train_rows, seed):
        match kind:
            case "imu":
                x = self.network(name, of, seed)
                return damped(x, nuisance(x[train_rows], self.y[train_rows]))
            case "hand":
                return standardised(self.hand, train_rows)
            case _:
                rows = Kernels(self.x[train_rows], seed).features(self.x).astype(np.float64)
                return standardised(rows, train_rows)

    def subjects(self, seeds):
        """Accuracy on each subject, who was seen neither by network nor head: per kind and seed,
        `lda` and the joint fit."""
        out = {kind: {"lda": [], "joint": []} for kind in NAMES}
        for seed in seeds:
            for kind in NAMES:
                scores = {"lda": [], "joint": []}
                for held in sorted(set(self.subject)):
                    learn = self.subject != held
                    of = [r for r in self.recordings if r.subject != held]
                    x = self.rows(kind, f"without-{held}", of, learn, seed)
                    y, asked = self.y[learn], self.y[~learn]
                    scores["lda"].append((lda(x[learn], y, x[~learn]) == asked).mean())
                    said = joint(x[learn], y, self.subject[learn], x[~learn])
                    scores["joint"].append((said == asked).mean())
                for head in scores:
                    out[kind][head].append(scores[head])
        return out

    def class_incremental(self, seeds):
        """`afield evaluate`, exercise after exercise, each subject held out: final accuracy of
        each head per kind and seed. One network a subject, the seeds are orders."""
        out = {kind: {head: [] for head in HEADS} for kind in NAMES}
        for kind in NAMES:
            per = {head: {seed: [] for seed in seeds} for head in HEADS}
            for held in sorted(set(self.subject)):
                learn = self.subject != held
                of = [r for r in self.recordings if r.subject != held]
                x = self.rows(kind, f"without-{held}", of, learn, 0)
                path = self.work / "rows.npz"
                np.savez(path, X=x.astype(np.float32), y=self.y, group=self.subject.astype(str))
                for seed in seeds:
                    command = [self.afield, "evaluate", "--embeddings", path, "--json"]
                    command += ["--head", ",".join(HEADS), "--no-upper-bound"]
                    command += ["--test-groups", held, "--seed", seed]
                    command = [str(part) for part in command]
                    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
                    for head in json.loads(done.stdout)["heads"]:
                        per[head["head"]][seed].append(head["final_accuracy"])
            for head in HEADS:
                out[kind][head] = [float(np.mean(per[head][seed])) for seed in seeds]
        return out

    def shots(self, seeds, folds):
        """An exercise that pretraining left out, taught by a few windows beside six known ones; per
        fold (subjects known, subjects asked): accuracy over all seven, and recall of the new one."""
        per = {kind: {k: {seed: [] for seed in seeds} for k in SHOTS} for kind in NAMES}
        for pretrained, subjects in folds:
            known, asked = self.of(pretrained), self.of(subjects)
            truth = self.y[asked]
            for new in sorted(set(self.y)):
                old = known & (self.y != new)
                of = [r for r in self.recordings if r.subject in pretrained and r.exercise != new]
                name = "-".join(["from", *map(str, pretrained), "without", new])
                for kind in NAMES:
                    # One network, one set of kernels; seeds draw the windows.
                    x = self.rows(kind, name, of, old, 0)
                    for seed in seeds:
                        random = np.random.default_rng(seed)
                        candidates = random.permutation(np.flatnonzero(known & (self.y == new)))
                        for k in SHOTS:
                            learn = np.concatenate([np.flatnonzero(old), candidates[:k]])
                            right = lda(x[learn], self.y[learn], x[asked]) == truth
                            score = (right.mean(), right[truth == new].mean())
                            per[kind][k][seed].append(score)
        return {
            kind: {k: [np.mean(of, axis=0) for of in per[kind][k].values()] for k in SHOTS}
            for kind in NAMES
        }


def as_learned(rows):
    """Rows of the weights that ship, pooled and damped as the card says."""
    card = tomllib.loads((ROOT / "models" / "imu.toml").read_text())
    return damped(pooled(rows), np.array(card["embedding"]["nuisance"]))


def shipped_rows(windows):
    """models/imu.onnx itself, as ONNX Runtime runs it: [n, samples, 6] to rows [n, size, m]."""
    import onnxruntime

    model = ROOT / "models" / "imu.onnx"
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    rows = [session.run(None, {"samples": (w / DEVIATIONS)[None, None]})[0] for w in windows]
    return np.concatenate(rows)[..., 0].astype(np.float64)


def shipped_short(table, rows):
    """Accuracy of `lda`, taught all windows of subjects 1 to 5, on the beginnings of those of subjects
    6 and 7, by pool and length; what is shorter than a row sees is repeated, as the card says."""
    learn, asked = table.of(PRETRAINED), table.of(ASKED)
    pools = {"mean+std+max": as_learned, "mean": lambda rows: np.sqrt(rows.mean(axis=2))}
    out = {pool: [] for pool in pools}
    for length in SHORT:
        of = np.arange(max(length, receptive_field())) % length
        short = shipped_rows(table.x[asked][:, of])
        for pool, pooling in pools.items():
            said = lda(pooling(rows[learn]), table.y[learn], pooling(short))
            out[pool].append((said == table.y[asked]).mean())
    return out


def shipped(table, rows, seeds):
    """The weights that ship on subjects 6 and 7: per kind `lda` and the joint fit on all windows of
    subjects 1 to 5, and `lda` on a few windows of each exercise."""
    learn, asked = table.of(PRETRAINED), table.of(ASKED)
    truth = table.y[asked]
    out = {}
    for kind in NAMES:
        if kind == "imu":
            x = as_learned(rows)
        else:
            x = table.rows(kind, "", [], learn, 0)
        y, groups = table.y[learn], table.subject[learn]
        whole = [(lda(x[learn], y, x[asked]) == truth).mean()]
        whole.append((joint(x[learn], y, groups, x[asked]) == truth).mean())
        few = {k: [] for k in SHOTS}
        for seed in seeds:
            random = np.random.default_rng(seed)
            order = random.permutation(np.flatnonzero(learn))
            for k in SHOTS:
                of = [order[table.y[order] == exercise][:k] for exercise in sorted(set(y))]
                of = np.concatenate(of)
                few[k].append((lda(x[of], table.y[of], x[asked]) == truth).mean())
        out[kind] = (whole, few)
    return out


def shipped_page(of, short):
    lines = [
        "## The weights that ship",
        "",
        "The weights were trained on subjects 1 to 5, and ONNX Runtime runs them. The head is taught "
        "windows of subjects 1 to 5: all of them (one run), or a few of each exercise (five draws). "
        "The test uses subjects 6 and 7.",
        "",
        "| features | `lda`, all | joint logistic regression, all | "
        + cells(f"`lda`, {k} of each" for k in SHOTS)
        + " |",
        "|---|" + "---|" * (2 + len(SHOTS)),
    ]
    for kind, (whole, few) in of.items():
        row = [f"{x:.3f}" for x in whole] + [interval(few[k]) for k in SHOTS]
        lines.append(f"| `{kind}` | {cells(row)} |")
    lines += [
        "",
        "The next table gives the accuracy of `lda` on shorter windows, as on a line that loses samples. "
        "The head is taught windows of 3 s. If short windows are usual, `afield init --pool mean` is "
        "the better choice.",
        "",
        f"| pool | {cells(f'{length / RATE_HZ:g} s' for length in SHORT)} |",
        "|---|" + "---|" * len(SHORT),
        *[f"| `{pool}` | {cells(f'{x:.3f}' for x in short[pool])} |" for pool in short],
    ]
    return lines


def interval(values):
    """Mean and half the 95 % interval (Student's t)."""
    values = np.asarray(values, dtype=float)
    if len(values) < 2:
        return f"{values.mean():.3f}"
    half = student.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return f"{values.mean():.3f} ± {half:.3f}"


def cells(values):
    return " | ".join(values)


def per_subject(subjects):
    """Mean over seeds of `lda` on each subject."""
    lines = []
    for kind in NAMES:
        means = np.mean(subjects[kind]["lda"], axis=0)
        lines.append(f"| {kind} | {cells(f'{mean:.3f}' for mean in means)} |")
    return lines


def head():
    return [
        "# The backbone `imu`",
        "",
        "`python models/imu/table.py` writes this page. The data are seglearn's smartwatch exercises, "
        "subjects 1 to 7, in windows of 3 s with half overlap. Subjects 8 to 10 are reserved for a "
        "final test. Cells are the mean and half its 95 % interval (Student's t) over seeds.",
        "",
        "The page compares three kinds of features:",
        "",
        *[f"- `{kind}`: {what}" for kind, what in NAMES.items()],
        "",
    ]


def page(subjects, incremental, shots, chosen, networks, held):
    lines = [
        "",
        "For the tables below, networks are trained anew. The first table has "
        f"{networks} seed(s) of networks and kernels. The others have five seeds of orders and draws. "
        "Each seed is the mean over everything that is held out.",
        "",
        "## One subject left out",
        "",
        "Network, kernels and head are trained on the six others.",
        "",
        "| features | `lda` | joint logistic regression, penalty chosen by whole subjects |",
        "|---|---|---|",
    ]
    for kind in NAMES:
        of = [interval(np.mean(subjects[kind][head], axis=1)) for head in ("lda", "joint")]
        lines.append(f"| `{kind}` | {cells(of)} |")
    lines += [
        "",
        "`lda` on each subject:",
        "",
        f"| features | {cells(str(subject) for subject in held)} |",
        "|---|" + "---|" * len(held),
        *per_subject(subjects),
        "",
        "## Exercise after exercise",
        "",
        "Final accuracy of `afield evaluate`, class-incremental, on the same rows, with each subject held out.",
        "",
        f"| features | {cells(f'`{head}`' for head in HEADS)} |",
        "|---|" + "---|" * len(HEADS),
    ]
    for kind in NAMES:
        lines.append(f"| `{kind}` | {cells(interval(incremental[kind][h]) for h in HEADS)} |")
    lines += [
        "",
        "## A new exercise in a few windows",
        "",
        "Each exercise in turn is left out of pretraining. `lda` is then taught a few windows of it, and "
        "all windows of the six other exercises, from the same subjects. Cells are the accuracy over all "
        "seven / the recall of the new one. Seeds draw the windows.",
        "",
        "Pretrained on subjects 1 to 5, tested on subjects 6 and 7:",
        "",
        *shots_table(shots),
        "",
        "Pretrained on four of subjects 1 to 5, tested on the fifth, each in turn. Layers, pool, training "
        "tasks and the number of damped directions were chosen here, among some fifteen variants, with "
        "two or three exercises left out at once. Subjects 6 and 7 were not used for these choices:",
        "",
        *shots_table(chosen),
    ]
    return lines


def shots_table(shots):
    lines = [
        f"| features | {cells('1 window' if k == 1 else f'{k} windows' for k in SHOTS)} |",
        "|---|" + "---|" * len(SHOTS),
    ]
    for kind in NAMES:
        of = [" / ".join(interval(c) for c in np.array(shots[kind][k]).T) for k in SHOTS]
        lines.append(f"| `{kind}` | {cells(of)} |")
    return lines


def main():
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser()
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "afield-imu"
    parser.add_argument("--work", type=Path, default=cache)
    parser.add_argument("--afield", type=Path, default=ROOT / "target" / "release" / "afield")
    parser.add_argument("--networks", type=int, default=5, help="seeds of networks, 1 to 5")
    parser.add_argument("-o", type=Path, default=ROOT / "docs" / "benchmarks" / "imu.md")
    parser.add_argument("--shipped", action="store_true", help="only the weights that ship")
    args = parser.parse_args()
    table = Table(args.work, args.afield)
    rows = shipped_rows(table.x)
    lines = head() + shipped_page(shipped(table, rows, SEEDS), shipped_short(table, rows))
    if not args.shipped:
        lines += trained(table, args.networks)
    args.o.write_text("\n".join(lines) + "\n")
    print(args.o.read_text())


def trained(table, networks):
    """The tables for which networks are trained anew."""
    subjects = table.subjects(range(networks))
    incremental = table.class_incremental(SEEDS)
    shots = table.shots(SEEDS, [(PRETRAINED, ASKED)])
    fifths = [([s for s in PRETRAINED if s != held], [held]) for held in PRETRAINED]
    chosen = table.shots(SEEDS, fifths)
    return page(subjects, incremental, shots, chosen, networks, sorted(set(table.subject)))


if __name__ == "__main__":
    main()
