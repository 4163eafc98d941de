"""Original files: whether they are what was indexed, and opened to be shown only if they certainly are.

Anyone who can write to an indexed folder can put a link to any file in a file's place. So the opened file is
compared, never a path that is resolved again: below the folders of the index no link is followed, and
where anything is in doubt the content decides. Knows the reader's interface and loaders; nothing about ranking.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from typing import BinaryIO

from mmsearch.errors import UNREADABLE, MediaError, OutsideIndex
from mmsearch.store import Located, Reader
from mmsearch.system.safe_open import Identity, only, open_below, regular
from mmsearch.types import Item, LoaderSettings, Segment, clamp_mtime_ns, is_object_url

TRUSTED_BYTES = 16 << 20
"""A larger file of the size and time that were indexed is not read as a whole before it is shown."""
_SETTLED_NS = 2_000_000_000
"""A file that was changed so lately may change again within one tick of its clock."""
_MOST_DIGESTS = 4096
_digests: dict[tuple[int, ...], str] = {}
"""Digests of files by device, inode, size and times."""


class FileGone(MediaError):
    """The file is not there, or cannot be read."""


class Changed(MediaError):
    """The file at the path is not the one that was indexed."""

    def __init__(self) -> None:
        super().__init__("it has changed since it was indexed")


# --- by size and time: before a hit is given ---


class StalenessCache:
    """The staleness of files, looked up once for each."""

    def __init__(self, may_read: Callable[[str], bool]) -> None:
        """`may_read` says whether the file at a path may be opened, as a reader's does."""
        self._may_read = may_read
        self._by_path: dict[str, bool | None] = {}

    def get(self, location: Located) -> bool | None:
        """As `staleness`."""
        path = location.item.path
        if path not in self._by_path:
            self._by_path[path] = staleness(location, self._may_read)
        return self._by_path[path]


def staleness(location: Located, may_read: Callable[[str], bool] = lambda _: True) -> bool | None:
    """None if the file is gone, True if it has changed since it was indexed, else False.

    Only a file whose time alone changed is read again, to see whether its content did; one that may not be read counts
    as changed then. An object in a store counts as unchanged, as no search asks the store.
    """
    path = location.item.path
    if is_object_url(path):
        return False
    try:
        status = os.stat(path)
        if status.st_size != location.size:
            return True
        if clamp_mtime_ns(status.st_mtime_ns) == location.mtime_ns:
            return False
        return not may_read(path) or _digest_of_path(path, status.st_size, status.st_mtime_ns) != location.item.digest
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, MediaError):
        return True


@lru_cache(maxsize=1024)
def _digest_of_path(path: str, size: int, mtime_ns: int) -> str:
    """The digest of a file of that size and time; a server does not read it again for each query."""
    from mmsearch.scan import digest

    return digest(path)


# --- by the opened file: before anything of it is shown ---


def folders_of(reader: Reader) -> tuple[str, ...]:
    """The folders whose files are trusted by size and time: the index's own, and the indexed ones."""
    roots = (root for root in reader.catalog.roots() if reader.grants.allows_root(root))
    return (os.path.dirname(reader.directory), *roots)


def open_place(location: Located, folders: Sequence[str]) -> BinaryIO:
    """The original file of a part, open to be read. Raises `FileGone` or `Changed`."""
    return open_unchanged(location.item, folders, (location.size, location.mtime_ns))


