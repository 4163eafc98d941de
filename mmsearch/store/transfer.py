"""Reads everything from one index and adds it to another, for merging, exporting and importing.

Vectors are copied as they are: half precision is widened and narrowed again without a change of any bit. Knows nothing
about models, or where imported files come from.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, TypeAlias

from mmsearch.errors import IndexMismatch, UsageError
from mmsearch.store import schema, value_check
from mmsearch.store.database import batches, placeholders
from mmsearch.store.queries import FILE_COLUMNS, file_record, find_roots
from mmsearch.store.reader import Reader
from mmsearch.store.records import FileRecord
from mmsearch.types import FileMetadata, Item, Modality, Vectors

if TYPE_CHECKING:
    from mmsearch.store.writer import Writer

ITEMS_AT_ONCE = 4096
"""Items that are read at a time, and at most one content more."""
COMMIT_NUMBERS = 1 << 24
"""Numbers of vectors that are staged before a commit: 64 MiB of float32."""
COMMIT_FILES = 8192

Rename: TypeAlias = Callable[[str], str]
"""From an absolute path to the one that replaces it."""


@dataclass(frozen=True)
class Content:
    """A content with everything except its vectors.

    Attributes:
        digest, kind, modality, facts: as `Writer.put_content` takes them.
        items: its parts in their order; they name no path.
        ids: of the items in their source; empty if that has none.
        files: the files that hold it, missing ones included, in order of stored paths.
    """

    digest: str
    kind: str
    modality: Modality
    facts: FileMetadata
    items: tuple[Item, ...]
    ids: tuple[int, ...]
    files: tuple[FileRecord, ...]


VectorsOf: TypeAlias = Callable[[Sequence[Content]], Sequence[Vectors]]
"""Returns for each of some contents float32 `(items, dim)`."""


def contents(reader: Reader, at_once: int = ITEMS_AT_ONCE) -> Iterator[list[Content]]:
    """Every content of an index, oldest first, some thousand items at a time."""
    query = (
        "SELECT c.id, c.digest, c.kind, c.modality, c.width, c.height, c.duration, c.taken,"
        " i.id, i.partition, i.ordinal, i.span_unit, i.span_start, i.span_end, i.text"
        " FROM contents c CROSS JOIN items i ON i.content_id = c.id ORDER BY c.id, i.ordinal, i.id"
    )
    with schema.translated(reader.directory):
        contents_by_id: dict[int, Content] = {}
        count = 0
        for key, group in groupby(reader.catalog.db.execute(query), itemgetter(0)):
            rows = list(group)
            digest, kind, modality, *facts = rows[0][1:8]
            items = tuple(
                value_check.item("", digest, modality, partition, ordinal, unit, start, end, text)
                for *_, partition, ordinal, unit, start, end, text in rows
            )
            ids = tuple(row[8] for row in rows)
            kind = value_check.text(kind, "contents.kind")
            contents_by_id[key] = Content(digest, kind, modality, value_check.facts(*facts), items, ids, ())
            count += len(rows)
            if count >= at_once:
                yield _with_files(reader, contents_by_id)
                contents_by_id, count = {}, 0
        if contents_by_id:
            yield _with_files(reader, contents_by_id)


def _with_files(reader: Reader, contents_by_id: Mapping[int, Content]) -> list[Content]:
    files: dict[int, list[FileRecord]] = {key: [] for key in contents_by_id}
    for batch in batches(list(contents_by_id)):
        query = f"SELECT f.content_id, {FILE_COLUMNS} WHERE f.content_id IN ({placeholders(batch)}) ORDER BY f.path"
        for key, *row in reader.catalog.db.execute(query, batch):
            files[key].append(file_record(reader.catalog.codec, tuple(row)))
    return [replace(content, files=tuple(files[key])) for key, content in contents_by_id.items()]


def unread(reader: Reader) -> Iterator[FileRecord]:
    """Every file without a content: failed and unsupported ones, missing ones included."""
    query = f"SELECT {FILE_COLUMNS} WHERE f.status <> 'ok' ORDER BY f.path"
    with schema.translated(reader.directory):
        for row in reader.catalog.db.execute(query):
            yield file_record(reader.catalog.codec, row)


def roots(reader: Reader) -> list[str]:
    """The roots of an index, absolute and in order."""
    with schema.translated(reader.directory):
        return find_roots(reader.catalog.db, reader.catalog.codec)


def count_files(reader: Reader) -> int:
    """All files that an index knows of."""
    with schema.translated(reader.directory):
        return int(reader.catalog.db.execute("SELECT count(*) FROM files").fetchone()[0])


def vectors_from(reader: Reader) -> VectorsOf:
    """A function that reads the vectors of contents of a reader."""
    import numpy as np

    def vectors_of(batch: Sequence[Content]) -> list[Vectors]:
        rows = reader.vectors_of([item for content in batch for item in content.ids])
        return [np.stack([rows[item] for item in content.ids]) for content in batch]

    return vectors_of


def rank(record: FileRecord) -> tuple[int, bool, bool]:
    """Of two records of one path the higher rank counts: the newer file, else the one read, else the one present."""
    return record.mtime_ns, record.status == "ok", not record.missing


class Importer:
    """Adds files and contents to an open writer, committing as it goes; of one path the newer file counts.

    Whatever the index has already stays as it is, so that an import changes nothing the second time, and an interrupted
    one can be continued.

    Attributes:
        counts: files `added`, `changed` (replaced by a newer one), `unchanged` and `older` (the index has a newer one,
            or one of the same time); contents that the index had, as `reused`; `items` that were written.
    """

    def __init__(self, writer: Writer, rename: Rename = str, on_progress: Callable[[int], None] | None = None) -> None:
        """`on_progress(n)`: n more files finished."""
        self.counts: Counter[str] = Counter(added=0, changed=0, unchanged=0, older=0, reused=0, items=0)
        self._writer = writer
        self._rename = rename
        self._on_progress = on_progress
        self._files = self._items = 0
        """Staged since the last commit."""
        self._unheld: dict[tuple[str, str], int] = {}
        """Numbers of items of staged contents that no file holds yet."""

    def roots(self, paths: Iterable[str]) -> None:
        """Let runs of `mmsearch index` scan these folders too.

        Renamed ones count as named by the user, who has given the new name; the others as requests.
        """
        moved = []
        for path in paths:
            renamed = self._renamed(path)
            self._writer.add_root(renamed)
            moved += [renamed] if renamed != path else []
        self._writer.allow_roots(moved)

    def grants(self, reader: Reader) -> None:
        """Add the grants of another index."""
        grants = reader.grants
        allowed = [root for root in roots(reader) if grants.everything or grants.names_root(root)]
        self._writer.allow_roots([self._renamed(root) for root in allowed])
        for path in grants.granted_files():
            self._writer.allow_file(self._renamed(path))

    def contents(self, batch: Sequence[Content], vectors_of: VectorsOf) -> None:
        """Add contents with their files; only vectors that the index lacks are read."""
        missing = [content for content in batch if not self._writer.has_content(content.digest, content.kind)]
        blocks = vectors_of(missing) if missing else ()
        vectors = {id(content): block for content, block in zip(missing, blocks, strict=True)}
        for content in batch:
            self._add(content, vectors.get(id(content)), keep=False)
        self._commit_if_due()

    def content(self, content: Content, vectors: Vectors) -> None:
        """Add a content with some of its files, float32 `(items, dim)`; more may be among the next `files`."""
        is_known = self._writer.has_content(content.digest, content.kind)
        self._add(content, None if is_known else vectors, keep=True)
        self._commit_if_due()

    def files(self, records: Iterable[FileRecord]) -> None:
        """Add records of files. Raises LookupError for a record whose content the index lacks."""
        for record in records:
            for winning in self._winning([record]):
                self._put(winning)
            self._commit_if_due()

    def _add(self, content: Content, vectors: Vectors | None, keep: bool) -> None:
        """Stage the files that count, and their content unless the index has it (`vectors` is None)."""
        winning = self._winning(content.files)
        if vectors is not None and (winning or keep):
            self._writer.put_content(
                content.digest, content.kind, content.modality, content.facts, content.items, vectors
            )
            self._items += len(content.items)
            self._unheld[content.digest, content.kind] = len(content.items)
        elif winning:
            self.counts["reused"] += 1
        for record in winning:
            self._put(record)

    def finish(self) -> None:
        """Commit the rest."""
        self._writer.commit()
        self._files = self._items = 0

    def _winning(self, records: Iterable[FileRecord]) -> list[FileRecord]:
        """Those that are newer than the records of the index, renamed."""
        winning = []
        for record in records:
            path = self._renamed(record.path)
            renamed = record if path == record.path else replace(record, path=path)
            existing = self._writer.file(path)
            if existing is None or rank(renamed) > rank(existing):
                self.counts["added" if existing is None else "changed"] += 1
                winning.append(renamed)
            else:
                self.counts["unchanged" if renamed == existing else "older"] += 1
            if self._on_progress is not None:
                self._on_progress(1)
        return winning

    def _renamed(self, path: str) -> str:
        renamed = self._rename(path)
        if not os.path.isabs(renamed):
            raise UsageError(f"{renamed} is no absolute path on this system: say with --map where such files lie here")
        return renamed

    def _put(self, record: FileRecord) -> None:
        path, size, mtime_ns = record.path, record.size, record.mtime_ns
        if record.status == "ok":
            assert record.digest is not None and record.kind is not None  # the tables enforce it
            self._writer.put_file(path, size, mtime_ns, record.digest, record.kind)
            self.counts["items"] += self._unheld.pop((record.digest, record.kind), 0)
        elif record.status == "failed":
            self._writer.put_failure(path, size, mtime_ns, record.reason)
        else:
            self._writer.put_unsupported(path, size, mtime_ns, record.reason)
        if record.missing:
            self._writer.mark_missing(path)
        self._files += 1

    def _commit_if_due(self) -> None:
        if self._items * self._writer.identity.dim >= COMMIT_NUMBERS or self._files >= COMMIT_FILES:
            self.finish()


def merge(sources: Sequence[Reader], importer: Importer) -> None:
    """Add all of several indexes of the identity of the target, roots first, and commit all of it."""
    for reader in sources:
        importer.roots(roots(reader))
        importer.grants(reader)
        reader.open_files()  # so that no merge in the source removes a vector file
        vectors_of = vectors_from(reader)
        for batch in contents(reader):
            importer.contents(batch, vectors_of)
        importer.files(unread(reader))
    importer.finish()


def require_comparable(readers: Sequence[Reader]) -> None:
    """Check that the vectors of several indexes are comparable. Raises IndexMismatch that names the differences."""
    first = readers[0]
    for other in readers[1:]:
        if differences := first.identity.differences(other.identity):
            raise IndexMismatch(describe_differences(first.directory, other.directory, differences))


def describe_differences(first: str, other: str, differences: Sequence[str]) -> str:
    """One line about two indexes whose identities differ so: `dim is 512, not 768`."""
    return (
        f"{first} and {other} cannot go together: in the first {'; '.join(differences)}: "
        "index one of them again with the model and settings of the other"
    )
