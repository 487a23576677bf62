"""Savings and losses of `afield listen --gate`: a section of docs/benchmarks/streaming.md.

streaming.py calls it. Run alone, with PEERS_WORK set, it prints the section. `afield listen` reads
real clips with pauses between them, under pink noise of several levels, with and without the gate in
turn. The output without the gate is the reference.
"""

import glob
import json
import random
import statistics
import wave
from pathlib import Path

import numpy as np
import soundfile
import soxr

from words import header, line

RATE = 16_000
LEVELS = (60, 40, 30, 20, 10)
# Nothing but background before the first clip, so that all of them meet a gate that is set.
LEAD = 12.0
STREAMS = {
    # Clips, backbone, how many clips, seconds of a pause.
    "words": ("fsdd/*/*.wav", "speech-embedding", 100, (3.0, 9.0)),
    "sounds": ("esc10/*/*", "yamnet-256", 50, (5.0, 15.0)),
}


def load(path):
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    return soxr.resample(samples.mean(axis=1), rate, RATE)


def pink(length, seed):
    """As long as asked for, made of one block of four minutes, again and again."""
    block = 1 << 22
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(block).astype(np.float32))
    frequency = np.maximum(np.arange(len(spectrum), dtype=np.float32), 1)
    noise = np.fft.irfft(spectrum / np.sqrt(frequency), block)
    return np.resize(noise / noise.std(), length).astype(np.float32)


