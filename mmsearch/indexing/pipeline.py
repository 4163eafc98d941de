"""The indexing pipeline: scan, compare with the store, read and decode, embed in batches, commit.

Works in bounded memory: contents live only until their batch is embedded, and a file reaches the store when all of its
segments have vectors. Results do not depend on the order of reading. Knows nothing of FAISS, torch or the terminal.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from stat import S_ISDIR
from typing import Protocol

from mmsearch import media, scan
from mmsearch.errors import MmsearchError
from mmsearch.indexing.batching import BatchQueue, PendingSegment
from mmsearch.indexing.decode import DecodeRequest, Failed, FileDecoder, Finished, Identified, Opened, Part
from mmsearch.indexing.decoder import Decoder
from mmsearch.indexing.pool import Event, Limits, Task
from mmsearch.indexing.timing import StageTimer
from mmsearch.indexing.worker_process import PrestartedWorkers
from mmsearch.store import FileRecord
from mmsearch.store.writer import Writer
from mmsearch.types import Embedder, FileMetadata, IndexReport, Item, Modality, Preloadable, Vectors, is_object_url

COMMIT_ITEMS = 1024
COMMIT_FILES = 8192
COMMIT_SECONDS = 15.0
PATIENCE = 0.25
"""Seconds that the model waits for more parts before it takes what there is."""


class ProgressListener(Protocol):
    """Hears of each file and of each failure; the command line turns it into progress."""

    def past(self, path: str, count: int) -> None:
        """The scan has come past so many files, of which `path` is the last."""

    def done(self, path: str, size: int) -> None:
        """Nothing is left to do for a file that had to be read."""

    def failure(self, path: str, reason: str) -> None:
        """A file has failed that had not failed in the same way before."""


@dataclass(frozen=True, slots=True)
class IndexOptions:
    """What an index run does besides adding: forget deleted files (`prune`), try known failures again."""

    scan: scan.ScanOptions = field(default_factory=scan.ScanOptions)
    prune: bool = False
    retry_failed: bool = False
    limits: Limits = field(default_factory=Limits)


@dataclass(slots=True, eq=False)
class PendingFile:
    """A file that is being read, and what is known of it so far; `copies` are other files with the same content."""

    entry: scan.Entry
    record: FileRecord | None
    digest: str = ""
    kind: str = ""
    modality: Modality = "text"
    facts: FileMetadata = field(default_factory=FileMetadata)
    rows: list[tuple[Item, Vectors]] = field(default_factory=list)
    copies: list[PendingFile] = field(default_factory=list)
    queued: int = 0
    read: bool = False
    failed: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """What names its content."""
        return self.digest, self.kind

    @property
    def known(self) -> bool:
        """Whether the index held an earlier content of the file."""
        return self.record is not None and self.record.status == "ok"

    @property
    def touched(self) -> bool:
        """Whether it holds just this content, so that only the file's time is new."""
        return self.record is not None and self.known and (self.record.digest, self.record.kind) == self.key


