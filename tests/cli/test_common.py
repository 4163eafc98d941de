"""What all commands share: values from the command line, and lines for a terminal."""

from __future__ import annotations

import logging
import signal

import pytest
from typer import Exit

from mmsearch.cli.common import _Line, _Once, handle_errors, parse_object
from mmsearch.errors import UsageError


def test_a_warning_is_one_harmless_line() -> None:
    record = logging.LogRecord("x", logging.WARNING, "", 0, "%s: cut\nshort", ("/a/\x1b[31m.txt",), None)
    assert _Line("warning: %(message)s").format(record) == "mmsearch: warning: /a/\\x1b[31m.txt: cut short"


def test_a_warning_is_said_once() -> None:
    once = _Once()
    told = [logging.LogRecord("x", logging.WARNING, "", 0, "%s: cut", (name,), None) for name in ("a", "b", "a", "a")]
    assert [once.filter(record) for record in told] == [True, True, False, False]


def test_kwargs_are_a_json_object() -> None:
    assert parse_object(None, "--x") == {}
    assert parse_object('{"a": 1}', "--x") == {"a": 1}
    for wrong in ("{", "[1]", "1", "[" * 100_000):
        with pytest.raises(UsageError, match=r"--x (wants a JSON object|is nested too deeply)"):
            parse_object(wrong, "--x")


@pytest.mark.parametrize("error", [ImportError("initialization failed"), UsageError("no model")])
def test_an_interrupt_of_which_a_library_makes_something_else_is_one(error: Exception) -> None:
    before = signal.getsignal(signal.SIGINT)

    @handle_errors
    def command() -> None:
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            raise error from None

    with pytest.raises(Exit) as caught:
        command()
    assert caught.value.exit_code == 130
    assert signal.getsignal(signal.SIGINT) is before
