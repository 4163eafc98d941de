"""The tables of `meta.sqlite`, their migrations and its connections.

SQLite in WAL mode is the truth about an index: a vector that no row points to does not exist. A change of the format
is a new function at the end of `MIGRATIONS`; those that were released are never edited. Knows nothing about vectors.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from urllib.parse import quote

from mmsearch.errors import IndexDamaged, IndexMismatch, IndexMissing, MmsearchError
from mmsearch.store import summaries, words
from mmsearch.store.records import Identity

DATABASE = "meta.sqlite"
BACKUP = "meta.format{}.sqlite"
"""What a migration leaves of an index of an older format."""
TEMPORARY = ".tmp"
BUSY_SECONDS = 30.0


def _1_first_tables(db: sqlite3.Connection) -> None:
    for statement in (
        "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
        "CREATE TABLE roots (path BLOB PRIMARY KEY) WITHOUT ROWID",
        """CREATE TABLE contents (
            id INTEGER PRIMARY KEY, digest TEXT NOT NULL, kind TEXT NOT NULL, modality TEXT NOT NULL,
            width INTEGER, height INTEGER, duration REAL, taken TEXT, UNIQUE (digest, kind))""",
        """CREATE TABLE files (
            id INTEGER PRIMARY KEY, path BLOB NOT NULL UNIQUE, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
            status TEXT NOT NULL CHECK (status IN ('ok', 'failed', 'unsupported')), reason TEXT NOT NULL,
            content_id INTEGER REFERENCES contents (id), missing INTEGER NOT NULL CHECK (missing IN (0, 1)),
            CHECK ((status = 'ok') = (content_id IS NOT NULL)))""",
        "CREATE INDEX files_by_content ON files (content_id)",
        "CREATE INDEX files_missing ON files (content_id) WHERE missing = 1",
        "CREATE INDEX files_not_ok ON files (path) WHERE status <> 'ok'",
        # AUTOINCREMENT: the name of a vector file is never used twice, so a reader's old snapshot cannot meet a
        # new file under an old name; and an item id that a reader holds never comes to mean another item.
        """CREATE TABLE segments (
            id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, partition TEXT NOT NULL,
            index_kind TEXT NOT NULL, count INTEGER NOT NULL, live INTEGER NOT NULL, checksum TEXT NOT NULL,
            CHECK (live BETWEEN 0 AND count))""",
        # Rows of a vector file that no item points to any more; `live` counts the others. Items alone would say so
        # too, but only by reading all of them.
        """CREATE TABLE tombstones (
            segment_id INTEGER NOT NULL REFERENCES segments (id), row INTEGER NOT NULL,
            PRIMARY KEY (segment_id, row)) WITHOUT ROWID""",
        # The bounds of a span have no column type: lines and pages stay integers, seconds stay real.
        """CREATE TABLE items (
            id INTEGER PRIMARY KEY AUTOINCREMENT, content_id INTEGER NOT NULL REFERENCES contents (id),
            ordinal INTEGER NOT NULL, partition TEXT NOT NULL, span_unit TEXT NOT NULL, span_start NOT NULL,
            span_end NOT NULL, text TEXT NOT NULL, segment_id INTEGER NOT NULL REFERENCES segments (id),
            row INTEGER NOT NULL)""",
        "CREATE INDEX items_by_row ON items (segment_id, row, content_id)",  # a filter reads nothing else
        "CREATE INDEX items_by_content ON items (content_id)",
    ):
        db.execute(statement)


def _2_words(db: sqlite3.Connection) -> None:
    words.create(db)


def _3_summaries(db: sqlite3.Connection) -> None:
    summaries.create(db)  # the writer that migrates fills them, for that takes more than the tables


def _4_accelerators(db: sqlite3.Connection) -> None:
    # AUTOINCREMENT, as for segments: no name is used twice.
    db.execute(
        """CREATE TABLE accelerators (
            id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, partition TEXT NOT NULL,
            kind TEXT NOT NULL, dim INTEGER NOT NULL, count INTEGER NOT NULL, checksum TEXT NOT NULL,
            parameters TEXT NOT NULL)"""
    )
    # NULL: these vectors are compared one by one. All others of a segment are in its accelerator.
    db.execute("ALTER TABLE segments ADD COLUMN accelerator_id INTEGER REFERENCES accelerators (id)")


MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (
    _1_first_tables,
    _2_words,
    _3_summaries,
    _4_accelerators,
)
FORMAT = len(MIGRATIONS)
OLDEST_READ = 1
"""The oldest format that a reader takes as it is."""
FORMAT_WITH_WORDS = 2
"""The first one that can be searched by words."""
FORMAT_WITH_SUMMARIES = 3
"""The first one that keeps summaries of itself."""
FORMAT_WITH_ACCELERATORS = 4
"""The first one whose vectors need not be compared one by one."""


def migrate(db: sqlite3.Connection, present: int) -> None:
    """Bring tables of format `present` (0: none yet) to the newest, inside the caller's transaction."""
    for step in MIGRATIONS[present:]:
        step(db)
    if present < FORMAT:
        put_meta(db, "format", str(FORMAT))


