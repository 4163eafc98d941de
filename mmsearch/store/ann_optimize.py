"""Rewrites an index for fast searches: few large vector files, and accelerators where there are many vectors.

Everything new is written beside the old and counts with one transaction a partition, so readers go on meanwhile and an
interrupt costs what is not done yet. Knows no search.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, NamedTuple

from mmsearch.errors import UsageError
from mmsearch.store import ann_index, compaction, faiss_files, schema
from mmsearch.store.ann_build import ASKED, COARSE, AnnBuilder, Told, bytes_per_vector, sample_size
from mmsearch.store.ann_index import AnnIndex
from mmsearch.store.compaction import Listed
from mmsearch.store.faiss_files import Rows
from mmsearch.store.records import FLAT_BYTES, KINDS, Kind, Optimized, OptimizeRequest
from mmsearch.system.lazy_import import LazyModule
from mmsearch.types import Modality, Vectors

if TYPE_CHECKING:
    import numpy as np
else:
    np = LazyModule("numpy")

LEAST_DIM = 8
_CHOICE = "index_kind"
"""Under this key the meta table holds what was asked for last."""
_NEW, _GONE = 0.05, 0.1
"""An accelerator is left alone up to such shares of vectors that it does not cover, and of such in it as are gone."""
_MOST_MEMORY = 8 << 30
_ASSUMED_MEMORY = 8 << 30


class _Rows(NamedTuple):
    """Live rows of a vector file with the ids of their items and contents, int64 `(n,)` each."""

    rows: Rows
    items: Rows
    contents: Rows


class AnnOptimizer:
    """One run over the tables of a writer.

    Args:
        db: the writer's connection.
        directory: where the index lies.
        dim: columns of its vectors.
        wanted: what to make of it.
        told: hears of progress.
        collect: removes what is listed no more.
    """

    def __init__(
        self,
        db: sqlite3.Connection,
        directory: str,
        dim: int,
        wanted: OptimizeRequest,
        told: Told,
        collect: Callable[[], None],
    ) -> None:
        self._db = db
        self._directory = directory
        self._dim = dim
        self._wanted = _remembered(db, wanted)
        self._told = told
        self._collect = collect
        _require_dim(self._wanted.dim, dim)

    def run(self) -> list[Optimized]:
        """Do it; one entry for each partition that holds anything."""
        with schema.transaction(self._db):
            choice = {"kind": self._wanted.kind, "dim": self._wanted.dim}
            schema.put_meta(self._db, _CHOICE, json.dumps(choice))
        done = [self._partition(name, files) for name, files in self._partitions().items()]
        for at, group in enumerate(groups := compaction.plan_large(self._db, self._dim)):
            self._told("merging", at, len(groups))
            compaction.run(self._db, self._directory, self._dim, group)
            self._collect()
        self._collect()
        return done

    def _partitions(self) -> dict[Modality, list[Listed]]:
        found: dict[Modality, list[Listed]] = {}
        for family in compaction.families(self._db):
            found.setdefault(family[0].partition, []).extend(family)
        return {name: sorted(files, key=lambda one: one.number) for name, files in sorted(found.items())}

    def _partition(self, partition: Modality, files: list[Listed]) -> Optimized:
        live = sum(one.live for one in files)
        kind = self._kind(live)
        present = ann_index.listed(self._db, partition)
        if kind == "flat":
            self._swap(partition, [])
            return Optimized(partition, "flat", live, None, bool(present), None)
        dim = self._wanted.dim or self._dim
        if self._suffices(present, files, kind, dim):
            return Optimized(partition, kind, live, dim, False, min(one.tuned.recall for one in present))
        made = [self._build(partition, part, kind, dim) for part in _parts(files, self._most_vectors(kind, dim))]
        self._swap(partition, made)
        self._collect()
        return Optimized(partition, kind, live, dim, True, min(one.tuned.recall for one, _ in made))

    def _kind(self, live: int) -> Kind:
        if live < self._wanted.least:
            return "flat"
        if self._wanted.kind is not None and self._wanted.kind != "auto":
            return self._wanted.kind
        return "pq4" if live * self._dim * faiss_files.BYTES_PER_NUMBER > self._wanted.flat_bytes else "flat"

    def _suffices(self, present: list[AnnIndex], files: list[Listed], kind: Kind, dim: int) -> bool:
        """Whether what is there is as good as new."""
        wanted = (kind, dim, self._wanted.recall)
        if not present or any((one.kind, one.dim, one.target) != wanted for one in present):
            return False
        if any(not os.path.exists(faiss_files.segment_path(self._directory, one.name)) for one in present):
            return False
        held = sum(one.count for one in present)
        covered = sum(one.live for one in files if one.accelerator is not None)
        new = sum(one.live for one in files) - covered
        new_bytes = new * self._dim * faiss_files.BYTES_PER_NUMBER
        return new <= _NEW * held and new_bytes <= self._wanted.flat_bytes and held - covered <= _GONE * held

    def _most_vectors(self, kind: Kind, dim: int) -> int:
        memory = self._wanted.memory or min(_MOST_MEMORY, _physical_memory() // 4)
        return max(1, memory // bytes_per_vector(kind, dim))

    # --- building ---

    def _build(self, partition: Modality, files: list[Listed], kind: Kind, dim: int) -> tuple[AnnIndex, list[Listed]]:
        """Write an accelerator of all live vectors of some files, which nothing lists yet."""

        def told(what: str, done: int, total: int) -> None:
            self._told(f"{partition}: {what}", done, total)

        live = sum(one.live for one in files)
        told("sampling", 0, 1)
        builder = AnnBuilder(
            kind, dim, live, self._sample(files, sample_size(kind, live)), self._others(partition), told
        )
        for one in files:
            for some, block in self._blocks(one):
                builder.add(some.items, some.contents, block)
        tuned = builder.tune(self._wanted.recall)
        number = compaction.next_number(self._db, self._directory, "accelerators")
        name = ann_index.ann_name(partition, number)
        told("writing", 0, 1)
        checksum = faiss_files.write_index(builder.index, self._directory, name, *builder.tables())
        turned = kind in COARSE
        made = AnnIndex(number, name, partition, kind, dim, live, checksum, tuned, self._wanted.recall, turned)
        return made, files

    def _blocks(self, file: Listed) -> Iterator[tuple[_Rows, Vectors]]:
        """The live vectors of a file, a block at a time."""
        table, start = self._rows(file), 0
        if len(table.rows):
            for block in self._open(file).read(table.rows):
                end = start + len(block)
                yield _Rows(table.rows[start:end], table.items[start:end], table.contents[start:end]), block
                start = end

    def _rows(self, file: Listed) -> _Rows:
        query = "SELECT row, id, content_id FROM items WHERE segment_id = ? ORDER BY row"
        numbers = (number for row in self._db.execute(query, (file.number,)) for number in row)
        table = np.fromiter(numbers, np.int64).reshape(-1, 3)
        return _Rows(*np.ascontiguousarray(table.T))

    def _open(self, file: Listed) -> faiss_files.SegmentFile:
        return faiss_files.SegmentFile(faiss_files.segment_path(self._directory, file.name), self._dim, file.count)

    def _sample(self, files: Sequence[Listed], size: int) -> Vectors:
        """Some live vectors of files, each as likely as any other, the same ones each time."""
        total = sum(one.live for one in files)
        picks = np.sort(np.random.default_rng(total).choice(total, min(size, total), replace=False))
        blocks, offset = [np.zeros((0, self._dim), np.float32)], 0
        for one in files:
            mine = picks[(picks >= offset) & (picks < offset + one.live)] - offset
            offset += one.live
            if len(mine):
                blocks += self._open(one).read(self._rows(one).rows[mine])
        return np.concatenate(blocks)

    def _others(self, partition: Modality) -> Vectors:
        """Vectors of other partitions: what a query of another kind looks like."""
        others = [files for name, files in self._partitions().items() if name != partition]
        some = [self._sample(files, -(-ASKED // len(others))) for files in others]
        return np.concatenate([np.zeros((0, self._dim), np.float32), *some])

    def _swap(self, partition: Modality, made: list[tuple[AnnIndex, list[Listed]]]) -> None:
        """Have a partition be covered by these and nothing else."""
        with schema.transaction(self._db):
            self._db.execute("UPDATE segments SET accelerator_id = NULL WHERE partition = ?", (partition,))
            self._db.execute("DELETE FROM accelerators WHERE partition = ?", (partition,))
            for one, files in made:
                ann_index.insert(self._db, one)
                for file in files:
                    self._db.execute("UPDATE segments SET accelerator_id = ? WHERE id = ?", (one.number, file.number))


def _parts(files: list[Listed], most: int) -> Iterator[list[Listed]]:
    """Files that go into one accelerator each, as few as the memory allows; those without a live row go along."""
    part: list[Listed] = []
    for one in files:
        held = sum(other.live for other in part)
        if held and one.live and held + one.live > most:
            yield part
            part = []
        part.append(one)
    yield part


def _remembered(db: sqlite3.Connection, wanted: OptimizeRequest) -> OptimizeRequest:
    """What is wanted, with what was asked for last where it does not say."""
    if wanted.kind is not None:
        return wanted
    kind, dim = _choice(db)
    if wanted.dim is not None and kind == "flat":
        kind = "auto"
    return replace(wanted, kind=kind, dim=wanted.dim or dim)


def _choice(db: sqlite3.Connection) -> tuple[Kind | Literal["auto"], int | None]:
    """Kind and dimensions that were asked for last; what is no choice that this version knows counts for none."""
    try:
        last = json.loads(schema.get_meta(db, _CHOICE) or "{}")
        kind, dim = last["kind"], last["dim"]
    except (ValueError, KeyError, TypeError):
        return "auto", None
    return (kind if kind in KINDS else "auto"), (dim if isinstance(dim, int) else None)


def advised(db: sqlite3.Connection, dim: int, flat_bytes: int = FLAT_BYTES) -> int:
    """How many vectors are compared one by one that an optimization would cover; 0 where that is how it should be."""
    if _choice(db)[0] == "flat":
        return 0
    bare = [one.vectors - one.covered for one in ann_index.lookups(db)]
    return sum(count for count in bare if count * dim * faiss_files.BYTES_PER_NUMBER > flat_bytes)


def _require_dim(wanted: int | None, dim: int) -> None:
    if wanted is not None and not LEAST_DIM <= wanted < dim:
        raise UsageError(
            f"--dim {wanted}: an accelerator takes the first {LEAST_DIM} to {dim - 1} numbers of these vectors of "
            f"{dim}, or all without --dim"
        )


def _physical_memory() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return _ASSUMED_MEMORY
