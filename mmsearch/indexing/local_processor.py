"""Files read and embedded on this machine: decoded here or by worker processes, embedded in batches by the model.

Works in bounded memory: contents live only until their batch is embedded, and a file reaches the store when all of its
segments have vectors. Knows the embedder's interface and where decoded contents come from, nothing of FAISS or torch.
"""

from __future__ import annotations

from mmsearch.errors import MmsearchError
from mmsearch.indexing.batching import BatchQueue
from mmsearch.indexing.decode import DecodeRequest, Failed, FileDecoder, Finished, Identified, Opened, Part
from mmsearch.indexing.decoder import Decoder
from mmsearch.indexing.pool import Event, Task
from mmsearch.indexing.results import PendingFile, Results
from mmsearch.indexing.worker_process import PrestartedWorkers
from mmsearch.types import Embedder, Preloadable

PATIENCE = 0.25
"""Seconds that the model waits for more parts before it takes those that are there."""


class LocalProcessor:
    """A `Processor` of local files."""

    reads_objects = False

    def __init__(self, results: Results, embedder: Embedder, prestarted: PrestartedWorkers | None = None) -> None:
        self._results = results
        self._embedder = embedder
        reader = FileDecoder(embedder.spec.loader, embedder.spec.modalities)
        self._decoder = Decoder(reader, results.options.limits, prestarted)
        self._queue: BatchQueue[PendingFile] = BatchQueue(embedder)
        self._contents: dict[tuple[str, str], PendingFile] = {}
        """The file that is decoded for each content."""

    def process(self, file: PendingFile) -> None:
        """Have a file identified, and go on with all events that have come."""
        self._decoder.submit(Task(DecodeRequest(file.entry), file))
        self._pump()

    def finish(self) -> None:
        """Decode and embed all files."""
        self._pump(drain=True)
        self._embed_all()

    def close(self) -> None:
        """End the workers."""
        self._decoder.__exit__()

    def _pump(self, drain: bool = False) -> None:
        """Handle events; wait while the decoder is full, or, with `drain`, until no events are left."""
        while not self._decoder.idle:
            event = self._decoder.next()
            if event is None and not drain and not self._decoder.full:
                return
            event = event or self._wait()
            if event is not None:
                self._handle(event)
            if self._queue.due:
                self._embed_all()

    def _wait(self) -> Event | None:
        """Wait for the next event; the model embeds a few parts rather than idle for long."""
        if self._queue.worthwhile:
            self._embed_all()
            return None
        with self._results.timer.on("idle"):
            event = self._decoder.next(PATIENCE)
        if event is None:
            self._embed_all()
            self._results.commit_if_due()
        return event

    def _handle(self, event: Event) -> None:
        file: PendingFile = event.task.owner
        timer = self._results.timer
        (timer.move if event.in_process else timer.add)(event.task.request.step, event.seconds)
        match event.answer:
            case Part(segment) if not file.failed:
                file.queued += 1
                self._queue.add(file, segment, event.size)
            case Part():
                self._decoder.release(event.size)
            case Identified(kind, digest):
                file.digest, file.kind, file.modality = digest, kind.name, kind.modality
                if owner := None if self._results.reuse(file) else self._contents.setdefault(file.key, file):
                    self._decode(file) if owner is file else owner.copies.append(file)
            case Opened(facts):
                file.facts = facts
            case Finished() if not file.failed:
                file.is_read = True
                if file.queued:
                    self._store_if_whole(file)
                else:
                    name = self._embedder.spec.name
                    self._drop(file, Failed(f"model {name} cannot embed {file.modality}", unsupported=True))
            case Failed() if not file.failed:
                self._drop(file, event.answer)

    def _decode(self, file: PendingFile) -> None:
        self._contents[file.key] = file
        if isinstance(self._embedder, Preloadable):
            self._embedder.prepare()
        self._decoder.submit(Task(DecodeRequest(file.entry, *file.key), file))

    def _drop(self, file: PendingFile, failed: Failed) -> None:
        """Record why a file cannot be used; the next of its copies is tried on its own."""
        copies = self._abandon(file)
        self._results.unusable(file, failed)
        if copies:
            first, first.copies = copies[0], copies[1:]
            self._decode(first)

    def _abandon(self, file: PendingFile) -> list[PendingFile]:
        """Forget the segments of a file; returns the copies that it leaves."""
        file.failed = True
        self._contents.pop(file.key, None)
        self._decoder.release(self._queue.drop(file))
        copies, file.copies = file.copies, []
        return copies

    def _embed_all(self) -> None:
        """Embed all waiting parts, and store every file that is whole then."""
        timer = self._results.timer
        if len(self._queue) and isinstance(self._embedder, Preloadable):
            with timer.on("load"):
                self._embedder = self._embedder.wait()
        for batch in self._queue.take():
            for part, result in self._queue.embed(batch, self._embedder, timer):
                if isinstance(result, MmsearchError):
                    for file in [part.owner, *self._abandon(part.owner)]:
                        self._results.fail_file(file, f"cannot be embedded: {result}")
                else:
                    part.owner.rows.append((part.segment.item, result))
            self._decoder.release(sum(part.size for part in batch))
            for file in {id(part.owner): part.owner for part in batch}.values():
                self._store_if_whole(file)
            self._results.commit_if_due()

    def _store_if_whole(self, file: PendingFile) -> None:
        import numpy as np  # late: nothing of it is needed where nothing has changed

        if file.failed or not file.is_read or len(file.rows) < file.queued:
            return
        del self._contents[file.key]
        file.rows.sort(key=lambda row: row[0].ordinal)
        self._results.store(file, [item for item, _ in file.rows], np.stack([row for _, row in file.rows]))
