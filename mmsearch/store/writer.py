"""The one writer of an index: stages what a run found out and commits it as one step.

A commit writes the new vector files first and then makes them count with a single SQLite transaction, so whatever
kills the process between any two instructions leaves the last commit. Knows nothing about scanning or models.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from types import TracebackType

from mmsearch.errors import IndexDamaged
from mmsearch.store import ann_optimize, compaction, erasure, schema, sharing
from mmsearch.store import faiss_files as vectors
from mmsearch.store.ann_build import Told
from mmsearch.store.ann_optimize import AnnOptimizer
from mmsearch.store.commit import Commit, StagedContent
from mmsearch.store.database import Connection
from mmsearch.store.grants import Grants
from mmsearch.store.lock import WriteLock
from mmsearch.store.paths import HERE, PathCodec, below, prefix, stored
from mmsearch.store.prepare import prepare
from mmsearch.store.queries import (
    count_files,
    find_content,
    find_file,
    find_indexed,
    find_roots,
    grant_everything,
    load_codec,
)
from mmsearch.store.records import FLAT_BYTES, FileRecord, Identity, Optimized, OptimizeRequest
from mmsearch.system.safe_open import TEMPORARY, Folder
from mmsearch.system.user_folders import state_folder
from mmsearch.types import FileMetadata, Item, Modality, Vectors, is_object_url

log = logging.getLogger(__name__)

_PAGE = 10_000


class Writer:
    """Changes an index; a context manager that holds its lock.

    What is put is staged until `commit`; leaving without it drops what is staged. All paths are absolute.
    """

    def __init__(self, directory: str, db: Connection, identity: Identity, lock: WriteLock) -> None:
        """Use `open`."""
        self.directory = directory
        self.identity = identity
        self._db = db
        self._lock = lock
        self._codec = load_codec(db, directory)
        self._files: dict[str, FileRecord | None] = {}
        self._contents: dict[tuple[str, str], StagedContent] = {}
        self.grants = Grants(db, directory)
        self._allowed: dict[str, None] = {}  # files that the next commit grants
        self._keyless = False
        self._inside = ""
        """The last folder of which it is known that its files need no grant."""
        self._settled = False
        """Whether the last thing that was committed is our own, and nothing has failed since."""
        self._interrupted = False
        self._thorough = False
        self._collect()

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
        """Open an index to change it, making it when there is none.

        Args:
            directory: where it lies.
            identity: the model and settings in use; they must be those it was built with.
            rebuild: forget everything that is in it, roots too, and start anew with `identity`.
            on_wait: hears once, in one line, who holds the lock.
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
                db = prepare(directory, identity, rebuild)
                try:
                    sharing.settle(db, directory)
                    return cls(directory, db, identity, lock)
                except BaseException:
                    db.close()
                    raise
            except BaseException:
                lock.release()
                raise

    def __enter__(self) -> Writer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._interrupted = kind is not None
        self.close()

    def file(self, path: str) -> FileRecord | None:
        """What is known of a file, staged changes included."""
        if path in self._files:
            return self._files[path]
        with schema.translated(self.directory):
            return find_file(self._db, self._codec, path)

    def unchanged(self, paths: Sequence[str], sizes: Sequence[int], mtimes_ns: Sequence[int]) -> list[bool]:
        """Which of some thousand files are just as they were when they were indexed; quick for those of one directory.

        False for what is staged, missing or failed: ask `file` about those.
        """
        now = list(zip(self._codec.encode_all(paths), sizes, mtimes_ns, strict=True))
        with schema.translated(self.directory):
            indexed = find_indexed(self._db, [key for key, _, _ in now])
        if indexed == now and self._files.keys().isdisjoint(paths):
            return [True] * len(now)
        known = set(indexed)
        return [one in known and path not in self._files for one, path in zip(now, paths, strict=True)]

    def count_under(self, root: str, *, missing: bool) -> int:
        """At least as many as there are committed paths at or below `root`, and just so many where no drives are.

        With `missing` those that were gone count, too.
        """
        with schema.translated(self.directory):
            below = sum(count_files(self._db, start, end, missing) for start, end in self._codec.ranges(root))
        return below + (self.file(root) is not None)

    def has_content(self, digest: str, kind: str) -> bool:
        """Whether the vectors of a content are here, staged or committed."""
        return self._modality(digest, kind) is not None

    def put_content(
        self, digest: str, kind: str, modality: Modality, facts: FileMetadata, items: Sequence[Item], vectors: Vectors
    ) -> None:
        """Stage the parts of a content with their vectors; one that is here already stays as it is.

        It is written by the first commit at which a file holds it.

        Args:
            digest: of the file's bytes.
            kind: how the bytes were read; the same bytes read in another way are another content.
            modality: what the file is.
            facts: for filters.
            items: its parts; their paths are not kept here.
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
        """Stage that a file is there and holds a content, which is committed or staged already.

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
        """Stage that a file is of no kind the model or mmsearch can use."""
        self._stage(FileRecord(path, size, mtime_ns, "unsupported", reason, None, None, None, False))

    def mark_missing(self, path: str) -> None:
        """Stage that a known file is gone: it keeps its vectors and answers no search."""
        record = self.file(path)
        if record is not None:
            self._stage(replace(record, missing=True))

    def remove(self, path: str) -> None:
        """Stage that a file is forgotten, with its vectors unless another file holds them."""
        if self.file(path) is not None:
            self._files[path] = None

    def forget_vectors(self) -> None:
        """Have the vectors of what is removed from now on leave their files too, at the latest when this closes.

        By itself a writer overwrites texts, words and names, and leaves vectors until a merge.
        """
        self._thorough = True

    def _stage(self, record: FileRecord) -> None:
        if record != self.file(record.path):
            self._files[record.path] = record

    def _modality(self, digest: str, kind: str) -> Modality | None:
        staged = self._contents.get((digest, kind))
        if staged is not None:
            return staged.modality
        with schema.translated(self.directory):
            found = find_content(self._db, digest, kind)
        return None if found is None else found[1]

    def paths_under(self, root: str | None) -> Iterator[str]:
        """Every committed path at or below `root`, whatever its status; `None` or an empty string for all.

        Staging and committing while iterating is fine.
        """
        if not root:
            yield from self._pages(b"", b"\xff" * 256)
            return
        if self._known(root):
            yield root
        inside = prefix(stored(root))
        for start, end in self._codec.ranges(root):
            for path in self._pages(start, end):
                if stored(path).startswith(inside):
                    yield path

    def _known(self, path: str) -> bool:
        with schema.translated(self.directory):
            return find_file(self._db, self._codec, path) is not None

    def _pages(self, start: bytes, end: bytes) -> Iterator[str]:
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
        """What was indexed, in order."""
        with schema.translated(self.directory):
            return find_roots(self._db, self._codec)

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
        """Grant folders and URLs that the user has named: they may be gone through again, and their files be shown."""
        with schema.translated(self.directory):
            full = [path if is_object_url(path) else os.path.abspath(path) for path in paths]
            full = [path for path in full if not self.grants.names_root(path)]
            outside = [path for path in full if not self.grants.allows_root(path)]
        if full:
            self._grant(lambda: self.grants.give_roots(full), outside)

    def allow_model(self) -> None:
        """Grant the model that the index is built with, and its settings: the user has named them."""
        options = self.identity.options
        with schema.translated(self.directory):
            known = self.grants.allows_identity(options) and not self.grants.trusted
        if not known:
            self._grant(lambda: self.grants.give_identity(options), [f"model {options.name}"])

    def allow_everything(self) -> None:
        """Grant all that the index names: the user trusts where it comes from."""
        with self._changing():
            given = grant_everything(self._db, self.directory)
        if not given:
            self._tell_no_key(["what it names"])

    def allow_file(self, path: str) -> None:
        """Stage that a file may be read again, wherever it lies: the user has listed it, or a link leads to it."""
        folder = os.path.dirname(path)
        if self._keyless or (folder == self._inside and not os.path.islink(path)):
            return
        with schema.translated(self.directory):
            if not self.grants.may_read(path):
                self._allowed[path] = None
            elif not is_object_url(path) and self.grants.may_read(folder):
                self._inside = folder

    def _grant(self, give: Callable[[], bool], needing: Sequence[str]) -> None:
        """Grant something, at once and for good; where that cannot be, say for which it would have mattered."""
        with self._changing(), schema.transaction(self._db):
            given = give()
        if not given and needing and not self._keyless:
            self._tell_no_key(needing)

    def _tell_no_key(self, needing: Sequence[str]) -> None:
        self._keyless = True
        log.warning(
            "%s cannot keep a key, so %s is not allowed for good: add --trust-index when it is wanted again",
            state_folder(),
            needing[0] if len(needing) == 1 else f"{needing[0]} and {len(needing) - 1} more",
        )

    def pending(self) -> int:
        """Staged vectors."""
        return sum(len(content.items) for content in self._contents.values())

    def commit(self) -> None:
        """Make everything staged durable as one step; without anything staged nothing is written.

        Contents that no file holds any more go with their items. When it fails, what was staged still is.

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
            written = commit.run(self._files, self._contents, self._thorough)
            self._files.clear()
            for key in written:
                del self._contents[key]
            self._settled = True
            self._merge()

    def merge(self) -> int:
        """Rewrite the segments that are mostly dead or too many small ones; how many were replaced.

        A commit does so by itself. Readers go on with the files they have.
        """
        with self._changing():
            return self._merge()

    def optimize(self, wanted: OptimizeRequest, told: Told) -> list[Optimized]:
        """Make searches fast: few large vector files, and accelerators where there are many vectors.

        Readers go on meanwhile, and an interrupt costs what is not done yet.

        Args:
            wanted: what to make.
            told: hears what is being done, how much of it is done, and how much there is.

        Raises:
            UsageError: the vectors are not that long.
            MmsearchError: the disk is full or fails; what is done counts.
        """
        with self._changing():
            done = AnnOptimizer(self._db, self.directory, self.identity.dim, wanted, told, self._collect).run()
            erasure.merge_words(self._db)
            return done

    def share(self, shared: bool) -> None:
        """Let others use the index whom the umask lets in, or its user alone; later writers keep it so."""
        with self._changing():
            sharing.choose(self._db, self.directory, shared)

    def slow(self, flat_bytes: int = FLAT_BYTES) -> int:
        """How many vectors are compared one by one by every search although they are many; `optimize` changes that."""
        with schema.translated(self.directory):
            return ann_optimize.advised(self._db, self.identity.dim, flat_bytes)

    @contextmanager
    def _changing(self) -> Iterator[None]:
        with schema.translated(self.directory):
            try:
                yield
            except sqlite3.Error:
                self._settled = False
                raise

    def _merge(self) -> int:
        # What the previous merge replaced goes before the next one writes, so at most one generation waits on disk.
        plans = compaction.plan(self._db, self.identity.dim)
        if plans:
            self._collect()
        return sum(compaction.run(self._db, self.directory, self.identity.dim, plan) for plan in plans)

    def _collect(self) -> None:
        """Remove the files nobody lists, once it is certain that nobody does; what is half written at any time."""
        found = vectors.garbage(self.directory, compaction.names(self._db))
        half = [path for path in found if path.endswith(TEMPORARY)]
        vectors.remove(self.directory, half)
        if len(half) == len(found):
            return
        with suppress(sqlite3.Error):  # a disk that is full will say so when there is something to write
            if not self._settled:
                schema.settle(self._db)
                self._settled = True
            vectors.remove(self.directory, found)

    def close(self) -> None:
        """Drop what is staged, remove files nobody lists, and give the lock back. Closing twice is fine."""
        self._files.clear()
        self._contents.clear()
        try:
            # Tidying up: the next writer does it otherwise.
            if not self._interrupted:
                with suppress(sqlite3.Error, OSError, IndexDamaged):
                    erasure.pay(self._db, self.directory, self.identity.dim)
            with suppress(sqlite3.Error, OSError):
                self._collect()
            self._db.close()
        finally:
            self._lock.release()


def _rewrite_paths(db: sqlite3.Connection, codec: PathCodec) -> None:
    """Store what lies under a new anchor relative to it."""
    assert codec.base is not None
    anchor = stored(codec.base)
    start, end = below(anchor)
    for table in ("files", "roots"):
        db.execute(
            f"UPDATE {table} SET path = substr(path, ?) WHERE path >= ? AND path < ?", (len(start) + 1, start, end)
        )
    db.execute("UPDATE roots SET path = ? WHERE path = ?", (HERE, anchor))
    schema.put_meta(db, "anchor", codec.anchor)
