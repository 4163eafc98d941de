"""What a writer and a reader make of links, modes and journals in an index: nothing outside is touched, nobody else
reads it, unless it is shared."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import struct
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from mmsearch.errors import IndexDamaged, MmsearchError
from mmsearch.store import Reader, compaction, schema
from mmsearch.store.integrity import repair
from mmsearch.store.writer import Writer
from tests.store.helpers import IDENTITY, found_paths, make, put, unit, vector_files

pytestmark = pytest.mark.skipif(os.name == "nt", reason="links and modes of POSIX")


@pytest.fixture
def umask() -> Iterator[None]:
    """The usual one, which lets everybody read."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def modes(directory: str) -> dict[str, int]:
    """Of all that lies in an index, and of itself."""
    paths = [Path(directory), *Path(directory).rglob("*")]
    return {str(path.relative_to(directory)): stat.S_IMODE(path.lstat().st_mode) for path in paths}


def are_private(modes: dict[str, int]) -> bool:
    return not any(mode & 0o077 for mode in modes.values())


def add(directory: str, name: str) -> None:
    with Writer.open(directory, IDENTITY) as writer:
        put(writer, f"/data/{name}", name)
        writer.commit()


# --- who may read it ---


def test_a_new_index_is_for_its_user_alone(tmp_path: Path, umask: None) -> None:
    directory = str(tmp_path / "new" / "index")
    with Writer.open(directory, IDENTITY) as writer:
        put(writer, "/data/a", "a")
        writer.commit()
        file_modes = modes(directory)
    assert {"meta.sqlite", "meta.sqlite-wal", "meta.sqlite-shm", "write.lock", "writer.json", "vectors/text"} <= set(
        file_modes
    )
    assert set(file_modes.values()) == {0o600, 0o700}
    assert are_private(modes(directory))


@pytest.mark.parametrize("reader", ["writer", "repair"])
def test_an_index_that_was_wider_is_closed_by_whoever_writes(tmp_path: Path, umask: None, reader: str) -> None:
    directory = make(tmp_path / "index", "a")
    for path in (Path(directory), *Path(directory).rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    os.makedirs(os.path.join(directory, "cache", "thumbnails"))
    Path(directory, "meta.format3.sqlite").write_bytes(b"old")
    add(directory, "b") if reader == "writer" else repair(directory)
    assert are_private(modes(directory))


def test_an_empty_folder_made_by_hand_is_closed(tmp_path: Path, umask: None) -> None:
    (tmp_path / ".mmsearch").mkdir()
    assert are_private(modes(make(tmp_path / ".mmsearch", "a")))


def test_what_is_closed_is_our_own_and_no_link(tmp_path: Path, umask: None) -> None:
    directory = make(tmp_path / "index", "a")
    victim = tmp_path / "victim"
    victim.mkdir()
    for name in ("file", "other"):
        (victim / name).write_text("x")
        (victim / name).chmod(0o644)
    victim.chmod(0o755)
    Path(directory, "serve.log").symlink_to(victim / "file")
    os.link(victim / "other", os.path.join(directory, "meta.format3.sqlite"))
    Path(directory, "cache").symlink_to(victim)
    Path(directory, "notes.txt").write_text("put here by somebody")
    Path(directory, "notes.txt").chmod(0o644)
    add(directory, "b")
    assert modes(str(victim)) == {".": 0o755, "file": 0o644, "other": 0o644}
    assert modes(directory)["notes.txt"] == 0o644


def test_the_folder_behind_a_link_keeps_its_mode(tmp_path: Path, umask: None) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "index").symlink_to(tmp_path / "elsewhere")
    directory = make(tmp_path / "index", "a")
    file_modes = modes(str(tmp_path / "elsewhere"))
    assert file_modes.pop(".") == 0o755 and are_private(file_modes)
    with Reader.open(directory) as reader:
        assert reader.counts() == {"image": 1, "text": 1}


def test_a_shared_index_stays_shared_until_it_is_not(tmp_path: Path, umask: None) -> None:
    directory = make(tmp_path / "index", "a")
    with Writer.open(directory, IDENTITY) as writer:
        writer.share(True)
    Writer.open(directory, replace(IDENTITY, fingerprint="other"), rebuild=True).close()
    Writer.open(directory, IDENTITY, rebuild=True).close()
    add(directory, "b")
    with Writer.open(directory, IDENTITY):
        assert {mode for name, mode in modes(directory).items()} == {0o755, 0o644}
    with Writer.open(directory, IDENTITY) as writer:
        writer.share(False)
    assert are_private(modes(directory))
    add(directory, "c")
    assert are_private(modes(directory))


