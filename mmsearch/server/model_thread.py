"""The thread that owns the index and the model, and the queue before it.

Searches that wait at the same time are answered in one batch. A full queue refuses further ones. Knows nothing of HTTP,
nor of what a search is.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeVar

from mmsearch.errors import Busy, IndexDamaged, IndexMissing, MmsearchError
from mmsearch.search.request import SearchRequest
from mmsearch.server.session import Contents, IndexSession, SearchAnswer

log = logging.getLogger(__name__)

T = TypeVar("T")

MOST_TOGETHER = 64
"""Searches in one batch."""
GATHER_SECONDS = 0.002
"""Seconds that the first of a batch waits for others, if the last batch had several."""
LOOK_SECONDS = 1.0
"""Interval at which an idle thread moves to the latest commit; an old snapshot would let the database's log grow."""
OPEN_SECONDS = 2.0
"""Pause between attempts to open an index that is gone or cannot be read."""


@dataclass(slots=True)
class _Job:
    """A search, or a piece of work with the session."""

    request: SearchRequest | None = None
    contents: Contents = field(default_factory=dict)
    alone: bool = False
    work: Callable[[IndexSession], Any] | None = None
    future: Future[Any] = field(default_factory=Future)


@dataclass
class Load:
    """Counts since the start."""

    questions: int = 0
    batches: int = 0
    refused: int = 0


class ModelThread:
    """Takes searches from any thread; `start` before the first, `close` after the last."""

    def __init__(
        self,
        directory: str,
        device: str | None = None,
        trust: bool = False,
        most_waiting: int = 256,
        trust_index: bool = False,
    ) -> None:
        self.directory = directory
        self.device = device
        self.load = Load()
        self._max_waiting = most_waiting
        self._waiting: deque[_Job] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._busy = False
        self._session = IndexSession(directory, device, trust, trust_index)
        self._ready: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, name="mmsearch-model", daemon=True)

    def start(self, wait: bool = True) -> None:
        """Open the index and load its model. Raises MmsearchError where that fails, unless nobody waits for it."""
        self._thread.start()
        if wait:
            self._ready.result()

    def close(self) -> None:
        """End the thread after its present work; waiting jobs are refused."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join()

    @property
    def waiting(self) -> int:
        """The number of waiting jobs."""
        return len(self._waiting)

    def search(
        self, request: SearchRequest, contents: Contents | None = None, alone: bool = False
    ) -> Future[SearchAnswer]:
        """The answer to a search, with the contents of its files. Raises Busy when too many wait already.

        With `alone` it shares no pass of the model with others, so that no digit of its scores depends on them.
        """
        return self._submit(_Job(request, contents or {}, alone))

    def call(self, work: Callable[[IndexSession], T]) -> Future[T]:
        """The result of a short piece of work with the open index. Raises Busy as `search` does."""
        return self._submit(_Job(work=work))

    def _submit(self, job: _Job) -> Future[Any]:
        with self._changed:
            if self._closing or len(self._waiting) >= self._max_waiting:
                self.load.refused += 1
                raise Busy(f"{len(self._waiting)} queries wait already: try again in a moment")
            self._waiting.append(job)
            self._changed.notify()
        return job.future

    def _run(self) -> None:
        try:
            self._session.refresh()
            self._session.warm()
            self._ready.set_result(None)
        except BaseException as error:
            self._ready.set_exception(error)
        last_try = time.monotonic()
        while (jobs := self._next()) is not None:
            if jobs or self._session.is_open or time.monotonic() - last_try >= OPEN_SECONDS:
                last_try = time.monotonic()
                self._do(jobs)
        self._session.close()
        for job in self._waiting:
            if job.future.set_running_or_notify_cancel():
                job.future.set_exception(Busy("the server is ending"))

    def _next(self) -> list[_Job] | None:
        """The next jobs, none after a while without any; None when it is time to end."""
        with self._changed:
            self._changed.wait_for(lambda: self._closing or self._waiting, LOOK_SECONDS)
            if self._waiting and self._busy and len(self._waiting) < MOST_TOGETHER:
                self._changed.wait_for(lambda: self._closing, GATHER_SECONDS)
            if self._closing:
                return None
            jobs = [self._waiting.popleft() for _ in range(min(MOST_TOGETHER, len(self._waiting)))]
        self._busy = len(jobs) > 1
        return [job for job in jobs if job.future.set_running_or_notify_cancel()]

    def _do(self, jobs: Sequence[_Job]) -> None:
        try:
            self._session.refresh()
        except Exception as error:
            self._session.close()
            for job in jobs:
                job.future.set_exception(error)
            return
        for job in jobs:
            if job.work is not None:
                try:
                    job.future.set_result(job.work(self._session))
                except Exception as error:
                    if not isinstance(error, MmsearchError):
                        log.debug("a piece of work failed", exc_info=True)
                    job.future.set_exception(error)
        together = [job for job in jobs if job.request and not job.alone]
        for batch in filter(None, [together, *([job] for job in jobs if job.request and job.alone)]):
            self._answer(batch)

    def _answer(self, batch: Sequence[_Job]) -> None:
        answers = self._session.search_all([(job.request, job.contents) for job in batch if job.request])
        self.load.questions += len(batch)
        self.load.batches += 1
        for job, answer in zip(batch, answers, strict=True):
            if isinstance(answer, Exception):
                job.future.set_exception(answer)
            else:
                job.future.set_result(answer)
        if any(isinstance(answer, (IndexDamaged, IndexMissing)) for answer in answers):
            self._session.close()
