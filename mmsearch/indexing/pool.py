"""Worker processes, each led by a thread of this one, that take requests from one queue and answer into another.

A worker that dies, hangs or takes too much memory costs the file it was reading, and the next file gets a new one.
Decoded contents that are not used yet are bounded in bytes: beyond that workers wait. Knows nothing of the meaning of
answers, except which is the last one to a request.
"""

from __future__ import annotations

import logging
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from itertools import chain
from typing import Any

from mmsearch.errors import MmsearchError
from mmsearch.indexing import ipc
from mmsearch.indexing.decode import LAST, Answer, DecodeRequest, Failed, Timed
from mmsearch.indexing.ipc import Accepted, Note, Ready, WorkerSetup
from mmsearch.indexing.worker_process import PrestartedWorkers, end, spawn, worthwhile

BYTES_AHEAD = 256 << 20
"""How much may be decoded ahead of the model: twice a full queue of pictures, to go on while one is embedded."""
START_SECONDS = 60.0
"""A worker that is not ready by then never will be; on a busy machine it takes a few seconds, else under one."""
BYTES_A_SECOND = 10_000_000
"""A file gets one more second per so many bytes, because its digest reports nothing until its end."""
GROW_SECONDS = 0.5
"""If files still wait when the first worker has been busy for this time, the others start."""
_TRIES = 3
_EXIT_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Task:
    """A request, and the caller's own object that it is for."""

    request: DecodeRequest
    owner: Any


@dataclass(frozen=True, slots=True)
class Event:
    """An answer to a task.

    Attributes:
        seconds: of work that it took.
        size: bytes to `release` when its content is used up.
        in_process: it was read in this process, so its seconds passed on this thread.
    """

    task: Task
    answer: Answer
    seconds: float
    size: int = 0
    in_process: bool = False


def default_jobs() -> int:
    """One worker for each processor that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass(frozen=True, slots=True)
class Limits:
    """Maximum number of workers, and the time and memory of each for one file.

    Attributes:
        jobs: worker processes; 0 to read in this one, without limits.
        seconds: without any sign of progress, and a second more for each 10 MB of the file. The slowest thing that is
            no hang, drawing a page of a hostile PDF, takes some tens of seconds on an old machine.
        memory: in bytes; 0 for no limit. The largest picture that is read, 256 megapixels, takes half the default.
    """

    jobs: int = field(default_factory=default_jobs)
    seconds: float = 120.0
    memory: int = 4 << 30


log = logging.getLogger(__name__)


class _Budget:
    """A bound of the bytes that are decoded and not used yet."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._used = 0
        self._changed = threading.Condition()
        self._open = True

    def acquire(self, size: int) -> None:
        """Wait until there is room; a content larger than the whole budget gets it alone."""
        with self._changed:
            self._changed.wait_for(lambda: not self._open or not self._used or self._used + size <= self._max_bytes)
            self._used += size

    def release(self, size: int) -> None:
        with self._changed:
            self._used -= size
            self._changed.notify_all()

    def close(self) -> None:
        with self._changed:
            self._open = False
            self._changed.notify_all()


class Pool:
    """Reads files in worker processes, which start when there is work for them. Used from one thread."""

    def __init__(self, setup: WorkerSetup, limits: Limits, spares: PrestartedWorkers | None = None) -> None:
        """`spares` are used up before any other process is started; they are the caller's to end."""
        self.setup = setup
        self.limits = limits
        self.spares = PrestartedWorkers() if spares is None else spares
        self.budget = _Budget(BYTES_AHEAD)
        self.events: queue.SimpleQueue[Event | MmsearchError] = queue.SimpleQueue()
        self.closed = threading.Event()
        self._waiting: tuple[deque[Task], deque[Task]] = deque(), deque()
        self._arrived = threading.Condition()
        self._worker_threads: list[_WorkerThread] = []
        self._started = 0.0

    @property
    def started(self) -> bool:
        """Whether there are workers, or will be soon."""
        return bool(self._worker_threads or self.spares)

    def submit(self, task: Task) -> None:
        """Add a task for the workers; never waits."""
        # Identified files go first: the model need not wait until all others are identified.
        with self._arrived:
            self._waiting[not task.request.digest].append(task)
            self._arrived.notify()
        self._grow()

    def poll(self, wait: float = 0.0) -> Event | None:
        """The next answer, None if there is none for so many seconds.

        Raises:
            MmsearchError: no worker can be started.
        """
        self._grow()
        try:
            event = self.events.get(wait > 0, wait or None)
        except queue.Empty:
            return None
        if isinstance(event, MmsearchError):
            raise event
        return event

    def release(self, size: int) -> None:
        """The content of an event of that size is no longer held."""
        self.budget.release(size)

    def close(self) -> None:
        """End all workers at once. Closing twice is fine."""
        self.closed.set()
        self.budget.close()
        with self._arrived:
            self._arrived.notify_all()
        for thread in self._worker_threads:
            thread.kill()
        for thread in self._worker_threads:
            thread.join()

    def next_task(self) -> Task | None:
        """For a worker thread: the next task, None when the pool is closed."""
        with self._arrived:
            self._arrived.wait_for(lambda: self.closed.is_set() or any(self._waiting))
            return None if self.closed.is_set() else next(filter(None, self._waiting)).popleft()

    def _grow(self) -> None:
        if not any(self._waiting) or len(self._worker_threads) >= self.limits.jobs:
            return
        if not self._worker_threads:
            # Lanes import parts of it with the first array they get. Were this thread at it by then, one would give up.
            import_module("numpy")
            self._started = time.monotonic()
            threading.Thread(target=self._watch, daemon=True).start()
        for _ in range(self._missing()):
            self._worker_threads.append(thread := _WorkerThread(self))
            thread.start()

    def _missing(self) -> int:
        """How many more workers are worth their start."""
        with self._arrived:
            sizes = [task.request.entry.size for task in chain(*self._waiting)]
        thread_count = len(self._worker_threads)
        if thread_count and time.monotonic() - self._started > GROW_SECONDS:
            return min(self.limits.jobs - thread_count, len(sizes))
        useful = max(worthwhile(sizes), thread_count + len(self.spares))
        return max(0, min(self.limits.jobs, len(sizes), useful) - thread_count)

    def _watch(self) -> None:
        while not self.closed.wait(min(1.0, self.limits.seconds / 4)):
            for thread in list(self._worker_threads):
                thread.kill_if_overdue()


