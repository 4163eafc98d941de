"""`mmsearch merge`: what it tells, and what it refuses."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from mmsearch.store import Identity, Reader, faiss_files
from mmsearch.store.writer import Writer
from mmsearch.types import LoaderSettings
from tests.cli.running import run
from tests.store.helpers import IDENTITY, make, put


def test_indexes_are_joined_and_a_second_run_finds_nothing_to_do(tmp_path: Path) -> None:
    one, other = make(tmp_path / "one", "a", "b"), make(tmp_path / "other", "b", "c")
    done = run("merge", one, other, "-o", tmp_path / "both", "--json")
    report = done.json
    assert report.pop("seconds") >= 0
    assert (done.code, done.told) == (0, "")
    assert report == {
        "indexes": [one, other], "index": str(tmp_path / "both"), "added": 3, "changed": 0, "unchanged": 1,
        "older": 0, "reused": 0, "items": 6,
    }  # fmt: skip
    again = run("merge", one, other, "-o", tmp_path / "both")
    assert (again.code, again.out) == (0, "")
    assert again.told.startswith("mmsearch: 4 unchanged in ")


def test_paths_are_mapped_and_a_map_without_use_is_told(tmp_path: Path) -> None:
    one = make(tmp_path / "one", "a")
    done = run(
        *("merge", one, "-o", tmp_path / "both", "--map", f"/data={tmp_path}/photos", "--map", "/elsewhere=/there")
    )
    assert done.told.splitlines()[0] == "mmsearch: warning: --map /elsewhere: no path begins with it"
    with Reader.open(str(tmp_path / "both")) as reader:
        assert reader.file(str(tmp_path / "photos" / "a")) is not None
        assert reader.file("/data/a") is None


def test_a_folder_that_is_not_here_is_told_before_anything_is_joined(tmp_path: Path) -> None:
    with Writer.open(str(tmp_path / "one"), IDENTITY) as writer:
        writer.add_root("/nowhere/photos")
        put(writer, "/nowhere/photos/a", "a")
        writer.commit()
    told = run("merge", tmp_path / "one", "-o", tmp_path / "both").told.splitlines()
    assert told[0] == (
        "mmsearch: warning: /nowhere/photos is not on this machine: "
        "if its files are elsewhere here, add --map /nowhere/photos=DIR"
    )
    mapped = run("merge", tmp_path / "one", "-o", tmp_path / "mapped", "--map", f"/nowhere/photos={tmp_path}", "--json")
    assert mapped.told == ""


@pytest.mark.parametrize(
    ("args", "code", "told"),
    [
        ([], 2, "say which indexes to join"),
        (["one"], 2, "say which indexes to join"),
        (["-o", "new"], 2, "say which indexes to join"),
        (["nowhere", "-o", "new"], 3, "no index in "),
        (["one", "-o", "one"], 2, "leave it out of those to join"),
        (["one", "-o", "one/../one"], 2, "leave it out of those to join"),
        (["one", "-o", "files"], 2, "is not an index and not empty"),
        (["one", "-o", "new", "--map", "/data"], 2, "--map /data: give the old folder and the new one"),
        (["one", "-o", "new", "-o", "newer"], 2, "give -o once, not 2 times"),
        (["one", "unlike", "-o", "new"], 2, "in the first passage_chars is 1200, not 7: index one of them again"),
        (["one", "-o", "unlike"], 2, "in the first passage_chars is 7, not 1200: index one of them again"),
    ],
)
def test_what_cannot_be_joined_is_one_line_and_makes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, args: list[str], code: int, told: str
) -> None:
    make(tmp_path / "one", "a")
    unlike = Identity(IDENTITY.options, IDENTITY.fingerprint, IDENTITY.dim, IDENTITY.modalities, LoaderSettings(7))
    Writer.open(str(tmp_path / "unlike"), unlike).close()
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "photo.jpg").touch()
    monkeypatch.chdir(tmp_path)
    done = run("merge", *args)
    assert (done.code, done.out) == (code, "")
    assert told in done.told.splitlines()[-1]
    assert not (tmp_path / "new").exists()


def test_a_full_disk_is_one_line_and_what_was_committed_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = make(tmp_path / "one", "a"), make(tmp_path / "other", "b", "c")
    assert run("merge", one, "-o", tmp_path / "both").code == 0

    def full(*_: object) -> str:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(faiss_files, "_stream", full)
    done = run("merge", one, other, "-o", tmp_path / "both")
    assert done.code == 2
    assert done.told.splitlines() == [
        f"mmsearch: error: the index in {tmp_path / 'both'}: the disk is full: "
        "free some space and run it again, what was committed is kept"
    ]
    monkeypatch.undo()
    assert run("merge", one, other, "-o", tmp_path / "both", "--json").json["added"] == 2


def test_a_read_only_source_in_use_is_joined(tmp_path: Path) -> None:
    one = make(tmp_path / "one", "a")
    with Writer.open(one, IDENTITY) as writer:
        put(writer, "/data/staged", "staged")
        for path in (tmp_path / "one").rglob("*"):
            path.chmod(0o555 if path.is_dir() else 0o444)
        (tmp_path / "one").chmod(0o555)
        try:
            assert run("merge", one, "-o", tmp_path / "both", "--json").json["added"] == 1
        finally:
            (tmp_path / "one").chmod(0o755)
            for path in (tmp_path / "one").rglob("*"):
                path.chmod(0o755 if path.is_dir() else 0o644)
