"""Checksums of the database's pages, in a file beside it, so that a page that has changed since is detected.

The file names the state of the database that it describes: a number that changes with each commit, in the header of
the database and once more in a row. A log beside the database holds newer pages; those are not compared. A file for
another state, or not whole, is ignored. The writer's checkpoints keep it up to date, and erase what deleted rows left
in the pages. Knows the layout of SQLite's files, and nothing of tables.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from mmsearch.errors import MmsearchError
from mmsearch.store import database, file_ownership, schema
from mmsearch.store.change_token import file_stamps
from mmsearch.store.file_ownership import LOCK, WriteLock
from mmsearch.system.safe_open import NOFOLLOW, TEMPORARY, Folder, regular

NAME = "meta.sums"
_MAGIC = b"mmsums1\n"
_HEADER = struct.Struct(">8sIIII")
_SUM_BYTES = 8
_SEAL_BYTES = 16
_LOG_HEADER, _FRAME_HEADER = 32, 24
_LOG_MAGICS = (0x377F0682, 0x377F0683)
_LOCKED = 0x40000000
"""The page at this byte is SQLite's for locks and holds nothing; Windows lets nobody read it."""
_STATE_OFFSET = 60
"""In the database's header: `PRAGMA user_version`."""
# Kind of page of a tree -> bytes of its header.
_TREES = {2: 12, 5: 12, 10: 8, 13: 8}
_MOST_PAGES = 0x02000000 - 1
"""In a database of more pages, pages of other kinds might look like pages of a tree."""
_CHECKPOINT_PAGES = 1000
"""As SQLite does by itself."""
_READERS_MOVE_ON = 1.5
"""Seconds: a server refreshes to the latest commit every second."""
NAMED_PAGES = 3
"""Pages named among those that differ; the rest are counted."""
_PAUSE = 0.1
"""Seconds until pages that differ are compared once more."""


@dataclass
class PageChecksums:
    """The checksums of all pages.

    Attributes:
        page_size: bytes of a page.
        state: the database's number when these were its checksums.
        table: eight bytes for each page.
        untidy: some pages may hold deleted bytes that could not be overwritten.
    """

    page_size: int
    state: int
    table: bytearray
    untidy: bool = False

    def __len__(self) -> int:
        return len(self.table) // _SUM_BYTES

    def checksum(self, number: int) -> bytes:
        """The checksum of a page; pages are counted from 1."""
        return bytes(self.table[(number - 1) * _SUM_BYTES : number * _SUM_BYTES])

    def put(self, number: int, page: bytes) -> None:
        """Record a page as it is now."""
        self.table[(number - 1) * _SUM_BYTES : number * _SUM_BYTES] = _page_sum(page)

    def resize(self, pages: int) -> None:
        """Set the number of pages; new ones have no checksum yet."""
        del self.table[pages * _SUM_BYTES :]
        self.table.extend(bytes(pages * _SUM_BYTES - len(self.table)))

    def save(self, directory: str) -> None:
        """Write the file as a whole. It need not survive a power cut: an old or broken one is recognized.

        Raises:
            OSError: it cannot be written.
        """
        data = _HEADER.pack(_MAGIC, self.page_size, self.state, len(self), self.untidy) + self.table
        with Folder.open(directory) as folder:
            try:
                with folder.create(NAME + TEMPORARY, file_ownership.file_mode(folder)) as file:
                    file.write(data + _seal(data))
                folder.rename(NAME + TEMPORARY, NAME)
            except BaseException:
                with suppress(OSError):
                    folder.remove(NAME + TEMPORARY)
                raise


def load(directory: str) -> PageChecksums | None:
    """The checksums in the file; None if there is none, or it is not whole."""
    try:
        with open(regular(os.path.join(directory, NAME), os.O_RDONLY | NOFOLLOW), "rb") as file:
            magic, page_size, state, pages, untidy = _HEADER.unpack(file.read(_HEADER.size))
            size = _HEADER.size + pages * _SUM_BYTES + _SEAL_BYTES
            if magic != _MAGIC or os.fstat(file.fileno()).st_size != size:
                return None
            table, seal = bytearray(file.read(pages * _SUM_BYTES)), file.read()
    except (OSError, struct.error):
        return None
    intact = seal == _seal(_HEADER.pack(magic, page_size, state, pages, untidy) + table)
    return PageChecksums(page_size, state, table, bool(untidy)) if intact and 512 <= page_size <= 65536 else None


def discard(directory: str) -> None:
    """Remove the file before changes that it will not describe."""
    with suppress(FileNotFoundError), Folder.open(directory) as folder:
        for name in (NAME + TEMPORARY, NAME):
            folder.remove(name)


def _page_sum(page: bytes) -> bytes:
    return hashlib.blake2b(page, digest_size=_SUM_BYTES).digest()


def _seal(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=_SEAL_BYTES).digest()


# --- pages ---


