"""The report's plots: SVG with text as text. The colours suit colour-blind readers (Okabe &
Ito), and marker, dash or place distinguish the curves as well."""

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt

AFIELD, PEER = "#0072B2", "#E69F00"
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000", "#999999"]
MARKERS = "osD^vPX*"
DASHES = ["-", "--", "-.", ":", "-", "--", "-.", ":"]

plt.rcParams.update(
    {
        "svg.fonttype": "none",
        "svg.hashsalt": "afield",
        "font.family": "sans-serif",
        "font.size": 9,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "grid.color": "#dddddd",
        "axes.axisbelow": True,
    }
)


def _save(figure, path):
    # Without a date, so that the same results give the same bytes.
    figure.savefig(path, format="svg", bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)
    return path.name


def accuracy(path, curves, joint, xlabel):
    """`curves`: name to mean accuracy after each task. Beside the whole range, the upper
    part again, as far down as most of them end."""
    figure, (whole, upper) = plt.subplots(1, 2, figsize=(10, 3.8))
    for axes in (whole, upper):
        for index, (name, values) in enumerate(curves.items()):
            axes.plot(
                range(1, len(values) + 1),
                values,
                label=f"{name} {values[-1]:.3f}",
                color=COLOURS[index % 8],
                marker=MARKERS[index % 8],
                linestyle=DASHES[index % 8],
                linewidth=2.2 if index == 0 else 1.3,
                markersize=4,
            )
        if joint is not None:
            label = f"joint, offline {joint:.3f}"
            axes.axhline(joint, color="#555555", linewidth=1.2, linestyle=(0, (1, 2)), label=label)
        axes.set_xlabel(xlabel)
        axes.xaxis.get_major_locator().set_params(integer=True)
    whole.set_ylabel("accuracy")
    whole.set_ylim(0, 1.02)
    ends = sorted(values[-1] for values in curves.values())
    upper.set_ylim(max(0.0, ends[len(ends) // 4] - 0.05), 1.005)
    upper.set_title("the upper part", fontsize=9)
    upper.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    figure.tight_layout()
    return _save(figure, path)


def costs(path, rows):
    """`rows`: (name, whether it is Afield's, learn p95 us, after-learn p95 us, state
    bytes, peak bytes), None where not measured."""
    titles = [
        "learn one, p95 (µs)",
        "predict right after, p95 (µs)",
        "state (bytes)",
        "peak memory (bytes)",
    ]
    figure, panels = plt.subplots(1, 4, figsize=(11, 0.27 * len(rows) + 1), sharey=True)
    places = range(len(rows), 0, -1)
    for panel, title, values in zip(panels, titles, list(zip(*rows))[2:]):
        colours = [AFIELD if row[1] else PEER for row in rows]
        hatches = [None if row[1] else "//" for row in rows]
        widths = [value or 0 for value in values]
        for place, width, colour, hatch in zip(places, widths, colours, hatches):
            if width:
                panel.barh(place, width, color=colour, hatch=hatch, edgecolor="white", linewidth=0.4)
                panel.text(width, place, " " + short(width), va="center", fontsize=7)
        panel.set_xscale("log")
        known = [width for width in widths if width]
        if known:
            panel.set_xlim(min(known) / 2, max(known) * 12)
        panel.set_title(title, fontsize=9)
        panel.tick_params(axis="x", labelsize=7)
        panel.grid(axis="y", visible=False)
    panels[0].set_yticks(list(places), [row[0] for row in rows])
    return _save(figure, path)


def short(value):
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g}{unit}"
    return f"{value:.3g}"


def growth(path, rows):
    """Costs against examples seen: a row of panels a width, a panel each for learning,
    predicting and predicting right after learning, p95. Afield's lines are thick and
    whole, the peers' thin and broken."""
    curves = {}
    for row in rows:
        curves.setdefault(row["method"], {}).setdefault(int(row["features"]), []).append(row)
    widths = sorted({int(row["features"]) for row in rows})
    columns = (
        ("learn_p95", "learn one, p95 (µs)"),
        ("predict_p95", "predict, p95 (µs)"),
        ("after_p95", "predict right after, p95 (µs)"),
    )
    size = (11, 3.4 * len(widths))
    figure, grid = plt.subplots(len(widths), len(columns), figsize=size, sharex=True, squeeze=False)
    ours, theirs = 0, 0
    handles = {}
    for method, by_width in curves.items():
        afield = method.startswith("afield")
        index, ours, theirs = (ours, ours + 1, theirs) if afield else (theirs, ours, theirs + 1)
        style = {"color": COLOURS[index % 8], "marker": MARKERS[index % 8]}
        style |= {"linewidth": 2.2, "markersize": 5} if afield else {
            "linewidth": 1, "linestyle": "--", "markersize": 4, "markerfacecolor": "white"
        }
        for width, of in by_width.items():
            for axis, (column, title) in zip(grid[widths.index(width)], columns):
                seen = [float(row["examples"]) for row in of]
                (line,) = axis.plot(seen, [float(row[column]) for row in of], **style)
                axis.set(xscale="log", yscale="log")
                axis.set_title(f"{title}, {width} numbers", fontsize=9)
                handles[method] = line
    for axis in grid[-1]:
        axis.set_xlabel("examples seen")
    for axes in grid:
        low = min(axis.get_ylim()[0] for axis in axes)
        high = max(axis.get_ylim()[1] for axis in axes)
        for axis in axes:
            axis.set_ylim(low, high)
    figure.tight_layout()
    figure.legend(
        handles.values(), handles, loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False
    )
    return _save(figure, path)


def memory(path, found, head, kib):
    """Accuracy against kibibytes: a panel a storage, a line a policy. `found`: plan to
    head to accuracies."""
    policies = list(dict.fromkeys(plan.split(":")[0] for plan in found))
    storages = ["int8", "i16", "f32"]
    figure, panels = plt.subplots(1, 3, figsize=(10, 3.2), sharey=True)
    for axes, storage in zip(panels, storages):
        for index, policy in enumerate(policies):
            points = [(size, found[f"{policy}:{size}KiB:{storage}"][head]) for size in kib]
            points = [(size, sum(of) / len(of)) for size, of in points if of]
            if points:
                axes.plot(
                    *zip(*points),
                    label=policy,
                    color=COLOURS[index],
                    marker=MARKERS[index],
                    linestyle=DASHES[index],
                    markersize=4,
                )
        axes.set_xscale("log", base=2)
        axes.set_xticks(kib, [str(size) for size in kib])
        axes.set_title(storage, fontsize=9)
        axes.set_xlabel("rehearsal memory (KiB)")
    panels[0].set_ylabel("final accuracy")
    panels[0].legend(frameon=False, loc="lower right")
    figure.tight_layout()
    return _save(figure, path)


def bars(path, panels):
    """`panels`: title and rows of (name, whether it is Afield's, value)."""
    rows = max(len(rows) for _, rows in panels)
    size = (5.5 * len(panels) + 1.5, 0.3 * rows + 0.9)
    figure, axes = plt.subplots(1, len(panels), figsize=size, sharey=len(panels) > 1, squeeze=False)
    for panel, (title, values) in zip(axes[0], panels):
        places = range(len(values), 0, -1)
        colours = [AFIELD if ours else PEER for _, ours, _ in values]
        drawn = panel.barh(places, [value for *_, value in values], color=colours, height=0.7)
        texts = [f"{value:,.0f}" if value >= 100 else f"{value:.3g}" for *_, value in values]
        panel.bar_label(drawn, labels=texts, padding=2, fontsize=8)
        panel.set_yticks(places, [name.replace("`", "") for name, *_ in values])
        panel.set_title(title, fontsize=9)
        panel.margins(x=0.15)
    figure.tight_layout()
    return _save(figure, path)


def listening(path, panels, hours):
    """`panels`: name and points of (setting, CPU seconds an hour, peak MiB). `hours`: name to
    the CPU seconds of each hour and the MiB held after it. Every scale of costs begins at 0."""
    figure, grid = plt.subplots(2, len(panels) + 1, figsize=(2.4 * (len(panels) + 1), 5))
    for column, (name, points) in zip(grid.T, panels):
        for axes, value, unit in zip(column, (1, 2), ("CPU s an hour and microphone", "peak RSS (MiB)")):
            settings = [point[0] for point in points]
            axes.plot(range(len(points)), [point[value] for point in points], color=AFIELD, marker="o")
            axes.set_xticks(range(len(points)), settings, rotation=45, fontsize=7)
            axes.set_ylim(0)
            axes.set_ylabel(unit, fontsize=8)
        column[0].set_title(name, fontsize=9)
    for index, (name, values) in enumerate(hours.items()):
        for axes, series in zip(grid.T[-1], values):
            style = dict(color=COLOURS[index], marker=MARKERS[index], linestyle=DASHES[index], markersize=3)
            axes.plot(range(1, len(series) + 1), series, label=f"gate: {name}", **style)
            axes.set_ylim(0)
            axes.set_xlabel("hour", fontsize=8)
    grid[0][-1].set_title("hours of one process", fontsize=9)
    grid[0][-1].set_ylabel("CPU s of the hour", fontsize=8)
    grid[1][-1].set_ylabel("RSS after it (MiB)", fontsize=8)
    grid[0][-1].legend(fontsize=7, frameon=False)
    figure.tight_layout()
    return _save(figure, path)
