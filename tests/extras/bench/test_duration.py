"""Durations for people."""

from __future__ import annotations

import pytest

from mmsearch.extras.bench import duration


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.2, "0 s"), (59.4, "59 s"), (90, "2 min"), (1800, "30 min"), (12_442, "3.5 h"), (360_000, "4 days")],
)
def test_durations_are_short(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown
