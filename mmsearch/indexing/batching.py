"""Decoded parts that wait for the model, how they are cut into batches of like sizes, and embedded.

A batch costs what its largest member costs times its length, because models pad. So parts wait until there are enough
to sort, and those of one partition and nearly one size go in together. A model that says what its inputs cost cuts
its own passes, so on a fast device it gets more at a time. Knows what parts cost, not what they are for.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from mmsearch.errors import MmsearchError
from mmsearch.indexing.timing import StageTimer
from mmsearch.system.lazy_import import LazyModule
from mmsearch.types import Clip, Embedder, Modality, Segment, Vectors

if TYPE_CHECKING:
    import numpy as np
else:
    np = LazyModule("numpy")


class _Owner(Protocol):
    @property
    def failed(self) -> bool:
        """Whether nothing of the file is needed any more."""


Owner = TypeVar("Owner", bound=_Owner)

MOST_PARTS = 512
MOST_BYTES = 128 << 20
BATCH_PARTS = 64
WORTHWHILE_PARTS = 16
"""Parts for an efficient pass: more are hardly faster per part, and fewer wait for others."""
BATCH_TOKENS = 1 << 16
"""Tokens in a batch, padding included: 49 pictures of a megapixel at 28 pixels a patch."""
CALL_SECONDS = 2.0
"""How long a batch should keep a model busy that cuts its own passes: enough to overlap them, little enough to lose
when the run is interrupted."""
_CHARS, _PIXELS, _SAMPLES = 4, 28 * 28, 320
"""Characters, pixels and samples of a token, in models that do not count tokens."""


@dataclass(frozen=True, slots=True)
class PendingSegment(Generic[Owner]):
    """A part with its owner, its cost in tokens, and its size in bytes."""

    owner: Owner
    segment: Segment
    cost: int
    size: int


class BatchQueue(Generic[Owner]):
    """Parts in the order they came, up to a bound that one part may exceed."""

    def __init__(self, embedder: Embedder) -> None:
        count_tokens: Callable[[Segment], int] | None = getattr(embedder, "tokens", None)
        self._cost = count_tokens or guess_tokens
        self._paced = count_tokens is not None
        self._tokens: dict[Modality, int] = {}
        self._parts: list[PendingSegment[Owner]] = []
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._parts)

    @property
    def due(self) -> bool:
        """Whether no more should be added."""
        return len(self._parts) >= MOST_PARTS or self._bytes >= MOST_BYTES

    @property
    def worthwhile(self) -> bool:
        """Whether there is enough for an idle model; while it is busy, more parts collect."""
        return len(self._parts) >= WORTHWHILE_PARTS

    def add(self, owner: Owner, segment: Segment, size: int) -> None:
        """Add a part; `size` is handed back with it."""
        self._parts.append(PendingSegment(owner, segment, self._cost(segment), size))
        self._bytes += content_bytes(segment)

    def drop(self, owner: Owner) -> int:
        """Forget the parts of an owner; returns the sum of the sizes they were added with."""
        dropped = [part for part in self._parts if part.owner is owner]
        self._parts = [part for part in self._parts if part.owner is not owner]
        self._bytes -= sum(content_bytes(part.segment) for part in dropped)
        return sum(part.size for part in dropped)

    def take(self) -> Iterator[list[PendingSegment[Owner]]]:
        """Empties the queue into batches: one partition each, the most expensive first, within the budget."""
        parts, self._parts, self._bytes = self._parts, [], 0
        parts.sort(key=lambda part: (part.segment.item.partition, -part.cost))
        for partition, group in groupby(parts, key=lambda part: part.segment.item.partition):
            batch: list[PendingSegment[Owner]] = []
            for part in group:
                tokens = self._tokens.get(partition, BATCH_TOKENS)
                max_parts = BATCH_PARTS * tokens // BATCH_TOKENS
                if batch and (len(batch) >= max_parts or (len(batch) + 1) * batch[0].cost > tokens):
                    yield batch
                    batch = []
                batch.append(part)
            yield batch

    def embed(
        self, batch: list[PendingSegment[Owner]], embedder: Embedder, timer: StageTimer
    ) -> Iterator[tuple[PendingSegment[Owner], Vectors | MmsearchError]]:
        """Each part with its vector. After an error the parts are embedded one by one, so that one file fails alone."""
        batch = [part for part in batch if not part.owner.failed]
        try:
            yield from zip(batch, self._forward(batch, embedder, timer), strict=True)
            return
        except MmsearchError:
            pass
        for part in batch:
            if not part.owner.failed:  # by a part before this one
                try:
                    result: Vectors | MmsearchError = self._forward([part], embedder, timer)[0]
                except MmsearchError as error:
                    result = error
                yield part, result

    def _forward(self, batch: list[PendingSegment[Owner]], embedder: Embedder, timer: StageTimer) -> Vectors:
        if not batch:
            return np.zeros((0, 0), np.float32)
        with timer.on("forward"):
            began, preprocess_before = time.perf_counter(), getattr(embedder, "preprocess_seconds", 0.0)
            try:
                vectors = embedder.embed([part.segment for part in batch])
            finally:
                seconds = time.perf_counter() - began
                # Where the host prepares one pass while the device computes another, both have run at once.
                timer.move("preprocess", min(getattr(embedder, "preprocess_seconds", 0.0) - preprocess_before, seconds))
        self.adapt(batch, seconds)
        return vectors

    def adapt(self, batch: list[PendingSegment[Owner]], seconds: float) -> None:
        """Give a model that took so long for a batch more or less of the kind next time."""
        if self._paced:
            tokens = int(len(batch) * batch[0].cost / max(seconds, 1e-3) * CALL_SECONDS)
            self._tokens[batch[0].segment.item.partition] = max(BATCH_TOKENS, tokens)


def guess_tokens(segment: Segment) -> int:
    """Tokens of a segment in a model of the usual kind, at least 1."""
    content = segment.content
    if isinstance(content, str):
        return 1 + len(content) // _CHARS
    if isinstance(content, np.ndarray):
        return 1 + content.size // 3 // _PIXELS
    if isinstance(content, Clip):
        return 1 + content.frames.size // 3 // _PIXELS
    return 1 + len(content.samples) // _SAMPLES


def content_bytes(segment: Segment) -> int:
    """Memory that a segment's content takes."""
    content = segment.content
    if isinstance(content, str):
        return len(content)
    if isinstance(content, np.ndarray):
        return content.nbytes
    return content.frames.nbytes if isinstance(content, Clip) else content.samples.nbytes
