"""What an evaluation found, and its JSON object. Knows no model and no index."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from mmsearch.extras.evaluation.metrics import METRICS, Interval, bootstrap, first_rank
from mmsearch.extras.evaluation.questions import Question

DECIDING = "ndcg@10"
"""The measure that losers are sorted by."""
AGREEMENT = 10
"""Files of the exact ranking of which the share is told that another ranking has among as many."""


class Result(NamedTuple):
    """What one question found under one setting.

    Attributes:
        question: what was asked.
        pair: which kind of media asks for which, as labelled or as it is.
        found: absolute paths, best first.
        scores: by metric.
    """

    question: Question
    pair: str
    found: tuple[str, ...]
    scores: Mapping[str, float]

    @property
    def rank(self) -> int | None:
        """Of the first right answer; None where it is not among those found."""
        return first_rank(self.found, self.question.relevant)


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
        exact: the ranking by exact search that `agreement` compares with, where there is one.
        not_indexed: labelled files that no search can find; they count as answers that were missed.
        skipped: questions that the model cannot embed; they are in no figure.
        labelled: how many files are labelled.
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
    """What each metric wins, question by question, against another setting over the same questions."""
    pairs = list(zip(outcome.results, base.results, strict=True))
    return {name: bootstrap([mine.scores[name] - its.scores[name] for mine, its in pairs]) for name in METRICS}


def agreement(outcome: Outcome, exact: Outcome) -> Interval:
    """The share of the first files of the exact ranking that are among as many first ones of this ranking."""
    return bootstrap(
        [
            len({*mine.found[:AGREEMENT]} & {*its.found[:AGREEMENT]}) / max(1, len(its.found[:AGREEMENT]))
            for mine, its in zip(outcome.results, exact.results, strict=True)
        ]
    )


def losers(outcome: Outcome, most: int) -> list[Result]:
    """The questions whose first hit is wrong, worst first."""
    wrong = [result for result in outcome.results if result.rank != 1]
    return sorted(wrong, key=lambda result: (result.scores[DECIDING], result.scores["mrr"]))[:most]


def report_fields(report: Report, most: int) -> dict[str, Any]:
    """The JSON object of a report, with at most so many losers a setting; docs/evaluation.md describes it."""
    return {
        "questions": len(report.outcomes[0].results),
        "skipped": [question.label for question in report.skipped],
        "labelled": report.labelled,
        "not_indexed": list(report.not_indexed),
        "settings": [_setting_fields(outcome, report, most) for outcome in report.outcomes],
    }


def _setting_fields(outcome: Outcome, report: Report, most: int) -> dict[str, Any]:
    base, results = report.outcomes[0], outcome.results
    fields: dict[str, Any] = {
        "setting": outcome.setting,
        "ms_per_question": round(1000 * outcome.seconds / len(results), 2),
        "all": {"count": len(results), **_told(figures(results))},
        "pairs": {pair: _pair_fields(pair, results) for pair in report.pairs()},
        "losers": [_loser_fields(result) for result in losers(outcome, most)],
    }
    if outcome is not base:
        fields["gain"] = {"over": base.setting, **_told(gain(outcome, base))}
    if report.exact is not None:
        fields["agreement"] = agreement(outcome, report.exact).to_json()
    return fields


def _pair_fields(pair: str, results: Sequence[Result]) -> dict[str, Any]:
    mine = [result for result in results if result.pair == pair]
    return {"count": len(mine), **_told(figures(mine))}


def _told(found: Mapping[str, Interval]) -> dict[str, Any]:
    return {name: interval.to_json() for name, interval in found.items()}


def _loser_fields(result: Result) -> dict[str, Any]:
    question = result.question
    return {
        "query": question.text,
        "image": question.image or None,
        "pair": result.pair,
        "expected": list(question.relevant),
        "rank": result.rank,
        "instead": result.found[0] if result.found else None,
    }
