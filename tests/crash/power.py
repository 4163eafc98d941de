"""What a power cut leaves: a disk that keeps only what was synced, or that and some of the rest.

A process that is killed leaves all that it has written; the system writes it to the disk in its own time. So no kill
can tell whether a sync is missing. Here the trace of a run is played onto a model of the disk, which is cut off after
any event. Contents are durable when their file was synced, names when their directory was.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.crash.shim import Event

SECTOR = 512
"""What a disk writes as a whole."""
Names = dict[str, "File | None"]
"""By path; None is a directory."""


@dataclass(eq=False)
class File:
    """What a file holds on the disk, and what was done to it since it was synced."""

    durable: bytearray = field(default_factory=bytearray)
    pending: list[tuple[int, bytes | None]] = field(default_factory=list)
    """Offset and bytes of writes; None cuts the file to that length, or extends it."""

    def sync(self) -> None:
        for change in self.pending:
            _apply(self.durable, *change)
        self.pending.clear()

    def after_cut(self, keep: Callable[[], bool]) -> bytes:
        """What is there when each sector that was not synced has got to the disk or not."""
        found = bytearray(self.durable)
        for offset, data in self.pending:
            if data is None:
                if keep():
                    _apply(found, offset, None)
                continue
            start = 0
            while start < len(data):
                stop = min(len(data), start + SECTOR - (offset + start) % SECTOR)
                if keep():
                    _apply(found, offset + start, data[start:stop])
                start = stop
        return bytes(found)


def _apply(content: bytearray, offset: int, data: bytes | None) -> None:
    end = offset + len(data or b"")
    if len(content) < end:
        content.extend(bytes(end - len(content)))
    if data is None:
        del content[offset:]
    else:
        content[offset:end] = data


class Disk:
    """A directory on a disk, as its user sees it and as it would be found after a power cut."""

    def __init__(self, before: Path) -> None:
        """All that lies in `before`, which need not exist, is durable."""
        self._now: Names = {}
        for path in sorted(before.rglob("*")):
            name = path.relative_to(before).as_posix()
            self._now[name] = None if path.is_dir() else File(bytearray(path.read_bytes()))
        if before.exists():
            self._now[""] = None
        self._durable = dict(self._now)
        self._pending: list[tuple[str, str, File | None, bool]] = []

    def play(self, event: Event) -> None:
        """Do what was done."""
        if event.done:
            getattr(self, f"_{event.what}")(event)

    def _file(self, path: str) -> File:
        found = self._now[path]
        assert found is not None, path
        return found

    def _write(self, event: Event) -> None:
        assert event.offset >= 0 and len(event.data) == event.size
        self._file(event.path).pending.append((event.offset, event.data))

    def _ftruncate(self, event: Event) -> None:
        self._file(event.path).pending.append((event.offset, None))

    def _open(self, event: Event) -> None:
        if event.offset:
            self._file(event.path).pending.append((0, None))

    def _create(self, event: Event) -> None:
        self._name(event.path, File())

    def _mkdir(self, event: Event) -> None:
        self._name(event.path, None)
        if not event.path:  # whether its own name is synced is not to be seen from below it
            self._settle(self._durable, self._pending.pop())

    def _rename(self, event: Event) -> None:
        file = self._now[event.old]
        self._name(event.path, file)
        self._unname(event.old)

    def _unlink(self, event: Event) -> None:
        self._unname(event.path)

    def _fsync(self, event: Event) -> None:
        if (file := self._now[event.path]) is not None:
            file.sync()
            return
        left = []
        for change in self._pending:
            if os.path.dirname(change[0]) == event.path and change[0]:
                self._settle(self._durable, change)
            else:
                left.append(change)
        self._pending = left

    def _name(self, path: str, file: File | None) -> None:
        self._now[path] = file
        self._pending.append((path, "there", file, True))

    def _unname(self, path: str) -> None:
        file = self._now.pop(path)
        self._pending.append((path, "gone", file, False))

    @staticmethod
    def _settle(names: Names, change: tuple[str, str, File | None, bool]) -> None:
        path, _, file, there = change
        if there:
            names[path] = file
        else:
            names.pop(path, None)

    def contents(self) -> dict[str, bytes]:
        """All files as their user sees them."""
        return {path: file.after_cut(lambda: True) for path, file in self._now.items() if file is not None}

    def cut(self, folder: Path, chance: random.Random | None = None) -> None:
        """Put into `folder` what a cut leaves now: what was synced, or with `chance` some of the rest, too.

        Names get to the disk in the order in which they were made, as a journal keeps them; bytes in any.
        """
        names, share = dict(self._durable), chance.random() if chance else 0.0
        for change in self._pending[: round(share * len(self._pending))]:
            self._settle(names, change)
        keep = (lambda: chance.random() < share) if chance else (lambda: False)
        for path in sorted(names):
            if any(parent not in names for parent in _parents(path)):
                continue  # what lies in a directory that is not there
            file = names[path]
            if file is None:
                (folder / path).mkdir(parents=True, exist_ok=True)
            else:
                (folder / path).write_bytes(file.after_cut(keep))


def _parents(path: str) -> list[str]:
    """The directories above, the outermost being the empty path."""
    parts = path.split("/")[:-1] if path else []
    return ["/".join(parts[:count]) for count in range(len(parts) + 1)] if path else []
