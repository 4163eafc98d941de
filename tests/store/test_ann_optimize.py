"""Optimizing an index harms nobody: not those who read meanwhile, not an index whose optimizer is killed or stopped."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from mmsearch.store import OptimizeRequest, Reader
from mmsearch.store.records import Kind
from mmsearch.store.writer import Writer
from mmsearch.types import Vectors
from tests.store.clusters import CLUSTERED, DIM, add, make, questions, recall, units
from tests.store.helpers import vector_files

TINY = OptimizeRequest(kind="pq4", flat_bytes=100 * DIM * 2, least=100, memory=400 * 96)
"""Some hundred vectors make accelerators, and several of them."""


@pytest.fixture(scope="module")
def unoptimized(tmp_path_factory: pytest.TempPathFactory) -> str:
    return make(tmp_path_factory.mktemp("made") / "index", 1000, 100)


@pytest.fixture
def index(unoptimized: str, tmp_path: Path) -> str:
    return str(shutil.copytree(unoptimized, tmp_path / "index"))


def answers(reader: Reader) -> list[list[tuple[int, float]]]:
    return [reader.search(query, "image", 10) for query in questions(5)]


def test_readers_go_on_while_an_index_is_optimized(index: str) -> None:
    """Each of them at every step, those that had opened no file among them."""
    with Reader.open(index) as settled:
        settled.open_files()
        before, looks = answers(settled), []

        def look(what: str, done: int, total: int) -> None:
            with Reader.open(index) as fresh:
                assert answers(fresh) == before
            assert answers(settled) == before
            late = Reader.open(index)
            looks.append(late)

        with Writer.open(index, CLUSTERED) as writer:
            writer.optimize(replace(TINY, recall=1.0), look)
        assert len(looks) > 10
        for reader in (settled, *looks):
            assert answers(reader) == before
            reader.close()


def test_a_reader_that_comes_too_late_for_an_accelerator_takes_the_next(
    index: str, caplog: pytest.LogCaptureFixture
) -> None:
    with Writer.open(index, CLUSTERED) as writer:
        writer.optimize(TINY, lambda *_: None)
    with Reader.open(index) as reader:
        with Writer.open(index, CLUSTERED) as writer:
            writer.optimize(replace(TINY, kind="int8"), lambda *_: None)
        assert recall(reader, 10) >= 0.9 and caplog.messages == []
        assert reader.status().lookups[0].kind == "int8"


OPTIMIZE = """
import os, signal, sys
from mmsearch.store.writer import Writer
from tests.store.clusters import CLUSTERED
from tests.store.test_ann_optimize import TINY
steps = int(sys.argv[2])
def on_progress(step, done, total):
    global steps
    steps -= 1
    print(step, flush=True)
    if not steps:
        os.kill(os.getpid(), int(sys.argv[3]))
with Writer.open(sys.argv[1], CLUSTERED) as writer:
    writer.optimize(TINY, on_progress)
