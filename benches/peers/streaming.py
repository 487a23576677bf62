"""From sound to decision, beside openWakeWord and ONNX Runtime.

`python3 benches/peers/run.py --streaming` calls it. All programs get the same file, in turn, round
after round, each in a process of its own and with one thread. Ratios are taken within a round. The
script writes docs/benchmarks/streaming.md and its plots, including the rows where Afield loses.
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import time
import wave
from pathlib import Path

import numpy as np
import onnx
import soundfile
import soxr
from onnx import helper

import gate
import machine
import plots
from words import header, line

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
WORK = Path(os.environ["PEERS_WORK"]) / "streaming"
AFIELD = ROOT / "target" / "release" / "afield"
HOP_COSTS = ROOT / "target" / "release" / "examples" / "hop_costs"
RATE, SECONDS = 16_000, 600
LEARNER, WORDS, SPEAKER = WORK / "learner", range(3), "jackson"


def say(text):
    print(f"streaming: {text}", file=sys.stderr, flush=True)


def shared():
    place = Path(os.environ.get("AFIELD_SHARED_DATA") or ROOT.parent / "shared" / "data")
    if not (place / "esc10").is_dir():
        sys.exit(f"streaming: no recordings in {place}\nhint: set AFIELD_SHARED_DATA")
    return place


def make_signal(path):
    """Ten minutes of words and sounds in random order, 16 kHz, 16 bit."""
    if path.exists():
        return
    clips = sorted(shared().glob("esc10/*/*")) + sorted(shared().glob("fsdd/*/*.wav"))
    random.Random(1).shuffle(clips)
    parts, length = [], 0
    for clip in clips:
        samples, rate = soundfile.read(clip, dtype="float32", always_2d=True)
        samples = soxr.resample(samples.mean(axis=1), rate, RATE)
        parts.append(samples)
        length += len(samples)
        if length >= SECONDS * RATE:
            break
    signal = np.concatenate(parts)[: SECONDS * RATE]
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1), file.setsampwidth(2), file.setframerate(RATE)
        file.writeframes((np.clip(signal, -1, 1) * 32767).astype("<i2").tobytes())


# Starts a program, prints its CPU seconds and peak memory after what it prints. A process of
# its own, small, because a child's peak begins with its parent's size.
LAUNCHER = """
import resource, subprocess, sys
done = subprocess.run(sys.argv[1:])
use = resource.getrusage(resource.RUSAGE_CHILDREN)
print(f"\\n{use.ru_utime + use.ru_stime} {use.ru_maxrss * 1024}", flush=True)
sys.exit(done.returncode)
"""


def run(command, spec=None):
    """The output of a process, its CPU seconds and its peak memory in bytes."""
    if spec is not None:
        (WORK / "spec.json").write_text(json.dumps(spec))
        command = [sys.executable, HERE / "streaming_worker.py", WORK / "spec.json"]
    command = [sys.executable, "-S", "-c", LAUNCHER, *(str(part) for part in command)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"streaming: {command} failed\n{done.stderr}")
    *lines, use = [text for text in done.stdout.splitlines() if text]
    cpu, peak = use.split()
    return lines, float(cpu), int(peak)


def call(*command):
    subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL)


def model_file(name):
    for origin in (ROOT / "models" / f"{name}.toml").read_text().splitlines():
        if origin.startswith("sha256"):
            cache = Path(os.environ.get("AFIELD_CACHE") or Path.home() / ".cache" / "afield")
            return cache / "models" / (origin.split('"')[1] + ".onnx")
    return None


def get_models():
    call(AFIELD, "model", "get", "speech-embedding")
    for name, file in (("yamnet", "yamnet_core_w8.onnx"), ("yamnet-256", "st_yamnet_256_backbone.onnx")):
        if not model_file(name).exists():
            call(AFIELD, "model", "add", shared() / "models" / file, "--card", name)


def make_learner():
    if LEARNER.exists():
        return
    call(AFIELD, "init", LEARNER, "--backbone", "speech-embedding")
    for word in WORDS:
        clips = [shared() / f"fsdd/{word}/{SPEAKER}_{take}.wav" for take in range(10)]
        call(AFIELD, "teach", str(word), *clips, "--learner", LEARNER)


def whole_clip_graph():
    """The speech embedding with Transposes in place of its Reshapes, which are equal for one
    window. ONNX Runtime then computes no frame twice either."""
    graph = onnx.load(model_file("speech-embedding"))
    perms = iter([[0, 3, 1, 2], [0, 2, 3, 1]])
    for index, node in enumerate(graph.graph.node):
        if node.op_type == "Reshape":
            new = helper.make_node("Transpose", node.input[:1], node.output, perm=next(perms))
            graph.graph.node[index].CopyFrom(new)
    for value, axis in ((graph.graph.input[0], 1), (graph.graph.output[0], 1)):
        value.type.tensor_type.shape.dim[axis].dim_param = f"{value.name}-frames"
    path = WORK / "whole.onnx"
    onnx.save(graph, path)
    return path


def backbone_rows(seconds):
    """Name, backbone, a function that measures it once, and whether it is Afield's."""
    rows = []
    shapes = {
        "speech-embedding": dict(window=76, hop=8, shape=[1, 76, 32, 1], transposed=False, size=96),
        "yamnet": dict(window=96, hop=48, shape=[1, 96, 64], transposed=False, size=1024),
        "yamnet-256": dict(window=96, hop=48, shape=[1, 1, 64, 96], transposed=True, size=256),
    }
    for name, shape in shapes.items():
        card, model, frames = ROOT / f"models/{name}.toml", model_file(name), WORK / f"{name}.frames.npy"

        def peer(title, model=model, whole=False, entries=(), name=name, shape=shape, frames=frames):
            spec = dict(shape, what="windows", model=str(model), frames=str(frames), whole=whole)
            spec.update(entries=dict(entries), seconds=seconds, output="embedding" if name == "yamnet" else None)
            spec.update(embeddings=str(WORK / f"{name}.{title}.npy".replace(" ", "-").replace(",", "")))
            rows.append((name, title, lambda: run(None, spec)[0], spec["embeddings"], False))

        def ours(title, mode, name=name, card=card, model=model, frames=frames):
            to = WORK / f"{name}.afield-{mode}.npy"
            command = [HOP_COSTS, "backbone", card, model, mode, frames, to, seconds]
            rows.append((name, title, lambda: run(command)[0], to, True))

        peer("ONNX Runtime, windows")
        if name == "speech-embedding":
            peer("ONNX Runtime, whole file in one call", model=whole_clip_graph(), whole=True)
            ours("Afield, streaming", "streaming")
        if name == "yamnet":
            peer("ONNX Runtime, windows, weights dequantised at load", entries={"disable_quant_qdq": "1"}.items())
        ours("Afield, windows", "windowed")
    return rows


