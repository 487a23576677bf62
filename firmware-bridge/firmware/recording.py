#!/usr/bin/env python3
"""recording.py SUBJECT FILE: smartwatch exercises of one subject, for AFIELD_RECORDING.

Fetches the Python package seglearn (BSD licence) by pip and writes the recordings of its
subject (1 to 10), one after the other, as 6 little-endian 16-bit counts a sample, 50 samples
a second: acceleration at 8 g, rate of turn at 2,000 degrees a second, full scale. Says on
standard output, a JSON line each, which samples are which exercise. Needs numpy.
"""

import io
import json
import math
import pathlib
import subprocess
import sys
import tempfile
import zipfile

import numpy

PACKAGE = "seglearn==1.2.5"
# Counts a unit: g, and radians a second. As in src/imu.rs.
COUNTS = numpy.array([32_768 / 8] * 3 + [32_768 / math.radians(2_000)] * 3)


def dataset():
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", folder, PACKAGE]
        subprocess.run(command, check=True)
        (wheel,) = pathlib.Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as package:
            stored = package.read("seglearn/data/watch_dataset.npy")
    # A pickle: as trustworthy as the package, whose code pip would run.
    return numpy.load(io.BytesIO(stored), allow_pickle=True).item()


def main():
    if len(sys.argv) != 3 or not sys.argv[1].isdecimal():
        sys.exit(__doc__)
    subject, data, first = int(sys.argv[1]), dataset(), 0
    with open(sys.argv[2], "wb") as out:
        for samples, exercise, who in zip(data["X"], data["y"], data["subject"]):
            if who != subject:
                continue
            counts = numpy.clip(numpy.rint(samples * COUNTS), -32_768, 32_767).astype("<i2")
            out.write(counts.tobytes())
            last = first + len(counts)
            print(json.dumps({"first": first, "end": last, "label": data["y_labels"][exercise]}))
            first = last
    if first == 0:
        sys.exit(f"no subject {subject}; hint: 1 to 10")


if __name__ == "__main__":
    main()
