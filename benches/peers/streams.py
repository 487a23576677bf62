"""The order of learning, the same for every method; `afield evaluate` saves it."""

import json
import subprocess


def save(places, data, protocol, group, seed, heads):
    """Saves the stream, and returns its path and what `evaluate` itself measured of
    `heads` over it."""
    folder = data.folder / "streams"
    folder.mkdir(exist_ok=True)
    path = folder / f"{protocol}-{group}-{seed}.json"
    command = [places.afield, "evaluate", "--embeddings", data.data(group)]
    command += ["--protocol", protocol, "--seed", seed, "--test-groups", group]
    command += ["--head", ",".join(heads), "--rehearsal", "balanced:200"]
    command += ["--no-upper-bound", "--save-stream", path, "--json"]
    done = subprocess.run([str(part) for part in command], check=True, stdout=subprocess.PIPE)
    return path, json.loads(done.stdout)


def validation(stream, group_of, held):
    """The same stream without the clips of the training group `held`, which is tested at
    the end; nothing of the test side is left in it."""
    clips = {clip for task in stream["tasks"] for clip in task["clips"]}
    tested = sorted(clip for clip in clips if group_of[clip] == held)
    tasks = []
    for task in stream["tasks"]:
        pairs = zip(task["clips"], task["labels"])
        kept = [(clip, label) for clip, label in pairs if group_of[clip] != held]
        if kept:
            kept_clips, labels = (list(column) for column in zip(*kept))
            tasks.append({"name": task["name"], "clips": kept_clips, "labels": labels, "tested": []})
    tasks[-1]["tested"] = tested
    return {**stream, "tasks": tasks, "train": [], "test": tested}


def validation_group(data, group):
    """The group after the held-out one, round about."""
    groups = data.all_groups
    return groups[(groups.index(group) + 1) % len(groups)]
