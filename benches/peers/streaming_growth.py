"""The cost of listening as it grows.

`python3 benches/peers/run.py --streaming-growth` calls it. It varies one of these at a time: the number
of classes, the head, the bytes of rehearsal, the microphones of one process, and the hours. Each setting
runs in a process of its own (lab/examples/listening_growth.rs), in turn, round after round. The script
writes docs/benchmarks/streaming-growth.md and its plots.
"""

import argparse
import itertools
import json
import statistics
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import gate
import machine
import plots
import streaming
from words import header, line

GROWTH = streaming.ROOT / "target" / "release" / "examples" / "listening_growth"
BASE = dict(head="lda", rehearsal="none", classes=10, examples_per_class=20, streams=1, window=1.0, gate=False)
HOURS = 0.25
NUMBERS = itertools.count()
SWEEPS = {
    "classes": [dict(classes=n) for n in (2, 10, 50, 200, 1000)],
    "head": [dict(head=head, rehearsal="balanced:100KiB:int8") for head in ("ncm", "lda", "ridge", "linear", "mlp", "knn", "auto")],
    "rehearsal, linear": [dict(head="linear", classes=50, examples_per_class=200, rehearsal=f"balanced:{kib}KiB:int8") for kib in (10, 100, 1000)],
    "rehearsal, knn": [dict(head="knn", classes=50, examples_per_class=200, rehearsal=f"balanced:{kib}KiB:int8") for kib in (10, 100, 1000)],
    "microphones": [dict(streams=n) for n in (1, 2, 4, 8)],
}


def title(change):
    if "rehearsal" in change and "examples_per_class" in change:
        return change["rehearsal"].split(":")[1]
    return str(next(iter(change.values())))


def run(change, hours, recording):
    card = streaming.ROOT / "models" / "speech-embedding.toml"
    spec = dict(BASE, card=str(card), model=str(streaming.model_file("speech-embedding")), recording=str(recording), hours=hours)
    spec.update(change)
    path = streaming.WORK / f"growth-{next(NUMBERS)}.json"
    path.write_text(json.dumps(spec))
    lines, _, peak = streaming.run([GROWTH, path])
    told = json.loads(lines[-1])
    first, last = told["hours"][0], told["hours"][-1]
    told["cpu"] = (last["cpu_s"] - first["cpu_s"]) * 3600 / told["heard_s"] / spec["streams"]
    told["peak"] = peak
    return told


def measure(rounds, recording, pool):
    """The results of all rounds, for each setting of each sweep."""
    found = {}
    for _ in range(rounds):
        for sweep, changes in SWEEPS.items():
            for change in changes:
                found.setdefault((sweep, title(change)), []).append(pool.submit(run, change, HOURS, recording))
    for name, runs in found.items():
        found[name] = [told.result() for told in runs]
        streaming.say(f"{': '.join(name)}: {streaming.spread([told['cpu'] for told in found[name]])} CPU s an hour")
    return found


def noisy_recording():
    """Words with pauses, 40 dB over the noise, ten minutes: for hours with a gate."""
    path = streaming.WORK / "growth.wav"
    if not path.exists():
        pattern, _, count, pause = gate.STREAMS["words"]
        clips = sorted(streaming.shared().glob(pattern))[::37][:count]
        samples, _, loudness = gate.scene([str(clip) for clip in clips], pause)
        gate.write(path, samples + gate.pink(len(samples), 1) * loudness * 0.01)
    return path


def report(folder, rounds, at_once, found, days):
    out = ["# The cost of listening as it grows", "",
           f"`python3 benches/peers/run.py --streaming-growth` writes this page. {rounds} rounds, {at_once} settings at once, each setting in a",
           f"process of its own: the `speech-embedding`, {60 * HOURS:.0f} minutes of sound, a decision every half second over the last second. The",
           f"default setting is `{BASE['head']}`, {BASE['classes']} classes of {BASE['examples_per_class']} examples, one microphone. CPU seconds are for an hour of one microphone,",
           "without loading, as median (least–most). Peak RSS is that of the process, learners included.", ""]
    panels = []
    for sweep in SWEEPS:
        out += [f"## {sweep.capitalize()}", ""]
        out += header(sweep, "CPU s an hour", "peak RSS, MiB", "state, KiB")
        points = []
        for (of, name), runs in found.items():
            if of != sweep:
                continue
            cpu = [told["cpu"] for told in runs]
            peak = statistics.median(told["peak"] for told in runs) / 2**20
            out.append(line(name, streaming.spread(cpu), f"{peak:.1f}", f"{runs[-1]['state_bytes'] / 1024:.0f}"))
            points.append((name, statistics.median(cpu), peak))
        out.append("")
        panels.append((sweep, points))
    out += ["## Hours", "", "One process runs from the first hour to the last. The table gives the CPU seconds of an hour and the memory after it.", ""]
    out += header("gate", "hours", "CPU s, first hour", "last hour", "least–most", "RSS after the first, MiB", "after the last", "decisions")
    curves = {}
    for name, told in days.items():
        steps = told["hours"]
        cpu = [b["cpu_s"] - a["cpu_s"] for a, b in zip(steps, steps[1:])]
        rss = [step["rss"] / 2**20 for step in steps[1:]]
        out.append(line(name, str(len(cpu)), f"{cpu[0]:.2f}", f"{cpu[-1]:.2f}", f"{min(cpu):.2f}–{max(cpu):.2f}", f"{rss[0]:.1f}", f"{rss[-1]:.1f}", str(sum(told["decisions"]))))
        curves[name] = (cpu, rss)
    out += ["", "Three costs grow. `knn` reads its whole memory at every decision. `ridge` has a projection of 512 features, and `auto`",
            "contains `ridge`. Every microphone has its own state of the backbone and learner; the weights are shared.", "", "![Growth](streaming-growth.svg)", ""]
    spec = machine.describe(streaming.ROOT, None)
    out += ["## Machine", "", f"{spec['processor']}, {spec['cores']} cores, {spec['memory']}, {spec['system']}; {spec['rustc']};",
            f"Afield at {spec['commit']}; load before: {spec['load_before']}.", ""]
    plots.listening(folder / "streaming-growth.svg", panels, curves)
    (folder / "streaming-growth.md").write_text("\n".join(out))
    streaming.say(f"wrote {folder / 'streaming-growth.md'}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, help="rounds (default 3)")
    parser.add_argument("--hours", type=float, default=24, help="hours of the longest run (default 24)")
    parser.add_argument("--at-once", type=int, default=1, help="processes at once (default 1)")
    parser.add_argument("--to", type=Path, default=streaming.ROOT / "docs" / "benchmarks", help="folder of the report")
    arguments = parser.parse_args()
    streaming.WORK.mkdir(parents=True, exist_ok=True)
    streaming.get_models()
    recording = noisy_recording()
    with ThreadPoolExecutor(arguments.at_once) as pool:
        days = {name: pool.submit(run, dict(gate=gated), arguments.hours, recording) for name, gated in (("without", False), ("with", True))}
        found = measure(arguments.rounds, recording, pool)
        report(arguments.to, arguments.rounds, arguments.at_once, found, {name: told.result() for name, told in days.items()})


if __name__ == "__main__":
    main()
