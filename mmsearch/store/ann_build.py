"""Builds accelerators: chooses their centroids, fills them block by block, and tunes how far a search has to look.

An accelerator holds vectors in a short form, most kinds of it in lists around centroids, so that a search looks at few
of them. What it finds is scored again from the vectors themselves. How many lists and how many candidates that takes is
measured on the very vectors it was built of, with queries near them, queries far from them as texts are from pictures,
and vectors of other partitions. Knows nothing about items, SQLite or where vectors come from.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from mmsearch.store.ann_rotation import turned, width
from mmsearch.store.faiss_files import Rows, load_faiss, threads_for
from mmsearch.store.records import Kind
from mmsearch.system.lazy_import import LazyModule
from mmsearch.types import Vectors

if TYPE_CHECKING:
    import numpy as np
else:
    np = LazyModule("numpy")

LEVELS = (10, 100)
"""For so many results the effort is measured; for others it follows from these."""
POINTS = 48
"""Vectors of the sample for each centroid; more make a build longer and searches hardly better."""
_KEPT = 2 * max(LEVELS)
"""True neighbours known of each query: with those that are as good as the last of the best."""
LEAST_SAMPLE = 32_768
ROUNDS = 10
"""Of k-means; what comes after changes little."""
ASKED = 128
"""Queries of each sort that an accelerator is tuned on."""
_NEAR, _FAR = 0.8, 0.4
"""How much of a query made for tuning is the vector it was made of; the rest is noise. A text has about as much in
common with the pictures that it is about as the latter, once what all texts and all pictures share is taken away."""
_REFINES = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0, 32.0, 48.0, 64.0, 96.0)
_MOST_CANDIDATES, _FEW_CANDIDATES = 1024, 200
"""FAISS keeps the best in a heap, which gets slow for more; where a short form says nearly all, few will do."""
_LATER = 5000.0
"""Nanoseconds that scoring a candidate again takes: a look into the database, and a row from somewhere on the disk."""
_SCAN = {"int8": 0.25, "ivf": 0.25, "pq4": 0.045, "pq": 0.15, "rabitq": 0.14}
"""Nanoseconds for each number of a vector in short form that is looked at."""
COARSE = frozenset({"pq4", "pq", "rabitq"})
"""Kinds that give all numbers the same few bits: vectors are turned for them, and many candidates scored again."""
BLOCK = 32
"""Vectors that `pq4` compares at once, and keeps together."""

Told: TypeAlias = Callable[[str, int, int], None]
"""Hears what is being done, how much of it is done, and how much there is."""


@dataclass(frozen=True)
class Effort:
    """What the best `k` take: how many lists to look at, and how many candidates for each result to score again."""

    k: int
    probes: int
    refine: float


@dataclass(frozen=True)
class Tuned:
    """By ascending `k` the effort, and the share of the true best 10 that was found with it."""

    efforts: tuple[Effort, ...]
    recall: float


def lists_for(count: int) -> int:
    """Into how many lists so many vectors are divided: the power of two nearest to twice their root."""
    return 1 << max(0, round(math.log2(2 * math.sqrt(max(1, count)))))


def sample_size(kind: Kind, count: int) -> int:
    """How many of the vectors training wants to see."""
    lists = 1 if kind == "int8" else lists_for(count)
    return min(count, max(LEAST_SAMPLE, POINTS * lists))


def bytes_per_vector(kind: Kind, dim: int) -> int:
    """What a vector takes while an accelerator is built, and about what it takes in the file."""
    wide = width(dim)
    code = {"int8": dim, "ivf": dim, "pq4": wide // 4, "pq": wide // 8, "rabitq": wide // 8 + 8}[kind]
    return code + 32


def shortened(vectors: Vectors, dim: int) -> Vectors:
    """The first `dim` columns, of unit length again; as they are where there are no more."""
    cut: Vectors = np.ascontiguousarray(vectors[:, :dim], np.float32)
    if vectors.shape[1] == dim:
        return cut
    return _units(cut)


def in_form(vectors: Vectors, dim: int, turn: bool) -> Vectors:
    """Float32 `(n, full dim)` as an accelerator takes them, of `dim` numbers and turned or not."""
    short = shortened(vectors, dim)
    return turned(short) if turn else short


class AnnBuilder:
    """An accelerator in the making, in memory.

    Args:
        kind: any but flat.
        dim: how many of the first numbers of each vector it takes.
        count: how many vectors will come.
        sample: float32 `(n, full dim)`, some of those vectors, spread evenly.
        others: float32 `(m, full dim)`, what else is searched for: vectors of other partitions.
        told: hears of progress.
    """

    def __init__(self, kind: Kind, dim: int, count: int, sample: Vectors, others: Vectors, told: Told) -> None:
        self.kind = kind
        self.dim = dim
        self._told = told
        self._count = count
        self._trial = Trial(_questions(sample, others))
        self.index = _trained(kind, self._in_form(sample), lists_for(count), told)
        self._tables: list[tuple[Rows, Rows]] = []

    def add(self, items: Rows, contents: Rows, vectors: Vectors) -> None:
        """Append float32 `(n, full dim)` with the ids of their items and contents, int64 `(n,)`."""
        self._trial.add(vectors, self.index.ntotal)
        self.index.add(self._in_form(vectors))
        self._tables.append((items, contents))
        self._told("filling", self.index.ntotal, self._count)

    def tune(self, recall: float) -> Tuned:
        """The least effort that finds such a share of the true best."""
        return self._trial.tune(self.index, self.kind, self.dim, recall, self._told)

    def tables(self) -> tuple[Rows, ...]:
        """Ids of items and contents in the order of the index, whose own ids are made to count in that order.

        Behind them what each list holds, where the lists are longer than that.
        """
        items, contents = (np.concatenate(column) for column in zip(*self._tables, strict=True))
        if self.kind == "int8":
            return items, contents
        sizes = _in_plain_lists(self.index) if self.kind == "pq4" else None
        order = _renumber(self.index.invlists, self.index.nlist)
        return (items[order], contents[order]) if sizes is None else (items[order], contents[order], sizes)

    def _in_form(self, vectors: Vectors) -> Vectors:
        return in_form(vectors, self.dim, self.kind in COARSE)


def _questions(sample: Vectors, others: Vectors) -> list[Vectors]:
    """Sorts of queries, float32 `(n, dim)` each: near to the vectors, far from them, and vectors of other kinds."""
    random = np.random.default_rng(len(sample))
    rows = sample[random.choice(len(sample), min(ASKED, len(sample)), replace=False)]
    mean = sample.mean(axis=0)
    sorts = [_blurred(rows, _NEAR, random), _blurred(rows - mean, _FAR, random)]
    return sorts + ([others] if len(others) else [])


def _blurred(rows: Vectors, share: float, random: np.random.Generator) -> Vectors:
    noise = random.standard_normal(rows.shape, dtype=np.float32)
    mixed = share * _units(rows) + math.sqrt(1 - share**2) * _units(noise)
    return _units(mixed)


def _units(rows: Vectors) -> Vectors:
    units: Vectors = np.divide(rows, np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12), dtype=np.float32)
    return units


def _trained(kind: Kind, sample: Vectors, lists: int, told: Told) -> Any:
    faiss = load_faiss()
    dim, product = sample.shape[1], faiss.METRIC_INNER_PRODUCT
    if kind == "int8":
        index = faiss.IndexScalarQuantizer(dim, faiss.ScalarQuantizer.QT_8bit, product)
        index.train(sample)
        return index
    quantizer = faiss.IndexFlatIP(dim)
    lists = max(1, min(lists, len(sample) // 2))
    quantizer.add(_centroids(sample, lists, told))
    index = _empty(kind, quantizer, dim, lists)
    index.cp.min_points_per_centroid = 1  # or FAISS writes warnings to stdout's neighbour
    index.train(sample)
    return index


def _empty(kind: Kind, quantizer: Any, dim: int, lists: int) -> Any:
    faiss = load_faiss()
    product = faiss.METRIC_INNER_PRODUCT
    if kind == "ivf":
        return faiss.IndexIVFScalarQuantizer(quantizer, dim, lists, faiss.ScalarQuantizer.QT_8bit, product)
    if kind == "pq4":
        index = faiss.IndexIVFPQFastScan(quantizer, dim, lists, dim // 2, 4, product, BLOCK)
        index.by_residual = True  # half as many candidates have to be scored again as without it
        index.pq.cp.min_points_per_centroid = 1
        return index
    if kind == "pq":
        index = faiss.IndexIVFPQ(quantizer, dim, lists, dim // 8, 8, product)
        index.pq.cp.min_points_per_centroid = 1
        return index
    index = faiss.IndexIVFRaBitQ(quantizer, dim, lists, product)
    index.qb = 8  # bits of a query's numbers; without it they are compared as floats, one by one
    return index


def _centroids(sample: Vectors, lists: int, told: Told) -> Vectors:
    """Spherical k-means, one round after the other, so that it can be watched and interrupted."""
    faiss = load_faiss()
    clustering = faiss.Clustering(sample.shape[1], lists)
    clustering.niter, clustering.spherical = 1, True
    clustering.min_points_per_centroid, clustering.max_points_per_centroid = 1, len(sample)
    index = faiss.IndexFlatIP(sample.shape[1])
    for done in range(ROUNDS):
        told("training", done, ROUNDS)
        clustering.train(sample, index)  # goes on from the centroids that it has
    told("training", ROUNDS, ROUNDS)
    centroids: Vectors = faiss.vector_to_array(clustering.centroids).reshape(lists, -1)
    return centroids


def _renumber(lists: Any, count: int) -> Rows:
    """Number the entries of all lists in turn from 0 on; the numbers that they had, in this order."""
    faiss = load_faiss()
    order, start = [np.zeros(0, np.int64)], 0
    for number in range(count):
        size = lists.list_size(number)
        if size:
            ids = faiss.rev_swig_ptr(lists.get_ids(number), size)
            ids = ids[: np.count_nonzero(ids >= 0)]  # a list may be filled up
            order.append(ids.copy())
            ids[:] = np.arange(start, start + len(ids))
            start += len(ids)
    return np.concatenate(order)


def _in_plain_lists(index: Any) -> Rows:
    """Give an index of blocks such lists as can be mapped into memory; how much each of them holds, int64 `(lists,)`.

    FAISS maps plain lists alone, but compares what lies in any. Each is filled up to whole blocks with codes of nothing
    under the number -1, as which they come out of a search.
    """
    faiss = load_faiss()
    blocks, code = index.invlists, index.code_size
    plain = faiss.ArrayInvertedLists(index.nlist, code)
    sizes = np.array([blocks.list_size(number) for number in range(index.nlist)], np.int64)
    for number, size in enumerate(map(int, sizes)):
        if size:
            whole = -(-size // BLOCK) * BLOCK
            ids = np.full(whole, -1, np.int64)
            ids[:size] = faiss.rev_swig_ptr(blocks.get_ids(number), size)
            plain.add_entries(number, whole, faiss.swig_ptr(ids), blocks.get_codes(number))
    plain.this.disown()
    index.replace_invlists(plain, True)
    return sizes


class Trial:
    """Queries with their true neighbours, which are gathered while the vectors come by."""

    def __init__(self, sorts: Sequence[Vectors]) -> None:
        self._queries = np.concatenate(sorts)
        self._sorts = np.repeat(np.arange(len(sorts)), [len(queries) for queries in sorts])
        self._scores = np.full((len(self._queries), _KEPT), -np.inf, np.float32)
        self._best = np.full((len(self._queries), _KEPT), -1, np.int64)
        self._coarse = False

    def add(self, vectors: Vectors, start: int) -> None:
        """Look at float32 `(n, dim)`, which are numbered from `start` on."""
        numbers = np.broadcast_to(np.arange(start, start + len(vectors)), (len(self._queries), len(vectors)))
        scores = np.concatenate([self._scores, self._queries @ vectors.T], axis=1)
        numbers = np.concatenate([self._best, numbers], axis=1)
        places = np.argpartition(-scores, _KEPT - 1, axis=1)[:, :_KEPT]
        self._scores = np.take_along_axis(scores, places, axis=1)
        self._best = np.take_along_axis(numbers, places, axis=1)

    def tune(self, index: Any, kind: Kind, dim: int, target: float, told: Told) -> Tuned:
        """The cheapest effort for each level that there are enough vectors for."""
        queries = in_form(self._queries, dim, kind in COARSE)
        self._coarse = kind in COARSE or dim < self._queries.shape[1]
        efforts: list[Effort] = []
        recalls: list[float] = []
        for at, k in enumerate(LEVELS):
            told("tuning", at, len(LEVELS))
            if not efforts or k <= index.ntotal:
                effort, recall = self._cheapest(index, kind, queries, k, target)
                efforts.append(effort)
                recalls.append(recall)
        told("tuning", len(LEVELS), len(LEVELS))
        return Tuned(tuple(efforts), recalls[0])

    def _cheapest(self, index: Any, kind: Kind, queries: Vectors, k: int, target: float) -> tuple[Effort, float]:
        """The effort that reaches the target at the least cost, else that which finds most, and what it finds."""
        good: list[tuple[float, Effort, float]] = []
        bad: list[tuple[float, Effort]] = []
        for probes in _ladder(_lists(index)):
            scan = _SCAN[kind] * index.d * index.ntotal * probes / _lists(index)
            for refine, recall in self._recalls(index, probes, queries, k):
                effort = Effort(k, probes, refine)
                if recall >= target:
                    good.append((scan + _LATER * k * refine, effort, recall))
                else:
                    bad.append((recall, effort))
            if good and scan + _LATER * k >= min(cost for cost, _, _ in good):
                break  # what comes now costs more than that, even if every candidate is a result
        if good:
            _, effort, recall = min(good, key=lambda one: one[0])
        else:
            recall, effort = max(bad, key=lambda one: one[0])
        return effort, recall

    def _recalls(self, index: Any, probes: int, queries: Vectors, k: int) -> Iterator[tuple[float, float]]:
        """For each refine factor the share of the best that is among the candidates, of the sort that fares worst.

        Whatever is as good as the last of the best is one of them.
        """
        most = _MOST_CANDIDATES if self._coarse else _FEW_CANDIDATES
        refines = [refine for refine in _REFINES if k * refine <= max(most, 2 * k)]
        ids = _candidates(index, queries, min(index.ntotal, math.ceil(k * refines[-1])), probes)
        wanted = min(k, index.ntotal)
        bars = -np.partition(-self._scores, wanted - 1, axis=1)[:, wanted - 1]
        # One number for each pair of a query and a vector, so that all are looked up at once.
        first = (np.arange(len(ids)) * index.ntotal)[:, None]
        best = (self._best + first)[self._scores >= bars[:, None]]
        hits = np.isin(np.where(ids < 0, -1, ids + first), best)
        shares = np.minimum(1.0, np.cumsum(hits, axis=1) / wanted)
        asked = np.bincount(self._sorts)
        for refine in refines:
            found = shares[:, min(ids.shape[1], math.ceil(k * refine)) - 1]
            yield refine, float((np.bincount(self._sorts, found) / asked).min())


def _lists(index: Any) -> int:
    return int(getattr(index, "nlist", 1))


def _ladder(most: int) -> list[int]:
    """1, 2, 3, 4, 6, 8, 12, … and `most`."""
    steps = {base << power for base in (1, 3) for power in range(most.bit_length())}
    return sorted({step for step in steps if step < most} | {most})


def _candidates(index: Any, queries: Vectors, count: int, probes: int) -> Rows:
    faiss = load_faiss()
    params = faiss.SearchParametersIVF(nprobe=probes) if hasattr(index, "nlist") else faiss.SearchParameters()
    with threads_for(len(queries)):
        _, ids = index.search(queries, count, params=params)
    found: Rows = ids
    return found
