"""From linked parts to groups of files: copies, near copies, and files that hold another as one of their parts.

A file is a near copy of another when nearly all of its parts are linked with parts of the other and the other way
round; where only one way, the other holds it, and is no copy. Boxes say what a picture holds and do not make it a
copy, since a smaller copy has none. Knows nothing of vectors.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import permutations, product
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from mmsearch.extras.duplicates.links import THRESHOLD, Forest, Parts, Scope, linked
from mmsearch.search.staleness import staleness
from mmsearch.store import EVERYTHING, AnyReader, Filter
from mmsearch.types import MODALITIES, Modality, Span, is_object_url

Match: TypeAlias = Literal["exact", "near", "part"]

SHARE = 0.8
"""Share of a file's parts that must be linked for all of it to be in the other."""
COMMONPLACE = 64
"""A part that more contents than these have (an empty page, a licence) says nothing about any two of them."""


class Member(NamedTuple):
    """A file of a group.

    Attributes:
        path, modality, size, mtime_ns: as indexed; `size` in bytes.
        pixels: width times height, where known.
        digest: of its bytes.
        spans: where in it the likeness is; empty when all of it is alike.
        likeness: of its parts to the nearest ones, 1 for the same bytes.
        whole: all of it is alike; else it holds the others as parts.
        keep: it is the one to keep, or holds more than the others.
    """

    path: str
    modality: Modality
    size: int
    mtime_ns: int
    pixels: int | None
    digest: str
    spans: tuple[Span, ...]
    likeness: float
    whole: bool
    keep: bool = False


class Group(NamedTuple):
    """Files that are alike, the suggested keeper first, then its copies, then the files that hold it.

    `match` is `exact` where the bytes are the same, `near` for other copies, `part` for one file and its
    holders; `why` is the reason for the keeper.
    """

    match: Match
    why: str
    members: tuple[Member, ...]

    @property
    def copies(self) -> list[Member]:
        """The members that are alike as wholes, the keeper first."""
        return [member for member in self.members if member.whole]


class Duplicates(NamedTuple):
    """Groups in order of their keepers' paths, and the number of files left out because they have changed."""

    groups: list[Group]
    stale: int


def find(
    reader: AnyReader, where: Filter = EVERYTHING, threshold: float = THRESHOLD, scope: Scope = "all"
) -> Duplicates:
    """All groups among the files that pass a filter.

    Args:
        reader: the index.
        where: both sides of a pair pass it.
        threshold: from 0 (an arbitrary pair) to 1 (the same vector).
        scope: all pairs of files, only those of one modality, or only those of two.
    """
    reader.open_files()
    parts = Parts(reader, where)
    contents = list(reader.catalog.contents())
    kinds = np.zeros(max((content for content, _, _ in contents), default=0) + 1, np.int8)  # a modality's number
    for content, modality, _ in contents:
        kinds[content] = MODALITIES.index(modality)
    pixels = {content: count for content, _, count in contents}
    forest, best = linked(reader, parts, kinds, where, threshold, scope)
    alike = _SimilarContents(parts, forest)
    builder = _GroupBuilder(reader, where, parts, alike, best, pixels)
    clusters = list(alike.clusters())
    if scope != "across":
        paired = {content for cluster in clusters for content in cluster}
        clusters += [
            [content] for content in reader.catalog.shared() if content not in paired and content in builder.first
        ]
    groups = [group for cluster in clusters if (group := builder.group(cluster))]
    groups.sort(key=lambda group: os.fsencode(group.members[0].path))
    return Duplicates(groups, len(builder.stale))


class _SimilarContents:
    """Contents that are alike, from the links between their parts."""

    def __init__(self, parts: Parts, forest: Forest) -> None:
        contents, counts = np.unique(parts.contents[~parts.boxed], return_counts=True)
        self._total = dict(zip(contents.tolist(), counts.tolist(), strict=True))
        self._forest = Forest(int(contents.max(initial=0)) + 1)
        self._boxed = parts.boxed
        self.roots = forest.roots(np.arange(len(parts.items)))
        self.linked: dict[int, list[int]] = defaultdict(list)
        """Positions of linked parts by content."""
        self.holders: dict[int, set[int]] = defaultdict(set)
        """By content, the contents that hold it among their parts."""
        bunches: dict[int, Counter[int]] = defaultdict(Counter)
        for position in np.flatnonzero(np.bincount(self.roots, minlength=1)[self.roots] > 1).tolist():
            content = int(parts.contents[position])
            bunches[int(self.roots[position])][content] += int(not self._boxed[position])
            self.linked[content].append(position)
        self._compare(bunches.values())

    def unboxed(self, content: int) -> list[int]:
        """Positions of linked parts that are no boxes."""
        return [position for position in self.linked.get(content, []) if not self._boxed[position]]

    def _compare(self, bunches: Iterable[Counter[int]]) -> None:
        """Join copies, and find holders; a bunch counts the linked parts of contents that are alike."""
        shared: Counter[tuple[int, int]] = Counter()
        for bunch in bunches:
            singles = [content for content, count in bunch.items() if count and self._total[content] == 1]
            self._join(singles)
            several = [content for content, count in bunch.items() if count and self._total[content] > 1]
            if len(bunch) > COMMONPLACE:
                self._total.update({content: self._total[content] - bunch[content] for content in several})
                continue
            for held, holder in permutations([*several, *singles], 2):
                if self._total[held] > 1 or self._total[holder] > 1:
                    shared[held, holder] += bunch[held]
            boxed = [content for content, count in bunch.items() if not count]
            shared.update({pair: bunch[pair[0]] for pair in product([*several, *singles], boxed)})
        for (held, holder), count in shared.items():
            if count >= SHARE * self._total[held]:
                if shared[holder, held] >= SHARE * self._total[holder]:
                    self._join([held, holder])
                else:
                    self.holders[held].add(holder)

    def _join(self, contents: Sequence[int]) -> None:
        rows = np.array(contents, np.int64)
        self._forest.link(rows[:-1], rows[1:])

    def clusters(self) -> Iterator[list[int]]:
        """Contents that are copies of one another, or a single one that is held by others."""
        clusters: dict[int, list[int]] = defaultdict(list)
        for content in sorted(self.linked):
            clusters[int(self._forest.roots(np.array([content]))[0])].append(content)
        for cluster in clusters.values():
            if len(cluster) > 1 or self.holders[cluster[0]]:
                yield cluster


