"""ANN indexes: the rows that list them, their open files, and the form in which they take vectors.

An ANN index covers every item that lay in some vector files of one partition when it was built, in a short form that is
quick to search. Its file holds a FAISS index, which numbers its vectors from 0 on, and behind it two int64 tables in
the order of these numbers: item ids and content ids; `pq4` has a third one, the sizes of the lists. Ids are never
reused, so merges and deletions leave the file as it is: an item that is gone is simply not in the database any more.
Knows neither queries of users nor vector files.
"""

from __future__ import annotations

import json
import math
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, BinaryIO

from mmsearch.errors import IndexDamaged
from mmsearch.store import schema, value_check
from mmsearch.store.faiss_files import REMEDY, Rows, load_faiss, read_index, segment_path, threads_for
from mmsearch.store.faiss_headers import HeaderMismatch, require_ann_index
from mmsearch.store.records import KINDS, MOST_DIM, IndexedPartition, Kind
from mmsearch.system.lazy_import import LazyModule
from mmsearch.types import Modality, Vectors

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
else:
    np = LazyModule("numpy")

_COLUMNS = "id, name, partition, kind, dim, count, checksum, parameters"
_NUMBER_BYTES = 8
_MOST_EFFORT = 1 << 31
_MOST_THREADS = 4
"""For one query; all threads read from the same memory."""
_WORTH_THREADS = 1 << 22
"""Starting threads takes as long as scanning this many numbers in short form."""
_THREADS_PER_QUERY = 14
"""The FAISS fast-scan implementation that uses several threads for one query."""
_PAD, _MOST_MIXED = 64, 256
"""Fewest and most numbers that one Hadamard matrix mixes, powers of two; rotated vectors are padded to the former."""
_ROTATIONS = 2
"""After the first one each number is mixed from some of the others, after the second from nearly all."""


@dataclass(frozen=True)
class Effort:
    """For the best `k`: how many lists to scan, and how many candidates per result to score again."""

    k: int
    probes: int
    refine: float


@dataclass(frozen=True)
class Tuning:
    """The effort by ascending `k`, and the share of the true best 10 that was found with it."""

    efforts: tuple[Effort, ...]
    recall: float


@dataclass(frozen=True)
class AnnIndex:
    """A row of the accelerators table.

    `dim` is how many of the first numbers of each vector the index takes; `rotated` tells whether they were rotated.
    """

    number: int
    name: str
    partition: Modality
    kind: Kind
    dim: int
    count: int
    checksum: str
    tuning: Tuning
    target: float
    rotated: bool = False

    def effort(self, k: int) -> Effort:
        """The effort for the best `k`, interpolated between and beyond the levels that were measured."""
        levels = self.tuning.efforts
        low = ([effort for effort in levels if effort.k <= k] or [levels[0]])[-1]
        high = next((effort for effort in levels if effort.k >= k), None)
        if high is None:  # more results lie in more lists, but the lists grow more slowly
            return Effort(k, math.ceil(low.probes * math.sqrt(k / low.k)), low.refine)
        share = 0.0 if low.k == high.k or k <= low.k else math.log(k / low.k) / math.log(high.k / low.k)
        refine = low.refine + share * (high.refine - low.refine)
        return Effort(k, math.ceil(low.probes ** (1 - share) * high.probes**share), refine)


# --- rows ---


def list_ann_indexes(db: sqlite3.Connection, partition: Modality | None = None) -> list[AnnIndex]:
    """The ANN indexes of a partition or of all, oldest first. Raises IndexDamaged for a row that makes no sense."""
    if not schema.has_accelerators(db):
        return []
    query = f"SELECT {_COLUMNS} FROM accelerators WHERE ? IN (partition, '') ORDER BY id"
    return [_parse_row(*row) for row in db.execute(query, (partition or "",))]


