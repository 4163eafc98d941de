"""Snippets, and the words of a query in them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmsearch.store.words.query import parse_query
from mmsearch.store.words.spans import matched_spans, snippet


def test_a_snippet_shows_the_stretch_with_most_of_the_words() -> None:
    text = "lead " * 60 + "an engine for a small airship " + "tail " * 60
    shown = snippet(text, parse_query("airship engines"))
    assert "engine for a small airship" in shown
    assert shown.startswith("…") and shown.endswith("…") and len(shown) <= 160


def test_a_snippet_without_the_words_is_the_beginning() -> None:
    assert snippet("one two\n three " * 40, parse_query("x")).startswith("one two three one")


@given(st.text(), st.text(max_size=20))
def test_a_snippet_is_one_short_line(text: str, query: str) -> None:
    shown = snippet(text, parse_query(query))
    assert len(shown) <= 160
    assert len(shown.splitlines()) <= 1


def marked(text: str, query: str) -> list[str]:
    return [text[start:end] for start, end in matched_spans(text, parse_query(query))]


@pytest.mark.parametrize(
    ("text", "query", "expected"),
    [
        ("Tomatoes, tomato's and Tomato-soup.", "tomato soup", ["Tomatoes", "tomato's", "Tomato", "soup"]),
        ("Die Ge\u00adsamt\u00adrechnung; STRASSE", "Gesamtrechnung Straße", ["Ge\u00adsamt\u00adrechnung", "STRASSE"]),
        ("会议讨论了数据库设计，使用NAS备份。", "数据库 nas", ["数据库", "NAS"]),
        ("오늘 회의에서", "회의", ["회의"]),
        ("שָׁלוֹם עולם", "שלום", ["שָׁלוֹם"]),
        ("e\u0301te\u0301 ｆｕｌｌ ﬁle", "été full file", ["e\u0301te\u0301", "ｆｕｌｌ", "ﬁle"]),
        ("getUserName of C++, 3.14", "username c++ 3.14 getusername", ["getUserName", "C++", "3.14"]),
        ("a red car, a car red", '"red car"', ["red car", "car", "red"]),
        ("nothing here", "zeppelin", []),
    ],
)
def test_the_words_of_a_query_are_marked_as_they_are_written(text: str, query: str, expected: list[str]) -> None:
    assert marked(text, query) == expected


@given(st.text(), st.text(max_size=20))
def test_marked_ranges_are_in_order_and_within_the_text(text: str, query: str) -> None:
    spans = matched_spans(text, parse_query(query))
    positions = [position for span in spans for position in span]
    assert positions == sorted(set(positions)) and all(0 <= position <= len(text) for position in positions)


@given(st.text(alphabet=st.characters(categories=["L", "N", "P", "Z", "M"]), max_size=40))
def test_a_word_is_marked_in_itself(text: str) -> None:
    query = parse_query(text)
    if query.terms and not query.excluded:
        assert matched_spans(text, query)
