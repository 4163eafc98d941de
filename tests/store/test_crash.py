"""Whatever instant a writer is killed at, the last commit is there, whole, and nothing else."""

from __future__ import annotations

import itertools
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from mmsearch.errors import MmsearchError
from mmsearch.store import Reader
from mmsearch.store.writer import Writer
from tests.store.crash_child import step
from tests.store.helpers import IDENTITY, found_paths, make, put, staged, vector_files

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")


def child(*arguments: str) -> None:
    command = [sys.executable, "-m", "tests.store.crash_child", *arguments]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    subprocess.run(command, cwd=Path(__file__).parents[2], env=environment, check=True, timeout=120)


def commits(directory: str) -> int:
    """How many of the script's commits are in the index, after making sure that they are there whole."""
    with Reader.open(directory) as reader:
        assert list(reader.problems()) == []
        counts, status = reader.counts(), reader.status()
        number = status.files["ok"] - 2
        assert status.files == {"ok": number + 2} and status.missing == 0
        assert counts == {"image": number + 1, "text": number + 1}
        last = f"n{number - 1}"
        assert found_paths(reader, last) == [f"/new/{number - 1:05}", "/same/copy"]
        assert found_paths(reader, f"e{number - 1}", partition="text") == ["/same/edited"]
        for earlier in {0, number // 2} - {number - 1}:
            assert found_paths(reader, f"n{earlier}") == [f"/new/{earlier:05}"]
            assert found_paths(reader, f"e{earlier}") == []
    return number


def resume(directory: str) -> None:
    """The next writer goes on, and nothing is left lying about."""
    number = commits(directory)
    with Writer.open(directory, IDENTITY, timeout=5) as writer:
        step(writer, number)
    assert commits(directory) == number + 1
    db = sqlite3.connect(os.path.join(directory, "meta.sqlite"))
    assert vector_files(directory) == {name for (name,) in db.execute("SELECT name FROM segments")}
    assert db.execute("SELECT 1 FROM items GROUP BY segment_id, row HAVING count(*) > 1").fetchall() == []
    assert db.execute("SELECT 1 FROM items GROUP BY content_id, ordinal HAVING count(*) > 1").fetchall() == []
    db.close()
    assert set(os.listdir(directory)) <= {"meta.sqlite", "meta.sums", "vectors", "write.lock"}


def test_writer_killed_at_random_keeps_every_commit_that_returned(tmp_path: Path) -> None:
    directory, log = str(tmp_path / "index"), tmp_path / "log"
    child("random", directory, str(log), "10")
    returned = [int(line) for line in log.read_text().split()]
    assert returned == sorted(set(returned))
    assert commits(directory) >= max(returned) + 1
    resume(directory)


def test_writer_killed_before_any_touch_of_the_disk_leaves_a_whole_commit(tmp_path: Path) -> None:
    child("everywhere", str(tmp_path), "11")
    copies = sorted(path for path in tmp_path.iterdir() if path.name != "before")
    assert len(copies) > 20
    seen = set()
    for copy in copies:
        seen.add(commits(str(copy)))
        resume(str(copy))
    assert seen == {2, 3, 4}


def interrupted(event: int, action: Callable[[], None]) -> bool:
    """Run `action`, with Ctrl-C right after the given one of its statements and renames; whether it got there."""
    seen = 0

    def count(frame: FrameType, kind: str, argument: Any) -> None:
        nonlocal seen
        if kind == "c_return" and argument.__name__ in {"execute", "replace"}:
            seen += 1
            if seen == event:
                raise KeyboardInterrupt

    sys.setprofile(count)
    try:
        action()
    except KeyboardInterrupt:
        return True
    finally:
        sys.setprofile(None)
    return False


def test_commit_can_be_repeated_after_ctrl_c_anywhere_in_it(tmp_path: Path) -> None:
    for event in itertools.count(1):
        root = tmp_path / str(event)
        directory = str(root / ".mmsearch")
        with Writer.open(directory, IDENTITY) as writer:
            put(writer, str(root / "old"), "old")
            writer.commit()

            put(writer, str(root / "old"), "new")
            put(writer, str(root / "copy"), "new")

            def change(writer: Writer = writer, root: Path = root) -> None:
                writer.add_root(str(root))
                writer.commit()

            stopped = interrupted(event, change)
            change()
        with Reader.open(directory) as reader:
            assert list(reader.problems()) == [] and reader.counts() == {"image": 1, "text": 1}
            assert found_paths(reader, "new") == [str(root / "copy"), str(root / "old")]
            assert reader.status().files == {"ok": 2}
        if not stopped:
            assert event > 20
            return


def test_full_disk_leaves_the_last_commit_and_the_staged(tmp_path: Path) -> None:
    import resource
    import signal

    directory = make(tmp_path / "index", "a")
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # Python ignores it already, unless it is embedded
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        with Writer.open(directory, IDENTITY) as writer:
            for number in range(1000):
                put(writer, f"/data/{number}", f"d{number}")
            resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
            with pytest.raises(MmsearchError):
                writer.commit()
            assert staged(writer) == 2000
            with Reader.open(directory) as reader:
                assert reader.status().files == {"ok": 1} and found_paths(reader, "a") == ["/data/a"]
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
            writer.commit()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert not [name for name in vector_files(directory) if name.endswith(".tmp")]
    with Reader.open(directory) as reader:
        assert reader.counts() == {"image": 1001, "text": 1001} and list(reader.problems()) == []
