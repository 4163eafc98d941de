"""Reading a file safely, its digest, and lists of paths. Knows nothing of folders and patterns."""

from __future__ import annotations

import hashlib
import os
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import lru_cache
from io import RawIOBase
from typing import BinaryIO

from mmsearch.errors import UNREADABLE, MediaError
from mmsearch.system.safe_open import regular

_CHUNK = 1 << 20


def reason_of(error: OSError) -> str:
    return (error.strerror or type(error).__name__).lower()


def digest(path: str) -> str:
    """BLAKE2b-256 of the content in hex, read in pieces; MediaError if it cannot be read."""
    try:
        with open(path, "rb", buffering=0, opener=regular) as stream:
            return digest_of(stream)
    except (OSError, ValueError) as error:
        reason = reason_of(error) if isinstance(error, OSError) else str(error)
        raise MediaError(f"{UNREADABLE}: {reason}") from error


def digest_of(stream: RawIOBase | BinaryIO) -> str:
    """The same of the rest of an open file. Raises OSError."""
    state = hashlib.blake2b(digest_size=32)
    while chunk := stream.read(_CHUNK):
        state.update(chunk)
    return state.hexdigest()


def spelled(path: str) -> str:
    """The absolute path, with names as their folders spell them where more than one spelling opens a file.

    So `~/pictures` and `~/Pictures` are one folder on the disks of macOS and Windows, and two on others.
    """
    full = os.path.abspath(path)
    head, tail = os.path.split(full)
    if not tail:
        return full
    parent = spelled(head)
    return next(iter(other_spellings(os.path.join(parent, tail))), os.path.join(parent, tail))


def other_spellings(path: str) -> list[str]:
    """The spellings of a file in its folder, if `path` is spelled differently; a link's target does not count."""
    folder, name = os.path.split(path)
    other = name.swapcase()
    if (other == name and name.isascii()) or not os.path.lexists(os.path.join(folder, other)):
        return []  # clear without a look at the folder, as on most systems
    try:
        names = _folder_names(folder, os.stat(folder).st_mtime_ns)
    except OSError:
        return []
    if name in names:
        return []
    folded = _folded(name)
    same = [os.path.join(folder, other) for other in sorted(names) if _folded(other) == folded]
    with suppress(OSError):
        status = os.lstat(path)
        return [other for other in same if _is_same(other, status)]
    return []


@lru_cache(maxsize=8)  # called for all files of one folder in turn
def _folder_names(folder: str, mtime_ns: int) -> frozenset[str]:
    return frozenset(os.listdir(folder))


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _is_same(path: str, status: os.stat_result) -> bool:
    with suppress(OSError):
        return os.path.samestat(os.lstat(path), status)
    return False


def read_paths(stream: BinaryIO, null: bool) -> Iterator[str]:
    """Paths from a binary stream, one a line or, with `null`, ended by NUL bytes; empty ones are skipped."""
    separator = b"\0" if null else b"\n"
    # A pipe is read as it fills, so that the first paths are at work while the writer still searches.
    read: Callable[[int], bytes] = getattr(stream, "read1", stream.read)
    partial: list[bytes] = []
    while chunk := read(_CHUNK):
        *complete, tail = chunk.split(separator)
        if complete:
            yield from map(os.fsdecode, filter(None, [b"".join([*partial, complete[0]]), *complete[1:]]))
            partial = []
        partial.append(tail)
    if last := b"".join(partial):
        yield os.fsdecode(last)
