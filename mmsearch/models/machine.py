"""The memory that this machine has free, by device, and whether a model of the catalog fits into it.

Asks the system, not torch, so that it is quick. The figures are for planning, not measurements. Knows nothing of how a
model is loaded.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from mmsearch.models.catalog import CatalogEntry
from mmsearch.system import memory as system_memory
from mmsearch.system.child_processes import program

OVERHEAD = 1536 * 2**20
"""Bytes besides the weights: the libraries, and the values of a pass over a few inputs."""
EASE = 0.8
"""Share of the free memory up to which a model fits with room for larger passes."""
HALF_PRECISION_FLAGS = frozenset({"avx512_bf16", "amx_bf16"})
"""Processors with one of these compute in bfloat16; see `device.choose_dtype`."""
NVIDIA = ("nvidia-smi", "--query-gpu=name,memory.free,memory.total", "--format=csv,noheader,nounits")

Verdict = Literal["yes", "tight", "no", "unknown"]


@dataclass(frozen=True, slots=True)
class Memory:
    """The memory of one device that a model can be loaded to.

    Attributes:
        device: `cpu` or `cuda:N`.
        name: of the device; empty if the system does not say.
        free, total: bytes.
        number: bytes of a number in the format that the device computes in.
    """

    device: str
    name: str
    free: int
    total: int
    number: int


def memories() -> list[Memory]:
    """The machine's memories, the one that models are loaded to first."""
    return [*_nvidia(), host()]


def need(entry: CatalogEntry, memory: Memory) -> int | None:
    """Estimate of the bytes that a model takes there, None if its size is not known."""
    return None if entry.parameters is None else entry.parameters * memory.number + OVERHEAD


def verdict(entry: CatalogEntry, memory: Memory) -> Verdict:
    """Whether a model fits there: `tight` leaves no room for large passes."""
    size = need(entry, memory)
    if size is None:
        return "unknown"
    return "yes" if size <= EASE * memory.free else "tight" if size <= memory.free else "no"


def best(entry: CatalogEntry, candidates: Sequence[Memory]) -> tuple[Memory, Verdict]:
    """The first memory into which a model fits well, else the one where it fits best, and how."""
    order: Sequence[Verdict] = ("yes", "tight", "no", "unknown")
    return min(((memory, verdict(entry, memory)) for memory in candidates), key=lambda pair: order.index(pair[1]))


def host() -> Memory:
    """The memory of the processor, as far as this process may use it."""
    number = 4 if HALF_PRECISION_FLAGS.isdisjoint(cpu_info().get("flags", "").split()) else 2
    return Memory("cpu", "", system_memory.available(), system_memory.physical(), number)


def cpu_info() -> dict[str, str]:
    """The fields of one core in Linux's `/proc/cpuinfo`; none elsewhere."""
    with suppress(OSError), open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
        return {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in file)}
    return {}


def _nvidia() -> list[Memory]:
    """The memories of NVIDIA cards, by their own tool; none if it is missing or fails."""
    tool = program(NVIDIA[0])
    if tool is None:
        return []
    try:
        result = subprocess.run([tool, *NVIDIA[1:]], capture_output=True, text=True, timeout=10, check=True)
        return [_card(index, line) for index, line in enumerate(result.stdout.splitlines()) if line.strip()]
    except (OSError, ValueError, subprocess.SubprocessError):
        return []


def _card(index: int, line: str) -> Memory:
    name, free, total = (part.strip() for part in line.rsplit(",", 2))
    return Memory(f"cuda:{index}", name, int(free) * 2**20, int(total) * 2**20, 2)
