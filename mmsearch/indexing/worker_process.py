"""Worker processes before they have anything to do: how one is started, and some that start ahead of the pool.

A process takes a third of a second until it can decode a picture. Where a model has to be loaded first, that time is
there for nothing. Knows nothing of their requests.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterable
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING

from mmsearch.system import child_processes

if TYPE_CHECKING:
    from mmsearch.scan import Entry

WORTHWHILE_BYTES = 8 << 20
"""Another worker is worth its start for each so many bytes that wait: even pictures, the fastest to decode, take
longer."""
LOOK_AT = 2000
"""Files that are looked at to tell how many workers there will be."""
_ENTRY = "from mmsearch.indexing.worker import main; main(sys.argv[1] == 'preload')"
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
_HANDED_ON = {
    # the encoding of names, the time zone, and temporary folders
    *("LANG", "LANGUAGE", "TZ", "TMPDIR", "TEMP", "TMP"),
    # where this Python and shared libraries are
    *("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH", "__PYVENV_LAUNCHER__"),
    *("PYTHONHOME", "PYTHONUTF8", "PYTHONCOERCECLOCALE", "PYTHONPYCACHEPREFIX", "PYTHONDONTWRITEBYTECODE"),
    # without which Windows starts no process, or finds no library
    *("SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", *(["PATH"] if sys.platform == "win32" else [])),
}
"""Variables of this process that a worker gets, and those that begin with LC_: no others, for among them are keys,
tokens and the addresses of agents that use them."""


def environment() -> dict[str, str]:
    """The whole environment of a worker."""
    inherited = {name: value for name, value in os.environ.items() if name in _HANDED_ON or name.startswith("LC_")}
    return {**child_processes.environment(inherited), **_ONE_THREAD}


def spawn(preload: bool = False) -> subprocess.Popen[bytes]:
    """Start a process, which waits for its setup; with `preload` it imports the picture decoder. Raises OSError."""
    return subprocess.Popen(
        child_processes.command(_ENTRY, "preload" if preload else ""),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment(),
    )


def end(process: subprocess.Popen[bytes]) -> int:
    """Kill a process and close its pipes; its exit code."""
    process.kill()
    for stream in (process.stdin, process.stdout):
        with suppress(OSError):
            stream.close()  # type: ignore[union-attr]
    return process.wait()


def worthwhile(sizes: Iterable[int]) -> int:
    """How many workers files of these sizes are worth; at least one."""
    size_list = list(sizes)
    # The largest file, which may be gigabytes, keeps only one of them busy.
    return 1 + (sum(size_list) - max(size_list, default=0)) // WORTHWHILE_BYTES


class PrestartedWorkers:
    """Processes that a pool may take instead of starting its own; a context manager that ends those left over."""

    def __init__(self) -> None:
        self._processes: list[subprocess.Popen[bytes]] = []
        self._lock = threading.Lock()

    def __enter__(self) -> PrestartedWorkers:
        return self

    def __exit__(self, *_: object) -> None:
        while (process := self.take()) is not None:
            end(process)

    def __len__(self) -> int:
        return len(self._processes)

    def start(self, entries: Iterable[Entry], jobs: int) -> None:
        """Starts as many of at most `jobs` as the first of the files to be read are worth; none for small ones."""
        count = min(jobs, worthwhile(entry.size for entry in islice(entries, LOOK_AT)) - 1)
        with suppress(OSError):  # the pool will meet the same, and say so
            self._processes += [spawn(preload=True) for _ in range(count)]

    def take(self) -> subprocess.Popen[bytes] | None:
        """One process, None if none is left."""
        with self._lock:
            return self._processes.pop() if self._processes else None
