"""Reports the state of this machine for models, and missing parts: versions, devices, memory and the cache.

Changes nothing. Imports torch to ask it for devices.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mmsearch import __version__
from mmsearch.models import catalog, pull
from mmsearch.models.device import choose_attention, choose_device, choose_dtype
from mmsearch.models.machine import memories

PACKAGES = ("torch", "torchvision", "transformers", "sentence-transformers", "tokenizers", "onnxruntime", "faiss-cpu",
            "huggingface_hub", "safetensors", "av", "pillow")  # fmt: skip
OPTIONAL = {"flash-attn": "pip install flash-attn"}
"""Packages that speed models up on CUDA, and how each is installed."""
LITTLE_SPACE = 5 * 10**9


@dataclass(frozen=True, slots=True)
class Issue:
    """Something missing; models do not run without it if it is `needed`."""

    what: str
    remedy: str
    needed: bool


def examine() -> dict[str, Any]:
    """A JSON object with `versions`, `device`, `memories`, `cache`, `models` (on this machine) and `missing`."""
    versions: dict[str, str | None] = {"mmsearch": __version__, "python": platform.python_version()}
    versions |= {name: package_version(name) for name in (*PACKAGES, *OPTIONAL)}
    device = _device() if versions["torch"] else None
    cache = pull.cache_directory()
    size = 0
    for folder, _, file_names in os.walk(cache):  # links into the cache count once
        paths = (os.path.join(folder, name) for name in file_names)
        size += sum(os.stat(path).st_size for path in paths if not os.path.islink(path))
    return {
        "versions": versions,
        "platform": platform.platform(),
        "processors": os.cpu_count(),
        "device": device,
        "memories": [asdict(memory) for memory in memories()],
        "cache": {"directory": str(cache), "bytes": size, "free": pull.free_space(cache)},
        "models": list(_installed()),
        "missing": [asdict(issue) for issue in _missing(versions, device, cache)],
    }


def package_version(package: str) -> str | None:
    """The version of an installed package, None if it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _device() -> dict[str, Any]:
    """The device that models run on by default."""
    import torch

    device = choose_device(None)
    dtype = choose_dtype(None, device)
    return {
        "default": device,
        "dtype": str(dtype).removeprefix("torch."),
        "attention": choose_attention(None, device, dtype) or "sdpa",
        "cuda": torch.version.cuda,
        "cards": [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())],
        "threads": torch.get_num_threads(),
    }


def _installed() -> Iterator[str]:
    """Short names of the models that are on this machine."""
    from mmsearch.errors import MmsearchError
    from mmsearch.models.hub import locate

    for entry in catalog.CATALOG.values():
        try:
            if entry.hub_id is not None:
                locate(entry.hub_id, None, "")
            yield entry.name
        except MmsearchError:
            continue


def _missing(versions: dict[str, str | None], device: dict[str, Any] | None, cache: Path) -> Iterator[Issue]:
    for name in PACKAGES:
        if versions[name] is None:
            yield Issue(f"the package {name} is not installed", f"pip install {name}", True)
    if device and device["default"].startswith("cuda"):
        for name, remedy in OPTIONAL.items():
            if find_spec(name.replace("-", "_")) is None:
                yield Issue(f"{name} is not installed: attention is slower", remedy, False)
    if device and device["cuda"] is None and any(memory.device.startswith("cuda") for memory in memories()):
        remedy = "pip install --force-reinstall torch torchvision"
        yield Issue("there is an NVIDIA card, but torch was built without CUDA", remedy, False)
    if pull.free_space(cache) < LITTLE_SPACE:
        yield Issue(f"little space for models in {cache}", "export HF_HOME=/another/disk/huggingface", False)
    if os.environ.get("HF_HUB_OFFLINE", "0").upper() in ("1", "ON", "YES", "TRUE"):
        yield Issue("HF_HUB_OFFLINE is set: no model can be fetched", "unset HF_HUB_OFFLINE", False)
