#!/usr/bin/env python3
"""recording.py FOLDER SUBJECT FILE [SECONDS]: one subject's exercises, for AFIELD_RECORDING.

FOLDER is what `afield data get watch` prints: smartwatch recordings, six channels at 50 Hz. Writes
those of the subject (1 to 10), or SECONDS from the middle of one of each exercise, one after the
other, as 6 little-endian 16-bit counts a sample: acceleration at 8 g, rate of turn at 2,000
degrees a second, full scale. Says on standard output, a JSON line each, which samples are which
exercise. Needs nothing but Python.
"""

import json
import math
import pathlib
import struct
import sys

RATE_HZ = 50
# Counts a unit: g, and radians a second. As in src/imu.rs.
COUNTS = [32_768 / 8] * 3 + [32_768 / math.radians(2_000)] * 3


def samples(path):
    """The counts of each row below the two lines of the head."""
    for line in path.read_text().splitlines()[2:]:
        values = [float(value) for value in line.split(",")]
        yield [max(-32_768, min(32_767, round(v * c))) for v, c in zip(values, COUNTS, strict=True)]


def wanted_samples(seconds):
    """As many as SECONDS have."""
    try:
        count = round(float(seconds) * RATE_HZ)
    except (ValueError, OverflowError):
        count = 0
    if count < 1:
        sys.exit(f"SECONDS: {seconds} is no time\nhint: a number from {1 / RATE_HZ} on, such as 9.5")
    return count


def main():
    if len(sys.argv) not in (4, 5) or not sys.argv[2].isdecimal():
        sys.exit(__doc__)
    folder, subject = pathlib.Path(sys.argv[1]), sys.argv[2]
    wanted = wanted_samples(sys.argv[4]) if len(sys.argv) == 5 else None
    if not folder.is_dir():
        sys.exit(f"FOLDER: {folder} is no folder\nhint: `afield data get watch` prints the one")
    first = 0
    with open(sys.argv[3], "wb") as out:
        for exercise in sorted(path for path in folder.iterdir() if path.is_dir()):
            paths = sorted(exercise.glob(f"*-{subject}-*.csv"))
            for path in paths if wanted is None else paths[:1]:
                rows = list(samples(path))
                if wanted is not None:
                    begin = max(0, len(rows) - wanted) // 2
                    rows = rows[begin : begin + wanted]
                for row in rows:
                    out.write(struct.pack("<6h", *row))
                end = first + len(rows)
                print(json.dumps({"first": first, "end": end, "label": exercise.name}))
                first = end
    if first == 0:
        sys.exit(f"no recording of subject {subject} in {folder}; hint: `afield data get watch`")


if __name__ == "__main__":
    try:
        main()
    except OSError as error:
        sys.exit(str(error))