def _state_in(handle: int) -> int:
    """The state in the database's header, which the log may have newer; -1 if there is no whole header."""
    data = _read(handle, _STATE_OFFSET, 4)
    return int.from_bytes(data, "big") if len(data) == 4 else -1


def _read_page(handle: int, number: int, page_size: int) -> bytes:
    start = (number - 1) * page_size
    return b"" if start == _LOCKED else _read(handle, start, page_size)


def _read(handle: int, start: int, size: int) -> bytes:
    if hasattr(os, "pread"):
        return os.pread(handle, size, start)
    os.lseek(handle, start, os.SEEK_SET)
    return os.read(handle, size)


def _write(handle: int, start: int, data: bytes) -> None:
    if hasattr(os, "pwrite"):
        os.pwrite(handle, data, start)
        return
    os.lseek(handle, start, os.SEEK_SET)
    os.write(handle, data)


def _pages_in_log(path: str) -> set[int]:
    """The pages that a log may have newer, and perhaps more; none if there is no log."""
    pages: set[int] = set()
    try:
        handle = regular(path, os.O_RDONLY | NOFOLLOW)  # SQLite holds no locks on this one
    except FileNotFoundError:
        return pages
    with open(handle, "rb", buffering=0) as file:
        header = file.read(_LOG_HEADER)
        if len(header) < _LOG_HEADER or int.from_bytes(header[:4], "big") not in _LOG_MAGICS:
            return pages
        step = _FRAME_HEADER + int.from_bytes(header[8:12], "big")
        offset, salts = _LOG_HEADER, header[16:24]
        while len(frame := _read(file.fileno(), offset, _FRAME_HEADER)) == _FRAME_HEADER and frame[8:16] == salts:
            pages.add(int.from_bytes(frame[:4], "big"))
            offset += step
    return pages


def _find_leftover(number: int, page: bytes, pages: int) -> slice | None:
    """The bytes that SQLite has left in the unused middle of a page of a tree, if any.

    With `secure_delete` it overwrites what it deletes, but not what a page held before its rows moved to others.
    """
    head = 100 if number == 1 else 0
    if pages > _MOST_PAGES or len(page) < 512 or page[head] not in _TREES:
        return None
    cells = int.from_bytes(page[head + 3 : head + 5], "big")
    start = head + _TREES[page[head]] + 2 * cells
    end = int.from_bytes(page[head + 5 : head + 7], "big") or 65536
    if not start < end <= len(page) or page.count(0, start, end) == end - start:
        return None
    return slice(start, end)


# --- checkpoints ---


class WalCheckpoints:
    """Moves the log of the database into it, and keeps the checksums of its pages up to date.

    SQLite would do the first by itself, but would neither tell which pages change nor empty the log of deleted rows. A
    page may be read and overwritten here only while it is certainly in the database alone: the log is empty, and the
    write lock is ours. Whatever fails is tried again after the next commit, or by the next writer.

    Args:
        db: the one connection that writes, in WAL mode and without checkpoints of its own.
        directory: of the index.
        path: of the database.
    """

    def __init__(self, db: sqlite3.Connection, directory: str, path: str) -> None:
        self._db = db
        self._directory = directory
        self._path = path
        self._log = f"{path}-wal"
        (self._page_size,) = db.execute("PRAGMA page_size").fetchone()
        (self._busy_ms,) = db.execute("PRAGMA busy_timeout").fetchone()
        self._forgot = False
        self._blocked_bytes = 0
        """Bytes of the log when it could not be moved, because a reader uses something older."""

    def start(self) -> None:
        """Move the log that a killed writer has left, and make sure that there are checksums."""
        with suppress(sqlite3.Error, OSError):
            if self._log_bytes():
                self._forgot = True
                self._checkpoint()
            if not self._log_bytes():
                sums = self._valid_checksums()
                if sums is None or sums.untidy:
                    self._record(None, None)

    def committed(self, forgot: bool) -> None:
        """Move the log if it is long, or holds deleted rows."""
        self._forgot = self._forgot or forgot
        least = 0 if self._forgot else _CHECKPOINT_PAGES * self._page_size
        with suppress(sqlite3.Error, OSError):
            if self._log_bytes() > max(least, 2 * self._blocked_bytes):
                self._checkpoint()

    def finish(self) -> None:
        """Move the log, if the readers let us; for deleted rows wait a moment for the readers of a server."""
        end = time.monotonic() + _READERS_MOVE_ON
        while True:
            with suppress(sqlite3.Error, OSError):
                if self._log_bytes():
                    self._checkpoint()
            if not self._forgot or time.monotonic() > end:
                return
            time.sleep(0.05)

    def _log_bytes(self) -> int:
        try:
            return os.stat(self._log).st_size
        except FileNotFoundError:
            return 0

    def _valid_checksums(self) -> PageChecksums | None:
        """The checksums, if they describe the database as it is without its log."""
        sums = load(self._directory)
        if sums is None or sums.page_size != self._page_size:
            return None
        return sums if sums.state == _state_in(database.handle(self._path)) else None

    def _checkpoint(self) -> None:
        size, sums, changed = self._log_bytes(), self._valid_checksums(), _pages_in_log(self._log)
        try:
            self._db.execute("PRAGMA busy_timeout = 0")  # wait for no reader
            busy, frames, done = self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        finally:
            self._db.execute(f"PRAGMA busy_timeout = {self._busy_ms}")
        self._blocked_bytes = size if busy else 0
        if not busy:
            self._forgot = False
        if frames == done >= 0:
            self._record(sums, changed)

    def _record(self, sums: PageChecksums | None, changed: set[int] | None) -> None:
        """Take the checksums of changed pages, of all without `sums`, and erase what deleted rows left in them."""
        try:
            self._db.execute("BEGIN IMMEDIATE")  # inside, for Ctrl-C may come right after it
            handle = database.handle(self._path)
            (state,) = self._db.execute("PRAGMA user_version").fetchone()
            if _state_in(handle) != state:  # another program has committed since
                discard(self._directory)
                return
            count = os.fstat(handle).st_size // self._page_size
            if sums is None:
                sums, changed = PageChecksums(self._page_size, state, bytearray()), None
            new_pages = set(range(len(sums) + 1, count + 1))
            sums.state = state
            sums.resize(count)
            log_is_empty, erased = not self._log_bytes(), False
            for number in sorted(new_pages.union(number for number in changed or () if number <= count)):
                page = _read_page(handle, number, self._page_size)
                leftover = _find_leftover(number, page, len(sums))
                if leftover is not None and log_is_empty:
                    zeros, erased = bytes(leftover.stop - leftover.start), True
                    _write(handle, (number - 1) * len(page) + leftover.start, zeros)
                    page = page[: leftover.start] + zeros + page[leftover.stop :]
                elif leftover is not None:
                    sums.untidy = True  # the next writer looks at all pages
                sums.put(number, page)
            if erased:
                os.fsync(handle)
            sums.save(self._directory)
        finally:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")


