"""The files of an index: that each of them is its own, who may read them, and the lock of the one writer.

SQLite and the lock open files by their names and follow links, so the names are checked first: an index may come from
anywhere. New files let in whom the database lets in, which is its user alone unless the index is shared. The lock is
the system's own on `write.lock`, so it ends with its process, however that ends; `writer.json` tells people who holds
it, may be wrong or left over, and nothing depends on it. Knows nothing about the other files' contents.
"""

from __future__ import annotations

import errno
import json
import os
import re
import stat
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

from mmsearch.errors import IndexDamaged, MmsearchError
from mmsearch.system.safe_open import FILE_MODE, TEMPORARY, Folder, is_link, why_foreign

DATABASE = "meta.sqlite"
VECTORS = "vectors"
LOCK = "write.lock"
NOTE = "writer.json"
REMEDY = "take it away, or use another --index"
_SIDES = ("-wal", "-shm", "-journal")
_SHARED = re.compile(r"meta\.(format[0-9]+\.)?sqlite(-wal|-shm|-journal)?|meta\.sums|write\.lock|writer\.json")
"""Files in the directory that others need who share an index."""
_PRIVATE = re.compile(
    _SHARED.pattern
    + r"|meta\.format[0-9]+\.sqlite\.tmp|serve\.(json|lock|log)|meta\.sums\.tmp|(writer|serve)\.json\.tmp"
)
_VECTORS = re.compile(r"[0-9]+\.(faiss|ann)(\.tmp)?")
_CACHES = ("cache", "shards")
_JOURNAL_END = b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7"
"""The end of a journal that names another file, which SQLite would delete. Those of an index name none."""
_MOST_NOTE, _LONGEST = 4096, 100


def require_database(directory: str, *, writing: bool) -> None:
    """Check the database and the files that SQLite keeps beside it; they need not exist.

    A database with a second name is read, as in a copy by hard links, but never written.

    Raises:
        IndexDamaged: one of them is a link, no regular file or has another name elsewhere.
        OSError: they cannot be looked at.
    """
    for side in ("", *_SIDES):
        path = os.path.join(directory, DATABASE + side)
        try:
            status = os.lstat(path)
        except FileNotFoundError:
            continue
        fault = why_foreign(status)
        if fault and (side or writing or status.st_nlink == 1 or not stat.S_ISREG(status.st_mode)):
            raise IndexDamaged(f"{path} is {fault}: {REMEDY}")
        if side == "-journal" and status.st_size:
            with Folder.open(directory) as folder, folder.read(DATABASE + side) as file:
                file.seek(-min(len(_JOURNAL_END), os.fstat(file.fileno()).st_size), os.SEEK_END)
                if file.read() == _JOURNAL_END:
                    raise IndexDamaged(f"{path} is of several databases, and an index has one: {REMEDY}")


def is_database(directory: str) -> bool:
    """True if there is a database that is not empty."""
    with suppress(FileNotFoundError, NotADirectoryError):
        return os.lstat(os.path.join(directory, DATABASE)).st_size > 0
    return False


def has_other_names(directory: str) -> bool:
    """True if the database has a name elsewhere, too, so that nothing may be written to it."""
    with suppress(OSError):
        return os.lstat(os.path.join(directory, DATABASE)).st_nlink > 1
    return False


def make_database(directory: str) -> None:
    """Make an empty file for SQLite if there is none; SQLite makes those beside it in its mode. Raises OSError."""
    if not os.path.lexists(os.path.join(directory, DATABASE)):
        with Folder.open(directory) as folder:
            folder.ensure(DATABASE)


def raise_damaged(error: OSError) -> None:
    """Raise IndexDamaged for an error that says that a file is not the index's own."""
    if error.errno == errno.ELOOP:
        raise IndexDamaged(f"{error.filename} is {error.strerror}: {REMEDY}") from error


def require_folder(path: str) -> None:
    """Check that a folder of an index is no link; it need not exist. Raises IndexDamaged."""
    with suppress(FileNotFoundError, NotADirectoryError):
        if is_link(path) or not stat.S_ISDIR(os.lstat(path).st_mode):
            raise IndexDamaged(f"{path} is a link or a file where a folder of its own belongs: {REMEDY}")


def vectors_of(folder: Folder, partition: str, *, make: bool = False) -> Folder:
    """The folder of the vector files of a partition. Raises OSError if it is a link, or does not exist."""
    mode = _folder_mode(file_mode(folder))
    with folder.folder(VECTORS, make=make, mode=mode) as inner:
        return inner.folder(partition, make=make, mode=mode)


# --- modes ---


