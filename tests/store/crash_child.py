"""Run by test_crash.py in a process of its own: forks children that change an index and die in the middle of it.

FAISS is imported but never used before the forks, so no child inherits threads of it.
"""

from __future__ import annotations

import itertools
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any

import faiss  # noqa: F401

from mmsearch.store import compaction
from mmsearch.store.writer import Writer
from tests.store.helpers import IDENTITY, put


def script(directory: str, log: int) -> None:
    """Commits of every kind for as long as it is let live; tells `log` of each that has returned."""
    with Writer.open(directory, IDENTITY, timeout=30) as writer:
        first = len(list(writer.paths_under("/new")))
        for number in range(first, first + 1000):
            step(writer, number)
            os.write(log, f"{number}\n".encode())


def step(writer: Writer, number: int) -> None:
    """Commit number `number`: a new file, a copy under a fixed name, and a fixed file that is edited each time."""
    put(writer, f"/new/{number:05}", f"n{number}")
    put(writer, "/same/copy", f"n{number}")
    put(writer, "/same/edited", f"e{number}", mtime_ns=number)
    writer.commit()


TOUCHING = {"execute", "close", "open", "write", "flush", "fsync", "fcntl", "flock", "replace", "unlink", "mkdir"}
"""Calls after which the disk may look different than before."""


def die_at(event: int, action: Callable[[], None]) -> None:
    """Run `action`; SIGKILL ends the process right before the given one of the calls that touch the disk."""
    seen = 0

    def count(frame: FrameType, kind: str, argument: Any) -> None:
        nonlocal seen
        if kind == "c_call" and argument.__name__ in TOUCHING:
            seen += 1
            if seen == event:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(count)
    action()
    sys.setprofile(None)


def forked(action: Callable[[], None]) -> int:
    """The process id of a child that runs `action` and ends."""
    child = os.fork()
    if child == 0:
        try:
            action()
            os._exit(0)
        except BaseException as error:
            os.write(2, f"{type(error).__name__}: {error}\n".encode())
            os._exit(1)
    return child


def kill_at_random(directory: str, log: str, times: int) -> None:
    """Let the script run again and again, each time killed after a random while."""
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    chance = random.Random(7)
    for _ in range(times):
        child = forked(lambda: script(directory, handle))
        while not os.fstat(handle).st_size:  # on a busy machine the first commit may take longer than all these whiles
            time.sleep(0.02)
        time.sleep(chance.uniform(0.02, 0.4))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status), f"the script ended by itself: {status}"


def kill_everywhere(folder: str, stride: int) -> None:
    """A copy of one index for every `stride`-th call in which a commit that also merges touches the disk.

    The writer of each copy is killed at its call. The last copy's writer came through.
    """
    compaction.MOST_SEGMENTS = 2

    def prepare() -> None:
        with Writer.open(os.path.join(folder, "before"), IDENTITY) as writer:
            step(writer, 0)
            step(writer, 1)

    def change(directory: str) -> None:
        with Writer.open(directory, IDENTITY) as writer:
            step(writer, 2)
            step(writer, 3)

    os.waitpid(forked(prepare), 0)
    for event in itertools.count(1, stride):
        directory = os.path.join(folder, f"{event:04}")
        shutil.copytree(os.path.join(folder, "before"), directory)
        child = forked(partial(die_at, event, partial(change, directory)))
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status):
            sys.exit(status)


if __name__ == "__main__":
    if sys.argv[1] == "random":
        kill_at_random(sys.argv[2], sys.argv[3], int(sys.argv[4]))
    else:
        kill_everywhere(sys.argv[2], int(sys.argv[3]))
