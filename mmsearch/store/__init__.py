"""The index on disk: what is known of files, their parts and the vectors, changed by one writer and read by many.

SQLite is the truth and lists immutable files of vectors. Knows nothing about models, media or scanning.
"""

from mmsearch.store.changes import Changes, stamp
from mmsearch.store.checks import Repaired, repair
from mmsearch.store.queries import read_contents, read_identity, read_roots
from mmsearch.store.reader import Reader
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
from mmsearch.store.sharded import AnyReader, ShardedReader, open_reader
from mmsearch.store.writer import Writer

__all__ = [
    "EVERYTHING",
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
    "read_contents",
    "read_identity",
    "read_roots",
    "repair",
    "stamp",
]
