"""Finished rows, stored so that a run resumes an interrupted one.

The key of a row is a digest of its inputs: rows, orders, settings, the code of the
method (for Afield, the program) and the machine. Failures are not stored.
"""

import hashlib
import json
from functools import lru_cache
from pathlib import Path


@lru_cache(maxsize=None)
def _of_file(path, _size, _changed):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def digest(*files, text=""):
    """One digest of the files' bytes and of anything that JSON can write."""
    parts = [json.dumps(text, sort_keys=True)]
    for file in files:
        stat = Path(file).stat()
        parts.append(_of_file(str(file), stat.st_size, stat.st_mtime_ns))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


class Rows:
    def __init__(self, folder, fresh=False):
        self.folder, self.fresh = folder, fresh
        self.reused = 0
        folder.mkdir(parents=True, exist_ok=True)

    def get(self, key, make):
        """The row kept under `key`, else what `make` returns."""
        path = self.folder / f"{key}.json"
        if path.exists() and not self.fresh:
            self.reused += 1
            return json.loads(path.read_text())
        row = make()
        if "error" not in row:
            whole = path.with_suffix(".new")
            whole.write_text(json.dumps(row))
            whole.replace(path)
        return row
