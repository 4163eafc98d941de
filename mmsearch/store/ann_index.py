"""Accelerators: the rows that list them, and their open files.

An accelerator covers every item that lay in some vector files of one partition when it was built, in a form that is
quick to search. Behind its FAISS index, which numbers what it holds from 0 on, its file has two tables of int64 in the
order of these numbers: ids of items, and of the contents they belong to; `pq4` has a third one, of how much each list
holds. Ids are never used twice, so merges and deletions leave an accelerator as it is: an item that is gone is in no
table of the database any more. Knows neither queries of users nor vector files.
"""

from __future__ import annotations

import json
import math
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

from mmsearch.errors import IndexDamaged
from mmsearch.store import schema, value_check
from mmsearch.store.ann_build import Effort, Tuned, in_form
from mmsearch.store.ann_rotation import width
from mmsearch.store.faiss_files import REMEDY, Rows, load_faiss, read_index, segment_path, threads_for
from mmsearch.store.faiss_headers import Unlike, require_accelerator
from mmsearch.store.records import KINDS, MOST_DIM, IndexedPartition, Kind
from mmsearch.system.lazy_import import LazyModule
from mmsearch.types import Modality, Vectors

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
else:
    np = LazyModule("numpy")

_COLUMNS = "id, name, partition, kind, dim, count, checksum, parameters"
_TABLES = 2
_NUMBER = 8
"""Bytes of a number in a table."""
_MOST_EFFORT = 1 << 31
_MOST_THREADS = 4
"""For one query; they all read from the same memory."""
_WORTHWHILE = 1 << 22
"""Starting threads takes as long as looking at so many numbers in short form."""
_ALL_THREADS = 14
"""What FAISS calls the way in which its fast scan has several threads for one query."""


@dataclass(frozen=True)
class AnnIndex:
    """A row of the accelerators table.

    `dim` is how many of the first numbers of each vector it takes, and `turned` whether these were turned in space.
    """

    number: int
    name: str
    partition: Modality
    kind: Kind
    dim: int
    count: int
    checksum: str
    tuned: Tuned
    target: float
    turned: bool = False

    def effort(self, k: int) -> Effort:
        """What finding the best `k` takes, between and beyond the levels that were measured."""
        levels = self.tuned.efforts
        below = [effort for effort in levels if effort.k <= k] or [levels[0]]
        above = [effort for effort in levels if effort.k >= k]
        if not above:  # more results lie in more lists, but not in so many more
            probes = below[-1].probes * math.sqrt(k / below[-1].k)
            return Effort(k, math.ceil(probes), below[-1].refine)
        low, high = below[-1], above[0]
        share = 0.0 if low.k == high.k or k <= low.k else math.log(k / low.k) / math.log(high.k / low.k)
        refine = low.refine + share * (high.refine - low.refine)
        return Effort(k, math.ceil(low.probes ** (1 - share) * high.probes**share), refine)


def listed(db: sqlite3.Connection, partition: Modality | None = None) -> list[AnnIndex]:
    """The accelerators of a partition or of all, in the order in which they came.

    Raises:
        IndexDamaged: a row makes no sense.
    """
    if not schema.has_accelerators(db):
        return []
    query = f"SELECT {_COLUMNS} FROM accelerators WHERE ? IN (partition, '') ORDER BY id"
    return [_of_row(row) for row in db.execute(query, (partition or "",))]


def _of_row(row: tuple[Any, ...]) -> AnnIndex:
    *columns, parameters = row
    number, name, partition, kind, dim, count, checksum = columns
    name = value_check.text(name, "accelerators.name")
    if name != ann_name(value_check.modality(partition, "accelerators.partition"), number):
        raise value_check.wrong("accelerators.name", name, f"{partition}/{number}.ann")
    if kind not in KINDS or kind == "flat":
        raise value_check.wrong("accelerators.kind", kind, f"one of {', '.join(KINDS[1:])}")
    dim = value_check.whole(dim, "accelerators.dim", 1, MOST_DIM)
    count = value_check.whole(count, "accelerators.count", 1, value_check.MOST)
    try:
        told = value_check.parsed(value_check.text(parameters, "accelerators.parameters"))
        efforts = tuple(Effort(int(one["k"]), int(one["probes"]), float(one["refine"])) for one in told["efforts"])
        numbers = [number for one in efforts for number in (one.k, one.probes, one.refine)]
        if not efforts or not all(1 <= number <= _MOST_EFFORT for number in numbers):
            raise ValueError(parameters)
        if told.get("dim", dim) != dim:  # the file cannot tell: turned vectors are filled up
            raise ValueError(dim)
        tuned, turned = Tuned(efforts, float(told["recall"])), bool(told.get("turned", False))
        if not 0 <= tuned.recall <= 1:
            raise ValueError(tuned.recall)
        return AnnIndex(number, name, partition, kind, dim, count, checksum, tuned, float(told["target"]), turned)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise IndexDamaged(f"accelerator {name} has parameters that make no sense: {REMEDY}") from error