def _parse_row(
    number: Any, name: Any, partition: Any, kind: Any, dim: Any, count: Any, checksum: Any, parameters: Any
) -> AnnIndex:
    name = value_check.text(name, "accelerators.name")
    if name != ann_name(value_check.modality(partition, "accelerators.partition"), number):
        raise value_check.wrong("accelerators.name", name, f"{partition}/{number}.ann")
    if kind not in KINDS or kind == "flat":
        raise value_check.wrong("accelerators.kind", kind, f"one of {', '.join(KINDS[1:])}")
    dim = value_check.whole(dim, "accelerators.dim", 1, MOST_DIM)
    count = value_check.whole(count, "accelerators.count", 1, value_check.MOST)
    try:
        values = value_check.parsed(value_check.text(parameters, "accelerators.parameters"))
        levels = values["efforts"]
        efforts = tuple(Effort(int(level["k"]), int(level["probes"]), float(level["refine"])) for level in levels)
        numbers = [number for effort in efforts for number in (effort.k, effort.probes, effort.refine)]
        if not efforts or not all(1 <= number <= _MOST_EFFORT for number in numbers):
            raise ValueError(parameters)
        if values.get("dim", dim) != dim:  # the file cannot tell: rotated vectors are padded
            raise ValueError(dim)
        tuning, rotated = Tuning(efforts, float(values["recall"])), bool(values.get("turned", False))
        if not 0 <= tuning.recall <= 1:
            raise ValueError(tuning.recall)
        return AnnIndex(number, name, partition, kind, dim, count, checksum, tuning, float(values["target"]), rotated)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise IndexDamaged(f"accelerator {name} has parameters that make no sense: {REMEDY}") from error


def insert(db: sqlite3.Connection, row: AnnIndex) -> None:
    """List an ANN index whose file is on disk."""
    measured = {"efforts": [asdict(effort) for effort in row.tuning.efforts], "recall": row.tuning.recall}
    parameters = json.dumps({**measured, "target": row.target, "dim": row.dim, "turned": row.rotated})
    db.execute(
        f"INSERT INTO accelerators ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (row.number, row.name, row.partition, row.kind, row.dim, row.count, row.checksum, parameters),
    )


def drop_unused(db: sqlite3.Connection) -> None:
    """Forget the ANN indexes that cover no vector file any more."""
    db.execute(
        "DELETE FROM accelerators WHERE id NOT IN"
        " (SELECT accelerator_id FROM segments WHERE accelerator_id IS NOT NULL)"
    )


def ann_name(partition: str, number: int) -> str:
    """The name of a file below the vectors folder, with `/` on every system."""
    return f"{partition}/{number}.ann"


def indexed_partitions(db: sqlite3.Connection) -> Iterator[IndexedPartition]:
    """For each partition how its live vectors are searched."""
    covered = "accelerator_id IS NOT NULL" if schema.has_accelerators(db) else "0"
    rows = db.execute(
        f"SELECT partition, sum(live), sum(CASE WHEN {covered} THEN live ELSE 0 END) FROM segments"
        " GROUP BY partition ORDER BY partition"
    )
    for partition, live, covered_live in rows.fetchall():
        value_check.modality(partition, "segments.partition")
        ann_indexes: list[AnnIndex] = []
        with suppress(IndexDamaged):  # a search does without it
            ann_indexes = list_ann_indexes(db, partition)
        if ann_indexes:
            recall = min(row.tuning.recall for row in ann_indexes)
            yield IndexedPartition(partition, ann_indexes[0].kind, ann_indexes[0].dim, live, covered_live, recall)
        else:
            yield IndexedPartition(partition, "flat", None, live, 0, None)


# --- files ---


