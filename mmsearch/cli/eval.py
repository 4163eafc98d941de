"""`mmsearch eval`: retrieval quality on labelled questions, several settings side by side."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from mmsearch.cli import options
from mmsearch.cli.common import handle_errors, locate_all, log_line, terminal_width, write_json, write_stdout
from mmsearch.errors import UsageError
from mmsearch.output.tables import draw, harmless, plain_table
from mmsearch.search.open import named_by_user, open_indexes, open_reranker, reranker_for, types_to_rerank

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from mmsearch.extras.evaluation import Report, Result
    from mmsearch.extras.evaluation.reliability import Reliability
    from mmsearch.types import Reranker

PARTS = {"ndcg@10": "nDCG@10", "recall@1": "R@1", "recall@5": "R@5", "recall@10": "R@10", "mrr": "MRR"}
"""How the table names the metrics."""
BAR = 20
"""Columns of a bar of the calibration table that mean 1."""


@handle_errors
def evaluate(
    questions: options.Questions,
    compare: options.Compare = "raw,calibrated,hybrid",
    dims: options.Dims = None,
    reranker: options.EvalReranker = None,
    losers: options.Losers = 10,
    as_json: options.Json = False,
    index: options.IndexDirs = None,
    device: options.Device = None,
    trust_remote_code: options.TrustRemoteCode = False,
    trust_index: options.TrustIndex = False,
) -> None:
    """Measure how well searches find what they should.

    Each line of QUERIES.jsonl is {"query": "red car", "relevant": ["cars/1.jpg", "cars/2.jpg"]}: paths are relative
    to the file, "image": "a.jpg" asks by a picture, {"cars/1.jpg": 3} gives grades. See docs/evaluation.md.

    \b
    Examples:
      mmsearch eval sample_corpus/queries.jsonl
      mmsearch eval my.jsonl --compare raw,calibrated,rerank --losers 20
      mmsearch eval my.jsonl --compare calibrated --dim 64 --dim 128 --json
    """
    from mmsearch.extras import evaluation as quality
    from mmsearch.extras.evaluation.report import calibration

    question_list = quality.read_questions(questions)
    settings = quality.settings_by_name([name.strip() for name in compare.split(",") if name.strip()])
    if not settings and not dims:
        raise UsageError(f"nothing to compare: choose from {', '.join(quality.SETTINGS)}")
    reader, embedder = open_indexes(locate_all(index), device, trust=trust_remote_code, trust_index=trust_index)
    reranker = named_by_user(reranker) if reranker else None
    settings += quality.truncated_settings(dims or [], embedder.spec.dim)
    if any(setting.reranked for setting in settings):
        rerank_types = types_to_rerank(reranker or reranker_for(reader))
        settings = [
            replace(setting, options=replace(setting.options, rerank_types=rerank_types)) for setting in settings
        ]

    def second() -> Reranker:
        return open_reranker(reranker, reader, device, trust_remote_code)

    report = quality.evaluate(question_list, reader, embedder, settings, second)
    reader.close()
    if absent := report.not_indexed:
        log_line(
            f"warning: {len(absent)} of {report.labelled} labelled files are not in the index and count as missed, "
            f"such as {absent[0]}"
        )
    if report.skipped:
        log_line(f"warning: {len(report.skipped)} questions are left out, which the model cannot embed")
    if as_json:
        write_json({"model": embedder.spec.name, **quality.report_fields(report, losers)})
        return
    width = terminal_width()
    parts = [draw(_figures(report), width)]
    for outcome in report.outcomes:
        if (reliable := calibration(outcome)) is not None and reliable.count:
            parts.append(f"\n{_calibration_title(outcome.setting, reliable)}\n")
            parts.append(draw(_calibration_table(reliable), width))
    for outcome in report.outcomes:
        if rows := quality.losers(outcome, losers):
            parts.append(f"\nFirst hit wrong with {outcome.setting}, worst first:\n{draw(_loser_table(rows), width)}")
    write_stdout("".join(parts))


def _figures(report: Report) -> Table:
    """A row for each setting over all questions, and then for each pair."""
    from mmsearch.extras.evaluation.report import agreement, figures, gain

    table = plain_table(gap=2)
    extra = ["agreement"] if report.exact else []
    for name in ("questions", "setting", *PARTS.values(), "gain", *extra, "ms"):
        table.add_column(name, justify="left" if name in ("questions", "setting") else "right", no_wrap=True)
    for pair in (None, *report.pairs()):
        for outcome in report.outcomes:
            results = [result for result in outcome.results if pair in (None, result.pair)]
            measures = figures(results)
            means = [f"{mean.mean:.3f} {_span(mean.low, mean.high)}" for mean in map(measures.__getitem__, PARTS)]
            rest = [""] * (2 + len(extra))
            if pair is None:
                gains = gain(outcome, report.outcomes[0])["ndcg@10"]
                agreements = [f"{agreement(outcome, report.exact).mean:.3f}"] if report.exact else []
                first = outcome is report.outcomes[0]
                ms = f"{1000 * outcome.seconds / len(results):.1f}"
                rest = ["" if first else f"{gains.mean:+.3f} {_span(gains.low, gains.high)}", *agreements, ms]
            table.add_row(f"{pair or 'all'} ({len(results)})", outcome.setting, *means, *rest)
    return table


def _calibration_title(setting: str, reliable: Reliability) -> str:
    shares = [
        f"right at relevance {threshold} or more: {'no hits' if right is None else f'{right:.3f} of {count}'}"
        for threshold, (count, right) in reliable.at_least.items()
    ]
    title = f"Calibration of {setting}: expected error {reliable.error:.3f} over {reliable.count} hits"
    return "; ".join([title, *shares])


def _calibration_table(reliable: Reliability) -> Table:
    """A row for each bin with hits; the bar is the share that is right, with a mark at the prediction."""
    table = plain_table(gap=2)
    for name in ("probability", "hits", "predicted", "right", ""):
        table.add_column(name, justify="right" if name else "left", no_wrap=True)
    for each in reliable.bins:
        bar = list(("█" * round(each.right * BAR)).ljust(BAR + 1))
        bar[round(each.predicted * BAR)] = "│"
        cells = (str(each.count), f"{each.predicted:.3f}", f"{each.right:.3f}", "".join(bar).rstrip())
        table.add_row(f"{each.low:.1f}–{each.high:.1f}", *cells)
    return table


def _span(low: float, high: float) -> str:
    return f"[{low:.2f} {high:.2f}]"


def _loser_table(rows: Sequence[Result]) -> Table:
    from rich.text import Text

    table = plain_table(gap=2)
    for name in ("pair", "query", "expected", "rank", "instead"):
        table.add_column(name, justify="right" if name == "rank" else "left", overflow="fold")
    for row in rows:
        expected = ", ".join(map(os.path.basename, row.question.relevant))
        instead = os.path.basename(row.paths[0]) if row.paths else "nothing"
        rank = "-" if row.rank is None else str(row.rank)
        cells = (row.pair, row.question.label, expected, rank, instead)
        table.add_row(*(Text(harmless(cell)) for cell in cells))
    return table
