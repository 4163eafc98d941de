"""Words of a query are found in a text in any case and with another ending."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmsearch.output.matches import matched_spans


@pytest.mark.parametrize(
    ("text", "query", "words"),
    [
        ("The Red cars are red.", "red car", ["Red", "cars", "red"]),
        ("carpets and cartoons", "car", []),
        ("a cat", "a", ["a"]),
        ("Grüße", "grüsse", ["Grüße"]),
        ("anything", "", []),
        ("", "car", []),
    ],
)
def test_words_are_matched_as_wholes(text: str, query: str, words: list[str]) -> None:
    assert [text[start:end] for start, end in matched_spans(text, query)] == words


@given(st.text(), st.text())
def test_spans_are_in_order_and_apart(text: str, query: str) -> None:
    ends = [0, *(position for span in matched_spans(text, query) for position in span)]
    assert ends == sorted(ends) and ends[-1] <= len(text)