class AnnFile:
    """One open file, memory-mapped as vector files are. Search results are positions in its tables."""

    def __init__(self, directory: str, row: AnnIndex) -> None:
        """Open it.

        Raises:
            FileNotFoundError: it is gone.
            IndexDamaged: it is not what its row says.
        """
        path = segment_path(directory, row.name)
        self.row = row
        self._has_lists = row.kind != "int8"
        self._index: Any = read_index(path, self._check, self._has_lists)
        numbers = self._numbers
        self.items: Rows = numbers[: row.count]
        self.contents: Rows = numbers[row.count : 2 * row.count]
        self._sizes: Rows | None = numbers[2 * row.count :] if row.kind == "pq4" else None
        sizes = self._sizes
        if sizes is not None and (sizes.min() < 0 or sizes.max() > row.count or sizes.sum() != row.count):
            raise IndexDamaged(f"{path} has lists that hold other than {row.count} vectors: {REMEDY}")

    def _check(self, file: BinaryIO) -> None:
        """Check the file, and map the tables behind its index into memory. Raises HeaderMismatch."""
        row = self.row
        self.lists = require_ann_index(file, row.kind, rotated_dim(row.dim) if row.rotated else row.dim, row.count)
        end, size = file.tell(), os.fstat(file.fileno()).st_size
        start = size - _NUMBER_BYTES * (2 * row.count + (self.lists if row.kind == "pq4" else 0))
        if not 0 <= start - end < _NUMBER_BYTES or start % _NUMBER_BYTES:
            raise HeaderMismatch(f"{size - end} bytes of tables lie behind its index")
        # A plain array: rows of a memmap are slower to get.
        self._numbers: Rows = np.asarray(np.memmap(file, "<i8", "r", offset=start))

    def search(self, queries: Vectors, count: int, probes: int, selection: Selection | None = None) -> Rows:
        """The positions of the best `count` for each query, -1 where there are no more.

        Args:
            queries: float32 `(n, full dim)`.
            count: how many.
            probes: lists to scan.
            selection: search only these vectors, in more lists, so that about as many vectors are scanned.

        Returns:
            int64 `(n, count)`.
        """
        faiss = load_faiss()
        queries = prepare_vectors(queries, self.row.dim, self.row.rotated)
        with self._threads(len(queries), probes):
            if not self._has_lists:
                params = faiss.SearchParameters(sel=None if selection is None else selection.selector)
                _, positions = self._index.search(queries, count, params=params)
            elif selection is None:
                # The padding of lists is no candidate.
                real = faiss.IDSelectorRange(0, self.row.count) if self._sizes is not None else None
                params = faiss.SearchParametersIVF(nprobe=min(probes, self.lists), sel=real)
                _, positions = self._index.search(queries, count, params=params)
            else:
                products, lists = self._index.quantizer.search(queries, self.lists)
                enough = min(probes, self.lists) * self.row.count / self.lists
                nearest = selection.nearest_lists(lists, enough, probes)
                positions = self._search_lists(queries, count, nearest, products, selection.selector)
        # The numbers in lists are read from the file, so they may be anything.
        if positions.size and (positions.max() >= self.row.count or positions.min() < -1):
            raise IndexDamaged(f"accelerator {self.row.name} finds more than it holds: {REMEDY}")
        result: Rows = positions
        return result

    @contextmanager
    def _threads(self, queries: int, probes: int) -> Iterator[None]:
        """Use several threads for several queries, and for one query that scans much."""
        scanned = self.row.count * min(1.0, probes / self.lists)
        if queries > 1 or not self._has_lists or self._index.d * scanned < _WORTH_THREADS:
            with threads_for(queries):
                yield
            return
        # Have FAISS divide the lists of a query among threads rather than queries.
        name, value = ("implem", _THREADS_PER_QUERY) if self.row.kind == "pq4" else ("parallel_mode", 1)
        with threads_for(_MOST_THREADS):
            try:
                setattr(self._index, name, value)
                yield
            finally:
                setattr(self._index, name, 0)

    def _search_lists(self, queries: Vectors, count: int, lists: Rows, products: Vectors, selector: Any) -> Rows:
        """Search these lists, whose products with the queries are known; FAISS has no Python method that filters."""
        faiss = load_faiss()
        products = np.ascontiguousarray(products[:, : lists.shape[1]])
        scores = np.zeros((len(queries), count), np.float32)
        positions = np.full((len(queries), count), -1, np.int64)
        pointers = map(faiss.swig_ptr, (lists, products, scores, positions))
        params = faiss.SearchParametersIVF(sel=selector, nprobe=lists.shape[1])
        self._index.search_preassigned_c(len(queries), faiss.swig_ptr(queries), count, *pointers, False, params)
        return positions

    def select(self, mask: npt.NDArray[np.bool_]) -> Selection:
        """The vectors that are marked, bool `(count,)`, for any number of searches."""
        if not self._has_lists:
            return Selection(mask, np.array([np.count_nonzero(mask)]))
        sizes = self._sizes
        if sizes is None:
            lists = self._index.invlists
            sizes = np.fromiter((lists.list_size(number) for number in range(self.lists)), np.int64, self.lists)
        cumulative = np.concatenate([np.zeros(1, np.int64), np.cumsum(mask)])
        ends = np.cumsum(sizes)
        return Selection(mask, cumulative[ends] - cumulative[ends - sizes])


