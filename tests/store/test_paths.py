"""Names in any bytes, and an index that moves with its tree."""

from __future__ import annotations

import os
import sqlite3
import sys
from pathlib import Path

import pytest

from mmsearch.store import Reader
from mmsearch.store.paths import PathCodec
from mmsearch.store.writer import Writer
from mmsearch.types import FileMetadata, Item
from tests.store.helpers import IDENTITY, found_paths, put, unit

posix = pytest.mark.skipif(os.name == "nt", reason="names are bytes on POSIX alone")
LATIN = os.fsdecode(b"caf\xe9 \xff\xff\xff\xff\xff\xff\xff\xff\xff.jpg")


def tree(root: Path) -> str:
    """An index inside the tree it describes, with a file inside and one outside."""
    directory = str(root / ".mmsearch")
    with Writer.open(directory, IDENTITY) as writer:
        put(writer, str(root / "a" / "in.jpg"), "in")
        put(writer, "/elsewhere/out.jpg", "out")
        writer.commit()
        writer.add_root("/elsewhere")
        writer.add_root(str(root / "a"))
        writer.add_root(str(root))
    return directory


def test_index_moves_with_its_tree(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "deeper" / "new"
    tree(old)
    new.parent.mkdir()
    old.rename(new)
    with Reader.open(str(new / ".mmsearch")) as reader:
        assert found_paths(reader, "in") == [str(new / "a" / "in.jpg")]
        assert found_paths(reader, "out") == ["/elsewhere/out.jpg"]
        assert set(reader.status().roots) == {"/elsewhere", str(new), str(new / "a")}
        assert reader.file(str(old / "a" / "in.jpg")) is None
    with Writer.open(str(new / ".mmsearch"), IDENTITY) as writer:
        assert list(writer.paths_under(str(new))) == [str(new / "a" / "in.jpg")]
        assert list(writer.paths_under(str(new / "a"))) == [str(new / "a" / "in.jpg")]
        assert set(writer.paths_under("/")) == {str(new / "a" / "in.jpg"), "/elsewhere/out.jpg"}
        assert list(writer.paths_under("/elsewhere")) == ["/elsewhere/out.jpg"]


def test_paths_put_before_the_anchor_are_rewritten(tmp_path: Path) -> None:
    directory = tree(tmp_path / "t")
    db = sqlite3.connect(os.path.join(directory, "meta.sqlite"))
    assert {path for (path,) in db.execute("SELECT path FROM files")} == {b"a/in.jpg", b"/elsewhere/out.jpg"}
    assert {path for (path,) in db.execute("SELECT path FROM roots")} == {b".", b"a", b"/elsewhere"}
    assert db.execute("SELECT value FROM meta WHERE key = 'anchor'").fetchall() == [("..",)]
    db.close()


def test_staged_paths_outlive_a_new_anchor(tmp_path: Path) -> None:
    directory = str(tmp_path / ".mmsearch")
    with Writer.open(directory, IDENTITY) as writer:
        put(writer, str(tmp_path / "x"), "x")
        writer.add_root(str(tmp_path))
        writer.commit()
        record = writer.file(str(tmp_path / "x"))
    assert record is not None and record.path == str(tmp_path / "x")
    with Reader.open(directory) as reader:
        assert found_paths(reader, "x") == [str(tmp_path / "x")]


def test_first_root_around_the_index_stays_the_anchor(tmp_path: Path) -> None:
    inner = tmp_path / "outer" / "inner"
    directory = tree(inner)
    with Writer.open(directory, IDENTITY) as writer:
        writer.add_root(str(inner.parent))
        put(writer, str(inner.parent / "beside.jpg"), "beside")
        writer.commit()
        assert sorted(writer.paths_under(str(inner.parent))) == [
            str(inner.parent / "beside.jpg"),
            str(inner / "a" / "in.jpg"),
        ]
    inner.rename(inner.parent / "renamed")
    with Reader.open(str(inner.parent / "renamed" / ".mmsearch")) as reader:
        assert found_paths(reader, "in") == [str(inner.parent / "renamed" / "a" / "in.jpg")]
        assert found_paths(reader, "beside") == [str(inner.parent / "beside.jpg")]


@posix
@pytest.mark.parametrize("anchored", [False, True])
def test_names_that_are_not_utf8_survive(tmp_path: Path, anchored: bool) -> None:
    root = str(tmp_path / "t")
    paths = [os.path.join(root, LATIN), os.path.join(root, LATIN, "new\nline 'quoted' \\ % *"), root + "/日本.jpg"]
    with Writer.open(os.path.join(root, ".mmsearch"), IDENTITY) as writer:
        if anchored:
            writer.add_root(root)
        for number, path in enumerate(paths):
            put(writer, path, f"d{number}")
        writer.commit()
        assert set(writer.paths_under(root)) == set(writer.paths_under(None)) == set(paths)
        assert set(writer.paths_under(os.path.join(root, LATIN))) == set(paths[:2])
    with Reader.open(os.path.join(root, ".mmsearch")) as reader:
        for number, path in enumerate(paths):
            assert found_paths(reader, f"d{number}") == [path]


@posix
def test_text_that_is_not_unicode_does_not_end_the_run(tmp_path: Path) -> None:
    item = Item("", "d", "text", "text", 0, text=f"lone {LATIN[3]} and \0 nul")
    with Writer.open(str(tmp_path), IDENTITY) as writer:
        writer.put_failure("/bad", 1, 1, f"cannot open {LATIN}")
        writer.put_content("d", "text", "text", FileMetadata(), [item], unit("d")[None])
        writer.put_file("/good", 1, 1, "d", "text")
        writer.commit()
        writer.put_failure("/bad", 1, 1, f"cannot open {LATIN}")
        assert not writer._files  # the same failure is no change
    with Reader.open(str(tmp_path)) as reader:
        [failure] = reader.failures()
        assert failure.reason == f"cannot open {LATIN}"
        [(item_id, _)] = reader.search(unit("d"), "text", 1)
        assert reader.locate([item_id])[item_id][0].item.text == "lone \\udce9 and \0 nul"


@pytest.mark.skipif(sys.platform != "linux", reason="macOS and Windows refuse such names")
def test_index_may_lie_under_any_name(tmp_path: Path) -> None:
    directory = os.path.join(str(tmp_path), LATIN, "50% #1?.mmsearch")
    with Writer.open(directory, IDENTITY) as writer:
        for name in "abcdefghijkl":  # enough commits for a merge
            put(writer, f"/{name}", name)
            writer.commit()
    with Reader.open(directory) as reader:
        assert found_paths(reader, "a") == ["/a"] and found_paths(reader, "l") == ["/l"]


def test_codec_at_the_edges() -> None:
    at_root = PathCodec("/.mmsearch").anchored("/")
    assert at_root.anchor == ".." and at_root.encode("/a/b") == b"a/b" and at_root.decode(b"a/b") == "/a/b"
    assert at_root.encode("/") == b"." and at_root.decode(b".") == "/"
    codec = PathCodec("/r/t/.mmsearch").anchored("/r/t")
    assert codec.encode("/r/tt/x") == b"/r/tt/x" and codec.encode("/r/t/..x") == b"..x"
    assert PathCodec("/r/t/.mmsearch").anchored("/r/other").anchor == ""
    assert PathCodec("/r/t/.mmsearch").anchored("/r/t/.mmsearch").anchor == ""
