"""Runs over folders of small files, local and by a cluster, and what is in an index as plain values to compare."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from mmsearch.extras.ray import Folder, RayIndexer
from mmsearch.extras.ray.shards import Unit
from mmsearch.extras.ray.stages import Claims, Model, Plan, read
from mmsearch.indexing.pipeline import Indexer, IndexOptions
from mmsearch.indexing.pool import Limits
from mmsearch.models import load_embedder
from mmsearch.search.query import StoredEmbedder
from mmsearch.store import Identity, Reader
from mmsearch.store.writer import Writer
from mmsearch.types import IndexReport, ModelOptions

WORDS = ["river", "stone", "bread", "winter", "engine", "violin", "garden", "letter", "harbour", "candle"]
OPTIONS = ModelOptions()
LIMITS = IndexOptions(limits=Limits(jobs=1))


def fill(folder: Path, count: int, *, broken: bool = True) -> None:
    """Pictures, notes, a few copies of one note, and a few files that cannot be read."""
    folder.mkdir(exist_ok=True)
    rng = random.Random(3)
    for number in range(count):
        name = folder / f"{number:05}"
        if number % 4 == 0:
            picture = Image.new("RGB", (96, 96), tuple(rng.randrange(256) for _ in range(3)))
            ImageDraw.Draw(picture).ellipse((10, 10, 80, 70), fill=tuple(rng.randrange(256) for _ in range(3)))
            picture.save(name.with_suffix(".png"))
        elif number % 25 == 1:
            name.with_suffix(".txt").write_text("The same of rivers everywhere.")
        elif number % 50 == 2 and broken:
            name.with_suffix(".png").write_bytes(b"\x89PNG\r\n\x1a\n and then nothing %d" % number)
        else:
            name.with_suffix(".txt").write_text(" ".join(rng.choices(WORDS, k=60)) + f" {number}")


@dataclass
class Heard:
    """A listener that keeps the failures."""

    failures: list[tuple[str, str]] = field(default_factory=list)
    done_: int = 0

    def past(self, path: str, count: int) -> None:
        pass

    def done(self, path: str, size: int) -> None:
        self.done_ += 1

    def failure(self, path: str, reason: str) -> None:
        self.failures.append((path, reason))


def local(index: Path, roots: Sequence[str]) -> tuple[IndexReport, Heard]:
    """A local run."""
    heard, embedder = Heard(), load_embedder(OPTIONS)
    with Writer.open(str(index), Identity.of(OPTIONS, embedder.spec)) as writer:
        return Indexer(writer, embedder, LIMITS, heard).run(roots), heard


def clustered(
    cluster: Any,
    index: Path,
    roots: Sequence[str],
    files: Iterable[str] = (),
    options: IndexOptions = LIMITS,
    shards: Path | None = None,
) -> tuple[IndexReport, Heard]:
    """A run by a cluster, or by what stands for one."""
    heard, identity = Heard(), Identity.of(OPTIONS, load_embedder(OPTIONS).spec)
    folder = Folder(str(shards or index / "shards"))
    with Writer.open(str(index), identity) as writer:
        writer.allow_roots(roots)  # as the command does
        own = shards is None
        builder = RayIndexer(writer, StoredEmbedder(identity), options, heard, cluster, OPTIONS, folder, private=own)
        return builder.run(roots, files), heard


class Here:
    """The stages of a cluster in this process, one unit after the other; `before` hears of each shard when written."""

    def __init__(self, before: Any = None) -> None:
        self.units: list[Unit] = []
        self.before = before

    def size(self) -> int:
        return 2

    def run(self, units: Sequence[Unit], plan: Plan, directory: str) -> Iterator[tuple[str, int, bool]]:
        pa = pytest.importorskip("pyarrow")
        model, claims = Model(plan), Claims(directory)
        for unit in units:
            self.units.append(unit)
            for table in read(pa.table({"unit": [unit.to_json()]}), plan, claims.claim):
                for row in model(table).to_pylist():
                    if self.before:
                        self.before(row)
                    yield row["unit"], row["number"], row["last"]


def contents(index: Path) -> tuple[list[tuple[Any, ...]], np.ndarray, list[tuple[Any, ...]]]:
    """Items in order with float32 `(n, dim)`, and what is known of all files."""
    with Reader.open(str(index)) as reader:
        db = reader._db
        rows = db.execute(
            "SELECT i.id, c.digest, c.kind, c.modality, c.width, c.height, c.duration, i.ordinal, i.partition,"
            " i.span_unit, i.span_start, i.span_end, i.text FROM items i JOIN contents c ON c.id = i.content_id"
            " ORDER BY c.digest, c.kind, i.ordinal"
        ).fetchall()
        found = reader.vectors_of([row[0] for row in rows])
        files = db.execute(
            "SELECT f.path, f.size, f.mtime_ns, f.status, f.reason, c.digest FROM files f"
            " LEFT JOIN contents c ON c.id = f.content_id ORDER BY f.path"
        ).fetchall()
    vectors = np.stack([found[row[0]] for row in rows]) if rows else np.zeros((0, 1))
    return [row[1:] for row in rows], vectors, files


def assert_same(one: Path, other: Path) -> None:
    """Both indexes hold the same files and items, with vectors whose cosine is at least 0.9999."""
    items, vectors, files = contents(one)
    other_items, other_vectors, other_files = contents(other)
    assert files == other_files
    assert items == other_items
    cosines = (vectors * other_vectors).sum(1)
    cosines /= np.linalg.norm(vectors, axis=1) * np.linalg.norm(other_vectors, axis=1)
    assert cosines.min() >= 0.9999


def counts(report: IndexReport) -> dict[str, int]:
    """A report without what depends on the clock."""
    return {name: value for name, value in report.to_json().items() if name not in ("seconds", "stages")}
