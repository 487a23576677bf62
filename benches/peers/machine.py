"""The machine and the versions behind the figures."""

import os
import platform
import subprocess
import sys
from pathlib import Path

PACKAGES = ["river", "scikit-learn", "numpy", "scipy", "avalanche-lib", "torch"]


def load():
    return [round(value, 2) for value in os.getloadavg()]


def _field(path, name):
    try:
        lines = Path(path).read_text().splitlines()
    except OSError:
        return None
    values = [line.split(":", 1)[1].strip() for line in lines if line.startswith(name)]
    return values[0] if values else None


def _said(*command, **options):
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, **options)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()


def _versions(python):
    code = (
        "import importlib.metadata as m, platform\n"
        "print('python', platform.python_version())\n"
        f"for name in {PACKAGES!r}:\n"
        "    try: print(name, m.version(name))\n"
        "    except m.PackageNotFoundError: pass\n"
    )
    return _said(str(python), "-c", code).splitlines()


def describe(root, avalanche):
    memory = _field("/proc/meminfo", "MemTotal")
    return {
        "processor": _field("/proc/cpuinfo", "model name") or platform.processor(),
        "cores": os.cpu_count(),
        "memory": f"{int(memory.split()[0]) / 2**20:.0f} GiB" if memory else "unknown",
        "system": f"{platform.system()} {platform.release()}",
        "rustc": _said("rustc", "--version"),
        "commit": _said("git", "describe", "--always", "--dirty", "--exclude", "*", cwd=root),
        "peers": _versions(sys.executable),
        "avalanche": _versions(avalanche) if avalanche else [],
        "load_before": load(),
    }