def insert(db: sqlite3.Connection, one: AnnIndex) -> None:
    """List an accelerator whose file lies on the disk."""
    told = {"efforts": [asdict(effort) for effort in one.tuned.efforts], "recall": one.tuned.recall}
    parameters = json.dumps({**told, "target": one.target, "dim": one.dim, "turned": one.turned})
    db.execute(
        f"INSERT INTO accelerators ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (one.number, one.name, one.partition, one.kind, one.dim, one.count, one.checksum, parameters),
    )


def drop_unused(db: sqlite3.Connection) -> None:
    """Forget the accelerators of which no vector file is left."""
    db.execute(
        "DELETE FROM accelerators WHERE id NOT IN"
        " (SELECT accelerator_id FROM segments WHERE accelerator_id IS NOT NULL)"
    )


def ann_name(partition: str, number: int) -> str:
    """The name of a file below the vectors folder, with `/` on every system."""
    return f"{partition}/{number}.ann"


class AnnFile:
    """One open file, memory-mapped as vector files are; what is found is told by its place in the tables."""

    def __init__(self, directory: str, row: AnnIndex) -> None:
        """Open it.

        Raises:
            FileNotFoundError: it is gone.
            IndexDamaged: it is not what its row says.
        """
        path = segment_path(directory, row.name)
        self.row = row
        self._index: Any = read_index(path, self._look, row.kind != "int8")
        numbers = self._numbers  # rows of it are quicker to get so
        self.items: Rows = numbers[: row.count]
        self.contents: Rows = numbers[row.count : 2 * row.count]
        self._sizes: Rows | None = numbers[2 * row.count :] if row.kind == "pq4" else None
        sizes = self._sizes
        if sizes is not None and (sizes.min() < 0 or sizes.max() > row.count or sizes.sum() != row.count):
            raise IndexDamaged(f"{path} has lists that hold other than {row.count} vectors: {REMEDY}")

    def _look(self, file: BinaryIO) -> None:
        """Check the file, and map the tables behind its index into memory. Raises Unlike."""
        row = self.row
        wide = width(row.dim) if row.turned else row.dim
        self.lists = require_accelerator(file, row.kind, wide, row.count)
        end, size = file.tell(), os.fstat(file.fileno()).st_size
        behind = size - _NUMBER * (_TABLES * row.count + (self.lists if row.kind == "pq4" else 0))
        if not 0 <= behind - end < _NUMBER or behind % _NUMBER:
            raise Unlike(f"{size - end} bytes of tables lie behind its index")
        self._numbers: Rows = np.asarray(np.memmap(file, "<i8", "r", offset=behind))

    def search(self, queries: Vectors, count: int, probes: int) -> Rows:
        """The places of the best for each query, float32 `(n, dim)`: `(n, count)`, -1 where there are no more."""
        faiss = load_faiss()
        probes = min(probes, self.lists)
        # What lists are filled up with is no candidate.
        real = faiss.IDSelectorRange(0, self.row.count) if self._sizes is not None else None
        listed = self.row.kind != "int8"
        params = faiss.SearchParametersIVF(nprobe=probes, sel=real) if listed else faiss.SearchParameters()
        with self._threads(len(queries), probes):
            _, places = self._index.search(self._in_form(queries), count, params=params)
        return self._known(places)

    def _known(self, places: Rows) -> Rows:
        """The places, if it has all of them: the numbers in lists are read from the file. Raises IndexDamaged."""
        if places.size and (places.max() >= self.row.count or places.min() < -1):
            raise IndexDamaged(f"accelerator {self.row.name} finds more than it holds: {REMEDY}")
        return places

    def search_among(self, queries: Vectors, count: int, probes: int, chosen: Chosen) -> Rows:
        """What `search` finds among some, in so many lists that about as many of those are looked at as it does."""
        faiss = load_faiss()
        form = self._in_form(queries)
        with self._threads(len(queries), probes):
            if self.row.kind == "int8":
                params = faiss.SearchParameters(sel=chosen.selector)
                return self._known(self._index.search(form, count, params=params)[1])
            products, lists = self._index.quantizer.search(form, self.lists)
            enough = min(probes, self.lists) * self.row.count / self.lists
            nearest = chosen.nearest(lists, enough, probes)
            return self._known(self._preassigned(form, count, nearest, products, chosen.selector))

    def _in_form(self, queries: Vectors) -> Vectors:
        return in_form(queries, self.row.dim, self.row.turned)

    @contextmanager
    def _threads(self, queries: int, probes: int) -> Iterator[None]:
        """Several threads for several queries, and for one that looks at much."""
        if queries > 1 or self.row.kind == "int8" or self._index.d * self._looked_at(probes) < _WORTHWHILE:
            with threads_for(queries):
                yield
            return
        with threads_for(_MOST_THREADS):
            try:
                self._share_out(True)
                yield
            finally:
                self._share_out(False)

    def _looked_at(self, probes: int) -> float:
        return self.row.count * min(1.0, probes / self.lists)

    def _share_out(self, lists: bool) -> None:
        """Have FAISS give threads lists of a query rather than queries, or not any more."""
        if self.row.kind == "pq4":
            self._index.implem = _ALL_THREADS if lists else 0
        else:
            self._index.parallel_mode = int(lists)

    def _preassigned(self, queries: Vectors, count: int, lists: Rows, products: Vectors, selector: Any) -> Rows:
        """Search in these lists, whose products with the queries are known; FAISS has no Python form that filters."""
        faiss = load_faiss()
        products = np.ascontiguousarray(products[:, : lists.shape[1]])
        scores = np.zeros((len(queries), count), np.float32)
        places = np.full((len(queries), count), -1, np.int64)
        params = faiss.SearchParametersIVF(sel=selector, nprobe=lists.shape[1])
        self._index.search_preassigned_c(
            len(queries),
            faiss.swig_ptr(queries),
            count,
            faiss.swig_ptr(lists),
            faiss.swig_ptr(products),
            faiss.swig_ptr(scores),
            faiss.swig_ptr(places),
            False,
            params,
        )
        return places

    def choose(self, mask: npt.NDArray[np.bool_]) -> Chosen:
        """A search among those that are marked, bool `(count,)`, which may be used many times."""
        if self.row.kind == "int8":
            return Chosen(mask, np.array([np.count_nonzero(mask)]))
        sizes = self._sizes
        if sizes is None:
            held = self._index.invlists
            sizes = np.fromiter((held.list_size(number) for number in range(self.lists)), np.int64, self.lists)
        before = np.concatenate([np.zeros(1, np.int64), np.cumsum(mask)])
        ends = np.cumsum(sizes)
        return Chosen(mask, before[ends] - before[ends - sizes])