def test_a_group_shares_by_its_umask_whatever_that_of_a_later_run_is(tmp_path: Path) -> None:
    directory = make(tmp_path / "index", "a")
    before = os.umask(0o007)
    try:
        with Writer.open(directory, IDENTITY) as writer:
            writer.share(True)
        os.umask(0o077)
        add(directory, "b")
    finally:
        os.umask(before)
    assert set(modes(directory).values()) == {0o770, 0o660}


@pytest.mark.parametrize("note", ["copied", "1", "yes", "0"])
def test_only_the_very_index_that_was_shared_is(tmp_path: Path, umask: None, note: str) -> None:
    """Otherwise everybody could read files indexed into a foreign index that claims to be shared."""
    directory = make(tmp_path / "index", "a")
    with Writer.open(directory, IDENTITY) as writer:
        writer.share(True)
    copy = str(shutil.copytree(directory, tmp_path / "copy"))
    if note != "copied":
        with closing(sqlite3.connect(os.path.join(copy, "meta.sqlite"))) as db:
            db.execute("UPDATE meta SET value = ? WHERE key = 'shared'", (note,))
            db.commit()
    add(copy, "b")
    assert are_private(modes(copy))


# --- links ---


def test_a_vectors_folder_elsewhere_loses_nothing(tmp_path: Path) -> None:
    other = make(tmp_path / "other", "x", "y")
    Path(other, "vectors", "text", "99.faiss").write_bytes(b"which nobody lists")
    before = vector_files(other)
    directory = make(tmp_path / "index", "a")
    shutil.rmtree(Path(directory, "vectors"))
    Path(directory, "vectors").symlink_to(Path(other, "vectors"))
    for attempt in (
        lambda: Writer.open(directory, IDENTITY),
        lambda: Writer.open(directory, IDENTITY, rebuild=True),
        lambda: repair(directory),
    ):
        with pytest.raises(IndexDamaged, match=r"vectors is a link[^\n]*$"):
            attempt()
    assert vector_files(other) == before


def test_a_partition_elsewhere_loses_nothing(tmp_path: Path) -> None:
    other = make(tmp_path / "other", "x")
    Path(other, "vectors", "text", "99.faiss").write_bytes(b"which nobody lists")
    before = vector_files(other)
    directory = make(tmp_path / "index", "a")
    shutil.rmtree(Path(directory, "vectors", "text"))
    Path(directory, "vectors", "text").symlink_to(Path(other, "vectors", "text"))
    with pytest.raises(IndexDamaged, match="text is a link"):
        add(directory, "b")
    assert vector_files(other) == before


def test_a_partition_that_is_no_name_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compaction, "MOST_SEGMENTS", 1)
    (tmp_path / "victim").mkdir()
    directory = make(tmp_path / "index", "a")
    with closing(sqlite3.connect(os.path.join(directory, "meta.sqlite"))) as db:
        for name in ("../../victim", "..", "/tmp", "a/b"):
            db.execute("PRAGMA foreign_keys = OFF")
            db.execute("UPDATE segments SET partition = ?, live = 0 WHERE partition = 'text'", (name,))
            db.commit()
    with pytest.raises(MmsearchError):
        add(directory, "b")
        add(directory, "c")
    assert os.listdir(tmp_path / "victim") == []


def test_numbers_of_planted_files_are_none_that_sqlite_cannot_count_to(tmp_path: Path) -> None:
    directory = make(tmp_path / "index", "a")
    planted = Path(directory, "vectors", "text", f"{10**30}.faiss")
    planted.write_bytes(b"x")
    add(directory, "b")
    with Reader.open(directory) as reader:
        assert found_paths(reader, "b") and list(reader.problems()) == []
    assert planted.exists(), "which is no name of ours"


