"""When an update is due: after files have been left alone, and for how much."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from mmsearch.scan import watch
from mmsearch.scan.watch import Settled, Watcher


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "QUIET_SECONDS", 0.4)
    monkeypatch.setattr(watch, "LONGEST_SECONDS", 1.2)
    monkeypatch.setattr(watch, "TICK_MS", 100)
    monkeypatch.setattr(watch, "GATHER_MS", 50)


def begun(folder: Path, *more: Path, hidden: bool = False) -> Iterator[Settled]:
    """The updates after the first one."""
    roots = [str(one) for one in (folder, *more)]
    updates = Watcher(roots, str(folder / "index"), hidden, pytest.fail).updates()
    assert next(updates) == Settled(roots, frozenset())
    return updates


def after(seconds: float, path: Path) -> None:
    """Write a file in a moment."""
    threading.Timer(seconds, lambda: path.write_text("something")).start()


@pytest.mark.usefixtures("quick")
def test_a_file_that_is_still_written_does_not_hold_up_the_others(tmp_path: Path) -> None:
    updates = begun(tmp_path)
    ended = threading.Event()

    def write() -> None:
        with open(tmp_path / "busy.log", "w", encoding="utf-8") as file:
            while not ended.wait(0.1):
                file.write("line\n")
                file.flush()

    writer = threading.Thread(target=write)
    writer.start()
    (tmp_path / "done.txt").write_text("done")
    try:
        assert next(updates).busy == {str(tmp_path / "busy.log")}
    finally:
        ended.set()
        writer.join()
    assert next(updates).busy == frozenset()


@pytest.mark.usefixtures("quick")
def test_only_what_matters_is_heard(tmp_path: Path) -> None:
    folder, other = tmp_path / "notes", tmp_path / "photos"
    for one in (folder / "index", folder / ".git" / "info", other):
        one.mkdir(parents=True)
    updates = begun(folder, other)
    (folder / "index" / "meta.sqlite").write_text("ours")
    (folder / ".git" / "HEAD").write_text("hidden")
    after(1.5, other / "a.jpg")
    assert next(updates).roots == [str(other)]
    after(0.1, folder / ".git" / "info" / "exclude")
    assert next(updates).roots == [str(folder)]


@pytest.mark.usefixtures("quick")
@pytest.mark.skipif(os.name != "posix", reason="names are bytes on POSIX only")
def test_a_name_that_is_not_utf8_is_heard_of_too(tmp_path: Path) -> None:
    updates = begun(tmp_path)
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.txt")).write_text("odd")
    assert next(updates).roots == [str(tmp_path)]
    (tmp_path / "plain.txt").write_text("and on it goes")
    assert next(updates).roots == [str(tmp_path)]


@pytest.mark.usefixtures("quick")
def test_a_folder_that_goes_and_comes_again_is_watched_again(tmp_path: Path) -> None:
    folder = tmp_path / "drive"
    folder.mkdir()
    updates = begun(folder)
    folder.rename(tmp_path / "elsewhere")
    assert next(updates).roots == [str(folder)]
    threading.Timer(0.5, folder.mkdir).start()
    assert next(updates).roots == [str(folder)]
    after(0.5, folder / "a.txt")
    assert next(updates).roots == [str(folder)]


@pytest.mark.usefixtures("quick")
def test_without_notifications_folders_are_gone_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHFILES_FORCE_POLLING", "1")
    monkeypatch.setattr(watch, "POLL_MS", 200)
    updates = begun(tmp_path)
    after(0.3, tmp_path / "a.txt")
    assert next(updates).roots == [str(tmp_path)]