def open_unchanged(item: Item, folders: Sequence[str] = (), indexed_stat: tuple[int, int] | None = None) -> BinaryIO:
    """The original file of an item, open to be read.

    Args:
        item: the content must have its digest.
        folders: absolute; below them no link is followed, and `indexed_stat` is trusted for large files. The content is
            compared of a file elsewhere, or behind a link.
        indexed_stat: size in bytes and time of the file when it was indexed; None compares the content.

    Raises:
        FileGone: it is not there, cannot be read, or is no regular file.
        Changed: it is no longer what was indexed.
    """
    file, is_own = _open(item.path, folders)
    try:
        status = os.fstat(file.fileno())
        is_trusted = is_own and status.st_nlink == 1 and status.st_size > TRUSTED_BYTES
        if indexed_stat is not None and status.st_size != indexed_stat[0]:
            raise Changed
        if not (is_trusted and indexed_stat is not None and clamp_mtime_ns(status.st_mtime_ns) == indexed_stat[1]):
            if _digest_of_file(file, status) != item.digest:
                raise Changed
            file.seek(0)
    except OSError as error:
        file.close()
        raise FileGone(_reason(error)) from error
    except BaseException:
        file.close()
        raise
    return file


def identity_of(file: BinaryIO) -> Identity:
    """The identity of an open file, to have a decoder read no other one."""
    status = os.fstat(file.fileno())
    return status.st_dev, status.st_ino


def is_unchanged(location: Located, folders: Sequence[str]) -> bool | None:
    """Whether opening a file shows what was indexed; None where it is gone."""
    if not os.path.lexists(location.item.path):
        return None
    with suppress(MediaError), open_place(location, folders):
        return True
    return False


def is_own(location: Located, folders: Sequence[str]) -> bool:
    """Whether the path of a file leads to the place where it was indexed, even if its content has changed."""
    with suppress(MediaError):
        file, is_own_path = _open(location.item.path, folders)
        file.close()
        return is_own_path or is_unchanged(location, folders) is True
    return False


def original(item: Item, kind: str | None, settings: LoaderSettings, may_read: Callable[[str], bool]) -> Segment:
    """An item with its content from the original file; `kind` is how it was read, None to find that out.

    `may_read` says whether the file at a path may be opened, as a reader's does. A passage comes from the index itself;
    of anything else the digest is compared first.

    Raises:
        OutsideIndex: the file may not be opened.
        MediaError: the file has changed or cannot be read.
        Unreachable: it is an object, and no reader for objects is installed.
    """
    if item.partition == "text" and item.text:
        return Segment(item, item.text)
    if not may_read(item.path):
        raise OutsideIndex
    if is_object_url(item.path):
        from mmsearch.scan.object_stores import fetched

        with fetched(item.path) as copy:
            return replace(_reload(replace(item, path=copy), kind, settings), item=item)
    return _reload(item, kind, settings)


def _reload(item: Item, kind: str | None, settings: LoaderSettings) -> Segment:
    from mmsearch import media

    with open_unchanged(item) as file, only(item.path, identity_of(file)):
        return media.reload(item, kind or media.identify(item.path).name, settings)


def _open(path: str, folders: Sequence[str]) -> tuple[BinaryIO, bool]:
    """The file, and whether it was reached below one of the folders without any link."""
    for folder in sorted(folders, key=len, reverse=True):
        above = folder if path != folder else os.path.dirname(folder)  # a single file may have been indexed
        with suppress(OSError, ValueError):
            return os.fdopen(open_below(above, path), "rb"), True
    try:
        return open(path, "rb", opener=regular), False
    except (OSError, ValueError) as error:
        raise FileGone(_reason(error)) from error


def _reason(error: OSError | ValueError) -> str:
    meaning = error.strerror or type(error).__name__ if isinstance(error, OSError) else str(error)
    return f"{UNREADABLE}: {meaning.lower()}"


def _digest_of_file(file: BinaryIO, status: os.stat_result) -> str:
    """The digest of an open file; a server does not read it again for each request."""
    key = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    if key in _digests:
        return _digests[key]
    from mmsearch.scan import digest_of

    digest = digest_of(file)
    if max(status.st_mtime_ns, status.st_ctime_ns) < time.time_ns() - _SETTLED_NS:
        if len(_digests) >= _MOST_DIGESTS:
            _digests.clear()
        _digests[key] = digest
    return digest
