"""Work in a thread of its own."""

from __future__ import annotations

import threading

import pytest

from mmsearch.ahead import Ahead


def test_it_goes_on_meanwhile_and_is_waited_for() -> None:
    asked = threading.Event()
    ahead = Ahead(lambda: (asked.wait(10), threading.current_thread().name), "counting")
    asked.set()
    assert ahead.result() == (True, "counting")
    assert ahead.result() == (True, "counting")


def test_what_it_raises_is_raised_where_it_is_waited_for() -> None:
    ahead = Ahead(lambda: {}["nothing"])
    for _ in range(2):
        with pytest.raises(KeyError, match="nothing"):
            ahead.result()