@pytest.mark.parametrize("number", [1, 3])
def test_the_copy_that_a_migration_leaves_follows_no_link(tmp_path: Path, umask: None, number: int) -> None:
    from tests.store.test_formats import THEIRS

    directory = str(shutil.copytree(Path(__file__).parent / f"format{number}", tmp_path / "old"))
    victims = [tmp_path / f"victim{number}" for number in range(3)]
    names = ("", ".tmp", ".tmp-journal")
    for victim, end in zip(victims, names, strict=True):
        victim.write_text("precious")
        Path(directory, schema.BACKUP.format(number) + end).symlink_to(victim)
    Writer.open(directory, THEIRS).close()
    assert [victim.read_text() for victim in victims] == ["precious"] * 3
    backup = Path(directory, schema.BACKUP.format(number))
    assert not backup.is_symlink() and backup.read_bytes().startswith(b"SQLite format 3")
    assert are_private(modes(directory))


def test_a_database_that_is_a_file_elsewhere_too_is_read_and_never_written(tmp_path: Path) -> None:
    directory = make(tmp_path / "index", "a")
    os.link(os.path.join(directory, "meta.sqlite"), tmp_path / "twin")
    before = (tmp_path / "twin").read_bytes()
    with Reader.open(directory) as reader:
        assert found_paths(reader, "a") == ["/data/a"]
    for attempt in (lambda: add(directory, "b"), lambda: repair(directory)):
        with pytest.raises(IndexDamaged, match="hard link"):
            attempt()
    assert (tmp_path / "twin").read_bytes() == before


@pytest.mark.parametrize("side", ["", "-wal", "-shm", "-journal"])
@pytest.mark.parametrize("kind", ["link", "dangling", "fifo", "folder"])
def test_a_reader_opens_no_link_in_place_of_the_database(tmp_path: Path, side: str, kind: str) -> None:
    directory, victim = make(tmp_path / "index", "a"), tmp_path / "victim"
    path = Path(directory, f"meta.sqlite{side}")
    path.unlink(missing_ok=True)
    victim.write_bytes(b"")
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to(victim if kind == "link" else tmp_path / "nowhere")
    with pytest.raises(IndexDamaged, match=r"^[^\n]*meta\.sqlite[^\n]*$"):
        Reader.open(directory)
    assert victim.read_bytes() == b"" and not (tmp_path / "nowhere").exists()


def journal(directory: str, named: str) -> None:
    """Leave a hot journal, and have it name a file as that of several databases, as SQLite does."""
    database = Path(directory, "meta.sqlite").read_bytes()
    size = int.from_bytes(database[16:18], "big")
    magic, name = b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7", named.encode()
    head = magic + struct.pack(">IIIII", 0, 0, len(database) // size, 512, size)
    end = struct.pack(">I", 1 << 30 // size) + name + struct.pack(">II", len(name), sum(name)) + magic
    Path(directory, "meta.sqlite-journal").write_bytes(head.ljust(512, b"\0") + (end if named else b""))


def test_a_planted_journal_has_sqlite_delete_no_file(tmp_path: Path) -> None:
    directory, victim = make(tmp_path / "index", "a"), tmp_path / "victim"
    victim.write_text("precious")
    journal(directory, str(victim))
    for attempt in (lambda: Reader.open(directory), lambda: add(directory, "b"), lambda: repair(directory)):
        with pytest.raises(IndexDamaged, match="journal"):
            attempt()
    assert victim.read_text() == "precious"


def test_a_journal_that_names_nothing_is_sqlites_own_matter(tmp_path: Path) -> None:
    """A first run that is killed while it switches to WAL leaves one."""
    directory = make(tmp_path / "index", "a")
    journal(directory, "")
    add(directory, "b")
    with Reader.open(directory) as reader:
        assert found_paths(reader, "a") and found_paths(reader, "b") and list(reader.problems()) == []


# --- what cannot be written ---


def test_the_lock_is_taken_on_no_file_elsewhere(tmp_path: Path) -> None:
    directory, victim = make(tmp_path / "index", "a"), tmp_path / "victim"
    for kind in (os.symlink, os.link):
        victim.write_text("precious")
        os.unlink(os.path.join(directory, "write.lock"))
        kind(victim, os.path.join(directory, "write.lock"))
        with pytest.raises(IndexDamaged, match=r"write\.lock"):
            add(directory, "b")
        assert victim.read_text() == "precious" and unit("a") is not None


def test_a_note_that_never_ends_holds_nobody_up(tmp_path: Path) -> None:
    directory = make(tmp_path / "index", "a")
    with Writer.open(directory, IDENTITY):
        os.unlink(os.path.join(directory, "writer.json"))
        os.mkfifo(os.path.join(directory, "writer.json"))
        with pytest.raises(MmsearchError, match="another process is writing"):
            Writer.open(directory, IDENTITY, timeout=0)
