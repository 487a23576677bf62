"""The number formats of the report."""

from scores import interval, mean


def accuracy(values):
    if not values:
        return "–"
    half = interval(values)
    text = three(mean(values))
    return text if half is None or half < 5e-4 else f"{text} ± {half:.3f}".replace("± 0.", "± .")


def three(value):
    return f"{value:.3f}".removeprefix("0")


def us(value):
    """Microseconds, in a readable unit."""
    if not value:
        return "–"
    if value >= 1e5:
        return f"{value / 1e6:.2f} s"
    if value >= 1e3:
        return f"{value / 1e3:.0f} ms" if value >= 1e4 else f"{value / 1e3:.1f} ms"
    return f"{value:.0f} µs" if value >= 100 else f"{value:.1f} µs" if value >= 10 else f"{value:.2g} µs"


def size(value):
    for limit, unit in ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")):
        if value >= limit:
            return f"{value / limit:.3g} {unit}"
    return f"{value} B"


def ratio(value, reference):
    if not value or not reference:
        return "–"
    of = value / reference
    return f"{of:.2g}×" if of < 10 else f"{of:,.0f}×"


def bold_if(text, better):
    return f"**{text}**" if better else text


def settings(config):
    said = (
        f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in config.items()
    )
    return ", ".join(said) or "defaults"


def line(*cells):
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def header(*names):
    return [line(*names), "|" + "---|" * len(names)]
