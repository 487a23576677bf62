"""The tables over all streams: in short, speed against its goals, exactness, tuning."""

from scores import Scores, mean
from tables import REFERENCE, measured, of, reference_of, streaming, to_lda
from words import accuracy, header, line, ratio, settings, three, us

# Goal: how many times faster than a library Afield's `lda` learns.
GOALS = {"river": 100, "sklearn": 100, "avalanche": 10}
# Largest allowed difference between an exact head and its batch counterpart.
EXACT_WITHIN = 0.005


def called(table):
    return f"{table['name']}, {table['protocol']}"


def final(row, table):
    """Mean final accuracy, if every group was held out at least once."""
    scores = Scores(row, table["groups"])
    return mean(scores.final) if scores.seeds else None


def named(table, method):
    return next((row for row in measured(table["rows"]) if row["method"] == method), None)


def joint_of(table):
    row = named(table, "joint logistic regression")
    return row and final(row, table)


def short(tables):
    lines = header("stream", "`lda`", "best other head", "best streaming peer", "joint, offline")
    for table in tables:

        def top(rows):
            found = [(final(row, table), row["method"]) for row in rows]
            found = [pair for pair in found if pair[0] is not None]
            return f"{three(max(found)[0])} {max(found)[1].removeprefix('afield ')}" if found else "–"

        rows, joint = streaming(table["rows"]), joint_of(table)
        lines.append(
            line(
                called(table),
                accuracy(Scores(reference_of(rows), table["groups"]).final),
                top(row for row in rows if row["kind"] == "afield" and row["method"] != REFERENCE),
                top(row for row in rows if row["kind"] not in ("afield", "numpy")),
                three(joint) if joint else "–",
            )
        )
    return lines


def speed(tables):
    """The fastest learner and the most accurate one of each library."""
    lines = header(
        "stream", "library, goal", "its fastest learner", "p50", "p95", "its most accurate", "p50", "p95", "goal met"
    )
    for table in tables:
        for kind, goal in GOALS.items():
            rows = [row for row in streaming(table["rows"]) if row["kind"] == kind]
            rows = [row for row in rows if of(row, "learn_us", "p50") and final(row, table) is not None]
            if not rows:
                lines.append(line(called(table), f"{kind}, {goal}×", *["–"] * 6, "not measured"))
                continue
            fastest = min(rows, key=lambda row: of(row, "learn_us", "p50"))
            accurate = max(rows, key=lambda row: final(row, table))
            cells = []
            for row in (fastest, accurate):
                cells.append(f"{row['method']} ({three(final(row, table))})")
                cells += [ratio(*to_lda(row, "learn_us", rank)) for rank in ("p50", "p95")]
            lines.append(line(called(table), f"{kind}, {goal}×", *cells, met(fastest, accurate, goal)))
    return lines


def met(fastest, accurate, goal):
    def reaches(row):
        value, base = to_lda(row, "learn_us", "p50")
        return bool(value and base and value / base >= goal)

    if reaches(fastest):
        return "yes"
    return "by the most accurate only" if reaches(accurate) else "**no**"


def exactness(tables):
    lines = header("stream", "head", "", "batch counterpart", "", "difference in points", "within 0.5")
    pairs = (
        ("lda", "numpy exact lda"),
        ("lda", "batch lda oas"),
        ("lda", "batch lda ledoit-wolf"),
        ("ridge", "batch ridge"),
        ("ridge", "batch ridge on random features"),
    )
    for table in tables:
        for head, method in pairs:
            ours, theirs = named(table, f"afield {head}"), named(table, method)
            if not ours or not theirs or None in (final(ours, table), final(theirs, table)):
                continue
            gap = final(ours, table) - final(theirs, table)
            verdict = "yes" if abs(gap) <= EXACT_WITHIN + 1e-9 else "above" if gap > 0 else "**below**"
            cells = [three(final(ours, table)), method, three(final(theirs, table)), f"{100 * gap:+.2f}"]
            lines.append(line(called(table), f"`{head}`", *cells, verdict))
    return lines


def tuning(tables):
    lines = header("stream", "method", "tried", "finished in time", "chosen (held-out groups)")
    for table in tables:
        for row in measured(table["rows"]):
            chosen = row.get("chosen")
            if not chosen:
                continue
            groups = {}
            for group, config in chosen.items():
                groups.setdefault(settings(config), []).append(group)
            told = "; ".join(f"{config} ({', '.join(held)})" for config, held in groups.items())
            scores = [score for of_group in row["tried"]["scores"].values() for score in of_group]
            ended = sum(score is not None for score in scores)
            tried = len(row["tried"]["configs"]) or 16
            lines.append(
                line(called(table), row["method"], tried, f"{ended} of {len(scores)}" if scores else "–", told)
            )
    return lines


def growth(curves):
    """First and last goal of every method, p95."""
    lines = header(
        "method", "numbers", "from", "to", "learn p95", "", "predict p95", "", "right after p95", ""
    )
    by = {}
    for row in curves:
        by.setdefault((row["method"], int(row["features"])), []).append(row)
    for (method, width), rows in by.items():
        first, last = rows[0], rows[-1]
        cells = []
        for name in ("learn_p95", "predict_p95", "after_p95"):
            cells += [us(float(first[name])), us(float(last[name]))]
        ours = f"`{method}`" if method.startswith("afield") else method
        ends = (f"{int(row['examples']):,}" for row in (first, last))
        lines.append(line(ours, width, *ends, *cells))
    return lines
