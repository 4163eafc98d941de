"""The popular peer's way, side by side: every vector in a table of SQLite, read as a whole for each query.

`python -m benchmarks.peer TABLE.sqlite DIM` is one search: read all, a dot product by numpy, sort. It has no model to
load and no words to look up, so what it takes is only that part of the peer's search.
"""

from __future__ import annotations

import json
import sqlite3
import statistics
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.processes import run
from benchmarks.synthetic import World

TOP = 10


def write(world: World, path: Path) -> None:
    """Make the table of one file: float32 rows of all that the index holds."""
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode = OFF")
        db.execute("CREATE TABLE images (id INTEGER PRIMARY KEY, filepath TEXT NOT NULL UNIQUE, vector BLOB NOT NULL)")
        for at, chunk in enumerate(world.chunks()):
            for kind, rows in chunk.vectors.items():
                named = ((f"{kind}/{at}/{n}", row.tobytes()) for n, row in enumerate(rows))
                db.executemany("INSERT INTO images (filepath, vector) VALUES (?, ?)", named)
        db.commit()


def measure(world: World, path: Path, rounds: int) -> dict[str, Any]:
    """Median seconds and most MiB of a search as a process, warm."""
    if not path.exists():
        write(world, path.with_suffix(".tmp"))
        path.with_suffix(".tmp").rename(path)
    command = [sys.executable, "-m", "benchmarks.peer", str(path), str(world.dim)]
    run(command)
    runs = [run(command) for _ in range(min(rounds, 3))]
    return {
        "seconds": round(statistics.median(one.seconds for one in runs), 3),
        "mib": round(max(one.mib for one in runs)),
        "bytes": path.stat().st_size,
    }


def search(path: str, dim: int) -> list[tuple[str, float]]:
    """The best of all vectors for some query."""
    query = np.random.default_rng(0).standard_normal(dim).astype(np.float32)
    names: list[str] = []
    rows: list[Any] = []
    with closing(sqlite3.connect(path)) as db:
        for name, blob in db.execute("SELECT filepath, vector FROM images"):
            names.append(name)
            rows.append(np.frombuffer(blob, np.float32))
    scores = np.stack(rows) @ query
    best = sorted(zip(scores.tolist(), names, strict=True), reverse=True)[:TOP]
    return [(name, score) for score, name in best]


if __name__ == "__main__":
    print(json.dumps(search(sys.argv[1], int(sys.argv[2]))))
