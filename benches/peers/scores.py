"""Accuracies of a row over held-out groups and seeds, with intervals."""

import math

# Two-sided 95 % quantile of Student's t, by degrees of freedom.
STUDENT = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262}


def mean(values):
    return sum(values) / len(values)


def interval(values):
    """Half the width of the 95 % interval of the mean; None below two values."""
    if len(values) < 2:
        return None
    centre = mean(values)
    deviation = math.sqrt(sum((value - centre) ** 2 for value in values) / (len(values) - 1))
    return STUDENT.get(len(values) - 1, 1.96) * deviation / math.sqrt(len(values))


def clearly_above(ours, theirs):
    """Whether `theirs` is above by more than both intervals allow for."""
    if not ours or not theirs:
        return False
    slack = (interval(ours) or 0) + (interval(theirs) or 0)
    return mean(theirs) - mean(ours) > max(slack, 1e-9)


class Scores:
    """A row's accuracies, over the rounds in which every group was held out."""

    def __init__(self, row, groups):
        cells = row.get("cells", [])
        finished = [cell for cell in cells if cell["share"] == 1.0]
        by_seed = {}
        for cell in finished:
            by_seed.setdefault(cell["seed"], []).append(cell)
        whole = {seed: of for seed, of in by_seed.items() if len(of) == len(groups)}
        self.partial = None if whole else f"{len(finished)} of {len(groups)} groups"
        used = whole or by_seed
        self.seeds = len(whole)
        self.final = [mean([cell["accuracy_after"][-1] for cell in of]) for of in used.values()]
        self.average = [mean([mean(cell["accuracy_after"]) for cell in of]) for of in used.values()]
        by_group = {}
        for of in used.values():
            for cell in of:
                group = cell["name"].rsplit("/", 1)[0]
                by_group.setdefault(group, []).append(cell["accuracy_after"][-1])
        self.groups = {group: mean(values) for group, values in by_group.items()}
        curves = [cell["accuracy_after"] for of in used.values() for cell in of]
        length = min((len(curve) for curve in curves), default=0)
        self.curve = [mean([curve[i] for curve in curves]) for i in range(length)]
        # How much of a stream was done, where time ran out.
        self.over = next((cell["share"] for cell in cells if cell["share"] < 1.0), None)
