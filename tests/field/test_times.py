"""Clocks that go back, stand in the past or run far ahead: a file's time is only ever compared, never believed."""

from __future__ import annotations

import os
import shutil
from datetime import datetime
from pathlib import Path

import pytest

from mmsearch.search.staleness import staleness
from mmsearch.store import Filter, Reader
from mmsearch.types import EARLIEST_NS, LATEST_NS
from tests.field.test_changing_files import look
from tests.indexing.test_pipeline import Hashing, counts, index

TIMES = {
    "long before": -(10**19),
    "1901": -(2**31) * 10**9,
    "just before 1970": -1,
    "1970": 0,
    "2100": 4_102_444_800 * 10**9,
    "the last that a database keeps": LATEST_NS,
    "just after": LATEST_NS + 1,
    "2400": 13_569_465_600 * 10**9,
    "long after": 3 * 10**19,
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A note for each time; a file system takes what it can."""
    folder = tmp_path / "files"
    folder.mkdir()
    for name, ns in TIMES.items():
        path = folder / f"{name}.txt"
        path.write_text(f"a note of {name}")
        try:
            os.utime(path, ns=(ns, ns))
        except OverflowError:
            path.unlink()
    return folder


def test_files_of_any_time_are_indexed_once_and_are_not_stale(folder: Path, tmp_path: Path) -> None:
    there = {str(path) for path in folder.iterdir()}
    assert counts(index(tmp_path / "index", folder))["added"] == len(there)
    look(tmp_path / "index", there, exact=True)
    assert counts(index(tmp_path / "index", folder)) == {"unchanged": len(there)}
    model = Hashing()
    with Reader.open(str(tmp_path / "index")) as reader:
        hits = reader.search(model.row(b"x"), "text", 100)
        places = [place for at in reader.locate([item for item, _ in hits]).values() for place in at]
        assert [staleness(place) for place in places] == [False] * len(there)


@pytest.mark.parametrize("moment", [datetime.min, datetime(1600, 1, 1), datetime(2300, 1, 1), datetime.max])
def test_a_filter_takes_any_date(folder: Path, tmp_path: Path, moment: datetime) -> None:
    index(tmp_path / "index", folder)
    there = {str(path) for path in folder.iterdir()}
    row = Hashing().row(b"x")
    with Reader.open(str(tmp_path / "index")) as reader:
        after, before = (
            {place.item.path for item, _ in reader.search(row, "text", 100, where)
             for place in reader.locate([item], where)[item]}
            for where in (Filter(after=moment), Filter(before=moment))
        )  # fmt: skip
        assert after | before == there and not after & before
        assert moment.year > 1970 or str(folder / "2100.txt") in after


def test_the_kept_times_are_the_ends_of_what_a_database_can_hold() -> None:
    assert (EARLIEST_NS, LATEST_NS) == (-(2**63), 2**63 - 1)


def test_a_clock_that_goes_back_hides_no_change(tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    path = folder / "a.txt"
    path.write_text("the first text")
    index(tmp_path / "index", folder)
    for days, text in ((-400, "an older one, as long as the next"), (-800, "a still older one, as long as it is")):
        path.write_text(text)
        moved = path.stat().st_mtime_ns + days * 86_400 * 10**9
        os.utime(path, ns=(moved, moved))
        assert counts(index(tmp_path / "index", folder)) == {"changed": 1, "embedded": 1, "items": 1}
        look(tmp_path / "index", {str(path)}, exact=True)


def test_an_old_file_restored_over_a_newer_one_is_read(tmp_path: Path) -> None:
    folder, backup = tmp_path / "files", tmp_path / "backup.txt"
    folder.mkdir()
    backup.write_text("from the backup")
    os.utime(backup, (1_000_000_000, 1_000_000_000))
    (folder / "a.txt").write_text("since edited!!!")
    index(tmp_path / "index", folder)
    shutil.copy2(backup, folder / "a.txt")
    assert index(tmp_path / "index", folder).changed == 1
    look(tmp_path / "index", {str(folder / "a.txt")}, exact=True)
