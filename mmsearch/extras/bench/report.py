"""Rows as text: tables for people, Markdown, CSV and JSON, and advice. Knows no model and prints nothing."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import datetime, timezone
from itertools import groupby
from typing import Any

from mmsearch.extras.bench import BenchFormat, duration
from mmsearch.extras.bench.job import FILES, Row
from mmsearch.models.doctor import package_version
from mmsearch.models.machine import cpu_info
from mmsearch.system.csv_cells import as_csv

PACKAGES = (
    *("mmsearch", "sentence-transformers", "transformers", "torch", "torchvision", "onnxruntime"),
    *("pillow", "av", "numpy"),
)
FEATURES = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16")
"""Features of a CPU that decide in which number format to compute."""
ENOUGH = 0.95
"""The best batch is the smallest with this share of the highest speed: larger ones only need more memory."""
_PLURALS = {
    "text": "texts", "image": "pictures", "document": "pages", "audio": "sounds", "video": "clips", FILES: "files"
}  # fmt: skip


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
"""The columns of tables; memory in GB. Those that are empty in all rows are left out."""
LEFT_ALIGNED = ("model", "input", "device")


def circumstances() -> dict[str, Any]:
    """Date, machine, load of the last minute and versions, without the machine's name. Imports no torch."""
    return {
        "date": datetime.now(timezone.utc).date().isoformat(),
        "machine": {
            "cpu": _processor(),
            "cores": os.cpu_count(),
            "threads": os.environ.get("OMP_NUM_THREADS"),
            "system": f"{platform.system()} {platform.machine()}",
            "python": platform.python_version(),
        },
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "versions": {name: package_version(name) for name in PACKAGES},
    }


def _processor() -> str:
    """The model of the CPU with those of its features that matter."""
    fields = cpu_info()
    features = [flag for flag in FEATURES if flag in fields.get("flags", "").split()]
    return f"{fields.get('model name', platform.processor())} ({', '.join(features)})"


def formatted(rows: Sequence[Row], form: BenchFormat, circumstances: Mapping[str, Any]) -> str:
    """All rows in a format, ready to be written; only JSON has room for the `circumstances`."""
    if form is BenchFormat.json:
        data = {**circumstances, "rows": [row.to_json() for row in rows]}
        return json.dumps(data, indent=2, ensure_ascii=False) + "\n"
    if form is BenchFormat.csv:
        records = [{**row.to_json(), "stages": row.stages and json.dumps(dict(row.stages))} for row in rows]
        return as_csv([field.name for field in fields(Row)], records)
    columns = {name: [cell(row) for row in rows] for name, cell in COLUMNS.items()}
    columns = {name: column for name, column in columns.items() if any(column)}
    lines = [list(columns), *(list(row) for row in zip(*columns.values(), strict=True))]
    if form is BenchFormat.md:
        marks = ["---" if name in LEFT_ALIGNED else "--:" for name in columns]
        escaped = [[cell.replace("|", "\\|") for cell in line] for line in lines]
        return "".join("| " + " | ".join(line) + " |\n" for line in (escaped[0], marks, *escaped[1:]))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    text = ""
    for line in lines:
        cells = [
            cell.ljust(width) if name in LEFT_ALIGNED else cell.rjust(width)
            for name, cell, width in zip(columns, line, widths, strict=True)
        ]
        text += "  ".join(cells).rstrip() + "\n"
    return text


def advice(rows: Sequence[Row], count: int) -> Iterator[str]:
    """Lines of advice, one for each model and modality, and one for each that failed. `count` is of files."""
    for _, group in groupby(rows, key=lambda row: (row.role, row.model, row.modality)):
        yield _advice_on(list(group), count)


def best(rows: Sequence[Row]) -> Row | None:
    """The row with the recommended batch: the smallest that is nearly as fast as the fastest; None if nothing ran."""
    fastest = max((row.items_per_s or 0.0 for row in rows), default=0.0)
    return next((row for row in rows if row.items_per_s and row.items_per_s >= ENOUGH * fastest), None)


def _advice_on(rows: Sequence[Row], count: int) -> str:
    first = rows[0]
    name = " ".join(part for part in (first.model, first.modality) if part)
    chosen, full = best(rows), [row for row in rows if row.status == "oom"]
    if chosen is None:
        return f"{name}: {'does not fit' if first.status == 'oom' else 'failed'}: {first.reason}"
    batch = "" if chosen.batch is None else f"best batch {chosen.batch}, "
    parts = [f"{name}: {batch}{number(chosen.items_per_s)} {chosen.unit}/s"]
    if chosen.peak:
        parts.append(f"needs {chosen.peak / 1e9:.1f} GB")
    # Each file counts as one input, unless whole files were measured.
    things = "pairs" if chosen.unit == "pairs" else _PLURALS.get(chosen.modality or "", "inputs")
    parts.append(f"{count:,} {things} take {duration(count / (chosen.items_per_s or 1e-12))}")
    if full:
        sizes = [row.batch for row in full if row.batch]
        start = f"from batch {min(sizes)} on" if sizes else "at the size that it picks itself"
        parts.append(f"out of memory {start}")
    return ", ".join(parts)
