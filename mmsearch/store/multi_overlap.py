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
_MOST_COMPARED = 100_000
"""Contents of which all digests are compared to count those that several indexes hold."""
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
        refs_by_content: dict[int, list[Ref]] = {content: [] for content in ids}
        rows = self._rows(shard, "SELECT id, digest, kind FROM contents WHERE id", ids)
        keys = {(digest, kind): content for content, digest, kind in rows}
        digests = sorted({digest for digest, _ in keys})
        for other in range(len(self._readers)):
            if other == shard:
                for content in keys.values():
                    refs_by_content[content].append(Ref(shard, content))
                continue
            query = "SELECT id, digest, kind FROM contents WHERE digest"
            for other_content, digest, kind in self._rows(other, query, digests):
                if (digest, kind) in keys:
                    refs_by_content[keys[digest, kind]].append(Ref(other, other_content))
        return refs_by_content

    def items(self, refs: Iterable[Ref]) -> dict[Ref, list[Ref]]:
        """For each item, in their order, the same item in all indexes; the first stands for all.

        Empty for an item that is gone, and if the first index holds its content without such a part.
        """
        copies: dict[Ref, list[Ref]] = {ref: [] for ref in refs}
        columns = "SELECT id, content_id, ordinal FROM items WHERE"
        holders: dict[Ref, tuple[list[Ref], int]] = {}
        for shard, ids in by_shard(copies):
            rows = list(self._rows(shard, f"{columns} id", ids))
            contents = self.contents(shard, sorted({content for _, content, _ in rows}))
            holders.update({Ref(shard, item): (contents[content], ordinal) for item, content, ordinal in rows})
        shared_items = {  # the items of shared contents by their ordinals
            (Ref(shard, content), ordinal): Ref(shard, item)
            for shard, ids in by_shard({ref for refs, _ in holders.values() if len(refs) > 1 for ref in refs})
            for item, content, ordinal in self._rows(shard, f"{columns} content_id", ids)
        }
        for ref, (contents_of_item, ordinal) in holders.items():
            if len(contents_of_item) == 1:
                copies[ref] = [ref]
            elif (contents_of_item[0], ordinal) in shared_items:
                keys = [(content, ordinal) for content in contents_of_item]
                copies[ref] = [shared_items[key] for key in keys if key in shared_items]
        return copies

    def hidden(self, shard: int, files: Mapping[str, Rank]) -> set[str]:
        """Those paths of an index for which another index counts; files come with the rank of their records."""
        hidden_paths: set[str] = set()
        for other, reader in enumerate(self._readers):
            if other == shard or not files:
                continue
            codec = reader.catalog.codec
            select = "SELECT path, mtime_ns, status = 'ok', missing = 0 FROM files WHERE path"
            for key, *other_rank in self._rows(other, select, codec.encode_all(list(files))):
                path = codec.decode(key)
                own_rank = files.get(path)
                if own_rank is not None and (tuple(other_rank), shard) > (own_rank, other):
                    hidden_paths.add(path)
        return hidden_paths

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
            rows = [(item, codec.decode(key), mtime) for item, key, mtime in self._rows(shard, select, ids, values)]
            rows = [row for row in rows if where.accept is None or where.accept(row[1])]
            hidden = self.hidden(shard, {path: (mtime_ns, True, True) for _, path, mtime_ns in rows})
            alive.update(Ref(shard, item) for item, path, _ in rows if path not in hidden)
        return {item for item, refs in items.items() if not alive.isdisjoint(refs)}

    def files(self, shard: int) -> Iterator[FileRecord]:
        """Every file of an index that no other index hides."""
        reader = self._readers[shard]
        with schema.translated(reader.directory):
            rows = reader.catalog.db.execute(f"SELECT {FILE_COLUMNS} ORDER BY f.path")
            while batch := rows.fetchmany(_ROWS_AT_ONCE):
                records = [file_record(reader.catalog.codec, row) for row in batch]
                hidden = self.hidden(shard, {record.path: rank(record) for record in records})
                yield from (record for record in records if record.path not in hidden)

    def count_items(self) -> dict[Modality, int]:
        """Items by partition that a present file holds which counts, each once."""
        counts: dict[Modality, int] = defaultdict(int)
        for shard, reader in enumerate(self._readers):
            with schema.translated(reader.directory):
                rows = reader.catalog.db.execute("SELECT id, partition FROM items ORDER BY id")
                while batch := rows.fetchmany(_ROWS_AT_ONCE):
                    partitions: dict[int, Modality] = dict(batch)
                    copies = self.items(Ref(shard, item) for item in partitions)
                    for item in self.living({ref: refs for ref, refs in copies.items() if refs and refs[0] == ref}):
                        counts[partitions[item.id]] += 1
        return dict(counts)

    def count_contents(self) -> dict[Modality, int]:
        """Contents by modality, each once; of very many those that several indexes hold are estimated."""
        totals: dict[Modality, int] = defaultdict(int)
        for reader in self._readers:
            for modality, count in reader.file_counts().items():
                totals[modality] += count
        # Digests are spread evenly, so of those that begin with 00 as large a share is in several indexes.
        scale, below = (256, "01") if sum(totals.values()) > _MOST_COMPARED else (1, "~")
        seen: set[tuple[str, str]] = set()
        for reader in self._readers:
            with schema.translated(reader.directory):
                query = "SELECT digest, kind, modality FROM contents WHERE digest < ?"
                for digest, kind, modality in reader.catalog.db.execute(query, (below,)):
                    totals[modality] -= scale if (digest, kind) in seen else 0
                    seen.add((digest, kind))
        return {modality: max(1, count) for modality, count in totals.items()}

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
