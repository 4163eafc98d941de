"""`index --watch`: the real command keeps up with what happens in its folders."""

from __future__ import annotations

import json
import queue
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from .conftest import NOTES, Command

COUNTS = ("added", "changed", "removed", "reused", "failed")


class Watching:
    """The command, and the lines that it prints."""

    def __init__(self, command: Command, *args: str, before: tuple[str, ...] = ()) -> None:
        self.process = subprocess.Popen(
            [*before, *map(str, command.argv("index", ".", "--watch", "--json", *args))],
            cwd=command.cwd,
            env=command.env(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self._lines: queue.Queue[bytes] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)

    def update(self, seconds: float = 60) -> dict[str, int]:
        """What the next update did, without zeros."""
        told: dict[str, Any] = json.loads(self._lines.get(timeout=seconds))
        assert "at" in told
        return {name: told[name] for name in COUNTS if told[name]}

    def total(self, wanted: int) -> dict[str, int]:
        """All updates together until so many files were added."""
        sums = dict.fromkeys(COUNTS, 0)
        while sums["added"] < wanted:
            for name, count in self.update().items():
                sums[name] += count
        return {name: count for name, count in sums.items() if count}

    def nothing(self, seconds: float) -> None:
        with pytest.raises(queue.Empty):
            self._lines.get(timeout=seconds)

    def end(self) -> str:
        """Ctrl-C: what it has said on stderr."""
        self.process.send_signal(signal.SIGINT)
        _, stderr = self.process.communicate(timeout=60)
        assert self.process.returncode == 0
        assert b"Traceback" not in stderr
        return stderr.decode()


@contextmanager
def watching(command: Command, *args: str, before: tuple[str, ...] = ()) -> Iterator[Watching]:
    started = Watching(command, *args, before=before)
    try:
        yield started
    finally:
        started.process.kill()
        started.process.wait()


@pytest.fixture
def notes(mmsearch: Command) -> Command:
    """Notes with the index among them."""
    for name, text in NOTES.items():
        (mmsearch.cwd / name).write_text(text)
    return Command(mmsearch.cwd, mmsearch.cwd / "index")


def test_what_is_new_renamed_or_gone_is_known_soon(notes: Command) -> None:
    here = notes.cwd
    (here / ".mmsearchignore").write_text("drafts/\n")
    (here / "drafts").mkdir()
    (here / "drafts" / "draft.txt").write_text("A first draft about lighthouses.")
    with watching(notes) as watch:
        assert watch.update() == {"added": 3}
        (here / "garden.txt").rename(here / "vegetables.txt")
        (here / "bike.md").unlink()
        (here / "trip.html").write_text("<p>A new text about mountains.</p>")
        (here / "new" / "deep").mkdir(parents=True)
        (here / "new" / "deep" / "boat.txt").write_text("How to paint a boat.")
        assert watch.update() == {"added": 2, "changed": 1, "removed": 2, "reused": 1}
        (here / ".mmsearchignore").unlink()
        assert watch.update() == {"added": 1}
        for number in range(1000):
            (here / "new" / f"{number}.txt").write_text(f"Note {number % 20} of many.")
        assert watch.total(1000) == {"added": 1000, "reused": 980}
        watch.nothing(2.0)  # the index itself lies in the folder
        assert [hit["path"] for hit in notes.hits("paint a boat", "-k1")] == [str(here / "new" / "deep" / "boat.txt")]
        assert notes.report("--prune")["removed"] == 2, "another writer gets its turn"
        assert "Ctrl-C ends it" in watch.end()


def test_a_file_is_read_when_it_has_been_written(notes: Command) -> None:
    with watching(notes) as watch:
        watch.update()
        with open(notes.cwd / "long.txt", "w", encoding="utf-8") as file:
            for number in range(12):
                file.write(f"Chapter {number}: of ships and their captains.\n")
                file.flush()
                time.sleep(0.25)
        assert watch.update() == {"added": 1}
        watch.nothing(1.5)
        watch.end()
    assert notes.hits("Chapter 11", "--mode", "lexical", "-k1")[0]["path"].endswith("long.txt")


def test_where_the_system_watches_no_more_folders_it_says_so_and_goes_on(notes: Command) -> None:
    limited = ("unshare", "-Ur", "sh", "-c", 'echo 1 > /proc/sys/user/max_inotify_watches && exec "$@"', "sh")
    if not shutil.which("unshare") or subprocess.run([*limited, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this system does not let a test lower its limit of watched folders")
    for number in range(4):
        (notes.cwd / f"folder{number}").mkdir()
    with watching(notes, before=limited) as watch:
        assert watch.update() == {"added": 3}
        (notes.cwd / "folder3" / "later.txt").write_text("Something new.")
        assert watch.update() == {"added": 1}
        assert watch.end().count("instead, which is slower") == 1


@pytest.mark.parametrize(
    ("argv", "told"),
    [(["--dry-run"], b"--dry-run"), (["--files-from", "-"], b"--files-from"), ([], b"mmsearch index ~/Pictures")],
)
def test_what_cannot_be_watched_is_bad_usage(mmsearch: Command, argv: list[str], told: bytes) -> None:
    done = mmsearch("index", "--watch", *argv)
    assert done.returncode == 2
    assert told in done.stderr