def store_frames(signal):
    """Writes the frames for the measurement of backbones, with our front ends."""
    with wave.open(str(signal)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    np.save(WORK / "samples.npy", samples.astype(np.float32) / 32768)
    for name in ("speech-embedding", "yamnet", "yamnet-256"):
        run(front_end(name, WORK / f"{name}.frames.npy", 0.0))


def front_end(name, frames, seconds):
    return [HOP_COSTS, "frontend", ROOT / f"models/{name}.toml", WORK / "samples.npy", frames, seconds]


def quantiles(values):
    ordered = sorted(values)
    return statistics.median(ordered), ordered[0], ordered[-1]


def spread(values, digits=2):
    middle, low, high = quantiles(values)
    return f"{middle:.{digits}f} ({low:.{digits}f}–{high:.{digits}f})"


def first_decisions(signal, times):
    """Milliseconds from the start of the process to its first line, and to its end."""
    took = []
    command = [AFIELD, "listen", "--windows", "--source", f"wav:{signal}", "--learner", LEARNER]
    for _ in range(times):
        started = time.monotonic()
        child = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        child.stdout.readline()
        took.append((time.monotonic() - started) * 1e3)
        child.kill()
        child.wait()
    return took


def shipped(name):
    return f"Afield, file to decision, `dist`, {name}"


def measure(rounds, seconds, dist):
    signal = WORK / "signal.wav"
    make_signal(signal)
    get_models()
    make_learner()
    say("front ends")
    store_frames(signal)
    import openwakeword

    resources = Path(openwakeword.__file__).parent / "resources" / "models"
    words = [str(resources / "alexa_v0.1.onnx")]
    jobs = [
        ("Afield, file to decision", lambda: run([AFIELD, "listen", "--windows", "--source", f"wav:{signal}", "--learner", LEARNER]), True),
        ("Afield, file to embeddings", lambda: run([AFIELD, "embed", signal, "--backbone", "speech-embedding", "-o", WORK / "e.npy"]), True),
        ("openWakeWord 0.4.0, features", lambda: run(None, dict(what="listen", wav=str(signal), words=[])), False),
        ("openWakeWord 0.4.0, one wake word", lambda: run(None, dict(what="listen", wav=str(signal), words=words)), False),
        ("Afield, file to `yamnet` embeddings", lambda: run([AFIELD, "embed", signal, "--backbone", "yamnet", "-o", WORK / "e.npy"]), True),
        ("Afield, file to `yamnet-256` embeddings", lambda: run([AFIELD, "embed", signal, "--backbone", "yamnet-256", "-o", WORK / "e.npy"]), True),
    ]
    listen = ["listen", "--windows", "--source", f"wav:{signal}", "--learner", LEARNER]
    jobs += [(shipped(name), lambda binary=binary: run([binary, *listen]), True) for name, binary in dist.items()]
    whole = {name: [] for name, _, _ in jobs}
    graphs = backbone_rows(seconds)
    inner = {(name, title): [] for name, title, *_ in graphs}
    mel = []
    for turn in range(rounds):
        say(f"round {turn + 1} of {rounds}")
        for name, job, _ in jobs:
            _, cpu, peak = job()
            whole[name].append((cpu * 3600 / SECONDS, peak))
        for name, title, job, _, _ in graphs:
            inner[name, title].append(statistics.median(json.loads(job()[-1])["cpu_us"]))
        mel_spec = dict(what="mel", wav=str(signal), model=str(resources / "melspectrogram.onnx"), seconds=seconds)
        graph = statistics.median(json.loads(run(None, mel_spec)[0][-1])["cpu_us"])
        command = front_end("speech-embedding", WORK / "f.npy", seconds)
        ours = statistics.median(json.loads(run(command)[0][-1])["cpu_us"])
        mel.append((graph, ours))
    differences = {}
    for name, title, _, stored, ours in graphs:
        reference = next(s for n, t, _, s, o in graphs if n == name and not o)
        a, b = np.load(stored), np.load(reference)
        rows = min(len(a), len(b))
        differences[name, title] = float(np.abs(a[:rows] - b[:rows]).max()) if abs(len(a) - len(b)) <= 1 else None
    say("first decisions")
    starts = first_decisions(signal, 11)
    return whole, graphs, inner, mel, differences, starts, [name for name, _, ours in jobs if ours]


def report(path, told, rounds, dist, gated):
    whole, graphs, inner, mel, differences, starts, ours = told
    base = "Afield, file to decision"
    out = ["# Streaming", "", f"`python3 benches/peers/run.py --streaming` writes this page. {rounds} rounds: each program runs once a round, in turn,",
           "in a process of its own with one thread. Ratios are taken within a round, as median (least–most).", ""]
    out += ["## From a file to decisions", "",
            f"{SECONDS // 60} minutes of recordings (ESC-10 clips and spoken digits in random order), 16 kHz. CPU seconds are those of the",
            "whole process, start included, for an hour of sound. openWakeWord gets pieces of 80 ms, as in its microphone",
            "example. Its embedding graph is another export of the same network.", ""]
    out += header("", "CPU s an hour", "times Afield's", "peak RSS, MiB")
    for name, runs in whole.items():
        ratios = [cpu / ref for (cpu, _), (ref, _) in zip(runs, whole[base])]
        out.append(line(name, spread([cpu for cpu, _ in runs], 1), spread(ratios, 1), f"{quantiles([p for _, p in runs])[0] / 2**20:.0f}"))
    oww = "openWakeWord 0.4.0, features"
    ratio = statistics.median(cpu / ref for (cpu, _), (ref, _) in zip(whole[oww], whole[base]))
    peak = statistics.median(p for _, p in whole[base]) / 2**20
    start = statistics.median(starts)
    out += ["", "![CPU and memory](streaming-cpu.svg)", "", "## One embedding", "",
            "The graph alone, on the same stored log-mel frames of that file, hop by hop. The table gives CPU microseconds an",
            "embedding, and the largest difference from ONNX Runtime's windows over all embeddings.", ""]
    out += header("backbone", "", "µs", "times Afield's best", "max abs difference")
    goals, bars = [], []
    for backbone in dict.fromkeys(name for name, *_ in graphs):
        mine = [title for name, title, _, _, o in graphs if name == backbone and o]
        best = min(mine, key=lambda title: statistics.median(inner[backbone, title]))
        for name, title, _, _, o in graphs:
            if name != backbone:
                continue
            runs = inner[name, title]
            ratios = [cost / ref for cost, ref in zip(runs, inner[backbone, best])]
            difference = differences[name, title]
            out.append(line(f"`{name}`", title, spread(runs, 0), spread(ratios), "–" if difference is None else f"{difference:.1e}"))
            bars.append((f"{name}: {title}", o, statistics.median(runs)))
        peers = [title for name, title, _, _, o in graphs if name == backbone and not o]
        fastest = min(peers, key=lambda title: statistics.median(inner[backbone, title]))
        against = statistics.median(m / p for m, p in zip(inner[backbone, best], inner[backbone, fastest]))
        worst = max(differences[backbone, title] for title in mine)
        goals.append((f"`{backbone}`: at most 1.0 of ONNX Runtime's fastest ({fastest.split(', ', 1)[1]})", f"{against:.2f}", against <= 1))
        goals.append((f"`{backbone}`: equal to ONNX Runtime to 1e-3", f"{worst:.1e}", worst <= 1e-3))
    out += ["", "![One embedding](streaming-graphs.svg)", "",
            "In Afield, consecutive windows share the rows of layers that see no padding. ONNX Runtime cannot share them. A first",
            "window, or one that does not follow the previous window, costs as much as all its layers.", ""]
    graph, native = [g for g, _ in mel], [n for _, n in mel]
    mel_ratio = statistics.median(g / n for g, n in zip(graph, native))
    out += ["## The front end", "", "CPU microseconds for 80 ms of sound (8 frames). The ONNX graph that ships with the embedding gets the 1,760 samples that",
            "openWakeWord gives it.", ""]
    out += header("", "µs", "ratio")
    out += [line("ONNX graph, ONNX Runtime", spread(graph, 1), spread([g / n for g, n in zip(graph, native)], 1)),
            line("Afield", spread(native, 1), "1")]
    out += ["", *gated, "## Start", "", f"The time from the start of the process to the first decision on standard output, with the files in the cache, is {start:.0f} ms "
            f"({min(starts):.0f}–{max(starts):.0f}, {len(starts)} starts)."]
    sizes = []
    if dist:
        out += ["", "## The shipped binaries", "", "The binaries of profile `dist`, stripped, and their memory from the file of ten minutes to decisions.", ""]
        out += header("features", "MB", "peak RSS, MiB", "CPU s an hour")
        for name, binary in dist.items():
            runs = whole[shipped(name)]
            size, held = binary.stat().st_size / 1e6, statistics.median(p for _, p in runs) / 2**20
            out.append(line(name, f"{size:.1f}", f"{held:.1f}", spread([cpu for cpu, _ in runs], 1)))
            most = 24 if name == "all" else 14
            sizes.append((f"`dist` binary, {name} features: at most {most} MB", f"{size:.1f} MB", size <= most))
            sizes.append((f"`dist` binary, {name} features: peak RSS at most 30 MiB", f"{held:.1f} MiB", held <= 30))
    out += ["", "## Goals", ""]
    goals = [*sizes, ("file to decision: at most 1/8 of openWakeWord's CPU", f"1/{ratio:.1f}", ratio >= 8),
             ("file to decision: aim at 1/12", f"1/{ratio:.1f}", ratio >= 12),
             ("file to decision: peak RSS at most 30 MiB", f"{peak:.0f} MiB", peak <= 30),
             ("front end: at least 10 times cheaper than the ONNX graph", f"{mel_ratio:.1f} times", mel_ratio >= 10),
             ("first decision within 150 ms", f"{start:.0f} ms", start <= 150), *goals]
    out += header("goal", "measured", "met")
    out += [line(goal, said, "yes" if met else "**no**") for goal, said, met in goals]
    spec = machine.describe(ROOT, None)
    versions = subprocess.run([sys.executable, "-m", "pip", "freeze"], capture_output=True, text=True).stdout
    versions = [v for v in versions.split() if v.startswith(("numpy=", "onnxruntime=", "openwakeword="))]
    out += ["", "## Machine", "", f"{spec['processor']}, {spec['cores']} cores, {spec['memory']}, {spec['system']}; {spec['rustc']};",
            f"Afield at {spec['commit']}; {', '.join(versions)}; load before: {spec['load_before']}.", ""]
    path.mkdir(parents=True, exist_ok=True)
    plots.bars(path / "streaming-cpu.svg", [
        ("CPU seconds an hour of sound", [(n, n in ours, statistics.median(c for c, _ in r)) for n, r in whole.items()]),
        ("peak RSS (MiB)", [(n, n in ours, statistics.median(p for _, p in r) / 2**20) for n, r in whole.items()]),
    ])
    plots.bars(path / "streaming-graphs.svg", [("CPU microseconds an embedding", bars)])
    (path / "streaming.md").write_text("\n".join(out))
    say(f"wrote {path / 'streaming.md'}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="rounds (default 5)")
    parser.add_argument("--seconds", type=float, default=3.0, help="seconds for each graph a round (default 3)")
    parser.add_argument("--to", type=Path, default=ROOT / "docs" / "benchmarks", help="folder of the report")
    parser.add_argument("--dist", type=Path, help="the binary of profile `dist` with all features, to be measured as well")
    parser.add_argument("--lean", type=Path, help="the same without default features")
    arguments = parser.parse_args()
    dist = {name: path.resolve() for name, path in (("all", arguments.dist), ("lean", arguments.lean)) if path}
    WORK.mkdir(parents=True, exist_ok=True)
    told = measure(arguments.rounds, arguments.seconds, dist)
    say("the gate")
    parts = (AFIELD, run, call, shared(), WORK)
    gated = gate.section(gate.measure(*parts, 3), gate.endless(*parts[:2], *parts[3:]))
    report(arguments.to, told, arguments.rounds, dist, gated)


if __name__ == "__main__":
    main()
