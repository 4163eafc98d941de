"""Builds ANN indexes: trains them, fills them block by block, and tunes how far a search has to look.

Most kinds keep short codes of vectors in lists around centroids, so that a search scans few of them; its candidates are
scored again from the vectors themselves. The number of lists and candidates is measured on the vectors of the index,
with queries near them, queries as far from them as texts are from pictures, and vectors of other partitions.
Knows nothing about items, SQLite or where vectors come from.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from mmsearch.store.ann_index import Effort, Tuning, normalize, prepare_vectors, rotated_dim
from mmsearch.store.faiss_files import Rows, load_faiss, threads_for
from mmsearch.store.faiss_headers import BLOCK
from mmsearch.store.records import Kind, OnProgress
from mmsearch.system.lazy_import import LazyModule
from mmsearch.types import Vectors

if TYPE_CHECKING:
    import numpy as np
else:
    np = LazyModule("numpy")

_FACTORY = {
    "int8": "SQ8",
    "ivf": "IVF{lists},SQ8",
    "pq4": "IVF{lists},PQ{half}x4fsr",  # r: by residual, or twice as many candidates have to be scored again
    "pq": "IVF{lists},PQ{eighth}np",
    "rabitq": "IVF{lists},RaBitQ",
}
"""By kind the description of an index of `dim` columns for `faiss.index_factory`; `half` is `dim // 2`."""
LEVELS = (10, 100)
"""Numbers of results for which the effort is measured; for others it is interpolated."""
POINTS = 48
"""Sampled vectors per centroid; more make a build longer and searches hardly better."""
_TRUE_NEIGHBOURS = 2 * max(LEVELS)
"""Known of each query: more than the best, for those that are as good as the last of them."""
LEAST_SAMPLE = 32_768
ROUNDS = 10
"""Of k-means; later rounds change little."""
TRIAL_QUERIES = 128
"""Queries of each sort that an index is tuned on."""
_NEAR, _FAR = 0.8, 0.4
"""The share of its source vector in a trial query; the rest is noise. A text and its pictures are about as near as the
latter, once the means of all texts and of all pictures are subtracted."""
_REFINES = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0, 32.0, 48.0, 64.0, 96.0)
_MOST_CANDIDATES, _FEW_CANDIDATES = 1024, 200
"""FAISS keeps the best in a heap, which gets slow for more; where a short form says nearly all, few will do."""
_RESCORE_NS = 5000.0
"""Nanoseconds to score a candidate again: a look into the database, and a row from somewhere on the disk."""
_SCAN_NS = {"int8": 0.25, "ivf": 0.25, "pq4": 0.045, "pq": 0.15, "rabitq": 0.14}
"""Nanoseconds for each number of a vector in short form that is scanned."""
COARSE = frozenset({"pq4", "pq", "rabitq"})
"""Kinds with the same few bits for each number: vectors are rotated for them, and many candidates scored again."""


def lists_for(count: int) -> int:
    """The number of lists for `count` vectors: the power of two nearest to twice their square root."""
    return 1 << max(0, round(math.log2(2 * math.sqrt(max(1, count)))))


def sample_size(kind: Kind, count: int) -> int:
    """How many of the vectors to train on."""
    lists = 1 if kind == "int8" else lists_for(count)
    return min(count, max(LEAST_SAMPLE, POINTS * lists))


def bytes_per_vector(kind: Kind, dim: int) -> int:
    """Memory per vector during a build, and about as much in the file."""
    columns = rotated_dim(dim)
    code = {"int8": dim, "ivf": dim, "pq4": columns // 4, "pq": columns // 8, "rabitq": columns // 8 + 8}[kind]
    return code + 32


class AnnBuilder:
    """An ANN index in the making, in memory.

    Args:
        kind: any but flat.
        dim: how many of the first numbers of each vector it takes.
        count: how many vectors will come.
        sample: float32 `(n, full dim)`, some of those vectors, spread evenly.
        others: float32 `(m, full dim)`, vectors of other partitions, which are searched for too.
        on_progress: called with the step, the amount done and the total.
    """

    def __init__(
        self, kind: Kind, dim: int, count: int, sample: Vectors, others: Vectors, on_progress: OnProgress
    ) -> None:
        self.kind = kind
        self.dim = dim
        self._on_progress = on_progress
        self._count = count
        self._trial = Trial(_trial_queries(sample, others))
        self.index = _train(kind, prepare_vectors(sample, dim, kind in COARSE), lists_for(count), on_progress)
        self._tables: list[tuple[Rows, Rows]] = []

    def add(self, items: Rows, contents: Rows, vectors: Vectors) -> None:
        """Append float32 `(n, full dim)` with the ids of their items and contents, int64 `(n,)`."""
        self._trial.add(vectors, self.index.ntotal)
        self.index.add(prepare_vectors(vectors, self.dim, self.kind in COARSE))
        self._tables.append((items, contents))
        self._on_progress("filling", self.index.ntotal, self._count)

    def tune(self, recall: float) -> Tuning:
        """The least effort that finds such a share of the true best."""
        return self._trial.tune(self.index, self.kind, self.dim, recall, self._on_progress)

    def tables(self) -> tuple[Rows, ...]:
        """Ids of items and contents in the order of the index, whose own ids are renumbered in that order.

        For `pq4` also the size of each list without its padding.
        """
        items, contents = (np.concatenate(column) for column in zip(*self._tables, strict=True))
        if self.kind == "int8":
            return items, contents
        sizes = _use_plain_lists(self.index) if self.kind == "pq4" else None
        order = _renumber(self.index.invlists, self.index.nlist)
        return (items[order], contents[order]) if sizes is None else (items[order], contents[order], sizes)


def _trial_queries(sample: Vectors, others: Vectors) -> list[Vectors]:
    """Sorts of queries, float32 `(n, dim)` each: near to the vectors, far from them, and of other partitions."""
    random = np.random.default_rng(len(sample))
    rows = sample[random.choice(len(sample), min(TRIAL_QUERIES, len(sample)), replace=False)]

    def blur(rows: Vectors, share: float) -> Vectors:
        noise = random.standard_normal(rows.shape, dtype=np.float32)
        return normalize(share * normalize(rows) + math.sqrt(1 - share**2) * normalize(noise))

    sorts = [blur(rows, _NEAR), blur(rows - sample.mean(axis=0), _FAR)]
    return sorts + ([others] if len(others) else [])


def _train(kind: Kind, sample: Vectors, lists: int, on_progress: OnProgress) -> Any:
    """An empty index, trained on float32 `(n, dim)`."""
    faiss = load_faiss()
    dim = sample.shape[1]
    lists = max(1, min(lists, len(sample) // 2))
    description = _FACTORY[kind].format(lists=lists, half=dim // 2, eighth=dim // 8)
    index = faiss.index_factory(dim, description, faiss.METRIC_INNER_PRODUCT)
    if kind != "int8":
        index.quantizer.add(_centroids(sample, lists, on_progress))
        index.cp.min_points_per_centroid = 1  # or FAISS writes warnings to stderr
    if kind in ("pq4", "pq"):
        index.pq.cp.min_points_per_centroid = 1
    if kind == "rabitq":
        index.qb = 8  # bits of a query's numbers; without it they are compared as floats, one by one
    index.train(sample)
    return index


def _centroids(sample: Vectors, lists: int, on_progress: OnProgress) -> Vectors:
    """Spherical k-means, one round at a time, so that it reports progress and can be interrupted."""
    faiss = load_faiss()
    clustering = faiss.Clustering(sample.shape[1], lists)
    clustering.niter, clustering.spherical = 1, True
    clustering.min_points_per_centroid, clustering.max_points_per_centroid = 1, len(sample)
    index = faiss.IndexFlatIP(sample.shape[1])
    for done in range(ROUNDS):
        on_progress("training", done, ROUNDS)
        clustering.train(sample, index)  # goes on from the centroids that it has
    on_progress("training", ROUNDS, ROUNDS)
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
            ids = ids[: np.count_nonzero(ids >= 0)]  # without the padding
            order.append(ids.copy())
            ids[:] = np.arange(start, start + len(ids))
            start += len(ids)
    return np.concatenate(order)


def _use_plain_lists(index: Any) -> Rows:
    """Give a fast-scan index lists that can be memory-mapped; the size of each without padding, int64 `(lists,)`.

    FAISS maps plain lists alone, but its fast scan reads any. Each is padded to whole blocks with codes under the
    number -1, which comes out of a search as no result.
    """
    faiss = load_faiss()
    blocks, code = index.invlists, index.code_size
    plain = faiss.ArrayInvertedLists(index.nlist, code)
    sizes = np.array([blocks.list_size(number) for number in range(index.nlist)], np.int64)
    for number, size in enumerate(map(int, sizes)):
        if size:
            padded = -(-size // BLOCK) * BLOCK
            ids = np.full(padded, -1, np.int64)
            ids[:size] = faiss.rev_swig_ptr(blocks.get_ids(number), size)
            plain.add_entries(number, padded, faiss.swig_ptr(ids), blocks.get_codes(number))
    plain.this.disown()
    index.replace_invlists(plain, True)
    return sizes


class Trial:
    """Queries with their true neighbours, which are collected while vectors are added."""

    def __init__(self, sorts: Sequence[Vectors]) -> None:
        self._queries = np.concatenate(sorts)
        self._sorts = np.repeat(np.arange(len(sorts)), [len(queries) for queries in sorts])
        self._scores = np.full((len(self._queries), _TRUE_NEIGHBOURS), -np.inf, np.float32)
        self._best = np.full((len(self._queries), _TRUE_NEIGHBOURS), -1, np.int64)

    def add(self, vectors: Vectors, start: int) -> None:
        """Compare with float32 `(n, dim)`, which are numbered from `start` on."""
        numbers = np.broadcast_to(np.arange(start, start + len(vectors)), (len(self._queries), len(vectors)))
        scores = np.concatenate([self._scores, self._queries @ vectors.T], axis=1)
        numbers = np.concatenate([self._best, numbers], axis=1)
        columns = np.argpartition(-scores, _TRUE_NEIGHBOURS - 1, axis=1)[:, :_TRUE_NEIGHBOURS]
        self._scores = np.take_along_axis(scores, columns, axis=1)
        self._best = np.take_along_axis(numbers, columns, axis=1)

    def tune(self, index: Any, kind: Kind, dim: int, target: float, on_progress: OnProgress) -> Tuning:
        """The cheapest effort for each level that there are enough vectors for."""
        queries = prepare_vectors(self._queries, dim, kind in COARSE)
        most = _MOST_CANDIDATES if kind in COARSE or dim < self._queries.shape[1] else _FEW_CANDIDATES
        efforts: list[Effort] = []
        recalls: list[float] = []
        for done, k in enumerate(LEVELS):
            on_progress("tuning", done, len(LEVELS))
            if not efforts or k <= index.ntotal:
                effort, recall = self._cheapest(index, kind, queries, k, target, most)
                efforts.append(effort)
                recalls.append(recall)
        on_progress("tuning", len(LEVELS), len(LEVELS))
        return Tuning(tuple(efforts), recalls[0])

    def _cheapest(
        self, index: Any, kind: Kind, queries: Vectors, k: int, target: float, most: int
    ) -> tuple[Effort, float]:
        """The effort that reaches the target at the least cost, else the one that finds most; and its recall."""
        sufficient: list[tuple[float, Effort, float]] = []
        insufficient: list[tuple[float, Effort]] = []
        lists = int(getattr(index, "nlist", 1))
        steps = {base << power for base in (1, 3) for power in range(lists.bit_length())}  # 1, 2, 3, 4, 6, 8, 12, …
        for probes in sorted({step for step in steps if step < lists} | {lists}):
            scan = _SCAN_NS[kind] * index.d * index.ntotal * probes / lists
            for refine, recall in self._recalls(index, probes, queries, k, most):
                effort = Effort(k, probes, refine)
                if recall >= target:
                    sufficient.append((scan + _RESCORE_NS * k * refine, effort, recall))
                else:
                    insufficient.append((recall, effort))
            if sufficient and scan + _RESCORE_NS * k >= min(cost for cost, _, _ in sufficient):
                break  # more probes cost more than that, even if every candidate is a result
        if sufficient:
            _, effort, recall = min(sufficient, key=lambda option: option[0])
        else:
            recall, effort = max(insufficient, key=lambda option: option[0])
        return effort, recall

    def _recalls(self, index: Any, probes: int, queries: Vectors, k: int, most: int) -> Iterator[tuple[float, float]]:
        """For each refine factor the share of the best among the candidates, of the sort of queries that fares worst.

        Vectors that are as good as the last of the best count as best.
        """
        faiss = load_faiss()
        refines = [refine for refine in _REFINES if k * refine <= max(most, 2 * k)]
        params = faiss.SearchParametersIVF(nprobe=probes) if hasattr(index, "nlist") else faiss.SearchParameters()
        with threads_for(len(queries)):
            _, ids = index.search(queries, min(index.ntotal, math.ceil(k * refines[-1])), params=params)
        expected = min(k, index.ntotal)
        bars = -np.partition(-self._scores, expected - 1, axis=1)[:, expected - 1]
        # One number for each pair of a query and a vector, so that all are looked up at once.
        first = (np.arange(len(ids)) * index.ntotal)[:, None]
        best = (self._best + first)[self._scores >= bars[:, None]]
        hits = np.isin(np.where(ids < 0, -1, ids + first), best)
        shares = np.minimum(1.0, np.cumsum(hits, axis=1) / expected)
        queries_of_sort = np.bincount(self._sorts)
        for refine in refines:
            share = shares[:, min(ids.shape[1], math.ceil(k * refine)) - 1]
            yield refine, float((np.bincount(self._sorts, share) / queries_of_sort).min())
