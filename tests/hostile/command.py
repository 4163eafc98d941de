"""Runs the real command and watches it: exit code, output, seconds, and the most memory of it and of each worker.

Knows nothing of what is indexed. The memory of workers is read from /proc, so it is known on Linux alone.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

LOOK_SECONDS = 0.05
LONGEST = 3600.0
"""Seconds after which a run counts as dead."""


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a run; `code` is None where it had to be ended. Seconds of wall and processor, memory in bytes."""

    code: int | None
    stdout: bytes
    stderr: bytes
    wall: float
    cpu: float
    peak: int
    worker_peak: int
    workers: int


@dataclass
class _Watch:
    """The processes below one, as they come and go."""

    parent: int
    over: threading.Event = field(default_factory=threading.Event)
    peaks: dict[int, int] = field(default_factory=dict)
    own: int = 0

    def look(self) -> None:
        """Until it is over; runs in a thread of its own. The high water mark of a process outlives what it freed."""
        while not self.over.wait(LOOK_SECONDS):
            self.own = max(self.own, _peak(self.parent))
            for child in _children(self.parent):
                self.peaks[child] = max(self.peaks.get(child, 0), _peak(child))


def _children(parent: int) -> Iterable[int]:
    found: list[int] = []
    with suppress(OSError):
        for task in Path(f"/proc/{parent}/task").iterdir():
            found += map(int, (task / "children").read_text().split())
    return found


def _peak(pid: int) -> int:
    with suppress(OSError, ValueError, IndexError):
        told = Path(f"/proc/{pid}/status").read_text().partition("VmHWM:")[2]
        return int(told.split(maxsplit=1)[0]) << 10
    return 0


def run(*args: str, index: Path, most: float = LONGEST) -> Done:
    """`mmsearch ARGS` with that index, ended after so many seconds if it has not ended by then."""
    argv = [sys.executable, "-m", "mmsearch", *args, "--index", str(index)]
    env = {**os.environ, "HF_HUB_OFFLINE": "1"}
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        began = time.perf_counter()
        # A session of its own: a scheduler that shares time by session is as hard on this run as on any other.
        process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=env, start_new_session=True
        )
        watch = _Watch(process.pid)
        watcher = threading.Thread(target=watch.look, daemon=True)
        watcher.start()
        late = threading.Timer(most, process.kill)
        late.start()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        ended = not late.is_alive()
        late.cancel()
        watch.over.set()
        watcher.join()
        texts = [(file.seek(0), file.read())[1] for file in (out, err)]
    code = None if ended else process.returncode
    peaks = watch.peaks.values()
    cpu = usage.ru_utime + usage.ru_stime
    return Done(code, texts[0], texts[1], wall, cpu, watch.own, max(peaks, default=0), len(peaks))
