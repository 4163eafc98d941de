"""What the driver makes of shards, with the stages run in this process: no Ray is needed for that."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from mmsearch.errors import IndexDamaged, MmsearchError
from mmsearch.extras.ray import Folder
from mmsearch.extras.ray.shards import Damaged
from mmsearch.indexing.pipeline import IndexOptions
from mmsearch.indexing.pool import Limits

from .running import Here, assert_same, clustered, contents, counts, fill, local
from .s3 import serving

pytest.importorskip("pyarrow")
ROOT = Path(__file__).parents[3]


class Killed(BaseException):
    """The end of a driver."""


def of_every_kind(folder: Path) -> Path:
    """A few files of the sample corpus, among them a sheet of several pictures and a film of several shots."""
    folder.mkdir()
    films = sorted((ROOT / "sample_corpus" / "videos").iterdir(), key=lambda path: path.stat().st_size)[:1]
    chosen = ("documents/menu.pdf", "notes/bike_care.md", "sounds/melody.flac", "pictures/contact_sheet.jpg")
    for path in [*films, *(ROOT / "sample_corpus" / name for name in chosen)]:
        shutil.copy(path, folder)
    return folder


def dies_after(shards: int) -> Any:
    """Has the run end when so many shards are written, before the driver hears of the last one."""
    seen: list[Any] = []

    def before(row: Any) -> None:
        seen.append(row)
        if len(seen) == shards:
            raise Killed

    return before


def test_files_of_every_kind_give_what_a_local_run_gives(tmp_path: Path) -> None:
    corpus = str(of_every_kind(tmp_path / "files"))
    there, heard = local(tmp_path / "local", [corpus])
    here, heard_here = clustered(Here(), tmp_path / "cluster", [corpus])
    assert counts(here) == counts(there)
    assert heard_here.failures == heard.failures
    assert_same(tmp_path / "local", tmp_path / "cluster")


def test_copies_are_decoded_once_and_failures_are_told_once(tmp_path: Path) -> None:
    fill(tmp_path / "files", 120)
    there, heard = local(tmp_path / "local", [str(tmp_path / "files")])
    cluster = Here()
    here, heard_here = clustered(cluster, tmp_path / "cluster", [str(tmp_path / "files")])
    assert counts(here) == counts(there)
    assert here.reused
    assert sorted(heard_here.failures) == sorted(heard.failures) != []
    assert heard_here.done_ == 120
    assert not any(unit.alone for unit in cluster.units)
    assert_same(tmp_path / "local", tmp_path / "cluster")
    assert not (tmp_path / "cluster" / "shards").exists()


def test_either_kind_of_run_goes_on_where_the_other_ended(tmp_path: Path) -> None:
    fill(tmp_path / "files", 20)
    root, index = [str(tmp_path / "files")], tmp_path / "index"
    clustered(Here(), index, root)
    report, _ = local(index, root)
    assert (report.embedded, report.unchanged, report.known_failures) == (0, 19, 1)
    (tmp_path / "files" / "new.txt").write_text("Bees in the garden.")
    (tmp_path / "files" / "00003.txt").rename(tmp_path / "files" / "moved.txt")
    report, _ = clustered(Here(), index, root)
    assert (report.added, report.embedded, report.reused, report.removed) == (2, 1, 1, 1)
    again = Here()
    report, _ = clustered(again, index, root)
    assert (report.unchanged, again.units) == (20, []), "nothing is handed out when nothing is new"


@pytest.mark.parametrize("shards", [1, 3, 7])
def test_shards_that_a_killed_driver_left_are_adopted_and_the_rest_is_computed(tmp_path: Path, shards: int) -> None:
    fill(tmp_path / "files", 40)
    root = [str(tmp_path / "files")]
    local(tmp_path / "local", root)
    first, second = Here(dies_after(shards)), Here()
    with pytest.raises(Killed):
        clustered(first, tmp_path / "index", root)
    report, _ = clustered(second, tmp_path / "index", root)
    done = {entry for unit in first.units for entry in unit.entries}
    computed = {entry for unit in second.units if not unit.alone for entry in unit.entries}
    assert not done & computed
    assert len(done | computed) == 40
    assert report.added + report.unchanged + report.failed + report.known_failures == 40
    assert_same(tmp_path / "local", tmp_path / "index")
    assert not (tmp_path / "index" / "shards").exists()


def test_a_shard_of_a_file_that_has_changed_since_is_not_adopted(tmp_path: Path) -> None:
    fill(tmp_path / "files", 8, broken=False)
    with pytest.raises(Killed):
        clustered(Here(dies_after(8)), tmp_path / "index", [str(tmp_path / "files")])
    (tmp_path / "files" / "00007.txt").write_text("Something else by now.")
    (tmp_path / "files" / "00006.txt").unlink()
    report, _ = clustered(Here(), tmp_path / "index", [str(tmp_path / "files")])
    local(tmp_path / "local", [str(tmp_path / "files")])
    _, _, files = contents(tmp_path / "index")
    assert [row for row in files if b"00006" not in row[0]] == contents(tmp_path / "local")[2]
    assert report.added + report.unchanged + report.changed >= 7


def test_a_damaged_shard_is_computed_again(tmp_path: Path) -> None:
    fill(tmp_path / "files", 12)
    index = tmp_path / "index"

    def spoil(row: Any) -> None:
        for path in list((index / "shards").iterdir())[:1] if row["last"] and spoilt else []:
            path.write_bytes(path.read_bytes()[:-1])
            spoilt.pop()

    spoilt = [True, True]
    report, _ = clustered(Here(spoil), index, [str(tmp_path / "files")])
    local(tmp_path / "local", [str(tmp_path / "files")])
    assert not spoilt
    assert (report.added, report.failed) == (11, 1)
    assert_same(tmp_path / "local", index)


def test_what_never_comes_back_fails_alone(tmp_path: Path) -> None:
    fill(tmp_path / "files", 4, broken=False)
    index = tmp_path / "index"

    def spoil(row: Any) -> None:
        for path in (index / "shards").iterdir():
            path.write_bytes(b"")

    report, heard = clustered(Here(spoil), index, [str(tmp_path / "files")])
    assert report.failed == 4
    assert {reason for _, reason in heard.failures} == {"the cluster gave no result"}


def test_a_copy_whose_owner_fails_is_read_on_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "files").mkdir()
    for name in ("a.txt", "b.txt", "c.txt"):
        (tmp_path / "files" / name).write_text("The same in all of them.")
    meddled: list[bool] = []
    from mmsearch.extras.ray import stages

    original = stages.UnitReader._decode

    def decode(self: Any, file: Any) -> Any:
        if not meddled:
            meddled.append(True)
            os.utime(file.result.entry.path, (1, 1))  # changed while it is being read
        return original(self, file)

    monkeypatch.setattr(stages.UnitReader, "_decode", decode)
    report, heard = clustered(Here(), tmp_path / "index", [str(tmp_path / "files")])
    assert [(os.path.basename(path), reason[:7]) for path, reason in heard.failures] == [("a.txt", "changed")]
    assert (report.added, report.embedded, report.reused, report.failed) == (2, 1, 1, 1)


def test_objects_of_a_store_are_stored_by_their_urls_and_compared_by_listing(tmp_path: Path) -> None:
    pytest.importorskip("fsspec")
    folder = tmp_path / "files"
    fill(folder, 12)
    root = f"file://{folder}"
    report, _ = clustered(Here(), tmp_path / "index", [root])
    assert (report.added, report.failed) == (12 - 1, 1)
    items, _, files = contents(tmp_path / "index")
    assert all(row[0].startswith(b"file:///") for row in files)
    local(tmp_path / "local", [str(folder)])
    assert items == contents(tmp_path / "local")[0]

    again = Here()
    report, _ = clustered(again, tmp_path / "index", [root])
    assert (report.unchanged, report.known_failures, again.units) == (11, 1, [])
    (folder / "00003.txt").write_text("Not what it was.")
    (folder / "00005.txt").unlink()
    report, _ = clustered(Here(), tmp_path / "index", [root], options=IndexOptions(limits=Limits(jobs=1), prune=True))
    assert (report.changed, report.removed, report.unchanged) == (1, 1, 9)


def test_a_local_run_leaves_objects_alone(tmp_path: Path) -> None:
    pytest.importorskip("fsspec")
    fill(tmp_path / "files", 4, broken=False)
    fill(tmp_path / "others", 4, broken=False)
    clustered(Here(), tmp_path / "index", [f"file://{tmp_path / 'files'}"])
    report, _ = local(tmp_path / "index", [str(tmp_path / "others")])
    assert report.removed == 0
    assert len(contents(tmp_path / "index")[2]) == 8


def test_a_folder_gives_back_only_whole_shards(tmp_path: Path) -> None:
    folder = Folder(str(tmp_path / "shards"))
    assert folder.names() == []
    folder.make()
    folder.write("one.shard", b"MMSHARD1 and no more")
    with pytest.raises(Damaged):
        folder.read("one.shard")
    assert list(folder.units("")) == []


@pytest.mark.skipif(os.name == "nt", reason="links of POSIX")
def test_a_folder_of_shards_that_is_a_link_loses_nothing(tmp_path: Path) -> None:
    """It stands in an index, which may come from anywhere, and is emptied in the end."""
    (tmp_path / "index").mkdir()
    victim = tmp_path / "victim"
    victim.mkdir()
    for name in ("precious", "one.shard"):
        (victim / name).write_text("precious")
    (tmp_path / "index" / "shards").symlink_to(victim)
    folder = Folder(str(tmp_path / "index" / "shards"), private=True)
    for attempt in (folder.make, folder.names, lambda: folder.remove(["one.shard"]), lambda: list(folder.units(""))):
        with pytest.raises(IndexDamaged, match="shards is a link"):
            attempt()
    folder.clear()
    assert sorted(os.listdir(victim)) == ["one.shard", "precious"]


@pytest.mark.skipif(os.name == "nt", reason="links of POSIX")
def test_only_shards_are_removed_and_none_is_read_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "index").mkdir()
    (tmp_path / "victim").write_text("precious")
    folder = Folder(str(tmp_path / "index" / "shards"), private=True)
    folder.make()
    place = tmp_path / "index" / "shards"
    (place / "a.shard").symlink_to(tmp_path / "victim")
    os.mkfifo(place / "b.shard")
    (place / "c.shard").write_text("x")
    (place / "notes.txt").write_text("somebody's")
    for name in ("a.shard", "b.shard"):
        with pytest.raises(Damaged):
            folder.read(name)
    folder.write("c.shard", b"MMSHARD1")
    assert list(folder.units("")) == []
    folder.clear()
    assert os.listdir(place) == ["notes.txt"] and (tmp_path / "victim").read_text() == "precious"


def test_s3_needs_no_package_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("fsspec")
    (tmp_path / "bucket" / "photos").mkdir(parents=True)
    fill(tmp_path / "bucket" / "photos", 8)
    (tmp_path / "bucket" / "photos" / "100 % of #1?.txt").write_text("Odd names are names.")
    (tmp_path / "bucket" / "other.txt").write_text("Not below the prefix.")
    with serving(tmp_path / "bucket") as endpoint:
        for name, value in {
            "AWS_ENDPOINT_URL": endpoint, "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_REGION": "here", "AWS_EC2_METADATA_DISABLED": "true",
        }.items():  # fmt: skip
            monkeypatch.setenv(name, value)
        report, heard = clustered(Here(), tmp_path / "index", ["s3://bucket/photos"])
        assert (report.added, report.failed) == (8, 1)
        assert [path for path, _ in heard.failures] == ["s3://bucket/photos/00002.png"]
        again, _ = clustered(Here(), tmp_path / "index", ["s3://bucket/photos"])
        assert (again.unchanged, again.known_failures, again.removed) == (8, 1, 0)
        (tmp_path / "bucket" / "photos" / "00003.txt").unlink()
        again, _ = clustered(Here(), tmp_path / "index", ["s3://bucket/photos"])
        assert (again.unchanged, again.removed) == (7, 1)


def test_in_a_folder_that_is_not_ours_alone_other_shards_stay(tmp_path: Path) -> None:
    fill(tmp_path / "files", 8, broken=False)
    shards = tmp_path / "shared"
    shards.mkdir()
    (shards / "another.shard").write_bytes(b"of another index")
    with pytest.raises(Killed):
        clustered(Here(dies_after(3)), tmp_path / "index", [str(tmp_path / "files")], shards=shards)
    assert len(list(shards.iterdir())) > 1
    second = Here()
    clustered(second, tmp_path / "index", [str(tmp_path / "files")], shards=shards)
    assert len(second.units) == 8 - 3
    assert [path.name for path in shards.iterdir()] == ["another.shard"]


def test_a_node_that_does_not_reach_the_folder_says_so(tmp_path: Path) -> None:
    fill(tmp_path / "files", 4, broken=False)
    there = tmp_path / "index" / "shards"
    with pytest.raises(MmsearchError, match="give --shards a folder or URL that all nodes reach"):
        clustered(Here(lambda row: shutil.rmtree(there)), tmp_path / "index", [str(tmp_path / "files")])


def test_files_of_a_list_are_read_too(tmp_path: Path) -> None:
    pytest.importorskip("fsspec")
    fill(tmp_path / "files", 4, broken=False)
    listed = [str(tmp_path / "files" / "00001.txt"), f"file://{tmp_path}/files/00003.txt", f"file://{tmp_path}/none"]
    report, heard = clustered(Here(), tmp_path / "index", [], listed)
    assert (report.added, report.failed) == (2, 1)
    assert heard.failures == [(f"file://{tmp_path}/none", "no such object")]
    (tmp_path / "files" / "00003.txt").unlink()
    report, _ = clustered(Here(), tmp_path / "index", [], listed)
    assert (report.unchanged, report.removed) == (1, 1)