class _WorkerThread(threading.Thread):
    """The thread that leads one worker process, and its successors. Ends with the pool."""

    def __init__(self, pool: Pool) -> None:
        super().__init__(daemon=True)
        self._pool = pool
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()  # starting and killing must not cross
        self._deadline: float | None = None
        self._overdue = False
        self._accepted = False

    def run(self) -> None:
        try:
            while (task := self._pool.next_task()) is not None:
                self._serve(task)
        except MmsearchError as error:
            self._pool.events.put(error)
        except Exception as error:
            self._pool.events.put(MmsearchError(f"a worker process cannot be led: {type(error).__name__}: {error}"))
        finally:
            self._discard()

    def kill(self) -> None:
        """End the process at once."""
        with self._lock:
            if self._process is not None:
                self._process.kill()

    def kill_if_overdue(self) -> None:
        """End the process if it has given no sign of life for too long."""
        deadline = self._deadline
        if deadline is not None and time.monotonic() > deadline:
            self._overdue = True
            self.kill()

    def _serve(self, task: Task) -> None:
        patience = self._pool.limits.seconds + task.request.entry.size / BYTES_A_SECOND
        for _ in range(_TRIES):
            self._accepted = False
            process = self._alive()
            try:
                self._converse(process, task, patience)
                return
            except Exception:  # the end of the pipe, or garbage from a broken worker
                log.debug("a worker is lost", exc_info=True)
                if self._accepted or self._overdue:
                    break
            # The process died before it had the file in hand, which is not the file's fault.
            self._discard()
        self._post(Event(task, Failed(self._end_reason(patience)), 0.0))

    def _converse(self, process: subprocess.Popen[bytes], task: Task, patience: float) -> None:
        """Send a request and post all answers. Raises anything when the process is gone or confused."""
        ipc.send(process.stdin, task.request)  # type: ignore[arg-type]
        while True:
            answer, seconds, size = self._receive(process, patience)
            self._post(Event(task, answer, seconds, size))
            if isinstance(answer, LAST):
                break
        if isinstance(answer, Failed) and answer.memory:
            self._discard()

    def _post(self, event: Event) -> None:
        if not self._pool.closed.is_set():
            self._pool.events.put(event)

    def _receive(self, process: subprocess.Popen[bytes], patience: float) -> tuple[Answer, float, int]:
        """The next answer, its seconds and its bytes. The clock stands still while the worker waits for our room."""
        size = 0

        def admit(length: int) -> None:
            nonlocal size
            self._deadline = None
            self._pool.budget.acquire(length)
            size = length
            self._deadline = time.monotonic() + patience

        try:
            while True:
                self._deadline = time.monotonic() + patience
                message = ipc.receive(process.stdout, admit)  # type: ignore[arg-type]
                if isinstance(message, Timed):
                    return message.answer, message.seconds, size
                self._pool.budget.release(size)
                if isinstance(message, Accepted):
                    self._accepted = True
                elif isinstance(message, Note):
                    logging.getLogger(message.logger).log(message.level, "%s", message.message)
        except BaseException:
            self._pool.budget.release(size)
            raise
        finally:
            self._deadline = None

    def _alive(self) -> subprocess.Popen[bytes]:
        """The process; starts a new one if there is none or it died while idle."""
        if self._process is not None and not self._overdue and self._process.poll() is None:
            return self._process
        for _ in range(_TRIES):
            self._discard()
            with suppress(EOFError, OSError):
                return self._start()
            if self._pool.closed.is_set():
                break
        raise MmsearchError(f"no worker process can be started by {sys.executable!r}: try --jobs 0")

    def _start(self) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._pool.closed.is_set():
                raise EOFError
            process = self._process = self._pool.spares.take() or spawn()
        self._deadline = time.monotonic() + START_SECONDS
        ipc.send(process.stdin, self._pool.setup)  # type: ignore[arg-type]
        message = ipc.receive(process.stdout)  # type: ignore[arg-type]
        self._deadline = None
        if not isinstance(message, Ready):
            raise EOFError
        return process

    def _end_reason(self, patience: float) -> str:
        """Why the process has ended, after its pipe has."""
        overdue, process = self._overdue, self._process
        if process is not None and not self._pool.closed.is_set():
            # The pipe ends a moment before the process has left its exit code.
            with suppress(subprocess.TimeoutExpired):
                process.wait(_EXIT_SECONDS)
        code = self._discard()
        if overdue:
            return f"gave no sign for {patience:.3g} seconds while it was being read"
        if code is None:
            return "the processes that were to read it died before they could"
        if code == -getattr(signal, "SIGKILL", 9):
            return "the process that read it was killed, perhaps for want of memory"
        if code < 0:
            with suppress(ValueError):
                return f"its decoder crashed ({signal.Signals(-code).name})"
            return f"its decoder crashed (signal {-code})"
        return f"its decoder ended the process that read it (code {code})"

    def _discard(self) -> int | None:
        """End and forget the process; its exit code, None if there was none."""
        self._deadline, self._overdue = None, False
        with self._lock:
            process, self._process = self._process, None
        return None if process is None else end(process)
