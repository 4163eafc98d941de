"""The message of an error as one line."""

from __future__ import annotations

from mmsearch.errors import MediaError, one_line


def test_a_message_is_one_line_and_cut_with_a_mark() -> None:
    assert one_line(ValueError("no\n  such  thing\n")) == "no such thing"
    assert one_line(ValueError("x" * 300)) == "x" * 239 + "…"
    assert one_line(ValueError("x" * 10), max_chars=4) == "xxx…"


def test_without_a_message_the_class_stands_for_it() -> None:
    assert one_line(MemoryError()) == one_line(MemoryError(), with_class=True) == "MemoryError"


def test_the_class_comes_first_where_it_says_more() -> None:
    assert one_line(KeyError("a"), with_class=True) == "KeyError: 'a'"
    assert one_line(MediaError("too large"), with_class=True) == "too large"
