"""`docs/quality.md` has the text of its generator, which computes its first paragraph from the results."""

from __future__ import annotations

import re

from benchmarks import corpus, quality
from mmsearch.extras.evaluation.metrics import METRICS
from mmsearch.extras.evaluation.questions import Question
from mmsearch.extras.evaluation.report import Outcome, Report, Result

RECALL = {"text->text": 0.9, "text->image": 0.6, "text->audio": 0.3}


def outcome(setting: str, recall: dict[str, float] = RECALL) -> Outcome:
    question = Question("queries.jsonl:1", "red car", "", {"/a.jpg": 1.0})
    results = [
        Result(question, pair, ("/b.jpg", "/a.jpg"), dict.fromkeys(METRICS, value), (3.0, 1.0))
        for pair, value in recall.items()
        for _ in range(quality.ENOUGH)
    ]
    return Outcome(setting, results, 1.0)


def report() -> Report:
    settings = (*quality.COMPARED, *(f"dim {dim}" for dim in quality.DIMS))
    return Report([outcome(setting) for setting in settings], None, [], [], 1)


def prose(page: str) -> list[str]:
    """The lines without tables, figures, dates and the machine."""
    lines = [re.sub(r"^(Measured on).*", r"\1", line) for line in page.splitlines() if not line.startswith("|")]
    return [re.sub(r"[+-]?\d+(\.\d+)?", "N", line) for line in lines]


def test_the_answer_follows_from_the_results() -> None:
    page = quality.page(report(), outcome("hybrid", dict.fromkeys(RECALL, 0.8)))
    answer = page.partition("## ")[0]
    assert "finds 60 % of the right files among the first five hits, and 60 % among the first ten" in answer
    assert "(`-t`), it finds 80 % among the first five. These figures come from 30 questions" in answer
    assert "`text->text` is the easiest (90 % among the first five) and `text->audio` the hardest (30 %)" in answer


def test_the_calibration_of_the_default_is_shown() -> None:
    page = quality.page(report(), outcome("hybrid"))
    assert "The 60 hits among the first ten of 30 questions in words (`hybrid`)" in page
    assert "Of the 60 hits with a relevance of at least 0, 50 % are right." in page
    assert "Of the 30 hits with a relevance of at least 2, 0 % are right." in page
    assert "| 0.7 to 0.8 | 30 | 0.731 | 1.000 |" in page


def test_the_contact_sheet_is_left_out_with_its_relevance() -> None:
    question = Question("queries.jsonl:1", "paddock", "", {"/paddock.jpg": 1.0})
    result = Result(question, "text->image", (f"/{corpus.SHEET}", "/paddock.jpg"), {}, (3.0, 1.0))
    assert corpus.settled(result).paths == ("/paddock.jpg",)
    assert corpus.settled(result).relevances == (1.0,)


def test_the_page_has_the_text_of_its_generator() -> None:
    made = quality.page(report(), outcome("hybrid"))
    assert prose(quality.PAGE.read_text(encoding="utf-8")) == prose(made)