class _GroupBuilder:
    """Looks up the files of contents, and leaves out those that are gone, have changed or are one and the same."""

    def __init__(
        self, reader: AnyReader, where: Filter, parts: Parts, alike: _SimilarContents, best: npt.NDArray[np.float32],
        pixels: dict[int, int | None],
    ) -> None:  # fmt: skip
        self._reader = reader
        self._where = where
        self._parts = parts
        self._alike = alike
        self._best = best
        self._pixels = pixels
        self.first = dict(zip(parts.contents[::-1].tolist(), range(len(parts.items) - 1, -1, -1), strict=True))
        self.stale: set[str] = set()

    def group(self, cluster: Sequence[int]) -> Group | None:
        """The group of contents that are alike; None when fewer than two files are left of it."""
        holders = {holder for content in cluster for holder in self._alike.holders[content]} - set(cluster)
        copies = _distinct(member for content in cluster for member in self._members(content, cluster, whole=True))
        holding_files = _distinct(
            member for holder in sorted(holders) for member in self._members(holder, cluster, whole=False)
        )
        if not copies or len(copies) + len(holding_files) < 2:
            return None
        copies, why = _keeper_first(copies)
        exact = len({member.digest for member in copies}) == 1
        match: Match = "part" if len(copies) == 1 else "exact" if exact and not holding_files else "near"
        keeper, *other_copies = copies
        holding_files.sort(key=lambda member: os.fsencode(member.path))
        return Group(match, why, (keeper._replace(keep=True), *other_copies, *holding_files))

    def _members(self, content: int, cluster: Sequence[int], whole: bool) -> Iterator[Member]:
        """The files of a content that exist and are as they were indexed."""
        positions, spans = self._alike.unboxed(content), set[Span]()
        if not whole:
            roots = {int(self._alike.roots[position]) for copy in cluster for position in self._alike.unboxed(copy)}
            linked = self._alike.linked.get(content, [])
            positions = [position for position in linked if int(self._alike.roots[position]) in roots]
            items = [int(self._parts.items[position]) for position in positions]
            spans = {located[0].item.span for located in self._reader.locate(items, self._where).values() if located}
        in_order = tuple(sorted(spans, key=lambda span: (span.unit, span.start, span.end)))
        likeness = float(self._best[positions].mean()) if positions else 1.0
        part = int(self._parts.items[positions[0] if positions else self.first[content]])
        for located in self._reader.locate([part], self._where)[part]:
            stale = staleness(located, self._reader.may_read)
            if stale:
                self.stale.add(located.item.path)
            elif stale is not None:
                item = located.item
                fields = (item.path, item.modality, located.size, located.mtime_ns, self._pixels[content], item.digest)
                yield Member(*fields, in_order, likeness, whole, keep=not whole)


def _distinct(members: Iterable[Member]) -> list[Member]:
    """The members with each file once, under one of its names: removing the target of a link would lose both."""
    by_file: dict[tuple[int, int] | str, Member] = {}
    for member in sorted(
        members, key=lambda member: (os.path.islink(member.path), len(member.path), os.fsencode(member.path))
    ):
        if is_object_url(member.path):
            by_file[member.path] = member
            continue
        try:
            status = os.stat(member.path)
        except OSError:
            continue
        by_file.setdefault((status.st_dev, status.st_ino), member)
    return list(by_file.values())


def _keeper_first(members: Sequence[Member]) -> tuple[list[Member], str]:
    """The members with the one to keep first, and the reason."""
    reasons: list[tuple[str, Callable[[Member], float]]] = [
        ("largest", lambda member: -member.size),
        ("oldest", lambda member: member.mtime_ns),
        ("shortest path", lambda member: len(member.path)),
    ]
    if all(member.pixels for member in members):
        reasons.insert(0, ("most pixels", lambda member: -(member.pixels or 0)))
    ordered = sorted(members, key=lambda member: (*(value(member) for _, value in reasons), os.fsencode(member.path)))
    if len(ordered) == 1:
        return ordered, "the only one"
    first, second = ordered[:2]
    return ordered, next((name for name, value in reasons if value(first) < value(second)), "first by name")
