"""What several indexes have in common: contents that more than one holds, and paths that more than one knows.

As in an index merged from them, a content is that of the first index that holds it, and of one path the newer file
counts. All is looked up for what is asked about, so a search does not wait for whole indexes to be compared.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from mmsearch.store import schema
from mmsearch.store.filters import condition
from mmsearch.store.queries import AT_ONCE, FILE_COLUMNS, file_record
from mmsearch.store.reader import Reader
from mmsearch.store.records import EVERYTHING, FileRecord, Filter
from mmsearch.store.transfer import rank
from mmsearch.types import Modality

Rank: TypeAlias = "tuple[int, bool, bool]"


class Place(NamedTuple):
    """An item or a content: the number of its index, and its id there."""

    at: int
    id: int


class Overlap:
    """Looks up what is the same in several indexes."""

    def __init__(self, readers: Sequence[Reader]) -> None:
        self._readers = readers

    def contents(self, at: int, ids: Sequence[int]) -> dict[int, list[Place]]:
        """For each content of an index where else it is, itself included, in the order of the indexes."""
        found: dict[int, list[Place]] = {content: [] for content in ids}
        keys = {(digest, kind): content for content, digest, kind in self._keys(at, ids)}
        for other in range(len(self._readers)):
            if other == at:
                for content in keys.values():
                    found[content].append(Place(at, content))
                continue
            for twin, digest, kind in self._with_digests(other, sorted({digest for digest, _ in keys})):
                if (digest, kind) in keys:
                    found[keys[digest, kind]].append(Place(other, twin))
        return found

    def items(self, places: Iterable[Place]) -> dict[Place, list[Place]]:
        """For each item, in their order, where else it is, itself included; the first stands for all.

        Empty for one that is gone, and where the index that comes first holds its content without such a part.
        """
        found: dict[Place, list[Place]] = {place: [] for place in places}
        asked: dict[int, list[int]] = defaultdict(list)
        for place in found:
            asked[place.at].append(place.id)
        twins: dict[Place, tuple[list[Place], int]] = {}
        for at, ids in asked.items():
            rows = self._rows(at, "SELECT id, content_id, ordinal FROM items WHERE id", ids)
            listed = [(item, content, ordinal) for item, content, ordinal in rows]
            contents = self.contents(at, sorted({content for _, content, _ in listed}))
            twins.update({Place(at, item): (contents[content], ordinal) for item, content, ordinal in listed})
        shared = {place for contents, _ in twins.values() if len(contents) > 1 for place in contents}
        known = self._by_ordinal(shared)
        for place, (holding, ordinal) in twins.items():
            if len(holding) == 1:
                found[place] = [place]
            elif (holding[0], ordinal) in known:
                found[place] = [known[one, ordinal] for one in holding if (one, ordinal) in known]
        return found

    def _by_ordinal(self, contents: Iterable[Place]) -> dict[tuple[Place, int], Place]:
        """The items of contents by their ordinals."""
        asked: dict[int, list[int]] = defaultdict(list)
        for content in contents:
            asked[content.at].append(content.id)
        return {
            (Place(at, content), ordinal): Place(at, item)
            for at, ids in asked.items()
            for item, content, ordinal in self._rows(
                at, "SELECT id, content_id, ordinal FROM items WHERE content_id", ids
            )
        }

    def hidden(self, at: int, files: Mapping[str, Rank]) -> set[str]:
        """Those paths of an index for which another one counts; files come with the rank of their records."""
        found: set[str] = set()
        for other, reader in enumerate(self._readers):
            if other == at or not files:
                continue
            codec = reader.survey.codec
            select = "SELECT path, mtime_ns, status = 'ok', missing = 0 FROM files WHERE path"
            for key, *theirs in self._rows(other, select, codec.encode_all(list(files))):
                path = codec.decode(key)
                mine = files.get(path)
                if mine is None:
                    continue
                if tuple(theirs) > mine or (tuple(theirs) == mine and other < at):
                    found.add(path)
        return found

    def living(self, items: Mapping[Place, Sequence[Place]], where: Filter = EVERYTHING) -> set[Place]:
        """Those items that a file holds which is there, counts and passes; `items` come with all their places."""
        asked: dict[int, list[int]] = defaultdict(list)
        for place in dict.fromkeys(place for places in items.values() for place in places):
            asked[place.at].append(place.id)
        alive: set[Place] = set()
        for at, ids in asked.items():
            held = self._held(at, ids, where)
            hidden = self.hidden(at, {path: (mtime_ns, True, True) for _, path, mtime_ns in held})
            alive.update(Place(at, item) for item, path, _ in held if path not in hidden)
        return {item for item, places in items.items() if not alive.isdisjoint(places)}

    def _held(self, at: int, items: Sequence[int], where: Filter) -> list[tuple[int, str, int]]:
        """Items of an index with the path and time of each file that holds them, is there and passes."""
        codec = self._readers[at].survey.codec
        sql, values = condition(where, codec)
        select = (
            "SELECT i.id, f.path, f.mtime_ns FROM items i JOIN contents c ON c.id = i.content_id"
            f" JOIN files f ON f.content_id = c.id WHERE f.missing = 0{sql} AND i.id"
        )
        rows = ((item, codec.decode(key), mtime) for item, key, mtime in self._rows(at, select, items, values))
        return [row for row in rows if where.accept is None or where.accept(row[1])]

    def files(self, at: int) -> Iterator[FileRecord]:
        """Every file of an index that is not hidden by another one."""
        reader = self._readers[at]
        with schema.translated(reader.directory):
            rows = reader.survey.db.execute(f"SELECT {FILE_COLUMNS} ORDER BY f.path")
            while some := rows.fetchmany(4096):
                records = [file_record(reader.survey.codec, row) for row in some]
                hidden = self.hidden(at, {record.path: rank(record) for record in records})
                yield from (record for record in records if record.path not in hidden)

    def count_items(self) -> dict[Modality, int]:
        """Items by partition that a file holds which is there and counts, each once."""
        counts: dict[Modality, int] = defaultdict(int)
        for at, reader in enumerate(self._readers):
            with schema.translated(reader.directory):
                rows = reader.survey.db.execute("SELECT id, partition FROM items ORDER BY id")
                while some := rows.fetchmany(4096):
                    partitions: dict[int, Modality] = dict(some)
                    twins = self.items(Place(at, item) for item in partitions)
                    for first in self.living({one: all_ for one, all_ in twins.items() if all_ and all_[0] == one}):
                        counts[partitions[first.id]] += 1
        return dict(counts)

    def _keys(self, at: int, contents: Sequence[int]) -> Iterator[tuple[int, str, str]]:
        return self._rows(at, "SELECT id, digest, kind FROM contents WHERE id", contents)

    def _with_digests(self, at: int, digests: Sequence[str]) -> Iterator[tuple[int, str, str]]:
        return self._rows(at, "SELECT id, digest, kind FROM contents WHERE digest", digests)

    def _rows(
        self, at: int, select: str, values: Sequence[object], first: Sequence[object] = ()
    ) -> Iterator[tuple[Any, ...]]:
        """What a query that ends in the name of a column finds for some values of it; `first` are its other ones."""
        reader = self._readers[at]
        with schema.translated(reader.directory):
            for start in range(0, len(values), AT_ONCE):
                part = values[start : start + AT_ONCE]
                # All at once: a reader that is closed over an error has no cursor left to end.
                rows = reader.survey.db.execute(f"{select} IN ({','.join('?' * len(part))})", [*first, *part])
                yield from rows.fetchall()
