"""The index on disk: what is known of files, their parts and the vectors, changed by one writer and read by many.

SQLite is the truth and lists immutable files of vectors. Knows nothing about models, media or scanning. What writes,
and what joins several indexes, is imported when it is first used: a search of one does without.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mmsearch.store.change_token import ChangeWatcher, change_token
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
    OptimizeRequest,
    StoreStatus,
)

if TYPE_CHECKING:
    from mmsearch.store.integrity import Repaired, repair
    from mmsearch.store.multi_reader import MultiReader
    from mmsearch.store.writer import Writer

__all__ = [
    "EVERYTHING",
    "Allowed",
    "AnyReader",
    "Bounds",
    "ChangeWatcher",
    "FileRecord",
    "FileStatus",
    "Filter",
    "Identity",
    "Located",
    "MultiReader",
    "OptimizeRequest",
    "Optimized",
    "Reader",
    "Repaired",
    "StoreStatus",
    "Writer",
    "change_token",
    "open_reader",
    "read_allowed",
    "read_contents",
    "read_identity",
    "read_roots",
    "repair",
]

_LATER = {"Repaired": "integrity", "MultiReader": "multi_reader", "Writer": "writer", "repair": "integrity"}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
    return value
