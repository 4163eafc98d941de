"""Work in a thread of its own."""

from __future__ import annotations

import threading

import pytest

from mmsearch.system.background import BackgroundTask


def test_it_goes_on_meanwhile_and_is_waited_for() -> None:
    asked = threading.Event()
    underway = BackgroundTask(lambda: (asked.wait(10), threading.current_thread().name), "counting")
    asked.set()
    assert underway.result() == (True, "counting")
    assert underway.result() == (True, "counting")


def test_what_it_raises_is_raised_where_it_is_waited_for() -> None:
    underway = BackgroundTask(lambda: {}["nothing"])
    for _ in range(2):
        with pytest.raises(KeyError, match="nothing"):
            underway.result()
