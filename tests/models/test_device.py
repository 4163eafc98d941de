"""Choice of device and number format, and cutting batches that do not fit."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from mmsearch.errors import MmsearchError, UsageError
from mmsearch.models.device import DTYPES, choose_device, choose_dtype, in_halves

pytestmark = pytest.mark.models


def test_device_that_is_wanted_is_used_or_refused() -> None:
    import torch

    assert choose_device("cpu") == "cpu"
    assert choose_device(None) in {"cpu", "cuda", "mps"}
    for unknown in ("gpu", "cuda:x", ""):
        with pytest.raises(UsageError, match="use cpu, cuda, cuda:N or mps"):
            choose_device(unknown)
    if not torch.cuda.is_available():
        with pytest.raises(UsageError, match="device cuda is not in this machine, which has cpu"):
            choose_device("cuda")


def test_half_precision_is_never_chosen_unasked() -> None:
    import torch

    for device in ("cpu", choose_device(None)):
        assert choose_dtype(None, device) in {torch.float32, torch.bfloat16}
    assert choose_dtype("fp16", "cpu") is torch.float16
    assert {choose_dtype(name, "cpu") for name in DTYPES} == {torch.float32, torch.bfloat16, torch.float16}


def test_bfloat16_is_chosen_where_the_cpu_computes_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    for computes, expected in ((True, torch.bfloat16), (False, torch.float32)):
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda computes=computes: computes)
        assert choose_dtype(None, "cpu") is expected


def test_halves_keep_the_order() -> None:
    import torch

    def run(batch: Sequence[int]) -> list[int]:
        if len(batch) > 3:
            raise torch.OutOfMemoryError
        return [number * 10 for number in batch]

    assert in_halves(run, list(range(11))) == [number * 10 for number in range(11)]


def test_single_input_that_does_not_fit_names_the_remedy() -> None:
    import torch

    def run(_: Sequence[int]) -> list[int]:
        raise torch.OutOfMemoryError

    with pytest.raises(MmsearchError, match="lower --max-pixels"):
        in_halves(run, [1, 2, 3])


def test_other_errors_are_not_retried() -> None:
    calls = []

    def run(batch: Sequence[int]) -> list[int]:
        calls.append(len(batch))
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        in_halves(run, [1, 2, 3])
    assert calls == [3]
