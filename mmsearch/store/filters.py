"""Which files may answer: a filter as SQL, so that what it leaves is known before any candidate is taken.

Knows the tables of files and contents; nothing about vectors or words.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from mmsearch.store.paths import PathCodec
from mmsearch.store.records import ANY, Bounds, Filter
from mmsearch.types import EARLIEST_NS, LATEST_NS, clamp_mtime_ns

# Contents whose every file is missing. All others have a live file: a commit deletes those that have none.
DEAD_CONTENTS = """SELECT DISTINCT m.content_id FROM files m WHERE m.missing = 1 AND m.content_id IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM files l WHERE l.content_id = m.content_id AND l.missing = 0)"""


def condition(where: Filter, codec: PathCodec) -> tuple[str, list[Any]]:
    """All of a filter but `accept`, as SQL over `files f` and `contents c` that begins with AND, and its parameters."""
    of_content, of_file = _of_content(where), _of_file(where, codec)
    parts = of_content + of_file
    return "".join(f" AND ({sql})" for sql, _ in parts), [value for _, values in parts for value in values]


def passing_contents(db: sqlite3.Connection, codec: PathCodec, where: Filter) -> Iterator[int]:
    """Ids of the contents that some live file which passes holds; one may come several times."""
    if where.accept is None and not _of_file(where, codec):  # no path has to be read
        sql, values = condition(where, codec)
        query = f"SELECT c.id FROM contents c WHERE c.id NOT IN ({DEAD_CONTENTS}){sql}"
        return (content for (content,) in db.execute(query, values))
    sql, values = condition(where, codec)
    rows = db.execute(
        f"SELECT f.content_id, f.path FROM files f JOIN contents c ON c.id = f.content_id WHERE f.missing = 0{sql}",
        values,
    )
    accept = where.accept
    return (content for content, path in rows if accept is None or accept(codec.decode(path)))


def _of_content(where: Filter) -> list[tuple[str, list[Any]]]:
    parts: list[tuple[str, list[Any]]] = []
    if where.modalities is not None:
        chosen = sorted(where.modalities)
        parts.append((f"c.modality IN ({','.join('?' * len(chosen))})", list(chosen)))
    for column in ("width", "height", "duration"):
        parts += _within(f"c.{column}", getattr(where, column))
    return parts


def _of_file(where: Filter, codec: PathCodec) -> list[tuple[str, list[Any]]]:
    parts = _within("f.size", where.size)
    if where.folders:
        parts.append(_below(where.folders, codec))
    for sign, moment in ((">=", where.after), ("<", where.before)):
        if moment is not None:
            parts.append(_dated(sign, moment))
    return parts


def _within(column: str, bounds: Bounds) -> list[tuple[str, list[Any]]]:
    """Unknown values pass no bound."""
    if bounds == ANY:
        return []
    sides = [(">=", bounds.least), ("<=", bounds.most)]
    return [(f"{column} {sign} ?", [value]) for sign, value in sides if value is not None]


def _below(folders: tuple[str, ...], codec: PathCodec) -> tuple[str, list[Any]]:
    ranges = [one for folder in folders for one in codec.ranges(folder)]
    alone = [codec.encode(folder) for folder in folders]
    sql = " OR ".join(["f.path >= ? AND f.path < ?"] * len(ranges) + ["f.path = ?"] * len(alone))
    return sql, [bound for pair in ranges for bound in pair] + alone


def _dated(sign: str, moment: datetime) -> tuple[str, list[Any]]:
    # Cameras write local time without a zone, so that is compared as text; files know the instant.
    sql = f"CASE WHEN c.taken IS NULL THEN f.mtime_ns {sign} ? ELSE c.taken {sign} ? END"
    return sql, [_instant(moment), moment.isoformat(timespec="seconds")]


def _instant(moment: datetime) -> int:
    """Nanoseconds since 1970, or the nearest that a file's time can be."""
    try:
        return clamp_mtime_ns(int(moment.timestamp() * 1e9))
    except (ValueError, OverflowError, OSError):  # before year 1 or after 9999 in UTC; what it is depends on the system
        return EARLIEST_NS if moment.year < 1970 else LATEST_NS
