"""Whether an index is its user's alone, or shared with those whom the umask lets in.

What an index says about that counts for the very file that it was said of: one that was copied or comes from elsewhere
is private until its user says otherwise.
"""

from __future__ import annotations

import os
import sqlite3

from mmsearch.store import file_ownership, schema

_KEY = "shared"


def settle(db: sqlite3.Connection, directory: str) -> None:
    """Close the files of an index to others, unless it is shared. For the one writer."""
    if schema.get_meta(db, _KEY) != _mark(directory):
        file_ownership.close_to_others(directory)


def choose(db: sqlite3.Connection, directory: str, shared: bool) -> None:
    """Share an index or do not, from now on. For the one writer, outside of a transaction."""
    with schema.transaction(db):
        if shared:
            schema.put_meta(db, _KEY, _mark(directory))
        else:
            db.execute("DELETE FROM meta WHERE key = ?", (_KEY,))
    if shared:
        file_ownership.open_to_others(directory)
    else:
        file_ownership.close_to_others(directory)


def _mark(directory: str) -> str:
    """What a copy of the database has another of."""
    return str(os.lstat(os.path.join(directory, file_ownership.DATABASE)).st_ino)


def kept(db: sqlite3.Connection) -> str | None:
    """What is remembered, for one who empties the tables; `keep` puts it back."""
    return schema.get_meta(db, _KEY)


def keep(db: sqlite3.Connection, remembered: str | None) -> None:
    """See `kept`."""
    if remembered is not None:
        schema.put_meta(db, _KEY, remembered)