def upgrade(db: sqlite3.Connection, directory: str, present: int) -> None:
    """Bring an index of an older format to the newest, leaving its database as it was beside the new one."""
    if present < FORMAT:
        _back_up(db, directory, present)
        with transaction(db):
            migrate(db, present)


def _back_up(db: sqlite3.Connection, directory: str, present: int) -> None:
    """Keep the database of format `present` beside the one that is about to be migrated.

    It appears under its name as a whole. An older mmsearch can use it, for the vector files stay as they are until the
    first merge.
    """
    path = os.path.join(directory, BACKUP.format(present))
    for suffix in ("-journal", ""):  # what was killed at this may have left anything there
        with suppress(FileNotFoundError):
            os.unlink(path + TEMPORARY + suffix)
    with closing(sqlite3.connect(path + TEMPORARY)) as copy:
        copy.execute("PRAGMA synchronous = FULL")
        db.backup(copy)
    os.replace(path + TEMPORARY, path)


def get_meta(db: sqlite3.Connection, key: str) -> str | None:
    """A value of the meta table."""
    row = db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return None if row is None else str(row[0])


def put_meta(db: sqlite3.Connection, key: str, value: str) -> None:
    """Set a value of the meta table."""
    db.execute("INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", (key, value))


def format_of(db: sqlite3.Connection, directory: str) -> int:
    """The format of the tables; 0 when there are none, which is how a first run that was killed leaves them.

    Raises:
        IndexMismatch: they were written by a newer mmsearch.
        IndexDamaged: the tables are not ours.
    """
    tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not tables:
        return 0
    text = get_meta(db, "format") if "meta" in tables else None
    if text is None or not text.isdecimal():
        raise IndexDamaged(f"{os.path.join(directory, DATABASE)} is not an mmsearch index: use another --index")
    if int(text) > FORMAT:
        raise IndexMismatch(
            f"the index in {directory} has format {text}, this mmsearch reads up to {FORMAT}: "
            "upgrade mmsearch, or use another --index"
        )
    return int(text)


def has_accelerators(db: sqlite3.Connection) -> bool:
    """Whether the tables are of a format that knows accelerators."""
    return int(get_meta(db, "format") or 0) >= FORMAT_WITH_ACCELERATORS


def identity_of(db: sqlite3.Connection, directory: str) -> Identity:
    """The identity an index was built with.

    Raises:
        IndexDamaged: it cannot be read.
    """
    try:
        return Identity.from_json(get_meta(db, "identity") or "")
    except (ValueError, TypeError, KeyError) as error:
        raise IndexDamaged(f"the index in {directory} does not say which model made it: add --rebuild") from error


def connect_writer(directory: str) -> sqlite3.Connection:
    """A connection that writes: WAL, and every commit is on the disk when it returns."""
    db = sqlite3.connect(os.path.join(directory, DATABASE), timeout=BUSY_SECONDS, isolation_level=None)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA fullfsync = ON")  # macOS, where a plain fsync stops at the drive's cache
        db.execute("PRAGMA foreign_keys = ON")
    except BaseException:
        db.close()
        raise
    return db