# --- checks ---


def problems(
    db: sqlite3.Connection,
    directory: str,
    on_skip: Callable[[str], None] | None = None,
    *,
    locked: bool = False,
) -> Iterator[str]:
    """Compare the pages with their checksums; one line for each difference.

    Others may read and write meanwhile: no writer is waited for and none is kept waiting for long.

    Args:
        db: a connection to the database.
        directory: of the index.
        on_skip: called with one line that says why the pages could not be compared.
        locked: the caller holds the lock of the index.
    """
    with _lock_if_free(directory, locked):
        differences = _compare(db, directory)
        if not isinstance(differences, str) and differences:
            time.sleep(_PAUSE)  # pages that somebody was writing just then are written by now
            second = _compare(db, directory)
            differences = second if isinstance(second, str) else [line for line in differences if line in second]
    if isinstance(differences, str):
        if on_skip is not None:
            on_skip(f"the pages of {schema.DATABASE} were not compared with their checksums: {differences}")
        return
    yield from differences[:NAMED_PAGES]
    if len(differences) > NAMED_PAGES:
        yield f"{len(differences) - NAMED_PAGES} more pages are not as they were written"


@contextmanager
def _lock_if_free(directory: str, locked: bool) -> Iterator[None]:
    """Hold the lock of the index if it is free; without it `_compare` notices changes."""
    lock, path = None, os.path.join(directory, LOCK)
    if not locked and os.access(path, os.W_OK):  # without this file, nobody has written
        with suppress(MmsearchError, OSError):
            lock = WriteLock(directory)
            lock.acquire(None, 0)
    try:
        yield
    finally:
        if lock is not None:
            lock.release()


def _compare(db: sqlite3.Connection, directory: str) -> list[str] | str:
    """The differences, or why they cannot be known."""
    sums = load(directory)
    if sums is None:
        return "there are none that can be read; the next `mmsearch index` writes them"
    path = os.path.join(directory, schema.DATABASE)
    files = [path, f"{path}-wal", os.path.join(directory, NAME)]
    try:
        handle, before = database.handle(path), file_stamps(files)
        logged = _pages_in_log(f"{path}-wal")
        differences = _differences(db, handle, sums, logged)
        after = file_stamps(files)
    except OSError as error:
        return str(error.strerror or error)
    return differences if before == after else "somebody was writing"


def _differences(db: sqlite3.Connection, handle: int, sums: PageChecksums, logged: set[int]) -> list[str] | str:
    if _state_in(handle) != sums.state:
        if not logged and schema.get_meta(db, schema.STATE) == str(sums.state):
            return ["page 1 is not as it was written"]
        return "they are of an earlier commit; the next `mmsearch index` writes them"
    size = os.fstat(handle).st_size
    if not logged and size != len(sums) * sums.page_size:
        return [f"it has {size} bytes, and {len(sums) * sums.page_size} were written"]
    return [
        f"page {number} is not as it was written"
        for number in range(1, len(sums) + 1)
        if number not in logged and _page_sum(_read_page(handle, number, sums.page_size)) != sums.checksum(number)
    ]
