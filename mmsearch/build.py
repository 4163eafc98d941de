"""The indexing pipeline: scan, compare with the store, decode, embed in batches, commit.

Works on one thread and in bounded memory: contents live only until their batch is embedded, and a file reaches the
store when all of its segments have vectors. Knows the store's and the embedder's interface, nothing of FAISS, torch or
the terminal.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from stat import S_ISDIR
from typing import Protocol

import numpy as np

from mmsearch import media, scan
from mmsearch.core import Clip, Embedder, Facts, IndexReport, Item, Segment, Vectors
from mmsearch.errors import MediaError, MmsearchError, UnsupportedMedia
from mmsearch.feed.stages import Stages
from mmsearch.store import FileRecord, Writer

BATCH_SEGMENTS = 64
BATCH_BYTES = 128 << 20
COMMIT_ITEMS = 1024
COMMIT_SECONDS = 15.0


class Listener(Protocol):
    """Hears of each file and of each failure; the command line turns it into progress."""

    def file(self, path: str) -> None: ...

    def failure(self, path: str, reason: str) -> None: ...


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """What an index run does besides adding: forget deleted files (`prune`), try known failures again."""

    scan: scan.ScanOptions = field(default_factory=scan.ScanOptions)
    prune: bool = False
    retry_failed: bool = False


@dataclass(slots=True)
class _Work:
    """A file whose segments are being embedded."""

    entry: scan.Entry
    digest: str
    kind: media.Kind
    known: bool
    facts: Facts = field(default_factory=Facts)
    items: list[Item] = field(default_factory=list)
    vectors: list[Vectors] = field(default_factory=list)
    copies: list[tuple[scan.Entry, bool]] = field(default_factory=list)
    queued: int = 0
    loaded: bool = False
    failed: bool = False


class Builder:
    """One index run over one open writer. The caller opens and closes the writer."""

    def __init__(self, writer: Writer, embedder: Embedder, options: BuildOptions, listener: Listener) -> None:
        self.writer = writer
        self.embedder = embedder
        self.options = options
        self.listener = listener
        self.report = IndexReport()
        self._stages = Stages()
        self._batch: list[tuple[_Work, Segment]] = []
        self._batch_bytes = 0
        self._in_flight: dict[tuple[str, str], _Work] = {}
        self._started = self._committed = time.monotonic()

    def run(self, roots: Sequence[str], files: Iterable[str] = ()) -> IndexReport:
        """Index everything below `roots`, then the listed `files`; what is finished is committed even on Ctrl-C."""
        try:
            for root in roots:
                self.writer.add_root(root)
                self._visit(scan.walk(root, self.options.scan))
            # `find` and `fd` list directories too; their files are listed beside them.
            self._visit(scan.entry(path) for path in files if not os.path.isdir(path))
            self._flush()
            for root in roots:
                self._drop_gone(root)
            if self.options.prune and not roots:
                self._drop_gone("")
        finally:
            self._commit()
            seconds = time.monotonic() - self._started
            self.report = replace(self.report, seconds=seconds, stages=self._stages.table())
        return self.report

    def _count(self, **changes: int) -> None:
        self.report = replace(self.report, **{name: getattr(self.report, name) + n for name, n in changes.items()})

    def _visit(self, found: Iterable[scan.Entry | scan.Problem]) -> None:
        for one in found:
            self.listener.file(one.path)
            if isinstance(one, scan.Problem):
                self._problem(one)
            else:
                self._entry(one)
            if time.monotonic() - self._committed > COMMIT_SECONDS or self.writer.pending() >= COMMIT_ITEMS:
                self._commit()

    def _commit(self) -> None:
        with self._stages.on("commit"):
            self.writer.commit()
        self._committed = time.monotonic()

    def _problem(self, problem: scan.Problem) -> None:
        record = self.writer.file(problem.path)
        if record and gone(problem.path, record.status):
            self._drop(record)
            return
        if record and record.status == "failed" and record.reason == problem.reason:
            self._count(known_failures=1)
            return
        self._fail(scan.Entry(problem.path, 0, 0), problem.reason)

    def _fail(self, entry: scan.Entry, reason: str) -> None:
        self.writer.put_failure(entry.path, entry.size, entry.mtime_ns, reason)
        self._count(failed=1)
        self.listener.failure(entry.path, reason)

    def _entry(self, entry: scan.Entry) -> None:
        record = self.writer.file(entry.path)
        if record and self._is_known(entry, record):
            return
        try:
            with self._stages.on("read"):
                kind, digest = media.identify(entry.path), scan.digest(entry.path)
            with self._stages.on("decode"):
                self._identified(entry, record, kind, digest)
        except UnsupportedMedia as error:
            self._unsupported(entry, str(error))
        except MediaError as error:
            self._media_error(entry, record, str(error))

    def _is_known(self, entry: scan.Entry, record: FileRecord) -> bool:
        """Whether nothing is to be done for the file, counting it if so. Only its stat is compared."""
        if record.missing or (record.size, record.mtime_ns) != (entry.size, entry.mtime_ns):
            return False
        if record.status == "failed":
            # Permissions may change without a trace in the file's time, so unreadable files are tried each run.
            if self.options.retry_failed or record.reason.startswith(media.UNREADABLE):
                return False
            self._count(known_failures=1)
        elif record.status == "unsupported":
            self._count(unsupported=1)
        else:
            self._count(unchanged=1)
        return True

    def _media_error(self, entry: scan.Entry, record: FileRecord | None, reason: str) -> None:
        same = record and (record.size, record.mtime_ns, record.reason) == (entry.size, entry.mtime_ns, reason)
        if same and not self.options.retry_failed:
            self._count(known_failures=1)
        else:
            self._fail(entry, reason)

    def _unsupported(self, entry: scan.Entry, reason: str) -> None:
        self.writer.put_unsupported(entry.path, entry.size, entry.mtime_ns, reason)
        self._count(unsupported=1)

    def _identified(self, entry: scan.Entry, record: FileRecord | None, kind: media.Kind, digest: str) -> None:
        known = record is not None and record.status == "ok"
        touched = record is not None and known and (record.digest, record.kind) == (digest, kind.name)
        if self.writer.has_content(digest, kind.name):
            self.writer.put_file(entry.path, entry.size, entry.mtime_ns, digest, kind.name)
            self._count(unchanged=1) if touched else self._count_file(known, reused=1)
        elif work := self._in_flight.get((digest, kind.name)):
            work.copies.append((entry, known))
        else:
            self._load(_Work(entry, digest, kind, known))

    def _count_file(self, known: bool, **more: int) -> None:
        self._count(**{"changed" if known else "added": 1}, **more)

    def _load(self, work: _Work) -> None:
        """Decode a file into the batch; raises MediaError when it cannot be read to its end."""
        self._in_flight[work.digest, work.kind.name] = work
        try:
            for segment in self._segments(work):
                work.queued += 1
                self._batch.append((work, segment))
                self._batch_bytes += content_bytes(segment)
                if len(self._batch) >= BATCH_SEGMENTS or self._batch_bytes >= BATCH_BYTES:
                    self._flush()
                if work.failed:
                    return
            if changed_since(work.entry):
                raise MediaError("changed while it was being read: run index again")
        except MediaError:
            self._abandon(work)
            raise
        work.loaded = True
        if work.queued == 0:
            self._abandon(work)
            raise UnsupportedMedia(f"model {self.embedder.spec.name} cannot embed {work.kind.modality}")
        self._finish_if_whole(work)

    def _segments(self, work: _Work) -> Iterator[Segment]:
        spec = self.embedder.spec
        loaded = media.load(work.entry.path, work.digest, work.kind, spec.loader)
        work.facts = loaded.facts
        return (segment for segment in loaded.segments if segment.item.partition in spec.modalities)

    def _abandon(self, work: _Work) -> None:
        """Forget a file's segments; its copies, being the same bytes, are read again in the next run."""
        work.failed = True
        self._in_flight.pop((work.digest, work.kind.name), None)
        self._batch = [(owner, segment) for owner, segment in self._batch if owner is not work]
        self._batch_bytes = sum(content_bytes(segment) for _, segment in self._batch)

    def _flush(self) -> None:
        """Embed the batch and hand every file that is whole now to the store."""
        batch, self._batch, self._batch_bytes = self._batch, [], 0
        if not batch:
            return
        try:
            with self._stages.on("forward"):
                rows = self.embedder.embed([segment for _, segment in batch])
            for (work, segment), row in zip(batch, rows, strict=True):
                work.items.append(segment.item)
                work.vectors.append(row)
        except MmsearchError:
            self._embed_singly(batch)
        for work in {id(work): work for work, _ in batch}.values():
            self._finish_if_whole(work)

    def _embed_singly(self, batch: list[tuple[_Work, Segment]]) -> None:
        """Find the segment that the model chokes on: only its file fails."""
        for work, segment in batch:
            if work.failed:
                continue
            try:
                work.vectors.append(self.embedder.embed([segment])[0])
                work.items.append(segment.item)
            except MmsearchError as error:
                self._abandon(work)
                for entry in [work.entry, *(copy for copy, _ in work.copies)]:
                    self._fail(entry, f"cannot be embedded: {error}")

    def _finish_if_whole(self, work: _Work) -> None:
        if work.failed or not work.loaded or len(work.vectors) < work.queued:
            return
        del self._in_flight[work.digest, work.kind.name]
        kind = work.kind
        self.writer.put_content(work.digest, kind.name, kind.modality, work.facts, work.items, np.stack(work.vectors))
        self._attach(work.entry, work)
        self._count_file(work.known, embedded=1, items=len(work.items))
        for copy, known in work.copies:
            self._attach(copy, work)
            self._count_file(known, reused=1)

    def _attach(self, entry: scan.Entry, work: _Work) -> None:
        self.writer.put_file(entry.path, entry.size, entry.mtime_ns, work.digest, work.kind.name)

    def _drop_gone(self, root: str) -> None:
        """Mark files that are no longer there, or remove them when pruning; failures of gone files are forgotten."""
        for path in self.writer.paths_under(root):
            record = self.writer.file(path)
            if record and gone(path, record.status):
                self._drop(record)

    def _drop(self, record: FileRecord) -> None:
        if self.options.prune or record.status != "ok":
            self.writer.remove(record.path)
        elif not record.missing:
            self.writer.mark_missing(record.path)
        else:
            return
        self._count(removed=int(record.status == "ok"))


def gone(path: str, status: str = "ok") -> bool:
    """Whether the file is certainly not there any more; a folder that may not be entered proves nothing."""
    try:
        found = os.stat(path) if status == "ok" else os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return status == "ok" and S_ISDIR(found.st_mode)


def changed_since(entry: scan.Entry) -> bool:
    """Whether the file's size or time is no longer what the scan saw."""
    try:
        found = os.stat(entry.path)
    except OSError:
        return True
    return (found.st_size, found.st_mtime_ns) != (entry.size, entry.mtime_ns)


def content_bytes(segment: Segment) -> int:
    """Memory that a segment's content takes."""
    content = segment.content
    if isinstance(content, str):
        return len(content)
    if isinstance(content, np.ndarray):
        return content.nbytes
    return content.frames.nbytes if isinstance(content, Clip) else content.samples.nbytes


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
