"""Retrieval quality of the built-in model on the sample corpus, as the page docs/quality.md.

Indexes sample_corpus into a temporary folder, searches for its questions with several settings, and writes the whole
page from the results.

Usage: `python -m benchmarks.quality`, or `make quality`.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.corpus import no_reranker, settled
from benchmarks.machine import circumstances
from mmsearch.extras.evaluation import (
    Interval,
    Outcome,
    Question,
    Report,
    Result,
    evaluate,
    read_questions,
    settings_by_name,
    truncated_settings,
)
from mmsearch.extras.evaluation.report import agreement, calibration, figures, gain
from mmsearch.search.open import open_indexes, open_reranker, reranker_for, types_to_rerank
from mmsearch.store import AnyReader
from mmsearch.types import Embedder, Modality

ROOT = Path(__file__).resolve().parents[1]
CORPUS = ROOT / "sample_corpus"
PAGE = ROOT / "docs" / "quality.md"
COMPARED = ("raw", "calibrated", "lexical", "hybrid", "rerank")
DIMS = (128, 64)
METRICS = {"ndcg@10": "nDCG@10", "recall@1": "recall@1", "recall@5": "recall@5", "recall@10": "recall@10", "mrr": "MRR"}
COLOURS = re.compile(r"\b(red|blue|green|yellow|orange|brown|black|white|pink|purple|tabby)\b")
TARGET = 0.85
"""The project's target for recall@5 of the default ranking over all questions."""
ENOUGH = 10
"""Questions that a kind of question needs to be named as the easiest or the hardest."""


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--out", default=str(PAGE), help="the page to write")
    arguments = parser.parse_args()
    Path(arguments.out).write_text(page(*measured()), encoding="utf-8")


def measured() -> tuple[Report, Outcome]:
    """The report over a fresh index, and the default ranking restricted to the kinds of files that hold the answers."""
    with tempfile.TemporaryDirectory(prefix="mmsearch-quality-") as folder:
        index = str(Path(folder, "index"))
        subprocess.run([sys.executable, "-m", "mmsearch", "index", str(CORPUS), "--index", index], check=True)
        questions = read_questions(str(CORPUS / "queries.jsonl"))
        reader, embedder = open_indexes([index], None)
        with reader:
            settings = [
                *settings_by_name(COMPARED),
                *truncated_settings([dim for dim in DIMS if dim < embedder.spec.dim], embedder.spec.dim),
            ]
            types = types_to_rerank(reranker_for(reader))
            settings = [replace(setting, options=replace(setting.options, rerank_types=types)) for setting in settings]
            report = evaluate(questions, reader, embedder, settings, lambda: open_reranker(None, reader, None))
            outcomes = [_settled(outcome) for outcome in report.outcomes]
            report = replace(report, outcomes=outcomes, exact=_settled(report.exact) if report.exact else None)
            return report, _settled(_narrowed(questions, reader, embedder))


def _settled(outcome: Outcome) -> Outcome:
    return outcome._replace(results=[settled(result) for result in outcome.results])


def _narrowed(questions: Sequence[Question], reader: AnyReader, embedder: Embedder) -> Outcome:
    """The default ranking if each question named the kinds of its answers.

    This is the upper limit for every ranking across kinds that keeps the order within each kind.
    """
    (default,) = settings_by_name(("hybrid",))
    groups: dict[frozenset[Modality], list[Question]] = {}
    for question in questions:
        records = [reader.file(path) for path in question.relevant]
        kinds = frozenset(record.modality for record in records if record and record.modality)
        groups.setdefault(kinds, []).append(question)
    results: list[Result] = []
    for kinds, group in groups.items():
        setting = replace(default, options=replace(default.options, types=tuple(sorted(kinds))))
        results += evaluate(group, reader, embedder, [setting], no_reranker).outcomes[0].results
    return Outcome("hybrid, kinds known", results, 0.0)


