#!/usr/bin/env python3
"""Writes lab/src/field/event_scores.json: random lists of events, and the scores that sed_eval and
psds_eval give them. The test of lab/src/field/score.rs compares ours.

    pip install sed_eval==0.2.1 dcase_util psds_eval==0.5.3
    python3 scripts/make_event_scores.py > lab/src/field/event_scores.json
"""

import json
import random

import pandas
import psds_eval
import sed_eval

CLASSES = ["bell", "dog", "horn"]
DAY_SECONDS = 120


def as_rows(events):
    return [
        {"file": "day", "event_onset": a, "event_offset": b, "event_label": c}
        for a, b, c in events
    ]


def as_table(events):
    columns = ["filename", "onset", "offset", "event_label"]
    return pandas.DataFrame([("day", *event) for event in events], columns=columns)


def without_overlaps(events):
    """psds_eval takes no two events of one class that overlap."""
    kept = []
    for event in sorted(events):
        ends = [b for _, b, c in kept if c == event[2]]
        if event[1] > event[0] and all(b <= event[0] for b in ends):
            kept.append(event)
    return kept


def draw(rng):
    truth, found = [], []
    for _ in range(rng.randint(3, 16)):
        start = round(rng.uniform(0, DAY_SECONDS - 8), 2)
        truth.append((start, round(start + rng.uniform(0.3, 6), 2), rng.choice(CLASSES)))
    truth = without_overlaps(truth)
    for start, end, label in truth:
        pieces = rng.choice([0, 1, 1, 1, 2])
        cuts = sorted(rng.uniform(start - 1.5, end + 1.5) for _ in range(2 * pieces))
        for a, b in zip(cuts[::2], cuts[1::2]):
            said = label if rng.random() < 0.8 else rng.choice(CLASSES)
            found.append((round(max(a, 0), 2), round(min(b, DAY_SECONDS), 2), said))
    for _ in range(rng.randint(0, 4)):
        start = round(rng.uniform(0, DAY_SECONDS - 5), 2)
        found.append((start, round(start + rng.uniform(0.2, 4), 2), rng.choice(CLASSES)))
    return truth, without_overlaps(found)


def of_sed_eval(truth, found):
    scores = []
    for collar in (0.2, 1.0):
        for offset in (False, True):
            metric = sed_eval.sound_event.EventBasedMetrics(
                event_label_list=CLASSES,
                t_collar=collar,
                percentage_of_length=0.5,
                evaluate_onset=True,
                evaluate_offset=offset,
                event_matching_type="optimal",
                empty_system_output_handling="zero_score",
            )
            metric.evaluate(as_rows(truth), as_rows(found))
            overall = metric.results_overall_metrics()["f_measure"]
            names = ("recall", "precision", "f_measure")
            scores.append((collar, offset, [float(overall[name]) for name in names]))
    return scores


def of_psds_eval(truth, found):
    scores = []
    for criterion in (0.3, 0.5, 0.7):
        metric = psds_eval.PSDSEval(
            dtc_threshold=criterion,
            gtc_threshold=criterion,
            ground_truth=as_table(truth),
            metadata=pandas.DataFrame([("day", float(DAY_SECONDS))], columns=["filename", "duration"]),
            class_names=sorted({label for _, _, label in truth}),
        )
        _, by_class = metric.compute_macro_f_score(as_table(found))
        # A class that was never right has no F1 there, and 0 here.
        f1 = {label: 0.0 if f1 != f1 else float(f1) for label, f1 in by_class.items()}
        scores.append((criterion, f1))
    return scores


def main():
    rng = random.Random(1)
    cases = []
    while len(cases) < 40:
        truth, found = draw(rng)
        labels = {label for _, _, label in truth}
        # psds_eval does not take found events of classes that are never true.
        found = [event for event in found if event[2] in labels]
        if not found:
            continue
        case = {"truth": truth, "found": found}
        case["sed_eval"] = of_sed_eval(truth, found)
        case["psds_eval"] = of_psds_eval(truth, found)
        cases.append(case)
    lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
    print(f"[\n{lines}\n]")


if __name__ == "__main__":
    main()
