"""Reading a file safely, its digest, and lists of paths. Knows nothing of folders and patterns."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from typing import BinaryIO

from mmsearch.errors import UNREADABLE, MediaError
from mmsearch.regular import regular

_CHUNK = 1 << 20


def reason_of(error: OSError) -> str:
    return (error.strerror or type(error).__name__).lower()


def digest(path: str) -> str:
    """BLAKE2b-256 of the content in hex, read in pieces; MediaError if it cannot be read."""
    state = hashlib.blake2b(digest_size=32)
    try:
        with open(path, "rb", buffering=0, opener=regular) as stream:
            while chunk := stream.read(_CHUNK):
                state.update(chunk)
    except (OSError, ValueError) as error:
        reason = reason_of(error) if isinstance(error, OSError) else str(error)
        raise MediaError(f"{UNREADABLE}: {reason}") from error
    return state.hexdigest()


def read_paths(stream: BinaryIO, null: bool) -> Iterator[str]:
    """Paths from a binary stream, one a line or, with `null`, ended by NUL bytes; empty ones are skipped."""
    separator = b"\0" if null else b"\n"
    # A pipe is read as it fills, so that the first paths are at work while the writer still searches.
    read: Callable[[int], bytes] = getattr(stream, "read1", stream.read)
    rest: list[bytes] = []
    while chunk := read(_CHUNK):
        *whole, tail = chunk.split(separator)
        if whole:
            yield from map(os.fsdecode, filter(None, [b"".join([*rest, whole[0]]), *whole[1:]]))
            rest = []
        rest.append(tail)
    if last := b"".join(rest):
        yield os.fsdecode(last)
