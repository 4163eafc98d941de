"""Decodes files in this process while there is little to do, and in worker processes from then on.

A worker takes a third of a second to start, which a handful of notes and pictures is not worth. But files whose
decoders often crash, hang or swell are never read in this process: the first bytes of a file tell which those are.
Without workers (`jobs=0`) everything is read here, and limits of time and memory do not hold.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future

from mmsearch import media, scan
from mmsearch.errors import MediaError, MmsearchError
from mmsearch.indexing.decode import LAST, DecodeRequest, Failed, FileDecoder, Part, Timed
from mmsearch.indexing.ipc import WorkerSetup
from mmsearch.indexing.pool import Event, Limits, Pool, Task
from mmsearch.indexing.worker_process import PrestartedWorkers
from mmsearch.media.text_encoding import looks_like_text
from mmsearch.system.safe_open import regular
from mmsearch.types import MODALITIES, Content, LoaderSettings

HERE_SECONDS = 0.5
"""After so much reading in this process, workers pay for their start."""
HERE_BYTES = 256 << 10
"""Larger files are read by a worker."""
HERE_PIXELS = 16_000_000
RISKY = frozenset({"pdf", "audio", "video"})
"""Kinds, as `media` names them, that are never decoded here."""
LOOK_AHEAD = 256
"""Files that are identified or decoded at a time, so that workers have enough to do while the model computes."""
IDLE_SECONDS = 60.0
"""Workers of a `BackgroundDecoder` end after so long without a request."""
_POLL_SECONDS = 0.005
"""How long its thread waits for workers before it looks for new requests."""


class Decoder:
    """Takes requests and gives events, from this process or from workers. A context manager; used from one thread."""

    def __init__(
        self,
        reader: FileDecoder,
        limits: Limits,
        prestarted: PrestartedWorkers | None = None,
        *,
        isolated: bool = False,
    ) -> None:
        """With `isolated` nothing is read in this process, however harmless it looks."""
        self._reader = reader
        self._jobs = limits.jobs
        self._isolated = isolated
        self._pool = Pool(WorkerSetup(reader, limits.memory), limits, prestarted)
        self._gentle: set[scan.Entry] = set()
        self._own_tasks: deque[Task] = deque()
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
        """Add a request; never waits."""
        self._open += 1
        if self._stays(task.request):
            self._own_tasks.append(task)
        else:
            self._pool.submit(task)

    def next(self, wait: float = 0.0) -> Event | None:
        """The next answer, None if workers have none for so many seconds; files of this process are read now.

        The caller has to `release` the size of each `Part` when its content is no longer held.
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

    def events(self, request: DecodeRequest) -> Iterator[Event]:
        """All answers to a single request; a part is released when the next event is asked for."""
        self.submit(Task(request, None))
        while self._open:
            if event := self.next(1.0):
                yield event
                if isinstance(event.answer, Part):
                    self.release(event.size)

    def _read(self) -> Event | None:
        """The next answer of this process."""
        if self._current is None:
            if not self._own_tasks:
                return None
            task = self._own_tasks.popleft()
            self._current = task, self._reader.answers(task.request)
        task, answers = self._current
        timed = next(answers)
        self._spent += timed.seconds
        if isinstance(timed.answer, LAST):
            self._current = None
        return Event(task, timed.answer, timed.seconds, in_process=True)

    def _stays(self, request: DecodeRequest) -> bool:
        """Whether a file is read in this process; one that was identified here is not looked at again."""
        if not self._jobs:
            return True
        if self._isolated or self._pool.started or self._spent > HERE_SECONDS:
            return False
        if request.kind not in RISKY and request.entry in self._gentle:
            self._gentle.discard(request.entry)
            return True
        gentle = is_gentle(request)
        if gentle and not request.digest:
            self._gentle.add(request.entry)
        return gentle


def is_gentle(request: DecodeRequest) -> bool:
    """Whether a file may be read in this process: a small text, or a picture whose size and decoder are harmless."""
    if request.entry.size > HERE_BYTES or request.kind in RISKY:
        return False
    try:
        with open(request.entry.path, "rb", opener=regular) as file:
            head = file.read(media.HEAD_BYTES)
    except (OSError, ValueError):
        return True  # it cannot even be opened; reading it reports why
    pixels = media.claimed_pixels(head)
    return pixels <= HERE_PIXELS if pixels is not None else not head or looks_like_text(head)


class BackgroundDecoder:
    """Decodes files in a thread of its own: takes requests from any thread and gives a `Future` for each.

    Workers start when there is work and end when there is none. A context manager.
    """

    def __init__(self, limits: Limits, settings: LoaderSettings | None = None, *, isolated: bool = False) -> None:
        """`settings` are for requests without their own; `isolated` as for `Decoder`."""
        self._reader = FileDecoder(settings or LoaderSettings(), frozenset(MODALITIES))
        self._limits = limits
        self._isolated = isolated
        self._inbox: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="mmsearch-decoder", daemon=True)
        self._thread.start()

    def __enter__(self) -> BackgroundDecoder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def submit(self, request: DecodeRequest) -> Future[list[Content]]:
        """The contents of a file, or the MmsearchError that explains why there are none."""
        future: Future[list[Content]] = Future()
        self._inbox.put(Task(request, future))
        return future

    def close(self) -> None:
        """End the workers at once; open futures fail."""
        self._inbox.put(None)
        self._thread.join()

    def _run(self) -> None:
        task = self._inbox.get()
        while task is not None:
            task = self._serve(task)

    def _serve(self, task: Task | None) -> Task | None:
        """Decode until no request has come for a while; the next one, None to end."""
        contents: dict[Future[list[Content]], list[Content]] = {}
        error = MmsearchError("decoding was stopped")
        try:
            with Decoder(self._reader, self._limits, isolated=self._isolated) as decoder:
                while task is not None:
                    if task.owner.set_running_or_notify_cancel():  # the client may have left
                        contents[task.owner] = []
                        decoder.submit(task)
                    while self._inbox.empty() and not decoder.idle:
                        if event := decoder.next(_POLL_SECONDS):
                            _collect(event, contents)
                            if isinstance(event.answer, Part):
                                decoder.release(event.size)
                    task = self._inbox.get(timeout=IDLE_SECONDS)
                return None
        except queue.Empty:
            pass
        except MmsearchError as failed:  # no worker can be started
            error = failed
        finally:
            for future in contents:
                future.set_exception(error)
        return self._inbox.get()


def _collect(event: Event, contents: dict[Future[list[Content]], list[Content]]) -> None:
    """Add a part to the contents of its file, or finish its future."""
    future, answer = event.task.owner, event.answer
    if isinstance(answer, Part):
        contents[future].append(answer.segment.content)
    elif isinstance(answer, Failed):
        del contents[future]
        future.set_exception(MediaError(answer.reason))
    elif isinstance(answer, LAST):
        future.set_result(contents.pop(future))