class Indexer:
    """One index run over one open writer. The caller opens and closes the writer."""

    def __init__(
        self,
        writer: Writer,
        embedder: Embedder,
        options: IndexOptions,
        listener: ProgressListener,
        spares: PrestartedWorkers | None = None,
    ) -> None:
        self.writer = writer
        self.embedder = embedder
        self.options = options
        self.listener = listener
        self._counts: Counter[str] = Counter()
        self._stages = StageTimer()
        self._source = Decoder(FileDecoder(embedder.spec.loader, embedder.spec.modalities), options.limits, spares)
        self._window: BatchQueue[PendingFile] = BatchQueue(embedder)
        self._reading: set[str] = set()
        self._again: list[scan.Entry] = []
        self._problems: set[str] = set()
        self._contents: dict[tuple[str, str], PendingFile] = {}
        self._staged_files = self._staged_items = 0
        self._started = self._committed = time.monotonic()

    def run(self, roots: Sequence[str], files: Iterable[str] = ()) -> IndexReport:
        """Index everything below `roots`, then the listed `files`; what is finished is committed even on Ctrl-C."""
        if self.options.prune:
            self.writer.forget_vectors()
        try:
            with self._source:
                for root in roots:
                    self.writer.add_root(root)
                complete = [root for root in roots if self._walk(root)]
                # `find` and `fd` list directories too; their files are listed beside them.
                self._visit(self._named(path) for path in files if not os.path.isdir(path))
                self._drain()
            for root in roots:
                if root not in complete or nested(roots):
                    self._drop_gone(root)
            if self.options.prune and not roots:
                self._drop_gone("")
        finally:
            self._commit()
        seconds = time.monotonic() - self._started
        return IndexReport(**self._counts, seconds=seconds, stages=self._stages.table())

    # --- what is there ---

    def _walk(self, root: str) -> bool:
        """Go through a folder; whether every file that the index knows there was met."""
        known, met = self.writer.count_under(root, missing=self.options.prune), 0
        for run in self._runs(root):
            if isinstance(run, scan.Problem):
                met += self._meet(run)
                continue
            same = self.writer.unchanged(*run)
            unchanged = sum(same)
            self._counts["unchanged"] += unchanged
            met += unchanged
            if unchanged:
                self.listener.past(run.paths[-1], unchanged)
            if unchanged < len(same):
                met += sum(self._meet(one) for one, is_same in zip(run.entries(), same, strict=True) if not is_same)
        return known == met

    def _runs(self, root: str) -> Iterator[scan.Run | scan.Problem]:
        return scan.runs(root, self.options.scan)

    def _entry(self, path: str) -> scan.Entry | scan.Problem:
        return scan.entry(path)

    def _named(self, path: str) -> scan.Entry | scan.Problem:
        """What there is at a path that the user has listed, and so allows the index to name."""
        self.writer.allow_file((found := self._entry(path)).path)
        return found

    def _visit(self, found: Iterable[scan.Entry | scan.Problem]) -> None:
        for one in found:
            self._meet(one)

    def _meet(self, one: scan.Entry | scan.Problem) -> bool:
        """Do what is to be done for a file; whether `count_under` counts it."""
        self.listener.past(one.path, 1)
        record = self.writer.file(one.path)
        counted = record is not None and (self.options.prune or not record.missing)
        if isinstance(one, scan.Problem):
            self._problem(one, record)
        elif one.path in self._reading:
            self._again.append(one)  # reached by another way: compared again when it has been read
        elif not (record and self._is_known(one, record)):
            self._reading.add(one.path)
            self._read(PendingFile(one, record))
        self._commit_if_due()
        return counted

    def _problem(self, problem: scan.Problem, record: FileRecord | None) -> None:
        self._problems.add(problem.path)
        if record and self._is_gone(record):
            self._drop(record)
        elif record and record.status == "failed" and record.reason == problem.reason:
            self._counts["known_failures"] += 1
        else:
            self._fail(scan.Entry(problem.path, 0, 0), problem.reason)

    def _is_known(self, entry: scan.Entry, record: FileRecord) -> bool:
        """Whether nothing is to be done for the file, counting it if so. Only its stat is compared."""
        if record.missing or record.size != entry.size or record.mtime_ns != entry.mtime_ns:
            return False
        if record.status == "ok":
            self._counts["unchanged"] += 1
        elif record.status == "unsupported":
            self._counts["unsupported"] += 1
        # Permissions may change without a trace in the file's time, so unreadable files are tried each run.
        elif self.options.retry_failed or record.reason.startswith(media.UNREADABLE):
            return False
        else:
            self._counts["known_failures"] += 1
        return True

    # --- what has been read ---

    def _read(self, work: PendingFile) -> None:
        """Have a file read."""
        self._source.submit(Task(DecodeRequest(work.entry), work))
        self._pump()

    def _pump(self, drain: bool = False) -> None:
        """Take what has been read; wait while no more may be asked for, or, to drain, until all has come."""
        while not self._source.idle:
            event = self._source.next()
            if event is None and not drain and not self._source.full:
                return
            event = event or self._wait()
            if event is not None:
                self._take(event)
            if self._window.due:
                self._embed_all()

    def _wait(self) -> Event | None:
        """The next event, once it comes; the model takes what there is rather than do nothing for long."""
        if self._window.worthwhile:
            self._embed_all()
            return None
        with self._stages.on("idle"):
            event = self._source.next(PATIENCE)
        if event is None:
            self._embed_all()
            self._commit_if_due()
        return event

    def _drain(self) -> None:
        """Finish all that is being read, and what was met a second time meanwhile."""
        while True:
            self._finish()
            if not self._again:
                return
            again, self._again = self._again, []
            self._visit(again)

    def _finish(self) -> None:
        """Finish all that is being read."""
        self._pump(drain=True)
        self._embed_all()

    def _take(self, event: Event) -> None:
        work: PendingFile = event.task.owner
        (self._stages.move if event.here else self._stages.add)(event.task.request.step, event.seconds)
        match event.answer:
            case Part(segment) if not work.failed:
                work.queued += 1
                self._window.add(work, segment, event.size)
            case Part():
                self._source.release(event.size)
            case Identified(kind, digest):
                work.digest, work.kind, work.modality = digest, kind.name, kind.modality
                self._identified(work)
            case Opened(facts):
                work.facts = facts
            case Finished() if not work.failed:
                self._finished(work)
            case Failed() if not work.failed:
                self._unreadable(work, event.answer)

    def _identified(self, work: PendingFile) -> None:
        if self.writer.has_content(*work.key):
            self._attach(work)
            self._count("unchanged") if work.touched else self._count_file(work, "reused")
        elif owner := self._contents.get(work.key):
            owner.copies.append(work)
        else:
            self._decode(work)

    def _decode(self, work: PendingFile) -> None:
        self._contents[work.key] = work
        if isinstance(self.embedder, Preloadable):
            self.embedder.prepare()
        self._source.submit(Task(DecodeRequest(work.entry, *work.key), work))

    def _finished(self, work: PendingFile) -> None:
        work.read = True
        if work.queued:
            self._store_if_whole(work)
        else:
            name = self.embedder.spec.name
            self._unreadable(work, Failed(f"model {name} cannot embed {work.modality}", unsupported=True))

    def _unreadable(self, work: PendingFile, failed: Failed) -> None:
        """Record why a file cannot be used; the next of its copies is tried on its own."""
        copies = self._abandon(work)
        if failed.unsupported:
            self.writer.put_unsupported(*work.entry, failed.reason)
            self._count("unsupported")
        elif self._failed_so_before(work, failed.reason):
            self._count("known_failures")
        else:
            self._fail(work.entry, failed.reason)
        self._close(work)
        if copies:
            first, first.copies = copies[0], copies[1:]
            self._decode(first)

    def _failed_so_before(self, work: PendingFile, reason: str) -> bool:
        record, entry = work.record, work.entry
        same = record and (record.size, record.mtime_ns, record.reason) == (entry.size, entry.mtime_ns, reason)
        return bool(same) and not self.options.retry_failed

    def _fail(self, entry: scan.Entry, reason: str) -> None:
        self.writer.put_failure(*entry, reason)
        self._count("failed")
        self.listener.failure(entry.path, reason)

    def _abandon(self, work: PendingFile) -> list[PendingFile]:
        """Forget a file's segments; the copies it leaves."""
        work.failed = True
        self._contents.pop(work.key, None)
        self._source.release(self._window.drop(work))
        copies, work.copies = work.copies, []
        return copies

    def _embed_all(self) -> None:
        """Embed what waits, and hand every file that is whole then to the store."""
        if len(self._window) and isinstance(self.embedder, Preloadable):
            with self._stages.on("load"):
                self.embedder = self.embedder.wait()
        for batch in self._window.take():
            self._embed([part for part in batch if not part.owner.failed])
            self._source.release(sum(part.size for part in batch))
            for work in {id(part.owner): part.owner for part in batch}.values():
                self._store_if_whole(work)
            self._commit_if_due()

    def _embed(self, batch: list[PendingSegment[PendingFile]]) -> None:
        try:
            self._forward(batch)
        except MmsearchError:
            self._embed_singly(batch)

    def _embed_singly(self, batch: list[PendingSegment[PendingFile]]) -> None:
        """Find the segment that the model chokes on: only its file fails, with its copies."""
        for part in batch:
            if part.owner.failed:
                continue
            try:
                self._forward([part])
            except MmsearchError as error:
                for work in [part.owner, *self._abandon(part.owner)]:
                    self._fail(work.entry, f"cannot be embedded: {error}")
                    self._close(work)

    def _forward(self, batch: list[PendingSegment[PendingFile]]) -> None:
        if not batch:
            return
        with self._stages.on("forward"):
            began, before = time.perf_counter(), getattr(self.embedder, "preprocess_seconds", 0.0)
            try:
                rows = self.embedder.embed([part.segment for part in batch])
            finally:
                seconds = time.perf_counter() - began
                # Where the host prepares one pass while the device computes another, both have run at once.
                prepared = getattr(self.embedder, "preprocess_seconds", 0.0) - before
                self._stages.move("preprocess", min(prepared, seconds))
            self._window.took(batch, seconds)
        for part, row in zip(batch, rows, strict=True):
            part.owner.rows.append((part.segment.item, row))

    def _store_if_whole(self, work: PendingFile) -> None:
        import numpy as np  # late: nothing of it is needed where nothing has changed

        if work.failed or not work.read or len(work.rows) < work.queued:
            return
        del self._contents[work.key]
        work.rows.sort(key=lambda row: row[0].ordinal)
        items, vectors = [item for item, _ in work.rows], np.stack([row for _, row in work.rows])
        self.writer.put_content(work.digest, work.kind, work.modality, work.facts, items, vectors)
        self._attach(work)
        self._count_file(work, "embedded")
        self._counts["items"] += len(items)
        self._staged_items += len(items)
        for copy in work.copies:
            self._attach(copy)
            self._count_file(copy, "reused")

    # --- what is kept ---

    def _attach(self, work: PendingFile) -> None:
        self.writer.put_file(*work.entry, *work.key)
        self.writer.allow_file(work.entry.path)  # a link may lead out of what was named
        self._close(work)

    def _close(self, work: PendingFile) -> None:
        self._reading.discard(work.entry.path)
        self.listener.done(work.entry.path, work.entry.size)

    def _count(self, name: str) -> None:
        self._counts[name] += 1
        self._staged_files += 1

    def _count_file(self, work: PendingFile, how: str) -> None:
        self._count("changed" if work.known else "added")
        self._counts[how] += 1

    def _commit_if_due(self) -> None:
        full = self._staged_files >= COMMIT_FILES or self._staged_items >= COMMIT_ITEMS
        if full or time.monotonic() - self._committed > COMMIT_SECONDS:
            self._commit()

    def _commit(self) -> None:
        with self._stages.on("commit"):
            self.writer.commit()
        self._committed, self._staged_files, self._staged_items = time.monotonic(), 0, 0

    def _drop_gone(self, root: str) -> None:
        """Mark files that are no longer there, or remove them when pruning; failures of gone files are forgotten."""
        for path in self.writer.paths_under(root):
            record = self.writer.file(path)
            if record and (self._is_gone(record, root) or (root and self._obsolete(record))):
                self._drop(record)

    def _is_gone(self, record: FileRecord, root: str = "") -> bool:
        """Whether a file, perhaps of a folder that was gone through, is certainly not there any more."""
        return gone(record.path, record.status)

    def _obsolete(self, record: FileRecord) -> bool:
        """Whether, in a folder just walked, it is about what can be entered again, or known by another spelling."""
        if is_object_url(record.path):
            return False
        if record.status == "ok":
            return any(self.writer.file(other) for other in scan.other_spellings(record.path))
        return record.path not in self._problems and os.path.isdir(record.path)

    def _drop(self, record: FileRecord) -> None:
        if self.options.prune or record.status != "ok":
            self.writer.remove(record.path)
        elif not record.missing:
            self.writer.mark_missing(record.path)
        else:
            return
        self._counts["removed"] += int(record.status == "ok")


