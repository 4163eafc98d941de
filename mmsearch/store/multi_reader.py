"""Several indexes searched as one, as if they had been merged: what a search, duplicates and figures ask of a reader.

Ids are those of the single indexes made unique: `id * n + at` for the index of number `at` among `n`. What several
indexes hold goes by the id that it has in the first of them. Knows no more of the indexes than their readers do.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from types import TracebackType
from typing import TYPE_CHECKING

from mmsearch.store import multi_fulltext, schema
from mmsearch.store.ann_search import Hits
from mmsearch.store.filters import condition, passing_contents
from mmsearch.store.multi_overlap import Overlap, Place
from mmsearch.store.reader import MOST_NAMES, Reader
from mmsearch.store.records import EVERYTHING, FileRecord, FileStatus, Filter, IndexedPartition, Located, StoreStatus
from mmsearch.store.transfer import rank, require_alike
from mmsearch.store.vector_search import Block
from mmsearch.system.lazy_import import LazyModule
from mmsearch.types import MODALITIES, Modality, Vectors

if TYPE_CHECKING:
    import numpy as np
else:
    np = LazyModule("numpy")

DEEPER = 4
"""How many times more is taken of each index when what several hold leaves too little."""
_PASSAGES_AT_ONCE = 256


@dataclass(frozen=True)
class MultiCatalog:
    """What several indexes hold as a whole; contents go by their ids in the first index that has them."""

    reader: MultiReader

    def contents(self) -> Iterator[tuple[int, Modality, int | None]]:
        """Every content: its id, what it is, and its pixels where they are known; again for each index that has it."""
        for at, shard in enumerate(self.reader.shards):
            for content, modality, pixels in shard.survey.contents():
                yield self.reader.joined(Place(at, content)), modality, pixels

    def shared(self) -> list[int]:
        """The contents that several files hold which are there."""
        found: set[Place] = set()
        for at, shard in enumerate(self.reader.shards):
            twins = self.reader.overlap.contents(at, [content for content, _, _ in shard.survey.contents()])
            found.update(twins[content][0] for content in shard.survey.shared())
            found.update(places[0] for places in twins.values() if len(places) > 1)
        return sorted(map(self.reader.joined, found))

    def boxes(self) -> list[int]:
        """Ids of the items that are boxes in a picture which is an item itself."""
        shards = enumerate(self.reader.shards)
        return sorted(self.reader.joined(Place(at, item)) for at, shard in shards for item in shard.survey.boxes())

    def copies(self, digest: str) -> list[str]:
        """The files that hold these very bytes and are there, in order."""
        paths = sorted({path for shard in self.reader.shards for path in shard.survey.copies(digest)})
        records = [(path, self.reader.file(path)) for path in paths]
        return [path for path, record in records if record and not record.missing and record.digest == digest]

    def gone(self) -> Iterator[str]:
        """Files that the indexes take to be there and that are not, in order."""
        yield from sorted({path for shard in self.reader.shards for path in shard.survey.gone()})


class MultiReader:
    """Snapshots of several indexes as one; a context manager. Use one on one thread."""

    def __init__(self, shards: Sequence[Reader]) -> None:
        """Raises IndexMismatch where the vectors of two are not comparable. Closing it closes the shards."""
        require_alike(shards)
        self.shards = tuple(shards)
        self.overlap = Overlap(self.shards)
        self.directory = ", ".join(shard.directory for shard in shards)
        self.identity = shards[0].identity
        self.format = min(shard.format for shard in shards)

    def refresh(self) -> None:
        """Go on to what is committed now. Ids of items that are still there stay what they were."""
        for shard in self.shards:
            shard.refresh()
        require_alike(self.shards)

    def settle(self, where: Filter = EVERYTHING) -> None:
        """Have every answer about what passes from now on, until `refresh`, be of one snapshot of each index."""
        for shard in self.shards:
            shard.settle(where)

    def close(self) -> None:
        """End the snapshots. Closing twice is fine."""
        for shard in self.shards:
            shard.close()

    def __enter__(self) -> MultiReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def may_read(self, path: str) -> bool:
        """Whether the content of a file may be opened: an index that holds it may name it."""
        return any(shard.may_read(path) and shard.file(path) is not None for shard in self.shards)

    def allows_identity(self) -> bool:
        """Whether the user has named the model with its settings, which are those of the first index."""
        return self.shards[0].allows_identity()

    # --- ids ---

    def joined(self, place: Place) -> int:
        """The id of an item or a content of one index among those of all."""
        return place.id * len(self.shards) + place.at

    def place(self, joined: int) -> Place:
        """Which one an id of all is."""
        number, at = divmod(joined, len(self.shards))
        return Place(at, number)

    def _by_shard(self, places: Iterable[Place]) -> Iterator[tuple[int, list[int]]]:
        asked: list[list[int]] = [[] for _ in self.shards]
        for place in places:
            asked[place.at].append(place.id)
        return ((at, ids) for at, ids in enumerate(asked) if ids)

    # --- by vectors ---

    def counts(self) -> dict[Modality, int]:
        """Items by partition, those counted again that several indexes hold."""
        counts = [shard.counts() for shard in self.shards]
        return {name: total for name in MODALITIES if (total := sum(of.get(name, 0) for of in counts))}

    def search(self, vector: Vectors, partition: Modality, k: int, where: Filter = EVERYTHING) -> Hits:
        """The nearest items to float32 `(dim,)` that lie in a live file which passes the filter, best first."""
        if vector.shape != (self.identity.dim,):
            raise ValueError(f"a query for these indexes has shape ({self.identity.dim},), got {vector.shape}")
        return self.search_all(vector[None], partition, k, where)[0]

    def search_all(self, queries: Vectors, partition: Modality, k: int, where: Filter = EVERYTHING) -> list[Hits]:
        """What `search` finds for each of several vectors, float32 `(n, dim)`."""
        depth = k
        while True:
            found = [shard.search_all(queries, partition, depth, where) for shard in self.shards]
            together = [list(of) for of in zip(*found, strict=True)]
            best = self._best(together, where)
            if all(_certain(hits, of, k, depth) for hits, of in zip(best, together, strict=True)):
                return [hits[:k] for hits in best]
            depth *= DEEPER

    def _best(self, found: Sequence[Sequence[Hits]], where: Filter) -> list[Hits]:
        """For each query the hits of all indexes, each item once, of files that count and pass."""
        places = {Place(at, item) for of in found for at, hits in enumerate(of) for item, _ in hits}
        twins = self.overlap.items(places)
        living = self.overlap.living(twins, where)
        best: list[Hits] = []
        for of in found:
            scores: dict[int, float] = {}
            for at, hits in enumerate(of):
                for item, score in hits:
                    if (place := Place(at, item)) in living:
                        scores.setdefault(self.joined(twins[place][0]), score)
            best.append(sorted(scores.items(), key=lambda hit: (-hit[1], hit[0])))
        return best

    def scores(self, vector: Vectors, item_ids: Sequence[int]) -> dict[int, float]:
        """The exact cosine of a vector, float32 `(dim,)`, with each of some items; those that are gone are left out."""
        return {item: float(row @ vector) for item, row in self.vectors_of(item_ids).items()}

    def vectors_of(self, item_ids: Sequence[int]) -> dict[int, Vectors]:
        """The vectors of items by their id, float32 `(dim,)` each."""
        return {
            self.joined(Place(at, item)): row
            for at, ids in self._by_shard(map(self.place, item_ids))
            for item, row in self.shards[at].vectors_of(ids).items()
        }

    def sample(self, partition: Modality, limit: int = 1024) -> Vectors:
        """Live vectors spread evenly over a partition of all indexes: float32 `(about limit, dim)`."""
        counts = [shard.counts().get(partition, 0) for shard in self.shards]
        if sum(counts) <= limit:  # so few that what several hold would count too much
            rows = [block.vectors for block in self.blocks(partition)]
        else:
            shares = [round(limit * count / sum(counts)) for count in counts]
            pairs = zip(self.shards, shares, strict=True)
            rows = [shard.sample(partition, share) for shard, share in pairs if share]
        return np.concatenate([np.zeros((0, self.identity.dim), np.float32), *rows])

    def blocks(self, partition: Modality, where: Filter = EVERYTHING, numbers: int = 1 << 22) -> Iterator[Block]:
        """Every live vector of a partition that passes the filter, a block of at most `numbers` numbers at a time."""
        seen: set[Place] = set()
        for at, shard in enumerate(self.shards):
            for block in shard.blocks(partition, where, numbers):
                contents = self.overlap.contents(at, sorted(set(block.contents.tolist())))
                twins = self.overlap.items(Place(at, int(item)) for item in block.items)
                living = self.overlap.living(twins, where)
                kept, firsts = [], []
                for row, (item, places) in enumerate(twins.items()):
                    if item in living and places[0] not in seen:
                        kept.append(row)
                        firsts.append(self.joined(places[0]))
                        seen.update(places[:1] if len(places) > 1 else ())
                of = [self.joined(contents[content][0]) for content in block.contents[kept].tolist()]
                yield Block(np.array(firsts, np.int64), np.array(of, np.int64), block.vectors[kept])

    # --- files ---

    def locate(self, item_ids: Sequence[int], where: Filter = EVERYTHING) -> dict[int, list[Located]]:
        """Where items are: every live file that holds their content and passes the filter, in order of paths."""
        found: dict[int, list[Located]] = {item: [] for item in item_ids}
        twins = self.overlap.items(map(self.place, item_ids))
        named = {place: self.joined(one) for one, places in twins.items() for place in places}
        for at, ids in self._by_shard(dict.fromkeys(place for places in twins.values() for place in places)):
            places = [place for at_item in self.shards[at].locate(ids, where).values() for place in at_item]
            hidden = self.overlap.hidden(at, {one.item.path: (one.mtime_ns, True, True) for one in places})
            for one in places:
                if one.item.path not in hidden:
                    name = named[Place(at, one.item_id)]
                    found[name].append(replace(one, item_id=name))
        for located in found.values():
            located.sort(key=lambda one: os.fsencode(one.item.path))
        return found

    def file(self, path: str) -> FileRecord | None:
        """What is known of one file."""
        found = self._holder(path)
        return found[1] if found else None

    def _holder(self, path: str) -> tuple[int, FileRecord] | None:
        """The number of the index whose record of a path counts, and the record."""
        known = [(at, record) for at, shard in enumerate(self.shards) if (record := shard.file(path))]
        return max(known, key=lambda one: (rank(one[1]), -one[0]), default=None)

    def parts_at(self, path: str) -> list[tuple[int, Modality]]:
        """Ids and partitions of the items of a file but for boxes, in their order; none when it is not indexed."""
        holder = self._holder(path)
        if holder is None:
            return []
        at = holder[0]
        parts = self.shards[at].parts_at(path)
        twins = self.overlap.items(Place(at, item) for item, _ in parts)
        return [(self.joined(twins[Place(at, item)][0]), name) for item, name in parts if twins[Place(at, item)]]

    def failures(self, *, unsupported: bool = False) -> Iterator[FileRecord]:
        """Files that could not be read and are still there, in order of paths; with `unsupported` those too."""
        found = (record for at in range(len(self.shards)) for record in self.overlap.files(at))
        wanted = ("failed", "unsupported") if unsupported else ("failed",)
        left = (record for record in found if record.status in wanted and not record.missing)
        yield from sorted(left, key=lambda record: os.fsencode(record.path))

    @property
    def survey(self) -> MultiCatalog:
        """What the indexes hold as a whole, at these snapshots."""
        return MultiCatalog(self)

    # --- by words ---

    @property
    def has_words(self) -> bool:
        """Whether all indexes can be searched by words."""
        return all(shard.has_words for shard in self.shards)

    def passages(
        self, terms: Sequence[str], k: int, where: Filter = EVERYTHING, least: float = 0.0
    ) -> list[tuple[int, float]]:
        """Items whose passage holds at least a share of the words, in live files that pass the filter, at most `k`.

        Returns item ids and BM25 scores over all indexes, best first; nothing where there are no words.
        """
        if not self.has_words:
            return []
        with schema.translated(self.directory):
            ranked = multi_fulltext.find_passages([shard.survey.db for shard in self.shards], terms, least)
            ranked = self._of_passing(ranked, where)
        found: dict[int, float] = {}
        for start in range(0, len(ranked), _PASSAGES_AT_ONCE):
            some = {Place(one.at, one.row): one.score for one in ranked[start : start + _PASSAGES_AT_ONCE]}
            twins = self.overlap.items(some)
            first = {one: self.joined(places[0]) for one, places in twins.items() if places}
            located = self.locate(list(dict.fromkeys(first.values())), where)
            for place, item in first.items():
                if located[item]:
                    found.setdefault(item, some[place])
            if len(found) >= k:
                break
        return list(found.items())[:k]

    def _of_passing(self, ranked: list[multi_fulltext.Found], where: Filter) -> list[multi_fulltext.Found]:
        """Those whose content passes a filter, so that a narrow one does not have all of them located."""
        if where == EVERYTHING:
            return ranked
        passing: set[Place] = set()
        for at, shard in enumerate(self.shards):
            contents = set(passing_contents(shard.survey.db, shard.survey.codec, where))
            passing.update(twin for twins in self.overlap.contents(at, sorted(contents)).values() for twin in twins)
        return [one for one in ranked if Place(one.at, self._content_of(one)) in passing]

    def _content_of(self, one: multi_fulltext.Found) -> int:
        query = "SELECT content_id FROM items WHERE id = ?"
        return int(self.shards[one.at].survey.db.execute(query, (one.row,)).fetchone()[0])

    def named(
        self, terms: Sequence[str], k: int, where: Filter = EVERYTHING, least: float = 0.0
    ) -> list[tuple[str, list[int], float]]:
        """Live files whose path holds at least a share of the words, best first: path, items, and that share."""
        if not self.has_words:
            return []
        found: list[tuple[str, list[int], float]] = []
        with schema.translated(self.directory):
            for one in multi_fulltext.find_names([shard.survey.db for shard in self.shards], terms, least):
                if len(found) >= k and (one.score < found[-1][2] or len(found) >= k + MOST_NAMES):
                    break
                if (path := self._path_of(one, where)) is not None:
                    items = self._items_held(one)
                    twins = self.overlap.items(items)
                    found.append((path, [self.joined(twins[item][0]) for item in items if twins[item]], one.score))
        return found

    def _path_of(self, one: multi_fulltext.Found, where: Filter) -> str | None:
        """The path of a file that is there, passes the filter and is not hidden by another index."""
        survey = self.shards[one.at].survey
        sql, values = condition(where, survey.codec)
        row = survey.db.execute(
            "SELECT f.path, f.mtime_ns FROM files f JOIN contents c ON c.id = f.content_id"
            f" WHERE f.missing = 0 AND f.id = ?{sql}",
            (one.row, *values),
        ).fetchone()
        if row is None:
            return None
        path = survey.codec.decode(row[0])
        passes = where.accept is None or where.accept(path)
        return path if passes and not self.overlap.hidden(one.at, {path: (row[1], True, True)}) else None

    def _items_held(self, one: multi_fulltext.Found) -> list[Place]:
        query = "SELECT i.id FROM files f JOIN items i ON i.content_id = f.content_id WHERE f.id = ?"
        return [Place(one.at, item) for (item,) in self.shards[one.at].survey.db.execute(query, (one.row,))]

    # --- as a whole ---

    def status(self) -> StoreStatus:
        """The indexes in numbers, what several hold counted once; goes through all files and items."""
        files: dict[FileStatus, int] = {}
        modalities: dict[Modality, int] = {}
        missing = 0
        for record in chain.from_iterable(self.overlap.files(at) for at in range(len(self.shards))):
            missing += record.missing
            if not record.missing:
                files[record.status] = files.get(record.status, 0) + 1
                if record.modality is not None:
                    modalities[record.modality] = modalities.get(record.modality, 0) + 1
        each = [shard.status() for shard in self.shards]
        return StoreStatus(
            directory=self.directory,
            format=self.format,
            identity=self.identity,
            roots=tuple(sorted({root for one in each for root in one.roots})),
            files=files,
            modalities=modalities,
            items=self.overlap.count_items(),
            missing=missing,
            segments=sum(one.segments for one in each),
            tombstones=sum(one.tombstones for one in each),
            bytes=sum(one.bytes for one in each),
            lookups=tuple(_lookups(each)),
        )

    def problems(self, told: Callable[[str], None] | None = None) -> Iterator[str]:
        """Read everything and say what is wrong with it, one line each; slow. Nothing comes from sound indexes."""
        for shard in self.shards:
            yield from (f"{shard.directory}: {line}" for line in shard.problems(told))


def _lookups(each: Sequence[StoreStatus]) -> Iterator[IndexedPartition]:
    """How the vectors of each partition are found: as where most of them are covered, with the least recall of all."""
    found = [one for status in each for one in status.lookups]
    for name in dict.fromkeys(one.partition for one in found):
        some = [one for one in found if one.partition == name]
        recalls = [one.recall for one in some if one.recall is not None]
        yield replace(
            max(some, key=lambda one: one.covered),
            vectors=sum(one.vectors for one in some),
            covered=sum(one.covered for one in some),
            recall=min(recalls, default=None),
        )


def _certain(best: Hits, found: Sequence[Hits], k: int, depth: int) -> bool:
    """Whether the best `k` are those of whole indexes: what one has not told yet lies below the last that it told."""
    bars = [hits[-1][1] for hits in found if 0 < depth == len(hits)]
    return not bars or (len(best) >= k and best[k - 1][1] >= max(bars))
