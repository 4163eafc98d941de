"""Prepares the database for a writer: made, migrated, emptied for a rebuild, or refused; and private or shared.

An index is its user's alone unless it is shared with those whom the umask lets in. Its note about that counts for
the very file it was written in: a copy, or an index from elsewhere, is private until its user shares it. Knows the
tables and the files beside them; nothing about later writes.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress

from mmsearch.errors import IndexDamaged, IndexMismatch
from mmsearch.store import (
    compaction,
    faiss_files,
    file_ownership,
    fulltext,
    page_checksums,
    schema,
    statistics,
    thumbnail_cache,
)
from mmsearch.store.database import Connection, OtherTables
from mmsearch.store.grants import is_user_index
from mmsearch.store.queries import grant_everything
from mmsearch.store.records import Identity
from mmsearch.system.safe_open import Folder

_SHARED = "shared"


def prepare(directory: str, identity: Identity, rebuild: bool) -> Connection:
    """A connection to tables of the newest format that hold `identity`."""
    try:
        return _connect(directory, identity, rebuild)
    except (sqlite3.DatabaseError, IndexDamaged, IndexMismatch) as error:
        # A rebuild replaces a database that is ours and unreadable; not another program's, a locked or a full one.
        unreadable = isinstance(error, sqlite3.DatabaseError) and any(
            fragment in str(error) for fragment in ("not a database", "malformed", "no such table", "no such column")
        )
        if not rebuild or not (unreadable or isinstance(error, (IndexMismatch, OtherTables))):
            raise
    page_checksums.discard(directory)
    with Folder.open(directory) as folder:
        # The log first: alone it says nothing, the database without it half a truth.
        for suffix in ("-journal", "-wal", "-shm", ""):
            folder.remove(schema.DATABASE + suffix)
    return _connect(directory, identity, rebuild)


def _connect(directory: str, identity: Identity, rebuild: bool) -> Connection:
    db = schema.connect_writer(directory)
    try:
        version = schema.format_of(db, directory)
        if version == 0 or rebuild:
            with schema.transaction(db):
                schema.migrate(db, version)
                _empty(db, directory, identity)
                if version == 0:
                    compaction.mark_clean(db)
                thumbnail_cache.remove_all(directory)
                db.forgot = True
            compaction.remove_backups(directory)
        else:
            schema.upgrade(db, directory, version)
            if version < schema.FORMAT_WITH_GRANTS and is_user_index(directory):
                grant_everything(db, directory)  # from before there were grants, and nobody else puts one there
        stored_identity = schema.identity_of(db, directory)
        stored_identity.require(identity, directory)
        if stored_identity.to_json() != identity.to_json():  # the same model lies elsewhere now
            with schema.transaction(db):
                schema.put_meta(db, "identity", identity.to_json())
        faiss_files.sync_folders(directory)
        if not statistics.complete(db):
            # A full disk will be reported when there is something to write, and that commit does it too.
            with suppress(sqlite3.OperationalError), schema.transaction(db):
                statistics.update(db, directory, stored_identity.dim)
        compaction.clean(db, directory)
        return db
    except BaseException:
        db.close()
        raise


def _empty(db: sqlite3.Connection, directory: str, identity: Identity) -> None:
    """Delete everything but the choice to share, and start with `identity`."""
    shared = schema.get_meta(db, _SHARED)
    statistics.clear(db)
    for table in ("items", "files", "contents", "tombstones", "segments", "accelerators", "roots", "grants", "meta"):
        db.execute(f"DELETE FROM {table}")
    fulltext.drop(db)
    fulltext.create(db)
    schema.put_meta(db, "format", str(schema.FORMAT))
    schema.put_meta(db, "identity", identity.to_json())
    if shared is not None:
        schema.put_meta(db, _SHARED, shared)
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


def enforce_privacy(db: sqlite3.Connection, directory: str) -> None:
    """Close the files of an index to others, unless it is shared. For the one writer."""
    if schema.get_meta(db, _SHARED) != _file_identity(directory):
        file_ownership.close_to_others(directory)


def set_shared(db: sqlite3.Connection, directory: str, shared: bool) -> None:
    """Share an index or make it private, from now on. For the one writer, outside of a transaction."""
    with schema.transaction(db):
        if shared:
            schema.put_meta(db, _SHARED, _file_identity(directory))
        else:
            db.execute("DELETE FROM meta WHERE key = ?", (_SHARED,))
    if shared:
        file_ownership.open_to_others(directory)
    else:
        file_ownership.close_to_others(directory)


def _file_identity(directory: str) -> str:
    """The inode of the database, which a copy does not share."""
    return str(os.lstat(os.path.join(directory, file_ownership.DATABASE)).st_ino)
