"""Hits on a terminal: readable at any width, names whole, matches bold, and what is unlikely dim below a line."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from mmsearch.output.hit_list import hit_blocks, hit_list, shortened
from mmsearch.output.tables import NOTHING_LIKELY
from mmsearch.store.words.query import parse_query
from mmsearch.store.words.spans import matched_spans
from mmsearch.types import WHOLE, Hit, Item, Span, StageScore

WIDTHS = [24, 40, 60, 80, 200]
DEEP = "/d/documents/contracts/2024/berlin/office/terms_of_payment.pdf"
SNIPPET = "Invoices are due within 30 days. " + "Some words follow here. " * 4 + "Then pay for the red cars."


def hit(path: str = "/d/a.jpg", relevance: float = 1.5, span: Span = WHOLE, text: str = "", rank: int = 1) -> Hit:
    return Hit(Item(path, "00", "image", "image", 0, span, text), rank, 0.25, relevance)


def bare(text: str) -> str:
    return re.sub(r"\x1b\]8;.*?\x1b\\|\x1b\[[\d;]*m", "", text)


def shown(*found: Hit, width: int = 80, explain: bool = False, query: str = "") -> list[str]:
    text = hit_list(
        found, width=width, base="/d", explain=explain, matches=lambda line: matched_spans(line, parse_query(query))
    )
    return bare(text).splitlines()


@pytest.mark.parametrize("width", WIDTHS)
def test_all_facts_are_there_at_any_width(width: int) -> None:
    found = hit(DEEP, span=Span("page", 12, 12), text=SNIPPET)
    lines = shown(found, width=width)
    assert all(cell_len(line) <= width for line in lines)
    text = " ".join(lines)
    assert all(value in text for value in ("terms_of_payment.pdf", "p.12", "image", "1.50", "Invoices"))


@pytest.mark.parametrize("width", [40, 80])
def test_a_hit_takes_at_most_four_lines(width: int) -> None:
    assert len(shown(hit(DEEP, span=Span("page", 2, 2), text=SNIPPET), width=width)) - 1 <= (3 if width == 80 else 4)
    assert len(shown(hit("/d/sub/a.jpg"), width=width)) - 1 == 1


@pytest.mark.parametrize("width", WIDTHS)
def test_the_name_of_a_file_is_never_shortened(width: int) -> None:
    name = "n" * 90 + ".md"
    assert sum(line.count("n") for line in shown(hit(f"/d/{name}", text=""), width=width)[1:]) == 90
    assert name in "".join(line.strip() for line in shown(hit(f"/d/x/{name}"), width=width)).replace("1 ", "")


def test_folders_are_shortened_in_the_middle() -> None:
    assert shortened("a/b/c/name.txt", 14) == "a/b/c/name.txt"
    assert shortened("a/b/c/name.txt", 13) == "a/…/name.txt"
    assert shortened("/home/b/c/name.txt", 12) == "/…/name.txt"
    assert shortened("/home/b/c/name.txt", 10) == "…/name.txt"
    assert shortened("a/b/c/name.txt", 9) is None


@given(st.lists(st.text("ab東", min_size=1), min_size=1), st.integers(1, 30))
def test_a_shortened_path_fits_and_keeps_its_name(parts: list[str], width: int) -> None:
    short = shortened("/".join(parts), width)
    if short is None:
        assert cell_len(parts[-1]) > width - (2 if len(parts) > 1 else 0)
    else:
        assert cell_len(short) <= width and short.split("/")[-1] == parts[-1]


def test_words_of_the_query_are_bold() -> None:
    drawn = hit_list(
        [hit(text=SNIPPET)], width=80, base="/d", matches=partial(matched_spans, query=parse_query("Red car"))
    )
    assert "\x1b[1mred\x1b[0m" in drawn and "\x1b[1mcars\x1b[0m" in drawn
    assert "\x1b[1m" not in hit_list([hit(text=SNIPPET)], width=80, base="/d").split("\n", 2)[2]


def test_a_long_snippet_is_cut_to_the_lines_with_most_matches() -> None:
    lines = shown(hit(text=SNIPPET), width=40, query="red car")[2:]
    assert len(lines) == 2 and lines[0].strip().startswith("…") and "red cars" in " ".join(lines)
    lines = shown(hit(text=SNIPPET), width=40)[2:]
    assert len(lines) == 2 and lines[0].strip().startswith("Invoices") and lines[1].endswith("…")


def test_unlikely_hits_are_dim_below_a_line() -> None:
    found = [hit(), replace(hit("/d/b.jpg", -0.1), rank=2), replace(hit("/d/c.jpg", -2), rank=3)]
    assert [line.split()[1] for line in shown(*found)] == ["file", "a.jpg", "less", "b.jpg", "c.jpg"]
    drawn = hit_list(found, width=80, base="/d").splitlines()
    assert ["\x1b[2m" in line for line in drawn] == [False, False, True, True, True]
    assert not any("less likely" in line for line in shown(hit(), hit("/d/b.jpg", 0)))


def test_a_line_above_says_where_nothing_is_likely() -> None:
    lines = shown(hit(relevance=-0.1), hit("/d/b.jpg", -2))
    assert lines[0] == NOTHING_LIKELY
    assert not any("less likely" in line for line in lines)
    assert " ".join(shown(hit(relevance=-0.1), width=30)).startswith("nothing here is likely")


def test_scores_of_a_reranker_and_stages_have_their_place() -> None:
    found = replace(hit(), rerank_score=-1.25, stages={"dense": StageScore(2, 1.5)}, duplicates=("/b",), stale=True)
    names, first, stages = shown(found, hit("/d/b.jpg"), explain=True)[:3]
    assert names.split() == ["#", "file", "rerank", "relevance"]
    assert first.split() == ["1", "a.jpg", "image", "(changed", "since)", "(+1)", "-1.25", "1.50"]
    assert stages.strip() == "dense 2 (1.5)"


def test_lines_of_hits_leave_room_for_pictures_and_no_name_can_shift_them() -> None:
    found = [hit("/d/a.jpg"), hit("/d/" + "n" * 90 + ".jpg"), hit("/d/\n\u2028.txt"), hit("/d/e.jpg", -1)]
    names, blocks = hit_blocks(found, [True, True, False, True], (12, 3), width=60, base="/d", explain=False)
    plain = [bare(block) for block in [names, *blocks]]
    assert [block.count("\n") for block in plain] == [1, 3, 4, 2, 3]
    assert all(line[:13].isspace() or not line for block in plain for line in block.splitlines())
    assert all(len(line) <= 60 for block in plain for line in block.splitlines())
    assert [block.split()[1] for block in plain[1:]] == ["a.jpg", "n" * 45, "\\n\\u2028.txt", "e.jpg"]
    assert "less likely than not" in plain[3], "below the hit before, so that no picture lies on it"
