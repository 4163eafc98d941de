"""The values that each column of the tables may hold, checked as rows are read, and for whole tables by SQL.

SQLite keeps any type in any column, and an index may come from anywhere. Knows nothing of files, vectors or what rows
mean together.
"""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Iterator
from typing import Any, NamedTuple, TypeVar, cast, get_args

from mmsearch.errors import IndexDamaged
from mmsearch.store.records import Located
from mmsearch.types import MODALITIES, FileMetadata, Item, Modality, Span, Unit

T = TypeVar("T")
REMEDY = "`mmsearch status --repair` keeps what is sound, `mmsearch index --rebuild` builds it again"
MOST = 1 << 40
"""Of rows of a file, parts of a content."""
_UNITS: frozenset[str] = frozenset(get_args(Unit))
_KNOWN: frozenset[str] = frozenset(MODALITIES)
_NUMBERS = (int, float)
_STATUSES = frozenset(("ok", "failed", "unsupported"))
_SHOWN = 40


class ValueKind(NamedTuple):
    """A kind of values: SQL that is true of such a value `{0}`, and its name for people."""

    sql: str
    name: str

    def or_null(self) -> ValueKind:
        return ValueKind(f"({{0}} IS NULL OR {self.sql})", f"{self.name} or nothing")


def _one_of(names: tuple[str, ...]) -> ValueKind:
    listed = ", ".join(f"'{name}'" for name in names)
    return ValueKind(f"(typeof({{0}}) = 'text' AND {{0}} IN ({listed}))", f"one of {', '.join(names)}")


_ID = ValueKind("(typeof({0}) = 'integer' AND {0} > 0)", "an id")
_COUNT = ValueKind(f"(typeof({{0}}) = 'integer' AND {{0}} BETWEEN 0 AND {MOST})", f"a whole number from 0 to {MOST}")
_POSITIVE = ValueKind("(typeof({0}) = 'integer' AND {0} >= 0)", "a whole number from 0 on")
_WHOLE = ValueKind("typeof({0}) = 'integer'", "a whole number")
_NUMBER = ValueKind(
    "(typeof({0}) IN ('integer', 'real') AND {0} BETWEEN -1.7976931348623157e308 AND 1.7976931348623157e308)",
    "a number",
)
_TEXT = ValueKind("typeof({0}) = 'text'", "a text")
_BYTES = ValueKind("typeof({0}) = 'blob'", "bytes")
_REASON = ValueKind("typeof({0}) IN ('text', 'blob')", "a text")
_FLAG = ValueKind("(typeof({0}) = 'integer' AND {0} IN (0, 1))", "0 or 1")
_PATH = ValueKind(
    "(typeof({0}) = 'blob' AND length({0}) > 0 AND instr({0}, x'00') = 0 AND (instr({0}, x'3a2f2f') > 0"
    " OR instr(CAST(x'2f' || {0} || x'2f' AS BLOB), x'2f2e2e2f') = 0))",
    "a path",
)
_MODALITY = _one_of(MODALITIES)

COLUMNS: dict[str, dict[str, ValueKind]] = {
    "meta": {"key": _TEXT, "value": _TEXT},
    "roots": {"path": _PATH},
    "grants": {"kind": _one_of(("root", "identity", "path")), "value": _BYTES, "mac": _BYTES},
    "contents": {
        "id": _ID, "digest": _TEXT, "kind": _TEXT, "modality": _MODALITY, "width": _POSITIVE.or_null(),
        "height": _POSITIVE.or_null(), "duration": _NUMBER.or_null(), "taken": _TEXT.or_null(),
    },
    "files": {
        "id": _ID, "path": _PATH, "size": _POSITIVE,
        "mtime_ns": _WHOLE, "status": _one_of(("ok", "failed", "unsupported")), "reason": _REASON,
        "content_id": _ID.or_null(), "missing": _FLAG,
    },
    "segments": {
        "id": _ID, "name": _TEXT, "partition": _MODALITY, "count": _COUNT, "live": _COUNT, "checksum": _TEXT,
        "accelerator_id": _ID.or_null(),
    },
    "tombstones": {"segment_id": _ID, "row": _COUNT},
    "items": {
        "id": _ID, "content_id": _ID, "ordinal": _COUNT, "partition": _MODALITY, "span_unit": _one_of(get_args(Unit)),
        "span_start": _NUMBER, "span_end": _NUMBER, "text": _TEXT, "segment_id": _ID, "row": _COUNT,
    },
    "columns": {"contents": _BYTES},
    "samples": {"partition": _MODALITY, "place": _COUNT, "vector": _BYTES},
    "bounds": {"partition": _MODALITY, "below": _COUNT},
    "pairs": {"modality": _MODALITY, "partition": _MODALITY},
    "sqlite_sequence": {"name": _TEXT, "seq": _COUNT},
    "accelerators": {
        "id": _ID, "name": _TEXT, "partition": _MODALITY, "dim": _COUNT, "count": _COUNT, "checksum": _TEXT,
        "parameters": _TEXT,
    },
}  # fmt: skip
"""By table and column; other columns are never read, or SQLite itself checks them."""


def wrong(where: str, value: object, expected: str) -> IndexDamaged:
    """The error about a value of a column."""
    shown = repr(value[:_SHOWN] if isinstance(value, (str, bytes)) else value)[: 2 * _SHOWN]
    return IndexDamaged(f"{where} holds {shown}, not {expected}: {REMEDY}")


