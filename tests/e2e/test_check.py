"""`status --check` and `--repair` on an index that is sound, out of date, damaged, and mended."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from .conftest import Command


def vector_file(command: Command, partition: str) -> Path:
    return next((command.index / "vectors" / partition).iterdir())


def test_a_sound_index_is_told_so(mixed: Command) -> None:
    mixed.report(".")
    done = mixed("status", "--check")
    assert (done.returncode, done.stdout) == (0, b"")
    assert b"all is well" in done.stderr
    found = json.loads(mixed("status", "--check", "--json").stdout)
    assert found == {"index": str(mixed.index), "problems": [], "gone": [], "model": "ok"}
    assert b"nothing to mend" in mixed("status", "--repair").stderr


def test_files_that_are_gone_are_told_and_no_damage(mixed: Command) -> None:
    mixed.report(".")
    (mixed.cwd / "red.png").unlink()
    done = mixed("status", "--check")
    assert done.returncode == 0
    assert b"1 files are no longer there" in done.stderr and b"red.png" in done.stderr and b"--prune" in done.stderr


def test_damage_is_named_mended_and_indexed_again(mixed: Command) -> None:
    first = mixed.report(".")
    good = mixed.hits("a red circle")
    file = vector_file(mixed, "image")
    file.write_bytes(file.read_bytes()[:-9])
    done = mixed("search", "a red circle")
    assert done.returncode == 3 and b"--repair" in done.stderr and done.stderr.count(b"\n") == 1
    done = mixed("status", "--check")
    assert done.returncode == 3
    assert done.stdout.decode().splitlines() == [
        f"vectors/image/{file.name}: its bytes are not those that were written"
    ]
    assert b"--repair" in done.stderr
    done = mixed("status", "--repair", "--json")
    assert done.returncode == 0
    lost = json.loads(done.stdout)["index_again"]
    assert lost and all(Path(path).is_file() for path in lost)
    assert mixed("status", "--check").returncode == 0
    assert len(mixed.hits("a red circle")) == len(good) - len(lost), "the others are still found"
    again = mixed.report()
    assert again["added"] == len(lost) and again["unchanged"] == first["added"] - len(lost)
    assert [hit["path"] for hit in mixed.hits("a red circle")] == [hit["path"] for hit in good]


def test_what_cannot_be_mended_is_one_line(mixed: Command) -> None:
    done = mixed("status", "--repair")
    assert done.returncode == 3 and done.stderr.count(b"\n") == 1
    mixed.report(".")
    (mixed.index / "meta.sqlite").write_bytes(b"no database" * 1000)
    for option in ("--check", "--repair"):
        done = mixed("status", option)
        assert done.returncode == 3 and done.stderr.count(b"\n") == 1 and b"--rebuild" in done.stderr
    assert mixed("status", "--check", "--failures").returncode == 2
    shutil.rmtree(mixed.index)
    assert mixed("status", "--check").returncode == 3
