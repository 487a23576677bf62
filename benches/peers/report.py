"""The report: figures, machine, method and plots."""

import plots
import summary
import tables
from scores import Scores, mean
from words import us

METHOD = """\
- **Same rows, same orders.** Every method reads the same float32 rows and the same saved
  streams (`afield evaluate --save-stream`). Test rows are whole held-out groups. Accuracy is
  taken after each task, one row at a time. The predictions of the timed program for `lda` and `ncm`
  are compared with those of `afield evaluate`, {checks} streams, and are equal.
- **One thread, one process each, one after the other.** The exception is the thread that solves for
  *not waiting*. Peak RSS is that of the process after its first stream, interpreter and
  libraries included. Tuning runs in other processes.
- **Times** are wall-clock, one call each, p50 and p95 by nearest rank over all streams of the
  method, the first calls included. Rows are converted into each library's own form outside the
  clock (Afield: fixed-point integers; river: dictionaries; PyTorch: tensors).
  - *Predict* is a prediction with everything solved.
  - *Right after* is one prediction after each of 200 more examples learned, so that deferred
    solves count. It stops after 30 s, and the table gives the number of examples reached.
  - *Not waiting* is Afield's `predict_now`, as `afield listen` uses it: an immediate prediction
    from the latest solution, with a second thread that solves. *Lag* is the largest number of
    examples by which the prediction was behind. No peer has an equivalent, so no ratio is given.
- **Ratios of learning** relate to a run of `lda` over the first stream directly before the row,
  so other load on the machine affects both. Ratios of *right after* relate to the row of `lda`.
- **State** is the saved data that is needed to continue: Afield's saved bytes; a pickle of the model
  elsewhere; for PyTorch, the state_dict with buffer and importances.
- **Tuning.** Every peer with hyper-parameters has 8 configurations. Each is tried on a validation
  group of the training side, for each held-out group anew, within {tune:.0f} s a process. Two
  processes share the groups. The synthetic rows, which serve to measure costs, have a sixth of that
  time. The table at the end gives the number that finished. The joint bound chooses among 16
  (4 transforms × 4 penalties), by folds of whole groups. **Afield's heads run at their defaults,
  and nothing of them is tuned here.** But these defaults, and the transforms of the cards, were
  once chosen on ESC-10 and FSDD. Only *watch* is new to them.
- **Rehearsal** is 200 rows for every method that rehearses, balanced by class.
- **Intervals** are 95 % (Student's t) over seeds. Each seed is the mean over all held-out groups.
  The intervals describe the influence of the order, not that of other speakers. Intervals below
  .0005 are omitted. The aim is five seeds. A seed that would take a method beyond {run:.0f} s is
  not started, and one stream has {cell:.0f} s. The last column gives the number of seeds.
- **Advance knowledge.** scikit-learn's and Avalanche's learners know the number of classes in
  advance. Afield's and river's do not. Avalanche's StreamingLDA may use its first rows for
  `fit_base`, and classes without a row are masked for it. Naive, Replay and EWC train by task in
  minibatches of one. EWC's importances and the buffer's update count towards the last example of a
  task. scikit-learn's GaussianNB takes its smoothing from the rows of one call, which is zero for
  one row. The benchmark adds it when predicting.
- *batch* rows are fitted to everything at the end. *Joint logistic regression* is the upper
  bound, on the rows before any transform.
"""
GOALS = """\
How many times longer a peer takes to learn one example than `lda` in the same run. The goal is 100
for river and scikit-learn and 10 for Avalanche. The column *goal met* uses p50 of the library's
fastest learner, regardless of its accuracy (final accuracy in brackets)."""
EXACT = """\
The exact heads against the same method fitted to all rows at once:

- `lda` against NumPy's sums in f64, scikit-learn's LDA with one OAS shrinkage and equal priors (solver
  `eigen`), and scikit-learn's own Ledoit-Wolf (solver `lsqr`, a shrinkage a class);
- `ridge` (up to 1,024 features as they are beside 512 random ones, penalty from its own sums) against
  RidgeClassifier with a tuned penalty, on the rows and on 512 random features of its own.

*Above* means better than the counterpart by more than half a point."""
GROWTH = """\
50 classes; p95 over the last calls before each power of ten up to a million. Afield's heads had
{seconds:.0f} s for each head and width, peers {peers:.0f} s. A power that would not finish in time is
not started. *Right after*: Afield does not wait (a second thread solves); peers run as they are."""
AXES = {"class-incremental": "classes taught", "domain-incremental": "groups taught"}


