"""Rows as text: a table for people, Markdown, CSV and JSON. Prints nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any

from mmsearch.extras.bench.form import BenchFormat
from mmsearch.extras.bench.job import Row
from mmsearch.system.csv_cells import as_csv


def _gigabytes(value: int | None) -> str:
    return "" if value is None else f"{value / 1e9:.2f}"


def number(value: float | None) -> str:
    """Three digits that matter, without an exponent."""
    if value is None:
        return ""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def _per_second(row: Row) -> str:
    return {"oom": "OOM", "failed": "failed"}.get(row.status) or f"{number(row.items_per_s)} {row.unit}"


def _operations(row: Row) -> str:
    if row.tflops is None or not row.matrix_tflops:
        return ""
    return f"{number(row.tflops)} ({row.tflops / row.matrix_tflops:.0%})"


COLUMNS: Mapping[str, Callable[[Row], str]] = {
    "model": lambda row: row.model + (" (dummy)" if row.dummy else ""),
    "input": lambda row: row.modality or "",
    "batch": lambda row: "auto" if row.batch is None else str(row.batch),
    "per second": _per_second,
    "tokens/s": lambda row: number(row.tokens_per_s),
    "ms p50": lambda row: number(row.ms_p50),
    "p95": lambda row: number(row.ms_p95),
    "VRAM allocated": lambda row: _gigabytes(row.peak_allocated),
    "reserved": lambda row: _gigabytes(row.peak_reserved),
    "driver": lambda row: _gigabytes(row.peak_driver),
    "RAM": lambda row: _gigabytes(row.peak_resident),
    "weights": lambda row: _gigabytes(row.weights),
    "activations": lambda row: _gigabytes(row.activations),
    "estimated": lambda row: _gigabytes(row.estimated),
    "TFLOP/s (of matrix rate)": _operations,
    "load s": lambda row: number(row.load_seconds),
    "device": lambda row: " ".join(part for part in (row.device, row.dtype) if part),
}
"""What people see of a row; memory in GB. Columns that are empty in all rows are left out."""
LEFT_ALIGNED = ("model", "input", "device")


def told(rows: Sequence[Row], form: BenchFormat, circumstances: Mapping[str, Any]) -> str:
    """All rows in a format, ready to be written.

    Args:
        rows: in order.
        form: the format.
        circumstances: machine, versions and date, which only JSON has room for.
    """
    if form is BenchFormat.json:
        return (
            json.dumps({**circumstances, "rows": [row.to_json() for row in rows]}, indent=2, ensure_ascii=False) + "\n"
        )
    if form is BenchFormat.csv:
        return _csv(rows)
    names, cells = _cells(rows)
    return _markdown(names, cells) if form is BenchFormat.md else _table(names, cells)


def _csv(rows: Sequence[Row]) -> str:
    told = [{**row.to_json(), "stages": row.stages and json.dumps(dict(row.stages))} for row in rows]
    return as_csv([one.name for one in fields(Row)], told)


def _cells(rows: Sequence[Row]) -> tuple[list[str], list[list[str]]]:
    columns = {name: [cell(row) for row in rows] for name, cell in COLUMNS.items()}
    shown = {name: column for name, column in columns.items() if any(column)}
    return list(shown), [list(row) for row in zip(*shown.values(), strict=True)]


def _markdown(names: Sequence[str], cells: Sequence[Sequence[str]]) -> str:
    marks = ["---" if name in LEFT_ALIGNED else "--:" for name in names]
    lines = [names, marks, *([cell.replace("|", "\\|") for cell in row] for row in cells)]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def _table(names: Sequence[str], cells: Sequence[Sequence[str]]) -> str:
    widths = [max(len(line[place]) for line in (names, *cells)) for place in range(len(names))]
    lines = []
    for line in (names, *cells):
        parts = [
            cell.ljust(width) if name in LEFT_ALIGNED else cell.rjust(width)
            for name, cell, width in zip(names, line, widths, strict=True)
        ]
        lines.append("  ".join(parts).rstrip() + "\n")
    return "".join(lines)
