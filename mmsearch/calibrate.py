"""The modality gap: turns raw cosines, which are not comparable across modalities, into relevance, which is.

A query's cosines with pictures and with passages live on different scales. Each is standardised against a background of
its own partition for this very query: the mean and spread of q·x over a sample of vectors. A model that brings a
reference says what they are and what a score is worth; for any other model the sample is the partition's own, the best
ones left out. Knows nothing about stores, files or models.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from mmsearch.core import Modality, Reference, Vectors

PRIOR = 16.0
"""How many scores the pooled spread counts as: a partition with fewer leans on the others."""
TRIMMED = 0.1
"""Share of the best scores that is not background; at least one, so that the match of a small partition is not."""
MIN_SPREAD = 0.05
"""Cosines of unrelated things differ by about this much in every model tried; less is an accident of few files."""

Key = TypeVar("Key")


@dataclass(frozen=True, slots=True)
class Background:
    """Mean and standard deviation of a query's cosines with things that it is not about, and what a score is worth."""

    mean: float
    spread: float
    shift: float = 0.0
    gain: float = 1.0

    def relevance(self, score: float) -> float:
        """The score in standard deviations above the background, moved to the scale of the other partitions."""
        return self.shift + self.gain * (score - self.mean) / self.spread


def referred(query: npt.NDArray[np.float32], reference: Reference, in_words: bool) -> dict[Modality, Background]:
    """The background of each partition that a model's reference knows, for `query` `(dim,)`.

    What a score is worth was measured for queries `in_words`; for others all partitions count alike.
    """
    found = {}
    for partition, rows in reference.samples.items():
        scores = rows @ query
        shift, gain = reference.lines.get(partition, (0.0, 1.0)) if in_words else (0.0, 1.0)
        found[partition] = Background(float(scores.mean()), max(float(scores.std()), MIN_SPREAD), shift, gain)
    return found


def backgrounds(query: npt.NDArray[np.float32], samples: Mapping[Key, Vectors]) -> dict[Key, Background]:
    """The background of each partition for `query` `(dim,)`, from samples `(m, dim)` of its own vectors.

    The spread of a small partition is shrunk towards that of all partitions together. Its mean is not, for an offset is
    what separates modalities; only a partition of a single vector, whose mean says nothing, takes that of the others.
    """
    scores = {key: _background_scores(rows @ query) for key, rows in samples.items() if len(rows)}
    means = {key: float(values.mean()) for key, values in scores.items() if len(values)}
    if not means:
        return dict.fromkeys(scores, Background(0.0, 1.0))
    rest = np.concatenate([scores[key] - mean for key, mean in means.items()])
    prior = max(float(rest.var()), MIN_SPREAD**2)
    common = sum(means.values()) / len(means)
    return {key: _background(values, means.get(key, common), prior) for key, values in scores.items()}


def _background_scores(scores: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    dropped = max(1, round(TRIMMED * len(scores)))
    return np.sort(scores)[: len(scores) - dropped]


def _background(scores: npt.NDArray[np.float32], mean: float, prior: float) -> Background:
    variance = (float(((scores - mean) ** 2).sum()) + PRIOR * prior) / (len(scores) + PRIOR)
    return Background(mean, float(variance**0.5))
