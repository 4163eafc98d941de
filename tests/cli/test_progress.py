from __future__ import annotations

import pytest

from mmsearch.cli.progress import Work, clock, share_of, size, told


def test_the_rate_and_the_time_left_follow_from_what_is_done() -> None:
    assert told(Work(50, 10_000_000), Work(200, 40_000_000), 60.0) == (
        "50 of 200 files, 10 MB of 40 MB, 0.833 files/s, 3 min left"
    )


def test_without_a_total_nothing_is_promised() -> None:
    assert told(Work(50, 10_000_000), None, 10.0) == "50 files, 10 MB, 5 files/s"


def test_nothing_is_told_before_there_is_something_to_tell() -> None:
    assert told(Work(), Work(10, 10), 10.0) == ""
    assert told(Work(1, 1), Work(10, 10), 0.1) == "1 of 10 files, 1 B of 10 B"


def test_large_files_count_by_size_and_small_ones_by_number() -> None:
    assert share_of(Work(1, 0), Work(2, 100)) == 0.25
    assert share_of(Work(1, 100), Work(2, 100)) == 0.75
    assert share_of(Work(3, 300), Work(2, 100)) == 1.0
    assert share_of(Work(), Work()) == 0.0


@pytest.mark.parametrize(("count", "shown"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (4.2e12, "4.2 TB")])
def test_sizes_are_short(count: float, shown: str) -> None:
    assert size(count) == shown


@pytest.mark.parametrize(("seconds", "shown"), [(0.2, "0 s"), (59.4, "59 s"), (90, "2 min"), (11_100, "3 h 5 min")])
def test_durations_are_short(seconds: float, shown: str) -> None:
    assert clock(seconds) == shown
