"""Whether relevance means what it says: of hits with predicted odds, how many are right.

The expected calibration error is that of Naeini, Cooper and Hauskrecht (Obtaining well calibrated probabilities using
Bayesian binning, AAAI 2015), over bins of equal width. Knows only numbers.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from mmsearch.search.relevance import probability

BINS = 10
THRESHOLDS = (0, 2)
"""Relevances at and above which the share of right hits is reported: even odds, and seven to one."""


@dataclass(frozen=True, slots=True)
class Bin:
    """Hits with a predicted probability from `low` to below `high`; the last bin holds 1 too.

    Attributes:
        predicted: mean predicted probability.
        right: share of the hits that are right.
    """

    low: float
    high: float
    count: int
    predicted: float
    right: float


@dataclass(frozen=True, slots=True)
class Reliability:
    """The bins that have hits, in order, and the figures over all hits.

    Attributes:
        count: number of hits.
        error: expected calibration error, the mean of |predicted - right| over the hits' bins; 0 without hits.
        at_least: for each of `THRESHOLDS` the number of hits with that relevance or more, and the share that is right,
            None where there are no hits.
    """

    bins: tuple[Bin, ...]
    count: int
    error: float
    at_least: dict[int, tuple[int, float | None]]

    def to_json(self) -> dict[str, Any]:
        """Rounded to four digits; docs/evaluation.md describes it."""
        return {
            "hits": self.count,
            "error": round(self.error, 4),
            "bins": [
                {
                    "low": each.low,
                    "high": each.high,
                    "count": each.count,
                    "predicted": round(each.predicted, 4),
                    "right": round(each.right, 4),
                }
                for each in self.bins
            ],
            "at_least": [
                {"relevance": threshold, "count": count, "right": None if right is None else round(right, 4)}
                for threshold, (count, right) in self.at_least.items()
            ],
        }


def reliability(hits: Iterable[tuple[float, bool]]) -> Reliability:
    """The reliability of hits, each with its relevance (log-odds) and whether it is right."""
    pairs = list(hits)
    members: dict[int, list[tuple[float, bool]]] = {}
    for relevance, is_right in pairs:
        predicted = probability(relevance)
        members.setdefault(min(int(predicted * BINS), BINS - 1), []).append((predicted, is_right))
    bins = tuple(_bin(number, members[number]) for number in sorted(members))
    error = sum(each.count * abs(each.predicted - each.right) for each in bins) / max(1, len(pairs))
    at_least = {threshold: _share([right for value, right in pairs if value >= threshold]) for threshold in THRESHOLDS}
    return Reliability(bins, len(pairs), error, at_least)


def _bin(number: int, members: list[tuple[float, bool]]) -> Bin:
    count = len(members)
    predicted = math.fsum(value for value, _ in members) / count
    right = sum(is_right for _, is_right in members) / count
    return Bin(number / BINS, (number + 1) / BINS, count, predicted, right)


def _share(right: list[bool]) -> tuple[int, float | None]:
    return len(right), sum(right) / len(right) if right else None
