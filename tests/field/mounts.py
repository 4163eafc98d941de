"""Mounts for tests, where the system lets us; where not, a test is skipped with the system's reason."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def _allowed() -> None:
    if sys.platform != "linux":
        pytest.skip("mounts as Linux does")


@contextmanager
def mounted(point: Path, *arguments: str) -> Iterator[Path]:
    """`mount ARGUMENTS POINT` for the duration of the block."""
    _allowed()
    point.mkdir(exist_ok=True)
    done = subprocess.run(["mount", *arguments, str(point)], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"cannot mount: {done.stderr.strip().splitlines()[0]}")
    try:
        yield point
    finally:
        unmount(point)


def unmount(point: Path) -> None:
    subprocess.run(["umount", "-l", str(point)], capture_output=True, check=False)


class Server:
    """A file system with troubles, as long as its process lives."""

    def __init__(self, source: Path, point: Path, *options: str) -> None:
        argv = [sys.executable, "-m", "tests.field.troubled", str(source), str(point), *options]
        self.process = subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self.process.stdout is not None and self.process.stderr is not None
        if not self.process.stdout.readline():
            pytest.skip(f"cannot mount: {self.process.stderr.read().strip().splitlines()[-1]}")

    def kill(self) -> None:
        """End it without unmounting, as a network drive goes."""
        self.process.kill()
        self.process.communicate()


@contextmanager
def troubled(source: Path, point: Path, *options: str) -> Iterator[Server]:
    """`source` shown at `point` with troubles; see `tests.field.troubled` for the options."""
    _allowed()
    point.mkdir(exist_ok=True)
    server = Server(source, point, *options)
    try:
        yield server
    finally:
        unmount(point)
        server.kill()
