"""The overlap of several indexes: contents that more than one holds, and paths that more than one knows.

As in an index merged from them, a content is that of the first index that holds it, and of one path the newer file
counts. This is looked up only for the results in question, so a search does not wait for whole indexes to be compared.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple, TypeAlias

from mmsearch.store import schema
from mmsearch.store.database import batches, placeholders
from mmsearch.store.queries import FILE_COLUMNS, condition, file_record
from mmsearch.store.reader import Reader
from mmsearch.store.records import EVERYTHING, FileRecord, Filter
from mmsearch.store.transfer import rank
from mmsearch.types import Modality

_ROWS_AT_ONCE = 4096
Rank: TypeAlias = "tuple[int, bool, bool]"


class Ref(NamedTuple):
    """An item or a content: the number of its index, and its id there."""

    shard: int
    id: int


def by_shard(refs: Iterable[Ref]) -> Iterator[tuple[int, list[int]]]:
    ids: dict[int, list[int]] = defaultdict(list)
    for ref in refs:
        ids[ref.shard].append(ref.id)
    yield from sorted(ids.items())


class Overlap:
    """Looks up what several indexes have in common: contents that more than one holds, and paths."""

    def __init__(self, readers: Sequence[Reader]) -> None:
        self._readers = readers

    def contents(self, shard: int, ids: Sequence[int]) -> dict[int, list[Ref]]:
        """For each content of an index all indexes that hold it, itself included, in their order."""
        found: dict[int, list[Ref]] = {content: [] for content in ids}
        rows = self._rows(shard, "SELECT id, digest, kind FROM contents WHERE id", ids)
        keys = {(digest, kind): content for content, digest, kind in rows}
        digests = sorted({digest for digest, _ in keys})
        for other in range(len(self._readers)):
            if other == shard:
                for content in keys.values():
                    found[content].append(Ref(shard, content))
                continue
            for twin, digest, kind in self._rows(other, "SELECT id, digest, kind FROM contents WHERE digest", digests):
                if (digest, kind) in keys:
                    found[keys[digest, kind]].append(Ref(other, twin))
        return found

    def items(self, refs: Iterable[Ref]) -> dict[Ref, list[Ref]]:
        """For each item, in their order, the same item in all indexes; the first stands for all.

        Empty for an item that is gone, and if the first index holds its content without such a part.
        """
        found: dict[Ref, list[Ref]] = {ref: [] for ref in refs}
        columns = "SELECT id, content_id, ordinal FROM items WHERE"
        twins: dict[Ref, tuple[list[Ref], int]] = {}
        for shard, ids in by_shard(found):
            rows = list(self._rows(shard, f"{columns} id", ids))
            contents = self.contents(shard, sorted({content for _, content, _ in rows}))
            twins.update({Ref(shard, item): (contents[content], ordinal) for item, content, ordinal in rows})
        known = {  # the items of shared contents by their ordinals
            (Ref(shard, content), ordinal): Ref(shard, item)
            for shard, ids in by_shard({ref for refs, _ in twins.values() if len(refs) > 1 for ref in refs})
            for item, content, ordinal in self._rows(shard, f"{columns} content_id", ids)
        }
        for ref, (holding, ordinal) in twins.items():
            if len(holding) == 1:
                found[ref] = [ref]
            elif (holding[0], ordinal) in known:
                found[ref] = [known[content, ordinal] for content in holding if (content, ordinal) in known]
        return found

    def hidden(self, shard: int, files: Mapping[str, Rank]) -> set[str]:
        """Those paths of an index for which another index counts; files come with the rank of their records."""
        found: set[str] = set()
        for other, reader in enumerate(self._readers):
            if other == shard or not files:
                continue
            codec = reader.catalog.codec
            select = "SELECT path, mtime_ns, status = 'ok', missing = 0 FROM files WHERE path"
            for key, *theirs in self._rows(other, select, codec.encode_all(list(files))):
                path = codec.decode(key)
                mine = files.get(path)
                if mine is not None and (tuple(theirs) > mine or (tuple(theirs) == mine and other < shard)):
                    found.add(path)
        return found

    def living(self, items: Mapping[Ref, Sequence[Ref]], where: Filter = EVERYTHING) -> set[Ref]:
        """Those items that a present file holds which counts and passes; `items` as the method `items` returns them."""
        alive: set[Ref] = set()
        for shard, ids in by_shard(dict.fromkeys(chain.from_iterable(items.values()))):
            codec = self._readers[shard].catalog.codec
            sql, values = condition(where, codec)
            select = (
                "SELECT i.id, f.path, f.mtime_ns FROM items i JOIN contents c ON c.id = i.content_id"
                f" JOIN files f ON f.content_id = c.id WHERE f.missing = 0{sql} AND i.id"
            )
            held = [(item, codec.decode(key), mtime) for item, key, mtime in self._rows(shard, select, ids, values)]
            held = [row for row in held if where.accept is None or where.accept(row[1])]
            hidden = self.hidden(shard, {path: (mtime_ns, True, True) for _, path, mtime_ns in held})
            alive.update(Ref(shard, item) for item, path, _ in held if path not in hidden)
        return {item for item, refs in items.items() if not alive.isdisjoint(refs)}

    def files(self, shard: int) -> Iterator[FileRecord]:
        """Every file of an index that no other index hides."""
        reader = self._readers[shard]
        with schema.translated(reader.directory):
            rows = reader.catalog.db.execute(f"SELECT {FILE_COLUMNS} ORDER BY f.path")
            while some := rows.fetchmany(_ROWS_AT_ONCE):
                records = [file_record(reader.catalog.codec, row) for row in some]
                hidden = self.hidden(shard, {record.path: rank(record) for record in records})
                yield from (record for record in records if record.path not in hidden)

    def count_items(self) -> dict[Modality, int]:
        """Items by partition that a present file holds which counts, each once."""
        counts: dict[Modality, int] = defaultdict(int)
        for shard, reader in enumerate(self._readers):
            with schema.translated(reader.directory):
                rows = reader.catalog.db.execute("SELECT id, partition FROM items ORDER BY id")
                while some := rows.fetchmany(_ROWS_AT_ONCE):
                    partitions: dict[int, Modality] = dict(some)
                    twins = self.items(Ref(shard, item) for item in partitions)
                    for item in self.living({ref: refs for ref, refs in twins.items() if refs and refs[0] == ref}):
                        counts[partitions[item.id]] += 1
        return dict(counts)

    def _rows(
        self, shard: int, select: str, values: Sequence[object], first: Sequence[object] = ()
    ) -> Iterator[tuple[Any, ...]]:
        """The rows of a query that ends in the name of a column, for these values of it; `first` are its other ones."""
        reader = self._readers[shard]
        with schema.translated(reader.directory):
            for batch in batches(values):
                # All at once: a reader that is closed over an error has no cursor left to end.
                rows = reader.catalog.db.execute(f"{select} IN ({placeholders(batch)})", [*first, *batch])
                yield from rows.fetchall()