def write(results, folder):
    folder.mkdir(parents=True, exist_ok=True)
    streams = results["tables"]
    # Plots of an earlier run may have other names.
    for old in folder.glob("learning-*.svg"):
        old.unlink()
    lines = [*opening(results), *about(results, streams)]
    for table in streams:
        lines += stream(table, folder)
    if results["growth"]:
        name = plots.growth(folder / "learning-growth.svg", results["growth"])
        seconds = results["growth_seconds"]
        said = GROWTH.format(seconds=seconds, peers=seconds / 10)
        lines += ["## Costs against examples seen", "", said, "", *summary.growth(results["growth"]), ""]
        lines += [f"![Costs against examples seen]({name})", ""]
    lines += ["## What was chosen", "", *summary.tuning(streams), ""]
    if results["missing"]:
        lines += ["## Omitted, or incomplete", ""]
        lines += [f"- {what}: {why}." for what, why in results["missing"].items()] + [""]
    (folder / "learning.md").write_text("\n".join(lines).rstrip() + "\n")


def opening(results):
    machine = results["machine"]
    reused = results["reused"]
    kept = f", {reused} measurements kept from interrupted runs" if reused else ""
    return [
        "# Learning: Afield beside its peers",
        "",
        "`python3 benches/peers/run.py` writes this page. Do not edit it by hand. **Bold** is better than "
        f"`{tables.REFERENCE}` in the same column (for accuracies: beyond both intervals).",
        "",
        f"{results['date']}, {machine['processor']}, {machine['cores']} cores, "
        f"{machine['memory']}, {machine['system']}; {machine['rustc']}; commit "
        f"{machine['commit']}. Load before and after: {machine['load_before'][0]} and "
        f"{results['load_after'][0]} (1 is this run itself). {results['minutes']:.0f} minutes{kept}.",
        "",
        f"Peers: {', '.join(machine['peers'])}. "
        f"Avalanche's: {', '.join(machine['avalanche']) or 'omitted'}.",
        "",
    ]


def about(results, measured):
    checks = sum(table.get("checks", 0) for table in measured)
    said = METHOD.format(**results["limits"], checks=checks)
    return [
        "## In short",
        "",
        "Final accuracy, mean over held-out groups and seeds.",
        "",
        *summary.short(measured),
        "",
        "### Speed of learning, against its goals",
        "",
        GOALS,
        "",
        *summary.speed(measured),
        "",
        "### Exactness",
        "",
        EXACT,
        "",
        *summary.exactness(measured),
        "",
        "## How it was measured",
        "",
        said,
    ]


def stream(table, folder):
    called = f"{table['name']}, {table['protocol']}"
    stem = f"learning-{table['name']}-{table['protocol']}"
    curve = plots.accuracy(
        folder / f"{stem}-accuracy.svg",
        curves_of(table),
        summary.joint_of(table),
        AXES.get(table["protocol"], "tenths of the stream"),
    )
    cost = plots.costs(folder / f"{stem}-costs.svg", cost_rows(table))
    lines = [f"## {called}", "", table["about"]]
    lines += [f"{table['rows_of_data']:,} rows of {table['features']:,} numbers, {table['classes']} classes."]
    lines += ["", *tables.accuracies(table), "", f"![Accuracy over the stream]({curve})", ""]
    lines += [*tables.costs(table), ""]
    if moved := tables.drift(table):
        low, high = moved
        lines += [f"p50 of learning with `lda` beside the rows: {us(low)} to {us(high)}.", ""]
    lines += [f"![Costs]({cost})", "", "Where `lda` loses:", "", *tables.losses(table), ""]
    return lines


def curves_of(table):
    """The curves of the plot: `lda`, the best other heads, the lower bound, and the best of
    each library."""
    scored = [(row, Scores(row, table["groups"])) for row in tables.streaming(table["rows"])]
    scored = [(row, scores) for row, scores in scored if len(scores.curve) > 1 and scores.final]
    picked = [pair for pair in scored if pair[0]["method"] == tables.REFERENCE]
    others = [pair for pair in scored if pair not in picked]
    others.sort(key=lambda pair: -mean(pair[1].final))
    for kind, count in (("afield", 2), ("avalanche", 2), ("sklearn", 1), ("river", 1)):
        picked += [pair for pair in others if pair[0]["kind"] == kind][:count]
    lower = [pair for pair in others if pair[0]["method"] == "afield finetune"]
    picked += [pair for pair in lower if pair not in picked]
    return {row["method"]: scores.curve for row, scores in picked[:8]}


def cost_rows(table):
    made = []
    for row in tables.streaming(table["rows"]):
        costs = (tables.of(row, "learn_us"), tables.of(row, "predict_after_learn_us"))
        made.append(
            (row["method"], row["kind"] == "afield", *costs, row["state_bytes"], row["peak_rss_bytes"])
        )
    return made