def page(report: Report, narrowed: Outcome) -> str:
    """The whole page."""
    parts = [_answer(report, narrowed), _method(report), _overall(report, narrowed)]
    parts += [_calibration(report), _colours(report), _pairs(report), _losers(report)]
    return "\n".join(line for part in parts for line in part) + "\n"


def _answer(report: Report, narrowed: Outcome) -> Iterator[str]:
    default = _named(report, "hybrid").results
    recall, known = figures(default), figures(narrowed.results)["recall@5"]
    yield "# Quality\n"
    yield (
        f"**How often does it find the right file?** The built-in model finds {_percent(recall['recall@5'])} of the "
        f"right files among the first five hits, and {_percent(recall['recall@10'])} among the first ten."
    )
    yield (
        f"If you give the kind of file (`-t`), it finds {_percent(known)} among the first five. These figures come "
        f"from {len(default)} questions about `sample_corpus`."
    )
    by_pair = {pair: [result for result in default if result.pair == pair] for pair in report.pairs()}
    recalls = {pair: figures(results)["recall@5"] for pair, results in by_pair.items() if len(results) >= ENOUGH}
    if len(recalls) > 1:
        best = max(recalls, key=lambda pair: recalls[pair].mean)
        worst = min(recalls, key=lambda pair: recalls[pair].mean)
        yield (
            f"Of the kinds with at least {ENOUGH} questions, `{best}` is the easiest ({_percent(recalls[best])} among "
            f"the first five) and `{worst}` the hardest ({_percent(recalls[worst])})."
        )
    yield "Larger models are not measured here. For your own files and models, run [`mmsearch eval`](evaluation.md).\n"


def _method(report: Report) -> Iterator[str]:
    where = circumstances()
    machine = where["machine"]
    yield "## How it was measured\n"
    yield "`python -m benchmarks.quality` (or `make quality`) writes this whole page."
    yield f"Measured on {where['date']}, {machine['cpu']}, Python {machine['python']}."
    yield f"Labelled files that are not indexed: {len(report.not_indexed)}. Questions left out: {len(report.skipped)}."
    yield (
        "\n`raw` orders by cosines. All other settings order by relevance: `calibrated` uses vectors alone, `lexical` "
        "words alone, `hybrid` both (the default); `rerank` adds the built-in reranker, for pictures; `dim N` uses "
        "vectors cut to N dimensions."
    )
    yield (
        "Brackets hold 95 % bootstrap intervals. *Gain* is over `raw`, question by question: if its interval contains "
        "0, both may be equally good."
    )
    yield (
        "*Agreement* is the share of the first ten hits of an exact search that are among the first ten. "
        "[evaluation.md](evaluation.md) explains all measures."
    )
    yield "The corpus's contact sheet does not count as wrong for a question about a picture that it shows.\n"


def _overall(report: Report, narrowed: Outcome) -> Iterator[str]:
    yield "## All questions\n"
    yield f"| | {' | '.join(METRICS.values())} | gain in nDCG@10 | agreement | ms a question |"
    yield "|---|" + "---|" * (len(METRICS) + 3)
    for outcome in report.outcomes:
        cells = [_interval(figures(outcome.results)[name]) for name in METRICS]
        gained = "" if outcome is report.outcomes[0] else _interval(gain(outcome, report.outcomes[0])["ndcg@10"], "+")
        same = f"{agreement(outcome, report.exact).mean:.2f}" if report.exact else ""
        ms = f"{1000 * outcome.seconds / len(outcome.results):.0f}"
        yield f"| {outcome.setting} | {' | '.join([*cells, gained, same, ms])} |"
    reached = figures(_named(report, "hybrid").results)["recall@5"].mean
    yield f"\nThe project's target for recall@5 of the default is {TARGET}; it reaches {reached:.3f}."
    known = figures(narrowed.results)
    yield f"With the kinds of the answers given (`-t`), recall@5 is {_interval(known['recall@5'])} and nDCG@10"
    yield f"{_interval(known['ndcg@10'])}: the upper limit for any ranking that keeps the order within each kind."
    yield "Words alone find nothing for a picture, and often nothing for a text.\n"


