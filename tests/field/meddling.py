"""Acts on a file at the very moment when this process is about to open it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.media.make_pdf import pdf


@dataclass
class _Trap:
    path: str = ""
    left: int = 0
    act: Callable[[], None] | None = None


_trap = _Trap()
_installed: list[bool] = []


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if event != "open" or _trap.act is None or arguments[0] != _trap.path:
        return
    _trap.left -= 1
    if not _trap.left:
        act, _trap.act = _trap.act, None
        act()


@contextmanager
def before_open(path: Path, number: int, act: Callable[[], None]) -> Iterator[Callable[[], bool]]:
    """Act before this process opens a file for the `number`th time; yields whether it has come to that."""
    if not _installed:
        sys.addaudithook(_watch)  # for good: there is no way to remove one
        _installed.append(True)
    _trap.path, _trap.left, _trap.act = str(path), number, act
    try:
        yield lambda: _trap.act is None
    finally:
        _trap.act = None


def vanish(path: Path) -> None:
    path.unlink()


def change(path: Path) -> None:
    """Another content of the same kind, of another length."""
    text = f"something else, longer than before: {'x' * path.stat().st_size}"
    path.write_bytes(pdf([text]) if path.suffix == ".pdf" else text.encode())


def grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more and more\n" * 100)


def empty(path: Path) -> None:
    os.truncate(path, 0)


def become_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "inside.txt").write_text("a note in what had been a file")


def become_fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def become_loop(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.name)


ALL = (vanish, change, grow, empty, become_folder, become_fifo, become_loop)
