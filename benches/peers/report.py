"""The report: one table a stream, what is better than Afield in bold, and plots."""

import math

import plots

REFERENCE = "afield lda"
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


class Scores:
    """A row's accuracies, over the rounds in which every group was held out."""

    def __init__(self, row, groups):
        finished = [cell for cell in row.get("cells", []) if cell["share"] == 1.0]
        by_seed = {}
        for cell in finished:
            by_seed.setdefault(cell["seed"], []).append(cell)
        whole = {seed: cells for seed, cells in by_seed.items() if len(cells) == len(groups)}
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
        over = [cell["share"] for cell in row.get("cells", []) if cell["share"] < 1.0]
        self.over = over[0] if over else None


def accuracy(values):
    if not values:
        return "–"
    half = interval(values)
    text = f"{mean(values):.3f}".removeprefix("0")
    return text if half is None else f"{text} ± {half:.3f}".replace("± 0.", "± .")


def us(value):
    if not value:
        return "–"
    if value >= 1e5:
        return f"{value / 1e6:.2f} s"
    if value >= 1e4:
        return f"{value / 1e3:.0f} ms"
    if value >= 1e3:
        return f"{value / 1e3:.1f} ms"
    return f"{value:.0f}" if value >= 100 else f"{value:.2g}" if value < 10 else f"{value:.1f}"


def size(value):
    for limit, unit in ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")):
        if value >= limit:
            return f"{value / limit:.3g} {unit}"
    return f"{value} B"


def ratio(value, reference):
    if not value or not reference:
        return "–"
    of = value / reference
    return f"{of:.3g}×" if of < 100 else f"{of:,.0f}×"


def p95(row, name):
    return row.get(name, {}).get("p95") or None


def not_waiting(row):
    value = p95(row, "predict_now_after_learn_us")
    return f"{us(value)} ({row['lag']})" if value else "–"


def bold_if(text, better):
    return f"**{text}**" if better else text


def display(row):
    return f"`{row['method']}`" if row["method"].startswith("afield") else row["method"]


def clearly_above(ours, theirs):
    """Whether `theirs` is above by more than both intervals allow for."""
    if not ours or not theirs:
        return False
    slack = (interval(ours) or 0) + (interval(theirs) or 0)
    return mean(theirs) - mean(ours) > max(slack, 1e-9)


