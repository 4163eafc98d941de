"""Passes under a budget of tokens: cut when memory runs out, raised again, and none that loses an input."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace

import numpy as np
import pytest

from mmsearch.errors import MmsearchError, OutOfMemory
from mmsearch.models.passes import (
    RAISE_AFTER,
    BatchBudget,
    budget_for,
    in_passes,
    out_of_memory,
    state_width,
    token_edge,
    tokens,
    uncut,
)
from mmsearch.types import Audio, Clip, ResizeRule

pytestmark = pytest.mark.models

Run = Callable[[Sequence[int]], list[int]]


def model(memory: int, seen: list[int]) -> Run:
    """A pass that runs out of memory above so many inputs, and notes how many it was given."""
    import torch

    def run(batch: Sequence[int]) -> list[int]:
        seen.append(len(batch))
        if len(batch) > memory:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return [10 * number for number in batch]

    return run


def test_passes_keep_to_the_budget_with_padding_counted() -> None:
    budget = BatchBudget(tokens=100, inputs=4)
    assert budget.count([50, 50, 50]) == 2
    assert budget.count([10, 10, 60, 1]) == 2
    assert budget.count([10] * 9) == 4
    assert budget.count([1000, 1]) == 1


@pytest.mark.parametrize("memory", [1, 3, 5, 100])
def test_every_input_gets_its_result_in_order(memory: int) -> None:
    given = list(range(23))
    assert in_passes(model(memory, []), given, [7] * 23, BatchBudget(1000, 16)) == [10 * number for number in given]


def test_pass_that_does_not_fit_is_halved_and_what_was_learned_is_kept() -> None:
    seen: list[int] = []
    budget = BatchBudget(1000, 16)
    in_passes(model(5, seen), list(range(16)), [1] * 16, budget)
    assert seen == [16, 8, 4, 4, 4, 4]
    seen.clear()
    in_passes(model(5, seen), list(range(8)), [1] * 8, budget)
    assert seen == [4, 4]


def test_those_who_measure_see_a_pass_that_does_not_fit() -> None:
    seen: list[int] = []
    with uncut(), pytest.raises(OutOfMemory, match="8 items"):
        in_passes(model(5, seen), list(range(8)), [1] * 8, BatchBudget(1000, 16))
    assert seen == [8]
    assert len(in_passes(model(5, seen), list(range(8)), [1] * 8, BatchBudget(1000, 16))) == 8


def test_budget_is_raised_again_after_passes_that_fit() -> None:
    seen: list[int] = []
    budget = BatchBudget(16, 16)
    in_passes(model(8, seen), list(range(16)), [1] * 16, budget)
    assert seen == [16, 8, 8]
    count = 8 * (RAISE_AFTER - 2) + 16
    seen.clear()
    in_passes(model(100, seen), list(range(count)), [1] * count, budget)
    assert seen == [8] * (RAISE_AFTER - 2) + [16]
    assert budget.count([1] * 99) == 16, "never above what it was at first"


def test_input_that_does_not_fit_alone_names_the_remedy() -> None:
    seen: list[int] = []
    with pytest.raises(MmsearchError, match="lower --max-pixels"):
        in_passes(model(0, seen), [1, 2, 3], [1, 1, 1], BatchBudget(100, 16))
    assert seen == [3, 1]


def test_other_errors_are_not_retried() -> None:
    calls = []

    def run(batch: Sequence[int]) -> list[int]:
        calls.append(len(batch))
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        in_passes(run, [1, 2, 3], [1, 1, 1], BatchBudget(100, 16))
    assert calls == [3]


def test_every_way_to_run_out_of_memory_is_known() -> None:
    import torch

    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 60, dtype=torch.uint8)
    assert out_of_memory(caught.value)
    assert out_of_memory(torch.OutOfMemoryError("CUDA out of memory"))
    assert out_of_memory(RuntimeError("MPS backend out of memory (MPS allocated: 9.0 GB)"))
    assert out_of_memory(RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"))
    assert not out_of_memory(RuntimeError("shapes cannot be multiplied"))


def test_batch_size_that_was_asked_for_is_kept_to() -> None:
    import torch

    assert budget_for("cpu", torch.float32, 768, 3).count([10_000] * 9) == 3
    assert 1 < budget_for("cpu", torch.float32, 768, None).count([50] * 500) < 500


def test_tokens_are_what_the_model_sees_of_a_content() -> None:
    picture = np.zeros((3000, 4000, 3), np.uint8)
    patches = ResizeRule("patches", step=32, least=32 * 32, most=1024 * 1024)
    assert tokens(picture, patches, 32) == 27 * 36
    assert tokens(picture, ResizeRule("edge", 224, 224, edge=224), 32) == 49
    assert tokens(picture[:500, :300], ResizeRule("squash", 224, 224), 32) == 49
    assert tokens(picture, None, 28) == 2048
    assert tokens("red car", None, 1) == 3
    assert tokens(Audio(np.zeros(16_000, np.float32), 16_000), None, 1) == 51
    assert tokens(Clip(np.zeros((8, 224, 224, 3), np.uint8), np.arange(8.0)), None, 28) == 256


def test_size_of_a_model_is_read_from_its_configuration() -> None:
    vision = SimpleNamespace(hidden_size=768, patch_size=32)
    config = SimpleNamespace(vision_config=vision, text_config=SimpleNamespace(hidden_size=512))
    assert (state_width(config), token_edge(config, None)) == (768, 32)
    assert token_edge(config, ResizeRule("patches", step=28)) == 28
    assert (state_width(None), token_edge(None, None)) == (4096, 28)
