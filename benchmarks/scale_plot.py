"""Draws how the costs that `scale.py` has measured grow with the index: the last line of each size and dimension."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

Value = Callable[[dict[str, Any]], float]

PANELS: tuple[tuple[str, str, tuple[tuple[str, str, Value], ...]], ...] = (
    ("One look for candidates", "ms", (
        ("64, p50", "-", lambda line: line["store"]["warm"]["p50_ms"]),
        ("64, p99", "--", lambda line: line["store"]["warm"]["p99_ms"]),
        ("10, p50", ":", lambda line: line["store"]["warm"]["top"]["p50_ms"]),
    )),
    ("`mmsearch search`, whole process", "s", (
        ("ours", "-", lambda line: line["search"]["all"]["seconds"]),
        ("middle filter", ":", lambda line: line["search"]["middle"]["seconds"]),
        ("the peer's way", "--", lambda line: line["peer"]["seconds"]),
    )),
    ("Memory of that process", "MiB", (
        ("ours", "-", lambda line: line["search"]["all"]["mib"]),
        ("the peer's way", "--", lambda line: line["peer"]["mib"]),
    )),
    ("100 files, whole process", "s", (
        ("added", "-", lambda line: line["add"]["seconds"]),
        ("deleted", "--", lambda line: line["delete"]["seconds"]),
    )),
    ("Opening", "ms", (
        ("warm", "-", lambda line: line["store"]["warm"]["open_ms"]),
        ("cold", "--", lambda line: line["store"]["cold"]["open_ms"]),
    )),
    ("On disk", "MB", (
        ("vectors", "-", lambda line: line["bytes"]["vectors"] / 1e6),
        ("database", ":", lambda line: line["bytes"]["database"] / 1e6),
    )),
)  # fmt: skip


def latest(results: Path) -> dict[int, list[dict[str, Any]]]:
    """By dimension the last line of each number of items, in order of these."""
    found: dict[tuple[int, int], dict[str, Any]] = {}
    for text in results.read_text(encoding="utf-8").splitlines():
        line = json.loads(text)
        found[line["dim"], line["items"]] = line
    dims = sorted({dim for dim, _ in found})
    return {dim: [found[key] for key in sorted(found) if key[0] == dim] for dim in dims}


def draw(results: Path, out: str) -> None:
    """Write the picture; both axes are logarithms, so what grows in proportion is a line of slope one."""
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot

    lines = latest(results)
    figure, axes = pyplot.subplots(2, 3, figsize=(13, 7.5), layout="constrained")
    for (title, unit, curves), axis in zip(PANELS, axes.flat, strict=True):
        for at, (dim, some) in enumerate(lines.items()):
            for name, style, value in curves:
                points = [(line["items"], value(line)) for line in some if known(line, value)]
                if points:
                    axis.plot(*zip(*points, strict=True), style, color=f"C{at}", marker="o", label=f"{name}, d={dim}")
        axis.set(title=title, xlabel="items", ylabel=unit, xscale="log", yscale="log")
        axis.grid(alpha=0.3)
        axis.legend(fontsize=7)
    figure.savefig(out, dpi=110)


def known(line: dict[str, Any], value: Value) -> bool:
    """Whether a line has been measured for this."""
    try:
        return value(line) > 0
    except KeyError:
        return False
