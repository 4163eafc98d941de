from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from mmsearch.cli.progress import RunForecast, Work, byte_size, progress_line, share_of
from mmsearch.scan import Entry
from mmsearch.types import LoaderSettings, ModelSpec, Query, Segment, Vectors


def test_the_rate_and_the_time_left_follow_from_what_is_done() -> None:
    assert progress_line(Work(50, 10_000_000), Work(200, 40_000_000), 60.0) == (
        "50 of 200 files, 10 MB of 40 MB, 0.833 files/s, 3 min left"
    )


def test_without_a_total_nothing_is_promised() -> None:
    assert progress_line(Work(50, 10_000_000), None, 10.0) == "50 files, 10 MB, 5 files/s"


def test_nothing_is_told_before_there_is_something_to_tell() -> None:
    assert progress_line(Work(), Work(10, 10), 10.0) == ""
    assert progress_line(Work(1, 1), Work(10, 10), 0.1) == "1 of 10 files, 1 B of 10 B"


def test_large_files_count_by_size_and_small_ones_by_number() -> None:
    assert share_of(Work(1, 0), Work(2, 100)) == 0.25
    assert share_of(Work(1, 100), Work(2, 100)) == 0.75
    assert share_of(Work(3, 300), Work(2, 100)) == 1.0
    assert share_of(Work(), Work()) == 0.0


@pytest.mark.parametrize(("count", "shown"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (4.2e12, "4.2 TB")])
def test_sizes_are_short(count: float, shown: str) -> None:
    assert byte_size(count) == shown


class Slow:
    """Takes a fifth of a second for a picture."""

    spec = ModelSpec("slow", "f", 2, frozenset({"image"}), LoaderSettings(image_side=32))

    def embed(self, segments: Sequence[Segment]) -> Vectors:
        time.sleep(0.2 * len(segments))
        return np.ones((len(segments), 2), np.float32)

    def embed_query(self, query: Query) -> Vectors:
        raise NotImplementedError

    def batch(self, segment: Segment) -> int:
        return 7


def forecast(count: int) -> RunForecast:
    def files() -> Iterator[Entry]:
        return (Entry(f"/x/{number}.jpg", 2_000_000, 0) for number in range(count))

    return RunForecast(files, Slow(), 2)


def test_a_long_run_is_announced_with_its_batch_and_corrected_by_what_was_done(
    capfd: pytest.CaptureFixture[str],
) -> None:
    run = forecast(3000)
    run.count()
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("mmsearch: 3,000 pictures to read with slow, 7 pictures at a time, about 1")
    assert line.endswith(" min expected")
    run.correct(Work(300, 600_000_000), 60.0)
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("mmsearch: after 1 min: 300 of 3000 files, 600 MB of 6 GB, 5 files/s, 9 min left; 1")


def test_a_short_run_is_not_announced_and_not_corrected(capfd: pytest.CaptureFixture[str]) -> None:
    run = forecast(5)
    run.count()
    run.correct(Work(2, 4_000_000), 60.0)
    assert (run.work.files, run.counting) == (5, False)
    assert capfd.readouterr().err == ""
