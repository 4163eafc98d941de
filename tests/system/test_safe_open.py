"""What is done through a folder's handle happens in that folder, and never through a link."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from mmsearch.system.safe_open import Folder, open_below

posix = pytest.mark.skipif(os.name == "nt", reason="links and modes of POSIX")


def read(folder: Path, path: str) -> bytes:
    with os.fdopen(open_below(str(folder), path), "rb") as file:
        return file.read()


def test_a_file_below_is_read_by_its_absolute_or_relative_path(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "c.txt").write_text("here")
    assert read(tmp_path, os.path.join("a", "b", "c.txt")) == b"here"
    assert read(tmp_path, str(tmp_path / "a" / "b" / "c.txt")) == b"here"


@pytest.mark.parametrize("path", ["../outside", "a/../../outside", "/etc/passwd", ".", ""])
def test_what_lies_elsewhere_is_refused(tmp_path: Path, path: str) -> None:
    (tmp_path / "in" / "a").mkdir(parents=True)
    (tmp_path / "outside").write_text("secret")
    with pytest.raises(OSError):
        open_below(str(tmp_path / "in"), path)


@posix
def test_no_link_below_the_folder_is_followed(tmp_path: Path) -> None:
    inside, outside = tmp_path / "in", tmp_path / "out"
    inside.mkdir()
    outside.mkdir()
    (outside / "a.txt").write_text("secret")
    (inside / "folder").symlink_to(outside)
    (inside / "file.txt").symlink_to(outside / "a.txt")
    for path in ("folder/a.txt", "file.txt"):
        with pytest.raises(OSError, match="link"):
            open_below(str(inside), path)


@posix
def test_the_folder_itself_may_be_reached_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.txt").write_text("here")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert read(tmp_path / "link", "a.txt") == b"here"


@posix
def test_a_fifo_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="regular"):
        open_below(str(tmp_path), "pipe")


def test_a_replaced_file_is_whole_or_as_it_was(tmp_path: Path) -> None:
    with Folder.open(str(tmp_path)) as folder:
        with folder.replacing("note.json") as file:
            file.write(b"first")
        with pytest.raises(RuntimeError), folder.replacing("note.json") as file:
            file.write(b"sec")
            raise RuntimeError
    assert (tmp_path / "note.json").read_bytes() == b"first"
    assert os.listdir(tmp_path) == ["note.json"]


@posix
def test_a_planted_link_is_replaced_and_never_written_through(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    home = tmp_path / "index"
    home.mkdir()
    (home / "note.json").symlink_to(victim)
    (home / "note.json.tmp").symlink_to(victim)
    with Folder.open(str(home)) as folder, folder.replacing("note.json") as file:
        file.write(b"ours")
    assert victim.read_text() == "precious"
    assert not (home / "note.json").is_symlink()
    assert stat.S_IMODE((home / "note.json").stat().st_mode) == 0o600


@posix
def test_a_link_in_place_of_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "victim").mkdir()
    (tmp_path / "index").mkdir()
    (tmp_path / "index" / "cache").symlink_to(tmp_path / "victim")
    with Folder.open(str(tmp_path / "index")) as folder:
        for make in (False, True):
            with pytest.raises(OSError, match="link"):
                folder.folder("cache", make=make)
        folder.remove("cache")
    assert (tmp_path / "victim").is_dir()


@posix
def test_a_folder_that_is_exchanged_is_no_longer_meant(tmp_path: Path) -> None:
    (tmp_path / "index").mkdir()
    (tmp_path / "victim").mkdir()
    (tmp_path / "victim" / "a").write_text("precious")
    (tmp_path / "index" / "a").write_text("ours")
    with Folder.open(str(tmp_path / "index")) as folder:
        (tmp_path / "index").rename(tmp_path / "moved")
        (tmp_path / "index").symlink_to(tmp_path / "victim")
        folder.remove("a")
        with folder.create("b") as file:
            file.write(b"ours")
    assert os.listdir(tmp_path / "victim") == ["a"]
    assert os.listdir(tmp_path / "moved") == ["b"]


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../a", "/a", "a\0b"])
def test_only_names_are_taken(tmp_path: Path, name: str) -> None:
    with Folder.open(str(tmp_path)) as folder:
        for method in (folder.read, folder.create, folder.remove, folder.folder, folder.status):
            with pytest.raises(OSError):
                method(name)


@posix
def test_folders_are_made_for_their_user_alone(tmp_path: Path) -> None:
    with Folder.open(str(tmp_path / "index"), make=True) as folder, folder.folder("cache", make=True) as inner:
        inner.create("a").close()
    modes = [stat.S_IMODE((tmp_path / path).stat().st_mode) for path in ("index", "index/cache", "index/cache/a")]
    assert modes == [0o700, 0o700, 0o600]


@posix
def test_the_umask_takes_more_but_not_less(tmp_path: Path) -> None:
    with Folder.open(str(tmp_path)) as folder:
        for umask, mode in ((0o000, 0o600), (0o022, 0o600), (0o277, 0o400)):
            before = os.umask(umask)
            try:
                folder.create("a").close()
            finally:
                os.umask(before)
            assert stat.S_IMODE(folder.status("a").st_mode) == mode


@posix
def test_modes_are_changed_of_files_of_this_folder_alone(tmp_path: Path) -> None:
    index, victim = tmp_path / "index", tmp_path / "victim"
    index.mkdir()
    victim.mkdir(mode=0o755)
    for name in ("linked", "twin"):
        (victim / name).write_text("x")
        (victim / name).chmod(0o644)
    (index / "own").write_text("x")
    (index / "own").chmod(0o644)
    (index / "link").symlink_to(victim / "linked")
    (index / "folder").symlink_to(victim)
    os.link(victim / "twin", index / "twin")
    os.mkfifo(index / "pipe", 0o644)
    with Folder.open(str(index)) as folder:
        for name in ("own", "link", "folder", "twin", "pipe", "gone"):
            folder.change_mode(name, lambda mode: mode & ~0o077)
    modes = [stat.S_IMODE(path.lstat().st_mode) for path in (index / "own", victim, victim / "linked", victim / "twin")]
    assert modes == [0o600, 0o755, 0o644, 0o644]


@posix
def test_a_file_to_be_locked_is_a_file_of_this_folder_alone(tmp_path: Path) -> None:
    index, victim = tmp_path / "index", tmp_path / "victim"
    index.mkdir()
    victim.write_text("precious")
    (index / "link").symlink_to(victim)
    (index / "dangling").symlink_to(tmp_path / "nowhere")
    os.link(victim, index / "twin")
    os.mkfifo(index / "pipe")
    (index / "folder").mkdir()
    with Folder.open(str(index)) as folder:
        for name in ("link", "dangling", "twin", "pipe", "folder"):
            with pytest.raises(OSError):
                folder.ensure(name)
        for _ in range(2):
            folder.ensure("lock")
    assert victim.read_text() == "precious" and not (tmp_path / "nowhere").exists()
    assert (index / "lock").read_bytes() == b""