def write(path, samples):
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1), file.setsampwidth(2), file.setframerate(RATE)
        file.writeframes(np.rint(np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())


def scene(clips, pause):
    """Clips with pauses between them; from where to where each sounds, and what it is."""
    chance = random.Random(4)
    parts, spans, at = [np.zeros(int(LEAD * RATE), np.float32)], [], int(LEAD * RATE)
    for clip in clips:
        samples, rest = load(clip), int(chance.uniform(*pause) * RATE)
        spans.append((at / RATE, (at + len(samples)) / RATE, Path(clip).parent.name))
        parts += [samples, np.zeros(rest, np.float32)]
        at += len(samples) + rest
    loudness = float(np.sqrt(np.mean(np.concatenate(parts[1::2]) ** 2)))
    return np.concatenate(parts), spans, loudness


def detected(spans, decisions):
    """Which clips some decision names that lies over half of the clip, or wholly in it."""
    found = set()
    for index, (start, end, label) in enumerate(spans):
        for one in decisions:
            shared = min(end, one["time"]) - max(start, one["start"])
            if one["label"] == label and shared >= 0.5 * min(end - start, one["time"] - one["start"]):
                found.add(index)
                break
    return found


def compare(run, listen, signal, rounds):
    """The decisions with and without the gate, and the CPU seconds of each round."""
    told, costs = {}, {False: [], True: []}
    for _ in range(rounds):
        for gate in (False, True):
            lines, cpu, _ = run([*listen, "--source", f"wav:{signal}", *(["--gate"] if gate else [])])
            told[gate] = [json.loads(text) for text in lines]
            costs[gate].append(cpu)
    return told, costs


def measure(afield, run, call, shared, work, rounds):
    """A row for every stream and level, as dictionaries."""
    rows = []
    for name, (pattern, backbone, count, pause) in STREAMS.items():
        clips = sorted(glob.glob(str(shared / pattern)))
        random.Random(3).shuffle(clips)
        heard, taught = clips[:count], clips[count:]
        learner = work / f"gate-{name}"
        if not learner.exists():
            call(afield, "init", learner, "--backbone", backbone)
            for label in sorted({Path(clip).parent.name for clip in taught}):
                of = [clip for clip in taught if Path(clip).parent.name == label][:60]
                call(afield, "teach", label, *of, "--learner", learner)
        samples, spans, loudness = scene(heard, pause)
        hours = len(samples) / RATE / 3600
        share = sum(end - start for start, end, _ in spans) / hours / 3600
        listen = [afield, "listen", "--windows", "--learner", learner]
        places = [(f"{level} dB", level, samples, spans) for level in LEVELS]
        places.append(("background alone", 30, np.zeros(RATE * 600, np.float32), []))
        for title, level, scenery, sounds in places:
            noise = pink(len(scenery), level) * loudness * 10 ** (-level / 20)
            write(work / "gate.wav", scenery + noise)
            told, costs = compare(run, listen, work / "gate.wav", rounds)
            awake = [one for one in told[True] if not one.get("quiet")]
            everything = {json.dumps(one, sort_keys=True) for one in told[False]}
            changed = sum(json.dumps(one, sort_keys=True) not in everything for one in awake)
            before, after = detected(sounds, told[False]), detected(sounds, awake)
            seconds = len(scenery) / RATE
            rows.append(
                dict(
                    stream=name, backbone=backbone, level=title, share=share if sounds else 0.0, clips=len(sounds),
                    seconds=seconds, all=len(told[False]), awake=len(awake), changed=changed, before=len(before),
                    lost=[spans[index] for index in sorted(before - after)],
                    cpu={gate: statistics.median(c) * 3600 / seconds for gate, c in costs.items()},
                    ratio=statistics.median(a / b for a, b in zip(costs[True], costs[False])),
                )
            )
    return rows


def endless(afield, run, shared, work):
    """When a sound that does not pause becomes background: seconds until quiet is said."""
    clip = load(sorted(glob.glob(str(shared / "esc10/rain/*")))[0])
    loudness = float(np.sqrt(np.mean(clip**2)))
    rain = np.tile(clip, 480 * RATE // len(clip) + 1)[: 480 * RATE]
    samples = np.concatenate([np.zeros(30 * RATE, np.float32), rain])
    write(work / "gate.wav", samples + pink(len(samples), 5) * loudness * 0.01)
    lines, _, _ = run([afield, "listen", "--windows", "--learner", work / "gate-sounds", "--source", f"wav:{work / 'gate.wav'}", "--gate"])
    quiet = [one["start"] for one in map(json.loads, lines) if one.get("quiet") and one["start"] > 30]
    return quiet[0] - 30 if quiet else None


def section(rows, rain):
    out = ["## The gate", "",
           "`afield listen --gate` beside `afield listen`, on the same file in turn. The file has clips with pauses between them, and",
           "pink noise. *Noise* gives its level in decibels below the mean level of the clips. Words are "
           f"{STREAMS['words'][2]} spoken digits in {100 * rows[0]['share']:.0f} % of the",
           f"time (`{STREAMS['words'][1]}`). Sounds are {STREAMS['sounds'][2]} clips of ESC-10 in "
           f"{100 * next(r['share'] for r in rows if r['stream'] == 'sounds'):.0f} % of the time (`{STREAMS['sounds'][1]}`). A clip counts as detected if",
           "a decision over half of it has its label. A decision counts as changed if the gate let it through and one of its digits differs.", ""]
    out += header("stream", "noise", "CPU s an hour without", "with", "ratio", "decisions without", "with", "changed", "detected without", "lost with")
    for row in rows:
        out.append(line(row["stream"], row["level"], f"{row['cpu'][False]:.2f}", f"{row['cpu'][True]:.2f}", f"{row['ratio']:.2f}",
                        str(row["all"]), str(row["awake"]), str(row["changed"]), f"{row['before']} of {row['clips']}", str(len(row["lost"]))))
    lost = [f"{label} at {row['level']}" for row in rows for _, _, label in row["lost"]]
    out += ["", f"Lost: {', '.join(lost) if lost else 'none'}.", ""]
    text = "varied by more than the margin and did not become background" if rain is None else f"became background after {rain:.0f} s"
    out += ["- A steady sound that continues for five minutes without a pause becomes background (tests/it/listening.rs). Rain of eight",
            f"  minutes, 40 dB over the noise, {text}.",
            "- A recording that begins within a sound takes this sound for the background.",
            "- For these two reasons, and because of the losses above, the gate is off by default.",
            "- When the gate opens, the backbone computes all that the window covers. Windows as long as the pauses (sounds: 5 s)",
            "  therefore save little.",
            "- While the gate is closed, three costs remain: the front end, reading the file, and the start of the process.", ""]
    return out


def main():
    import streaming

    streaming.WORK.mkdir(parents=True, exist_ok=True)
    streaming.get_models()
    parts = (streaming.AFIELD, streaming.run, streaming.call, streaming.shared(), streaming.WORK)
    print("\n".join(section(measure(*parts, 3), endless(*parts[:2], *parts[3:]))))


if __name__ == "__main__":
    main()
