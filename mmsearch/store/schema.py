"""The tables of `meta.sqlite`, their migrations and its connections.

SQLite in WAL mode is the truth about an index: a vector that no row points to does not exist. A change of the format
is a new function at the end of `MIGRATIONS`; those that were released are never edited. Knows nothing about vectors.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from urllib.parse import quote

from mmsearch.errors import IndexDamaged, IndexMismatch, IndexMissing, MmsearchError
from mmsearch.store import database, file_ownership, fulltext, statistics, value_check
from mmsearch.store.database import Connection
from mmsearch.store.records import Identity
from mmsearch.system.disk_space import FULL, is_full
from mmsearch.system.safe_open import TEMPORARY, Folder

DATABASE = file_ownership.DATABASE
BACKUP = "meta.format{}.sqlite"
"""The name of the database of an older format that a migration leaves."""
BUSY_SECONDS = 30.0
STATE = "state"
"""The key in the meta table of what `PRAGMA user_version` holds too: a number that each commit changes."""
_FORMAT_DIGITS = 4
_opened_directories: set[str] = set()
"""Directories whose databases this process has opened."""


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
        # Rows of a vector file that no item points to any more; `live` counts the others. Items alone would tell,
        # but only if all of them were read.
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
    # Format 6 makes them anew with other words, so they stay empty.
    tokenizer = "tokenize = 'porter unicode61 remove_diacritics 2'"
    db.execute(f"CREATE VIRTUAL TABLE passages USING fts5 (text, content = 'items', content_rowid = 'id', {tokenizer})")
    db.execute(f"CREATE VIRTUAL TABLE names USING fts5 (words, {tokenizer})")


def _3_summaries(db: sqlite3.Connection) -> None:
    statistics.create(db)  # the writer that migrates fills them, for that takes more than the tables


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


def _5_grants(db: sqlite3.Connection) -> None:
    # Names outside its own folder that the user allows this index; `grants` explains what makes a row valid.
    db.execute(
        "CREATE TABLE grants (kind TEXT NOT NULL, value BLOB NOT NULL, mac BLOB NOT NULL, PRIMARY KEY (kind, value))"
        " WITHOUT ROWID"
    )
    new_uid(db)


def _6_words_of_any_script(db: sqlite3.Connection) -> None:
    fulltext.drop(db)
    fulltext.create(db)
    db.execute("CREATE INDEX contents_by_modality ON contents (modality)")


def new_uid(db: sqlite3.Connection) -> None:
    """Give the index another identity for grants: grants of the index that was here before are void."""
    put_meta(db, "uid", os.urandom(16).hex())


MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (
    _1_first_tables,
    _2_words,
    _3_summaries,
    _4_accelerators,
    _5_grants,
    _6_words_of_any_script,
)
FORMAT = len(MIGRATIONS)
OLDEST_READ = 1
"""The oldest format that a reader takes as it is."""
FORMAT_WITH_WORDS = 6
"""The first one that can be searched by words as they are made now."""
FORMAT_WITH_WORD_TABLES = 2
"""The first one with tables of words."""
FORMAT_WITH_SUMMARIES = 3
"""The first one that keeps statistics of itself."""
FORMAT_WITH_ACCELERATORS = 4
"""The first one with ANN indexes."""
FORMAT_WITH_GRANTS = 5
"""The first one that keeps what its user has allowed it to name."""
FORMAT_WITH_SUMS = 5
"""The first one whose pages have checksums, once a writer has opened it."""


def migrate(db: sqlite3.Connection, version: int) -> None:
    """Bring tables of format `present` (0: none yet) to the newest, inside the caller's transaction."""
    for step in MIGRATIONS[version:]:
        step(db)
    if version < FORMAT:
        put_meta(db, "format", str(FORMAT))


def upgrade(db: sqlite3.Connection, directory: str, version: int) -> None:
    """Bring an index of an older format to the newest, keeping its old database beside the new one.

    In one of the newest the words are brought up to date.

    The copy appears under its name as a whole. An older mmsearch can use it, for the vector files stay as they are
    until the first merge.
    """
    from mmsearch.store import page_checksums  # late: a search writes nothing

    if version >= FORMAT:
        _renew_words(db)
        return
    name = BACKUP.format(version)
    with Folder.open(directory) as folder:
        # A killed migration may have left anything there; nothing of it is followed or written through.
        folder.remove(f"{name}{TEMPORARY}-journal")
        folder.create(name + TEMPORARY, file_ownership.file_mode(folder)).close()
        with closing(sqlite3.connect(os.path.join(directory, name + TEMPORARY))) as copy:
            copy.execute("PRAGMA journal_mode = MEMORY")
            copy.execute("PRAGMA synchronous = FULL")
            db.backup(copy)
        folder.rename(name + TEMPORARY, name)
    page_checksums.discard(directory)  # older formats have none: a file there is of another database
    try:
        with transaction(db):
            migrate(db, version)
            statistics.update(db, directory, identity_of(db, directory).dim)
    except sqlite3.OperationalError:  # the disk is full; a later commit makes the statistics
        with transaction(db):
            migrate(db, version)


