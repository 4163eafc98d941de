"""The index on disk: what is known of files, their parts and the vectors, changed by one writer and read by many.

SQLite is the truth and lists immutable files of vectors. Knows nothing about models, media or scanning. What writes,
and what joins several indexes, is imported when it is first used: a search of one does without.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mmsearch.store.changes import Changes, stamp
from mmsearch.store.queries import Allowed, read_allowed, read_contents, read_identity, read_roots
from mmsearch.store.reader import AnyReader, Reader, open_reader
from mmsearch.store.records import (
    EVERYTHING,
    Bounds,
    FileRecord,
    FileStatus,
    Filter,
    Identity,
    Located,
    Optimized,
    StoreStatus,
    Wanted,
)

if TYPE_CHECKING:
    from mmsearch.store.checks import Repaired, repair
    from mmsearch.store.sharded import ShardedReader
    from mmsearch.store.writer import Writer

__all__ = [
    "EVERYTHING",
    "Allowed",
    "AnyReader",
    "Bounds",
    "Changes",
    "FileRecord",
    "FileStatus",
    "Filter",
    "Identity",
    "Located",
    "Optimized",
    "Reader",
    "Repaired",
    "ShardedReader",
    "StoreStatus",
    "Wanted",
    "Writer",
    "open_reader",
    "read_allowed",
    "read_contents",
    "read_identity",
    "read_roots",
    "repair",
    "stamp",
]

_LATER = {"Repaired": "checks", "ShardedReader": "sharded", "Writer": "writer", "repair": "checks"}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
    return value
