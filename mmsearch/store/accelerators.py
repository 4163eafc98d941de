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
from typing import TYPE_CHECKING, Any

from mmsearch.core import Modality, Vectors
from mmsearch.deferred import Deferred
from mmsearch.errors import IndexDamaged
from mmsearch.store import schema
from mmsearch.store.records import Kind, Lookup
from mmsearch.store.training import Effort, Tuned, in_form
from mmsearch.store.turning import width
from mmsearch.store.vectors import REMEDY, Rows, load_faiss, read_index, segment_path, threads_for

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
else:
    np = Deferred("numpy")

_COLUMNS = "id, name, partition, kind, dim, count, checksum, parameters"
_TABLES = 2
_NUMBER = 8
"""Bytes of a number in a table."""
_MOST_THREADS = 4
"""For one query; they all read from the same memory."""
_WORTHWHILE = 1 << 22
"""Starting threads takes as long as looking at so many numbers in short form."""
_ALL_THREADS = 14
"""What FAISS calls the way in which its fast scan has several threads for one query."""


@dataclass(frozen=True)
class Accelerator:
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


def listed(db: sqlite3.Connection, partition: Modality | None = None) -> list[Accelerator]:
    """The accelerators of a partition or of all, in the order in which they came.

    Raises:
        IndexDamaged: a row makes no sense.
    """
    if not schema.has_accelerators(db):
        return []
    query = f"SELECT {_COLUMNS} FROM accelerators WHERE ? IN (partition, '') ORDER BY id"
    return [_of_row(row) for row in db.execute(query, (partition or "",))]


def _of_row(row: tuple[Any, ...]) -> Accelerator:
    *columns, parameters = row
    number, name, partition, kind, dim, count, checksum = columns
    try:
        told = json.loads(parameters)
        efforts = tuple(Effort(int(one["k"]), int(one["probes"]), float(one["refine"])) for one in told["efforts"])
        if not efforts or any(effort.k < 1 or effort.probes < 1 or effort.refine < 1 for effort in efforts):
            raise ValueError(parameters)
        if told.get("dim", dim) != dim:  # the file cannot tell: turned vectors are filled up
            raise ValueError(dim)
        tuned, turned = Tuned(efforts, float(told["recall"])), bool(told.get("turned", False))
        return Accelerator(number, name, partition, kind, dim, count, checksum, tuned, told["target"], turned)
    except (ValueError, KeyError, TypeError) as error:
        raise IndexDamaged(f"accelerator {name} has parameters that make no sense: {REMEDY}") from error


def insert(db: sqlite3.Connection, one: Accelerator) -> None:
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


def accelerator_name(partition: str, number: int) -> str:
    """The name of a file below the vectors folder, with `/` on every system."""
    return f"{partition}/{number}.ann"


class AcceleratorFile:
    """One open file, memory-mapped as vector files are; what is found is told by its place in the tables."""

    def __init__(self, directory: str, row: Accelerator) -> None:
        """Open it.

        Raises:
            FileNotFoundError: it is gone.
            IndexDamaged: it is not what its row says.
        """
        path = segment_path(directory, row.name)
        self.row = row
        self._index: Any = read_index(path, row.kind != "int8")
        self.lists: int = getattr(self._index, "nlist", 1)
        more = self.lists if row.kind == "pq4" else 0
        behind = os.path.getsize(path) - _NUMBER * (_TABLES * row.count + more)
        long = width(row.dim) if row.turned else row.dim
        if (self._index.d, self._index.ntotal) != (long, row.count) or behind <= 0 or behind % _NUMBER:
            raise IndexDamaged(f"{path} is no accelerator of {row.count} vectors of {row.dim} columns: {REMEDY}")
        numbers = np.asarray(np.memmap(path, "<i8", "r", offset=behind))  # rows of it are quicker to get so
        self.items: Rows = numbers[: row.count]
        self.contents: Rows = numbers[row.count : 2 * row.count]
        self._sizes: Rows | None = numbers[2 * row.count :] if more else None

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
        found: Rows = places
        return found

    def search_among(self, queries: Vectors, count: int, probes: int, chosen: Chosen) -> Rows:
        """What `search` finds among some, in so many lists that about as many of those are looked at as it does."""
        faiss = load_faiss()
        form = self._in_form(queries)
        with self._threads(len(queries), probes):
            if self.row.kind == "int8":
                return self._index.search(form, count, params=faiss.SearchParameters(sel=chosen.selector))[1]  # type: ignore[no-any-return]
            products, lists = self._index.quantizer.search(form, self.lists)
            enough = min(probes, self.lists) * self.row.count / self.lists
            return self._preassigned(form, count, chosen.nearest(lists, enough, probes), products, chosen.selector)

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


def lookups(db: sqlite3.Connection) -> Iterator[Lookup]:
    """How the live vectors of each partition are found."""
    covered = "accelerator_id IS NOT NULL" if schema.has_accelerators(db) else "0"
    rows = db.execute(
        f"SELECT partition, sum(live), sum(CASE WHEN {covered} THEN live ELSE 0 END) FROM segments"
        " GROUP BY partition ORDER BY partition"
    )
    for partition, live, held in rows.fetchall():
        present: list[Accelerator] = []
        with suppress(IndexDamaged):  # a search does without it
            present = listed(db, partition)
        if present:
            recall = min(one.tuned.recall for one in present)
            yield Lookup(partition, present[0].kind, present[0].dim, live, held, recall)
        else:
            yield Lookup(partition, "flat", None, live, 0, None)
