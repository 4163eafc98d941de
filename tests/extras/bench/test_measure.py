from __future__ import annotations

import mmap
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from mmsearch.errors import MmsearchError
from mmsearch.extras.bench import measure
from mmsearch.extras.bench.job import MAX_BATCH, Job, Row
from mmsearch.models.costs import HostProbe, Peaks
from mmsearch.models.estimate import Sizes
from mmsearch.types import LoaderSettings, ModelOptions, ModelSpec, Query, Segment, Vectors


class Model:
    """Takes `once` seconds for a pass and `each` for an item; what it cannot do it raises."""

    def __init__(self, once: float = 0.0, each: float = 0.0, error: Exception | None = None, limit: int = 1 << 40):
        self.spec = ModelSpec("fake", "f", 4, frozenset({"text", "image"}), LoaderSettings(image_side=64))
        self.once, self.each, self.error, self.limit = once, each, error, limit
        self.passes: list[int] = []

    def embed(self, segments: Sequence[Segment]) -> Vectors:
        self.passes.append(len(segments))
        if self.error and len(segments) > self.limit:
            raise self.error
        time.sleep(self.once + self.each * len(segments))
        return np.ones((len(segments), 4), np.float32)

    def embed_query(self, query: Query) -> Vectors:
        raise NotImplementedError


@dataclass
class Gauge:
    """A device whose clock and memory need no waiting; every pass has a thousand operations and ten tokens."""

    device: str = "cpu"
    gpu: str | None = None
    dtype: str = "float32"
    weights: int = 100
    synchronized: int = 0
    calls: list[str] = field(default_factory=list)

    def synchronize(self) -> None:
        self.synchronized += 1

    def reset(self) -> int:
        return 1000

    def peaks(self) -> Peaks:
        return Peaks(resident=1500)

    def counted(self, run: Callable[[], Any]) -> tuple[int | None, int | None]:
        run()
        return 1000, 10

    def matrix_rate(self) -> float:
        return 1e12


def subject(model: Model, *batches: int, modalities: tuple[str, ...] | None = None, bound: float = 0.0) -> Any:
    job = Job(ModelOptions("fake"), batches=batches, modalities=modalities, sizes=Sizes(4, 400), time=bound)
    return measure.Subject(job, model, Gauge(), model.spec.loader, 1.0, 1e12, None)


def rows(given: Any, modality: str = "text") -> list[Row]:
    return list(measure.cells(given, modality, lambda *_: None))


def test_a_cell_is_warmed_up_and_synchronised_before_each_reading_of_the_clock() -> None:
    model = Model(once=0.001)
    given = subject(model, 4)
    (row,) = rows(given)
    assert row.repeats and row.repeats >= 1
    assert model.passes == [1, 4, *[4] * row.repeats], "one to open, one to warm up"
    assert given.probe.synchronized >= row.repeats + 1


def test_a_row_says_speed_per_item_memory_and_share_of_the_matrix_rate() -> None:
    (row,) = rows(subject(Model(once=0.01), 5))
    assert row.status == "ok"
    assert row.items_per_s == pytest.approx(5 / 0.01, rel=0.5)
    assert row.ms_p50 == pytest.approx(1000 / row.items_per_s, rel=0.01)
    assert row.ms_p95 and row.ms_p95 >= row.ms_p50
    assert (row.peak_resident, row.activations, row.weights) == (1500, 500, 100)
    assert row.tokens_per_item == 2.0
    assert row.tflops == pytest.approx(1000 * row.items_per_s / 5 / 1e12, rel=0.01)
    assert row.peak_allocated is None, "not measured is not zero"


def test_auto_doubles_until_nothing_is_gained() -> None:
    found = rows(subject(Model(once=0.02, each=0.004)))
    assert [row.batch for row in found[:3]] == [1, 2, 4]
    assert found[-1].batch and found[-1].batch < MAX_BATCH
    assert all(row.status == "ok" for row in found)


def test_auto_ends_where_memory_ends() -> None:
    found = rows(subject(Model(once=0.01, error=MemoryError("no more"), limit=4)))
    assert [(row.batch, row.status) for row in found] == [(1, "ok"), (2, "ok"), (4, "ok"), (8, "oom")]


def test_the_table_is_complete_when_memory_runs_out() -> None:
    model = Model(error=RuntimeError("DefaultCPUAllocator: can't allocate memory"), limit=4)
    found = rows(subject(model, 1, 4, 16, 64))
    assert [(row.batch, row.status) for row in found] == [(1, "ok"), (4, "ok"), (16, "oom"), (64, "oom")]
    assert found[3].reason == "a batch of 16 did not fit"
    assert 64 not in model.passes, "what cannot fit is not tried"
    assert found[2].weights == 100, "what is known stays in the row"


def test_memory_that_ran_out_is_known_by_its_cause() -> None:
    outer = MmsearchError("cannot load model")
    outer.__cause__ = RuntimeError("CUDA error: out of memory")
    assert rows(subject(Model(error=outer, limit=0), 1))[0].status == "oom"


def test_a_failure_is_a_row_with_its_reason_and_larger_batches_go_on() -> None:
    found = rows(subject(Model(error=ValueError("odd\nshape"), limit=4), 1, 8, 16))
    assert [row.status for row in found] == ["ok", "failed", "failed"]
    assert found[1].reason == "ValueError: odd shape"


def test_what_the_model_does_not_read_is_not_measured_but_told() -> None:
    given = subject(Model(), 1, modalities=("text", "audio"))
    assert given.modalities == ["text"]
    assert given.unread() == ["audio"]


def test_slow_passes_are_repeated_less() -> None:
    assert len(measure.repeated(lambda: time.sleep(0.02), lambda: None, 0.001)) == 1
    assert len(measure.repeated(lambda: time.sleep(0.001), lambda: None, 0.0)) == 1
    assert len(measure.repeated(lambda: time.sleep(0.001), lambda: None, 0.02)) >= 3


def test_the_builtin_models_probe_measures_this_process() -> None:
    from mmsearch.models import load_embedder

    probe = HostProbe(load_embedder(ModelOptions("builtin")))
    before = probe.reset()
    # Mapped anew: what other tests have freed may be at hand for an ordinary array, and then nothing grows.
    block = np.frombuffer(mmap.mmap(-1, 40_000_000), np.uint8)
    block[:] = 1
    assert probe.weights > 10_000_000
    assert 30_000_000 < (probe.peaks().resident or 0) - before < 80_000_000
    assert block.sum() == 40_000_000
    assert probe.matrix_rate() > 1e8
