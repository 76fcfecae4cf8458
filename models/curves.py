#!/usr/bin/env python3
"""Draws models/curves.svg from the curves that `fulcrum train` wrote: python3 models/curves.py."""

import csv
import os

HERE = os.path.dirname(os.path.abspath(__file__))
WIDTH, HEIGHT, LEFT, TOP, GAP = 470, 220, 46, 34, 60
LOSS = [("loss", "#444444", "loss, nats per trained token")]
SHARES = [("accuracy", "#1f77b4", "answer tokens"), ("copy_accuracy", "#ff7f0e", "random copying"),
          ("classify_exact", "#2ca02c", "classify, exact"), ("extract_exact", "#d62728", "extract, exact"),
          ("tool_exact", "#9467bd", "tool, exact"), ("answer_exact", "#8c564b", "answer, exact"),
          ("answer_500_exact", "#17becf", "answer_500, exact"), ("tag_exact", "#e377c2", "tag, exact"),
          ("summary_exact", "#7f7f7f", "summary, exact")]


def read(name):
    with open(os.path.join(HERE, name + ".csv"), encoding="utf-8") as file:
        return list(csv.DictReader(file))


class Panel:
    """Axes at (x, y); million tokens to the right, 0 to `top` upwards."""

    def __init__(self, out, x, y, most, top):
        self.out, self.x, self.y, self.most, self.top = out, x, y, most, top
        out.append(f'<rect x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" fill="none" stroke="#000"/>')
        for i in range(6):
            value, at = top * i / 5, self.up(top * i / 5)
            out.append(f'<text x="{x - 6}" y="{at + 4:.1f}" text-anchor="end">{value:g}</text>')
        step = 10 ** (len(str(int(most))) - 1)
        step = step if most / step >= 3 else step / 2
        for i in range(int(most / step) + 1):
            out.append(f'<text x="{self.right(i * step):.1f}" y="{y + HEIGHT + 15}" text-anchor="middle">'
                       f'{i * step:g}</text>')

    def right(self, millions):
        return self.x + WIDTH * millions / self.most

    def up(self, value):
        return self.y + HEIGHT * (1 - min(value, self.top) / self.top)

    def line(self, points, color):
        path = " ".join(f"{self.right(x):.1f},{self.up(y):.1f}" for x, y in points)
        self.out.append(f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="1.2"/>')

    def phase(self, millions, name):
        at = self.right(millions)
        self.out.append(f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{self.y}" y2="{self.y + HEIGHT}" stroke="#ccc"/>')
        if name:
            self.out.append(f'<text x="{at + 9:.1f}" y="{self.y + 4}" text-anchor="end" '
                            f'transform="rotate(-90 {at + 9:.1f} {self.y + 4})">{name}</text>')


def draw(out, name, x):
    rows = read(name)
    most = float(rows[-1]["tokens"]) / 1e6
    panels = [Panel(out, x, TOP, most, 6), Panel(out, x, TOP + HEIGHT + GAP, most, 1)]
    out.append(f'<text x="{x + WIDTH / 2}" y="{TOP - 14}" text-anchor="middle" font-size="15">{name}</text>')
    out.append(f'<text x="{x + WIDTH / 2}" y="{TOP + 2 * HEIGHT + GAP + 34}" text-anchor="middle">million tokens</text>')
    last = None
    for row in rows:
        if row["phase"] != last:
            last = row["phase"]
            for panel in panels:
                panel.phase(float(row["tokens"]) / 1e6, last if panel is panels[0] else "")
    for panel, lines in zip(panels, (LOSS, SHARES)):
        for column, color, _ in lines:
            panel.line([(float(r["tokens"]) / 1e6, float(r[column])) for r in rows if r.get(column)], color)


def legend(out, x, y, lines):
    for i, (_, color, title) in enumerate(lines):
        out.append(f'<line x1="{x}" x2="{x + 18}" y1="{y + 16 * i}" y2="{y + 16 * i}" stroke="{color}" '
                   f'stroke-width="2"/><text x="{x + 24}" y="{y + 16 * i + 4}">{title}</text>')


def main():
    out = []
    draw(out, "desk-large", LEFT)
    draw(out, "desk-small", LEFT + WIDTH + GAP)
    legend(out, LEFT + 2 * WIDTH + GAP + 18, TOP + 10, LOSS)
    legend(out, LEFT + 2 * WIDTH + GAP + 18, TOP + HEIGHT + GAP + 10, SHARES)
    width, height = LEFT + 2 * WIDTH + GAP + 210, TOP + 2 * HEIGHT + GAP + 46
    with open(os.path.join(HERE, "curves.svg"), "w", encoding="utf-8") as file:
        file.write(f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
                   f'font-family="sans-serif" font-size="11">\n<rect width="100%" height="100%" fill="#fff"/>\n'
                   + "\n".join(out) + "\n</svg>\n")


if __name__ == "__main__":
    main()