class Selection:
    """The vectors of an ANN index that pass a filter; `count` is how many."""

    def __init__(self, mask: npt.NDArray[np.bool_], by_list: Rows) -> None:
        self.count = int(np.count_nonzero(mask))
        self._by_list = by_list
        self.selector: Any = load_faiss().IDSelectorBitmap(np.packbits(mask, bitorder="little"))

    def nearest_lists(self, lists: Rows, enough: float, least: int) -> Rows:
        """Of the lists of each query, nearest first, those that hold `enough` of the selection, at least `least` lists.

        Lists without any are left out; -1 fills the rest.
        """
        sizes = self._by_list[lists]
        vectors_before = np.cumsum(sizes, axis=1) - sizes
        lists_before: Rows = np.cumsum(sizes > 0, axis=1) - (sizes > 0)
        selected = (sizes > 0) & ((vectors_before < enough) | (lists_before < least))
        width = int((np.arange(lists.shape[1]) * selected).max()) + 1
        return np.ascontiguousarray(np.where(selected, lists, -1)[:, :width])


# --- the form of vectors ---


def normalize(rows: Vectors) -> Vectors:
    """Rows of unit length; rows of zeros stay zeros."""
    units: Vectors = np.divide(rows, np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12), dtype=np.float32)
    return units


def prepare_vectors(vectors: Vectors, dim: int, rotated: bool) -> Vectors:
    """Float32 `(n, full dim)` as an ANN index takes them: the first `dim` columns at unit length, rotated or not."""
    cut: Vectors = np.ascontiguousarray(vectors[:, :dim], np.float32)
    if vectors.shape[1] != dim:
        cut = normalize(cut)
    return rotate(cut) if rotated else cut


def rotated_dim(dim: int) -> int:
    """Columns of a rotated vector of `dim` numbers: zeros pad it to a multiple of 64."""
    return -(-dim // _PAD) * _PAD


def rotate(vectors: Vectors) -> Vectors:
    """Rotate float32 `(n, dim)` to float32 `(n, rotated_dim(dim))`, so that all numbers say about equally much.

    Codes that spend the same few bits on each number lose least then. Lengths and inner products stay what they were.
    The rotation must never change, for files depend on it: random signs and Hadamard matrices, after "Fast
    Johnson-Lindenstrauss" (Ailon and Chazelle, 2006).
    """
    count, dim = vectors.shape
    columns = rotated_dim(dim)
    rows: Vectors = np.zeros((count, columns), np.float32)
    rows[:, :dim] = vectors
    block_size = min(_MOST_MIXED, columns & -columns)
    for number in range(_ROTATIONS):
        blocks = (rows * _signs(columns, number)).reshape(count, block_size, columns // block_size).swapaxes(1, 2)
        rows = (np.ascontiguousarray(blocks).reshape(-1, block_size) @ _hadamard(block_size)).reshape(count, columns)
    return np.ascontiguousarray(rows)


@lru_cache(maxsize=8)
def _signs(count: int, number: int) -> Vectors:
    """Float32 `(count,)` of 1 and -1, by the mixing function of splitmix64 (Steele, Lea and Flood, 2014)."""
    state = np.arange(1, count + 1, dtype=np.uint64) + np.uint64(number << 32)
    state *= np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        state ^= state >> np.uint64(shift)
        state *= np.uint64(factor)
    state ^= state >> np.uint64(31)
    signs: Vectors = np.where(state & np.uint64(1), np.float32(1), np.float32(-1))
    return signs


@lru_cache(maxsize=4)
def _hadamard(size: int) -> Vectors:
    """Float32 `(size, size)`: Sylvester's matrix, of orthonormal rows."""
    matrix: Vectors = np.ones((1, 1), np.float32)
    while len(matrix) < size:
        matrix = np.block([[matrix, matrix], [matrix, -matrix]])
    return np.asarray(matrix / np.float32(np.sqrt(size)), np.float32)
