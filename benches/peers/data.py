"""The data sets, as files that Afield and every peer read in the same way.

Each data set has `raw.npz` (rows before any transform) and one archive a held-out
group, with the rows for all methods. Cards give the transforms. Rows without a card
(motion, synthetic) are standardised by the training side, as a card would do, or stay
unchanged.
"""

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from cache import digest
from features import features, windows

CLASSES, SYNTHETIC_ROWS = 50, 2500


class Missing(Exception):
    """A data set that cannot be had here."""


@dataclass
class DataSet:
    name: str
    about: str
    folder: Path
    features: int = 0
    rows: int = 0
    classes: int = 0
    # Held out in turn, each a cell of its own.
    groups: list = field(default_factory=list)
    all_groups: list = field(default_factory=list)
    seeds: int = 5
    # Made up: measured for what it costs, without an upper bound.
    made_up: bool = False

    @property
    def raw(self):
        return self.folder / "raw.npz"

    def data(self, group):
        return self.folder / f"without-{group}.npz"


def prepare(name, places):
    """The data set of this name, its files written."""
    return MAKERS[name](places)


def _save(data, x, y, group, groups, transform):
    """Writes the archives; `groups` are held out in turn."""
    data.folder.mkdir(parents=True, exist_ok=True)
    x = np.ascontiguousarray(x, dtype=np.float32)
    y, group = np.asarray(y).astype(str), np.asarray(group).astype(str)
    np.savez(data.raw, X=x, y=y, group=group)
    for held in groups:
        np.savez(data.data(held), X=transform(x, group != held), y=y, group=group)
    data.rows, data.features = x.shape
    data.classes = len(set(y))
    data.groups, data.all_groups = list(groups), sorted(set(group))
    return data


def as_it_is(x, _train):
    return x


def signed_sqrt(x, _train):
    return np.copysign(np.sqrt(np.abs(x)), x)


def standardise(x, train):
    """By mean and deviation of the training side; labels and test rows take no part."""
    of = x[train].astype(np.float64)
    mean, deviation = of.mean(axis=0), of.std(axis=0)
    return ((x - mean) / np.where(deviation > 1e-9, deviation, 1.0)).astype(np.float32)


TRANSFORMS = {"none": as_it_is, "signed-sqrt": signed_sqrt}


def _recordings(places, data, folder, pattern, backbone, pool):
    if places.recordings is None:
        raise Missing(f"no recordings at {places.looked_for} (AFIELD_SHARED_DATA names their folder)")
    data.folder.mkdir(parents=True, exist_ok=True)
    pooled = data.folder / "pooled.npz"
    command = [places.afield, "embed", "--labelled", places.recordings / folder, "--backbone"]
    command += [backbone, "--pool", pool, "--group-pattern", pattern, "-o", pooled]
    command = [str(part) for part in command]
    # Embedding takes long; it is done again when the program is another.
    said, made_by = data.folder / "embedded.json", digest(places.afield, text=command)
    if not said.exists() or not pooled.exists() or json.loads(said.read_text())["by"] != made_by:
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
        said.write_text(json.dumps({**json.loads(done.stdout), "by": made_by}))
    transform = json.loads(said.read_text())["transform"]
    with np.load(pooled) as archive:
        x, y, group = archive["X"], archive["y"], archive["group"]
    data.about += f" The card's transform is {transform}."
    return _save(data, x, y, group, sorted(set(group)), TRANSFORMS[transform])


def esc10(places):
    about = (
        "ESC-10, folds 1 to 3. One fold is held out in turn. The backbone is `yamnet`, and the pool is the "
        "mean and maximum over the windows."
    )
    data = DataSet("esc10", about, places.work / "data" / "esc10")
    model = places.recordings and places.recordings / "models" / "yamnet_core_w8.onnx"
    if model and model.exists():
        add = [places.afield, "model", "add", model, "--card", "yamnet"]
        subprocess.run([str(part) for part in add], check=True, stdout=sys.stderr)
    return _recordings(places, data, "esc10", r"^(\d+)-", "yamnet", "mean+max")


def fsdd(places):
    about = (
        "Spoken digits (FSDD). One of four speakers is held out in turn. The backbone is "
        "`speech-embedding`, and the pool is the mean."
    )
    data = DataSet("fsdd", about, places.work / "data" / "fsdd")
    get = [str(places.afield), "model", "get", "speech-embedding"]
    subprocess.run(get, check=True, stdout=sys.stderr)
    return _recordings(places, data, "fsdd", r"^([a-z]+)_", "speech-embedding", "mean")


def watch(places):
    """Subjects 1 to 7; the others are reserved for a final test."""
    about = (
        "Smartwatch exercises (seglearn), subjects 1 to 7. One subject is held out in turn. The rows are "
        "159 statistics and FFT features of 3 s windows, standardised by the training side."
    )
    data = DataSet("watch", about, places.work / "data" / "watch")
    site = next((places.work / "venv" / "lib").glob("python3*/site-packages"))
    # A pickle, from the package that requirements-data.txt pins.
    held = np.load(site / "seglearn" / "data" / "watch_dataset.npy", allow_pickle=True).item()
    x, y, group = [], [], []
    for recording, exercise, subject in zip(held["X"], held["y"], held["subject"]):
        if subject <= 7:
            of = features(windows(recording))
            x.append(of)
            y += [held["y_labels"][int(exercise)]] * len(of)
            group += [str(int(subject))] * len(of)
    return _save(data, np.concatenate(x), y, group, sorted(set(group)), standardise)


def synthetic(size):
    def make(places):
        about = (
            f"{CLASSES} Gaussian classes on a common covariance, {size} numbers, {SYNTHETIC_ROWS:,} rows, iid "
            "order. A fifth of the rows is held out. The stream serves to measure costs."
        )
        name = f"synthetic-{size}"
        data = DataSet(name, about, places.work / "data" / name, seeds=1, made_up=True)
        rng = np.random.default_rng(size)
        spread = (1 + np.arange(size)) ** -0.5
        mixing = np.linalg.qr(rng.standard_normal((size, size)))[0]
        means = rng.standard_normal((CLASSES, size)) * spread * (8 / np.sqrt(size))
        y = np.arange(SYNTHETIC_ROWS) % CLASSES
        x = (means[y] + rng.standard_normal((SYNTHETIC_ROWS, size)) * spread) @ mixing.T
        group = np.arange(SYNTHETIC_ROWS) // CLASSES % 5
        names = [f"class {k:02}" for k in y]
        return _save(data, x, names, group, ["0"], as_it_is)

    return make


MAKERS = {
    "esc10": esc10,
    "fsdd": fsdd,
    "watch": watch,
    "synthetic-96": synthetic(96),
    "synthetic-1024": synthetic(1024),
}


@dataclass
class Places:
    root: Path
    work: Path
    afield: Path
    recordings: Path | None
    looked_for: Path


def places(root):
    named = os.environ.get("AFIELD_SHARED_DATA")
    wanted = Path(named) if named else root.parent / "shared" / "data"
    work = Path(os.environ["PEERS_WORK"])
    afield = root / "target" / "release" / "afield"
    os.environ["AFIELD_CACHE"] = str(work / "cache")
    return Places(root, work, afield, wanted if wanted.is_dir() else None, wanted)
