"""The rows as a picture: speed and memory over the batch, a line for each model and modality.

HTML holds drawings of its own, without a library or a word from the network; PNG and SVG are drawn by matplotlib.
"""

from __future__ import annotations

import html
import math
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Line:
    """One model and modality: batches with a value each, ascending."""

    name: str
    points: tuple[tuple[int, float], ...]


def check(path: str) -> None:
    """Raises UsageError where a plot could not be written in the end: before anything is measured."""
    suffix = os.path.splitext(path)[1].lower()
    if suffix not in SUFFIXES:
        raise UsageError(f"--plot {path}: the name decides the format, so it must end with {', '.join(SUFFIXES)}")
    if suffix != ".html" and find_spec("matplotlib") is None:
        raise UsageError(f"--plot {path} needs matplotlib: `pip install 'mmsearch[plot]'`, or write .html without it")
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        raise UsageError(f"--plot {path}: there is no folder {folder}")


def plot(rows: Sequence[Row], path: str) -> None:
    """Write the picture; its name decides the format. Raises UsageError where it cannot be written."""
    try:
        if path.lower().endswith(".html"):
            with open(path, "w", encoding="utf-8") as file:
                file.write(page(rows))
        else:
            _matplotlib(rows, path)
    except OSError as error:
        raise UsageError(f"--plot {path}: {error.strerror or error}") from None


def speed(rows: Sequence[Row]) -> list[Line]:
    """Items a second."""
    return _lines(rows, lambda row: row.items_per_s)


def memory(rows: Sequence[Row]) -> list[Line]:
    """Peak memory in GB."""
    return _lines(rows, lambda row: row.peak / 1e9 if row.peak else None)


def _lines(rows: Sequence[Row], value: Callable[[Row], float | None]) -> list[Line]:
    lines = []
    for (model, modality), group in groupby(rows, key=lambda row: (row.model, row.modality)):
        points = [(row.batch, found) for row in group if row.batch and (found := value(row))]
        if points:
            lines.append(Line(f"{model} {modality}", tuple(points)))
    return lines


def page(rows: Sequence[Row]) -> str:
    """A page of HTML that needs nothing else."""
    charts = "".join(
        _chart(title, lines) for title, lines in (("per second", speed(rows)), ("peak memory, GB", memory(rows)))
    )
    style = "body{font:14px system-ui,sans-serif;margin:2em;color:#222;background:#fff}svg{max-width:100%}"
    return (
        f'<!DOCTYPE html>\n<html lang="en"><meta charset="utf-8"><title>mmsearch bench</title>'
        f"<style>{style}</style>\n<h1>mmsearch bench</h1>\n{charts}</html>\n"
    )


def _chart(title: str, lines: Sequence[Line]) -> str:
    """A drawing in SVG: batches doubling to the right, values from 0 up."""
    batches = sorted({batch for line in lines for batch, _ in line.points})
    most = max((value for line in lines for _, value in line.points), default=1.0)
    scale = _Scale(batches or [1], most)
    parts = [f'<text x="{_LEFT}" y="20" font-weight="bold">{html.escape(title)}</text>', *scale.axes()]
    for place, line in enumerate(lines):
        parts += _drawn(line, scale, COLOURS[place % len(COLOURS)], place)
    height = _HEIGHT + 18 * len(lines)
    body = "\n".join(parts)
    return f'<svg viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" font-size="12" role="img">\n{body}\n</svg>\n'


def _drawn(line: Line, scale: _Scale, colour: str, place: int) -> list[str]:
    points = [(scale.x(batch), scale.y(value)) for batch, value in line.points]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dots = [
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"><title>{batch}: {number(value)}</title></circle>'
        for (x, y), (batch, value) in zip(points, line.points, strict=True)
    ]
    below = _HEIGHT + 18 * place
    return [
        f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>',
        *dots,
        f'<rect x="{_LEFT}" y="{below - 9}" width="10" height="10" fill="{colour}"/>',
        f'<text x="{_LEFT + 16}" y="{below}">{html.escape(line.name)}</text>',
    ]


class _Scale:
    """Places of batches and values in the drawing."""

    def __init__(self, batches: Sequence[int], most: float) -> None:
        self._batches = batches
        self._first, self._last = math.log2(batches[0]), math.log2(batches[-1])
        self._step: float = 10.0 ** math.floor(math.log10(most or 1.0))
        while most / self._step < 4:
            self._step /= 2
        self._most: float = math.ceil(most / self._step) * self._step

    def x(self, batch: int) -> float:
        share = (math.log2(batch) - self._first) / ((self._last - self._first) or 1.0)
        return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        return _HEIGHT - _BOTTOM - value / self._most * (_HEIGHT - _TOP - _BOTTOM)

    def axes(self) -> list[str]:
        """Lines and labels."""
        right, bottom = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM
        parts = [
            f'<text x="{self.x(batch):.1f}" y="{bottom + 18}" text-anchor="middle">{batch}</text>'
            for batch in self._batches
        ]
        for number_of_steps in range(round(self._most / self._step) + 1):
            value = number_of_steps * self._step
            y = self.y(value)
            parts.append(f'<line x1="{_LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>')
            parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{number(value) or 0}</text>')
        parts.append(f'<text x="{right}" y="{bottom + 32}" text-anchor="end">batch</text>')
        return parts


@contextmanager
def _elsewhere() -> Iterator[None]:
    """In an empty folder: matplotlib takes its settings from a `matplotlibrc` in the current one, whosoever it is."""
    here = os.getcwd()
    with TemporaryDirectory() as empty:
        os.chdir(empty)
        try:
            yield
        finally:
            os.chdir(here)


def _matplotlib(rows: Sequence[Row], path: str) -> None:
    path = os.path.abspath(path)
    with _elsewhere():
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(12, 5), layout="constrained")
    for axis, title, lines in zip(axes, ("per second", "peak memory, GB"), (speed(rows), memory(rows)), strict=True):
        for line in lines:
            axis.plot(*zip(*line.points, strict=True), marker="o", label=line.name)
        axis.set(title=title, xlabel="batch", xscale="log")
        axis.set_xticks(batches := sorted({batch for line in lines for batch, _ in line.points}), map(str, batches))
        axis.minorticks_off()
        axis.set_ylim(bottom=0)
        axis.grid(alpha=0.3)
    if speed(rows):
        axes[0].legend()
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