def whole(value: Any, where: str, least: int = 0, most: int = (1 << 63) - 1) -> int:
    """A whole number within these bounds. Raises IndexDamaged, as all of these do."""
    if type(value) is int and least <= value <= most:
        return value
    raise wrong(where, value, f"a whole number from {least} to {most}")


def text(value: Any, where: str) -> str:
    """A text."""
    if type(value) is str:
        return value
    raise wrong(where, value, "a text")


def binary(value: Any, where: str) -> bytes:
    """Bytes."""
    if type(value) is bytes:
        return value
    raise wrong(where, value, "bytes")


def number(value: Any, where: str) -> float:
    """A finite number."""
    if type(value) is int or (type(value) is float and math.isfinite(value)):
        return cast("float", value)
    raise wrong(where, value, "a number")


def modality(value: Any, where: str) -> Modality:
    """The modality of a file or a part."""
    if type(value) is str and value in _KNOWN:
        return cast("Modality", value)
    raise wrong(where, value, f"one of {', '.join(MODALITIES)}")


def status(value: Any) -> Any:
    """The status of a file."""
    if type(value) is str and value in _STATUSES:
        return value
    raise wrong("files.status", value, "ok, failed or unsupported")


def item(
    path: str, digest: Any, source: Any, partition: Any, ordinal: Any, unit: Any, start: Any, end: Any, passage: Any
) -> Item:
    """An item by its columns and those of its content. Sound values take one fast check."""
    if (
        type(digest) is type(passage) is str
        and source in _KNOWN
        and partition in _KNOWN
        and unit in _UNITS
        and type(ordinal) is int
        and type(start) in _NUMBERS
        and type(end) in _NUMBERS
        and 0 <= ordinal <= MOST
        and -math.inf < start < math.inf
        and -math.inf < end < math.inf
    ):
        return Item(path, digest, source, partition, ordinal, Span(unit, start, end), passage)
    text(digest, "contents.digest")
    modality(source, "contents.modality")
    modality(partition, "items.partition")
    whole(ordinal, "items.ordinal", 0, MOST)
    number(start, "items.span_start")
    number(end, "items.span_end")
    text(passage, "items.text")
    raise wrong("items.span_unit", unit, f"one of {', '.join(sorted(_UNITS))}")


def located(item_id: int, part: Item, kind: Any, size: Any, mtime_ns: Any) -> Located:
    """An item at a file, by the columns of both."""
    if type(kind) is str and type(size) is type(mtime_ns) is int and size >= 0:
        return Located(item_id, part, kind, size, mtime_ns)
    text(kind, "contents.kind")
    whole(size, "files.size")
    raise wrong("files.mtime_ns", mtime_ns, "a whole number")


def facts(width: Any, height: Any, duration: Any, taken: Any) -> FileMetadata:
    """The metadata of a content by its columns."""
    return FileMetadata(
        None if width is None else whole(width, "contents.width"),
        None if height is None else whole(height, "contents.height"),
        None if duration is None else number(duration, "contents.duration"),
        None if taken is None else text(taken, "contents.taken"),
    )


def segment(number: Any, name: Any, partition: Any, count: Any, live: Any, accelerator: Any = None) -> None:
    """Check a row of the segments table. The name of its file follows from its number and partition."""
    modality(partition, "segments.partition")
    whole(number, "segments.id", 1)
    if name != f"{partition}/{number}.faiss":
        raise wrong("segments.name", name, f"{partition}/{number}.faiss")
    whole(live, "segments.live", 0, whole(count, "segments.count", 0, MOST))
    if accelerator is not None:
        whole(accelerator, "segments.accelerator_id", 1)


def parsed(value: str) -> Any:
    """Parse JSON. Raises ValueError, also for a text that is nested too deeply or has endless numbers."""
    try:
        return json.loads(value)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def problems(db: sqlite3.Connection) -> Iterator[str]:
    """Values that a column may not hold, one line for each column that has some."""
    for table, columns in COLUMNS.items():
        present = {row[1] for row in db.execute(f"PRAGMA table_info({table})")}
        for column, kind in columns.items():
            if column in present and (shown := _first_wrong(db, table, column, kind.sql)) is not None:
                yield f"{table}.{column} holds {shown}, not {kind.name}"


def _first_wrong(db: sqlite3.Connection, table: str, column: str, sql: str) -> str | None:
    """The first value of a column for which `sql` is not true, as it is shown to people."""
    query = f"SELECT typeof({column}), substr(CAST({column} AS BLOB), 1, {_SHOWN}) FROM {table}"
    row = db.execute(f"{query} WHERE NOT {sql.format(column)} LIMIT 1").fetchone()
    if row is not None:
        kind, start = row
        return "NULL" if start is None else f"{kind} {start.decode('utf-8', 'replace')!r}"
    if "'text'" in sql:
        for (value,) in db.execute(f"SELECT CAST({column} AS BLOB) FROM {table} WHERE typeof({column}) = 'text'"):
            try:
                value.decode()
            except UnicodeDecodeError:
                return f"bytes {value[:_SHOWN]!r}"
    return None


def unsound(table: str) -> str:
    """SQL that is true of the rows of a table with a wrong value."""
    return " OR ".join(f"NOT {kind.sql.format(column)}" for column, kind in COLUMNS[table].items())
