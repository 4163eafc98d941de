"""What the rows mean for somebody with a folder: which batch, what fits, how many hours. Knows no model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from mmsearch.extras.bench.job import FILES, Row
from mmsearch.extras.bench.report import number

ENOUGH = 0.95
"""The best batch is the smallest that comes so near to the fastest: larger ones only need more memory."""
_MANY = {"text": "texts", "image": "pictures", "document": "pages", "audio": "sounds", "video": "clips", FILES: "files"}


def advice(rows: Sequence[Row], count: int) -> Iterator[str]:
    """Lines of advice, one for each model and modality, and one for each that failed. `count` is of files."""
    for _, group in groupby(rows, key=lambda row: (row.role, row.model, row.modality)):
        yield _one(list(group), count)


def best(rows: Sequence[Row]) -> Row | None:
    """The row with the batch to be used: the smallest that is nearly as fast as the fastest; None if nothing ran."""
    ran = [row for row in rows if row.items_per_s]
    fastest = max((row.items_per_s or 0.0 for row in ran), default=0.0)
    return next((row for row in ran if (row.items_per_s or 0.0) >= ENOUGH * fastest), None)


def hours(row: Row, count: int) -> float:
    """How long so many inputs take at the speed of a row, in hours."""
    return count / (row.items_per_s or 1e-12) / 3600


def _one(rows: Sequence[Row], count: int) -> str:
    name = " ".join(part for part in (rows[0].model, rows[0].modality) if part)
    chosen, full = best(rows), [row for row in rows if row.status == "oom"]
    if chosen is None:
        first = rows[0]
        return f"{name}: {'does not fit' if first.status == 'oom' else 'failed'}: {first.reason}"
    parts = [f"{name}: {_batch(chosen)}{number(chosen.items_per_s)} {chosen.unit}/s"]
    if chosen.peak:
        parts.append(f"needs {chosen.peak / 1e9:.1f} GB")
    parts.append(_work(chosen, count))
    if full:
        parts.append(f"out of memory {_from(full)}")
    return ", ".join(parts)


def _batch(row: Row) -> str:
    return "" if row.batch is None else f"best batch {row.batch}, "


def _from(full: Sequence[Row]) -> str:
    sizes = [row.batch for row in full if row.batch]
    return f"from batch {min(sizes)} on" if sizes else "at the size that it picks itself"


def _work(row: Row, count: int) -> str:
    """What so many files take: each as one input, unless whole files were measured."""
    many = f"{count:,} pairs" if row.unit == "pairs" else f"{count:,} {_MANY.get(row.modality or '', 'inputs')}"
    return f"{many} take {duration(hours(row, count))}"


def duration(time: float) -> str:
    """Hours for people: `40 s`, `12 min`, `3.5 h`, `12 days`."""
    if time < 1 / 60:
        return f"{time * 3600:.0f} s"
    if time < 1:
        return f"{time * 60:.0f} min"
    return f"{time:.1f} h" if time < 48 else f"{time / 24:.0f} days"