def connect_reader(directory: str) -> sqlite3.Connection:
    """A connection that reads, in a directory that may be read-only.

    Raises:
        IndexMissing: there is no database.
    """
    path = os.path.join(directory, DATABASE)
    if not os.path.isfile(path) or os.path.getsize(path) == 0:
        raise IndexMissing(f"no index in {directory}: make one with `mmsearch index`, or name another with --index")
    problem: sqlite3.OperationalError | None = None
    for mode in _read_modes(path):
        # Several readers on threads of one process share nothing but their own connection each.
        db = sqlite3.connect(_uri(path, mode), uri=True, timeout=BUSY_SECONDS, isolation_level=None)
        try:
            db.execute("PRAGMA query_only = ON")
            db.execute("SELECT count(*) FROM sqlite_master").fetchone()
            return db
        except sqlite3.OperationalError as error:
            db.close()
            problem = error
        except BaseException:
            db.close()
            raise
    assert problem is not None
    raise problem


def _read_modes(path: str) -> Iterator[str]:
    """Ways to open the database, best first.

    WAL readers share a small file beside the database. Where it can be written the last reader also removes it again,
    which `mode=ro` does not; where it cannot, an existing one still serves `mode=ro`. Without any log, the database
    alone is the whole truth and needs no locks: `immutable`. With a log it would be half a truth, so not then.
    """
    yield "mode=rw"
    yield "mode=ro"
    log = f"{path}-wal"
    if not os.path.exists(log) or os.path.getsize(log) == 0:
        yield "mode=ro&immutable=1"


def _uri(path: str, mode: str) -> str:
    name = quote(os.fsencode(path).replace(os.fsencode(os.sep), b"/"))
    return f"file://{name if name.startswith('/') else '/' + name}?{mode}"


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """Everything inside is committed at once, or nothing is."""
    try:
        db.execute("BEGIN IMMEDIATE")  # inside, for Ctrl-C may come right after it
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def settle(db: sqlite3.Connection) -> None:
    """Make it certain what is committed, so that files may be deleted by what the tables say.

    It is not while the log may hold more or less than it seems. A commit that failed in its last sync was taken back,
    but its pages can lie whole in the log, and count for whoever reads it anew; one that the last writer was killed in
    may not have reached the disk. A commit of our own overwrites the one and syncs the other.
    """
    with transaction(db):
        (number,) = db.execute("PRAGMA user_version").fetchone()
        db.execute(f"PRAGMA user_version = {(number + 1) % (1 << 31)}")  # only a value that is another is written


_FULL = "the disk is full: free some space and run it again, what was committed is kept"
# Fragment of SQLite's message -> our error, what to say.
_MEANINGS: tuple[tuple[str, type[MmsearchError], str], ...] = (
    ("disk is full", MmsearchError, _FULL),
    ("locked", MmsearchError, "another process keeps it locked: try again later"),
    ("busy", MmsearchError, "another process keeps it locked: try again later"),
    ("readonly", MmsearchError, "it is read-only: make it writable, or use another --index"),
    ("unable to open", MmsearchError, "it cannot be opened: check the permissions of the directory, and the disk"),
    ("not a database", IndexDamaged, "its database is damaged: add --rebuild, or use another --index"),
    ("malformed", IndexDamaged, "its database is damaged: add --rebuild, or use another --index"),
    ("disk i/o error", MmsearchError, "the disk reports an error while reading or writing it"),
)


@contextmanager
def translated(directory: str) -> Iterator[None]:
    """Turn errors of SQLite and of the file system into ours, with the index directory and the remedy in them."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        text = str(error).lower()
        for fragment, kind, meaning in _MEANINGS:
            if fragment in text:
                raise kind(f"the index in {directory}: {meaning}") from error
        raise IndexDamaged(f"the index in {directory}: {error}: add --rebuild, or use another --index") from error
    except OSError as error:
        meaning = _FULL if error.errno in (errno.ENOSPC, errno.EDQUOT) else error.strerror or str(error)
        raise MmsearchError(f"the index in {directory}: {meaning}") from error