def _calibration(report: Report) -> Iterator[str]:
    """Whether the relevance of the default ranking predicts the share of hits that are right."""
    in_words = _part(_named(report, "hybrid"), lambda result: not result.question.image)
    reliable = calibration(in_words)
    if reliable is None:
        return
    yield "## Does relevance mean odds?\n"
    yield (
        f"Relevance is the logarithm of the odds that a hit is right. The {reliable.count} hits among the first ten of "
        f"{len(in_words.results)} questions in words (`hybrid`) have an expected calibration error of "
        f"{reliable.error:.3f}."
    )
    for least, (count, right) in reliable.at_least.items():
        share = "none" if right is None else f"{100 * right:.0f} %"
        yield f"Of the {count} hits with a relevance of at least {least}, {share} are right."
    yield (
        "A file that also answers a question, but has no label, counts as wrong here, such as a video of waves for "
        "the sound of waves. Most questions with a picture have answers of one kind only, so they are left out."
    )
    yield "\n| predicted probability | hits | mean prediction | share right |\n|---|---|---|---|"
    for part in reliable.bins:
        yield f"| {part.low:.1f} to {part.high:.1f} | {part.count} | {part.predicted:.3f} | {part.right:.3f} |"
    yield ""


def _colours(report: Report) -> Iterator[str]:
    def names_colour(result: Result) -> bool:
        return result.pair == "text->image" and bool(COLOURS.search(result.question.text.lower()))

    hybrid, reranked = _part(_named(report, "hybrid"), names_colour), _part(_named(report, "rerank"), names_colour)
    yield "## Colours and objects\n"
    yield f"The {len(hybrid.results)} questions for pictures that name a colour, such as “red car”.\n"
    yield f"| | {' | '.join(METRICS.values())} |"
    yield "|---|" + "---|" * len(METRICS)
    for outcome in (hybrid, reranked):
        yield f"| {outcome.setting} | {' | '.join(_interval(figures(outcome.results)[name]) for name in METRICS)} |"
    yield f"| gain | {' | '.join(_interval(gain(reranked, hybrid)[name], '+') for name in METRICS)} |\n"


def _pairs(report: Report) -> Iterator[str]:
    yield "## By kind of query and answer\n"
    yield "nDCG@10, and recall@5 below it. With few questions the intervals mean little.\n"
    yield f"| | questions | {' | '.join(outcome.setting for outcome in report.outcomes)} |"
    yield "|---|---|" + "---|" * len(report.outcomes)
    for pair in report.pairs():
        by_setting = [[result for result in outcome.results if result.pair == pair] for outcome in report.outcomes]
        count = len(by_setting[0])
        both = [figures(results) for results in by_setting]
        cells = [f"{_interval(some['ndcg@10'])}<br>{_interval(some['recall@5'])}" for some in both]
        yield f"| {pair} | {count} | {' | '.join(cells)} |"
    yield ""


def _losers(report: Report) -> Iterator[str]:
    yield "## Answers not among the first ten by default\n"
    yield "| question | expected | rank | first instead |\n|---|---|---|---|"
    for result in _named(report, "hybrid").results:
        if result.rank is None or result.rank > 10:
            expected = ", ".join(Path(path).name for path in result.question.relevant)
            instead = Path(result.paths[0]).name if result.paths else ""
            yield f"| {result.pair}: {result.question.label} | {expected} | {result.rank or '–'} | {instead} |"


def _named(report: Report, setting: str) -> Outcome:
    return next(outcome for outcome in report.outcomes if outcome.setting == setting)


def _part(outcome: Outcome, condition: Callable[[Result], bool]) -> Outcome:
    results: Sequence[Result] = [result for result in outcome.results if condition(result)]
    return outcome._replace(results=results)


def _percent(value: Interval) -> str:
    return f"{100 * value.mean:.0f} %"


def _interval(value: Interval, sign: str = "") -> str:
    return f"{value.mean:{sign}.3f} [{value.low:{sign}.2f}, {value.high:{sign}.2f}]"


if __name__ == "__main__":
    main()
