"""Fetches the recordings to train on, from Debian packages, and decodes them once.

    python models/ears/fetch.py DIR [--update]

packages.txt names the packages, and packages.tsv pins their versions and checksums, with the licences
that their copyright files name. `--update` writes packages.tsv anew, from the packages that apt finds
now. A package whose copyright file forbids commercial use or changes is left out. DIR gets debs/ and
sounds.npz: 16 kHz int16 samples of all files one after the other, and for each file its kind, its
package, its path, where it starts and how long it is.
"""

import hashlib
import re
import subprocess
import sys
import tempfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import soundfile
from scipy.signal import resample_poly

HERE = Path(__file__).parent
AUDIO = {".wav", ".ogg", ".oga", ".mp3", ".flac", ".au", ".g722", ".opus", ".aiff", ".aif"}
ARCHIVES = {".pk3", ".wz", ".zip"}
REFUSED = re.compile(r"non-?\s?commercial|\bNC\b|-NC|NoDeriv|-ND\b", re.I)
LICENCES = re.compile(
    r"\b(GPL-?\s?[123][.0-9]*\+?|LGPL-?[.0-9]*\+?|CC-?\s?BY(?:-SA)?(?:[- ][.0-9]+)?|CC0(?:-1\.0)?|public[- ]domain"
    r"|Expat|MIT|BSD-?[23]?|Apache-?[.0-9]*|Artistic|OFL|zlib|GFDL[-.0-9]*)", re.I
)
# Longest part of a file that is used, and of a package, in seconds.
LONGEST = {"world": 60, "music": 30, "speech": 20}
MOST = {"world": 2400, "music": 900, "speech": 2400}
RATE = 16000
MOST_FILES = 1000


def wanted():
    """Kind and name of every package."""
    lines = (HERE / "packages.txt").read_text().splitlines()
    return [line.split() for line in lines if line and not line.startswith("#")]


def pinned():
    """Version and checksum by package."""
    table = HERE / "packages.tsv"
    rows = [line.split("\t") for line in table.read_text().splitlines()[1:]] if table.exists() else []
    return {row[0]: row for row in rows}


def downloaded(package, version, folder):
    """The .deb of a package, fetched by apt unless it is there."""
    name = package if version is None else f"{package}={version}"
    have = sorted(folder.glob(f"{package}_*.deb"))
    if not have:
        subprocess.run(["apt-get", "download", "-q", name], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        have = sorted(folder.glob(f"{package}_*.deb"))
    return have[-1]


def decoded(path, seconds):
    """The first seconds, mono int16 at 16 kHz; none of a file that is no recording."""
    if path.suffix.lower() in {".g722", ".opus"}:
        command = ["ffmpeg", "-v", "quiet", "-t", str(seconds), "-i", str(path), "-ac", "1", "-ar", str(RATE), "-f", "s16le", "-"]
        return np.frombuffer(subprocess.run(command, capture_output=True).stdout, np.int16)
    try:
        with soundfile.SoundFile(path) as file:
            rate = file.samplerate
            samples = file.read(seconds * rate, dtype="float32", always_2d=True).mean(axis=1)
    except (soundfile.LibsndfileError, ValueError):
        return np.zeros(0, np.int16)
    if rate != RATE:
        common = np.gcd(rate, RATE)
        samples = resample_poly(samples, RATE // common, rate // common)
    return (np.clip(samples, -1, 1) * 32767).astype(np.int16)


def recordings(root):
    """Paths of audio under a folder, those in archives unpacked."""
    for archive in sorted(p for p in root.rglob("*") if p.suffix.lower() in ARCHIVES and p.is_file()):
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as z:
                members = [m for m in z.namelist() if Path(m).suffix.lower() in AUDIO]
                z.extractall(archive.parent / (archive.name + ".d"), members)
    return sorted(p for p in root.rglob("*") if p.suffix.lower() in AUDIO and p.is_file() and not p.is_symlink())


def unpacked(deb, kind, package, seen):
    """The licences of a package, and its recordings as (path, samples)."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        subprocess.run(["dpkg-deb", "-x", str(deb), folder], check=True)
        copyright_file = root / "usr/share/doc" / package / "copyright"
        text = copyright_file.read_text(errors="replace") if copyright_file.is_file() else ""
        licences = sorted({m.strip().lower() for m in LICENCES.findall(text)})
        if REFUSED.search(text) or not licences:
            return licences, None
        found, seconds, paths = [], 0.0, recordings(root)
        paths = paths[:: len(paths) // MOST_FILES + 1]
        with ThreadPoolExecutor(2) as pool:
            all_samples = list(pool.map(lambda path: decoded(path, LONGEST[kind]), paths))
        for path, samples in zip(paths, all_samples):
            if seconds > MOST[kind]:
                break
            digest = hashlib.sha256(samples.tobytes()).digest()
            if len(samples) < RATE // 20 or np.abs(samples[::7]).max() < 100 or digest in seen:
                continue
            seen.add(digest)
            found.append((str(path.relative_to(root)), samples))
            seconds += len(samples) / RATE
        return licences, found


def main():
    folder = Path(sys.argv[1])
    update = "--update" in sys.argv
    (folder / "debs").mkdir(parents=True, exist_ok=True)
    pins, table, parts, index, seen, at = pinned(), [], [], [], set(), 0
    for kind, package in wanted():
        pin = pins.get(package)
        if pin is None and not update:
            sys.exit(f"{package} is not in packages.tsv: run with --update")
        deb = downloaded(package, None if update else pin[1], folder / "debs")
        sha256 = hashlib.sha256(deb.read_bytes()).hexdigest()
        if not update and sha256 != pin[2]:
            sys.exit(f"{deb.name}: sha256 {sha256}, packages.tsv has {pin[2]}")
        licences, found = unpacked(deb, kind, package, seen)
        seconds = sum(len(samples) for _, samples in found or []) / RATE
        print(f"{package}: {'refused by its licence' if found is None else f'{len(found)} files, {seconds:.0f} s'}", flush=True)
        version = subprocess.run(["dpkg-deb", "-f", str(deb), "Version"], capture_output=True, text=True).stdout.strip()
        used = "refused" if found is None else f"{seconds:.0f}"
        table.append([package, version, sha256, kind, used, ", ".join(licences)])
        for path, samples in found or []:
            parts.append(samples)
            index.append((kind, package, path, at, len(samples)))
            at += len(samples)
    kinds, packages, paths, starts, lengths = zip(*index)
    np.savez(folder / "sounds.npz", samples=np.concatenate(parts), kinds=kinds, packages=packages, paths=paths, starts=starts, lengths=lengths)
    print(f"{len(index)} files, {at / RATE / 3600:.1f} hours")
    if update:
        head = ["package", "version", "sha256", "kind", "seconds", "licences"]
        (HERE / "packages.tsv").write_text("".join("\t".join(row) + "\n" for row in [head, *table]))


if __name__ == "__main__":
    main()