def _renew_words(db: sqlite3.Connection) -> None:
    """Make the words again if another version made them, for it would not find them to delete them."""
    if fulltext.is_current(db):
        return
    with transaction(db):
        fulltext.drop(db)
        fulltext.create(db)
        if isinstance(db, Connection):
            db.forgot = True


# --- the meta table ---


def get_meta(db: sqlite3.Connection, key: str) -> str | None:
    """A value of the meta table. Raises IndexDamaged for one that is no text."""
    row = db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return None if row is None else value_check.text(row[0], f"meta.value of {key}")


def put_meta(db: sqlite3.Connection, key: str, value: str) -> None:
    """Set a value of the meta table."""
    db.execute("INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", (key, value))


def format_of(db: sqlite3.Connection, directory: str) -> int:
    """The format of the tables; 0 if there are none, as when the first run was killed.

    Raises:
        IndexMismatch: they were written by a newer mmsearch.
        IndexDamaged: the tables are not ours.
    """
    entries = database.declarations(db)
    if not any(kind == "table" for kind, _, _ in entries):
        return 0
    kinds = {kind for kind, name, _ in entries if name == "meta"}  # a view of this name may be anything
    text = get_meta(db, "format") if kinds == {"table"} else None
    if text is None or not text.isascii() or not text.isdecimal() or len(text) > _FORMAT_DIGITS:
        raise IndexDamaged(f"{os.path.join(directory, DATABASE)} is not an mmsearch index: use another --index")
    version = int(text)
    if version > FORMAT:
        raise IndexMismatch(
            f"the index in {directory} has format {text}, this mmsearch reads up to {FORMAT}: "
            "upgrade mmsearch, or use another --index"
        )
    if version > 0:
        expected = database.DIGESTS.get(version) or compute_digest(version)
        database.require_declarations(db, entries, expected, directory)
    return version


def compute_digest(number: int) -> str:
    """The digest of the declarations of a format, from the migrations themselves."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        for step in MIGRATIONS[:number]:
            step(db)
        return database.digest(database.declarations(db))


def has_accelerators(db: sqlite3.Connection) -> bool:
    """True if the format has a table of ANN indexes."""
    return int(get_meta(db, "format") or 0) >= FORMAT_WITH_ACCELERATORS


def identity_of(db: sqlite3.Connection, directory: str) -> Identity:
    """The identity an index was built with. Raises IndexDamaged if it cannot be read."""
    try:
        return Identity.from_json(get_meta(db, "identity") or "")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise IndexDamaged(f"the index in {directory} does not say which model made it: add --rebuild") from error


# --- connections ---


def connect_writer(directory: str) -> Connection:
    """A connection that writes: WAL, every commit is on the disk when it returns, deleted rows are overwritten.

    Makes the file if need be. Only one at a time: the caller holds the lock of the index.

    Raises:
        IndexDamaged: the database or one of its logs is not a file of its own.
    """
    from mmsearch.store import page_checksums  # late: a search writes nothing

    file_ownership.require_database(directory, writing=True)
    file_ownership.make_database(directory)
    path = os.path.join(directory, DATABASE)
    db = database.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
    _opened_directories.add(directory)
    try:
        db.guard(path)
        if db.execute("PRAGMA journal_mode").fetchone() != ("wal",):
            page_checksums.discard(directory)  # the first page is about to change
            db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA wal_autocheckpoint = 0")
        db.execute("PRAGMA secure_delete = ON")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA fullfsync = ON")  # macOS, where a plain fsync stops at the drive's cache
        db.execute("PRAGMA foreign_keys = ON")
        checkpoints = page_checksums.WalCheckpoints(db, directory, path)
        checkpoints.start()
        db.on_commit, db.on_close = checkpoints.committed, checkpoints.finish
    except BaseException:
        db.close()
        raise
    return db


def connect_reader(directory: str) -> Connection:
    """A connection that reads, in a directory that may be read-only.

    Raises:
        IndexMissing: there is no database.
        IndexDamaged: it or one of its logs is not a file of its own.
    """
    path = os.path.join(directory, DATABASE)
    file_ownership.require_database(directory, writing=False)
    if not file_ownership.is_database(directory):
        raise IndexMissing(f"no index in {directory}: make one with `mmsearch index`, or name another with --index")
    name = quote(os.fsencode(path).replace(os.fsencode(os.sep), b"/"))
    uri = f"file://{name if name.startswith('/') else '/' + name}"
    problem: sqlite3.OperationalError | None = None
    for mode in _read_modes(path):
        # Several readers on threads of one process share nothing but their own connection each.
        db = database.connect(path, f"{uri}?{mode}", uri=True, timeout=BUSY_SECONDS, isolation_level=None)
        _opened_directories.add(directory)
        try:
            db.guard(path)
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

    WAL readers share a small file beside the database. In a writable directory the last reader also removes it again,
    which `mode=ro` does not; elsewhere an existing one still serves `mode=ro`. Without any log, the database alone is
    the whole truth and needs no locks: `immutable`. With a log it would be half a truth, so not then.
    """
    if not file_ownership.has_other_names(os.path.dirname(path)):
        yield "mode=rw"
    yield "mode=ro"
    log = f"{path}-wal"
    if not os.path.exists(log) or os.path.getsize(log) == 0:
        yield "mode=ro&immutable=1"


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """Commit everything inside at once, or nothing. Nothing is written to the tables outside of one."""
    try:
        db.execute("BEGIN IMMEDIATE")  # inside, for Ctrl-C may come right after it
        yield
        # Count the commit in two places, so that a database that was altered does not look like any state.
        state = (db.execute("PRAGMA user_version").fetchone()[0] + 1) % (1 << 31)
        db.execute(f"PRAGMA user_version = {state}")
        put_meta(db, STATE, str(state))
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        if isinstance(db, Connection):
            db.forgot = False
        raise
    if isinstance(db, Connection):
        db.committed()


