"""Where a torch model runs, in which number format, with which attention, and how its inputs get there.

Knows nothing about models or inputs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mmsearch.errors import UsageError

if TYPE_CHECKING:
    import torch

DTYPES = {
    "fp32": "float32",
    "float32": "float32",
    "bf16": "bfloat16",
    "bfloat16": "bfloat16",
    "fp16": "float16",
    "float16": "float16",
    "int8": "int8",
}
"""Names of the command line, and torch's names for them."""
INT8 = "int8"
"""Not a format to load in: a float32 model of which some layers are converted after loading."""


def choose_device(device: str | None) -> str:
    """The torch device to run on: the given one, else the first of CUDA, Apple's GPU and the CPU.

    Raises UsageError if the given device is unknown or not in this machine.
    """
    import torch

    cuda = torch.cuda.is_available()
    mps = torch.backends.mps.is_available()
    if device is None:
        return "cuda" if cuda else "mps" if mps else "cpu"
    kind, _, number = device.partition(":")
    present = {"cpu": True, "cuda": cuda, "mps": mps}
    if kind not in present or (number and not number.isdigit()):
        raise UsageError(f"unknown device {device}: use cpu, cuda, cuda:N or mps")
    if not present[kind] or (kind == "cuda" and number and int(number) >= torch.cuda.device_count()):
        available = ", ".join(name for name, is_present in present.items() if is_present)
        raise UsageError(f"device {device} is not in this machine, which has {available}")
    return device


def choose_dtype(dtype: str | None, device: str) -> torch.dtype:
    """The number format to load in: the given one, else bfloat16 if the hardware computes in it, else float32.

    Models that compute in int8 are loaded in float32. float16 is never the default: published rerankers do not
    reproduce in it, and on a CPU it is about ten times slower. Raises UsageError for an unknown name.
    """
    import torch

    if dtype is not None:
        if dtype not in DTYPES:
            raise UsageError(f"unknown dtype {dtype}: use {', '.join(DTYPES)}")
        chosen: torch.dtype = torch.float32 if dtype == INT8 else getattr(torch, DTYPES[dtype])
        return chosen
    if device.startswith("cuda"):
        computes = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        computes = device == "cpu" and _cpu_computes_bf16()
    return torch.bfloat16 if computes else torch.float32


def _cpu_computes_bf16() -> bool:
    """Whether the CPU has AVX512-BF16 or AMX tiles; without them bfloat16 is emulated and slow."""
    import torch

    checks = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(bool(getattr(torch.cpu, check, bool)()) for check in checks)


def choose_attention(attention: str | None, device: str, dtype: torch.dtype) -> str | None:
    """The attention to load with: the given one, else flash attention if it is installed and can run.

    None leaves the choice to transformers, which takes SDPA if the architecture allows.
    """
    from importlib.util import find_spec

    if attention is not None:
        return attention
    runs = device.startswith("cuda") and dtype.itemsize == 2 and find_spec("flash_attn") is not None
    return "flash_attention_2" if runs else None


def asynchronously(features: Any, device: str) -> Any:
    """Features with their tensors on a CUDA device, copied from pinned memory while the host goes on.

    On other devices they are left as they are.
    """
    import torch

    if device.startswith("cuda"):
        for name, value in features.items():
            if isinstance(value, torch.Tensor) and value.device.type == "cpu":
                features[name] = value.pin_memory().to(device, non_blocking=True)
    return features
