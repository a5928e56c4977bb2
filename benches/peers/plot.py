#!/usr/bin/env python3
"""Draws how long a look-up takes against how many codes there are, out of the rows that `search --record` wrote.

  plot.py [--kind weight128] [-o FILE] [ROWS.tsv ..]     benches/record/*search*.tsv if none is given, the later ones over the earlier

A peer is drawn at its faster way, one query in a call or a hundred; ours at one.
"""

import argparse
import csv
import math
import pathlib

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot as plt

RECORD = pathlib.Path(__file__).resolve().parents[1] / "record"
OURS, SCAN, PEER = "#0b6e4f", "#6aa88f", "#8a8a8a"
# Peers that share a colour differ in their dashes.
DASHES = {"faiss Flat": (), "faiss MultiHash 11x23": (), "faiss MultiHash 16x16": (5, 2), "threatexchange PDQIndex": (2, 2)}
COLOURS = {"faiss": "#c1440e", "threatexchange": "#c1440e", "Meta's": "#3b5b92", "hammingbird": "#8c6bb1", "yume-pdq": "#8a6d3b", "mih-rs": "#555555"}

POINTER = {"arrowstyle": "-", "linewidth": 0.5, "relpos": (0, 0.5), "shrinkA": 2, "shrinkB": 2}
KINDS = {"uniform": "uniform codes", "weight128": "codes of weight 128", "clustered": "half of the codes in clusters"}

WIDENED = {"mih-rs"}  # takes 64 bits as it is published


def read(files, kind):
    """Per contender its points: number of codes and microseconds. Later files replace earlier ones."""
    lines, ours = {}, None
    for file in files:
        with open(file, newline="") as rows:
            for row in csv.DictReader(rows, delimiter="\t"):
                times = [float(row[c]) for c in ("p50_us", "many_us") if row[c]]
                if row["kind"] != kind or not times or row["exact"] != "True":
                    continue
                name = row["name"]
                if row["isa"]:
                    # The instruction set that ratios are of; the others are in the tables.
                    if float(row["ratio"] or 0) == 1.0:
                        ours = row["isa"]
                    times = times[:1]
                lines.setdefault(name, {})[int(row["codes"])] = min(times)
    keep = lambda name: not name.startswith("tamis") or name in (f"tamis {ours}", f"tamis {ours}, scan")
    return {name: sorted(points.items()) for name, points in lines.items() if keep(name)}, ours


def style(name, ours):
    if name == f"tamis {ours}":
        return {"color": OURS, "linewidth": 3, "zorder": 5}
    if name.startswith("tamis"):
        return {"color": SCAN, "linewidth": 2, "zorder": 4}
    colour = next((c for start, c in COLOURS.items() if name.startswith(start)), PEER)
    return {"color": colour, "linewidth": 1.4, "dashes": DASHES.get(name, (6, 2) if name.endswith("flat.h") else ())}


def spread(places, least):
    """Moves labels apart: as little as will do, in their order."""
    order = sorted(range(len(places)), key=lambda i: places[i])
    moved = [places[i] for i in order]
    for _ in range(200):
        for i in range(1, len(moved)):
            short = least - (moved[i] - moved[i - 1])
            if short > 1e-9:
                moved[i - 1] -= short / 2
                moved[i] += short / 2
    return {at: place for at, place in zip(order, moved)}


def time(us):
    return f"{us:.3g} us" if us < 1000 else f"{us / 1000:.3g} ms" if us < 1e6 else f"{us / 1e6:.3g} s"


def draw(lines, ours, kind, file):
    figure, axes = plt.subplots(figsize=(9.5, 5.6))
    names = list(lines)
    for name in names:
        axes.plot(*zip(*lines[name]), marker="o", markersize=3.5, **style(name, ours))
    axes.set(xscale="log", yscale="log", xlabel="stored codes", ylabel="one look-up, median")
    axes.xaxis.set_major_formatter(lambda x, _: f"{x / 1e6:.0f} M" if x >= 1e6 else f"{x / 1e3:.0f} k")
    axes.yaxis.set_major_formatter(lambda y, _: time(y))
    sizes = sorted({count for points in lines.values() for count, _ in points})
    axes.set_xticks(sizes)
    axes.xaxis.set_minor_locator(plt.NullLocator())
    axes.grid(axis="y", color="#dddddd", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title(f"Everything within 31 bits of a 256-bit code, nothing missed; one thread; {KINDS[kind]}", fontsize=11, loc="left")

    # Labels stand right of the last size, level with the end of their line as far as they do not touch.
    bottom, top = (math.log10(y) for y in axes.get_ylim())
    ends = [math.log10(lines[name][-1][1]) for name in names]
    places = spread(ends, (top - bottom) / 23)
    for i, name in enumerate(names):
        look = style(name, ours)
        weight = "bold" if name == f"tamis {ours}" else "normal"
        last = lines[name][-1]
        text = f"{name}{', widened' if name in WIDENED else ''}  {time(last[1])}" + ("" if last[0] == sizes[-1] else f" at {axes.xaxis.get_major_formatter()(last[0])}")
        axes.annotate(
            text, last, xytext=(1.03, 10 ** places[i]), textcoords=axes.get_yaxis_transform(), va="center", fontsize=8.5, fontweight=weight,
            color=look["color"], annotation_clip=False, arrowprops={"color": look["color"], **POINTER},
        )
    figure.savefig(file, bbox_inches="tight", metadata={"Date": None})


def main():
    options = argparse.ArgumentParser(usage=__doc__)
    options.add_argument("--kind", default="weight128")
    options.add_argument("-o", type=pathlib.Path, default=RECORD / "search.svg", dest="out")
    options.add_argument("rows", nargs="*", type=pathlib.Path)
    options = options.parse_args()
    # The same picture of the same rows, byte for byte.
    matplotlib.rcParams["svg.hashsalt"] = "tamis"
    lines, ours = read(options.rows or sorted(RECORD.glob("????-??-??-search-*.tsv")), options.kind)
    assert lines, "no such rows"
    draw(lines, ours, options.kind, options.out)
    print(f"wrote {options.out}")


if __name__ == "__main__":
    main()