"""


@pytest.mark.parametrize(
    ("how", "step"),
    [(signal.SIGKILL, 1), (signal.SIGINT, 9), (signal.SIGKILL, 17), (signal.SIGKILL, 18), (signal.SIGINT, 34)],
)
def test_an_optimizer_that_is_stopped_leaves_the_index_as_it_was_or_as_it_will_be(
    index: str, step: int, how: signal.Signals
) -> None:
    with Reader.open(index) as reader:
        before = [{item for item, _ in hits} for hits in answers(reader)]
    command = [sys.executable, "-c", OPTIMIZE, index, str(step), str(int(how))]
    process = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)
    assert process.returncode != 0, process.stdout
    with Reader.open(index) as reader:
        assert list(reader.problems()) == []
        after = [{item for item, _ in hits} for hits in answers(reader)]
        assert sum(len(a & b) for a, b in zip(before, after, strict=True)) >= 45
    with Writer.open(index, CLUSTERED) as writer:
        listed = {name for name in vector_files(index) if not name.endswith(".tmp")}
        writer.optimize(TINY, lambda *_: None)
        assert {partition.kind for partition in writer.optimize(TINY, lambda *_: None)} == {"pq4"}
    with Reader.open(index) as reader:
        assert list(reader.problems()) == [] and recall(reader, 10) >= 0.95
        tables = reader.catalog.db.execute("SELECT name FROM segments UNION ALL SELECT name FROM accelerators")
        assert vector_files(index) == {name for (name,) in tables}, f"left over, of {listed}"


def test_a_full_disk_costs_what_is_not_done_yet(index: str) -> None:
    resource = pytest.importorskip("resource")
    from mmsearch.errors import MmsearchError

    with Reader.open(index) as reader:
        before = answers(reader)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with Writer.open(index, CLUSTERED) as writer:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
        try:
            with pytest.raises(MmsearchError, match="the index in"):
                writer.optimize(TINY, lambda *_: None)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not [name for name in vector_files(index) if name.endswith((".tmp", ".ann"))]
    with Reader.open(index) as reader:
        assert answers(reader) == before and list(reader.problems()) == []


class AcceleratedMachine(RuleBasedStateMachine):
    """After any additions, deletions, merges and optimizations every hit exists, and nearly all the best are found."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.mkdtemp()
        self.live: dict[str, Vectors] = {}
        self.next = 0

    @initialize()
    def open(self) -> None:
        self.writer = Writer.open(self.directory, CLUSTERED, timeout=0)
        self.add(300)

    def teardown(self) -> None:
        self.writer.close()
        shutil.rmtree(self.directory)

    @rule(count=st.integers(1, 150))
    def add(self, count: int) -> None:
        random = np.random.default_rng(self.next)
        rows = units(np.asarray(random.standard_normal((count, DIM)), np.float32))
        rows[::7] = rows[0]  # some are all the same
        add(self.writer, self.next, rows, [0] * count)
        self.live |= {f"/data/{self.next + index:06}.image": row for index, row in enumerate(rows)}
        self.next += count

    @rule(start=st.floats(0, 1), share=st.floats(0, 0.6))
    def delete(self, start: float, share: float) -> None:
        paths = sorted(self.live)
        first = int(start * len(paths))
        for path in paths[first : first + int(share * len(paths))]:
            self.writer.remove(path)
            del self.live[path]
        self.writer.commit()

    @rule(kind=st.sampled_from(["auto", "flat", "int8", "ivf", "rabitq"]))
    def optimize(self, kind: Kind) -> None:
        self.writer.optimize(replace(TINY, kind=kind), lambda *_: None)

    @rule()
    def merge(self) -> None:
        self.writer.merge()

    @invariant()
    def answers_as_comparing_all_does(self) -> None:
        with Reader.open(self.directory) as reader:
            assert reader.counts().get("image", 0) == len(self.live)
            if not self.live:
                assert reader.search(questions(1)[0], "image", 5) == []
                return
            table, mean_recall = np.stack(list(self.live.values())), 0.0
            for query in questions(6):
                hits = reader.search(query, "image", 10)
                locations = reader.locate([item for item, _ in hits])
                for item, score in hits:
                    (location,) = locations[item]
                    assert abs(float(self.live[location.item.path] @ query) - score) < 2e-3
                best = np.sort(table @ query)[::-1][:10]
                assert len(hits) == len(best)
                mean_recall += float(np.mean([score >= best[-1] - 2e-3 for _, score in hits])) / 6
            assert mean_recall >= 0.9


TestAcceleratedMachine = AcceleratedMachine.TestCase
TestAcceleratedMachine.settings = settings(
    max_examples=4, stateful_step_count=6, deadline=None, suppress_health_check=list(HealthCheck)
)


def test_optimizing_waits_for_the_writer(index: str) -> None:
    command = [sys.executable, "-c", OPTIMIZE, index, "999", "9"]
    with Writer.open(index, CLUSTERED):
        process = subprocess.Popen(command, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE)
        time.sleep(0.5)
        assert process.poll() is None
    assert process.wait() == 0 and process.stdout is not None
    assert b"image: training" in process.stdout.read()
    process.stdout.close()
