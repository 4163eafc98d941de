"""The modality gap: turns raw cosines, which are not comparable across modalities, into evidence, which is.

A query's cosines with pictures and with passages are on different scales. The evidence of a cosine is the natural
logarithm of how much more often right answers have it than others do. For a model that states lines it is one over the
cosine; for any other, and for queries that are not text, it follows from the standard score: the cosine against the
background of its own partition for this very query, the mean and spread of q·x over a sample of that partition's
vectors, the best ones left out. Knows nothing about stores, files or models.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

import numpy as np

from mmsearch.types import Vectors

if TYPE_CHECKING:
    import numpy.typing as npt

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
MISSED = 0.036
"""Share of right answers that a model does not see as such: so much evidence against a file, and never more."""
LEAST_KNOWN = 0.4
"""What is left of the evidence where a model seems to know nothing of a text: some rare words mean something to it."""
BEND = 4.0
"""Standard scores above which evidence grows evenly: the background of no model has the thin tails of a normal one."""
EXTREME = 0.62
"""The exponent of the number of files in their prior, so that both grow alike."""
BETTER = 2.5
"""What a right answer has to be better by than the best of what is irrelevant."""

Key = TypeVar("Key")


class Scale(Protocol):
    """What the cosines of one query say in one partition."""

    def evidence(self, score: float) -> float:
        """Never falls as the score rises."""
        ...


@dataclass(frozen=True, slots=True)
class Background:
    """Mean and standard deviation of a query's cosines with irrelevant items."""

    mean: float
    spread: float

    def deviation(self, score: float) -> float:
        """The score in standard deviations above the background."""
        return (score - self.mean) / self.spread


@dataclass(frozen=True, slots=True)
class Line:
    """A log-likelihood ratio that is a line over the cosine.

    Of a text of which the model knows only a share (`known`), the vector means little, and so does the cosine.
    """

    base: float
    slope: float
    known: float = 1.0

    def evidence(self, score: float) -> float:
        """How much likelier the score is for a right answer, as a natural logarithm."""
        return self.known * _floored(self.base + self.slope * score)


@dataclass(frozen=True, slots=True)
class Deviations:
    """A log-likelihood ratio for a model of which nothing is known but the background of this query.

    If the scores of other items are normal, the best of N lies near √(2 ln N) standard deviations, and half the square
    of that is ln N: just what brings it from a prior of 1 : N to even. So `EXTREME` times as much, with what a right
    answer has to be better by, leaves the best of any number of irrelevant items below even.
    """

    background: Background
    known: float = 1.0

    def evidence(self, score: float) -> float:
        """How much likelier the score is for a right answer, as a natural logarithm."""
        deviation = self.background.deviation(score)
        square = 0.5 * deviation**2 if abs(deviation) < BEND else BEND * (abs(deviation) - 0.5 * BEND)
        return self.known * _floored(EXTREME * math.copysign(square, deviation) - BETTER)


def _floored(ratio: float) -> float:
    """A log-likelihood ratio for a model that misses a share of the right answers, whatever their scores."""
    return ratio if ratio > 30.0 else math.log(MISSED + (1.0 - MISSED) * math.exp(ratio))


def line(base_and_slope: tuple[float, float], known: float) -> Line:
    """The line of a model for a text of which it knows a share."""
    return Line(*base_and_slope, max(known, LEAST_KNOWN))


def deviations(
    query: npt.NDArray[np.float32],
    samples: Mapping[Key, Vectors],
    known: float = 1.0,
    *,
    together: Collection[Key] = (),
) -> dict[Key, Deviations]:
    """The scale of each partition for `query` `(dim,)`, from samples `(m, dim)` of its own vectors.

    Those in `together` have one background: an example is of the same kind as what is in them, so nothing but likeness
    sets their cosines apart.
    """
    groups: dict[Key | None, Vectors] = {key: rows for key, rows in samples.items() if key not in together}
    if joined := [rows for key, rows in samples.items() if key in together]:
        groups[None] = np.concatenate(joined)
    fitted = backgrounds(query, groups)
    by_key = {key: fitted.get(None if key in together else key) for key in samples}
    known = max(known, LEAST_KNOWN)
    return {key: Deviations(background, known) for key, background in by_key.items() if background}


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
