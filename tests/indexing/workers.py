"""Looks at and troubles real worker processes, from outside, as a system does."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path


def children(parent: int) -> list[int]:
    """Process ids of the workers of a process (Linux)."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            state, ppid = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
            command = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if int(ppid) == parent and state != "Z" and b"mmsearch.indexing.worker" in command:
            found.append(int(entry.name))
    return found


def until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    """Waits for something to become true."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def libraries(pid: int) -> str:
    """The shared libraries that a process has loaded."""
    return Path(f"/proc/{pid}/maps").read_text()


def freeze(pid: int) -> None:
    """From now on it does nothing any more, as if it hung."""
    os.kill(pid, signal.SIGSTOP)
    until(lambda: Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T")
