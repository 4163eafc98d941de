"""Disks that are read-only, full, slow, dying, gone, or blind to the case of names."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image

from mmsearch.scan import spelled
from mmsearch.search.request import SearchRequest
from mmsearch.store import Reader
from tests.e2e.conftest import Command
from tests.field.mounts import mounted, troubled
from tests.indexing.test_pipeline import Heard, counts, index

resource = pytest.importorskip("resource")
AS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0


def one_line(done: subprocess.CompletedProcess[bytes], code: int, *told: bytes) -> None:
    assert done.returncode == code, done.stderr
    assert done.stderr.startswith(b"mmsearch: error: ") and done.stderr.count(b"\n") == 1, done.stderr
    assert all(words in done.stderr for words in told), done.stderr


@contextmanager
def read_only(directory: Path) -> Iterator[Path]:
    """A directory where nothing can be written: for root, whom no permission stops, it is a read-only mount."""
    if AS_ROOT:
        with mounted(directory.with_name("read only"), "--bind", "-o", "ro", str(directory)) as point:
            yield point
        return
    folders = [Path(folder) for folder, _, _ in os.walk(directory)]
    for folder in folders:
        folder.chmod(0o555)
    try:
        yield directory
    finally:
        for folder in folders:
            folder.chmod(0o755)


def test_a_read_only_index_is_searched_and_checked_and_an_index_run_says_why_not(mixed: Command) -> None:
    mixed.report(".")
    live = mixed.index
    with read_only(live) as mixed.index:
        assert len(mixed.hits("garden")) == 6
        assert b'"problems": []' in mixed("status", "--check", "--json").stdout
        before = sorted(os.listdir(mixed.index))
        (mixed.cwd / "new.txt").write_text("a new note")
        one_line(mixed("index", "."), 2, b"the index in ", b"ead-only" if AS_ROOT else b"ermission denied")
        one_line(mixed("status", "--repair"), 2, b"the index in ")
        assert sorted(os.listdir(mixed.index)) == before
    mixed.index = live
    assert mixed.report(".")["added"] == 1


def fill(folder: Path, count: int) -> None:
    """Notes that take about a kilobyte each in the index."""
    for number in range(count):
        (folder / f"{number:04}.txt").write_text(f"note {number} " + f"of rivers and {number * 7919} " * 20)


def test_a_full_disk_is_one_line_and_room_lets_the_run_complete(mmsearch: Command, tmp_path: Path) -> None:
    fill(mmsearch.cwd, 10)
    with mounted(tmp_path / "disk", "-t", "tmpfs", "-o", "size=400k", "none") as disk:
        mmsearch.index = disk / "index"
        mmsearch.report(".")
        fill(mmsearch.cwd, 120)
        one_line(mmsearch("index", "."), 2, b"the disk is full")
        assert len(mmsearch.hits("river", "-k", "2000")) == 10
        assert b'"problems": []' in mmsearch("status", "--check", "--json").stdout
        subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
        assert mmsearch.report(".")["added"] == 110
        assert b'"problems": []' in mmsearch("status", "--check", "--json").stdout


@pytest.mark.parametrize("room", ["size=4k", "size=64k", "size=200k", "nr_inodes=3", "nr_inodes=5", "nr_inodes=8"])
def test_a_disk_that_is_full_from_the_start_is_called_full(mmsearch: Command, tmp_path: Path, room: str) -> None:
    fill(mmsearch.cwd, 30)
    with mounted(tmp_path / "disk", "-t", "tmpfs", "-o", room, "none") as disk:
        mmsearch.index = disk / "index"
        one_line(mmsearch("index", "."), 2, b"the disk is full: free some space")


@pytest.mark.parametrize("command", ["optimize", "merge", "parquet", "lance"])
def test_what_fills_the_disk_while_it_writes_is_called_full(mmsearch: Command, tmp_path: Path, command: str) -> None:
    fill(mmsearch.cwd, 60)
    mmsearch.report(".")
    with mounted(tmp_path / "disk", "-t", "tmpfs", "-o", "size=64m", "none") as disk:
        if command == "optimize":
            subprocess.run(["cp", "-r", str(mmsearch.index), str(disk / "index")], check=True)
            mmsearch.index = disk / "index"
        used = int(subprocess.check_output(["du", "-sk", str(disk)]).split()[0])
        subprocess.run(["mount", "-o", f"remount,size={used + 8}k", str(disk)], check=True)
        argv = {
            "optimize": ("index", "--optimize"),
            "merge": ("merge", str(mmsearch.index), "-o", str(disk / "index")),
            "parquet": ("export", "--to", "parquet", "-o", str(disk / "out.parquet")),
            "lance": ("export", "--to", "lance", "-o", str(disk / "out.lance")),
        }[command]
        one_line(mmsearch(*argv), 2, b"the disk is full: free some space")
    if command != "optimize":
        assert b'"problems": []' in mmsearch("status", "--check", "--json").stdout


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
@pytest.mark.parametrize("argv", [("search", "river"), ("search", "river", "--json"), ("status",), ("--help",)])
def test_output_that_finds_no_room_is_one_line(mmsearch: Command, argv: tuple[str, ...]) -> None:
    fill(mmsearch.cwd, 3)
    mmsearch.report(".")
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            mmsearch.argv(*argv), env=mmsearch.env(), stdout=full, stderr=subprocess.PIPE, check=False
        )
        one_line(done, 2, b"the output cannot be written: the disk is full")
        done = subprocess.run(
            mmsearch.argv("search", "x", "--index", "/no"), env=mmsearch.env(), stderr=full, check=False
        )
    assert done.returncode == 3


@pytest.mark.skipif(AS_ROOT, reason="root gets a full disk instead")
def test_a_limit_on_the_size_of_files_is_one_line_and_what_was_committed_stays(mmsearch: Command) -> None:
    fill(mmsearch.cwd, 10)
    mmsearch.report(".")
    fill(mmsearch.cwd, 120)
    done = subprocess.run(
        mmsearch.argv("index", "."), cwd=mmsearch.cwd, env=mmsearch.env(), capture_output=True, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)),
    )  # fmt: skip
    one_line(done, 2, b"the index in ")
    assert len(mmsearch.hits("river", "-k", "2000")) == 10
    assert b'"problems": []' in mmsearch("status", "--check", "--json").stdout
    assert mmsearch.report(".")["added"] == 110


@pytest.fixture
def source(tmp_path: Path) -> Path:
    source = tmp_path / "source"
    (source / "sub").mkdir(parents=True)
    for name in ("a.txt", "sub/b.txt", "sub/c.txt"):
        (source / name).write_text(f"a note of {name}")
    Image.effect_noise((700, 700), 90).save(source / "large.png")
    return source


def test_slow_reads_take_time_and_nothing_else(source: Path, tmp_path: Path) -> None:
    quick = counts(index(tmp_path / "quick", source))
    with troubled(source, tmp_path / "drive", "--delay", ":0.05"):
        assert counts(index(tmp_path / "slow", tmp_path / "drive", jobs=2)) == quick
        assert counts(index(tmp_path / "slow", tmp_path / "drive", jobs=2)) == {"unchanged": 4}


def test_a_file_that_hangs_in_a_worker_is_the_only_one_to_fail(source: Path, tmp_path: Path) -> None:
    heard = Heard()
    with troubled(source, tmp_path / "drive", "--delay", "large.png:2"):
        report = index(tmp_path / "index", tmp_path / "drive", jobs=1, seconds=2.5, heard=heard)
    assert (report.added, report.failed) == (3, 1)
    (reason,) = heard.failures.values()
    assert reason.startswith("gave no sign for 2.5")


@pytest.mark.parametrize("jobs", [0, 1])
def test_read_errors_cost_the_file_until_the_disk_reads_again(source: Path, tmp_path: Path, jobs: int) -> None:
    heard = Heard()
    with troubled(source, tmp_path / "drive", "--fail", "large.png:300000", "--fail", "b.txt:0"):
        report = index(tmp_path / "index", tmp_path / "drive", jobs=jobs, heard=heard)
    assert (report.added, report.failed) == (2, 2)
    assert {reason.lower() for reason in heard.failures.values()} == {"cannot be read: input/output error"}
    with troubled(source, tmp_path / "drive"):
        assert counts(index(tmp_path / "index", tmp_path / "drive", jobs=jobs)) == {
            "added": 2, "embedded": 2, "items": 2, "unchanged": 2,
        }  # fmt: skip


def test_a_drive_that_went_away_loses_nothing(source: Path, tmp_path: Path) -> None:
    """Even with `prune`: that nothing can be read there proves nothing about its files."""
    folder, heard = tmp_path / "files", Heard()
    drive = folder / "drive"
    folder.mkdir()
    (folder / "here.txt").write_text("a note that is always here")
    with troubled(source, drive) as server:
        assert index(tmp_path / "index", folder).added == 5
        server.kill()
        gone = index(tmp_path / "index", folder, heard=heard, prune=True)
        assert counts(gone) == {"unchanged": 1, "failed": 1}
        assert heard.failures == {str(drive): "transport endpoint is not connected"}
        assert counts(index(tmp_path / "index", folder, prune=True)) == {"unchanged": 1, "known_failures": 1}
    with troubled(source, drive):
        assert counts(index(tmp_path / "index", folder, prune=True)) == {"unchanged": 5}
        with Reader.open(str(tmp_path / "index")) as reader:
            assert list(reader.failures()) == []


def test_a_drive_that_is_not_plugged_in_keeps_its_files(mmsearch: Command, tmp_path: Path) -> None:
    drive = tmp_path / "drive"
    drive.mkdir()
    fill(drive, 3)
    fill(mmsearch.cwd, 1)
    assert mmsearch.report(str(drive), ".")["added"] == 4
    drive.rename(tmp_path / "unplugged")
    done = mmsearch("index", "--prune", "--json")
    assert done.returncode == 0 and b"is not there now" in done.stderr
    (tmp_path / "unplugged").rename(drive)
    report = mmsearch.report("--prune")
    assert (report["embedded"], report["removed"]) == (0, 0)


def test_a_file_renamed_in_case_alone_is_one_file(source: Path, tmp_path: Path) -> None:
    drive = tmp_path / "drive"
    with troubled(source, drive, "--caseless"):
        index(tmp_path / "index", drive)
        (source / "a.txt").rename(source / "A.TXT")
        report = index(tmp_path / "index", drive)
        assert (report.embedded, report.removed) == (0, 1)
        assert counts(index(tmp_path / "index", drive)) == {"unchanged": 4}


def test_a_folder_named_in_another_case_is_the_same_folder(source: Path, mmsearch: Command) -> None:
    drive = mmsearch.cwd / "drive"
    drive.mkdir()
    (mmsearch.cwd / "Ünique 1").mkdir()
    with troubled(source, drive, "--caseless"):
        (source / "sub" / "Straße 12").mkdir()
        for name in ("sub", "Sub", "SUB"):
            assert spelled(str(drive / name)) == str(drive / "sub")
            assert spelled(str(drive / name / "STRASSE 12")) == str(drive / "sub" / "Straße 12")
            assert spelled(str(drive / name / "new")) == str(drive / "sub" / "new")
            assert SearchRequest(inside=(str(drive / name),)).filter().folders == (str(drive / "sub"),)
        mmsearch.report(str(drive / "SUB"))
        assert json.loads(mmsearch("status", "--json").stdout)["roots"] == [str(drive / "sub")]
    assert spelled(str(mmsearch.cwd / "ünique 1")) == str(mmsearch.cwd / "ünique 1"), "a folder of its own here"


def test_a_folder_mounted_in_itself_is_walked_once(source: Path, tmp_path: Path) -> None:
    heard = Heard()
    with mounted(source / "sub" / "again", "--bind", str(source)):
        assert index(tmp_path / "index", source, heard=heard).added == 4
        assert heard.failures == {str(source / "sub" / "again"): "symbolic link loop"}
    assert counts(index(tmp_path / "index", source)) == {"unchanged": 4}
