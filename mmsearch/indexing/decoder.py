"""Where decoded contents come from: this process while there is little to do, worker processes from then on.

A worker takes a third of a second to start, which a handful of notes and pictures is not worth. But what often
crashes, hangs or swells is never read in this process: that is a matter of the decoder behind it, known from the
file's first bytes. Without workers (`jobs=0`) everything is read here, and limits of time and memory do not hold.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator

from mmsearch.indexing.decode import LAST, DecodeRequest, FileDecoder, Part, Timed
from mmsearch.indexing.ipc import WorkerSetup
from mmsearch.indexing.pool import Event, Limits, Pool, Task
from mmsearch.indexing.worker_process import PrestartedWorkers
from mmsearch.media import HEAD_BYTES
from mmsearch.media.text_encoding import looks_like_text
from mmsearch.system.safe_open import regular

HERE_SECONDS = 0.5
"""When reading in this process has taken so long, workers pay for their start."""
HERE_BYTES = 256 << 10
"""Larger files are read by a worker."""
HERE_PIXELS = 16_000_000
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Marks of a JPEG after which its sides stand."""
RISKY = frozenset({"pdf", "audio", "video"})
"""Kinds, as `media` names them, that are never decoded here."""
LOOK_AHEAD = 256
"""Files that are identified or decoded at a time, so that workers have enough to do while the model computes."""


class Decoder:
    """Takes requests and gives answers, from this process or from workers. A context manager; used from one thread."""

    def __init__(self, reader: FileDecoder, limits: Limits, spares: PrestartedWorkers | None = None) -> None:
        self._reader = reader
        self._jobs = limits.jobs
        self._pool = Pool(WorkerSetup(reader, limits.memory), limits, spares)
        self._here: deque[Task] = deque()
        self._current: tuple[Task, Iterator[Timed]] | None = None
        self._spent = 0.0
        self._open = 0

    def __enter__(self) -> Decoder:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.close()

    @property
    def idle(self) -> bool:
        """Whether every request has had its last answer."""
        return not self._open

    @property
    def full(self) -> bool:
        """Whether the next request had better wait."""
        return self._open >= (LOOK_AHEAD if self._jobs else 1)

    def submit(self, task: Task) -> None:
        """Ask for a file; never waits."""
        self._open += 1
        if self._stays(task):
            self._here.append(task)
        else:
            self._pool.submit(task)

    def next(self, wait: float = 0.0) -> Event | None:
        """The next answer; None if workers have none for so many seconds.

        What is read in this process is read now.
        """
        event = self._read() or self._pool.poll(wait if self._open else 0.0)
        if event is None:
            return None
        if isinstance(event.answer, LAST):
            self._open -= 1
        if not isinstance(event.answer, Part):
            self.release(event.size)
        return event

    def release(self, size: int) -> None:
        """The content of an event of that size is no longer held."""
        self._pool.release(size)

    def _read(self) -> Event | None:
        """The next answer of this process."""
        if self._current is None:
            if not self._here:
                return None
            task = self._here.popleft()
            self._current = task, self._reader.answers(task.request)
        task, answers = self._current
        timed = next(answers)
        self._spent += timed.seconds
        if isinstance(timed.answer, LAST):
            self._current = None
        return Event(task, timed.answer, timed.seconds, here=True)

    def _stays(self, task: Task) -> bool:
        if not self._jobs:
            return True
        if self._pool.started or self._spent > HERE_SECONDS:
            return False
        return is_gentle(task.request)


def is_gentle(request: DecodeRequest) -> bool:
    """Whether a file may be read in this process: a small text, or a picture whose size and decoder are harmless."""
    if request.entry.size > HERE_BYTES or request.kind in RISKY:
        return False
    try:
        with open(request.entry.path, "rb", opener=regular) as file:
            head = file.read(HEAD_BYTES)
    except (OSError, ValueError):
        return True  # it cannot even be opened, and reading it says why
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        width, height = int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big")
        return width * height <= HERE_PIXELS and b"acTL" not in head
    if head.startswith(b"\xff\xd8\xff"):
        return _jpeg_pixels(head) <= HERE_PIXELS
    return not head or looks_like_text(head)


def _jpeg_pixels(head: bytes) -> float:
    """How many pixels a JPEG says it has, infinity if its beginning does not say. Memory is taken for all of them, even
    where the file ends at once."""
    at = 2
    while at + 9 <= len(head) and head[at] == 0xFF:
        if head[at + 1] in _FRAMES:
            return int.from_bytes(head[at + 5 : at + 7], "big") * int.from_bytes(head[at + 7 : at + 9], "big")
        at += 2 + int.from_bytes(head[at + 2 : at + 4], "big")
    return math.inf
