"""The modality gap: turns raw cosines, which are not comparable across modalities, into relevance, which is.

A query's cosines with pictures and with passages live on different scales. Each is standardised against the background
of its own partition for this very query: the mean and spread of q·x over a sample of that partition's vectors. Knows
nothing about stores, files or models.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from mmsearch.core import Vectors

PRIOR = 16.0
"""How many vectors the pooled background counts as: a partition with fewer leans on the others."""
MIN_SPREAD = 1e-3

Key = TypeVar("Key")


@dataclass(frozen=True, slots=True)
class Background:
    """Mean and standard deviation of a query's cosines with things that it is mostly not about."""

    mean: float
    spread: float

    def relevance(self, score: float) -> float:
        """The score in standard deviations above the background."""
        return (score - self.mean) / self.spread


def backgrounds(query: npt.NDArray[np.float32], samples: Mapping[Key, Vectors]) -> dict[Key, Background]:
    """The background of each partition for `query` `(dim,)`, from samples `(m, dim)` of its vectors.

    Spread is shrunk towards that of all partitions together, means are not: an offset is what separates modalities,
    and pooling it would bring back the gap. A partition of one or two vectors therefore leans on the others' spread.
    """
    scores = {key: rows @ query for key, rows in samples.items() if len(rows)}
    if not scores:
        return {}
    pooled = np.concatenate([values - values.mean() for values in scores.values()])
    prior = float(pooled.var()) if len(pooled) > len(scores) else MIN_SPREAD
    return {key: _background(values, prior) for key, values in scores.items()}


def _background(scores: npt.NDArray[np.float32], prior: float) -> Background:
    count = len(scores)
    variance = (count * float(scores.var()) + PRIOR * prior) / (count + PRIOR)
    return Background(float(scores.mean()), max(variance**0.5, MIN_SPREAD))
