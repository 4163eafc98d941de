"""An original file opened to be shown: certainly the one that was indexed, and nothing else at its path.

Whoever can write to an indexed folder can put a link to any file in a file's place. So what has been opened is
compared, never what a path leads to at some other moment: below the folders of the index no link is followed, and
where anything is in doubt the content decides. Knows the reader's interface; nothing of what files contain.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import BinaryIO

from mmsearch import scan
from mmsearch.errors import MediaError
from mmsearch.scan.files import reason_of
from mmsearch.store import Located, Reader
from mmsearch.system.safe_open import Identity, open_below, regular
from mmsearch.types import Item, clamp_mtime_ns

TRUSTED_BYTES = 16 << 20
"""A larger file of the size and time that were indexed is not read as a whole before it is shown."""
_SETTLED_NS = 2_000_000_000
"""A file that was changed so lately may change again within one tick of its clock."""
_MOST_KNOWN = 4096
_known: dict[tuple[int, ...], str] = {}
"""Digests of files by device, inode, size and times."""


class Gone(MediaError):
    """The file is not there, or cannot be read."""


class Changed(MediaError):
    """What is at the path is not what was indexed."""


def folders_of(reader: Reader) -> tuple[str, ...]:
    """The folders whose files are taken for what they are by size and time: the index's own, and what was indexed."""
    named = (root for root in reader.catalog.roots() if reader.grants.allows_root(root))
    return (os.path.dirname(reader.directory), *named)


def open_place(place: Located, folders: Sequence[str]) -> BinaryIO:
    """The original file of a part, open to be read. Raises `Gone` or `Changed`."""
    return open_unchanged(place.item, folders, (place.size, place.mtime_ns))


def open_unchanged(item: Item, folders: Sequence[str] = (), known: tuple[int, int] | None = None) -> BinaryIO:
    """The original file of an item, open to be read.

    Args:
        item: its digest is what the content must have.
        folders: absolute; below them no link is followed, and `known` is believed of large files. What lies elsewhere,
            or is reached through a link, has its content compared.
        known: size in bytes and time of the file when it was indexed; None has the content compared.

    Raises:
        Gone: it is not there, cannot be read, or is no regular file.
        Changed: it is no longer what was indexed.
    """
    file, is_own = _opened(item.path, folders)
    try:
        found = os.fstat(file.fileno())
        sure = is_own and found.st_nlink == 1 and found.st_size > TRUSTED_BYTES
        if known is not None and found.st_size != known[0]:
            raise _changed()
        if not (sure and known is not None and clamp_mtime_ns(found.st_mtime_ns) == known[1]):
            if _digest(file, found) != item.digest:
                raise _changed()
            file.seek(0)
    except OSError as error:
        file.close()
        raise Gone(f"cannot be read: {reason_of(error)}") from error
    except BaseException:
        file.close()
        raise
    return file


def identity_of(file: BinaryIO) -> Identity:
    """Of an open file, to have a decoder read no other one."""
    found = os.fstat(file.fileno())
    return found.st_dev, found.st_ino


def is_unchanged(place: Located, folders: Sequence[str]) -> bool | None:
    """Whether a file is what was indexed, by what opening it shows; None where it is gone."""
    if not os.path.lexists(place.item.path):
        return None
    with suppress(MediaError), open_place(place, folders):
        return True
    return False


def is_own(place: Located, folders: Sequence[str]) -> bool:
    """Whether the path of a file leads to no other place than it did when it was indexed, whatever is there now."""
    with suppress(MediaError):
        file, own = _opened(place.item.path, folders)
        file.close()
        return own or is_unchanged(place, folders) is True
    return False


def _opened(path: str, folders: Sequence[str]) -> tuple[BinaryIO, bool]:
    """The file, and whether it was reached below one of the folders without any link."""
    for folder in sorted(folders, key=len, reverse=True):
        above = folder if path != folder else os.path.dirname(folder)  # what was indexed may be a single file
        with suppress(OSError, ValueError):
            return os.fdopen(open_below(above, path), "rb"), True
    try:
        return open(path, "rb", opener=regular), False
    except (OSError, ValueError) as error:
        reason = reason_of(error) if isinstance(error, OSError) else str(error)
        raise Gone(f"cannot be read: {reason}") from error


def _digest(file: BinaryIO, found: os.stat_result) -> str:
    """Of an open file; a server does not read it again for each request."""
    key = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
    if key in _known:
        return _known[key]
    digest = scan.digest_of(file)
    if max(found.st_mtime_ns, found.st_ctime_ns) < time.time_ns() - _SETTLED_NS:
        if len(_known) >= _MOST_KNOWN:
            _known.clear()
        _known[key] = digest
    return digest


def _changed() -> Changed:
    return Changed("it has changed since it was indexed")
