"""The indexing pipeline: scan, compare with the store, have new files processed, stage their results, commit.

A `Processor` reads and embeds: on this machine, or on a cluster. The index does not depend on the order of its results.
Knows the store's interface, nothing of decoders, models or the terminal.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from itertools import pairwise
from stat import S_ISDIR

from mmsearch import media, scan
from mmsearch.indexing.local_processor import LocalProcessor
from mmsearch.indexing.results import IndexOptions, PendingFile, Processor, ProgressListener, Results
from mmsearch.indexing.worker_process import PrestartedWorkers
from mmsearch.store import FileRecord
from mmsearch.store.writer import Writer
from mmsearch.types import Embedder, IndexReport, is_object_url

__all__ = ["IndexOptions", "Indexer", "is_gone", "nested", "plan", "to_read"]


class Indexer:
    """One index run over one open writer. The caller opens and closes the writer."""

    def __init__(
        self,
        writer: Writer,
        embedder: Embedder,
        options: IndexOptions,
        listener: ProgressListener,
        prestarted: PrestartedWorkers | None = None,
        processor: Callable[[Results], Processor] | None = None,
    ) -> None:
        """Without a `processor` files are read and embedded on this machine."""
        self._writer = writer
        self._options = options
        self._listener = listener
        self._results = Results(writer, options, listener)
        self._counts = self._results.counts
        self._processor: Processor = (
            processor(self._results) if processor else LocalProcessor(self._results, embedder, prestarted)
        )
        self._postponed: list[scan.Entry] = []
        self._problems: set[str] = set()
        self._listed: dict[str, set[str]] = {}
        self._started = time.monotonic()

    def run(self, roots: Sequence[str], files: Iterable[str] = ()) -> IndexReport:
        """Index everything below `roots`, then the listed `files`; finished files are committed even on Ctrl-C."""
        if self._options.prune:
            self._writer.forget_vectors()
        try:
            with closing(self._processor):
                for root in roots:
                    self._writer.add_root(root)
                complete = [root for root in roots if self._walk(root)]
                # `find` and `fd` list directories too; their files are listed beside them.
                for path in files:
                    if not os.path.isdir(path):
                        entry = self._entry(path)
                        self._writer.allow_file(entry.path)  # the user has named it
                        self._visit(entry)
                self._processor.finish()
                while self._postponed:
                    entries, self._postponed = self._postponed, []
                    for entry in entries:
                        self._visit(entry)
                    self._processor.finish()
            for root in roots:
                if root not in complete or nested(roots):
                    self._drop_gone(root)
            if self._options.prune and not roots:
                self._drop_gone("")
        finally:
            self._results.commit()
        seconds = time.monotonic() - self._started
        return IndexReport(**self._counts, seconds=seconds, stages=self._results.timer.table())

    def _walk(self, root: str) -> bool:
        """Go through a folder; returns whether every file that the index knows there was met."""
        known_count, seen_count = self._writer.count_under(root, missing=self._options.prune), 0
        for run in self._runs(root):
            if isinstance(run, scan.Problem):
                seen_count += self._visit(run)
                continue
            unchanged_flags = self._writer.unchanged(*run)
            unchanged = sum(unchanged_flags)
            self._counts["unchanged"] += unchanged
            seen_count += unchanged
            if unchanged:
                self._listener.past(run.paths[-1], unchanged)
            if unchanged < len(unchanged_flags):
                changed = (entry for entry, is_same in zip(run.entries(), unchanged_flags, strict=True) if not is_same)
                seen_count += sum(map(self._visit, changed))
        return known_count == seen_count

    def _is_object(self, path: str) -> bool:
        return self._processor.reads_objects and is_object_url(path)

    def _runs(self, root: str) -> Iterator[scan.Run | scan.Problem]:
        if not self._is_object(root):
            return scan.runs(root, self._options.scan)
        from mmsearch.scan import object_stores

        self._listed[root] = set()
        return object_stores.runs(root, self._options.scan, self._listed[root])

    def _entry(self, path: str) -> scan.Entry | scan.Problem:
        if not self._is_object(path):
            return scan.entry(path)
        from mmsearch.scan import object_stores

        return object_stores.entry(path)

    def _visit(self, entry: scan.Entry | scan.Problem) -> bool:
        """Process a file if it has to be; returns whether `count_under` counts it."""
        self._listener.past(entry.path, 1)
        record = self._writer.file(entry.path)
        counted = record is not None and (self._options.prune or not record.missing)
        if isinstance(entry, scan.Problem):
            self._problems.add(entry.path)
            if record and self._is_gone(record):
                self._drop(record)
            elif record and record.status == "failed" and record.reason == entry.reason:
                self._counts["known_failures"] += 1
            else:
                self._results.fail(scan.Entry(entry.path, 0, 0), entry.reason)
        elif entry.path in self._results.in_progress:
            self._postponed.append(entry)  # reached by another way: compared again when it has been read
        elif not (record and self._is_unchanged(entry, record)):
            self._results.in_progress.add(entry.path)
            self._processor.process(PendingFile(entry, record))
        self._results.commit_if_due()
        return counted

    def _is_unchanged(self, entry: scan.Entry, record: FileRecord) -> bool:
        """True if nothing has to be done for the file; counts it then. Only its stat is compared."""
        if record.missing or record.size != entry.size or record.mtime_ns != entry.mtime_ns:
            return False
        if record.status == "ok":
            self._counts["unchanged"] += 1
        elif record.status == "unsupported":
            self._counts["unsupported"] += 1
        # Permissions may change without a trace in the file's time, so unreadable files are tried each run.
        elif self._options.retry_failed or record.reason.startswith(media.UNREADABLE):
            return False
        else:
            self._counts["known_failures"] += 1
        return True

    def _drop_gone(self, root: str) -> None:
        """Mark files that are no longer there, or remove them when pruning; failures of gone files are forgotten."""
        for path in self._writer.paths_under(root):
            record = self._writer.file(path)
            if record and (self._is_gone(record, root) or (root and self._obsolete(record))):
                self._drop(record)

    def _is_gone(self, record: FileRecord, root: str = "") -> bool:
        """Whether a file, perhaps of a folder that was gone through, is certainly not there any more."""
        if not self._is_object(record.path):
            return is_gone(record.path, record.status)
        if root in self._listed:
            return record.path not in self._listed[root]
        from mmsearch.scan import object_stores

        entry = object_stores.entry(record.path)
        return isinstance(entry, scan.Problem) and entry.reason == object_stores.GONE

    def _obsolete(self, record: FileRecord) -> bool:
        """Whether a record of a folder just walked is of a directory by now, or of a file known by another spelling."""
        if is_object_url(record.path):
            return False
        if record.status == "ok":
            return any(self._writer.file(spelling) for spelling in scan.other_spellings(record.path))
        return record.path not in self._problems and os.path.isdir(record.path)

    def _drop(self, record: FileRecord) -> None:
        if self._options.prune or record.status != "ok":
            self._writer.remove(record.path)
        elif not record.missing:
            self._writer.mark_missing(record.path)
        else:
            return
        self._counts["removed"] += int(record.status == "ok")


def nested(roots: Sequence[str]) -> bool:
    """Whether one of the folders lies in another one or is the same, so that files of one run count for the next."""
    folders = sorted(os.path.join(root, "") for root in map(os.path.normpath, roots))
    return any(next_folder.startswith(folder) for folder, next_folder in pairwise(folders))


def is_gone(path: str, status: str = "ok") -> bool:
    """Whether the file has certainly been deleted; a folder that may not be entered proves nothing.

    False for objects: only a listing of their store shows that.
    """
    if is_object_url(path):
        return False
    try:
        file_stat = os.stat(path) if status == "ok" else os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return status == "ok" and S_ISDIR(file_stat.st_mode)


def plan(reader_file: Callable[[str], FileRecord | None], entries: Iterable[scan.Entry | scan.Problem]) -> IndexReport:
    """The report of a run, by stat alone (`--dry-run`): a touched file counts as changed, a copy as added."""
    counts = dict.fromkeys(("added", "changed", "unchanged", "failed", "known_failures", "unsupported"), 0)
    for entry in entries:
        record = reader_file(entry.path)
        if isinstance(entry, scan.Problem):
            counts["known_failures" if record and record.reason == entry.reason else "failed"] += 1
        elif record is None:
            counts["added"] += 1
        elif record.missing or (record.size, record.mtime_ns) != (entry.size, entry.mtime_ns):
            counts["changed" if record.status == "ok" else "added"] += 1
        else:
            counts[{"ok": "unchanged", "failed": "known_failures", "unsupported": "unsupported"}[record.status]] += 1
    return IndexReport(**counts)  # type: ignore[arg-type]


def to_read(
    reader_file: Callable[[str], FileRecord | None], entries: Iterable[scan.Entry | scan.Problem]
) -> Iterator[scan.Entry]:
    """The files that a run has to read, by stat alone."""
    for entry in entries:
        if isinstance(entry, scan.Entry):
            record = reader_file(entry.path)
            if not record or record.missing or (record.size, record.mtime_ns) != (entry.size, entry.mtime_ns):
                yield entry
