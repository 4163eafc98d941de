"""The items behind the rows of vector files: which rows may answer, and whose they are.

Knows the tables of one snapshot; opens no vector file.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from mmsearch.core import Modality
from mmsearch.deferred import Deferred
from mmsearch.store import accelerators, schema
from mmsearch.store.accelerators import Accelerator
from mmsearch.store.filters import DEAD_CONTENTS, passing_contents
from mmsearch.store.paths import PathCodec
from mmsearch.store.records import EVERYTHING, Filter
from mmsearch.store.vectors import Rows

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
else:
    np = Deferred("numpy")

Mask: TypeAlias = "npt.NDArray[np.bool_]"

_PARAMETERS = 500


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
        self._contents: dict[int, Rows] = {}
        self._dead: dict[int, list[int]] | None = None
        self._last_filter: tuple[Filter, Mask] | None = None

    def segments(self, partition: Modality | None = None) -> list[Segment]:
        """The vector files of a partition or of all, in the order in which they came."""
        accelerator = "accelerator_id" if schema.has_accelerators(self._db) else "NULL"
        rows = self._db.execute(
            f"SELECT id, name, count, live, {accelerator} FROM segments WHERE ? IN (partition, '') ORDER BY id",
            (partition or "",),
        )
        return [Segment(*row) for row in rows]

    def accelerators(self, partition: Modality | None = None) -> list[Accelerator]:
        """What covers vector files of a partition or of all."""
        return accelerators.listed(self._db, partition)

    def alive(self, segment: Segment, where: Filter) -> Mask | None:
        """Which rows may answer, bool `(count,)`; None for all of them, which is the common case and costs nothing."""
        if where != EVERYTHING:
            chosen: Mask = self.allowed(where)[self.contents_of(segment)]
            return chosen
        dead = self._dead_rows().get(segment.number)
        if dead is None:
            return None
        alive = np.ones(segment.count, dtype=np.bool_)
        alive[dead] = False
        return alive

    def _dead_rows(self) -> dict[int, list[int]]:
        """By segment, the rows that never answer: tombstones, and items whose every file is missing."""
        if self._dead is None:
            self._dead = {}
            rows = self._db.execute(
                "SELECT segment_id, row FROM tombstones UNION ALL"
                f" SELECT segment_id, row FROM items WHERE content_id IN ({DEAD_CONTENTS})"
            )
            for number, row in rows:
                self._dead.setdefault(number, []).append(row)
        return self._dead

    def missing_contents(self) -> Rows:
        """Ids of the contents whose every file is missing, int64."""
        return np.array(self._db.execute(DEAD_CONTENTS).fetchall(), dtype=np.int64).reshape(-1)

    def allowed(self, where: Filter) -> Mask:
        """Bool by content id (0 is no content): has it a live file that passes?"""
        if self._last_filter is None or self._last_filter[0] != where:
            allowed = np.zeros(self._highest_content() + 1, dtype=np.bool_)
            allowed[list(passing_contents(self._db, self._codec, where))] = True
            self._last_filter = where, allowed
        return self._last_filter[1]

    def _highest_content(self) -> int:
        return int(self._db.execute("SELECT coalesce(max(id), 0) FROM contents").fetchone()[0])

    def contents_of(self, segment: Segment) -> Rows:
        """The content of each row, int64 `(count,)`; 0 where the row is a tombstone."""
        if segment.number not in self._contents:
            query = "SELECT row, content_id FROM items WHERE segment_id = ?"
            table = np.array(self._db.execute(query, (segment.number,)).fetchall(), dtype=np.int64).reshape(-1, 2)
            contents = np.zeros(segment.count, dtype=np.int64)
            contents[table[:, 0]] = table[:, 1]
            self._contents[segment.number] = contents
        return self._contents[segment.number]

    def item_ids(self, segment: Segment, rows: Rows) -> list[int]:
        """The items of live rows, in their order."""
        ids: dict[int, int] = {}
        for part in parts([int(row) for row in rows]):
            query = f"SELECT row, id FROM items WHERE segment_id = ? AND row IN ({marks(part)})"
            ids.update(self._db.execute(query, (segment.number, *part)))
        return [ids[int(row)] for row in rows]

    def places(self, item_ids: Sequence[int]) -> dict[int, list[tuple[int, int]]]:
        """By segment number, the items that lie in it and their rows; those that are gone are left out."""
        listed: dict[int, list[tuple[int, int]]] = {}
        for part in parts(list(item_ids)):
            query = f"SELECT segment_id, id, row FROM items WHERE id IN ({marks(part)})"
            for number, item, row in self._db.execute(query, part):
                listed.setdefault(number, []).append((item, row))
        return listed


def parts(values: Sequence[int]) -> Iterator[Sequence[int]]:
    """Pieces that fit into one statement's parameters."""
    return (values[start : start + _PARAMETERS] for start in range(0, len(values), _PARAMETERS))


def marks(values: Sequence[int]) -> str:
    """So many question marks."""
    return ",".join("?" * len(values))
