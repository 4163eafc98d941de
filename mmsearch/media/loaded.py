"""The result of every loader, and the translation of a decoder's exceptions into one line a user understands.

Knows no file format. A loader is a module with `load(path, digest, kind_name, settings, only=None) -> Loaded`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

from mmsearch.errors import UNREADABLE, MediaError, one_line
from mmsearch.types import FileMetadata, Modality, Segment

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Kind:
    """The kind of a file: `name` picks the loader and is persisted in the index, filters look at `modality`."""

    name: str
    modality: Modality


@dataclass(frozen=True, slots=True)
class Loaded:
    """A file opened for indexing: facts from its header, and its segments, decoded one at a time on demand.

    Iterating raises `MediaError` when a part that matters cannot be decoded.
    """

    facts: FileMetadata
    segments: Iterator[Segment]

    @classmethod
    def of(cls, parts: Iterator[FileMetadata | Segment]) -> Loaded:
        """From a generator of the metadata, for which it opens the file here and now, and then of the segments."""
        return cls(cast(FileMetadata, next(parts)), cast("Iterator[Segment]", parts))


@contextmanager
def reasons(broken: str, truncated: str | None = None) -> Iterator[None]:
    """Translate exceptions of a decoder inside the block into `MediaError`.

    Decoders answer hostile files with nearly every exception class there is, so all of them are taken; the original
    stays attached as the cause and goes to the debug log, because it may be a bug of ours.

    Args:
        broken: how the message begins, such as `"broken PNG"`.
        truncated: how it begins when the decoder ran out of bytes, such as `"truncated PNG"`.
    """
    try:
        yield
    except MediaError:
        raise
    except MemoryError as error:
        raise MediaError("too big for the memory of this machine") from error
    except Exception as error:
        log.debug("decoder failed", exc_info=True)
        if isinstance(error, OSError) and error.errno is not None and error.strerror:
            raise MediaError(f"{UNREADABLE}: {error.strerror}") from error
        message = str(error).lower()
        ran_out = isinstance(error, EOFError) or any(
            sign in message for sign in ("truncat", "end of file", "too short")
        )
        start = truncated if truncated and ran_out else broken
        raise MediaError(f"{start}: {one_line(error)}") from error