def table(rows, of):
    reference = next(row for row in rows if row["method"] == REFERENCE)
    ours = Scores(reference, of["groups"])
    header = [
        "method", "final", "avg. incr.", "worst group", "learn p50 / p95 µs", "to lda",
        "predict p50 / p95 µs", "right after p95", "to lda", "not waiting p95 (lag)", "state", "peak RSS", "seeds",
    ]
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    for row in rows:
        if "error" in row:
            lines.append(f"| {display(row)} | failed: {row['error']} |" + " |" * (len(header) - 2))
            continue
        scores = Scores(row, of["groups"])
        batch = row.get("batch", False)
        learn, after = p95(row, "learn_us"), p95(row, "predict_after_learn_us")
        predict = row["predict_us"]
        worst = min(scores.groups, key=scores.groups.get) if scores.groups else None
        seeds = str(scores.seeds)
        if scores.over is not None and scores.seeds == 0:
            seeds = f"over the limit, {100 * scores.over:.0f} % of a stream done"
        elif scores.partial:
            seeds = scores.partial
        elif batch:
            seeds = "any order"
        is_reference = row is reference
        cheaper = lambda value, base: bool(value and base and value < base and not is_reference)
        cells = [
            display(row),
            bold_if(accuracy(scores.final), not is_reference and clearly_above(ours.final, scores.final)),
            "–"
            if batch
            else bold_if(
                accuracy(scores.average),
                not is_reference and clearly_above(ours.average, scores.average),
            ),
            f"{scores.groups[worst]:.3f}".removeprefix("0") + f" ({worst})" if worst else "–",
            f"fit {us(row['solve_us']['p50'])}"
            if batch
            else bold_if(
                f"{us(row['learn_us']['p50'])} / {us(learn)}", cheaper(learn, p95(reference, "learn_us"))
            ),
            "–" if batch else ratio(learn, p95(reference, "learn_us")),
            bold_if(
                f"{us(predict['p50'])} / {us(predict['p95'])}",
                cheaper(predict["p95"], p95(reference, "predict_us")),
            ),
            bold_if(us(after), cheaper(after, p95(reference, "predict_after_learn_us")))
            + (f" (of {row['after_learn']})" if after and row["after_learn"] < 200 else ""),
            ratio(after, p95(reference, "predict_after_learn_us")),
            not_waiting(row),
            bold_if(size(row["state_bytes"]), cheaper(row["state_bytes"], reference["state_bytes"])),
            bold_if(
                size(row["peak_rss_bytes"]), cheaper(row["peak_rss_bytes"], reference["peak_rss_bytes"])
            ),
            seeds,
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def losses(rows, of):
    """In words, where a peer is better than every head of Afield, or than `lda`."""
    heads = [row for row in rows if row["method"].startswith("afield") and "error" not in row]
    # `finetune` is the lower bound, no answer.
    answers = [row for row in heads if row["method"] != "afield finetune"]
    reference = next(row for row in rows if row["method"] == REFERENCE)
    best = max(answers, key=lambda row: mean(Scores(row, of["groups"]).final or [0]))
    ours, top = Scores(reference, of["groups"]), Scores(best, of["groups"])
    above, above_all, cheap = [], [], {}
    for row in rows:
        if "error" in row or row in heads:
            continue
        theirs = Scores(row, of["groups"])
        if not theirs.final or theirs.partial:
            continue
        gap = 100 * (mean(theirs.final) - mean(ours.final))
        if clearly_above(ours.final, theirs.final):
            above.append(f"{row['method']} (+{gap:.1f})")
        if clearly_above(top.final, theirs.final):
            above_all.append(row["method"])
        if row.get("batch"):
            continue
        for name, what in (("learn_us", "learns faster (p95)"),("predict_after_learn_us", "answers sooner after learning (p95)"),("predict_us", "predicts faster (p95)")):
            if p95(row, name) and p95(reference, name) and p95(row, name) < p95(reference, name):
                cheap.setdefault(what, []).append(row["method"])
        if row["state_bytes"] < reference["state_bytes"]:
            cheap.setdefault("keeps less state", []).append(row["method"])
        if row["peak_rss_bytes"] < reference["peak_rss_bytes"]:
            cheap.setdefault("needs less memory", []).append(row["method"])
    lines = []
    if above:
        lines.append(f"- more accurate at the end than `lda`, in points: {', '.join(above)}.")
    if above_all:
        lines.append(f"- more accurate at the end than every head of Afield: {', '.join(above_all)}.")
    for what, methods in cheap.items():
        lines.append(f"- {what}: {', '.join(methods)}.")
    return lines or ["- no peer, beyond the intervals."]


def curves_of(rows, of):
    """The lines of the plot: `lda`, the best other heads, the lower bound, and the best of
    each library."""
    scored = [
        (row, Scores(row, of["groups"]))
        for row in rows
        if "error" not in row and not row.get("batch")
    ]
    scored = [(row, scores) for row, scores in scored if len(scores.curve) > 1]
    picked = [pair for pair in scored if pair[0]["method"] == REFERENCE]
    others = [pair for pair in scored if pair not in picked]
    others.sort(key=lambda pair: -mean(pair[1].final))
    for kind, count in (("afield", 2), ("numpy", 0), ("avalanche", 2), ("sklearn", 1), ("river", 1)):
        picked += [pair for pair in others if pair[0]["kind"] == kind][:count]
    lower = [pair for pair in others if pair[0]["method"] == "afield finetune"]
    picked += [pair for pair in lower if pair not in picked]
    return {row["method"]: scores.curve for row, scores in picked[:8]}


def joint_of(rows, of):
    for row in rows:
        if row["method"] == "joint logistic regression" and "error" not in row:
            return mean(Scores(row, of["groups"]).final)
    return None


def cost_rows(rows):
    made = []
    for row in rows:
        if "error" not in row and not row.get("batch"):
            ours = row["method"].startswith("afield")
            costs = (p95(row, "learn_us"), p95(row, "predict_after_learn_us"))
            made.append((row["method"], ours, *costs, row["state_bytes"], row["peak_rss_bytes"]))
    return made


def settings(config):
    return ", ".join(f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}" for name, value in config.items()) or "defaults"


def tuning(results):
    lines = [
        "| stream | method | tried | ended in time | chosen (held-out groups) |",
        "|---|---|---|---|---|",
    ]
    for of in results["data"]:
        for each in of["tables"]:
            for row in each["rows"]:
                chosen = row.get("chosen")
                if not chosen:
                    continue
                groups = {}
                for group, config in chosen.items():
                    groups.setdefault(settings(config), []).append(group)
                told = "; ".join(f"{config} ({', '.join(held)})" for config, held in groups.items())
                tried = row["tried"]
                count = len(tried["configs"]) or ("16" if "joint" in row["method"] else 0)
                scores = [score for of_group in tried["scores"].values() for score in of_group]
                ended = f"{sum(score is not None for score in scores)} of {len(scores)}" if scores else "–"
                stream = f"{of['name']}, {each['protocol']}"
                lines.append(f"| {stream} | {row['method']} | {count} | {ended} | {told} |")
    return lines


def drift(each):
    first = next(row for row in each["rows"] if row["method"] == REFERENCE)
    again = each["lda_again"]
    if "error" in again:
        return None
    return p95(again, "learn_us") / p95(first, "learn_us")


METHOD = """\
- **Same rows, same orders.** Every method reads the same float32 rows and the same saved
  streams (`afield evaluate --save-stream`); test rows are whole held-out groups. Accuracy is
  taken after each task, one row at a time.
- **One thread, one process each, one after the other.** Peak RSS is that of the process
  after its first stream, interpreter and libraries included, as it is. Tuning runs in
  another process.
- **Times** are wall-clock, one call each, p50 and p95 by nearest rank over all streams of the
  method. Rows are brought into each library's own form beforehand, outside the clock (Afield:
  fixed-point integers; river: dictionaries; PyTorch: tensors). *Predict* is with everything
  solved; *right after* is one prediction after each of 200 more examples learned, so that
  nobody hides a deferred solve (it stops after 30 s, and says how many it got to). *Not
  waiting* is Afield's `predict_now`, as `afield listen` uses it: the answer at once from the
  latest solution, with a second thread that solves; *lag* is by how many examples the
  answer was behind at most. No peer has the like, and no ratio is taken of it.
- **State** is what must be saved to go on: Afield's saved bytes, a pickle of the model
  elsewhere, for PyTorch of the state_dict with buffer and importances.
- **Tuning.** Every peer with hyper-parameters has 8 configurations tried on a validation
  group of the training side, for each held-out group anew, as far as they end within
  {tune:.0f} s; the table at the end tells how many did. The joint bound chooses among 16 (4 transforms × 4 penalties), by folds of
  whole groups. **Afield's heads run at their defaults; nothing of them is tuned.**
- **Rehearsal** is 200 rows for everyone who rehearses, balanced by class.
- **Intervals** are 95 % (Student's t) over seeds, each seed being the mean over all held-out
  groups; they speak of the order, not of other speakers. No seed is begun that would take a
  method beyond {run:.0f} s, and one stream has {cell:.0f} s; the last column tells.
- Told ahead: scikit-learn's and Avalanche's learners know how many classes will come; Afield's
  and river's do not. Avalanche's StreamingLDA may use its first rows for `fit_base`, and
  classes without a row are masked for it. Naive, Replay and EWC train by task in minibatches of
  one; EWC's importances and the buffer's update count to the last example of a task.
- *batch* rows are fitted to everything at the end; *joint logistic regression* is the upper
  bound, on the rows before any transform.
"""


def short_table(results):
    lines = [
        "| stream | `lda` | best other head | best streaming peer | joint, offline |",
        "|---|---|---|---|---|",
    ]
    for of in results["data"]:
        for each in of["tables"]:
            rows = [row for row in each["rows"] if "error" not in row]

            def top(wanted):
                found = [(mean(Scores(row, of["groups"]).final), row["method"]) for row in rows if wanted(row) and Scores(row, of["groups"]).seeds]
                return f"{max(found)[0]:.3f}".removeprefix("0") + f" {max(found)[1].removeprefix('afield ')}" if found else "–"

            reference = next(row for row in rows if row["method"] == REFERENCE)
            joint = joint_of(rows, of)
            cells = [
                f"{of['name']}, {each['protocol']}",
                accuracy(Scores(reference, of["groups"]).final),
                top(lambda row: row["kind"] == "afield" and row["method"] != REFERENCE),
                top(lambda row: row["kind"] not in ("afield", "numpy") and not row.get("batch")),
                f"{joint:.3f}".removeprefix("0") if joint else "–",
            ]
            lines.append("| " + " | ".join(cells) + " |")
    return lines


def write(results, folder, growth):
    folder.mkdir(parents=True, exist_ok=True)
    of_machine = results["machine"]
    peers = ", ".join(of_machine["peers"])
    avalanche = ", ".join(of_machine["avalanche"]) or "left out"
    lines = [
        "# Learning: Afield beside its peers",
        "",
        "Written by `python3 benches/peers/run.py`; not edited by hand. **Bold** is better than "
        f"`{REFERENCE}` in the same column (for accuracies: beyond both intervals).",
        "",
        f"{results['date']}, {of_machine['processor']}, {of_machine['cores']} cores, "
        f"{of_machine['memory']}, {of_machine['system']}; {of_machine['rustc']}; commit "
        f"{of_machine['commit']}. Load before and after: {of_machine['load_before'][0]} and "
        f"{results['load_after'][0]} (1 is this run itself). {results['minutes']:.0f} minutes.",
        "",
        f"Peers: {peers}. Avalanche's: {avalanche}.",
        "",
        "## In short",
        "",
        "Final accuracy, mean over held-out groups and seeds.",
        "",
        *short_table(results),
        "",
        "## How it was measured",
        "",
        METHOD.format(**results["limits"]),
    ]
    for of in results["data"]:
        lines += [f"## {of['name']}", "", of["about"]]
        lines += [f"{of['rows']:,} rows of {of['features']:,} numbers, {of['classes']} classes.", ""]
        for each in of["tables"]:
            rows = each["rows"]
            stem = f"learning-{of['name']}-{each['protocol']}"
            tasks = {"class-incremental": "classes taught", "domain-incremental": "groups taught"}
            xlabel = tasks.get(each["protocol"], "tenths of the stream")
            curve = plots.accuracy(
                folder / f"{stem}-accuracy.svg", curves_of(rows, of), joint_of(rows, of), xlabel
            )
            cost = plots.costs(folder / f"{stem}-costs.svg", cost_rows(rows))
            lines += [f"### {of['name']}, {each['protocol']}", "", *table(rows, of), ""]
            moved = drift(each)
            if moved is not None:
                lines += [f"`lda` run again after all peers: learn p95 {moved:.2f} times the first.", ""]
            lines += [f"Where `lda` loses, {of['name']}, {each['protocol']}:", "", *losses(rows, of), ""]
            lines += [f"![Accuracy over the stream]({curve})", "", f"![Costs]({cost})", ""]
    if growth.exists():
        name = plots.growth(folder / "learning-growth.svg", growth)
        lines += ["## Costs against examples seen", "", f"![Costs against examples seen]({name})", ""]
    lines += ["## What was chosen", "", *tuning(results), ""]
    if results.get("missing"):
        lines += ["## Left out, or short of something", ""]
        lines += [f"- {what}: {why}." for what, why in results["missing"].items()] + [""]
    (folder / "learning.md").write_text("\n".join(lines))
