"""The database of an index as a writer finds it: made, migrated, emptied for a rebuild, or refused.

Knows which tables there are and what stands beside them; not what is written afterwards.
"""

from __future__ import annotations

import sqlite3
from contextlib import suppress

from mmsearch.errors import IndexDamaged, IndexMismatch
from mmsearch.store import (
    compaction,
    erasure,
    faiss_files,
    fulltext,
    page_checksums,
    schema,
    sharing,
    statistics,
    thumbnail_cache,
)
from mmsearch.store.database import Connection
from mmsearch.store.grants import is_user_index
from mmsearch.store.queries import grant_everything
from mmsearch.store.records import Identity
from mmsearch.store.schema_check import OtherTables
from mmsearch.system.safe_open import Folder


def prepare(directory: str, identity: Identity, rebuild: bool) -> Connection:
    """A connection to tables of the newest format that hold `identity`."""
    try:
        return _connect(directory, identity, rebuild)
    except (sqlite3.DatabaseError, IndexDamaged, IndexMismatch) as error:
        if not rebuild or not _replaceable(error):
            raise
    _erase(directory)
    return _connect(directory, identity, rebuild)


def _connect(directory: str, identity: Identity, rebuild: bool) -> Connection:
    db = schema.connect_writer(directory)
    try:
        present = schema.format_of(db, directory)
        if present == 0 or rebuild:
            with schema.transaction(db):
                schema.migrate(db, present)
                _start_anew(db, directory, identity)
                if present == 0:
                    erasure.start_clean(db)
                thumbnail_cache.remove_all(directory)
                db.forgot = True
            erasure.remove_backups(directory)
        else:
            schema.upgrade(db, directory, present)
            if present < schema.FORMAT_WITH_GRANTS and is_user_index(directory):
                grant_everything(db, directory)  # from before there were grants, and where nobody else puts one
        known = schema.identity_of(db, directory)
        known.require(identity, directory)
        if known.to_json() != identity.to_json():  # the same model lies elsewhere now
            with schema.transaction(db):
                schema.put_meta(db, "identity", identity.to_json())
        faiss_files.sync_folders(directory)
        if not statistics.complete(db):
            # A disk that is full will say so when there is something to write, and that commit does it too.
            with suppress(sqlite3.OperationalError), schema.transaction(db):
                statistics.update(db, directory, known.dim)
        erasure.clean(db, directory)
        return db
    except BaseException:
        db.close()
        raise


def _replaceable(error: Exception) -> bool:
    """Whether `rebuild` may replace the database: ours and unreadable yes; another program's, locked or full no."""
    if isinstance(error, (IndexMismatch, OtherTables)):
        return True
    text = str(error)
    return isinstance(error, sqlite3.DatabaseError) and any(
        fragment in text for fragment in ("not a database", "malformed", "no such table", "no such column")
    )


def _erase(directory: str) -> None:
    page_checksums.discard(directory)
    with Folder.open(directory) as folder:
        # The log first: alone it says nothing, the database without it half a truth.
        for suffix in ("-journal", "-wal", "-shm", ""):
            folder.remove(schema.DATABASE + suffix)


def _start_anew(db: sqlite3.Connection, directory: str, identity: Identity) -> None:
    remembered = sharing.kept(db)
    statistics.clear(db)
    for table in ("items", "files", "contents", "tombstones", "segments", "accelerators", "roots", "grants", "meta"):
        db.execute(f"DELETE FROM {table}")
    fulltext.drop(db)
    fulltext.create(db)
    schema.put_meta(db, "format", str(schema.FORMAT))
    schema.put_meta(db, "identity", identity.to_json())
    sharing.keep(db, remembered)
    schema.new_uid(db)
    # Numbers go on after the files that are still there, so that no name is used twice even after an erased database.
    last = compaction.next_number(db, directory) - 1
    db.execute(
        "INSERT INTO segments (id, name, partition, index_kind, count, live, checksum)"
        " VALUES (?, '', '', '', 0, 0, '')",
        (last,),
    )
    db.execute("DELETE FROM segments")
    last = compaction.next_number(db, directory, "accelerators") - 1
    db.execute("INSERT INTO accelerators VALUES (?, '', '', '', 0, 0, '', '')", (last,))
    db.execute("DELETE FROM accelerators")
