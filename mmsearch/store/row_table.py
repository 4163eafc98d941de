"""The items behind the rows of vector files: which rows pass a filter, and which item each belongs to.

Knows the tables of one snapshot; opens no vector file.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

from mmsearch.errors import IndexDamaged
from mmsearch.store import faiss_files, schema, statistics, value_check
from mmsearch.store.database import batches, placeholders
from mmsearch.store.faiss_files import Rows
from mmsearch.store.paths import PathCodec
from mmsearch.store.queries import DEAD_CONTENTS, condition, passing_contents
from mmsearch.store.records import EVERYTHING, Filter
from mmsearch.system.lazy_import import LazyModule
from mmsearch.system.plain_data import dataclass
from mmsearch.types import Modality

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from mmsearch.store.ann_index import AnnIndex
else:
    np = LazyModule("numpy")

Mask: TypeAlias = "npt.NDArray[np.bool_]"

_LOOKUP_LIMIT = 4096
"""At most this many contents are looked up one by one; more are read from the column of a whole file."""
_MOST_MASK, _SPARE_FACTOR = 1 << 26, 1 << 10
"""The most ids that a mask covers: a fixed number, and a number for each content in it."""
_FILTERS = 8
"""How many of the last filters are remembered."""


@dataclass(frozen=True)
class Segment:
    """A vector file as the tables list it.

    Attributes:
        count: rows, dead ones included.
        live: rows that an item points to.
        accelerator: the number of the ANN index that covers it, if any.
    """

    number: int
    name: str
    count: int
    live: int = 0
    accelerator: int | None = None


class RowTable:
    """The rows of one snapshot; each table is read only once."""

    def __init__(self, db: sqlite3.Connection, codec: PathCodec) -> None:
        self._db = db
        self._codec = codec
        self.oversampled: dict[Filter, float] = {}
        """By filter how many candidates were taken because the first few did not pass."""
        self._contents: dict[int, Rows] = {}
        self._checked: set[int] = set()
        self._filtered: dict[Filter, _Contents] = {}

    def segments(self, partition: Modality | None = None) -> list[Segment]:
        """The vector files of a partition or of all, oldest first. Raises IndexDamaged."""
        accelerator = "accelerator_id" if schema.has_accelerators(self._db) else "NULL"
        rows = self._db.execute(
            f"SELECT id, name, partition, count, live, {accelerator} FROM segments"
            " WHERE ? IN (partition, '') ORDER BY id",
            (partition or "",),
        )
        segments = []
        for number, name, owner, count, live, covered_by in rows:
            value_check.segment(number, name, owner, count, live, covered_by)
            segments.append(Segment(number, name, count, live, covered_by))
        return segments

    def ann_indexes(self, partition: Modality | None = None) -> list[AnnIndex]:
        """The ANN indexes of a partition or of all."""
        if not schema.has_accelerators(self._db) or not self._db.execute("SELECT 1 FROM accelerators").fetchone():
            return []
        from mmsearch.store import ann_index  # late: small indexes have none

        return ann_index.list_ann_indexes(self._db, partition)

    # --- which rows pass ---

    def within(self, partition: Modality, where: Filter) -> Filter | None:
        """A filter without the conditions that a whole partition passes; None if nothing there can pass it."""
        if where.modalities is None or not self.has_statistics:
            return where
        present = statistics.modalities_in(self._db, partition)
        if not present & where.modalities:
            return None
        return replace(where, modalities=None) if present <= where.modalities else where

    @cached_property
    def has_statistics(self) -> bool:
        """True if the statistics that the index keeps about itself are up to date."""
        return statistics.complete(self._db)

    def alive(self, segment: Segment, where: Filter) -> Mask | None:
        """Which rows pass, bool `(count,)`; None for all of them, which is the common case and costs nothing."""
        if where != EVERYTHING:
            return self._passing(where).rows(segment)
        tombstones = self._tombstones(segment)
        if not len(tombstones) and not len(self._dead.ids):
            return None
        self.require_rows(segment)
        alive = ~self._dead.rows(segment)
        alive[tombstones] = False
        return None if alive.all() else alive

    def answering(self, contents: Rows, where: Filter) -> Mask:
        """Which of some contents pass, bool `(n,)` for int64 `(n,)` ids; True or False for a content that is gone."""
        return self._passing(where).among(contents) if where != EVERYTHING else ~self._dead.among(contents)

    def few(self, where: Filter) -> bool:
        """True if so few contents pass that their rows are looked up one by one."""
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
        if where not in self._filtered:
            if len(self._filtered) >= _FILTERS:
                self._filtered.clear()
            ids = np.unique(_ids(passing_contents(self._db, self._codec, where)))
            self._filtered[where] = _Contents(self._db, self, ids)
        return self._filtered[where]

    def passing(self, item_ids: Iterable[int], where: Filter) -> set[int]:
        """Those of some items that lie in a live file which passes."""
        sql, values = condition(where, self._codec)
        query = (
            "SELECT i.id, f.path FROM items i JOIN contents c ON c.id = i.content_id"
            f" JOIN files f ON f.content_id = c.id WHERE f.missing = 0{sql} AND i.id IN"
        )
        passing_ids: set[int] = set()
        for batch in batches(list(item_ids)):
            for item, path in self._db.execute(f"{query} ({placeholders(batch)})", (*values, *batch)):
                if item not in passing_ids and (where.accept is None or where.accept(self._codec.decode(path))):
                    passing_ids.add(item)
        return passing_ids

    # --- whose rows they are ---

    def contents_of(self, segment: Segment) -> Rows:
        """The content of each row, int64 `(count,)`; 0 if the row is a tombstone."""
        if segment.number not in self._contents:
            self.require_rows(segment)
            column = statistics.column(self._db, segment.number, segment.count) if self.has_statistics else None
            if column is None:
                column = statistics.column_by_items(self._db, segment.number, segment.count)
            elif len(tombstones := self._tombstones(segment)):
                column = column.copy()
                column[tombstones] = 0
            self._contents[segment.number] = column
        return self._contents[segment.number]

    def require_rows(self, segment: Segment) -> None:
        """Check that the file can hold its rows. Raises what `faiss_files.require_rows` does."""
        if segment.number not in self._checked:
            faiss_files.require_rows(faiss_files.segment_path(self._codec.directory, segment.name), segment.count)
            self._checked.add(segment.number)

    def _tombstones(self, segment: Segment) -> Rows:
        """Rows that no item points to, all of them within the file."""
        rows = self._db.execute("SELECT row FROM tombstones WHERE segment_id = ?", (segment.number,))
        return _require_inside(_ids(row for (row,) in rows), segment.count, "tombstones.row")

    def item_ids(self, segment: Segment, rows: Rows) -> list[int]:
        """The items of live rows, in their order."""
        ids: dict[int, int] = {}
        for batch in batches([int(row) for row in rows]):
            query = f"SELECT row, id FROM items WHERE segment_id = ? AND row IN ({placeholders(batch)})"
            ids.update(self._db.execute(query, (segment.number, *batch)))
        try:
            return [ids[int(row)] for row in rows]
        except KeyError as error:
            raise IndexDamaged(f"row {error} of {segment.name} belongs to no item: {value_check.REMEDY}") from error

    def rows_of_items(self, item_ids: Sequence[int]) -> dict[int, list[tuple[int, int]]]:
        """By segment number, the items that lie in it and their rows; items that are gone are left out."""
        listed: dict[int, list[tuple[int, int]]] = {}
        for batch in batches(item_ids):
            query = f"SELECT segment_id, id, row FROM items WHERE id IN ({placeholders(batch)})"
            for number, item, row in self._db.execute(query, batch):
                listed.setdefault(number, []).append((item, value_check.whole(row, "items.row", 0, value_check.MOST)))
        return listed


class _Contents:
    """Some contents by id, and their rows: a few are looked up, many are a mask over all ids."""

    def __init__(self, db: sqlite3.Connection, table: RowTable, ids: Rows) -> None:
        self.ids = ids
        self._db = db
        self._table = table

    def rows(self, segment: Segment) -> Mask:
        """The rows of these contents in a file, bool `(count,)`."""
        if not self.few:
            return self.among(self._table.contents_of(segment))
        self._table.require_rows(segment)
        rows = np.zeros(segment.count, dtype=np.bool_)
        rows[_require_inside(_ids(self._rows_by_segment.get(segment.number, [])), segment.count, "items.row")] = True
        return rows

    @property
    def few(self) -> bool:
        return len(self.ids) <= _LOOKUP_LIMIT

    def among(self, contents: Rows) -> Mask:
        """Which of some ids, int64 `(n,)`, are of these contents; they may be of contents that are gone."""
        if self._highest > _MOST_MASK + _SPARE_FACTOR * len(self.ids):  # ids so sparse that a mask would waste memory
            nearest = np.minimum(np.searchsorted(self.ids, contents), max(0, len(self.ids) - 1))
            matches: Mask = self.ids[nearest] == contents if len(self.ids) else np.zeros(len(contents), np.bool_)
            return matches
        marked: Mask = self._mask[np.where(contents.view(np.uint64) < len(self._mask), contents, 0)]
        return marked

    @cached_property
    def _highest(self) -> int:
        return int(self._db.execute("SELECT coalesce(max(id), 0) FROM contents").fetchone()[0])

    @cached_property
    def _mask(self) -> Mask:
        """Bool by content id."""
        mask = np.zeros(self._highest + 1, dtype=np.bool_)
        mask[self.ids] = True
        return mask

    @cached_property
    def _rows_by_segment(self) -> dict[int, list[int]]:
        rows_by_segment: dict[int, list[int]] = {}
        for batch in batches(self.ids.tolist()):
            query = f"SELECT segment_id, row FROM items WHERE content_id IN ({placeholders(batch)})"
            for number, row in self._db.execute(query, batch):
                rows_by_segment.setdefault(number, []).append(row)
        return rows_by_segment


def _ids(values: Iterable[int]) -> Rows:
    return np.fromiter(values, dtype=np.int64)


def _require_inside(rows: Rows, count: int, where: str) -> Rows:
    """The rows, if all of them are within a file of `count` rows. Raises IndexDamaged."""
    if len(rows) and (rows.min() < 0 or rows.max() >= count):
        raise value_check.wrong(where, int(rows[(rows < 0) | (rows >= count)][0]), f"a row of {count}")
    return rows