def nested(roots: Sequence[str]) -> bool:
    """Whether one of the folders lies in another one or is the same, so that files of one run count for the next."""
    tops = sorted(os.path.join(root, "") for root in map(os.path.normpath, roots))
    return any(after.startswith(before) for before, after in pairwise(tops))


def gone(path: str, status: str = "ok") -> bool:
    """Whether the file is certainly not there any more; a folder that may not be entered proves nothing.

    Of an object only a list of its store tells.
    """
    if is_object_url(path):
        return False
    try:
        found = os.stat(path) if status == "ok" else os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return status == "ok" and S_ISDIR(found.st_mode)


def plan(reader_file: Callable[[str], FileRecord | None], found: Iterable[scan.Entry | scan.Problem]) -> IndexReport:
    """What a run would do, by stat alone (`--dry-run`): a touched file counts as changed, a copy as added."""
    counts = dict.fromkeys(("added", "changed", "unchanged", "failed", "known_failures", "unsupported"), 0)
    for one in found:
        record = reader_file(one.path)
        if isinstance(one, scan.Problem):
            counts["known_failures" if record and record.reason == one.reason else "failed"] += 1
        elif record is None:
            counts["added"] += 1
        elif record.missing or (record.size, record.mtime_ns) != (one.size, one.mtime_ns):
            counts["changed" if record.status == "ok" else "added"] += 1
        else:
            counts[{"ok": "unchanged", "failed": "known_failures", "unsupported": "unsupported"}[record.status]] += 1
    return IndexReport(**counts)  # type: ignore[arg-type]


def to_read(
    reader_file: Callable[[str], FileRecord | None], found: Iterable[scan.Entry | scan.Problem]
) -> Iterator[scan.Entry]:
    """The files that a run has to read, by stat alone."""
    for one in found:
        if isinstance(one, scan.Entry):
            record = reader_file(one.path)
            if not record or record.missing or (record.size, record.mtime_ns) != (one.size, one.mtime_ns):
                yield one