class Chosen:
    """Some of what an accelerator holds: all of it that passes a filter; `count` is how many."""

    def __init__(self, mask: npt.NDArray[np.bool_], by_list: Rows) -> None:
        self.count = int(np.count_nonzero(mask))
        self._by_list = by_list
        self.selector: Any = load_faiss().IDSelectorBitmap(np.packbits(mask, bitorder="little"))

    def nearest(self, lists: Rows, enough: float, least: int) -> Rows:
        """Of the lists of each query, nearest first, those that hold `enough` of the chosen, at least so many lists.

        A list without any is no use and does not count. What is left is filled up with -1.
        """
        held = self._by_list[lists]
        seen = np.cumsum(held, axis=1) - held
        used: Rows = np.cumsum(held > 0, axis=1) - (held > 0)
        kept = (held > 0) & ((seen < enough) | (used < least))
        chosen = np.where(kept, lists, -1)
        width = int((np.arange(lists.shape[1]) * kept).max()) + 1
        return np.ascontiguousarray(chosen[:, :width])


def lookups(db: sqlite3.Connection) -> Iterator[IndexedPartition]:
    """How the live vectors of each partition are found."""
    covered = "accelerator_id IS NOT NULL" if schema.has_accelerators(db) else "0"
    rows = db.execute(
        f"SELECT partition, sum(live), sum(CASE WHEN {covered} THEN live ELSE 0 END) FROM segments"
        " GROUP BY partition ORDER BY partition"
    )
    for partition, live, held in rows.fetchall():
        value_check.modality(partition, "segments.partition")
        present: list[AnnIndex] = []
        with suppress(IndexDamaged):  # a search does without it
            present = listed(db, partition)
        if present:
            recall = min(one.tuned.recall for one in present)
            yield IndexedPartition(partition, present[0].kind, present[0].dim, live, held, recall)
        else:
            yield IndexedPartition(partition, "flat", None, live, 0, None)
