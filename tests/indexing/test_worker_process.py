"""Workers that start before there is work for them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from mmsearch.indexing import worker_process
from mmsearch.indexing.decode import FileDecoder, Finished
from mmsearch.indexing.ipc import WorkerSetup
from mmsearch.indexing.pool import Limits, Pool
from mmsearch.indexing.worker_process import PrestartedWorkers, worthwhile
from mmsearch.scan import Entry
from mmsearch.types import MODALITIES, LoaderSettings
from tests.indexing.test_pool import answers, picture, task
from tests.indexing.workers import alive, children, libraries, until

READER = FileDecoder(LoaderSettings(), frozenset(MODALITIES))
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


def entries(*megabytes: int) -> list[Entry]:
    return [Entry(f"/{number}", size << 20, 0) for number, size in enumerate(megabytes)]


@pytest.mark.parametrize(
    ("sizes", "count"), [([], 1), ([1, 1, 1], 1), ([900], 1), ([900, 5, 5], 2), ([10, 10, 10, 10], 4)]
)
def test_workers_are_worth_their_start_by_what_lies_beside_the_largest_file(sizes: list[int], count: int) -> None:
    assert worthwhile(size << 20 for size in sizes) == count


@pytest.mark.parametrize(("jobs", "sizes", "count"), [(2, [1] * 5, 0), (2, [10] * 9, 2), (0, [10] * 9, 0)])
def test_as_many_start_early_as_files_are_worth(jobs: int, sizes: list[int], count: int) -> None:
    with PrestartedWorkers() as spares:
        spares.start(entries(*sizes), jobs)
        assert len(spares) == len(children(os.getpid())) == count
    assert not children(os.getpid())


def test_a_pool_takes_those_that_are_there_and_they_are_ready_for_pictures(tmp_path: Path) -> None:
    with PrestartedWorkers() as spares:
        spares.start(entries(10, 10, 10), 1)
        (early,) = children(os.getpid())
        until(lambda: "_imaging" in libraries(early))
        pool = Pool(WorkerSetup(READER, 4 << 30), Limits(1, 60.0, 4 << 30), spares)
        assert pool.started
        told = answers(pool, [task(picture(tmp_path / "a.png"), "d", "image")])
        assert isinstance(told["a.png"][-1].answer, Finished)
        assert children(os.getpid()) == [early]
        pool.close()
    assert not alive(early)


def test_one_that_died_meanwhile_is_replaced(tmp_path: Path) -> None:
    with PrestartedWorkers() as spares:
        spares.start(entries(10, 10, 10), 1)
        (early,) = children(os.getpid())
        os.kill(early, 9)
        until(lambda: not alive(early))
        pool = Pool(WorkerSetup(READER, 4 << 30), Limits(1, 60.0, 4 << 30), spares)
        told = answers(pool, [task(picture(tmp_path / "a.png"), "d", "image")])
        assert isinstance(told["a.png"][-1].answer, Finished)
        pool.close()


def test_only_the_first_files_are_looked_at() -> None:
    left = iter(entries(*[0] * (worker_process.LOOK_AT + 1)))
    with PrestartedWorkers() as spares:
        spares.start(left, 2)
    assert next(left) is not None
