"""The rows as a picture: speed and memory over the batch, a line for each model and modality.

HTML pages hold drawings made here and need no library or network; PNG and SVG are drawn by matplotlib.
"""

from __future__ import annotations

import html
import math
import os
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from itertools import groupby
from tempfile import TemporaryDirectory

from mmsearch.errors import UsageError
from mmsearch.extras.bench.job import Row
from mmsearch.extras.bench.report import number

SUFFIXES = (".png", ".svg", ".html")
COLOURS = ("#1b6ca8", "#c8553d", "#3a7d44", "#7d5ba6", "#b8860b", "#2a9d8f", "#8d6e63", "#d1477a")
_WIDTH, _HEIGHT = 620, 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 16, 36, 40

Lines = dict[str, list[tuple[int, float]]]
"""By model and modality: ascending batches with a value each."""


def check(path: str) -> None:
    """Raises UsageError if a plot could not be written: before anything is measured."""
    suffix = os.path.splitext(path)[1].lower()
    if suffix not in SUFFIXES:
        raise UsageError(f"--plot {path}: the name decides the format, so it must end with {', '.join(SUFFIXES)}")
    if suffix != ".html" and find_spec("matplotlib") is None:
        raise UsageError(f"--plot {path} needs matplotlib: `pip install 'mmsearch[plot]'`, or write .html without it")
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        raise UsageError(f"--plot {path}: there is no folder {folder}")


def plot(rows: Sequence[Row], path: str) -> None:
    """Writes the picture; its name decides the format. Raises UsageError if it cannot be written."""
    try:
        if path.lower().endswith(".html"):
            with open(path, "w", encoding="utf-8") as file:
                file.write(_page(_charts(rows)))
        else:
            _matplotlib(_charts(rows), path)
    except OSError as error:
        raise UsageError(f"--plot {path}: {error.strerror or error}") from None


def _charts(rows: Sequence[Row]) -> dict[str, Lines]:
    """The lines of each chart by its title."""
    values: dict[str, Callable[[Row], float | None]] = {
        "per second": lambda row: row.items_per_s,
        "peak memory, GB": lambda row: row.peak / 1e9 if row.peak else None,
    }
    charts: dict[str, Lines] = {}
    for title, value in values.items():
        lines = charts[title] = {}
        for (model, modality), group in groupby(rows, key=lambda row: (row.model, row.modality)):
            if points := [(row.batch, y) for row in group if row.batch and (y := value(row))]:
                lines[f"{model} {modality}"] = points
    return charts


def _page(charts: Mapping[str, Lines]) -> str:
    style = "body{font:14px system-ui,sans-serif;margin:2em;color:#222;background:#fff}svg{max-width:100%}"
    return (
        f'<!DOCTYPE html>\n<html lang="en"><meta charset="utf-8"><title>mmsearch bench</title>'
        f"<style>{style}</style>\n<h1>mmsearch bench</h1>\n"
        f"{''.join(_chart(title, lines) for title, lines in charts.items())}</html>\n"
    )


def _chart(title: str, lines: Lines) -> str:
    """A drawing in SVG: batches doubling to the right, values from 0 up."""
    batches = sorted({batch for points in lines.values() for batch, _ in points}) or [1]
    highest = max((value for points in lines.values() for _, value in points), default=1.0)
    step: float = 10.0 ** math.floor(math.log10(highest or 1.0))
    while highest / step < 4:
        step /= 2
    steps = math.ceil(highest / step)
    first, last = math.log2(batches[0]), math.log2(batches[-1])
    right, bottom = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM

    def x(batch: int) -> float:
        return _LEFT + (math.log2(batch) - first) / ((last - first) or 1.0) * (right - _LEFT)

    def y(value: float) -> float:
        return bottom - value / (steps * step) * (bottom - _TOP)

    parts = [f'<text x="{_LEFT}" y="20" font-weight="bold">{html.escape(title)}</text>']
    for batch in batches:
        parts.append(f'<text x="{x(batch):.1f}" y="{bottom + 18}" text-anchor="middle">{batch}</text>')
    for value in (i * step for i in range(steps + 1)):
        height = f"{y(value):.1f}"
        parts.append(f'<line x1="{_LEFT}" x2="{right}" y1="{height}" y2="{height}" stroke="#ddd"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y(value) + 4:.1f}" text-anchor="end">{number(value) or 0}</text>')
    parts.append(f'<text x="{right}" y="{bottom + 32}" text-anchor="end">batch</text>')
    for i, (name, points) in enumerate(lines.items()):
        colour, below = COLOURS[i % len(COLOURS)], _HEIGHT + 18 * i
        path = " ".join(f"{x(batch):.1f},{y(value):.1f}" for batch, value in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for batch, value in points:
            tip = f"<title>{batch}: {number(value)}</title>"
            parts.append(f'<circle cx="{x(batch):.1f}" cy="{y(value):.1f}" r="3" fill="{colour}">{tip}</circle>')
        parts.append(f'<rect x="{_LEFT}" y="{below - 9}" width="10" height="10" fill="{colour}"/>')
        parts.append(f'<text x="{_LEFT + 16}" y="{below}">{html.escape(name)}</text>')
    box = f'viewBox="0 0 {_WIDTH} {_HEIGHT + 18 * len(lines)}" width="{_WIDTH}"'
    return f'<svg {box} font-size="12" role="img">\n' + "\n".join(parts) + "\n</svg>\n"


def _matplotlib(charts: Mapping[str, Lines], path: str) -> None:
    path, working_folder = os.path.abspath(path), os.getcwd()
    # Imported in an empty folder: matplotlib takes its settings from a `matplotlibrc` in the current one, of anyone.
    with TemporaryDirectory() as empty:
        os.chdir(empty)
        try:
            import matplotlib

            matplotlib.use("Agg")
            from matplotlib import pyplot
        finally:
            os.chdir(working_folder)
    figure, axes = pyplot.subplots(1, 2, figsize=(12, 5), layout="constrained")
    for axis, (title, lines) in zip(axes, charts.items(), strict=True):
        for name, points in lines.items():
            axis.plot(*zip(*points, strict=True), marker="o", label=name)
        axis.set(title=title, xlabel="batch", xscale="log")
        axis.set_xticks(
            batches := sorted({batch for points in lines.values() for batch, _ in points}), map(str, batches)
        )
        axis.minorticks_off()
        axis.set_ylim(bottom=0)
        axis.grid(alpha=0.3)
    if charts["per second"]:
        axes[0].legend()
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
