"""What memory this machine has free, and whether a model of the catalog fits into it.

Asks the system, not torch, so that it is quick. Knows nothing of how a model is loaded; the figures are for telling
before, not for measuring.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from mmsearch.models.catalog import CatalogEntry
from mmsearch.system.child_processes import program

OVERHEAD = 1536 * 2**20
"""Bytes besides the weights: the libraries, and what a pass over a few inputs keeps."""
EASE = 0.8
"""Share of the free memory up to which a model fits with room for larger passes."""
HALF_PRECISION_FLAGS = frozenset({"avx512_bf16", "amx_bf16"})
"""Processors with one of these compute in bfloat16, as `device.choose_dtype` finds."""
NVIDIA = ("nvidia-smi", "--query-gpu=name,memory.free,memory.total", "--format=csv,noheader,nounits")

Verdict = Literal["yes", "tight", "no", "unknown"]


@dataclass(frozen=True, slots=True)
class Memory:
    """One place that a model can be loaded to.

    Attributes:
        device: `cpu` or `cuda:N`.
        name: what it is called; empty where the system does not say.
        free, total: bytes.
        number: bytes of a number in the format that is computed in there.
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
    """Bytes that a model takes there by estimate, None where its size is not known."""
    return None if entry.parameters is None else entry.parameters * memory.number + OVERHEAD


def verdict(entry: CatalogEntry, memory: Memory) -> Verdict:
    """Whether a model fits there: `tight` leaves no room for large passes."""
    wanted = need(entry, memory)
    if wanted is None:
        return "unknown"
    return "yes" if wanted <= EASE * memory.free else "tight" if wanted <= memory.free else "no"


def best(entry: CatalogEntry, found: Sequence[Memory]) -> tuple[Memory, Verdict]:
    """The first memory into which a model fits well, else the one where it fits best, and how."""
    order: Sequence[Verdict] = ("yes", "tight", "no", "unknown")
    return min(((memory, verdict(entry, memory)) for memory in found), key=lambda pair: order.index(pair[1]))


def host() -> Memory:
    """The memory of the processor, as far as this process may use it."""
    free, total = _system()
    limit = _container()
    number = 2 if _computes_half() else 4
    return Memory("cpu", "", min(free, limit) if limit is not None else free, total, number)


def _system() -> tuple[int, int]:
    """Bytes free and in all; what is free cannot be told everywhere, and counts as all then."""
    if os.path.exists("/proc/meminfo"):
        with open("/proc/meminfo", encoding="ascii") as file:
            found = {key: int(rest.split()[0]) * 1024 for key, _, rest in (line.partition(":") for line in file)}
        return found.get("MemAvailable", found["MemFree"]), found["MemTotal"]
    if sys.platform == "win32":
        return _windows()
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return total, total


def _windows() -> tuple[int, int]:
    import ctypes

    # The layout of MEMORYSTATUSEX: two numbers of 32 bits, then seven of 64, of which the first two are all and free.
    state = (ctypes.c_uint64 * 8)()
    ctypes.memmove(state, (ctypes.c_uint32 * 2)(64, 0), 8)
    windll: Any = getattr(ctypes, "windll")  # noqa: B009 - absent on other systems, also for type checkers
    windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(state))
    return int(state[2]), int(state[1])


def _container() -> int | None:
    """Bytes that a container's limit leaves, None without one."""
    try:
        with open("/sys/fs/cgroup/memory.max", encoding="ascii") as most, \
             open("/sys/fs/cgroup/memory.current", encoding="ascii") as used:  # fmt: skip
            return max(0, int(most.read()) - int(used.read()))
    except (OSError, ValueError):  # no such limit, or it reads `max`
        return None


def _computes_half() -> bool:
    try:
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
            flags = next((line for line in file if line.startswith("flags")), "")
    except OSError:
        return False
    return not HALF_PRECISION_FLAGS.isdisjoint(flags.split())


def _nvidia() -> list[Memory]:
    """The memories of NVIDIA cards, by their own tool; none where it is missing or fails."""
    found = program(NVIDIA[0])
    if found is None:
        return []
    try:
        done = subprocess.run([found, *NVIDIA[1:]], capture_output=True, text=True, timeout=10, check=True)
        return [_card(index, line) for index, line in enumerate(done.stdout.splitlines()) if line.strip()]
    except (OSError, ValueError, subprocess.SubprocessError):
        return []


def _card(index: int, line: str) -> Memory:
    name, free, total = (part.strip() for part in line.rsplit(",", 2))
    return Memory(f"cuda:{index}", name, int(free) * 2**20, int(total) * 2**20, 2)
