"""One process of `scale.py`: opens an index, searches it, and prints one JSON object.

Usage: `python -m benchmarks.probe INDEX TRUTH.npz cold|warm`. `cold` first has the system forget what it has read of
the index, and each query is the first one that meets its pages.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from mmsearch.store import Reader
from mmsearch.types import Vectors

TOP = 10
DEPTH = 64
"""So many candidates a search takes from each partition at first."""
ROUNDS = 3


def main(directory: str, truth: str, state: str) -> None:
    """Prints milliseconds, and recall where all queries are asked."""
    kept = np.load(truth)
    queries, paths = kept["queries"], kept["paths"]
    if state == "cold":
        forget(directory)
        queries = queries[:40]
    began = time.perf_counter()
    reader = Reader.open(directory)
    reader.open_files()
    reader.counts()
    opened = time.perf_counter() - began
    told: dict[str, Any] = {"open_ms": _ms(opened)}
    if state == "warm":
        told["recall"] = recall(reader, queries, paths, DEPTH)
        told["top"] = {"recall": recall(reader, queries, paths, TOP), **times(reader, queries, TOP)}
    took = [ask(reader, query, DEPTH) for _ in range(1 if state == "cold" else ROUNDS) for query in queries]
    began = time.perf_counter()
    reader.sample("image")
    told["sample_ms"] = _ms(time.perf_counter() - began)
    print(json.dumps({**told, "first_ms": _ms(took[0]), "p50_ms": _at(took, 50), "p99_ms": _at(took, 99)}))


def times(reader: Reader, queries: Vectors, depth: int) -> dict[str, float]:
    """Percentiles of single looks for so many."""
    took = [ask(reader, query, depth) for _ in range(ROUNDS) for query in queries]
    return {"p50_ms": _at(took, 50), "p99_ms": _at(took, 99)}


def ask(reader: Reader, query: Vectors, depth: int) -> float:
    """Seconds of one look for the best of a partition."""
    began = time.perf_counter()
    reader.search(query, "image", depth)
    return time.perf_counter() - began


def recall(reader: Reader, queries: Vectors, paths: Any, depth: int) -> float:
    """Share of the exact ten nearest that are found where so many are asked for, in the mean."""
    found = 0
    for query, expected in zip(queries, paths, strict=True):
        items = [item for item, _ in reader.search(query, "image", depth)[:TOP]]
        places = reader.locate(items)
        got = {place.item.path for item in items for place in places[item]}
        found += len(got.intersection(expected.tolist()))
    return round(found / int(paths.size), 4)


def forget(directory: str) -> None:
    """Have the system drop what it keeps of the files, where it can be asked to."""
    if not hasattr(os, "posix_fadvise"):
        return
    for path in Path(directory).rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _ms(seconds: float) -> float:
    return round(1000 * seconds, 2)


def _at(took: list[float], percent: int) -> float:
    return _ms(float(np.percentile(took, percent)))


if __name__ == "__main__":
    main(*sys.argv[1:])
