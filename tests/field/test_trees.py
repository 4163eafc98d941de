"""Trees that nobody would make on purpose: names of every byte, paths of 4,000 bytes, 200,000 files in one folder."""

from __future__ import annotations

import json
import os
import sys
import time
import unicodedata
from pathlib import Path

import pytest

from mmsearch import scan
from mmsearch.store import Reader
from tests.e2e.conftest import Command
from tests.field.test_changing_files import look
from tests.indexing.test_pipeline import Heard, counts, index

posix_only = pytest.mark.skipif(os.name == "nt", reason="POSIX takes names that Windows does not")
MANY = 200_000


@posix_only
@pytest.mark.skipif(sys.platform == "darwin", reason="only UTF-8 names there")
def test_a_name_may_hold_every_byte(mmsearch: Command) -> None:
    folder = os.fsencode(mmsearch.cwd)
    names = {b"a" + bytes([byte]) + b"z.txt" for byte in range(1, 256) if byte != ord("/")}
    for name in names:
        with open(folder + b"/" + name, "wb") as file:
            file.write(b"a note of byte %d" % name[1])
    assert mmsearch.report(".")["added"] == 254
    told = mmsearch("search", "note", "-l", "-0", "-k", "1000").stdout.split(b"\0")[:-1]
    assert {os.path.basename(path) for path in told} == names
    assert all(os.path.exists(os.path.join(folder, path)) for path in told)
    listed = {os.fsencode(os.path.basename(hit["path"])) for hit in mmsearch.hits("note", "-k", "1000")}
    assert listed == names
    table = mmsearch("search", "note", "-k", "1000").stdout
    assert not set(range(32)) - {10} & set(table) and b"\x7f" not in table
    done = mmsearch("index", "--json", "--files-from", "-", "-0", stdin=b"\0".join(sorted(names)))
    assert json.loads(done.stdout)["unchanged"] == 254


@posix_only
def test_a_path_of_4000_bytes_is_a_path_like_any_other(mmsearch: Command) -> None:
    here, path = os.open(mmsearch.cwd, os.O_RDONLY), os.fsencode(mmsearch.cwd)
    while len(path) < 4000 - 220:
        name = b"d" * min(200, 4000 - 220 - len(path))
        os.mkdir(name, dir_fd=here)
        below = os.open(name, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here, path = below, path + b"/" + name
    name = b"n" * (4000 - len(path) - len(b"/.txt")) + b".txt"
    path += b"/" + name
    with open(os.open(name, os.O_CREAT | os.O_WRONLY, dir_fd=here), "w") as file:
        file.write("a note at the end of a long way")
    os.close(here)
    assert len(path) == 4000
    assert mmsearch.report(".")["added"] == 1
    (hit,) = mmsearch.hits("long way")
    assert (os.fsencode(hit["path"]), hit["stale"]) == (path, False)
    assert mmsearch.report(".")["unchanged"] == 1
    assert mmsearch("search", "long way", "-l", "-0").stdout == path + b"\0"


@posix_only
def test_names_that_look_the_same_are_different_files_where_the_disk_says_so(tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    names = {"note.txt", "NOTE.txt", "Note.TXT", "café.txt", unicodedata.normalize("NFD", "café.txt"), "straße.txt"}
    for name in sorted(names):
        (folder / name).write_text(f"a note of {name!a}")
    there = {str(path) for path in folder.iterdir()}
    if len(there) < len(names):
        pytest.skip("to this file system some of these names are the same")
    index(tmp_path / "index", folder)
    look(tmp_path / "index", there, exact=True)
    (folder / "NOTE.txt").unlink()
    assert counts(index(tmp_path / "index", folder)) == {"unchanged": 5, "removed": 1}
    (folder / "note.txt").unlink()
    assert counts(index(tmp_path / "index", folder)) == {"unchanged": 4, "removed": 1}


@posix_only
def test_hard_links_are_read_once_and_follow_one_another(tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "a.txt").write_text("a note about rivers")
    for name in ("b.txt", "c.txt"):
        os.link(folder / "a.txt", folder / name)
    report = index(tmp_path / "index", folder)
    assert (report.added, report.embedded, report.reused) == (3, 1, 2)
    with open(folder / "b.txt", "a") as file:
        file.write(", and about bridges")
    report = index(tmp_path / "index", folder)
    assert (report.changed, report.embedded, report.reused) == (3, 1, 2)
    (folder / "a.txt").unlink()
    index(tmp_path / "index", folder)
    look(tmp_path / "index", {str(folder / "b.txt"), str(folder / "c.txt")}, exact=True)


@posix_only
def test_folders_that_link_to_each_other_are_left_again(tmp_path: Path) -> None:
    folder = tmp_path / "files"
    for name in "abc":
        (folder / name).mkdir(parents=True)
        (folder / name / "note.txt").write_text(f"a note in {name}")
        for other in {*"abc"} - {name}:
            (folder / name / other).symlink_to(f"../{other}")
    heard = Heard()
    report = index(tmp_path / "index", folder, scan=scan.ScanOptions(follow=True), heard=heard)
    assert (report.embedded, report.added) == (3, 15), "each by every way that meets no folder twice"
    assert set(heard.failures.values()) == {"symbolic link loop"}
    assert index(tmp_path / "without", folder).added == 3


@posix_only
def test_a_folder_that_can_be_entered_again_is_no_failure_any_more(tmp_path: Path) -> None:
    folder = tmp_path / "files"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.txt").write_text("a note")
    (folder / "sub" / "loop").symlink_to("loop")
    assert counts(index(tmp_path / "index", folder)) == {"added": 1, "embedded": 1, "items": 1, "failed": 1}
    (folder / "sub" / "loop").unlink()
    (folder / "sub" / "loop").mkdir()
    assert counts(index(tmp_path / "index", folder)) == {"unchanged": 1}
    with Reader.open(str(tmp_path / "index")) as reader:
        assert list(reader.failures()) == []


def crowd(folder: Path, count: int) -> None:
    folder.mkdir()
    for number in range(count):
        os.close(os.open(f"{folder}/{number:06}.txt", os.O_CREAT | os.O_WRONLY))


def test_200000_files_in_one_folder_are_listed_in_order_before_all_are_seen(tmp_path: Path) -> None:
    shared = Path("/dev/shm")
    folder = (shared if os.access(shared, os.W_OK) else tmp_path) / f"mmsearch-crowd-{os.getpid()}"
    try:
        crowd(folder, MANY)
        began = time.perf_counter()
        runs = [run for run in scan.runs(str(folder), scan.ScanOptions()) if isinstance(run, scan.Run)]
        took = time.perf_counter() - began
        paths = [path for run in runs for path in run.paths]
        assert len(paths) == MANY and paths == sorted(paths)
        assert max(len(run.paths) for run in runs) < MANY / 50
        assert took < 30, f"{took:.1f} s"
    finally:
        for name in os.listdir(folder):
            os.unlink(folder / name)
        folder.rmdir()


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_200000_files_in_one_folder_are_indexed(mmsearch: Command) -> None:
    for number in range(MANY):
        (mmsearch.cwd / f"{number:06}.txt").write_text(f"note {number % 500} about rivers")
    report = mmsearch.report(".")
    assert (report["added"], report["embedded"], report["reused"]) == (MANY, 500, MANY - 500)
    assert mmsearch.report(".")["unchanged"] == MANY
    assert len(mmsearch.hits("river", "-k", "3")) == 3
    assert mmsearch("status", "--check").returncode == 0