def file_mode(folder: Folder) -> int:
    """The mode of new files in the directory of an index: the read and write permissions of its database."""
    with suppress(OSError):
        mode = folder.status(DATABASE).st_mode
        if stat.S_ISREG(mode):
            return mode & 0o066 | FILE_MODE
    return FILE_MODE


def _folder_mode(mode: int) -> int:
    """The mode of a folder for files of this mode: those who may read them may enter it."""
    return mode | (mode & 0o444) >> 2


def close_to_others(directory: str) -> None:
    """Take all permissions of others from the files of an index. Files of another user stay as they are."""

    def closed(mode: int) -> int:
        return mode & ~0o077

    _change_modes(directory, _PRIVATE, closed, closed)
    with Folder.open(directory) as folder:
        for name in _CACHES:
            folder.change_mode(name, closed)
            with suppress(OSError), folder.folder(name) as inner:
                for entry in inner.names() if name == "cache" else ():
                    inner.change_mode(entry, closed)


def open_to_others(directory: str) -> None:
    """Give others the permissions that the umask allows to the files of an index; caches and servers stay private."""
    mask = os.umask(0o077)  # narrower for the moment, for files that another thread makes
    os.umask(mask)
    mode = 0o666 & ~mask | FILE_MODE
    _change_modes(directory, _SHARED, lambda _: mode, lambda before: before & ~0o777 | _folder_mode(mode))


def _change_modes(
    directory: str, names: re.Pattern[str], of_file: Callable[[int], int], of_folder: Callable[[int], int]
) -> None:
    with Folder.open(directory) as folder:
        if not is_link(directory):  # else it is a folder that somebody has elsewhere, and may use for more
            folder.change_own_mode(of_folder)
        for name in folder.names():
            if names.fullmatch(name):
                folder.change_mode(name, of_file)
        with suppress(OSError), folder.folder(VECTORS) as inner:
            inner.change_own_mode(of_folder)
            for partition in inner.names():
                with suppress(OSError), inner.folder(partition) as files:
                    files.change_own_mode(of_folder)
                    for name in files.names():
                        if _VECTORS.fullmatch(name):
                            files.change_mode(name, of_file)


# --- the lock ---


class WriteLock:
    """The lock of the one writer, held from `acquire` to `release`."""

    def __init__(self, directory: str) -> None:
        """`directory` exists. Raises IndexDamaged if something else is in the place of the lock's file, or OSError."""
        from filelock import FileLock  # late: a search locks nothing and should not wait for it

        self._directory = directory
        with Folder.open(directory) as folder:
            mode = file_mode(folder)
            try:
                folder.ensure(LOCK, mode)
            except OSError as error:
                raise_damaged(error)
                raise
        self._lock = FileLock(os.path.join(directory, LOCK), mode=mode)

    def acquire(self, on_wait: Callable[[str], None] | None, timeout: float | None) -> None:
        """Take the lock.

        Args:
            on_wait: called once, before waiting, with one line that says who holds it.
            timeout: seconds to wait, 0 not at all; None waits for as long as it takes.

        Raises:
            MmsearchError: another process still holds it when the time is up.
        """
        from filelock import Timeout

        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            if on_wait is not None and timeout != 0:
                on_wait(self._holder())
            try:
                self._lock.acquire(timeout=-1 if timeout is None else timeout)
            except Timeout as error:
                raise MmsearchError(f"the index in {self._directory} is in use: {self._holder()}") from error
        except NotImplementedError as error:
            raise MmsearchError(f"the index in {self._directory}: this file system has no file locks") from error
        import socket  # late: no search needs it

        note = {"pid": os.getpid(), "host": socket.gethostname(), "since": datetime.now().isoformat(" ", "seconds")}
        with suppress(OSError), Folder.open(self._directory) as folder:
            with folder.create(NOTE + TEMPORARY, file_mode(folder)) as file:
                file.write(json.dumps(note).encode())
            folder.rename(NOTE + TEMPORARY, NOTE)

    def release(self) -> None:
        """Give the lock back; the note goes first, so that it never names the wrong process."""
        if self._lock.is_locked:
            with suppress(OSError), Folder.open(self._directory) as folder:
                folder.remove(NOTE)
            self._lock.release()

    def _holder(self) -> str:
        try:
            with Folder.open(self._directory) as folder, folder.read(NOTE) as file:
                note = json.loads(file.read(_MOST_NOTE))
            pid, host, since = (str(note[name])[:_LONGEST] for name in ("pid", "host", "since"))
            return f"process {pid} on {host} has been writing since {since}"
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return "another process is writing"
