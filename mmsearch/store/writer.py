"""The one writer of an index: stages the results of a run and commits them as one step.

A commit writes the new vector files first and then makes them count with a single SQLite transaction, so a process that
is killed between any two instructions leaves the last commit. Knows nothing about scanning or models.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace

from mmsearch.errors import IndexDamaged
from mmsearch.store import ann_optimize, compaction, faiss_files, prepare, schema
from mmsearch.store.commit import Commit, ContentKey, StagedContent
from mmsearch.store.database import Connection
from mmsearch.store.file_ownership import WriteLock
from mmsearch.store.grants import Grants
from mmsearch.store.paths import HERE, PathCodec, below, prefix, stored
from mmsearch.store.queries import (
    count_files,
    find_content,
    find_file,
    find_indexed,
    find_roots,
    grant_everything,
    load_codec,
)
from mmsearch.store.records import FLAT_BYTES, FileRecord, Identity, OnProgress, Optimized, OptimizeRequest
from mmsearch.system.safe_open import TEMPORARY, Folder
from mmsearch.system.user_folders import state_folder
from mmsearch.types import FileMetadata, Item, Modality, Vectors, is_object_url

log = logging.getLogger(__name__)

_PAGE = 10_000


class Writer:
    """Changes an index; a context manager that holds its lock.

    Changes are staged until `commit`; leaving without it drops them. All paths are absolute.
    """

    def __init__(self, directory: str, db: Connection, identity: Identity, lock: WriteLock) -> None:
        """Use `open`."""
        self.directory = directory
        self.identity = identity
        self._db = db
        self._lock = lock
        self._codec = load_codec(db, directory)
        self._files: dict[str, FileRecord | None] = {}
        self._contents: dict[ContentKey, StagedContent] = {}
        self.grants = Grants(db, directory)
        self._allowed: dict[str, None] = {}
        """Files that the next commit grants."""
        self._has_no_key = False
        self._allowed_folder = ""
        """The last folder whose files are known to need no grant."""
        self._synced = False
        """The last commit is our own, and nothing has failed since."""
        self._interrupted = False
        self._thorough = False
        self._remove_unlisted()

    @classmethod
    def open(
        cls,
        directory: str,
        identity: Identity,
        *,
        rebuild: bool = False,
        on_wait: Callable[[str], None] | None = None,
        timeout: float | None = None,
    ) -> Writer:
        """Open an index to change it, making it if there is none.

        Args:
            directory: of the index.
            identity: the model and settings in use; they must be those it was built with.
            rebuild: forget everything that is in it, roots too, and start again with `identity`.
            on_wait: called once, in one line, with who holds the lock.
            timeout: seconds to wait for the lock; None waits for as long as it takes.

        Raises:
            IndexMismatch: it was built with something else, or by a newer mmsearch.
            IndexDamaged: it cannot be read; `rebuild` replaces it.
            MmsearchError: the lock is not to be had, or the directory cannot be written.
        """
        directory = os.path.abspath(directory)
        with schema.translated(directory):
            Folder.open(directory, make=True).close()
            lock = WriteLock(directory)
            lock.acquire(on_wait, timeout)
            try:
                db = prepare.prepare(directory, identity, rebuild)
                try:
                    prepare.enforce_privacy(db, directory)
                    return cls(directory, db, identity, lock)
                except BaseException:
                    db.close()
                    raise
            except BaseException:
                lock.release()
                raise

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._interrupted = kind is not None
        self.close()

    # --- queries ---

    def file(self, path: str) -> FileRecord | None:
        """The record of a file, staged changes included."""
        return self._files[path] if path in self._files else self._committed(path)

    def _committed(self, path: str) -> FileRecord | None:
        with schema.translated(self.directory):
            return find_file(self._db, self._codec, path)

    def unchanged(self, paths: Sequence[str], sizes: Sequence[int], mtimes_ns: Sequence[int]) -> list[bool]:
        """Which of some thousand files are unchanged since they were indexed; quick for the files of one directory.

        False for files that are staged, missing or failed: ask `file` about those.
        """
        current = list(zip(self._codec.encode_all(paths), sizes, mtimes_ns, strict=True))
        with schema.translated(self.directory):
            indexed = find_indexed(self._db, [key for key, _, _ in current])
        if indexed == current and self._files.keys().isdisjoint(paths):
            return [True] * len(current)
        unchanged = set(indexed)
        return [entry in unchanged and path not in self._files for entry, path in zip(current, paths, strict=True)]

    def count_under(self, root: str, *, missing: bool) -> int:
        """The number of committed paths at or below `root`, with or without `missing` ones.

        Exact on systems without drives; elsewhere it may be too high.
        """
        with schema.translated(self.directory):
            count = sum(count_files(self._db, start, end, missing) for start, end in self._codec.ranges(root))
        return count + (self.file(root) is not None)

    def has_content(self, digest: str, kind: str) -> bool:
        """True if the vectors of a content are here, staged or committed."""
        return self._modality(digest, kind) is not None

    def _modality(self, digest: str, kind: str) -> Modality | None:
        staged = self._contents.get((digest, kind))
        if staged is not None:
            return staged.modality
        with schema.translated(self.directory):
            content = find_content(self._db, digest, kind)
        return None if content is None else content[1]

    def paths_under(self, root: str | None) -> Iterator[str]:
        """Every committed path at or below `root`, of any status; `None` or an empty string for all.

        Staging and committing while iterating is fine.
        """
        if not root:
            yield from self._paths_between(b"", b"\xff" * 256)
            return
        if self._committed(root) is not None:
            yield root
        inside = prefix(stored(root))
        for start, end in self._codec.ranges(root):
            for path in self._paths_between(start, end):
                if stored(path).startswith(inside):
                    yield path

    def _paths_between(self, start: bytes, end: bytes) -> Iterator[str]:
        query = "SELECT path FROM files WHERE path >= ? AND path < ? ORDER BY path LIMIT ?"
        while True:
            with schema.translated(self.directory):
                page = self._db.execute(query, (start, end, _PAGE)).fetchall()
            for (path,) in page:
                yield self._codec.decode(path)
            if len(page) < _PAGE:
                return
            start = page[-1][0] + b"\0"

    def roots(self) -> list[str]:
        """The roots, in order."""
        with schema.translated(self.directory):
            return find_roots(self._db, self._codec)

    def count_slow(self, flat_bytes: int = FLAT_BYTES) -> int:
        """How many vectors every search compares one by one although they are many; `optimize` changes that."""
        with schema.translated(self.directory):
            return ann_optimize.count_slow(self._db, self.identity.dim, flat_bytes)

    # --- staging ---

    def put_content(
        self, digest: str, kind: str, modality: Modality, facts: FileMetadata, items: Sequence[Item], vectors: Vectors
    ) -> None:
        """Stage the parts of a content with their vectors; a content that is here already stays as it is.

        It is written by the first commit at which a file holds it.

        Args:
            digest: of the file's bytes.
            kind: how the bytes were read; the same bytes read in another way are another content.
            modality: of the file.
            facts: for filters.
            items: its parts; their paths are not stored.
            vectors: finite float32 `(len(items), dim)`.

        Raises:
            ValueError: the vectors do not fit the items or the index, or are not finite.
        """
        import numpy as np

        if vectors.shape != (len(items), self.identity.dim) or not np.isfinite(vectors).all():
            raise ValueError(
                f"{len(items)} items of dim {self.identity.dim} need as many finite vectors, got {vectors.shape}"
            )
        if not self.has_content(digest, kind):
            rows = np.array(vectors, dtype=np.float32)  # a copy: callers reuse their buffers
            self._contents[digest, kind] = StagedContent(modality, facts, tuple(items), rows)

    def put_file(self, path: str, size: int, mtime_ns: int, digest: str, kind: str) -> None:
        """Stage that a file holds a content, which is committed or staged already.

        Raises:
            LookupError: there is no such content.
        """
        modality = self._modality(digest, kind)
        if modality is None:
            raise LookupError(f"no content {digest} of kind {kind}: put_content comes first")
        self._stage(FileRecord(path, size, mtime_ns, "ok", "", digest, kind, modality, False))

    def put_failure(self, path: str, size: int, mtime_ns: int, reason: str) -> None:
        """Stage that a file could not be read, and why, in one line."""
        self._stage(FileRecord(path, size, mtime_ns, "failed", reason, None, None, None, False))

    def put_unsupported(self, path: str, size: int, mtime_ns: int, reason: str) -> None:
        """Stage that neither the model nor mmsearch can use files of this kind."""
        self._stage(FileRecord(path, size, mtime_ns, "unsupported", reason, None, None, None, False))

    def mark_missing(self, path: str) -> None:
        """Stage that a known file is missing: it keeps its vectors and answers no search."""
        record = self.file(path)
        if record is not None:
            self._stage(replace(record, missing=True))

    def _stage(self, record: FileRecord) -> None:
        if record != self.file(record.path):
            self._files[record.path] = record

    def remove(self, path: str) -> None:
        """Stage that a file is forgotten, with its vectors unless another file holds them."""
        if self.file(path) is not None:
            self._files[path] = None

    def forget_vectors(self) -> None:
        """From now on erase the vectors of removed files from the vector files too, at the latest when this closes.

        By default a writer overwrites texts, words and names, and leaves vectors until a merge.
        """
        self._thorough = True

    # --- roots and grants ---

    def add_root(self, path: str) -> None:
        """Remember a root, at once and for good; the first one that contains the index becomes its anchor."""
        path = path if is_object_url(path) else os.path.abspath(path)
        codec = self._codec.anchored(path)
        if codec == self._codec and path in self.roots():
            return
        with self._changing(), schema.transaction(self._db):
            if codec != self._codec:
                _rewrite_paths(self._db, codec)
            self._db.execute("INSERT OR IGNORE INTO roots VALUES (?)", (codec.encode(path),))
        self._codec = codec

    def allow_roots(self, paths: Sequence[str]) -> None:
        """Grant folders and URLs that the user has named: they may be scanned again, and their files be shown."""
        with schema.translated(self.directory):
            absolute = [path if is_object_url(path) else os.path.abspath(path) for path in paths]
            absolute = [path for path in absolute if not self.grants.names_root(path)]
            outside = [path for path in absolute if not self.grants.allows_root(path)]
        if absolute:
            self._grant(lambda: self.grants.give_roots(absolute), outside)

    def allow_model(self) -> None:
        """Grant the model that the index is built with, and its settings: the user has named them."""
        options = self.identity.options
        with schema.translated(self.directory):
            is_granted = self.grants.allows_identity(options) and not self.grants.trusted
        if not is_granted:
            self._grant(lambda: self.grants.give_identity(options), [f"model {options.name}"])

    def allow_everything(self) -> None:
        """Grant all that the index names: the user trusts its source."""
        with self._changing():
            granted = grant_everything(self._db, self.directory)
        if not granted:
            self._warn_no_key(["what it names"])

    def allow_file(self, path: str) -> None:
        """Stage that a file may be read again, in any folder: the user has listed it, or a link leads to it."""
        folder = os.path.dirname(path)
        if self._has_no_key or (folder == self._allowed_folder and not os.path.islink(path)):
            return
        with schema.translated(self.directory):
            if not self.grants.may_read(path):
                self._allowed[path] = None
            elif not is_object_url(path) and self.grants.may_read(folder):
                self._allowed_folder = folder

    def _grant(self, give: Callable[[], bool], needing: Sequence[str]) -> None:
        """Grant something, at once and for good; if that is impossible, warn about those that needed it."""
        with self._changing(), schema.transaction(self._db):
            granted = give()
        if not granted and needing and not self._has_no_key:
            self._warn_no_key(needing)

    def _warn_no_key(self, needing: Sequence[str]) -> None:
        self._has_no_key = True
        log.warning(
            "%s cannot keep a key, so %s is not allowed for good: add --trust-index when it is wanted again",
            state_folder(),
            needing[0] if len(needing) == 1 else f"{needing[0]} and {len(needing) - 1} more",
        )

    def share(self, shared: bool) -> None:
        """Let others use the index whom the umask lets in, or its user alone; later writers keep it so."""
        with self._changing():
            prepare.set_shared(self._db, self.directory, shared)

    # --- writing ---

    def commit(self) -> None:
        """Make everything staged durable as one step; if nothing is staged nothing is written.

        Contents that no file holds any more go with their items. If it fails, everything stays staged.

        Raises:
            MmsearchError: the disk is full or fails; the index is as it was.
        """
        if self._allowed:
            allowed, self._allowed = list(self._allowed), {}
            self._grant(lambda: self.grants.give_paths(allowed), allowed)
        if not self._files:
            return
        with self._changing():
            self._codec = load_codec(self._db, self.directory)  # add_root may have been interrupted after its commit
            commit = Commit(self._db, self.directory, self._codec, self.identity.dim)
            committed = commit.run(self._files, self._contents, self._thorough)
            self._files.clear()
            for key in committed:
                del self._contents[key]
            self._synced = True
            self._merge()

    def merge(self) -> int:
        """Rewrite vector files that are mostly dead, or too many small ones; returns how many were replaced.

        A commit does so by itself. Readers go on with the files they have.
        """
        with self._changing():
            return self._merge()

    def _merge(self) -> int:
        # Files that the previous merge replaced go before the next one writes, so at most one generation waits on disk.
        plans = compaction.plan(self._db, self.identity.dim)
        if plans:
            self._remove_unlisted()
        return sum(compaction.run(self._db, self.directory, self.identity.dim, plan) for plan in plans)

    def optimize(self, request: OptimizeRequest, on_progress: OnProgress) -> list[Optimized]:
        """Make searches fast: few large vector files, and ANN indexes for large partitions.

        Readers go on meanwhile, and an interrupt loses only the unfinished step.

        Raises:
            UsageError: the vectors are not that long.
            MmsearchError: the disk is full or fails; finished steps count.
        """
        with self._changing():
            optimizer = ann_optimize.AnnOptimizer(
                self._db, self.directory, self.identity.dim, request, on_progress, self._remove_unlisted
            )
            results = optimizer.run()
            compaction.erase_words(self._db)
            return results

    @contextmanager
    def _changing(self) -> Iterator[None]:
        with schema.translated(self.directory):
            try:
                yield
            except sqlite3.Error:
                self._synced = False
                raise

    def _remove_unlisted(self) -> None:
        """Remove unlisted files, once it is certain that no commit lists them; half-written ones at any time."""
        unlisted = faiss_files.unlisted_files(self.directory, compaction.listed_names(self._db))
        half_written = [path for path in unlisted if path.endswith(TEMPORARY)]
        faiss_files.remove(self.directory, half_written)
        if len(half_written) == len(unlisted):
            return
        with suppress(sqlite3.Error):  # a full disk will be reported when there is something to write
            if not self._synced:
                schema.sync_commits(self._db)
                self._synced = True
            faiss_files.remove(self.directory, unlisted)

    def close(self) -> None:
        """Drop staged changes, remove unlisted files, and give the lock back. Closing twice is fine."""
        self._files.clear()
        self._contents.clear()
        try:
            # If this fails, the next writer does it.
            if not self._interrupted:
                with suppress(sqlite3.Error, OSError, IndexDamaged):
                    compaction.erase_owed(self._db, self.directory, self.identity.dim)
            with suppress(sqlite3.Error, OSError):
                self._remove_unlisted()
            self._db.close()
        finally:
            self._lock.release()


def _rewrite_paths(db: sqlite3.Connection, codec: PathCodec) -> None:
    """Store paths under a new anchor relative to it."""
    assert codec.base is not None
    anchor = stored(codec.base)
    start, end = below(anchor)
    for table in ("files", "roots"):
        db.execute(
            f"UPDATE {table} SET path = substr(path, ?) WHERE path >= ? AND path < ?", (len(start) + 1, start, end)
        )
    db.execute("UPDATE roots SET path = ? WHERE path = ?", (HERE, anchor))
    schema.put_meta(db, "anchor", codec.anchor)
