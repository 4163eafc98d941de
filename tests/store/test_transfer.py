"""Joining indexes: nothing is lost, doubled or rounded, and the joined index answers as one over everything would."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mmsearch.errors import IndexMismatch, UsageError
from mmsearch.store import Filter, Reader, transfer
from mmsearch.store.paths import Moves
from mmsearch.store.transfer import Importer, merge, require_comparable
from mmsearch.store.words.query import parse_query
from mmsearch.store.writer import Writer
from mmsearch.types import FileMetadata, Item
from tests.store.helpers import DIM, IDENTITY, make, parts, put, unit, vectors_of


def join(target: Path | str, *sources: str, rename: Callable[[str], str] = str) -> dict[str, int]:
    """Merge, and the counts that are not zero."""
    readers = [Reader.open(source) for source in sources]
    with Writer.open(os.fspath(target), IDENTITY) as writer:
        adoption = Importer(writer, rename)
        merge(readers, adoption)
    for reader in readers:
        reader.close()
    return {name: count for name, count in adoption.counts.items() if count}


def write(directory: Path, *files: tuple[str, str, int]) -> str:
    """An index of files, each with its path, content and time."""
    with Writer.open(str(directory), IDENTITY) as writer:
        for path, digest, mtime_ns in files:
            put(writer, path, digest, mtime_ns=mtime_ns)
        writer.commit()
    return str(directory)


def everything(directory: str) -> dict[str, object]:
    """What an index knows, by path, without its numbers: records, facts, items and the bits of their vectors."""
    with Reader.open(directory) as reader:
        known: dict[str, object] = {record.path: record for record in transfer.unread(reader)}
        for batch in transfer.contents(reader):
            for content, rows in zip(batch, transfer.vectors_from(reader)(batch), strict=True):
                bits = rows.astype(np.float16).tobytes()
                items = [replace(item, path="") for item in content.items]
                known.update({file.path: (file, content.facts, items, bits) for file in content.files})
        assert not list(reader.problems())
    return known


def answers(directory: str, names: str, partition: str = "image") -> list[list[tuple[str, float]]]:
    """Paths and scores for the vector of each name, best first."""
    with Reader.open(directory) as reader:
        rankings = []
        for name in names:
            hits = reader.search(unit(name, 0), partition, 5)  # type: ignore[arg-type]
            locations = reader.locate([item for item, _ in hits])
            rankings.append(sorted((location.item.path, score) for item, score in hits for location in locations[item]))
        return rankings


def test_a_merged_index_answers_as_one_that_was_made_of_both(tmp_path: Path) -> None:
    both = make(tmp_path / "both", *"abcdefgh")
    one, other = make(tmp_path / "one", *"acfg"), make(tmp_path / "other", *"bdehg")
    assert join(tmp_path / "merged", one, other) == {"added": 8, "unchanged": 1, "items": 16}
    assert answers(str(tmp_path / "merged"), "abcdefghxyz") == answers(both, "abcdefghxyz")
    assert everything(str(tmp_path / "merged")) == everything(both)
    with Reader.open(str(tmp_path / "merged")) as reader:
        assert len(reader.search_passages(parse_query("text")).rows) == 8
        assert [match.path for match in reader.search_names(parse_query("a"))] == ["/data/a"]


def test_merging_again_changes_nothing(tmp_path: Path) -> None:
    one, other, target = make(tmp_path / "one", "a", "b"), make(tmp_path / "other", "c"), tmp_path / "merged"
    join(target, one, other)
    before = (target / "meta.sqlite").read_bytes()
    assert join(target, one, other) == {"unchanged": 3}
    assert (target / "meta.sqlite").read_bytes()[100:] == before[100:], "only SQLite's own header counts on"


@pytest.mark.parametrize("newer_first", [True, False])
def test_of_one_path_the_newer_file_counts_and_the_other_leaves_no_trace(tmp_path: Path, newer_first: bool) -> None:
    old = write(tmp_path / "old", ("/data/x", "early", 5), ("/data/y", "kept", 9))
    new = write(tmp_path / "new", ("/data/x", "late", 6), ("/data/y", "kept", 9))
    counts = join(tmp_path / "merged", *([new, old] if newer_first else [old, new]))
    assert counts.get("changed" if not newer_first else "older") == 1
    assert everything(str(tmp_path / "merged")) == everything(new)


def test_failures_unsupported_and_missing_files_come_along(tmp_path: Path) -> None:
    with Writer.open(str(tmp_path / "one"), IDENTITY) as writer:
        writer.put_failure("/data/broken", 3, 4, "it is \udcff broken")
        writer.put_unsupported("/data/other", 5, -(1 << 63), "no kind that is known")
        put(writer, "/data/gone\udcff", "gone", mtime_ns=(1 << 63) - 1)
        writer.commit()
        writer.mark_missing("/data/gone\udcff")
        writer.commit()
    join(tmp_path / "merged", str(tmp_path / "one"))
    assert everything(str(tmp_path / "merged")) == everything(str(tmp_path / "one"))
    with Reader.open(str(tmp_path / "merged")) as reader:
        record = reader.file("/data/gone\udcff")
        assert record is not None
        assert record.missing
        assert reader.search(unit("gone", 0), "image", 5) == []


def test_a_file_that_was_read_counts_more_than_a_failure_of_the_same_time(tmp_path: Path) -> None:
    with Writer.open(str(tmp_path / "failed"), IDENTITY) as writer:
        writer.put_failure("/data/x", 1, 5, "no memory")
        writer.commit()
    read = write(tmp_path / "read", ("/data/x", "x", 5))
    for order in ([str(tmp_path / "failed"), read], [read, str(tmp_path / "failed")]):
        target = tmp_path / f"merged{order[0] == read}"
        join(target, *order)
        assert everything(str(target)) == everything(read)


def test_an_index_inside_its_tree_means_the_files_where_it_lies_now(tmp_path: Path) -> None:
    tree, copy = tmp_path / "tree", tmp_path / "elsewhere"
    with Writer.open(str(tree / ".mmsearch"), IDENTITY) as writer:
        writer.add_root(str(tree))
        put(writer, str(tree / "sub" / "a.jpg"), "a")
        writer.commit()
    tree.rename(copy)
    join(tmp_path / "plain", str(copy / ".mmsearch"))
    assert list(everything(str(tmp_path / "plain"))) == [str(copy / "sub" / "a.jpg")]
    moves = Moves([(str(copy), str(tmp_path / "home"))])
    join(tmp_path / "home" / ".mmsearch", str(copy / ".mmsearch"), rename=moves)
    assert list(everything(str(tmp_path / "home" / ".mmsearch"))) == [str(tmp_path / "home" / "sub" / "a.jpg")]
    with sqlite3.connect(tmp_path / "home" / ".mmsearch" / "meta.sqlite") as db:
        assert db.execute("SELECT path FROM files").fetchall() == [(b"sub/a.jpg",)], "it can move with its tree"
    with Reader.open(str(tmp_path / "home" / ".mmsearch")) as reader:
        assert reader.status().roots == (str(tmp_path / "home"),)


def test_what_is_not_a_path_here_has_to_be_mapped(tmp_path: Path) -> None:
    source = make(tmp_path / "one", "a")
    with pytest.raises(UsageError, match=r"C:/x/a is no absolute path .* --map"):
        join(tmp_path / "merged", source, rename=Moves([("/data", "C:/x")]))


def test_an_interrupted_merge_keeps_what_was_committed_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"f{number}" for number in range(20)]
    source, target = make(tmp_path / "one", *names), str(tmp_path / "merged")
    monkeypatch.setattr(transfer, "ITEMS_AT_ONCE", 4)
    monkeypatch.setattr(transfer.contents, "__defaults__", (4,))
    monkeypatch.setattr(transfer, "COMMIT_FILES", 4)
    left = iter(range(11))

    def interrupt(_: int) -> None:
        if next(left, None) is None:
            raise KeyboardInterrupt

    with (
        pytest.raises(KeyboardInterrupt),
        Reader.open(source) as reader,
        Writer.open(target, IDENTITY) as writer,
    ):
        merge([reader], Importer(writer, on_progress=interrupt))
    assert len(everything(target)) == 8
    assert join(target, source) == {"added": 12, "unchanged": 8, "items": 24}
    assert everything(target) == everything(source)


def test_a_source_may_be_written_meanwhile_and_is_only_read(tmp_path: Path) -> None:
    source = make(tmp_path / "one", *"abcd")
    with Writer.open(source, IDENTITY) as busy, Reader.open(source) as reader:
        put(busy, "/data/new", "new")
        busy.commit()
        for name in "abcdefghijkl":
            put(busy, f"/data/{name}{name}", name * 2)
            busy.commit()  # merges vector files away
        with Writer.open(str(tmp_path / "merged"), IDENTITY) as writer:
            merge([reader], Importer(writer))
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            reader.catalog.db.execute("DELETE FROM files")
    assert {f"/data/{name}" for name in "abcd"} <= set(everything(str(tmp_path / "merged")))


@pytest.mark.parametrize("number", [1, 2])
def test_an_index_of_an_older_format_is_joined_as_it_is(tmp_path: Path, number: int) -> None:
    source = str(shutil.copytree(Path(__file__).parent / f"format{number}", tmp_path / "old"))
    with Reader.open(source) as reader:
        with Writer.open(str(tmp_path / "merged"), reader.identity) as writer:
            merge([reader], Importer(writer))
        assert reader.format == number
    assert everything(str(tmp_path / "merged")) == everything(source)
    with Reader.open(str(tmp_path / "merged")) as reader:
        assert reader.has_words


def test_unlike_indexes_are_refused_with_what_differs(tmp_path: Path) -> None:
    one = make(tmp_path / "one", "a")
    identity = replace(IDENTITY, dim=8, loader=replace(IDENTITY.loader, passage_chars=7))
    Writer.open(str(tmp_path / "other"), identity).close()
    with Reader.open(one) as first, Reader.open(str(tmp_path / "other")) as second:
        with pytest.raises(IndexMismatch, match=r"one and .*other .* dim is 16, not 8; passage_chars is 1200, not 7: "):
            require_comparable([first, second])
        require_comparable([first, first])


def test_facts_and_filters_survive(tmp_path: Path) -> None:
    with Writer.open(str(tmp_path / "one"), IDENTITY) as writer:
        items = parts("a")
        facts = FileMetadata(640, 480, 1.5, "2024-05-01T10:00:00")
        writer.put_content("a", "image", "image", facts, items, vectors_of("a", items))
        writer.put_file("/data/a", 1, 2, "a", "image")
        writer.commit()
    join(tmp_path / "merged", str(tmp_path / "one"))
    with Reader.open(str(tmp_path / "merged")) as reader:
        (content,) = next(transfer.contents(reader))
        assert content.facts == facts
        assert reader.search(unit("a", 0), "image", 1, Filter(modalities=frozenset({"text"}))) == []


def test_every_finite_half_survives_bit_for_bit(tmp_path: Path) -> None:
    halves = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    rows = halves[np.isfinite(halves)].astype(np.float32).reshape(-1, DIM)
    items = [Item("", "halves", "text", "text", number) for number in range(len(rows))]
    with Writer.open(str(tmp_path / "one"), IDENTITY) as writer:
        writer.put_content("halves", "plain", "text", FileMetadata(), items, rows)
        writer.put_file("/data/halves", 1, 2, "halves", "plain")
        writer.commit()
    join(tmp_path / "merged", str(tmp_path / "one"))
    with Reader.open(str(tmp_path / "merged")) as reader:
        (content,) = next(transfer.contents(reader))
        (vectors,) = transfer.vectors_from(reader)([content])
    assert vectors.astype(np.float16).tobytes() == rows.astype(np.float16).tobytes()


@pytest.mark.parametrize(
    ("moves", "path", "moved"),
    [
        ([("/data", "/home/me")], "/data/a/b", "/home/me/a/b"),
        ([("/data/", "/home/me")], "/data/a", "/home/me/a"),
        ([("/data", "/home/me")], "/database/a", "/database/a"),
        ([("/data", "/home"), ("/data/a", "/other")], "/data/a/b", "/other/b"),
        ([("/data/a", "/x.jpg")], "/data/a", "/x.jpg"),
        ([("/", "/mnt/box")], "/data/a", "/mnt/box/data/a"),
        ([("/data", "/")], "/data/a", "/a"),
        ([("C:\\photos", "/home/me")], "C:/photos/a.jpg", "/home/me/a.jpg"),
        ([("/data/\udcff", "/home")], "/data/\udcff/\udcfe", "/home/\udcfe"),
    ],
)
@pytest.mark.skipif(os.name == "nt", reason="paths of POSIX")
def test_beginnings_of_paths_are_rewritten(moves: list[tuple[str, str]], path: str, moved: str) -> None:
    assert Moves(moves)(path) == moved
    assert Moves(moves).unused == {old for old, _ in moves}
