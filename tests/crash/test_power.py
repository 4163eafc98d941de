"""The disk of the power cuts keeps what was synced, and nothing that was not."""

from __future__ import annotations

import random
from pathlib import Path

from tests.crash.power import SECTOR, Disk
from tests.crash.shim import Event


def played(
    folder: Path, *deeds: tuple[str, ...], data: bytes = b"", chance: random.Random | None = None
) -> dict[str, bytes]:
    """What is left of deeds such as `("write", path)` or `("rename", path, old)`."""
    before = folder / "before"
    before.mkdir(parents=True)
    (before / "old").write_bytes(b"old")
    disk = Disk(before)
    for what, path, *old in deeds:
        disk.play(Event(0, 0, True, what, path, "".join(old), 0, len(data), data))
    disk.cut(folder / "after", chance)
    return {path.name: path.read_bytes() for path in (folder / "after").rglob("*") if path.is_file()}


def test_only_what_was_synced_is_there(tmp_path: Path) -> None:
    new = (("create", "new"), ("write", "new"))
    old = {"old": b"old"}
    assert played(tmp_path / "1", *new, data=b"x") == old
    assert played(tmp_path / "2", *new, ("fsync", "new"), data=b"x") == old
    assert played(tmp_path / "3", *new, ("fsync", ""), data=b"x") == old | {"new": b""}
    assert played(tmp_path / "4", *new, ("fsync", "new"), ("fsync", ""), data=b"x") == old | {"new": b"x"}
    assert played(tmp_path / "5", ("write", "old"), data=b"new") == old
    assert played(tmp_path / "6", ("write", "old"), ("fsync", "old"), data=b"new") == {"old": b"new"}


def test_names_change_with_their_directory(tmp_path: Path) -> None:
    assert played(tmp_path / "1", ("rename", "new", "old")) == {"old": b"old"}
    assert played(tmp_path / "2", ("rename", "new", "old"), ("fsync", "")) == {"new": b"old"}
    assert played(tmp_path / "3", ("unlink", "old")) == {"old": b"old"}
    assert played(tmp_path / "4", ("unlink", "old"), ("fsync", "")) == {}


def test_of_the_rest_any_sectors_may_be_there(tmp_path: Path) -> None:
    data, seen = b"a" * SECTOR + b"b" * SECTOR, set()
    for number in range(200):
        found = played(tmp_path / str(number), ("write", "old"), data=data, chance=random.Random(number))
        seen.add(bytes(found["old"][at] for at in range(0, len(found["old"]), SECTOR)))
    assert seen == {b"o", b"a", b"ab", b"ob"}
