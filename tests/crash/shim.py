"""The layer below a process: building it, telling it what to do at which event, and what came of it."""

from __future__ import annotations

import mmap
import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

SOURCE = Path(__file__).with_name("shim.c")
_NUMBERS = struct.Struct("7q")
_SIZE = 8192
_WHAT, _PATH = _NUMBERS.size, _NUMBERS.size + 32


class Unavailable(Exception):
    """Nothing can be put below a process here; says why."""


class Action(IntEnum):
    """What happens at the chosen event; the numbers are those of the C source."""

    NOTHING = 0
    KILL_BEFORE = 1
    KILL_AFTER = 2
    KILL_HALFWAY = 3
    FAIL_ONCE = 4
    FAIL_ON = 5
    SHORT_ONCE = 6
    SHORT_THEN_FAIL_ON = 7


KILLS = (Action.KILL_BEFORE, Action.KILL_AFTER, Action.KILL_HALFWAY)


def build(folder: Path) -> Path:
    """Compile the shim into a folder; the library's path.

    Raises:
        Unavailable: this is not Linux, or there is no C compiler.
    """
    if sys.platform != "linux":
        raise Unavailable(f"needs LD_PRELOAD, which {sys.platform} has not")
    compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if not compiler:
        raise Unavailable("needs a C compiler: install gcc or clang")
    library = folder / "shim.so"
    command = [compiler, "-O2", "-shared", "-fPIC", "-o", str(library), str(SOURCE), "-ldl"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unavailable(f"{compiler} cannot build {SOURCE.name}: {done.stderr.strip().splitlines()[:1]}")
    return library


@dataclass(frozen=True)
class Seen:
    """How far a process came.

    Attributes:
        begun: events that began.
        hit: how many of them the disk failed; 1 for a kill at an event.
        commits: transactions that returned.
        kept: how many of these there were at the first hit.
        what: the kind of the event that was hit; empty when none was.
        path: of its file.
    """

    begun: int
    hit: int
    commits: int
    kept: int
    what: str
    path: str


@dataclass(frozen=True)
class Event:
    """What a process did to the disk as its `number`th deed.

    Attributes:
        commits: transactions that had returned by then.
        done: whether it succeeded.
        path: of the file, below the directory; empty for the directory.
        old: the path before, of a rename.
        offset: of a write; the size that a file is truncated to; 1 for opening that empties the file.
        data: what a write wrote.
    """

    number: int
    commits: int
    done: bool
    what: str
    path: str
    old: str
    offset: int
    size: int
    data: bytes


def events(trace: Path) -> Iterator[Event]:
    """The events of a trace, in order."""
    with trace.open("rb") as file:
        while line := file.readline():
            number, commits, done, what, path, old, offset, size = os.fsdecode(line[:-1]).split("\t")
            data = file.read(int(size)) if what == "write" else b""
            names = path.lstrip("/"), old.lstrip("/")
            yield Event(int(number), int(commits), done == "1", what, *names, int(offset), int(size), data)


class Page:
    """The memory that a process under the shim shares with us."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.write_bytes(bytes(_SIZE))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), _SIZE)

    def arm(self, at: int = 0, action: Action = Action.NOTHING, error: int = 0) -> None:
        """Forget what was, and do this at event `at` (from 1) of the next process."""
        self._map[:] = bytes(_SIZE)
        self._map[: _NUMBERS.size] = _NUMBERS.pack(0, at, action, error, 0, 0, 0)

    def seen(self) -> Seen:
        """What the last process did."""
        begun, _, _, _, hit, commits, kept = _NUMBERS.unpack(self._map[: _NUMBERS.size])
        what = self._map[_WHAT:_PATH].split(b"\0", 1)[0].decode()
        path = os.fsdecode(self._map[_PATH:].split(b"\0", 1)[0])
        return Seen(begun, hit, commits, kept, what, path)
