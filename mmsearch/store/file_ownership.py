"""The files of an index: that each of them is its own, and who may read them.

SQLite and the lock open files by their names and follow links, so the names are looked at first: an index may come from
anywhere. New files let in whom the database lets in, which is its user alone unless the index is shared. Knows names
and modes; nothing of what is in the files.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Callable
from contextlib import suppress

from mmsearch.errors import IndexDamaged
from mmsearch.system.safe_open import FILE_MODE, Folder, is_link, why_foreign

DATABASE = "meta.sqlite"
VECTORS = "vectors"
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
FOREIGN = (errno.ELOOP,)
"""How errors are numbered that say that something is none of an index's own."""
_JOURNAL_END = b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7"
"""How a journal ends that names another file, which SQLite would delete. Those of an index name none."""


def require_database(directory: str, *, writing: bool) -> None:
    """Look at the database and the files that SQLite keeps beside it; that there is none is fine.

    A database with a second name is read, as it is in a copy by hard links, but never written.

    Raises:
        IndexDamaged: one of them is a link, no regular file or a file elsewhere, too.
        OSError: they cannot be looked at.
    """
    for side in ("", *_SIDES):
        path = os.path.join(directory, DATABASE + side)
        try:
            found = os.lstat(path)
        except FileNotFoundError:
            continue
        fault = why_foreign(found)
        if fault and (side or writing or found.st_nlink == 1 or not stat.S_ISREG(found.st_mode)):
            raise IndexDamaged(f"{path} is {fault}: {REMEDY}")
        if side == "-journal" and found.st_size:
            _require_plain_journal(directory, path)


def is_database(directory: str) -> bool:
    """Whether there is a database with anything in it."""
    with suppress(FileNotFoundError, NotADirectoryError):
        return os.lstat(os.path.join(directory, DATABASE)).st_size > 0
    return False


def has_other_names(directory: str) -> bool:
    """Whether the database is a file elsewhere, too, so that nothing may be written to it."""
    with suppress(OSError):
        return os.lstat(os.path.join(directory, DATABASE)).st_nlink > 1
    return False


def _require_plain_journal(directory: str, path: str) -> None:
    with Folder.open(directory) as folder, folder.read(DATABASE + "-journal") as file:
        file.seek(-min(len(_JOURNAL_END), os.fstat(file.fileno()).st_size), os.SEEK_END)
        if file.read() == _JOURNAL_END:
            raise IndexDamaged(f"{path} is of several databases, and an index has one: {REMEDY}")


def make_database(directory: str) -> None:
    """Have an empty file be there for SQLite, which makes those beside it in its mode. Raises OSError."""
    if not os.path.lexists(os.path.join(directory, DATABASE)):
        with Folder.open(directory) as folder:
            folder.ensure(DATABASE)


def lock_file(directory: str, name: str) -> int:
    """Have a file be there that is to be locked by its name; its mode.

    Raises:
        IndexDamaged: something else is there.
        OSError: it cannot be made.
    """
    with Folder.open(directory) as folder:
        mode = file_mode(folder)
        try:
            folder.ensure(name, mode)
        except OSError as error:
            raise_damaged(error)
            raise
    return mode


def raise_damaged(error: OSError) -> None:
    """Raise IndexDamaged for what says that a name is none of the index's own."""
    if error.errno in FOREIGN:
        raise IndexDamaged(f"{error.filename} is {error.strerror}: {REMEDY}") from error


def require_folder(path: str) -> None:
    """Make sure that a folder of an index is none elsewhere; that there is none is fine. Raises IndexDamaged."""
    with suppress(FileNotFoundError, NotADirectoryError):
        if is_link(path) or not stat.S_ISDIR(os.lstat(path).st_mode):
            raise IndexDamaged(f"{path} is a link or a file where a folder of its own belongs: {REMEDY}")


def file_mode(folder: Folder) -> int:
    """The mode of new files in the directory of an index: the read and write permissions of its database."""
    with suppress(OSError):
        found = folder.status(DATABASE).st_mode
        if stat.S_ISREG(found):
            return found & 0o066 | FILE_MODE
    return FILE_MODE


def folder_mode(mode: int) -> int:
    """The mode of a folder for files of this one: who may read them may go through it."""
    return mode | (mode & 0o444) >> 2


def vectors_of(folder: Folder, partition: str, *, make: bool = False) -> Folder:
    """The folder of the vector files of a partition. Raises OSError where it is a link, or not there."""
    mode = folder_mode(file_mode(folder))
    with folder.folder(VECTORS, make=make, mode=mode) as inner:
        return inner.folder(partition, make=make, mode=mode)


def close_to_others(directory: str) -> None:
    """Take from everybody else what the files of an index let them do. What belongs to another user stays."""

    def closed(mode: int) -> int:
        return mode & ~0o077

    _change(directory, _PRIVATE, closed, closed)
    with Folder.open(directory) as folder:
        for name in _CACHES:
            folder.change_mode(name, closed)
            with suppress(OSError), folder.folder(name) as inner:
                for one in inner.names() if name == "cache" else ():
                    inner.change_mode(one, closed)


def open_to_others(directory: str) -> None:
    """Let those read, and write, the files of an index whom the umask lets in; caches and servers stay private."""
    mask = os.umask(0o077)  # narrower for the moment, for files that another thread makes
    os.umask(mask)
    mode = 0o666 & ~mask | FILE_MODE
    _change(directory, _SHARED, lambda _: mode, lambda was: was & ~0o777 | folder_mode(mode))


def _change(
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
