"""The items behind the rows of vector files: which rows may answer, and whose they are.

Knows the tables of one snapshot; opens no vector file.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

from mmsearch.errors import IndexDamaged
from mmsearch.store import ann_index, faiss_files, schema, statistics, value_check
from mmsearch.store.ann_index import AnnIndex
from mmsearch.store.faiss_files import Rows
from mmsearch.store.filters import DEAD_CONTENTS, condition, passing_contents
from mmsearch.store.paths import PathCodec
from mmsearch.store.records import EVERYTHING, Filter
from mmsearch.system.lazy_import import LazyModule
from mmsearch.types import Modality

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
else:
    np = LazyModule("numpy")

Mask: TypeAlias = "npt.NDArray[np.bool_]"

_PARAMETERS = 500
_FEW = 4096
"""So many contents are looked up one by one rather than in the column of a whole file."""
_MOST_MASK, _SPARE_FACTOR = 1 << 26, 1 << 10
"""So many ids have a mask, and so many more for each content in question."""
_FILTERS = 8
"""How many of the last filters are remembered."""


@dataclass(frozen=True)
class Segment:
    """A vector file as the tables list it.

    Attributes:
        count: rows, dead ones included.
        live: rows that an item points to.
        accelerator: the number of what covers it, if anything does.
    """

    number: int
    name: str
    count: int
    live: int = 0
    accelerator: int | None = None


class RowTable:
    """What one snapshot says of rows; what is asked for twice is read once."""

    def __init__(self, db: sqlite3.Connection, codec: PathCodec) -> None:
        self._db = db
        self._codec = codec
        self.sieved: dict[Filter, float] = {}
        """How many candidates were looked at because the first few did not pass, by what they were to pass."""
        self._contents: dict[int, Rows] = {}
        self._bounded: set[int] = set()
        self._chosen: dict[Filter, _Contents] = {}

    def segments(self, partition: Modality | None = None) -> list[Segment]:
        """The vector files of a partition or of all, in the order in which they came."""
        accelerator = "accelerator_id" if schema.has_accelerators(self._db) else "NULL"
        rows = self._db.execute(
            f"SELECT id, name, partition, count, live, {accelerator} FROM segments"
            " WHERE ? IN (partition, '') ORDER BY id",
            (partition or "",),
        )
        return [_segment(*row) for row in rows]

    def accelerators(self, partition: Modality | None = None) -> list[AnnIndex]:
        """What covers vector files of a partition or of all."""
        return ann_index.listed(self._db, partition)

    # --- which rows may answer ---

    def within(self, partition: Modality, where: Filter) -> Filter | None:
        """What is left to ask of a filter in a partition; None where nothing there can pass it."""
        if where.modalities is None or not self.summarised:
            return where
        present = statistics.modalities_in(self._db, partition)
        if not present & where.modalities:
            return None
        return replace(where, modalities=None) if present <= where.modalities else where

    @cached_property
    def summarised(self) -> bool:
        """Whether what the index keeps about itself is up to date."""
        return statistics.complete(self._db)

    def alive(self, segment: Segment, where: Filter) -> Mask | None:
        """Which rows may answer, bool `(count,)`; None for all of them, which is the common case and costs nothing."""
        if where != EVERYTHING:
            return self._passing(where).rows(segment)
        tombstones = self._tombstones(segment)
        if not len(tombstones) and not len(self._dead.ids):
            return None
        self.bound(segment)
        alive = ~self._dead.rows(segment)
        alive[tombstones] = False
        return None if alive.all() else alive

    def answering(self, contents: Rows, where: Filter) -> Mask:
        """Which of some contents may answer, bool as int64 `(n,)` ids; True or False for one that is gone."""
        return self._passing(where).among(contents) if where != EVERYTHING else ~self._dead.among(contents)

    def few(self, where: Filter) -> bool:
        """Whether so few contents pass that their rows are looked up one by one."""
        return where != EVERYTHING and self._passing(where).few

    @property
    def missing(self) -> int:
        """How many contents there are whose every file is missing."""
        return len(self._dead.ids)

    @cached_property
    def _dead(self) -> _Contents:
        """The contents whose every file is missing."""
        return _Contents(self._db, self, _ids(content for (content,) in self._db.execute(DEAD_CONTENTS)))

    def _passing(self, where: Filter) -> _Contents:
        """The contents that a live file which passes holds."""
        if where not in self._chosen:
            if len(self._chosen) >= _FILTERS:
                self._chosen.clear()
            ids = np.unique(_ids(passing_contents(self._db, self._codec, where)))
            self._chosen[where] = _Contents(self._db, self, ids)
        return self._chosen[where]

    def passing(self, item_ids: Iterable[int], where: Filter) -> set[int]:
        """Those of some items that lie in a live file which passes."""
        sql, values = condition(where, self._codec)
        query = (
            "SELECT i.id, f.path FROM items i JOIN contents c ON c.id = i.content_id"
            f" JOIN files f ON f.content_id = c.id WHERE f.missing = 0{sql} AND i.id IN"
        )
        found: set[int] = set()
        for part in parts(list(item_ids)):
            for item, path in self._db.execute(f"{query} ({marks(part)})", (*values, *part)):
                if item not in found and (where.accept is None or where.accept(self._codec.decode(path))):
                    found.add(item)
        return found

    # --- whose they are ---

    def contents_of(self, segment: Segment) -> Rows:
        """The content of each row, int64 `(count,)`; 0 where the row is a tombstone."""
        if segment.number not in self._contents:
            self.bound(segment)
            kept = statistics.column(self._db, segment.number, segment.count) if self.summarised else None
            if kept is None:
                kept = statistics.column_by_items(self._db, segment.number, segment.count)
            elif len(tombstones := self._tombstones(segment)):
                kept = kept.copy()
                kept[tombstones] = 0
            self._contents[segment.number] = kept
        return self._contents[segment.number]

    def bound(self, segment: Segment) -> None:
        """Require about as many rows as the tables say. Raises what `faiss_files.require_rows` does."""
        if segment.number not in self._bounded:
            faiss_files.require_rows(faiss_files.segment_path(self._codec.directory, segment.name), segment.count)
            self._bounded.add(segment.number)

    def _tombstones(self, segment: Segment) -> Rows:
        """Rows that nothing points to, all of them within the file."""
        rows = self._db.execute("SELECT row FROM tombstones WHERE segment_id = ?", (segment.number,))
        return _inside(_ids(row for (row,) in rows), segment.count, "tombstones.row")

    def item_ids(self, segment: Segment, rows: Rows) -> list[int]:
        """The items of live rows, in their order."""
        ids: dict[int, int] = {}
        for part in parts([int(row) for row in rows]):
            query = f"SELECT row, id FROM items WHERE segment_id = ? AND row IN ({marks(part)})"
            ids.update(self._db.execute(query, (segment.number, *part)))
        try:
            return [ids[int(row)] for row in rows]
        except KeyError as error:
            raise IndexDamaged(f"row {error} of {segment.name} belongs to no item: {value_check.REMEDY}") from error

    def places(self, item_ids: Sequence[int]) -> dict[int, list[tuple[int, int]]]:
        """By segment number, the items that lie in it and their rows; those that are gone are left out."""
        listed: dict[int, list[tuple[int, int]]] = {}
        for part in parts(list(item_ids)):
            query = f"SELECT segment_id, id, row FROM items WHERE id IN ({marks(part)})"
            for number, item, row in self._db.execute(query, part):
                listed.setdefault(number, []).append((item, value_check.whole(row, "items.row", 0, value_check.MOST)))
        return listed


class _Contents:
    """Some contents by id, and where their items lie: a few are looked up, many are a mask over all that there are."""

    def __init__(self, db: sqlite3.Connection, table: RowTable, ids: Rows) -> None:
        self.ids = ids
        self._db = db
        self._table = table

    def rows(self, segment: Segment) -> Mask:
        """The rows of these contents in a file, bool `(count,)`."""
        if not self.few:
            return self.among(self._table.contents_of(segment))
        self._table.bound(segment)
        rows = np.zeros(segment.count, dtype=np.bool_)
        rows[_inside(_ids(self._places.get(segment.number, [])), segment.count, "items.row")] = True
        return rows

    @property
    def few(self) -> bool:
        return len(self.ids) <= _FEW

    def among(self, contents: Rows) -> Mask:
        """Which of some ids, int64 `(n,)`, are of these contents; they may be of contents that are gone."""
        if self._sparse:
            at = np.minimum(np.searchsorted(self.ids, contents), max(0, len(self.ids) - 1))
            found: Mask = self.ids[at] == contents if len(self.ids) else np.zeros(len(contents), np.bool_)
            return found
        chosen: Mask = self._mask[np.where(contents.view(np.uint64) < len(self._mask), contents, 0)]
        return chosen

    @cached_property
    def _sparse(self) -> bool:
        """Whether the ids go far beyond what so many contents need, so that a mask would take memory for nothing."""
        return self._highest > _MOST_MASK + _SPARE_FACTOR * len(self.ids)

    @cached_property
    def _highest(self) -> int:
        (highest,) = self._db.execute("SELECT coalesce(max(id), 0) FROM contents").fetchone()
        return int(highest)

    @cached_property
    def _mask(self) -> Mask:
        """Bool by content id."""
        mask = np.zeros(self._highest + 1, dtype=np.bool_)
        mask[self.ids] = True
        return mask

    @cached_property
    def _places(self) -> dict[int, list[int]]:
        """Rows by the number of their file."""
        found: dict[int, list[int]] = {}
        for part in parts(self.ids.tolist()):
            query = f"SELECT segment_id, row FROM items WHERE content_id IN ({marks(part)})"
            for number, row in self._db.execute(query, part):
                found.setdefault(number, []).append(row)
        return found


def _ids(values: Iterable[int]) -> Rows:
    return np.fromiter(values, dtype=np.int64)


def _inside(rows: Rows, count: int, where: str) -> Rows:
    """The rows, if all of them are of a file of so many. Raises IndexDamaged."""
    if len(rows) and (rows.min() < 0 or rows.max() >= count):
        raise value_check.wrong(where, int(rows[(rows < 0) | (rows >= count)][0]), f"a row of {count}")
    return rows


def _segment(number: Any, name: Any, partition: Any, count: Any, live: Any, accelerator: Any) -> Segment:
    """A row of the segments table. Raises IndexDamaged."""
    value_check.segment(number, name, partition, count, live, accelerator)
    return Segment(number, name, count, live, accelerator)


def parts(values: Sequence[int]) -> Iterator[Sequence[int]]:
    """Pieces that fit into one statement's parameters."""
    return (values[start : start + _PARAMETERS] for start in range(0, len(values), _PARAMETERS))


def marks(values: Sequence[int]) -> str:
    """So many question marks."""
    return ",".join("?" * len(values))