def sync_commits(db: sqlite3.Connection) -> None:
    """Make the last commit certain, so that files which the tables do not list may be deleted.

    A commit that failed in its last sync was rolled back, but its pages can be whole in the log, and count for the next
    process that reads it; a commit in which the last writer was killed may not be on the disk. A commit of our own
    overwrites the one and syncs the other.
    """
    with transaction(db):
        pass


# --- errors ---

_FULL = f"{FULL}, what was committed is kept"
# Fragment of SQLite's message -> our error, its message.
_MEANINGS: tuple[tuple[str, type[MmsearchError], str], ...] = (
    ("disk is full", MmsearchError, _FULL),
    ("locked", MmsearchError, "another process keeps it locked: try again later"),
    ("busy", MmsearchError, "another process keeps it locked: try again later"),
    ("readonly", MmsearchError, "it is read-only: make it writable, or use another --index"),
    ("unable to open", MmsearchError, "it cannot be opened: check the permissions of the directory, and the disk"),
    ("not a database", IndexDamaged, "its database is damaged: add --rebuild, or use another --index"),
    ("malformed", IndexDamaged, "its database is damaged: add --rebuild, or use another --index"),
    (
        "fts5 file format",
        IndexMismatch,
        f"its words were deleted by a newer SQLite than {sqlite3.sqlite_version}: use a Python that has one",
    ),
    ("interrupted", IndexDamaged, "its database has no end: add --rebuild, or use another --index"),
    ("could not decode", IndexDamaged, f"a text in its tables is not UTF-8: {value_check.REMEDY}"),
    ("disk i/o error", MmsearchError, "the disk reports an error while reading or writing it"),
)


def _translate(error: Exception, directory: str) -> MmsearchError:
    """Our error for an error of SQLite."""
    text = str(error).lower()
    if any(vague in text for vague in ("disk i/o error", "unable to open")) and is_full(error, directory):
        text = "disk is full"
    for fragment, kind, meaning in _MEANINGS:
        if fragment in text:
            return kind(f"the index in {directory}: {meaning}")
    return IndexDamaged(f"the index in {directory}: {error}: add --rebuild, or use another --index")


UNFORESEEN = (
    TypeError, ValueError, LookupError, AttributeError, ArithmeticError, AssertionError, RecursionError, MemoryError,
    RuntimeError,
)  # fmt: skip
"""Errors that values may cause which no index of ours holds."""
_EXAMINED = "_mmsearch_examined"


@contextmanager
def translated(directory: str) -> Iterator[None]:
    """Turn errors of SQLite and of the file system into ours, with the index directory and the remedy in them.

    Any other error over an index whose tables hold impossible values is reported as that damage.
    """
    try:
        yield
    except (sqlite3.Error, UnicodeDecodeError) as error:  # SQLite's message may quote a name that is no UTF-8
        raise _translate(error, directory) from error
    except OSError as error:
        file_ownership.raise_damaged(error)
        meaning = _FULL if is_full(error) else error.strerror or str(error)
        raise MmsearchError(f"the index in {directory}: {meaning}") from error
    except UNFORESEEN as error:
        if damage := explained(error, directory):
            raise damage from error
        raise


def explained(error: BaseException, within: str | None = None) -> IndexDamaged | None:
    """The damage in the tables of an index that this process has opened; None if they are sound.

    For unforeseen errors: it reads every row, once for each error. `within` is a text that names the directories in
    question.
    """
    from mmsearch.store import integrity  # it knows this module

    if getattr(error, _EXAMINED, False):
        return None
    with suppress(AttributeError):
        setattr(error, _EXAMINED, True)
    for directory in sorted(directory for directory in _opened_directories if within is None or directory in within):
        try:
            with closing(connect_reader(directory)) as db:
                for line in (*value_check.problems(db), *integrity.table_problems(db)):
                    return IndexDamaged(f"the index in {directory}: {line}: {value_check.REMEDY}")
        except (sqlite3.Error, UnicodeDecodeError) as problem:
            if isinstance(damage := _translate(problem, directory), IndexDamaged):
                return damage
        except IndexDamaged as damage:
            return damage
        except (MmsearchError, OSError):
            continue
    return None
