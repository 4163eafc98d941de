"""The results of an evaluation, and their JSON object. Knows no model and no index."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from mmsearch.extras.evaluation.metrics import METRICS, Interval, bootstrap, first_rank
from mmsearch.extras.evaluation.questions import Question
from mmsearch.extras.evaluation.reliability import Reliability, reliability

DECIDING = "ndcg@10"
"""The measure that losers are sorted by."""
AGREEMENT = 10
"""How many first files of two rankings are compared."""
SHOWN = 10
"""Hits of a question that count for calibration: as many as a search shows unless told otherwise."""


class Result(NamedTuple):
    """The results of one question under one setting.

    Attributes:
        question: the question.
        pair: modalities of the question and its answers, as labelled or as they are.
        paths: absolute paths, best first.
        scores: by metric.
        relevances: of the paths; empty for a setting whose relevance is no odds.
    """

    question: Question
    pair: str
    paths: tuple[str, ...]
    scores: Mapping[str, float]
    relevances: tuple[float, ...] = ()

    @property
    def rank(self) -> int | None:
        """Rank of the first right answer; None if it was not found."""
        return first_rank(self.paths, self.question.relevant)


class Outcome(NamedTuple):
    """All results of one setting, in the order of the questions, and the seconds it took to search and rerank."""

    setting: str
    results: Sequence[Result]
    seconds: float


@dataclass(frozen=True, slots=True)
class Report:
    """An evaluation.

    Attributes:
        outcomes: by setting, in the order they were asked for.
        exact: the ranking by exact search for `agreement`, if there is one.
        not_indexed: labelled files that no search can find; they count as missed answers.
        skipped: questions that the model cannot embed; they are in no figure.
        labelled: number of labelled files.
    """

    outcomes: Sequence[Outcome]
    exact: Outcome | None
    not_indexed: Sequence[str]
    skipped: Sequence[Question]
    labelled: int

    def pairs(self) -> list[str]:
        """The pairs there are, in the order of the questions."""
        return list(dict.fromkeys(result.pair for result in self.outcomes[0].results))


def figures(results: Sequence[Result]) -> dict[str, Interval]:
    """The mean of each metric over results, at least one."""
    return {name: bootstrap([result.scores[name] for result in results]) for name in METRICS}


def gain(outcome: Outcome, base: Outcome) -> dict[str, Interval]:
    """The gain in each metric, question by question, over another setting with the same questions."""
    pairs = list(zip(outcome.results, base.results, strict=True))
    return {name: bootstrap([first.scores[name] - second.scores[name] for first, second in pairs]) for name in METRICS}


def agreement(outcome: Outcome, exact: Outcome) -> Interval:
    """The share of the first files of the exact ranking that are among as many first ones of this ranking."""
    return bootstrap(
        [
            len({*approximate.paths[:AGREEMENT]} & {*best.paths[:AGREEMENT]}) / max(1, len(best.paths[:AGREEMENT]))
            for approximate, best in zip(outcome.results, exact.results, strict=True)
        ]
    )


def calibration(outcome: Outcome) -> Reliability | None:
    """The reliability of the hits that a search shows; None for a setting whose relevance is no odds."""
    if not any(result.relevances for result in outcome.results):
        return None
    return reliability(
        (relevance, path in result.question.relevant)
        for result in outcome.results
        for path, relevance in list(zip(result.paths, result.relevances, strict=True))[:SHOWN]
    )


def losers(outcome: Outcome, limit: int) -> list[Result]:
    """The questions whose first hit is wrong, worst first."""
    wrong = [result for result in outcome.results if result.rank != 1]
    return sorted(wrong, key=lambda result: (result.scores[DECIDING], result.scores["mrr"]))[:limit]


def report_fields(report: Report, max_losers: int) -> dict[str, Any]:
    """The JSON object of a report, with at most `max_losers` losers a setting; docs/evaluation.md describes it."""
    return {
        "questions": len(report.outcomes[0].results),
        "skipped": [question.label for question in report.skipped],
        "labelled": report.labelled,
        "not_indexed": list(report.not_indexed),
        "settings": [_setting_fields(outcome, report, max_losers) for outcome in report.outcomes],
    }


def _setting_fields(outcome: Outcome, report: Report, max_losers: int) -> dict[str, Any]:
    def fields_of(intervals: Mapping[str, Interval]) -> dict[str, Any]:
        return {name: interval.to_json() for name, interval in intervals.items()}

    base, results = report.outcomes[0], outcome.results
    by_pair = {pair: [result for result in results if result.pair == pair] for pair in report.pairs()}
    fields: dict[str, Any] = {
        "setting": outcome.setting,
        "ms_per_question": round(1000 * outcome.seconds / len(results), 2),
        "all": {"count": len(results), **fields_of(figures(results))},
        "pairs": {pair: {"count": len(members), **fields_of(figures(members))} for pair, members in by_pair.items()},
        "losers": [
            {
                "query": result.question.text,
                "image": result.question.image or None,
                "pair": result.pair,
                "expected": list(result.question.relevant),
                "rank": result.rank,
                "instead": result.paths[0] if result.paths else None,
            }
            for result in losers(outcome, max_losers)
        ],
    }
    if outcome is not base:
        fields["gain"] = {"over": base.setting, **fields_of(gain(outcome, base))}
    if (reliable := calibration(outcome)) is not None:
        fields["calibration"] = reliable.to_json()
    if report.exact is not None:
        fields["agreement"] = agreement(outcome, report.exact).to_json()
    return fields
