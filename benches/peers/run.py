#!/usr/bin/env python3
"""Afield beside its peers, in one run: `python3 benches/peers/run.py`.

- `--memory`: accuracy against the bytes of rehearsal instead (memory_curves.py)
- `--streaming`: the cost of listening, beside openWakeWord and ONNX Runtime (streaming.py)
- `--streaming-growth`: the cost of listening as it grows (streaming_growth.py)

The script creates the environments, builds Afield, and starts compare.py in the first
environment. It needs cargo, python3 with venv and pip, and, for Avalanche, Debian 12's
python3-torch. If the script runs as root, it installs python3-torch.

Environments, data and finished rows lie outside the repository, in
`$XDG_CACHE_HOME/afield-peers` (`PEERS_WORK` names another folder). A run resumes an
interrupted one.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
WORK = Path(os.environ.get("PEERS_WORK") or CACHE / "afield-peers").resolve()
TORCH_PACKAGES = ["python3-torch", "python3-torchvision", "python3-psutil", "python3-venv"]
# Debian's torch computes with whatever BLAS is there; the reference one is ten times slower.
BLAS_PACKAGE = "libopenblas0-pthread"
# Accuracy against the bytes of rehearsal instead: Afield alone, no peers.
MEMORY = "--memory"
# What listening costs instead: openWakeWord and ONNX Runtime.
STREAMING = "--streaming"
# What listening costs as classes, microphones and hours become more.
STREAMING_GROWTH = "--streaming-growth"
OPENWAKEWORD = "openwakeword==0.4.0"
AVALANCHE = "avalanche-lib==0.6.0"


def say(text):
    print(f"peers: {text}", file=sys.stderr, flush=True)


def call(*command, **options):
    subprocess.run([str(part) for part in command], check=True, stdout=sys.stderr, **options)


def fresh(folder, *sources):
    """Whether `folder` was finished for these very requirements."""
    stamp = folder / "finished-for"
    wanted = "".join(source.read_text() for source in sources)
    return stamp.exists() and stamp.read_text() == wanted, lambda: stamp.write_text(wanted)


def peers_environment():
    folder = WORK / "venv"
    packages, data = HERE / "requirements.txt", HERE / "requirements-data.txt"
    done, finish = fresh(folder, packages, data)
    python = folder / "bin" / "python"
    if not done:
        say("making the environment of river and scikit-learn")
        call(sys.executable, "-m", "venv", folder)
        call(python, "-m", "pip", "install", "-q", "-r", packages)
        call(python, "-m", "pip", "install", "-q", "--no-deps", "-r", data)
        finish()
    return python


def streaming_environment():
    folder, packages = WORK / "venv-streaming", HERE / "requirements-streaming.txt"
    done, finish = fresh(folder, packages)
    python = folder / "bin" / "python"
    if not done:
        say("making the environment of openWakeWord and ONNX Runtime")
        call(sys.executable, "-m", "venv", folder)
        call(python, "-m", "pip", "install", "-q", "-r", packages)
        call(python, "-m", "pip", "install", "-q", "--no-deps", OPENWAKEWORD)
        finish()
    return python


SYSTEM_PYTHON = Path("/usr/bin/python3")


def has_torch():
    probe = [SYSTEM_PYTHON, "-c", "import torch, torchvision, psutil, ensurepip"]
    return subprocess.run(probe, capture_output=True).returncode == 0


def has_blas():
    return any(Path("/usr/lib").glob("*/openblas*/libblas.so.3"))


def install(packages):
    """Whether apt could."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return False
    say(f"installing {' '.join(packages)}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        call("apt-get", "update", "-q", env=environment)
        options = ["install", "-y", "-q", "--no-install-recommends"]
        call("apt-get", *options, *packages, env=environment)
    except subprocess.CalledProcessError:
        return False
    return True


def avalanche_environment():
    """Its Python or None, and what is to be said of it."""
    if not SYSTEM_PYTHON.exists():
        return None, f"{SYSTEM_PYTHON} is not there"
    wanted = [] if has_torch() else list(TORCH_PACKAGES)
    wanted += [] if has_blas() else [BLAS_PACKAGE]
    if wanted and not install(wanted) and not has_torch():
        return None, f"as root: apt-get install {' '.join(wanted)}"
    note = None if has_blas() else f"is slowed by the reference BLAS: apt-get install {BLAS_PACKAGE}"
    folder, packages = WORK / "venv-avalanche", HERE / "requirements-avalanche.txt"
    done, finish = fresh(folder, packages)
    python = folder / "bin" / "python"
    if not done:
        say("making the environment of avalanche")
        try:
            call(SYSTEM_PYTHON, "-m", "venv", "--system-site-packages", folder)
            call(python, "-m", "pip", "install", "-q", "--no-deps", AVALANCHE)
            call(python, "-m", "pip", "install", "-q", "-r", packages)
        except subprocess.CalledProcessError:
            return None, "pip could not install avalanche's requirements"
        finish()
    return python, note


def main():
    WORK.mkdir(parents=True, exist_ok=True)
    growing = STREAMING_GROWTH in sys.argv
    streaming = growing or STREAMING in sys.argv
    if {"-h", "--help"} & set(sys.argv) and not streaming:
        python = WORK / "venv" / "bin" / "python"
        if not python.exists():
            python = peers_environment()
        os.execv(python, [str(python), str(HERE / "compare.py"), "--help"])
    python = streaming_environment() if streaming else peers_environment()
    alone = streaming or MEMORY in sys.argv
    avalanche, reason = (None, None) if alone else avalanche_environment()
    if reason:
        say(f"avalanche {'' if avalanche else 'is left out: '}{reason}")
    say("building afield")
    example = "listening_growth" if growing else "hop_costs" if streaming else "stream_costs"
    targets = ["--bin", "afield", "--example", example]
    call("cargo", "build", "--release", *targets, cwd=ROOT)
    # One thread for everyone: whatever a library is built on.
    for name in ("OMP", "OPENBLAS", "MKL", "BLIS", "NUMEXPR", "VECLIB_MAXIMUM", "RAYON"):
        os.environ[f"{name}_NUM_THREADS"] = "1"
    os.environ["PEERS_WORK"] = str(WORK)
    os.environ["PEERS_AVALANCHE"] = str(avalanche or "")
    os.environ["PEERS_AVALANCHE_NOTE"] = reason or ""
    arguments = [argument for argument in sys.argv[1:] if argument not in (MEMORY, STREAMING, STREAMING_GROWTH)]
    script = "compare.py" if not alone else "streaming.py" if streaming else "memory_curves.py"
    script = "streaming_growth.py" if growing else script
    command = [str(python), str(HERE / script), *arguments]
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
