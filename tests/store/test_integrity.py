"""Every kind of damage is named, and repaired without losing sound data."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmsearch.errors import IndexDamaged, IndexMissing, MmsearchError
from mmsearch.store import Reader
from mmsearch.store.integrity import repair
from mmsearch.store.words.query import parse_query
from mmsearch.store.writer import Writer

from .helpers import IDENTITY, found_paths, make, put, vector_files


def problems(directory: str) -> list[str]:
    with Reader.open(directory) as reader:
        return list(reader.problems())


def searchable(directory: str, *names: str) -> list[str]:
    """Those of the contents that are found by their picture and by their text."""
    with Reader.open(directory) as reader:
        return [n for n in names if found_paths(reader, n) and found_paths(reader, n, partition="text")]


def alter(directory: str, *statements: str) -> None:
    db = sqlite3.connect(Path(directory, "meta.sqlite"))
    with db:
        for statement in statements:
            db.execute(statement)
    db.close()


def two_commits(tmp_path: Path) -> str:
    """Files a and b in the first vector files, c in others."""
    directory = make(tmp_path, "a", "b")
    with Writer.open(directory, IDENTITY) as writer:
        put(writer, "/data/c", "c")
        writer.commit()
    return directory


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-20] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("harm", [Path.unlink, cut, flip], ids=["gone", "cut", "flipped"])
def test_a_lost_vector_file_costs_its_files_and_no_others(tmp_path: Path, harm: Callable[[Path], None]) -> None:
    directory = two_commits(tmp_path)
    first = Path(directory, "vectors", sorted(n for n in vector_files(directory) if n.startswith("image/"))[0])
    harm(first)
    assert any(first.name in line for line in problems(directory))
    repaired = repair(directory)
    assert (repaired.lost, repaired.vectors) == (["/data/a", "/data/b"], 4)
    assert len(repaired.problems) == 1
    assert problems(directory) == []
    assert searchable(directory, "a", "b", "c") == ["c"]
    with Writer.open(directory, IDENTITY) as writer:
        assert writer.file("/data/a") is None, "the next run reads it again"
        put(writer, "/data/a", "a")
        writer.commit()
    assert searchable(directory, "a", "b", "c") == ["a", "c"]
    assert problems(directory) == []


DAMAGE = {
    "a count of live rows": ["UPDATE segments SET live = live - 1"],
    "a missing tombstone": ["DELETE FROM tombstones"],
    "a passage without words": ["DELETE FROM passages_docsize WHERE id = (SELECT min(id) FROM passages_docsize)"],
    "a name without words": ["DELETE FROM names WHERE rowid = (SELECT min(rowid) FROM names)"],
    "words of nothing": ["INSERT INTO names (rowid, words) VALUES (99, 'nothing')"],
    "a content that no file holds": [
        "INSERT INTO contents (digest, kind, modality) VALUES ('lone', 'image', 'image')",
    ],
}


@pytest.mark.parametrize("statements", DAMAGE.values(), ids=DAMAGE.keys())
def test_what_follows_from_the_rest_is_put_right_without_loss(tmp_path: Path, statements: list[str]) -> None:
    directory = two_commits(tmp_path)
    with Writer.open(directory, IDENTITY) as writer:
        put(writer, "/data/d", "d")
        writer.commit()
        writer.remove("/data/a")
        writer.commit()
    assert problems(directory) == []
    alter(directory, *statements)
    assert problems(directory)
    repaired = repair(directory)
    assert repaired.lost == [] and repaired.vectors == 0 and repaired.problems
    assert problems(directory) == []
    assert searchable(directory, "b", "c", "d") == ["b", "c", "d"]
    with Reader.open(directory) as reader:
        assert len(reader.search_passages(parse_query("text")).rows) == 3


LOSS = {
    "an item at no row": (["UPDATE items SET row = 77 WHERE id = 1"], ["/data/a"]),
    "two items at one row": (["UPDATE items SET row = 0 WHERE segment_id = 1"], ["/data/a", "/data/b"]),
    "an item without its file of vectors": (["UPDATE items SET segment_id = 66 WHERE id = 1"], ["/data/a"]),
    "a content without items": (["DELETE FROM items WHERE content_id = 1"], ["/data/a"]),
    "a file without its content": (["DELETE FROM contents WHERE id = 1"], ["/data/a"]),
}


@pytest.mark.parametrize(("statements", "lost"), LOSS.values(), ids=LOSS.keys())
def test_what_cannot_be_known_is_forgotten_as_a_whole(tmp_path: Path, statements: list[str], lost: list[str]) -> None:
    directory = two_commits(tmp_path)
    alter(directory, *statements)
    assert problems(directory)
    assert repair(directory).lost == lost
    assert problems(directory) == []
    remaining = [name for name in ("a", "b", "c") if f"/data/{name}" not in lost]
    assert searchable(directory, "a", "b", "c") == remaining


def test_a_sound_index_is_left_as_it_is(tmp_path: Path) -> None:
    directory = two_commits(tmp_path)
    before = Path(directory, "meta.sqlite").read_bytes()
    repaired = repair(directory)
    assert (repaired.problems, repaired.lost, repaired.vectors) == ([], [], 0)
    assert Path(directory, "meta.sqlite").read_bytes() == before


def test_what_cannot_be_read_just_now_is_not_given_up(tmp_path: Path) -> None:
    directory = two_commits(tmp_path)
    file = Path(directory, "vectors", min(vector_files(directory)))
    data = file.read_bytes()
    file.unlink()
    file.mkdir()  # stands for a disk that fails and for missing rights, which root would not notice
    assert any("cannot be read" in line for line in problems(directory))
    with pytest.raises(MmsearchError, match="nothing is mended"):
        repair(directory)
    file.rmdir()
    file.write_bytes(data)
    assert problems(directory) == []
    assert searchable(directory, "a", "b", "c") == ["a", "b", "c"]


def test_a_database_that_is_no_database_is_beyond_repair(tmp_path: Path) -> None:
    with pytest.raises(IndexMissing):
        repair(str(tmp_path / "nothing"))
    directory = make(tmp_path / "index", "a")
    Path(directory, "meta.sqlite").write_bytes(b"not a database at all" * 100)
    with pytest.raises(IndexDamaged, match="--rebuild"):
        repair(directory)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_overwritten_piece_of_a_vector_file_is_found_and_mended(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    directory = two_commits(tmp_path_factory.mktemp("index"))
    name = data.draw(st.sampled_from(sorted(vector_files(directory))))
    path = Path(directory, "vectors", name)
    content = bytearray(path.read_bytes())
    offset = data.draw(st.integers(0, len(content) - 1))
    piece = data.draw(st.binary(min_size=1, max_size=40))
    content[offset : offset + len(piece)] = piece
    changed = bytes(content) != path.read_bytes()
    path.write_bytes(content)
    assert bool(problems(directory)) == changed
    assert bool(repair(directory).lost) == changed
    assert problems(directory) == []
