"""The modality gap: turns raw cosines, which are not comparable across modalities, into relevance, which is.

A query's cosines with pictures and with passages are on different scales. For a model whose log-odds were measured, a
line over the cosine gives the relevance in each partition. For any other, and for queries that are not text, the cosine
is standardised against the background of its own partition for this very query: the mean and spread of q·x over a
sample of that partition's vectors, the best ones left out. Knows nothing about stores, files or models.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from mmsearch.types import Vectors

PRIOR = 64.0
"""How many scores the pooled spread counts as: a partition with fewer leans on the others. With 16, two matches among
six files made for a spread in which neither stood out."""
TRIMMED = 0.1
"""Share of the best scores that is not background."""
LEAST_TRIMMED = 3
"""Scores that are not background in any partition, but at most half of it: where two of eight notes were relevant, the
second one hid both, and so each answer of a kind of which there are few among many of another."""
MIN_SPREAD = 0.05
"""Cosines of unrelated things differ by about this much in every model tried; less is an accident of few files."""

Key = TypeVar("Key")


@dataclass(frozen=True, slots=True)
class Background:
    """Mean and standard deviation of a query's cosines with irrelevant items."""

    mean: float
    spread: float

    def relevance(self, score: float) -> float:
        """The score in standard deviations above the background."""
        return (score - self.mean) / self.spread


@dataclass(frozen=True, slots=True)
class LogOddsCalibration:
    """A line from the cosine to log-odds, measured for a model and a partition."""

    base: float
    slope: float

    def relevance(self, score: float) -> float:
        """Natural logarithm of the odds that the item is relevant; 0 is even."""
        return self.base + self.slope * score


def backgrounds(query: npt.NDArray[np.float32], samples: Mapping[Key, Vectors]) -> dict[Key, Background]:
    """The background of each partition for `query` `(dim,)`, from samples `(m, dim)` of its own vectors.

    The spread of a small partition is shrunk towards that of all partitions together. Its mean is not, for an offset is
    what separates modalities; only a partition of a single vector, whose mean says nothing, takes that of the others.
    """
    scores: dict[Key, npt.NDArray[np.float32]] = {}
    for key, rows in samples.items():
        if len(rows):
            dropped = max(1, min(LEAST_TRIMMED, len(rows) // 2), round(TRIMMED * len(rows)))
            scores[key] = np.sort(rows @ query)[: len(rows) - dropped]
    means = {key: float(values.mean()) for key, values in scores.items() if len(values)}
    if not means:
        return dict.fromkeys(scores, Background(0.0, 1.0))
    rest = np.concatenate([scores[key] - mean for key, mean in means.items()])
    prior = max(float(rest.var()), MIN_SPREAD**2)
    common = sum(means.values()) / len(means)
    fitted: dict[Key, Background] = {}
    for key, values in scores.items():
        mean = means.get(key, common)
        variance = (float(((values - mean) ** 2).sum()) + PRIOR * prior) / (len(values) + PRIOR)
        fitted[key] = Background(mean, float(variance**0.5))
    return fitted
