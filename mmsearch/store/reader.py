"""Reads an index: searches, the files behind the results, and figures about the whole.

A reader sees the index as it was when it was opened, even while a writer changes it, and needs no lock and no
writable directory. Knows nothing about models, ranking or fusion: it takes a vector and returns items.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from mmsearch.errors import IndexDamaged, IndexMismatch
from mmsearch.store import faiss_files, fulltext, schema, statistics, value_check, word_lookup, word_search
from mmsearch.store.database import batches, placeholders
from mmsearch.store.queries import (
    DEAD_CONTENTS,
    FILE_COLUMNS,
    Catalog,
    condition,
    file_record,
    find_file,
    find_parts,
    find_roots,
    load_codec,
    require_readable,
    size_on_disk,
)
from mmsearch.store.records import EVERYTHING, FileRecord, FileStatus, Filter, Located, Part, StoreStatus
from mmsearch.store.row_table import RowTable
from mmsearch.store.vector_search import Block, Hits, OpenFiles, VectorSearch
from mmsearch.store.word_lookup import Gate, NameMatch
from mmsearch.store.word_search import WordMatches
from mmsearch.store.words.query import Term, WordQuery
from mmsearch.system.lazy_import import LazyModule
from mmsearch.types import MODALITIES, Modality, Vectors

if TYPE_CHECKING:
    import numpy as np

    from mmsearch.store.grants import Grants
    from mmsearch.store.multi_reader import MultiReader
else:
    np = LazyModule("numpy")

T = TypeVar("T")
_ATTEMPTS = 8
# Present files by status and by modality, from the few and from indexes, for the files are many.
_FILES = """SELECT status, sum(n) FROM (
        SELECT 'ok' AS status, count(*) AS n FROM files
        UNION ALL SELECT 'ok', -count(*) FROM files WHERE status <> 'ok'
        UNION ALL SELECT 'ok', -count(*) FROM files WHERE missing = 1 AND content_id IS NOT NULL
        UNION ALL SELECT status, count(*) FROM files WHERE status <> 'ok' AND missing = 0 GROUP BY status
    ) GROUP BY status HAVING sum(n) > 0"""
_COPIES = (
    "SELECT content_id, count(*) - 1 AS n FROM files WHERE content_id IS NOT NULL GROUP BY content_id HAVING n > 0"
)
_MODALITIES = f"""SELECT modality, sum(n) FROM (
        SELECT modality, count(*) AS n FROM contents GROUP BY modality
        UNION ALL SELECT c.modality, s.n FROM ({_COPIES}) s JOIN contents c ON c.id = s.content_id
        UNION ALL SELECT c.modality, -1 FROM files f JOIN contents c ON c.id = f.content_id WHERE f.missing = 1
    ) GROUP BY modality HAVING sum(n) > 0"""
_CONTENTS_BUT = """SELECT modality, count(*) FROM contents WHERE modality < ? GROUP BY modality
    UNION ALL SELECT modality, count(*) FROM contents WHERE modality > ? GROUP BY modality"""
"""By modality, without one of them."""
_LEAST_SAMPLED = 256
"""If fewer of the sampled items are left, because files of the others are missing, another sample is taken."""
_FEW = 2048
"""Items that are checked against a filter one by one."""


class Reader:
    """A snapshot of an index; a context manager. Use one on one thread."""

    def __init__(self, directory: str, db: sqlite3.Connection, trusted: bool = False) -> None:
        """Use `open`."""
        self.directory = directory
        self._db = db
        self._trusted = trusted
        self._begin(OpenFiles())

    @classmethod
    def open(cls, directory: str, trusted: bool = False) -> Reader:
        """Open the index in a directory.

        Args:
            directory: of the index.
            trusted: the user allows everything it names: its model, and files anywhere.

        Raises:
            IndexMissing: there is none.
            IndexMismatch: it has a format that this version does not read.
            IndexDamaged: it cannot be read.
        """
        directory = os.path.abspath(directory)
        with schema.translated(directory):
            db = schema.connect_reader(directory)
            try:
                return cls(directory, db, trusted)
            except BaseException:
                db.close()
                raise

    def _begin(self, open_files: OpenFiles) -> None:
        self._db.execute("BEGIN")  # the snapshot starts with the first read and lasts until refresh or close
        self.format = require_readable(self._db, self.directory)
        self.identity = schema.identity_of(self._db, self.directory)
        self._codec = load_codec(self._db, self.directory)
        self._grants: Grants | None = None
        self._rows = RowTable(self._db, self._codec)
        self._gates: dict[WordQuery, Gate] = {}
        self._vectors = VectorSearch(self.directory, self.identity.dim, self._rows, open_files)

    def refresh(self) -> None:
        """Go on to the latest commit. Ids of items that are still there stay what they were."""
        with schema.translated(self.directory):
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            self._begin(self._vectors.open_files)

    def close(self) -> None:
        """End the snapshot. Closing twice is fine."""
        self._vectors.open_files.keep_only(set(), set())
        self._db.close()

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def open_files(self, where: Filter = EVERYTHING) -> None:
        """Open all vector files, or those that the filter may need, so that the snapshot stays until `refresh`.

        Without this a reader opens vector files when it needs them, and moves on to a newer snapshot if a merge removed
        one. Damaged files are reported by the searches that need them.
        """
        with suppress(IndexDamaged):
            # Inside, for the partitions may change between attempts.
            self._retry(
                lambda: self._vectors.open_all(
                    [partition for partition in MODALITIES if self._rows.within(partition, where) is not None]
                )
            )

    @property
    def grants(self) -> Grants:
        """The names outside its own folder that the user has allowed this index."""
        if self._grants is None:
            from mmsearch.store.grants import Grants  # late: most searches need none

            self._grants = Grants(self._db, self.directory, self._trusted)
        return self._grants

    def may_read(self, path: str) -> bool:
        """True if the content of a file of the index may be opened; being named by the index is no permission.

        That is so below the folder that holds the index, below folders that the user has named for it, and for files
        that the user has listed, after links in the path are resolved.
        """
        with schema.translated(self.directory):
            return self.grants.may_read(path)

    def allows_identity(self) -> bool:
        """True if the user has named the model of the index, with its settings."""
        with schema.translated(self.directory):
            return self.grants.allows_identity(self.identity.options)

    # --- by vectors ---

    def counts(self) -> dict[Modality, int]:
        """Live items by partition: those with a present file."""
        with schema.translated(self.directory):
            totals = dict(self._db.execute("SELECT partition, sum(live) FROM segments GROUP BY partition"))
            dead = self._db.execute(
                f"SELECT partition, count(*) FROM items WHERE content_id IN ({DEAD_CONTENTS}) GROUP BY partition"
            )
            for partition, count in dead:
                totals[partition] -= count
            return {value_check.modality(name, "segments.partition"): count for name, count in totals.items() if count}

    def file_counts(self) -> dict[Modality, int]:
        """Contents by modality, those whose files are missing included."""
        with schema.translated(self.directory):
            # Most contents are of one modality, and SQLite counts all of a table much faster than those of a kind.
            largest = self._db.execute("SELECT partition FROM segments ORDER BY live DESC LIMIT 1").fetchone()
            most = value_check.modality(largest[0], "segments.partition") if largest else MODALITIES[0]
            rows = self._db.execute(_CONTENTS_BUT, (most, most))
            counts = {value_check.modality(name, "contents.modality"): count for name, count in rows}
            counts[most] = self._db.execute("SELECT count(*) FROM contents").fetchone()[0] - sum(counts.values())
            return {name: count for name, count in counts.items() if count}

    def search(
        self, vector: Vectors, partition: Modality, k: int, where: Filter = EVERYTHING
    ) -> list[tuple[int, float]]:
        """The nearest items of a partition that lie in a live file which passes the filter.

        Args:
            vector: float32 `(dim,)`, unit length.
            partition: where to search.
            k: how many; fewer are returned only if there are no more.
            where: the filter.

        Returns:
            Item ids and cosines, best first, equal scores by id.
        """
        if vector.shape != (self.identity.dim,):
            raise ValueError(f"a query for this index has shape ({self.identity.dim},), got {vector.shape}")
        return self.search_all(vector[None], partition, k, where)[0]

    def search_all(
        self, queries: Vectors, partition: Modality, k: int, where: Filter = EVERYTHING
    ) -> list[list[tuple[int, float]]]:
        """The results of `search` for each of several vectors, float32 `(n, dim)`."""
        queries = np.ascontiguousarray(queries, dtype=np.float32)

        def attempt() -> list[Hits]:
            remaining = self._rows.within(partition, where)
            if remaining is None or k <= 0:
                return [[] for _ in queries]
            return self._vectors.search(queries, partition, k, remaining)

        return self._retry(attempt)

    def _retry(self, attempt: Callable[[], T]) -> T:
        """Run something that opens vector files; a merge may have replaced them since the snapshot was taken."""
        missing: FileNotFoundError | None = None
        with schema.translated(self.directory):
            for _ in range(_ATTEMPTS):
                try:
                    return attempt()
                except FileNotFoundError as error:
                    missing, previous = error, self.identity
                    self.refresh()
                    if self.identity != previous:
                        raise IndexMismatch(
                            f"the index in {self.directory} was rebuilt with other settings meanwhile: run it again"
                        ) from error
        raise IndexDamaged(f"{missing.filename if missing else ''} is gone: {faiss_files.REMEDY}") from missing

    def scores(self, vector: Vectors, item_ids: Sequence[int]) -> dict[int, float]:
        """The exact cosine of a vector, float32 `(dim,)`, with each of some items; items that are gone are left out."""
        return {item: float(row @ vector) for item, row in self.vectors_of(item_ids).items()}

    def vectors_of(self, item_ids: Sequence[int]) -> dict[int, Vectors]:
        """The vectors of items by their id, float32 `(dim,)` each."""
        return self._retry(lambda: self._vectors.vectors_of(item_ids))

    def sample(self, partition: Modality, limit: int = 1024) -> Vectors:
        """Live vectors spread evenly over a partition, the same ones each time: float32 `(at most limit, dim)`."""
        with schema.translated(self.directory):
            if self._rows.has_statistics:
                sampled = statistics.sample(self._db, partition, limit, self.identity.dim)
                if len(sampled) >= min(limit, _LEAST_SAMPLED, self.counts().get(partition, 0)):
                    return sampled
        return self._retry(lambda: self._vectors.sample(partition, limit))

    def blocks(self, partition: Modality, where: Filter = EVERYTHING, numbers: int = 1 << 22) -> Iterator[Block]:
        """Every live vector of a partition that passes the filter, a block of at most `numbers` numbers at a time.

        A concurrent merge does no harm, since all files are opened before the first block is read. The order is that of
        the files, the same each time for one snapshot.
        """
        segments = self._retry(lambda: self._vectors.open_partition(partition))
        yield from self._vectors.blocks(segments, where, numbers)

    # --- files ---

    def locate(self, item_ids: Sequence[int], where: Filter = EVERYTHING) -> dict[int, list[Located]]:
        """For each item every live file that holds its content and passes the filter, in order of paths.

        Every id is in the result, with an empty list if the item is gone.
        """
        locations: dict[int, list[Located]] = {item_id: [] for item_id in item_ids}
        sql, values = condition(where, self._codec)
        with schema.translated(self.directory):
            for batch in batches(list(locations)):
                rows = self._db.execute(
                    "SELECT i.id, i.partition, i.ordinal, i.span_unit, i.span_start, i.span_end, i.text,"
                    " c.digest, c.kind, c.modality, f.path, f.size, f.mtime_ns"
                    " FROM items i JOIN contents c ON c.id = i.content_id JOIN files f ON f.content_id = c.id"
                    f" WHERE f.missing = 0 AND i.id IN ({placeholders(batch)}){sql}",
                    [*batch, *values],
                )
                for item_id, name, ordinal, unit, start, end, text, digest, kind, modality, key, size, mtime_ns in rows:
                    path = self._codec.decode(key)
                    if where.accept is None or where.accept(path):
                        item = value_check.item(path, digest, modality, name, ordinal, unit, start, end, text)
                        locations[item_id].append(value_check.located(item_id, item, kind, size, mtime_ns))
        for files in locations.values():
            files.sort(key=lambda located: os.fsencode(located.item.path))
        return locations

    def file(self, path: str) -> FileRecord | None:
        """The record of one file."""
        with schema.translated(self.directory):
            return find_file(self._db, self._codec, path)

    def items_at(self, path: str) -> list[tuple[int, Modality]]:
        """Ids and partitions of the items of a file except boxes, in their order; none if it is not indexed."""
        with schema.translated(self.directory):
            return self._db.execute(
                "SELECT i.id, i.partition FROM files f JOIN items i ON i.content_id = f.content_id"
                " WHERE f.path = ? AND i.span_unit <> 'box' ORDER BY i.ordinal",
                (self._codec.encode(path),),
            ).fetchall()

    def parts(self, item_ids: Sequence[int]) -> dict[int, Part]:
        """What each item is, wherever files hold it; items that are gone are left out."""
        with schema.translated(self.directory):
            return find_parts(self._db, item_ids)

    def modalities_in(self, partition: Modality) -> set[Modality]:
        """The modalities of all files that may have parts in a partition."""
        with schema.translated(self.directory):
            if not self._rows.has_statistics:
                return {partition}
            names = statistics.modalities_in(self._db, partition)
            return {value_check.modality(name, "pairs.modality") for name in names}

    def failures(self, *, unsupported: bool = False) -> Iterator[FileRecord]:
        """Present files that could not be read, in order of paths; with `unsupported` also unsupported ones."""
        query = f"SELECT {FILE_COLUMNS} WHERE f.status <> 'ok' AND f.missing = 0 ORDER BY f.path"
        with schema.translated(self.directory):
            records = [file_record(self._codec, row) for row in self._db.execute(query)]
        return (record for record in records if unsupported or record.status == "failed")

    @property
    def catalog(self) -> Catalog:
        """Reads over all of the index, at this snapshot."""
        return Catalog(self.directory, self._db, self._codec)

    # --- by words ---

    @property
    def has_words(self) -> bool:
        """True if the index can be searched by words; one of another version cannot until a writer has opened it."""
        return self.format >= schema.FORMAT_WITH_WORDS and fulltext.is_searchable(self._db)

    def search_passages(self, query: WordQuery, where: Filter = EVERYTHING) -> WordMatches:
        """The passages that hold enough of the words of a query, in live files that pass the filter.

        Only files answer that have each phrase, and nothing that is excluded, in a passage or in their names. Nothing
        is found if the index has no words.
        """
        if not self.has_words:
            return WordMatches()
        with schema.translated(self.directory):
            if self._rows.within("text", where) is None:  # no passage is of a file that passes
                return WordMatches()
            weighted = word_search.weigh([self._db], "passages", query.terms)
            (rows,) = word_search.find_passages([self._db], weighted)
            gate = self.gate(query)
            passing = self._passing(list(rows), where if gate is None else gate.within(where))
            if len(passing) < len(rows):
                rows = {item: match for item, match in rows.items() if item in passing}
            return WordMatches(weighted.total, weighted.weights, rows)

    def _passing(self, items: list[int], where: Filter) -> set[int]:
        """Those of some passages that lie in a live file which passes."""
        within = self._rows.within("text", where)
        if within is None:
            return set()
        where = within
        if where == EVERYTHING and not self._rows.missing:
            return set(items)
        if len(items) <= _FEW:
            return self._rows.passing(items, where)
        contents: dict[int, int] = {}
        for batch in batches(items):
            query = f"SELECT id, content_id FROM items WHERE id IN ({placeholders(batch)})"
            contents.update(self._db.execute(query, batch))
        passing = self._rows.answering(np.fromiter(contents.values(), np.int64), where)
        return {item for item, passes in zip(contents, passing.tolist(), strict=True) if passes}

    def gate(self, query: WordQuery) -> Gate | None:
        """The files that may answer a query; None for one without phrases and exclusions, or an index without words."""
        if not (query.phrases or query.excluded) or not self.has_words:
            return None
        if query not in self._gates:
            self._gates.clear()
            with_phrases = [set(self.holders(phrase)) for phrase in query.phrases]
            excluded = set[str]().union(*(self.holders(term) for term in query.excluded))
            paths = frozenset(set.intersection(*with_phrases)) if with_phrases else None
            self._gates[query] = Gate(paths, frozenset(excluded))
        return self._gates[query]

    def holders(self, term: Term) -> dict[str, int]:
        """The live files that hold a term in a passage or in their names, and their times in nanoseconds."""
        with schema.translated(self.directory):
            return word_lookup.holders(self._db, self._codec, term)

    def search_names(self, query: WordQuery, where: Filter = EVERYTHING) -> list[NameMatch]:
        """Live files whose paths hold enough of the words of a query or are exactly it, best first, within reason.

        Phrases and exclusions count as in `search_passages`. Nothing is found if the index has no words.
        """
        if not self.has_words:
            return []
        gate, results = self.gate(query), list[NameMatch]()
        where = where if gate is None else gate.within(where)
        with schema.translated(self.directory):
            total, rows = word_lookup.named_rows([self._db], query)
            for batch in batches(rows):
                contents = self._contents_at([row.file for row in batch], where)
                items = self._items_of(sorted({content for _, content in contents.values()}))
                for row in batch:
                    if row.file in contents and len(results) < word_lookup.MOST_NAMES:
                        path, content = contents[row.file]
                        results.append(word_lookup.name_match(path, items.get(content, []), row, total, query))
                if len(results) >= word_lookup.MOST_NAMES:
                    break
        return sorted(results, key=lambda match: (not match.exact, -match.covered, os.fsencode(match.path)))

    def _contents_at(self, files: Sequence[int], where: Filter) -> dict[int, tuple[str, int]]:
        """The path and the content of those of some files that are live and pass the filter, by id of the file."""
        sql, values = condition(where, self._codec)
        rows = self._db.execute(
            "SELECT f.id, f.path, c.id FROM files f JOIN contents c ON c.id = f.content_id"
            f" WHERE f.missing = 0 AND f.id IN ({placeholders(files)}){sql}",
            [*files, *values],
        )
        located = {file: (self._codec.decode(path), content) for file, path, content in rows}
        return {file: found for file, found in located.items() if where.accept is None or where.accept(found[0])}

    def _items_of(self, contents: Sequence[int]) -> dict[int, list[int]]:
        """The ids of the items of some contents."""
        items: dict[int, list[int]] = {}
        query = f"SELECT content_id, id FROM items WHERE content_id IN ({placeholders(contents)}) ORDER BY id"
        for content, item in self._db.execute(query, contents):
            items.setdefault(content, []).append(item)
        return items

    # --- as a whole ---

    def status(self) -> StoreStatus:
        """The index in numbers; opens no vector file."""
        from mmsearch.store import ann_index  # late: a search of a small index has none

        with schema.translated(self.directory):
            files: dict[FileStatus, int] = {value_check.status(name): n for name, n in self._db.execute(_FILES)}
            modalities: dict[Modality, int] = {
                value_check.modality(name, "contents.modality"): n for name, n in self._db.execute(_MODALITIES)
            }
            missing = self._db.execute("SELECT count(*) FROM files WHERE missing = 1").fetchone()[0]
            segments, dead = self._db.execute(
                "SELECT count(*), coalesce(sum(count - live), 0) FROM segments"
            ).fetchone()
            return StoreStatus(
                directory=self.directory,
                format=schema.format_of(self._db, self.directory),
                identity=self.identity,
                roots=tuple(find_roots(self._db, self._codec)),
                files=files,
                modalities=modalities,
                items=self.counts(),
                missing=missing,
                segments=segments,
                tombstones=dead,
                bytes=size_on_disk(self.directory),
                lookups=tuple(ann_index.indexed_partitions(self._db)),
            )

    def problems(self, on_skip: Callable[[str], None] | None = None) -> Iterator[str]:
        """Read everything and report problems, one line each; slow. A sound index has none.

        `on_skip` is called with one line for each check that was impossible.
        """
        from mmsearch.store import integrity  # late: a search checks nothing

        return integrity.problems(self._db, self.directory, self.identity.dim, on_skip)


AnyReader: TypeAlias = "Reader | MultiReader"
"""Reads one index or several."""


def open_reader(directories: Sequence[str], trusted: bool = False) -> AnyReader:
    """The index in a directory, or those in several as one. Raises as `Reader.open` does, and `MultiReader`."""
    with ExitStack() as stack:
        readers = [stack.enter_context(Reader.open(directory, trusted)) for directory in directories]
        if len(readers) == 1:
            reader: AnyReader = readers[0]
        else:
            from mmsearch.store.multi_reader import MultiReader  # late: most people have one index

            reader = MultiReader(readers)
        stack.pop_all()
        return reader
