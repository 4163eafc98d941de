"""Two FTS5 tables beside the vectors: the words of passages, and those of names of files and folders.

They are changed by the same transaction as the rows they index, and hold lines of tokens that `words.tokens` writes.
Knows nothing about vectors, queries and what a match is worth.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from typing import Literal, TypeAlias

from mmsearch.store.words import languages, tokens

Table: TypeAlias = Literal["passages", "names"]

_TOKENIZER = "tokenize = 'ascii tokenchars ''#+.'''"
"""It parts at blanks alone, for the lines hold no other sign."""
# Pictures of pages are no passages: the text of the page has its own.
_INDEXED = "partition = 'text' AND text <> ''"
_NAMED = "status = 'ok'"
TABLES: tuple[Table, ...] = ("passages", "names")
_MERGED_PAGES = 4096
"""Pages of 4 KB; a larger table is not rewritten to erase the words of deleted rows."""
_IN_PLACE = (3, 42)
"""The first SQLite that can delete words in place; older ones cannot search such a table."""
_VERSION = "words"
"""The key in the meta table of the version by which the words were made."""


def create(db: sqlite3.Connection) -> None:
    """Make the tables and fill them from the rows that exist already."""
    # The text of a passage is stored once, with its item, so its words must be deleted before the item is.
    db.execute(f"CREATE VIRTUAL TABLE passages USING fts5 (words, content = '', {_TOKENIZER})")
    db.execute(f"CREATE VIRTUAL TABLE names USING fts5 (words, {_TOKENIZER})")
    _insert_passages(db, db.execute(f"SELECT id, text FROM items WHERE {_INDEXED}"))
    files = db.execute(f"SELECT id, path FROM files WHERE {_NAMED}")
    db.executemany("INSERT INTO names (rowid, words) VALUES (?, ?)", ((file, _name_line(path)) for file, path in files))
    db.execute(
        "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", (_VERSION, _version())
    )


def drop(db: sqlite3.Connection) -> None:
    """Remove the tables, when all rows they index go."""
    for table in TABLES:
        db.execute(f"DROP TABLE IF EXISTS {table}")


def is_current(db: sqlite3.Connection) -> bool:
    """True if a writer can change the tables: the words of a text are still those that it has there."""
    return _stored_version(db) == _version()


def is_searchable(db: sqlite3.Connection) -> bool:
    """True if the words of queries are made in the same way as those in the tables, except for letters and stems that
    other versions of the libraries know."""
    return _stored_version(db).split(" ")[0] == str(tokens.VERSION)


def _version() -> str:
    return f"{tokens.VERSION} {languages.library_version()}"


def _stored_version(db: sqlite3.Connection) -> str:
    row = db.execute("SELECT value FROM meta WHERE key = ?", (_VERSION,)).fetchone()
    return row[0] if row is not None and isinstance(row[0], str) else ""


def add_passages(db: sqlite3.Connection, content_id: int) -> None:
    """Index the passages of a content whose items have just been written."""
    _insert_passages(db, _passages_of(db, content_id))


def remove_passages(db: sqlite3.Connection, content_id: int) -> None:
    """Forget the passages of a content whose items are about to be deleted."""
    db.executemany(
        "INSERT INTO passages (passages, rowid, words) VALUES ('delete', ?, ?)",
        ((item, tokens.line(text)) for item, text in _passages_of(db, content_id)),
    )


def _passages_of(db: sqlite3.Connection, content_id: int) -> list[tuple[int, str]]:
    return db.execute(f"SELECT id, text FROM items WHERE content_id = ? AND {_INDEXED}", (content_id,)).fetchall()


def _insert_passages(db: sqlite3.Connection, passages: Iterable[tuple[int, str]]) -> None:
    lines = ((item, tokens.line(text)) for item, text in passages)
    db.executemany("INSERT INTO passages (rowid, words) VALUES (?, ?)", lines)


def put_name(db: sqlite3.Connection, path: bytes, searchable: bool) -> None:
    """Index the words of a file's stored path, or remove them for a file that no search may find."""
    (file,) = db.execute("SELECT id FROM files WHERE path = ?", (path,)).fetchone()
    present = db.execute("SELECT 1 FROM names WHERE rowid = ?", (file,)).fetchone() is not None
    if searchable and not present:
        db.execute("INSERT INTO names (rowid, words) VALUES (?, ?)", (file, _name_line(path)))
    elif present and not searchable:
        remove_name(db, file)


def remove_name(db: sqlite3.Connection, file: int) -> None:
    """Forget the words of a file by its id."""
    db.execute("DELETE FROM names WHERE rowid = ?", (file,))


def _name_line(path: bytes) -> str:
    """The tokens of a stored path; bytes that are no UTF-8 separate words."""
    return tokens.name_line(path.decode("utf-8", "replace"))


def harden(db: sqlite3.Connection) -> None:
    """Delete words in place from now on, if tables are large and SQLite can; call it in a transaction."""
    if sqlite3.sqlite_version_info >= _IN_PLACE:
        for table in TABLES:
            if not _in_place(db, table) and _pages(db, table) > _MERGED_PAGES:
                db.execute(f"INSERT INTO {table} ({table}, rank) VALUES ('secure-delete', 1)")


def expunge(db: sqlite3.Connection, table: Table, *, whole: bool = False) -> bool:
    """Erase the words of deleted rows, in a transaction; False if the table is too large and `whole` is not set."""
    if not whole and (_in_place(db, table) or _pages(db, table) > _MERGED_PAGES):
        return _in_place(db, table)
    db.execute(f"INSERT INTO {table} ({table}) VALUES ('optimize')")
    return True


def scattered(db: sqlite3.Connection) -> list[Table]:
    """The tables whose words are in several segments, of which one may hold words of deleted rows."""
    return [t for t in TABLES if db.execute(f"SELECT count(DISTINCT segid) > 1 FROM {t}_idx").fetchone()[0]]


def _in_place(db: sqlite3.Connection, table: Table) -> bool:
    return db.execute(f"SELECT 1 FROM {table}_config WHERE k = 'secure-delete' AND v").fetchone() is not None


def _pages(db: sqlite3.Connection, table: Table) -> int:
    """The approximate number of pages that the words take."""
    return int(db.execute(f"SELECT count(*) FROM {table}_idx").fetchone()[0])


def problems(db: sqlite3.Connection) -> Iterator[str]:
    """Differences from the items and files that the words are of, one line each."""
    for table, rows in (
        ("passages", f"SELECT id FROM items WHERE {_INDEXED}"),
        ("names", f"SELECT id FROM files WHERE {_NAMED}"),
    ):
        (wrong,) = db.execute(
            f"SELECT count(*) FROM (SELECT * FROM ({rows} EXCEPT SELECT id FROM {table}_docsize)"
            f" UNION ALL SELECT * FROM (SELECT id FROM {table}_docsize EXCEPT {rows}))"
        ).fetchone()
        if wrong:
            yield f"{wrong} {table} are not in their table of words, or only there"
