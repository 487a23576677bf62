"""Draws docs/benchmarks/ears.svg: the errors of the training over its steps.

    python models/ears/curve.py models/ears/curve.tsv
"""

import sys
from pathlib import Path

OUT = Path(__file__).parents[2] / "docs" / "benchmarks" / "ears.svg"
WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 720, 300, 50, 20, 40
COLOURS = {"hints": "#7f7f7f", "world": "#0072b2", "words": "#d55e00", "sounds": "#009e73"}
NAMES = {"hints": "maps (a sixth of the sum)", "world": "YAMNet", "words": "speech embedding", "sounds": "YAMNet-256"}


def main():
    head, *lines = Path(sys.argv[1]).read_text().splitlines()
    names, rows = head.split("\t"), [list(map(float, line.split("\t"))) for line in lines]
    last, most = rows[-1][0], 0.8

    def place(step, error):
        x = LEFT + (WIDTH - LEFT - 190) * step / last
        y = TOP + (HEIGHT - TOP - BOTTOM) * (1 - min(error, most) / most)
        return f"{x:.1f},{y:.1f}"

    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">']
    parts.append(f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>')
    for error in (0, 0.2, 0.4, 0.6, 0.8):
        x, y = place(0, error).split(",")
        end = place(last, error).split(",")[0]
        parts.append(f'<path d="M{x} {y}H{end}" stroke="#ddd"/><text x="{LEFT - 8}" y="{float(y) + 4}" text-anchor="end">{error}</text>')
    for step in range(0, int(last) + 1, 4000):
        x = place(step, 0).split(",")[0]
        parts.append(f'<text x="{x}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{step:,}</text>')
    parts.append(f'<text x="{LEFT}" y="{HEIGHT - 4}">step; mean squared error, in variances of the target</text>')
    for number, (name, colour) in enumerate(COLOURS.items()):
        column = names.index(name)
        share = 1 / 6 if name == "hints" else 1
        points = " ".join(place(row[0], row[column] * share) for row in rows if row[column] > 0)
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        y = TOP + 14 + 20 * number
        parts.append(f'<path d="M{WIDTH - 180} {y - 4}h18" stroke="{colour}" stroke-width="3"/><text x="{WIDTH - 156}" y="{y}">{NAMES[name]}</text>')
    OUT.write_text("\n".join(parts + ["</svg>", ""]))


if __name__ == "__main__":
    main()
