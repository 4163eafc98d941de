"""What a result must say about where and when it was measured; nothing that names the machine. Imports no torch."""

from __future__ import annotations

import os
import platform
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from typing import Any

PACKAGES = (
    *("mmsearch", "sentence-transformers", "transformers", "torch", "torchvision", "onnxruntime"),
    *("pillow", "av", "numpy"),
)
FEATURES = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16")
"""Of a CPU: they decide in which number format to compute."""


def circumstances() -> dict[str, Any]:
    """Date, machine, load of the last minute and versions."""
    return {
        "date": datetime.now(timezone.utc).date().isoformat(),
        "machine": {
            "cpu": _processor(),
            "cores": os.cpu_count(),
            "threads": os.environ.get("OMP_NUM_THREADS"),
            "system": f"{platform.system()} {platform.machine()}",
            "python": platform.python_version(),
        },
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "versions": {name: _version(name) for name in PACKAGES},
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    """The model of the CPU with those of its features that matter."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            lines = dict(line.split(":", 1) for line in file.read().splitlines() if ":" in line)
    except OSError:
        return platform.processor()
    fields = {name.strip(): value.strip() for name, value in lines.items()}
    known = [flag for flag in FEATURES if flag in fields.get("flags", "").split()]
    return f"{fields.get('model name', platform.processor())} ({', '.join(known)})"
