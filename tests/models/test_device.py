"""Choice of device, number format and attention."""

from __future__ import annotations

import pytest

from mmsearch.errors import UsageError
from mmsearch.models.device import DTYPES, asynchronously, choose_attention, choose_device, choose_dtype

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


def test_flash_attention_is_taken_where_it_is_installed_and_can_run(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.util

    import torch

    def choose(device: str, dtype: torch.dtype, wanted: str | None = None) -> str | None:
        return choose_attention(wanted, device, dtype)

    for found, expected in ((None, None), (object(), "flash_attention_2")):
        monkeypatch.setattr(importlib.util, "find_spec", lambda _, found=found: found)
        assert choose("cuda", torch.bfloat16) == expected
        assert choose("cuda", torch.float32) is None
        assert choose("cpu", torch.bfloat16) is None
        assert choose("cpu", torch.float32, "eager") == "eager"


def test_features_of_a_cpu_model_stay_where_they_are() -> None:
    import torch

    features = {"input_ids": torch.arange(3), "modality": "text"}
    assert asynchronously(features, "cpu") is features
    assert features["modality"] == "text"
