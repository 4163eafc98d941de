"""What all commands share: values from the command line, and lines for a terminal."""

from __future__ import annotations

import logging

import pytest

from mmsearch.cli.common import _Line, _Once, parse_object, parse_types
from mmsearch.errors import UsageError


def test_a_warning_is_one_harmless_line() -> None:
    record = logging.LogRecord("x", logging.WARNING, "", 0, "%s: cut\nshort", ("/a/\x1b[31m.txt",), None)
    assert _Line("warning: %(message)s").format(record) == "mmsearch: warning: /a/\\x1b[31m.txt: cut short"


def test_a_warning_is_said_once() -> None:
    once = _Once()
    told = [logging.LogRecord("x", logging.WARNING, "", 0, "%s: cut", (name,), None) for name in ("a", "b", "a", "a")]
    assert [once.filter(record) for record in told] == [True, True, False, False]


def test_types_are_names_of_modalities() -> None:
    assert parse_types(None) is None
    assert parse_types("image, video") == {"image", "video"}
    for wrong in ("images", "", ",", "image,x"):
        with pytest.raises(UsageError, match="choose from text, image, document, audio, video"):
            parse_types(wrong)


def test_kwargs_are_a_json_object() -> None:
    assert parse_object(None, "--x") == {}
    assert parse_object('{"a": 1}', "--x") == {"a": 1}
    for wrong in ("{", "[1]", "1", "[" * 100_000):
        with pytest.raises(UsageError, match=r"--x (wants a JSON object|is nested too deeply)"):
            parse_object(wrong, "--x")
