"""The results of files in an index run: staged in the store, counted, and committed when enough has come together.

Also the vocabulary between the pipeline and the processors that read and embed. Knows the store's interface alone.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from mmsearch import scan
from mmsearch.indexing.decode import Failed
from mmsearch.indexing.pool import Limits
from mmsearch.indexing.timing import StageTimer
from mmsearch.store import FileRecord
from mmsearch.store.writer import Writer
from mmsearch.types import FileMetadata, Item, Modality, Vectors

COMMIT_ITEMS = 1024
COMMIT_FILES = 8192
COMMIT_SECONDS = 15.0


class ProgressListener(Protocol):
    """Is called for each file and each failure; the command line turns it into progress."""

    def past(self, path: str, count: int) -> None:
        """The scan has passed `count` more files, of which `path` is the last."""

    def done(self, path: str, size: int) -> None:
        """A file that had to be read is finished."""

    def failure(self, path: str, reason: str) -> None:
        """A file has failed that had not failed in the same way before."""


@dataclass(frozen=True, slots=True)
class IndexOptions:
    """Options of an index run, such as forgetting deleted files (`prune`) and trying known failures again."""

    scan: scan.ScanOptions = field(default_factory=scan.ScanOptions)
    prune: bool = False
    retry_failed: bool = False
    limits: Limits = field(default_factory=Limits)


@dataclass(slots=True, eq=False)
class PendingFile:
    """A file in progress, with the facts known so far; `copies` are other files with the same content."""

    entry: scan.Entry
    record: FileRecord | None
    digest: str = ""
    kind: str = ""
    modality: Modality = "text"
    facts: FileMetadata = field(default_factory=FileMetadata)
    rows: list[tuple[Item, Vectors]] = field(default_factory=list)
    copies: list[PendingFile] = field(default_factory=list)
    queued: int = 0
    is_read: bool = False
    failed: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """Identifies its content."""
        return self.digest, self.kind

    @property
    def was_indexed(self) -> bool:
        """Whether the index held an earlier content of the file."""
        return self.record is not None and self.record.status == "ok"

    @property
    def is_touched(self) -> bool:
        """Whether the index knows it with this very content, so that only the file's time is new."""
        return self.record is not None and self.was_indexed and (self.record.digest, self.record.kind) == self.key


class Results:
    """Stages and counts the results of files, and commits when enough have come together."""

    def __init__(self, writer: Writer, options: IndexOptions, listener: ProgressListener) -> None:
        self.writer = writer
        self.options = options
        self.listener = listener
        self.counts: Counter[str] = Counter()
        self.timer = StageTimer()
        self.in_progress: set[str] = set()
        """Paths of files that are being read."""
        self.after_commit: Callable[[], None] = lambda: None
        self._staged_files = self._staged_items = 0
        self._committed = time.monotonic()

    def store(self, file: PendingFile, items: Sequence[Item], vectors: Vectors) -> None:
        """A content that is new to the index, float32 `(len(items), dim)`, and the files that hold it."""
        self.writer.put_content(*file.key, file.modality, file.facts, items, vectors)
        self._attach(file)
        self._count_file(file, "embedded")
        self.counts["items"] += len(items)
        self._staged_items += len(items)
        for copy in file.copies:
            self._attach(copy)
            self._count_file(copy, "reused")

    def reuse(self, file: PendingFile) -> bool:
        """Attach the file to its content if the index holds that; returns whether it does."""
        if not self.writer.has_content(*file.key):
            return False
        self._attach(file)
        self.count("unchanged") if file.is_touched else self._count_file(file, "reused")
        return True

    def unusable(self, file: PendingFile, failed: Failed) -> None:
        """Record why a file cannot be used."""
        record, entry = file.record, file.entry
        if failed.unsupported:
            self.writer.put_unsupported(*entry, failed.reason)
            self.count("unsupported")
        elif (
            record
            and not self.options.retry_failed
            and (record.size, record.mtime_ns, record.reason) == (entry.size, entry.mtime_ns, failed.reason)
        ):
            self.count("known_failures")
        else:
            self.fail(entry, failed.reason)
        self._close(file)

    def fail(self, entry: scan.Entry, reason: str) -> None:
        """Record and report a failure that is new."""
        self.writer.put_failure(*entry, reason)
        self.count("failed")
        self.listener.failure(entry.path, reason)

    def fail_file(self, file: PendingFile, reason: str) -> None:
        """The same of a file that was being read."""
        self.fail(file.entry, reason)
        self._close(file)

    def count(self, name: str) -> None:
        """One more file of a kind in the report, and for the next commit."""
        self.counts[name] += 1
        self._staged_files += 1

    def commit_if_due(self) -> None:
        """Commit if much has been staged, or some time ago."""
        full = self._staged_files >= COMMIT_FILES or self._staged_items >= COMMIT_ITEMS
        if full or time.monotonic() - self._committed > COMMIT_SECONDS:
            self.commit()

    def commit(self) -> None:
        """Commit all that is staged."""
        with self.timer.on("commit"):
            self.writer.commit()
        self._committed, self._staged_files, self._staged_items = time.monotonic(), 0, 0
        self.after_commit()

    def _attach(self, file: PendingFile) -> None:
        self.writer.put_file(*file.entry, *file.key)
        self.writer.allow_file(file.entry.path)  # a link may lead out of the folder that was named
        self._close(file)

    def _close(self, file: PendingFile) -> None:
        self.in_progress.discard(file.entry.path)
        self.listener.done(file.entry.path, file.entry.size)

    def _count_file(self, file: PendingFile, how: str) -> None:
        self.count("changed" if file.was_indexed else "added")
        self.counts[how] += 1


class Processor(Protocol):
    """Reads and embeds files, and hands the outcomes to the `Results`."""

    reads_objects: bool
    """Whether it reads objects of stores by their URLs."""

    def process(self, file: PendingFile) -> None:
        """Begin with a file; results may come at any time from now on."""

    def finish(self) -> None:
        """Return when all files have their results."""

    def close(self) -> None:
        """Stop at once."""
