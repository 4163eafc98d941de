"""What this process holds of the machine's memory, and a bound on it. Knows nothing of models or devices.

Figures are exact on Linux; elsewhere the peak is that of the whole life of the process, and there is no bound.
"""

from __future__ import annotations

import gc
import sys
from contextlib import suppress

_KIB = 1024
_RESET_PEAK = "5"


def resident() -> int:
    """Bytes of this process that are in memory now; its peak where the system does not say."""
    return _status("VmRSS") or peak_resident()


def peak_resident() -> int:
    """The most bytes of this process that were in memory at once since `reset_peak`; 0 where nothing tells."""
    if found := _status("VmHWM"):
        return found
    try:
        import resource
    except ImportError:  # Windows
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * _KIB


def reset_peak() -> None:
    """Gives back what is held without need, and lets the peak start from what is left."""
    gc.collect()
    if sys.platform == "linux":
        import ctypes

        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).malloc_trim(0)
        with suppress(OSError), open("/proc/self/clear_refs", "w", encoding="ascii") as file:
            file.write(_RESET_PEAK)


def limit(most: int) -> bool:
    """Has allocations fail when this process holds more than about `most` bytes; whether the system can do that."""
    if sys.platform != "linux":
        return False
    import resource

    # The system counts what was asked for, of which some has never been used: that much is allowed on top.
    unused = max(0, _status("VmData") - _status("RssAnon"))
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    soft = most + unused if hard == resource.RLIM_INFINITY else min(most + unused, hard)
    try:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))
    except (OSError, ValueError):
        return False
    return True


def total() -> int:
    """Bytes of memory of the machine, or of the share of it that this process may use; 0 where nothing tells."""
    found = [size for size in (_control_group(), _machine()) if size]
    return min(found, default=0)


def _machine() -> int:
    import os

    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return 0


def _control_group() -> int:
    """The limit of a container."""
    with suppress(OSError, ValueError), open("/sys/fs/cgroup/memory.max", encoding="ascii") as file:
        return int(file.read())
    return 0


def _status(name: str) -> int:
    """A field of Linux's account of this process, in bytes; 0 where there is none."""
    with suppress(OSError, ValueError), open("/proc/self/status", encoding="ascii", errors="replace") as file:
        for line in file:
            if line.startswith(name + ":"):
                return int(line.split()[1]) * _KIB
    return 0
