"""Files decoded for the server by guarded worker processes, never in the server itself.

A decoder that crashes, hangs or swells costs one request. Workers start when there is work and go when there is none.
"""

from __future__ import annotations

import queue
import threading
from concurrent.futures import Future
from dataclasses import dataclass, field

from mmsearch import scan
from mmsearch.errors import Busy, MediaError, MmsearchError
from mmsearch.indexing.decode import LAST, DecodeRequest, Failed, FileDecoder, Part
from mmsearch.indexing.ipc import WorkerSetup
from mmsearch.indexing.pool import Event, Limits, Pool, Task, default_jobs
from mmsearch.system.safe_open import Identity
from mmsearch.types import MODALITIES, Content, Item, LoaderSettings, Modality

PATIENCE = 15.0
"""Seconds that a file may take without a sign of progress."""
MEMORY = 2 << 30
"""Bytes that a worker may take for one file."""
MOST_WAITING = 512
IDLE_SECONDS = 60.0
"""After so long without work the workers end."""
_TURN = 0.005
"""How long the thread listens to workers before it looks for new requests."""


@dataclass(slots=True)
class _Job:
    request: DecodeRequest
    future: Future[list[Content]]
    contents: list[Content] = field(default_factory=list)


class ServerDecoder:
    """Decodes on request from any thread; `close` it in the end."""

    def __init__(self) -> None:
        self._inbox: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._open = 0
        self._lock = threading.Lock()
        self._limits = Limits(max(1, min(4, default_jobs())), PATIENCE, MEMORY)
        self._thread = threading.Thread(target=self._run, name="mmsearch-decoder", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the workers, whatever they are doing."""
        self._inbox.put(None)
        self._thread.join()

    def query(self, path: str, modality: Modality, settings: LoaderSettings) -> Future[list[Content]]:
        """What is in a file to search by, as `media.load_query`, or its MediaError."""
        return self._submit(DecodeRequest(_entry(path), query=modality, settings=settings))

    def look(self, item: Item, kind: str, settings: LoaderSettings, identity: Identity) -> Future[list[Content]]:
        """What a part of a file looks like, or its sound: one content. MediaError where there is none.

        No other file is read than the one with this `identity`, which the caller keeps open.
        """
        request = DecodeRequest(_entry(item.path), item.digest, kind, item, settings=settings, identity=identity)
        return self._submit(request)

    def _submit(self, request: DecodeRequest) -> Future[list[Content]]:
        with self._lock:
            if self._open >= MOST_WAITING:
                raise Busy(f"{self._open} files wait to be decoded: try again in a moment")
            self._open += 1
        job = _Job(request, Future())
        job.future.add_done_callback(self._finished)
        self._inbox.put(job)
        return job.future

    def _finished(self, _: Future[list[Content]]) -> None:
        with self._lock:
            self._open -= 1

    def _run(self) -> None:
        job = self._inbox.get()
        while job is not None:
            job = self._with_workers(job)

    def _with_workers(self, job: _Job | None) -> _Job | None:
        """Serve until nothing has come for a while, and wait for the next; None is the end."""
        pool = Pool(
            WorkerSetup(FileDecoder(LoaderSettings(), frozenset(MODALITIES)), self._limits.memory), self._limits
        )
        held: dict[int, _Job] = {}
        try:
            while job is not None:
                held[id(job)] = job
                pool.submit(Task(job.request, job))
                while self._inbox.empty() and held:
                    _take(pool.poll(_TURN), held, pool)
                job = self._inbox.get(timeout=IDLE_SECONDS)
            return None
        except queue.Empty:
            pool.close()
            return self._inbox.get()
        except MmsearchError as error:  # no worker can be started
            _fail(held, error)
            return self._inbox.get()
        finally:
            _fail(held, MediaError("the server is ending"))
            pool.close()


def _take(event: Event | None, held: dict[int, _Job], pool: Pool) -> None:
    if event is None:
        return
    job, answer = event.task.owner, event.answer
    if isinstance(answer, Part):
        job.contents.append(answer.segment.content)
        pool.release(event.size)
    elif isinstance(answer, LAST):
        del held[id(job)]
        if isinstance(answer, Failed):
            job.future.set_exception(MediaError(answer.reason))
        else:
            job.future.set_result(job.contents)


def _fail(held: dict[int, _Job], error: MmsearchError) -> None:
    while held:
        held.popitem()[1].future.set_exception(error)


def _entry(path: str) -> scan.Entry:
    """The file as it is now; one that is not there is a matter for the worker."""
    found = scan.entry(path)
    return found if isinstance(found, scan.Entry) else scan.Entry(path, 0, 0)
