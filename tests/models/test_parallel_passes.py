"""Passes side by side: every input gets its own result, and the vectors are those of one pass."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from mmsearch.errors import OutOfMemory
from mmsearch.models import load_embedder
from mmsearch.models.passes import MAX_PARALLEL, BatchBudget, ParallelPasses, in_passes, parallel_passes, uncut
from mmsearch.types import ModelOptions
from tests.models.conftest import Models
from tests.models.content import PICTURES, TEXTS, pictures, texts

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.models


@pytest.fixture
def cores(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


@pytest.mark.parametrize("count", [1, 2, 3, 4])
@pytest.mark.parametrize("inputs", [0, 1, 2, 3, 11])
def test_results_are_in_the_order_of_the_inputs(count: int, inputs: int) -> None:
    assert ParallelPasses(count, 1)(lambda some: [10 * one for one in some], range(inputs)) == [
        10 * n for n in range(inputs)
    ]


@pytest.mark.parametrize("cores", [3], indirect=True)
def test_lanes_are_at_work_at_once_with_their_own_number_of_threads(cores: int) -> None:
    both = threading.Barrier(2, timeout=30)

    def work(some: Sequence[int]) -> list[int]:
        both.wait()
        return [torch.get_num_threads()] * len(some)

    assert ParallelPasses(2, 1)(work, [1, 2, 3]) == [1, 1, 1]
    assert torch.get_num_threads() == cores


def test_the_error_of_a_lane_is_raised_when_all_have_come_to_an_end() -> None:
    ended = []

    def work(some: Sequence[int]) -> list[int]:
        if some[0] == 0:
            raise ValueError("the first")
        ended.append(some[0])
        return list(some)

    lanes = ParallelPasses(3, 1)
    with pytest.raises(ValueError, match="the first"):
        lanes(work, range(9))
    assert sorted(ended) == [1, 2]
    assert lanes(lambda some: some, [5, 6]) == [5, 6]


def test_a_pass_that_may_not_be_cut_is_not_cut_in_a_lane_either() -> None:
    def run(batch: Sequence[int]) -> list[int]:
        if len(batch) > 1:
            raise MemoryError
        return list(batch)

    def passes(some: Sequence[int]) -> list[int]:
        return in_passes(run, some, [1] * len(some), BatchBudget(100, 8))

    assert ParallelPasses(2, 1)(passes, range(8)) == list(range(8))
    with uncut(), pytest.raises(OutOfMemory):
        ParallelPasses(2, 1)(passes, range(8))


@pytest.mark.parametrize(
    ("cores", "expected"), [(1, None), (2, (2, 1)), (3, (3, 1)), (16, (MAX_PARALLEL, 4))], indirect=["cores"]
)
def test_the_cores_are_shared_out(cores: int, expected: tuple[int, int] | None) -> None:
    found = parallel_passes("cpu", "clip")
    assert (found and (found.count, found._threads)) == expected
    assert parallel_passes("cuda", "clip") is None
    assert parallel_passes("cpu", "qwen3_vl") is None


@pytest.mark.parametrize("cores", [2], indirect=True)
@pytest.mark.parametrize("name", ["clip", "siglip"])
@pytest.mark.parametrize("dtype", ["fp32", "int8"])
def test_vectors_are_those_of_one_pass(
    cores: int, name: str, dtype: str, models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    if dtype == "int8" and not hasattr(torch, "_int_mm"):
        pytest.skip("torch does not multiply 8-bit integers")
    monkeypatch.setattr("mmsearch.models.int8.supported", lambda: True)  # integers are multiplied on every CPU
    options = ModelOptions(str(models[name]), device="cpu", dtype=dtype)
    embedder = load_embedder(options, many=True)
    segments = [*pictures(*PICTURES), *texts(*TEXTS)] * 4
    assert embedder._parallel is not None  # type: ignore[attr-defined]
    side_by_side = embedder.embed(segments)
    embedder._parallel = None  # type: ignore[attr-defined]
    assert np.allclose(side_by_side, embedder.embed(segments), atol=1e-5)
