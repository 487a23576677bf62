"""The tables of one stream: accuracies, costs, and where `lda` loses."""

from scores import Scores, clearly_above, mean
from words import accuracy, bold_if, header, line, ratio, size, three, us

REFERENCE = "afield lda"
TIMES = ("p50", "p95")


def reference_of(rows):
    return next(row for row in rows if row["method"] == REFERENCE)


def display(row):
    return f"`{row['method']}`" if row["kind"] == "afield" else row["method"]


def measured(rows):
    return [row for row in rows if "error" not in row]


def streaming(rows):
    return [row for row in measured(rows) if not row.get("batch")]


def of(row, name, rank="p95"):
    return row.get(name, {}).get(rank) or None


def to_lda(row, name, rank="p95"):
    """The ratio to the time of `lda` directly before the row, over the first stream."""
    beside = row.get("beside") or {}
    return of(row, name, rank), of(beside, name, rank)


def accuracies(table):
    rows, groups = table["rows"], table["groups"]
    ours = Scores(reference_of(rows), groups)
    lines = header("method", "final", "avg. incremental", "worst group", "seeds")
    for row in rows:
        if "error" in row:
            lines.append(line(display(row), f"failed: {row['error']}", "", "", ""))
            continue
        scores = Scores(row, groups)
        other = row["method"] != REFERENCE
        worst = min(scores.groups, key=scores.groups.get) if scores.groups else None
        average = bold_if(
            accuracy(scores.average), other and clearly_above(ours.average, scores.average)
        )
        lines.append(
            line(
                display(row),
                bold_if(accuracy(scores.final), other and clearly_above(ours.final, scores.final)),
                "–" if row.get("batch") else average,
                f"{three(scores.groups[worst])} ({worst})" if worst else "–",
                seeds(row, scores),
            )
        )
    return lines


def seeds(row, scores):
    if scores.over is not None and scores.seeds == 0:
        return f"over the limit, {100 * scores.over:.0f} % of a stream done"
    if scores.partial:
        return scores.partial
    return "any order" if row.get("batch") else scores.seeds


def costs(table):
    rows = measured(table["rows"])
    reference = reference_of(rows)
    lines = header(
        "method", "learn p50", "p95", "to `lda` p50", "p95", "predict p50", "p95",
        "right after p50", "p95", "to `lda` p95", "not waiting p95 (lag)", "state", "peak RSS",
    )
    for row in rows:
        batch, other = row.get("batch"), row is not reference

        def time(name, rank):
            value, base = of(row, name, rank), of(reference, name, rank)
            return bold_if(us(value), other and value and base and value < base)

        def bytes_of(name):
            return bold_if(size(row[name]), other and row[name] < reference[name])

        learn = [time("learn_us", rank) for rank in TIMES]
        ratios = [ratio(*to_lda(row, "learn_us", rank)) for rank in TIMES]
        if batch:
            learn, ratios = [f"fit {us(row['solve_us']['p50'])}", "–"], ["–", "–"]
        after = [time("predict_after_learn_us", rank) for rank in TIMES]
        if of(row, "predict_after_learn_us") and row["after_learn"] < 200:
            after[1] += f" (of {row['after_learn']})"
        now = of(row, "predict_now_after_learn_us")
        lines.append(
            line(
                display(row),
                *learn,
                *ratios,
                *(time("predict_us", rank) for rank in TIMES),
                *after,
                ratio(of(row, "predict_after_learn_us"), of(reference, "predict_after_learn_us")),
                f"{us(now)} ({row['lag']})" if now else "–",
                bytes_of("state_bytes"),
                bytes_of("peak_rss_bytes"),
            )
        )
    return lines


def losses(table):
    """A list of the columns in which a peer is better than `lda`, or than every head of Afield."""
    rows, groups = measured(table["rows"]), table["groups"]
    # `finetune` is the lower bound, no answer.
    heads = [row for row in rows if row["kind"] == "afield" and row["method"] != "afield finetune"]
    reference = reference_of(rows)
    best = max(heads, key=lambda row: mean(Scores(row, groups).final or [0]))
    ours, top = Scores(reference, groups), Scores(best, groups)
    above, above_all, cheap = [], [], {}
    for row in rows:
        theirs = Scores(row, groups)
        if row["kind"] == "afield" or not theirs.final or theirs.partial:
            continue
        if clearly_above(ours.final, theirs.final):
            above.append(f"{row['method']} (+{100 * (mean(theirs.final) - mean(ours.final)):.1f})")
        if clearly_above(top.final, theirs.final):
            above_all.append(row["method"])
        if row.get("batch"):
            continue
        for name, what in (
            ("learn_us", "learns faster (p95)"),
            ("predict_us", "predicts faster (p95)"),
            ("predict_after_learn_us", "predicts faster right after learning (p95)"),
        ):
            if of(row, name) and of(reference, name) and of(row, name) < of(reference, name):
                cheap.setdefault(what, []).append(row["method"])
        for name, what in (("state_bytes", "keeps less state"), ("peak_rss_bytes", "needs less memory")):
            if row[name] < reference[name]:
                cheap.setdefault(what, []).append(row["method"])
    lines = []
    if above:
        lines.append(f"- more accurate at the end than `lda`, in points: {', '.join(above)}.")
    if above_all:
        lines.append(f"- more accurate at the end than every head of Afield: {', '.join(above_all)}.")
    lines += [f"- {what}: {', '.join(methods)}." for what, methods in cheap.items()]
    return lines or ["- nowhere beyond the intervals."]


def drift(table):
    """The p50 of learning with `lda` beside the rows: the smallest and the largest."""
    beside = [of(row.get("beside") or {}, "learn_us", "p50") for row in streaming(table["rows"])]
    beside = [value for value in beside if value]
    return (min(beside), max(beside)) if beside else None
