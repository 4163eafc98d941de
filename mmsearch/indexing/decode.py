"""One file read in two steps, the same in every process: it is identified, then, if its content is new, decoded.

Answers are plain data that travel between processes. Knows nothing of processes or of the index.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from mmsearch import media, scan
from mmsearch.errors import UNREADABLE, MediaError, UnsupportedMedia, one_line
from mmsearch.system.safe_open import Identity, only, regular
from mmsearch.types import FileMetadata, Item, LoaderSettings, Modality, Segment, clamp_mtime_ns

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DecodeRequest:
    """Identify a file, or with a digest decode it. `kind` is the name of its kind.

    With an `item` only that part is decoded, as one small picture, or its sound. With `query` the file is a query
    and read as that modality. `settings` replace the reader's. With an `identity` another file that has taken its
    path is not read.
    """

    entry: scan.Entry
    digest: str = ""
    kind: str = ""
    item: Item | None = None
    query: Modality | None = None
    settings: LoaderSettings | None = None
    identity: Identity | None = None

    @property
    def step(self) -> str:
        """The stage that the time counts for."""
        return "decode" if self.digest else "read"


@dataclass(frozen=True, slots=True)
class Identified:
    """The only answer to the first step."""

    kind: media.Kind
    digest: str


@dataclass(frozen=True, slots=True)
class Opened:
    """The file can be decoded; its parts follow."""

    facts: FileMetadata


@dataclass(frozen=True, slots=True)
class Part:
    """One decoded part."""

    segment: Segment


@dataclass(frozen=True, slots=True)
class Finished:
    """All parts have been sent, and a file that was decoded has not changed since the scan."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The file cannot be used; no more answers follow.

    Attributes:
        reason: in one line.
        unsupported: it is not broken, but no kind of file that is read here.
        memory: it was too much for the memory of the process, which had better not be used any more.
    """

    reason: str
    unsupported: bool = False
    memory: bool = False


Answer: TypeAlias = Identified | Opened | Part | Finished | Failed
LAST = (Identified, Finished, Failed)
"""The types of the final answer to a request."""


@dataclass(frozen=True, slots=True)
class Timed:
    """An answer with the seconds of work that it took since the one before."""

    answer: Answer
    seconds: float


@dataclass(frozen=True, slots=True)
class FileDecoder:
    """Decodes files: with the loader's settings, into the partitions that the model can use."""

    settings: LoaderSettings
    modalities: frozenset[Modality]

    def answers(self, request: DecodeRequest) -> Iterator[Timed]:
        """The answers to a request, decoded one by one; the last is one of `LAST`."""
        answers = self._guarded(request)
        while True:
            start = time.perf_counter()
            answer = next(answers, None)
            if answer is None:
                return
            yield Timed(answer, time.perf_counter() - start)

    def _guarded(self, request: DecodeRequest) -> Iterator[Answer]:
        try:
            if request.query is not None:
                yield from self._query(request.entry.path, request.query, request.settings or self.settings)
            elif request.item is not None:
                with only(request.item.path, request.identity):
                    yield from self._preview(request.item, request.kind, request.settings or self.settings)
            else:
                yield from self._decode(request) if request.digest else self._identify(request.entry.path)
        except MediaError as error:
            memory = isinstance(error.__cause__, MemoryError)
            yield Failed(str(error), isinstance(error, UnsupportedMedia), memory)
        except MemoryError:
            yield Failed("too big for the memory of this machine", memory=True)
        except Exception as error:
            # A mistake of ours: one file must not end the run of all.
            log.debug("reading failed", exc_info=True)
            yield Failed(f"cannot be decoded: {one_line(error, with_class=True)}")

    @staticmethod
    def _identify(path: str) -> Iterator[Answer]:
        try:
            with open(path, "rb", opener=regular) as file:
                kind = media.kind_of(path, file.read(media.HEAD_BYTES))
                file.seek(0)
                digest = scan.digest_of(file)
        except (OSError, ValueError) as error:  # no name of a file holds a NUL
            raise MediaError(f"{UNREADABLE}: {getattr(error, 'strerror', None) or error}") from error
        yield Identified(kind, digest)

    @staticmethod
    def _query(path: str, modality: Modality, settings: LoaderSettings) -> Iterator[Answer]:
        if "://" in path and not os.path.exists(path):
            raise MediaError("addresses are not fetched here")
        for content in media.load_query(path, modality, settings):
            yield Part(Segment(Item(path, "", modality, modality), content))
        yield Finished()

    @staticmethod
    def _preview(item: Item, kind: str, settings: LoaderSettings) -> Iterator[Answer]:
        if item.modality == "audio":
            yield Part(media.reload(item, kind, settings))
        else:
            yield Part(Segment(item, media.preview(item, settings)))
        yield Finished()

    def _decode(self, request: DecodeRequest) -> Iterator[Answer]:
        loaded = media.load(request.entry.path, request.digest, media.KINDS[request.kind], self.settings)
        yield Opened(loaded.facts)
        for segment in loaded.segments:
            if segment.item.partition in self.modalities:
                yield Part(segment)
        if changed_since(request.entry):
            raise MediaError("changed while it was being read: run index again")
        yield Finished()


def changed_since(entry: scan.Entry) -> bool:
    """Whether the file's size or time has changed since the scan."""
    try:
        status = os.stat(entry.path)
    except OSError:
        return True
    return (status.st_size, clamp_mtime_ns(status.st_mtime_ns)) != (entry.size, entry.mtime_ns)
