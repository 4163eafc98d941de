"""What a result must say about where it was measured."""

from __future__ import annotations

import os
import platform
from datetime import datetime, timezone
from importlib.metadata import version
from typing import Any

PACKAGES = ("mmsearch", "sentence-transformers", "transformers", "torch", "torchvision", "pillow", "av", "numpy")


def circumstances() -> dict[str, Any]:
    """Date, machine, load of the last minute and versions; nothing that names the machine."""
    return {
        "date": datetime.now(timezone.utc).date().isoformat(),
        "machine": {
            "cpu": _processor(),
            "cores": os.cpu_count(),
            "threads": os.environ.get("OMP_NUM_THREADS"),
            "gpu": _gpu(),
            "system": f"{platform.system()} {platform.machine()}",
            "python": platform.python_version(),
        },
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "versions": {name: _version(name) for name in PACKAGES},
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except ModuleNotFoundError:
        return None


def _gpu() -> str | None:
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else None


def _processor() -> str:
    """The model of the CPU, and those of its features that decide in which number format to compute."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            lines = dict(line.split(":", 1) for line in file.read().splitlines() if ":" in line)
    except OSError:
        return platform.processor()
    fields = {name.strip(): value.strip() for name, value in lines.items()}
    known = [
        flag
        for flag in ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16")
        if flag in fields.get("flags", "").split()
    ]
    return f"{fields.get('model name', platform.processor())} ({', '.join(known)})"
