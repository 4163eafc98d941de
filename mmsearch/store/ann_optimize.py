"""Rewrites an index for fast searches: few large vector files, and ANN indexes for large partitions.

New files are written beside the old ones and count with one transaction per partition, so readers go on meanwhile and
an interrupt loses only the unfinished step. Knows no search.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from mmsearch.errors import UsageError
from mmsearch.store import ann_index, compaction, faiss_files, schema
from mmsearch.store.ann_build import COARSE, TRIAL_QUERIES, AnnBuilder, bytes_per_vector, sample_size
from mmsearch.store.ann_index import AnnIndex
from mmsearch.store.compaction import ListedSegment
from mmsearch.store.faiss_files import Rows
from mmsearch.store.records import FLAT_BYTES, KINDS, Kind, OnProgress, Optimized, OptimizeRequest
from mmsearch.system import memory
from mmsearch.system.lazy_import import LazyModule
from mmsearch.types import Modality, Vectors

if TYPE_CHECKING:
    import numpy as np
else:
    np = LazyModule("numpy")

LEAST_DIM = 8
_CHOICE = "index_kind"
"""The key in the meta table of the kind and dimensions that were requested last."""
_MAX_UNCOVERED, _MAX_DELETED = 0.05, 0.1
"""An ANN index is kept up to such shares of vectors that it does not cover, and of deleted vectors in it."""
_MOST_MEMORY = 8 << 30
_ASSUMED_MEMORY = 8 << 30


class AnnOptimizer:
    """One run over the tables of a writer.

    Args:
        db: the writer's connection.
        directory: of the index.
        dim: columns of its vectors.
        request: how to optimize it.
        on_progress: called with the step, the amount done and the total.
        remove_unlisted: removes the files that are not listed any more.
    """

    def __init__(
        self,
        db: sqlite3.Connection,
        directory: str,
        dim: int,
        request: OptimizeRequest,
        on_progress: OnProgress,
        remove_unlisted: Callable[[], None],
    ) -> None:
        self._db = db
        self._directory = directory
        self._dim = dim
        if request.kind is None:  # repeat the last request
            kind, last_dim = _last_choice(db)
            if request.dim is not None and kind == "flat":
                kind = "auto"
            request = replace(request, kind=kind, dim=request.dim or last_dim)
        self._request = request
        self._on_progress = on_progress
        self._remove_unlisted = remove_unlisted
        if request.dim is not None and not LEAST_DIM <= request.dim < dim:
            raise UsageError(
                f"--dim {request.dim}: an accelerator takes the first {LEAST_DIM} to {dim - 1} numbers of these "
                f"vectors of {dim}, or all without --dim"
            )

    def run(self) -> list[Optimized]:
        """Do it; returns one entry for each partition that holds anything."""
        with schema.transaction(self._db):
            choice = {"kind": self._request.kind, "dim": self._request.dim}
            schema.put_meta(self._db, _CHOICE, json.dumps(choice))
        results = [self._optimize(name, files) for name, files in self._partitions().items()]
        for done, group in enumerate(groups := compaction.plan_large(self._db, self._dim)):
            self._on_progress("merging", done, len(groups))
            compaction.run(self._db, self._directory, self._dim, group)
            self._remove_unlisted()
        self._remove_unlisted()
        return results

    def _partitions(self) -> dict[Modality, list[ListedSegment]]:
        by_partition: dict[Modality, list[ListedSegment]] = {}
        for family in compaction.families(self._db):
            by_partition.setdefault(family[0].partition, []).extend(family)
        return {name: sorted(files, key=lambda file: file.number) for name, files in sorted(by_partition.items())}

    def _optimize(self, partition: Modality, files: list[ListedSegment]) -> Optimized:
        request = self._request
        live = sum(file.live for file in files)
        if live < request.least:
            kind: Kind = "flat"
        elif request.kind is not None and request.kind != "auto":
            kind = request.kind
        else:
            kind = "pq4" if live * self._dim * faiss_files.BYTES_PER_NUMBER > request.flat_bytes else "flat"
        present = ann_index.list_ann_indexes(self._db, partition)
        if kind == "flat":
            self._replace(partition, [])
            return Optimized(partition, "flat", live, None, bool(present), None)
        dim = request.dim or self._dim
        if self._suffices(present, files, kind, dim):
            return Optimized(partition, kind, live, dim, False, min(row.tuning.recall for row in present))
        budget = request.memory or min(_MOST_MEMORY, (memory.physical() or _ASSUMED_MEMORY) // 4)
        most = max(1, budget // bytes_per_vector(kind, dim))
        built = [(self._build(partition, group, kind, dim), group) for group in _groups(files, most)]
        self._replace(partition, built)
        self._remove_unlisted()
        return Optimized(partition, kind, live, dim, True, min(row.tuning.recall for row, _ in built))

    def _suffices(self, present: list[AnnIndex], files: list[ListedSegment], kind: Kind, dim: int) -> bool:
        """True if the present ANN indexes are as good as new ones."""
        expected = (kind, dim, self._request.recall)
        if not present or any((row.kind, row.dim, row.target) != expected for row in present):
            return False
        if any(not os.path.exists(faiss_files.segment_path(self._directory, row.name)) for row in present):
            return False
        indexed = sum(row.count for row in present)
        covered = sum(file.live for file in files if file.accelerator is not None)
        uncovered = sum(file.live for file in files) - covered
        uncovered_bytes = uncovered * self._dim * faiss_files.BYTES_PER_NUMBER
        is_recent = uncovered <= _MAX_UNCOVERED * indexed and uncovered_bytes <= self._request.flat_bytes
        return is_recent and indexed - covered <= _MAX_DELETED * indexed

    def _build(self, partition: Modality, files: list[ListedSegment], kind: Kind, dim: int) -> AnnIndex:
        """Write an ANN index of all live vectors of some files; it is not listed yet."""

        def on_progress(step: str, done: int, total: int) -> None:
            self._on_progress(f"{partition}: {step}", done, total)

        live = sum(file.live for file in files)
        on_progress("sampling", 0, 1)
        # Of other partitions, since a query of another modality resembles those.
        other_partitions = [others for name, others in self._partitions().items() if name != partition]
        samples = [self._sample(others, -(-TRIAL_QUERIES // len(other_partitions))) for others in other_partitions]
        others = np.concatenate([np.zeros((0, self._dim), np.float32), *samples])
        builder = AnnBuilder(kind, dim, live, self._sample(files, sample_size(kind, live)), others, on_progress)
        for file in files:
            rows, items, contents = self._live_rows(file)
            start = 0
            for block in self._open(file).read(rows) if len(rows) else ():
                end = start + len(block)
                builder.add(items[start:end], contents[start:end], block)
                start = end
        tuning = builder.tune(self._request.recall)
        number = compaction.next_number(self._db, self._directory, "accelerators")
        name = ann_index.ann_name(partition, number)
        on_progress("writing", 0, 1)
        checksum = faiss_files.write_index(builder.index, self._directory, name, *builder.tables())
        target = self._request.recall
        return AnnIndex(number, name, partition, kind, dim, live, checksum, tuning, target, kind in COARSE)

    def _live_rows(self, file: ListedSegment) -> tuple[Rows, Rows, Rows]:
        """The live rows of a vector file, with their item ids and content ids, int64 `(n,)` each."""
        query = "SELECT row, id, content_id FROM items WHERE segment_id = ? ORDER BY row"
        numbers = (number for row in self._db.execute(query, (file.number,)) for number in row)
        rows, items, contents = np.ascontiguousarray(np.fromiter(numbers, np.int64).reshape(-1, 3).T)
        return rows, items, contents

    def _open(self, file: ListedSegment) -> faiss_files.SegmentFile:
        return faiss_files.SegmentFile(faiss_files.segment_path(self._directory, file.name), self._dim, file.count)

    def _sample(self, files: Sequence[ListedSegment], size: int) -> Vectors:
        """Random live vectors of files, the same ones each time."""
        total = sum(file.live for file in files)
        picks = np.sort(np.random.default_rng(total).choice(total, min(size, total), replace=False))
        blocks, offset = [np.zeros((0, self._dim), np.float32)], 0
        for file in files:
            file_picks = picks[(picks >= offset) & (picks < offset + file.live)] - offset
            offset += file.live
            if len(file_picks):
                blocks += self._open(file).read(self._live_rows(file)[0][file_picks])
        return np.concatenate(blocks)

    def _replace(self, partition: Modality, built: list[tuple[AnnIndex, list[ListedSegment]]]) -> None:
        """Make these the only ANN indexes of a partition, each with the files that it covers."""
        with schema.transaction(self._db):
            self._db.execute("UPDATE segments SET accelerator_id = NULL WHERE partition = ?", (partition,))
            self._db.execute("DELETE FROM accelerators WHERE partition = ?", (partition,))
            for row, files in built:
                ann_index.insert(self._db, row)
                for file in files:
                    self._db.execute("UPDATE segments SET accelerator_id = ? WHERE id = ?", (row.number, file.number))


def _groups(files: list[ListedSegment], most: int) -> Iterator[list[ListedSegment]]:
    """Groups of files for one ANN index each, with at most `most` vectors; files without a live row go along."""
    group: list[ListedSegment] = []
    for file in files:
        size = sum(other.live for other in group)
        if size and file.live and size + file.live > most:
            yield group
            group = []
        group.append(file)
    yield group


def _last_choice(db: sqlite3.Connection) -> tuple[Kind | Literal["auto"], int | None]:
    """Kind and dimensions that were requested last; auto for a value that this version does not know."""
    try:
        last = json.loads(schema.get_meta(db, _CHOICE) or "{}")
        kind, dim = last["kind"], last["dim"]
    except (ValueError, KeyError, TypeError):
        return "auto", None
    return (kind if kind in KINDS else "auto"), (dim if isinstance(dim, int) else None)


def count_slow(db: sqlite3.Connection, dim: int, flat_bytes: int = FLAT_BYTES) -> int:
    """How many vectors an optimization would cover that are compared one by one; 0 if the user wants it that way."""
    if _last_choice(db)[0] == "flat":
        return 0
    uncovered = [partition.vectors - partition.covered for partition in ann_index.indexed_partitions(db)]
    return sum(count for count in uncovered if count * dim * faiss_files.BYTES_PER_NUMBER > flat_bytes)
