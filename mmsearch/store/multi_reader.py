"""Several indexes searched as one, as if they had been merged: the same methods as a reader of one.

Ids are those of the single indexes made unique: `id * n + shard` for the index number `shard` among `n`. A
content that several hold has the id that it has in the first of them. Knows no more of the indexes than their readers
do.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING

from mmsearch.store import schema, word_lookup, word_search
from mmsearch.store.multi_overlap import Overlap, Ref, by_shard
from mmsearch.store.queries import condition
from mmsearch.store.reader import Reader
from mmsearch.store.records import (
    EVERYTHING,
    FileRecord,
    FileStatus,
    Filter,
    IndexedPartition,
    Located,
    Part,
    StoreStatus,
)
from mmsearch.store.transfer import rank, require_comparable
from mmsearch.store.vector_search import Block, Hits
from mmsearch.store.word_lookup import Gate, NamedRow, NameMatch
from mmsearch.store.word_search import WordMatches
from mmsearch.store.words.query import Term, WordQuery
from mmsearch.system.lazy_import import LazyModule
from mmsearch.types import MODALITIES, Modality, Vectors

if TYPE_CHECKING:
    import numpy as np
else:
    np = LazyModule("numpy")

DEEPER = 4
"""So many times more results are taken of each index when duplicates among them leave too few."""


class MultiReader:
    """Snapshots of several indexes as one; a context manager. Use one on one thread."""

    def __init__(self, shards: Sequence[Reader]) -> None:
        """Raises IndexMismatch if the vectors of two are not comparable. Closing it closes the shards."""
        require_comparable(shards)
        self.shards = tuple(shards)
        self.overlap = Overlap(self.shards)
        self.directory = ", ".join(shard.directory for shard in shards)
        self.identity = shards[0].identity
        self.format = min(shard.format for shard in shards)

    def refresh(self) -> None:
        """Go on to the latest commits. Ids of items that are still there stay what they were."""
        for shard in self.shards:
            shard.refresh()
        require_comparable(self.shards)

    def open_files(self, where: Filter = EVERYTHING) -> None:
        """Open all vector files that the filter may need, so that the snapshots stay until `refresh`."""
        for shard in self.shards:
            shard.open_files(where)

    def close(self) -> None:
        """End the snapshots. Closing twice is fine."""
        for shard in self.shards:
            shard.close()

    def __enter__(self) -> MultiReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def may_read(self, path: str) -> bool:
        """True if the content of a file may be opened: an index that holds it may name it."""
        return any(shard.may_read(path) and shard.file(path) is not None for shard in self.shards)

    def allows_identity(self) -> bool:
        """True if the user has named the model with its settings, which are those of the first index."""
        return self.shards[0].allows_identity()

    def joined(self, ref: Ref) -> int:
        """The id of an item or a content of one index among those of all."""
        return ref.id * len(self.shards) + ref.shard

    def ref(self, joined: int) -> Ref:
        """The index, and the id in it, of an id among those of all."""
        number, shard = divmod(joined, len(self.shards))
        return Ref(shard, number)

    # --- by vectors ---

    def counts(self) -> dict[Modality, int]:
        """Items by partition; those that several indexes hold count several times."""
        by_shard = [shard.counts() for shard in self.shards]
        totals = {name: sum(counts.get(name, 0) for counts in by_shard) for name in MODALITIES}
        return {name: total for name, total in totals.items() if total}

    def file_counts(self) -> dict[Modality, int]:
        """Contents by modality, each once."""
        return self.overlap.count_contents()

    def search(self, vector: Vectors, partition: Modality, k: int, where: Filter = EVERYTHING) -> Hits:
        """The nearest items to float32 `(dim,)` that lie in a live file which passes the filter, best first."""
        if vector.shape != (self.identity.dim,):
            raise ValueError(f"a query for these indexes has shape ({self.identity.dim},), got {vector.shape}")
        return self.search_all(vector[None], partition, k, where)[0]

    def search_all(self, queries: Vectors, partition: Modality, k: int, where: Filter = EVERYTHING) -> list[Hits]:
        """The results of `search` for each of several vectors, float32 `(n, dim)`."""
        depth = k
        while True:
            by_shard = [shard.search_all(queries, partition, depth, where) for shard in self.shards]
            by_query = [list(hits) for hits in zip(*by_shard, strict=True)]
            best = self._best(by_query, where)
            if all(_is_complete(hits, shard_hits, k, depth) for hits, shard_hits in zip(best, by_query, strict=True)):
                return [hits[:k] for hits in best]
            depth *= DEEPER

    def _best(self, by_query: Sequence[Sequence[Hits]], where: Filter) -> list[Hits]:
        """For each query the hits of all indexes, each item once, of files that count and pass."""
        refs = {Ref(shard, item) for lists in by_query for shard, hits in enumerate(lists) for item, _ in hits}
        copies = self.overlap.items(refs)
        living = self.overlap.living(copies, where)
        best: list[Hits] = []
        for lists in by_query:
            scores: dict[int, float] = {}
            for shard, hits in enumerate(lists):
                for item, score in hits:
                    if (ref := Ref(shard, item)) in living:
                        scores.setdefault(self.joined(copies[ref][0]), score)
            best.append(sorted(scores.items(), key=lambda hit: (-hit[1], hit[0])))
        return best

    def scores(self, vector: Vectors, item_ids: Sequence[int]) -> dict[int, float]:
        """The exact cosine of a vector, float32 `(dim,)`, with each of some items; items that are gone are left out."""
        return {item: float(row @ vector) for item, row in self.vectors_of(item_ids).items()}

    def vectors_of(self, item_ids: Sequence[int]) -> dict[int, Vectors]:
        """The vectors of items by their id, float32 `(dim,)` each."""
        return {
            self.joined(Ref(shard, item)): row
            for shard, ids in by_shard(map(self.ref, item_ids))
            for item, row in self.shards[shard].vectors_of(ids).items()
        }

    def sample(self, partition: Modality, limit: int = 1024) -> Vectors:
        """Live vectors spread evenly over a partition of all indexes: float32 `(about limit, dim)`."""
        counts = [shard.counts().get(partition, 0) for shard in self.shards]
        if sum(counts) <= limit:  # so few that duplicates would count too much
            rows = [block.vectors for block in self.blocks(partition)]
        else:
            shares = [round(limit * count / sum(counts)) for count in counts]
            pairs = zip(self.shards, shares, strict=True)
            rows = [shard.sample(partition, share) for shard, share in pairs if share]
        return np.concatenate([np.zeros((0, self.identity.dim), np.float32), *rows])

    def blocks(self, partition: Modality, where: Filter = EVERYTHING, numbers: int = 1 << 22) -> Iterator[Block]:
        """Every live vector of a partition that passes the filter, a block of at most `numbers` numbers at a time."""
        seen: set[Ref] = set()
        for number, shard in enumerate(self.shards):
            for block in shard.blocks(partition, where, numbers):
                contents = self.overlap.contents(number, sorted(set(block.contents.tolist())))
                copies = self.overlap.items(Ref(number, int(item)) for item in block.items)
                living = self.overlap.living(copies, where)
                rows, item_ids = [], []
                for row, (item, refs) in enumerate(copies.items()):
                    if item in living and refs[0] not in seen:
                        rows.append(row)
                        item_ids.append(self.joined(refs[0]))
                        seen.update(refs[:1] if len(refs) > 1 else ())
                content_ids = [self.joined(contents[content][0]) for content in block.contents[rows].tolist()]
                yield Block(np.array(item_ids, np.int64), np.array(content_ids, np.int64), block.vectors[rows])

    # --- files ---

    def locate(self, item_ids: Sequence[int], where: Filter = EVERYTHING) -> dict[int, list[Located]]:
        """For each item every live file that holds its content and passes the filter, in order of paths."""
        locations: dict[int, list[Located]] = {item: [] for item in item_ids}
        copies = self.overlap.items(map(self.ref, item_ids))
        joined = {ref: self.joined(first) for first, refs in copies.items() for ref in refs}
        for shard, ids in by_shard(dict.fromkeys(chain.from_iterable(copies.values()))):
            files = list(chain.from_iterable(self.shards[shard].locate(ids, where).values()))
            hidden = self.overlap.hidden(shard, {file.item.path: (file.mtime_ns, True, True) for file in files})
            for file in files:
                if file.item.path not in hidden:
                    item_id = joined[Ref(shard, file.item_id)]
                    locations[item_id].append(replace(file, item_id=item_id))
        for located in locations.values():
            located.sort(key=lambda file: os.fsencode(file.item.path))
        return locations

    def file(self, path: str) -> FileRecord | None:
        """The record of one file."""
        holder = self._holder(path)
        return holder[1] if holder else None

    def _holder(self, path: str) -> tuple[int, FileRecord] | None:
        """The number of the index whose record of a path counts, and the record."""
        candidates = [(number, record) for number, shard in enumerate(self.shards) if (record := shard.file(path))]
        return max(candidates, key=lambda pair: (rank(pair[1]), -pair[0]), default=None)

    def items_at(self, path: str) -> list[tuple[int, Modality]]:
        """Ids and partitions of the items of a file except boxes, in their order; none if it is not indexed."""
        holder = self._holder(path)
        if holder is None:
            return []
        shard = holder[0]
        parts = self.shards[shard].items_at(path)
        copies = self.overlap.items(Ref(shard, item) for item, _ in parts)
        return [(self.joined(refs[0]), name) for item, name in parts if (refs := copies[Ref(shard, item)])]

    def parts(self, item_ids: Sequence[int]) -> dict[int, Part]:
        """What each item is, wherever files hold it; items that are gone are left out."""
        return {
            self.joined(Ref(shard, item)): part
            for shard, ids in by_shard(map(self.ref, item_ids))
            for item, part in self.shards[shard].parts(ids).items()
        }

    def modalities_in(self, partition: Modality) -> set[Modality]:
        """The modalities of all files that may have parts in a partition."""
        return set[Modality]().union(*(shard.modalities_in(partition) for shard in self.shards))

    def failures(self, *, unsupported: bool = False) -> Iterator[FileRecord]:
        """Present files that could not be read, in order of paths; with `unsupported` also unsupported ones."""
        statuses = ("failed", "unsupported") if unsupported else ("failed",)
        failed = (record for record in self._files() if record.status in statuses and not record.missing)
        yield from sorted(failed, key=lambda record: os.fsencode(record.path))

    def _files(self) -> Iterator[FileRecord]:
        """Every file, each path once."""
        return chain.from_iterable(self.overlap.files(number) for number in range(len(self.shards)))

    @property
    def catalog(self) -> MultiCatalog:
        """Reads over all of the indexes, at these snapshots."""
        return MultiCatalog(self)

    # --- by words ---

    @property
    def has_words(self) -> bool:
        """True if all indexes can be searched by words."""
        return all(shard.has_words for shard in self.shards)

    def search_passages(self, query: WordQuery, where: Filter = EVERYTHING) -> WordMatches:
        """The passages that hold enough of the words of a query, in live files that pass the filter.

        Words weigh by their frequency in all indexes. Nothing is found if an index has no words.
        """
        if not self.has_words:
            return WordMatches()
        gate = self.gate(query)
        where = where if gate is None else gate.within(where)
        with schema.translated(self.directory):
            dbs = [shard.catalog.db for shard in self.shards]
            weighted = word_search.weigh(dbs, "passages", query.terms)
            by_shard = word_search.find_passages(dbs, weighted)
        matches = {Ref(shard, item): match for shard, rows in enumerate(by_shard) for item, match in rows.items()}
        copies = {ref: refs for ref, refs in self.overlap.items(matches).items() if refs}
        living = self.overlap.living(copies, where)
        rows = {self.joined(refs[0]): matches[ref] for ref, refs in copies.items() if ref in living}
        return WordMatches(weighted.total, weighted.weights, rows)

    def gate(self, query: WordQuery) -> Gate | None:
        """The files that may answer a query; None for one without phrases and exclusions, or without words."""
        if not (query.phrases or query.excluded) or not self.has_words:
            return None
        with_phrases = [self._holders(phrase) for phrase in query.phrases]
        paths = frozenset(set.intersection(*with_phrases)) if with_phrases else None
        return Gate(paths, frozenset(set[str]().union(*map(self._holders, query.excluded))))

    def _holders(self, term: Term) -> set[str]:
        """The live files that hold a term in a passage or in their names."""
        paths: set[str] = set()
        for number, shard in enumerate(self.shards):
            files = shard.holders(term)
            hidden = self.overlap.hidden(number, {path: (mtime_ns, True, True) for path, mtime_ns in files.items()})
            paths |= files.keys() - hidden
        return paths

    def search_names(self, query: WordQuery, where: Filter = EVERYTHING) -> list[NameMatch]:
        """Live files whose paths hold enough of the words of a query or are exactly it, best first, within reason."""
        if not self.has_words:
            return []
        gate, results = self.gate(query), list[NameMatch]()
        where = where if gate is None else gate.within(where)
        with schema.translated(self.directory):
            total, rows = word_lookup.named_rows([shard.catalog.db for shard in self.shards], query)
            for row in rows:
                if len(results) >= word_lookup.MOST_NAMES:
                    break
                if (found := self._named_file(row, where)) is not None:
                    path, items = found
                    results.append(word_lookup.name_match(path, items, row, total, query))
        return sorted(results, key=lambda match: (not match.exact, -match.covered, os.fsencode(match.path)))

    def _named_file(self, row: NamedRow, where: Filter) -> tuple[str, list[int]] | None:
        """The path and items of a file, if it is live, passes, and is the one that counts for its path."""
        catalog = self.shards[row.shard].catalog
        sql, values = condition(where, catalog.codec)
        found = catalog.db.execute(
            "SELECT f.path, f.mtime_ns, c.id FROM files f JOIN contents c ON c.id = f.content_id"
            f" WHERE f.missing = 0 AND f.id = ?{sql}",
            (row.file, *values),
        ).fetchone()
        if found is None:
            return None
        path = catalog.codec.decode(found[0])
        if where.accept is not None and not where.accept(path):
            return None
        if self.overlap.hidden(row.shard, {path: (found[1], True, True)}):
            return None
        items = catalog.db.execute("SELECT id FROM items WHERE content_id = ? ORDER BY id", (found[2],)).fetchall()
        copies = self.overlap.items(Ref(row.shard, item) for (item,) in items)
        return path, [self.joined(refs[0]) for refs in copies.values() if refs]

    # --- as a whole ---

    def status(self) -> StoreStatus:
        """The indexes in numbers, duplicates counted once; goes through all files and items."""
        files: dict[FileStatus, int] = {}
        modalities: dict[Modality, int] = {}
        missing = 0
        for record in self._files():
            missing += record.missing
            if not record.missing:
                files[record.status] = files.get(record.status, 0) + 1
                if record.modality is not None:
                    modalities[record.modality] = modalities.get(record.modality, 0) + 1
        statuses = [shard.status() for shard in self.shards]
        return StoreStatus(
            directory=self.directory,
            format=self.format,
            identity=self.identity,
            roots=tuple(sorted({root for status in statuses for root in status.roots})),
            files=files,
            modalities=modalities,
            items=self.overlap.count_items(),
            missing=missing,
            segments=sum(status.segments for status in statuses),
            tombstones=sum(status.tombstones for status in statuses),
            bytes=sum(status.bytes for status in statuses),
            lookups=tuple(_merge_lookups([lookup for status in statuses for lookup in status.lookups])),
        )

    def problems(self, on_skip: Callable[[str], None] | None = None) -> Iterator[str]:
        """Read everything and report problems, one line each; slow. Sound indexes have none."""
        for shard in self.shards:
            yield from (f"{shard.directory}: {line}" for line in shard.problems(on_skip))


def _merge_lookups(lookups: Sequence[IndexedPartition]) -> Iterator[IndexedPartition]:
    """For each partition how its vectors are searched in the index that covers most of them, with the least recall."""
    for name in dict.fromkeys(lookup.partition for lookup in lookups):
        same = [lookup for lookup in lookups if lookup.partition == name]
        yield replace(
            max(same, key=lambda lookup: lookup.covered),
            vectors=sum(lookup.vectors for lookup in same),
            covered=sum(lookup.covered for lookup in same),
            recall=min((lookup.recall for lookup in same if lookup.recall is not None), default=None),
        )


def _is_complete(best: Hits, shard_hits: Sequence[Hits], k: int, depth: int) -> bool:
    """True if the best `k` are those of whole indexes: further results of an index would be below its last one."""
    bars = [hits[-1][1] for hits in shard_hits if 0 < depth == len(hits)]
    return not bars or (len(best) >= k and best[k - 1][1] >= max(bars))


@dataclass(frozen=True)
class MultiCatalog:
    """Reads over all of several indexes; contents have their ids in the first index that holds them."""

    reader: MultiReader

    def contents(self) -> Iterator[tuple[int, Modality, int | None]]:
        """Every content: its id, modality, and pixels if known; again for each index that holds it."""
        for number, shard in enumerate(self.reader.shards):
            for content, modality, pixels in shard.catalog.contents():
                yield self.reader.joined(Ref(number, content)), modality, pixels

    def shared(self) -> list[int]:
        """The contents that several present files hold."""
        shared_refs: set[Ref] = set()
        for number, shard in enumerate(self.reader.shards):
            copies = self.reader.overlap.contents(number, [content for content, _, _ in shard.catalog.contents()])
            shared_refs.update(copies[content][0] for content in shard.catalog.shared())
            shared_refs.update(refs[0] for refs in copies.values() if len(refs) > 1)
        return sorted(map(self.reader.joined, shared_refs))

    def boxes(self) -> list[int]:
        """Ids of the items that are boxes in a picture which is an item itself."""
        shards = enumerate(self.reader.shards)
        return sorted(
            self.reader.joined(Ref(number, item)) for number, shard in shards for item in shard.catalog.boxes()
        )

    def copies(self, digest: str) -> list[str]:
        """The present files that hold these very bytes, in order."""
        paths = sorted({path for shard in self.reader.shards for path in shard.catalog.copies(digest)})
        records = [(path, self.reader.file(path)) for path in paths]
        return [path for path, record in records if record and not record.missing and record.digest == digest]

    def absent_files(self) -> Iterator[str]:
        """Files that the indexes take to be present and that are not, in order."""
        yield from sorted({path for shard in self.reader.shards for path in shard.catalog.absent_files()})
