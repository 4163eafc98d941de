"""The four measures of a ranked list, and how sure their mean is. Knows only paths, grades and numbers.

nDCG is that of Järvelin and Kekäläinen (Cumulated gain-based evaluation of IR techniques, ACM TOIS 20(4), 2002) as
trec_eval computes it: the grade itself is the gain, and rank r discounts it by log2(r + 1). Recall and the reciprocal
rank (Voorhees, TREC-8 question answering track, 1999) count every grade above 0 as relevant. Intervals are percentile
bootstraps over the questions (Efron and Tibshirani, An Introduction to the Bootstrap, 1993).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

RESAMPLES = 2000
CONFIDENCE = 0.95
_SEED = 0
_MAX_DRAWS = 1_000_000

Grades: TypeAlias = Mapping[str, float]
"""Relevant documents with their grades, all above 0."""


def ndcg(ranking: Sequence[str], grades: Grades, k: int) -> float:
    """Normalised discounted cumulated gain of the first `k`, in [0, 1]."""
    gained = _discounted([grades.get(name, 0.0) for name in ranking[:k]])
    return gained / _discounted(sorted(grades.values(), reverse=True)[:k])


def _discounted(gains: Sequence[float]) -> float:
    return sum(gain / math.log2(rank + 1) for rank, gain in enumerate(gains, 1))


def recall(ranking: Sequence[str], grades: Grades, k: int) -> float:
    """Share of the relevant documents that are among the first `k`."""
    return sum(name in grades for name in ranking[:k]) / len(grades)


def reciprocal_rank(ranking: Sequence[str], grades: Grades) -> float:
    """1 over the rank of the first relevant document; 0 where there is none."""
    rank = first_rank(ranking, grades)
    return 1 / rank if rank else 0.0


def first_rank(ranking: Sequence[str], grades: Grades) -> int | None:
    """The rank of the first relevant document, from 1."""
    return next((rank for rank, name in enumerate(ranking, 1) if name in grades), None)


METRICS: dict[str, Callable[[Sequence[str], Grades], float]] = {
    "ndcg@10": partial(ndcg, k=10),
    "recall@1": partial(recall, k=1),
    "recall@5": partial(recall, k=5),
    "recall@10": partial(recall, k=10),
    "mrr": reciprocal_rank,
}
"""By the name of their mean."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean and the bounds between which that of other questions of the same sort lies in 95 of 100 cases."""

    mean: float
    low: float
    high: float

    def to_json(self) -> dict[str, float]:
        """Rounded to four digits."""
        return {name: round(value, 4) for name, value in asdict(self).items()}


def bootstrap(values: Sequence[float]) -> Interval:
    """The mean of some values, at least one, and its interval; the same for the same values."""
    rows: npt.NDArray[np.float64] = np.asarray(values, np.float64)
    rng, means = np.random.default_rng(_SEED), []
    chunk = max(1, _MAX_DRAWS // len(rows))
    for start in range(0, RESAMPLES, chunk):
        draws = rng.integers(0, len(rows), (min(chunk, RESAMPLES - start), len(rows)))
        means.append(rows[draws].mean(1))
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(np.concatenate(means), (tail, 1 - tail))
    return Interval(float(rows.mean()), float(low), float(high))
