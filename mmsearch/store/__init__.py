"""The index on disk: records of files, their parts and the vectors, changed by one writer and read by many.

SQLite is the truth and lists immutable vector files. Knows nothing about models, media or scanning. Names that a search
needs are imported here; `Writer`, `repair`, `MultiReader` and change tokens come from their own modules.
"""

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

__all__ = [
    "EVERYTHING",
    "Allowed",
    "AnyReader",
    "Bounds",
    "FileRecord",
    "FileStatus",
    "Filter",
    "Identity",
    "Located",
    "OptimizeRequest",
    "Optimized",
    "Reader",
    "StoreStatus",
    "open_reader",
    "read_allowed",
    "read_contents",
    "read_identity",
    "read_roots",
]
