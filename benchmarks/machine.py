"""What a result must say about where it was measured."""

from __future__ import annotations

from typing import Any

from mmsearch.extras.bench import report


def circumstances() -> dict[str, Any]:
    """Date, machine, load of the last minute and versions; nothing that names the machine."""
    found = report.circumstances()
    found["machine"]["gpu"] = _gpu()
    return found


def _gpu() -> str | None:
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else None
