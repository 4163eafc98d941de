"""All that one index knows, in order, and taking it over into another: what merging, exporting and importing share.

Vectors go from file to file as they are: half precision is widened and narrowed again without a change of any bit.
Knows nothing about models, or where what is taken over comes from.
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
from mmsearch.store.queries import FILE_COLUMNS, file_record, find_roots
from mmsearch.store.reader import Reader
from mmsearch.store.records import FileRecord
from mmsearch.store.row_table import marks, parts
from mmsearch.types import FileMetadata, Item, Modality, Vectors

if TYPE_CHECKING:
    from mmsearch.store.writer import Writer

ITEMS_AT_ONCE = 4096
"""Items that are read together, and at most one content more."""
COMMIT_NUMBERS = 1 << 24
"""Numbers of vectors that are staged before a commit: 64 MiB of float32."""
COMMIT_FILES = 8192

Rename: TypeAlias = Callable[[str], str]
"""From an absolute path to the one that is to stand for it."""


@dataclass(frozen=True)
class Content:
    """A content with all that belongs to it but its vectors.

    Attributes:
        digest, kind, modality, facts: as `Writer.put_content` takes them.
        items: its parts in their order; they name no path.
        ids: of the items, where they come from; empty where that has none.
        files: what holds it, missing ones included, in order of stored paths.
    """

    digest: str
    kind: str
    modality: Modality
    facts: FileMetadata
    items: tuple[Item, ...]
    ids: tuple[int, ...]
    files: tuple[FileRecord, ...]


VectorsOf: TypeAlias = Callable[[Sequence[Content]], Sequence[Vectors]]
"""Gives for each of some contents float32 `(items, dim)`."""


def contents(reader: Reader, at_once: int = ITEMS_AT_ONCE) -> Iterator[list[Content]]:
    """Every content of an index in the order in which they came, some thousand items at a time."""
    query = (
        "SELECT c.id, c.digest, c.kind, c.modality, c.width, c.height, c.duration, c.taken,"
        " i.id, i.partition, i.ordinal, i.span_unit, i.span_start, i.span_end, i.text"
        " FROM contents c CROSS JOIN items i ON i.content_id = c.id ORDER BY c.id, i.ordinal, i.id"
    )
    with schema.translated(reader.directory):
        found: dict[int, Content] = {}
        count = 0
        for key, group in groupby(reader.survey.db.execute(query), itemgetter(0)):
            rows = list(group)
            digest, kind, modality, *facts = rows[0][1:8]
            items = tuple(
                value_check.item("", digest, modality, partition, ordinal, unit, start, end, text)
                for *_, partition, ordinal, unit, start, end, text in rows
            )
            ids = tuple(row[8] for row in rows)
            kind = value_check.text(kind, "contents.kind")
            found[key] = Content(digest, kind, modality, value_check.facts(*facts), items, ids, ())
            count += len(rows)
            if count >= at_once:
                yield _with_files(reader, found)
                found, count = {}, 0
        if found:
            yield _with_files(reader, found)


def _with_files(reader: Reader, found: Mapping[int, Content]) -> list[Content]:
    files: dict[int, list[FileRecord]] = {key: [] for key in found}
    for part in parts(list(found)):
        query = f"SELECT f.content_id, {FILE_COLUMNS} WHERE f.content_id IN ({marks(part)}) ORDER BY f.path"
        for key, *row in reader.survey.db.execute(query, part):
            files[key].append(file_record(reader.survey.codec, tuple(row)))
    return [replace(content, files=tuple(files[key])) for key, content in found.items()]


def unread(reader: Reader) -> Iterator[FileRecord]:
    """Every file that has no content: what failed and what is unsupported, missing ones included."""
    query = f"SELECT {FILE_COLUMNS} WHERE f.status <> 'ok' ORDER BY f.path"
    with schema.translated(reader.directory):
        for row in reader.survey.db.execute(query):
            yield file_record(reader.survey.codec, row)


def roots(reader: Reader) -> list[str]:
    """What was indexed, absolute and in order."""
    with schema.translated(reader.directory):
        return find_roots(reader.survey.db, reader.survey.codec)


def count_files(reader: Reader) -> int:
    """All files that an index knows of."""
    with schema.translated(reader.directory):
        return int(reader.survey.db.execute("SELECT count(*) FROM files").fetchone()[0])


def vectors_from(reader: Reader) -> VectorsOf:
    """What gives the vectors of the contents of a reader."""
    import numpy as np

    def vectors_of(wanted: Sequence[Content]) -> list[Vectors]:
        rows = reader.vectors_of([item for content in wanted for item in content.ids])
        return [np.stack([rows[item] for item in content.ids]) for content in wanted]

    return vectors_of


def rank(record: FileRecord) -> tuple[int, bool, bool]:
    """Which of two records of one path counts is the one with the higher rank: the newer file, else the one that was
    read, else the one that was there.
    """
    return record.mtime_ns, record.status == "ok", not record.missing


class Importer:
    """Takes files and contents over into an open writer, committing as it goes; of one path the newer file counts.

    What is here already is left as it is, so that doing it again changes nothing and one that was interrupted goes on.

    Attributes:
        counts: files `added`, `changed` (a newer one takes the place of what was here), `unchanged` and `older` (what
            is here is newer, or as new); contents that were here already, as `reused`; `items` that were written.
    """

    def __init__(self, writer: Writer, rename: Rename = str, heard: Callable[[int], None] | None = None) -> None:
        """`heard` is told of so many more files that are done with."""
        self.counts: Counter[str] = Counter(added=0, changed=0, unchanged=0, older=0, reused=0, items=0)
        self._writer = writer
        self._rename = rename
        self._heard = heard
        self._files = self._items = 0
        """Staged since the last commit."""
        self._kept: dict[tuple[str, str], int] = {}
        """Items of contents that are staged and that no file holds yet."""

    def roots(self, paths: Iterable[str]) -> None:
        """Have runs of `mmsearch index` go through these folders too.

        Those that are to have another name count as named by the user, who has said which; the others as wishes.
        """
        moved = []
        for path in paths:
            named = self._named(path)
            self._writer.add_root(named)
            moved += [named] if named != path else []
        self._writer.allow_roots(moved)

    def grants(self, reader: Reader) -> None:
        """Take over what the user has allowed another index to name."""
        free = reader.grants.everything
        named = [root for root in roots(reader) if free or reader.grants.names_root(root)]
        self._writer.allow_roots([self._named(root) for root in named])
        for path in reader.grants.granted_files():
            self._writer.allow_file(self._named(path))

    def contents(self, batch: Sequence[Content], vectors_of: VectorsOf) -> None:
        """Take over contents with their files; only vectors that are not here yet are asked for."""
        fresh = [content for content in batch if not self._writer.has_content(content.digest, content.kind)]
        rows = {id(one): found for one, found in zip(fresh, vectors_of(fresh) if fresh else (), strict=True)}
        for content in batch:
            self._take(content, rows.get(id(content)), keep=False)
        self._commit_if_due()

    def content(self, content: Content, vectors: Vectors) -> None:
        """Take over a content with some of its files, float32 `(items, dim)`; more may be among the next `files`."""
        known = self._writer.has_content(content.digest, content.kind)
        self._take(content, None if known else vectors, keep=True)
        self._commit_if_due()

    def files(self, records: Iterable[FileRecord]) -> None:
        """Take over records of files; the content of one that has any is here, or it is a LookupError."""
        for record in records:
            for winning in self._winning([record]):
                self._put(winning)
            self._commit_if_due()

    def _take(self, content: Content, vectors: Vectors | None, keep: bool) -> None:
        """Stage a content with the files that count; not where it is here (`vectors` is None) or nothing needs it."""
        winning = self._winning(content.files)
        if vectors is not None and (winning or keep):
            self._writer.put_content(
                content.digest, content.kind, content.modality, content.facts, content.items, vectors
            )
            self._items += len(content.items)
            self._kept[content.digest, content.kind] = len(content.items)
        elif winning:
            self.counts["reused"] += 1
        for record in winning:
            self._put(record)

    def finish(self) -> None:
        """Commit what is left."""
        self._writer.commit()
        self._files = self._items = 0

    def _winning(self, records: Iterable[FileRecord]) -> list[FileRecord]:
        """Those that are newer than what is here, under the paths that they are to have."""
        winning = []
        for record in records:
            path = self._named(record.path)
            named = record if path == record.path else replace(record, path=path)
            known = self._writer.file(named.path)
            if known is None or rank(named) > rank(known):
                self.counts["added" if known is None else "changed"] += 1
                winning.append(named)
            else:
                self.counts["unchanged" if named == known else "older"] += 1
            if self._heard is not None:
                self._heard(1)
        return winning

    def _named(self, path: str) -> str:
        named = self._rename(path)
        if not os.path.isabs(named):
            raise UsageError(f"{named} is no absolute path on this system: say with --map where such files lie here")
        return named

    def _put(self, record: FileRecord) -> None:
        path, size, mtime_ns = record.path, record.size, record.mtime_ns
        if record.status == "ok":
            assert record.digest is not None and record.kind is not None  # the tables see to it
            self._writer.put_file(path, size, mtime_ns, record.digest, record.kind)
            self.counts["items"] += self._kept.pop((record.digest, record.kind), 0)
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


def copy_all(reader: Reader, adoption: Importer) -> None:
    """Take over all that an index knows, its roots first; the last of it waits for `finish`."""
    adoption.roots(roots(reader))
    adoption.grants(reader)
    reader.settle()  # so that no merge in the source takes a vector file away
    vectors_of = vectors_from(reader)
    for batch in contents(reader):
        adoption.contents(batch, vectors_of)
    adoption.files(unread(reader))


def merge(sources: Sequence[Reader], adoption: Importer) -> None:
    """Take over several indexes of the identity of the target, and commit all of it."""
    for reader in sources:
        copy_all(reader, adoption)
    adoption.finish()


def require_alike(readers: Sequence[Reader]) -> None:
    """Make sure that the vectors of several indexes are comparable.

    Raises:
        IndexMismatch: those of two are not; the message says what differs.
    """
    first = readers[0]
    for other in readers[1:]:
        if differences := first.identity.differences(other.identity):
            raise IndexMismatch(unlike(first.directory, other.directory, differences))


def unlike(first: str, other: str, differences: Sequence[str]) -> str:
    """One line about two indexes whose identities differ so: `dim is 512, not 768`."""
    return (
        f"{first} and {other} cannot go together: in the first {'; '.join(differences)}: "
        "index one of them anew with the model and settings of the other"
    )
