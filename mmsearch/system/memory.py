"""The machine's memory, and the share of it that this process holds. Knows nothing of models or devices.

Not psutil, which would save 20 lines: it knows neither the limit of a container nor a peak that can be reset.

Figures of the process are exact on Linux; elsewhere the peak is that of its whole life, and there is no limit to set.
"""

from __future__ import annotations

import gc
import os
import sys
from contextlib import suppress
from typing import Any

_CGROUP = "/sys/fs/cgroup/memory."


def physical() -> int:
    """Bytes of memory of the machine; 0 if unknown."""
    if sys.platform == "win32":
        return _windows()[1]
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (OSError, ValueError):
        return 0


def available() -> int:
    """Bytes that this process may still use: those free in the machine or, if fewer, within a container's limit.

    All memory counts as free on systems that do not say.
    """
    if sys.platform == "win32":
        return _windows()[0]
    free = _proc_field("/proc/meminfo", "MemAvailable") or _proc_field("/proc/meminfo", "MemFree") or physical()
    with suppress(OSError, ValueError):  # no such limit, or it reads `max`
        free = min(free, max(0, _cgroup("max") - _cgroup("current")))
    return free


def _cgroup(name: str) -> int:
    with open(_CGROUP + name, encoding="ascii") as file:
        return int(file.read())


def _windows() -> tuple[int, int]:
    """Bytes free and in all."""
    import ctypes

    # The layout of MEMORYSTATUSEX: two numbers of 32 bits, then seven of 64, of which the first two are all and free.
    state = (ctypes.c_uint64 * 8)()
    ctypes.memmove(state, (ctypes.c_uint32 * 2)(64, 0), 8)
    windll: Any = getattr(ctypes, "windll")  # noqa: B009 - absent on other systems, also for type checkers
    windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(state))
    return int(state[2]), int(state[1])


def resident() -> int:
    """Bytes of this process that are in memory now; its peak if the system does not say."""
    return _proc_field("/proc/self/status", "VmRSS") or peak_resident()


def peak_resident() -> int:
    """The most bytes of this process that were in memory at once since `reset_peak`; 0 if unknown."""
    if peak := _proc_field("/proc/self/status", "VmHWM"):
        return peak
    try:
        import resource
    except ImportError:  # Windows
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def reset_peak() -> None:
    """Gives back unused memory, and lets the peak start from the rest."""
    gc.collect()
    if sys.platform == "linux":
        import ctypes

        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).malloc_trim(0)
        with suppress(OSError), open("/proc/self/clear_refs", "w", encoding="ascii") as file:
            file.write("5")  # resets the peak


def limit(max_bytes: int) -> bool:
    """Makes allocations fail when this process holds more than about `max_bytes` bytes; False if the system cannot."""
    if sys.platform != "linux":
        return False
    import resource

    # The system counts all memory that was requested, of which some has never been used: that much is allowed on top.
    requested, resident_bytes = (_proc_field("/proc/self/status", name) for name in ("VmData", "RssAnon"))
    unused = max(0, requested - resident_bytes)
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    soft = max_bytes + unused if hard == resource.RLIM_INFINITY else min(max_bytes + unused, hard)
    try:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))
    except (OSError, ValueError):
        return False
    return True


def _proc_field(path: str, name: str) -> int:
    """A field in KiB of a file in Linux's `/proc`, as bytes; 0 if there is none."""
    with suppress(OSError, ValueError), open(path, encoding="ascii", errors="replace") as file:
        for line in file:
            if line.startswith(name + ":"):
                return int(line.split()[1]) * 1024
    return 0
