"""The thread that owns the index and the model, and the queue before it.

Questions that wait at the same time are answered in one batch. The queue has an end, and who comes after it is told
so. Knows nothing of HTTP, nor of what a search is.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

from mmsearch.errors import Busy, IndexDamaged, IndexMissing, MmsearchError
from mmsearch.server.session import IndexSession, SessionAnswer, SessionQuery

log = logging.getLogger(__name__)

T = TypeVar("T")

MOST_TOGETHER = 64
"""Questions in one batch."""
GATHER_SECONDS = 0.002
"""How long the first of a batch waits for others, where others came lately."""
LOOK_SECONDS = 1.0
"""How often an idle server goes on to what was committed; an old snapshot would keep the database's log growing."""
OPEN_SECONDS = 2.0
"""Pause between attempts to open an index that is gone or cannot be read."""


@dataclass(slots=True)
class _Job:
    work: SessionQuery | Callable[[IndexSession], Any]
    future: Future[Any]

    @property
    def question(self) -> SessionQuery | None:
        return self.work if isinstance(self.work, SessionQuery) else None


@dataclass
class Load:
    """What the engine has done so far."""

    questions: int = 0
    batches: int = 0
    refused: int = 0


class ModelThread:
    """Takes questions from any thread; `start` before the first, `close` after the last."""

    def __init__(self, directory: str, device: str | None = None, trust: bool = False, most_waiting: int = 256) -> None:
        self.directory = directory
        self.device, self.trust = device, trust
        self.load = Load()
        self._most = most_waiting
        self._waiting: deque[_Job] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._busy = False
        self._session: IndexSession | None = None
        self._ready: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, name="mmsearch-engine", daemon=True)

    def start(self) -> None:
        """Open the index and load its model. Raises MmsearchError where that fails."""
        self._thread.start()
        self._ready.result()

    def close(self) -> None:
        """End the thread when it has finished what it is at; what waits is refused."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join()

    @property
    def waiting(self) -> int:
        """How many jobs wait."""
        return len(self._waiting)

    def ask(self, question: SessionQuery) -> Future[SessionAnswer]:
        """The answer to a question, some time. Raises Busy when too many wait already."""
        return self._submit(question)

    def call(self, work: Callable[[IndexSession], T]) -> Future[T]:
        """What a short piece of work finds in the open index. Raises likewise."""
        return self._submit(work)

    def _submit(self, work: Any) -> Future[Any]:
        job = _Job(work, Future())
        with self._changed:
            if self._closing or len(self._waiting) >= self._most:
                self.load.refused += 1
                raise Busy(f"{len(self._waiting)} queries wait already: try again in a moment")
            self._waiting.append(job)
            self._changed.notify()
        return job.future

    def _run(self) -> None:
        try:
            self._session = IndexSession(self.directory, self.device, self.trust)
        except BaseException as error:
            self._ready.set_exception(error)
            return
        self._ready.set_result(None)
        tried = 0.0
        while (jobs := self._next()) is not None:
            if not jobs and self._session is None and time.monotonic() - tried < OPEN_SECONDS:
                continue
            tried = time.monotonic()
            self._do(jobs)
        self._drop()
        for job in self._waiting:
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
            session = self._current()
        except Exception as error:
            self._drop()
            for job in jobs:
                job.future.set_exception(error)
            return
        together = [job for job in jobs if job.question and not job.question.alone]
        for job in jobs:
            if not isinstance(job.work, SessionQuery):
                _settle(job, session)
        batches = [together, *([job] for job in jobs if job.question and job.question.alone)]
        for batch in filter(None, batches):
            self._answer(batch, session)

    def _answer(self, batch: Sequence[_Job], session: IndexSession) -> None:
        answers = session.answers([job.question for job in batch if job.question])
        self.load.questions += len(batch)
        self.load.batches += 1
        for job, answer in zip(batch, answers, strict=True):
            if isinstance(answer, Exception):
                job.future.set_exception(answer)
            else:
                job.future.set_result(answer)
        if any(isinstance(answer, (IndexDamaged, IndexMissing)) for answer in answers):
            self._drop()

    def _current(self) -> IndexSession:
        """The session, at what is committed now; another one where the index is another. Raises MmsearchError."""
        if self._session is not None and not self._session.is_current():
            self._drop()
        if self._session is None:
            self._session = IndexSession(self.directory, self.device, self.trust)
        return self._session

    def _drop(self) -> None:
        if self._session is not None:
            session, self._session = self._session, None
            session.close()


def _settle(job: _Job, session: IndexSession) -> None:
    assert not isinstance(job.work, SessionQuery)
    try:
        job.future.set_result(job.work(session))
    except MmsearchError as error:
        job.future.set_exception(error)
    except Exception as error:
        log.debug("a piece of work failed", exc_info=True)
        job.future.set_exception(error)
