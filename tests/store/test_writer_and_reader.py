"""What is put comes back: files, contents, search, filters, roots and refusals."""

from __future__ import annotations

import errno
import json
import os
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from mmsearch.errors import IndexDamaged, IndexMismatch, IndexMissing, MmsearchError
from mmsearch.store import Filter, Identity, Reader, read_identity, schema
from mmsearch.store.writer import Writer
from mmsearch.types import Box, FileMetadata, Item, LoaderSettings, ModelOptions, ResizeRule, Span
from tests.store.helpers import DIM, IDENTITY, found_paths, make, parts, put, staged, unit, vector_files, vectors_of


def stamp(directory: str) -> tuple[int, int]:
    stat = os.stat(os.path.join(directory, "meta.sqlite"))
    return stat.st_mtime_ns, stat.st_size


def test_committed_file_is_found_with_all_that_was_put(tmp_path: Path) -> None:
    item = Item("", "d1", "document", "text", 4, Span("page", 2, 2), "line one\nline two")
    with Writer.open(str(tmp_path), IDENTITY) as writer:
        writer.put_content(
            "d1", "pdf", "document", FileMetadata(10, 20, 1.5, "2020-01-02T03:04:05"), [item], unit("q")[None]
        )
        writer.put_file("/data/a.pdf", 123, 456, "d1", "pdf")
        writer.commit()
    with Reader.open(str(tmp_path)) as reader:
        [(item_id, score)] = reader.search(unit("q"), "text", 5)
        [located] = reader.locate([item_id])[item_id]
    assert score == pytest.approx(1, abs=1e-3)
    assert (located.item, located.kind) == (replace(item, path="/data/a.pdf"), "pdf")
    assert (located.size, located.mtime_ns) == (123, 456)
    assert isinstance(located.item.span.start, int)


def test_seconds_keep_their_fractions(tmp_path: Path) -> None:
    span = Span("second", np.float32(1.5), 12.25)  # loaders compute with numpy
    with Writer.open(str(tmp_path), IDENTITY) as writer:
        writer.put_content(
            "d", "audio", "audio", FileMetadata(), [Item("", "d", "audio", "audio", 0, span)], unit("q")[None]
        )
        writer.put_file("/a.wav", 1, 1, "d", "audio")
        writer.commit()
    with Reader.open(str(tmp_path)) as reader:
        [(item_id, _)] = reader.search(unit("q"), "audio", 1)
        assert reader.locate([item_id])[item_id][0].item.span == Span("second", 1.5, 12.25)


def test_boxes_survive_and_are_told_from_other_parts(tmp_path: Path) -> None:
    span = Span.of_box(Box(3, 70_000, 60_000_000, 5))
    items = [Item("", "d", "image", "image", 0), Item("", "d", "image", "image", 1, span)]
    with Writer.open(str(tmp_path), IDENTITY) as writer:
        writer.put_content("d", "image", "image", FileMetadata(), items, np.stack([unit("a"), unit("b")]))
        writer.put_file("/a.png", 1, 1, "d", "image")
        writer.commit()
    with Reader.open(str(tmp_path)) as reader:
        [(item_id, _)] = reader.search(unit("b"), "image", 1)
        assert reader.locate([item_id])[item_id][0].item.span == span
        assert reader.catalog.boxes() == [item_id]


def test_staged_is_seen_by_the_writer_and_dropped_without_commit(tmp_path: Path) -> None:
    directory = make(tmp_path, "a")
    with Writer.open(directory, IDENTITY) as writer:
        put(writer, "/data/b", "b")
        record = writer.file("/data/b")
        assert record is not None and record.modality == "image"
        assert writer.has_content("b", "image") and staged(writer) == 2
    with Reader.open(directory) as reader:
        assert reader.file("/data/b") is None
        assert found_paths(reader, "b") == []


def test_commit_without_changes_writes_nothing(tmp_path: Path) -> None:
    directory = make(tmp_path, "a")
    before = stamp(directory), vector_files(directory)
    with Writer.open(directory, IDENTITY) as writer:
        put(writer, "/data/a", "a")
        writer.add_root("/data")
    with Writer.open(directory, IDENTITY) as writer:
        before = stamp(directory), vector_files(directory)
        put(writer, "/data/a", "a")
        writer.put_content("a", "image", "image", FileMetadata(), parts("a"), vectors_of("a", parts("a")))
        writer.add_root("/data")
        writer.commit()
    assert (stamp(directory), vector_files(directory)) == before


def test_renamed_and_copied_files_share_vectors(tmp_path: Path) -> None:
    directory = make(tmp_path, "a")
    files = vector_files(directory)
    with Writer.open(directory, IDENTITY) as writer:
        put(writer, "/data/copy", "a")
        writer.remove("/data/a")
        put(writer, "/data/moved", "a")
        assert staged(writer) == 0
        writer.commit()
    with Reader.open(directory) as reader:
        assert found_paths(reader, "a") == ["/data/copy", "/data/moved"]
        assert reader.counts() == {"image": 1, "text": 1}
    assert vector_files(directory) == files


def test_same_bytes_read_in_two_ways_are_two_contents(tmp_path: Path) -> None:
    directory = make(tmp_path)
    with Writer.open(directory, IDENTITY) as writer:
        put(writer, "/data/x.jpg", "d", modality="image")
        put(writer, "/data/x.txt", "d", modality="document")
        writer.commit()
    with Reader.open(directory) as reader:
        assert reader.counts() == {"document": 1, "image": 1, "text": 2}


def test_edited_file_leaves_no_old_vectors(tmp_path: Path) -> None:
    directory = make(tmp_path, "a", "b")
    with Writer.open(directory, IDENTITY) as writer:
        put(writer, "/data/a", "new", mtime_ns=2)
        writer.commit()
        assert not writer.has_content("a", "image")
    with Reader.open(directory) as reader:
        assert found_paths(reader, "a") == [] and found_paths(reader, "new") == ["/data/a"]


def test_content_waits_for_the_commit_at_which_a_file_holds_it(tmp_path: Path) -> None:
    directory = make(tmp_path, "a")
    with Writer.open(directory, IDENTITY) as writer:
        writer.put_content("b", "image", "image", FileMetadata(), parts("b"), vectors_of("b", parts("b")))
        put(writer, "/data/c", "c")
        writer.commit()
        assert staged(writer) == 2
        writer.put_file("/data/b", 1, 1, "b", "image")
        writer.commit()
        assert staged(writer) == 0
    with Reader.open(directory) as reader:
        assert found_paths(reader, "b") == ["/data/b"]


def test_content_given_up_and_taken_again_in_one_commit_stays(tmp_path: Path) -> None:
    directory = make(tmp_path, "a")
    with Writer.open(directory, IDENTITY) as writer:
        put(writer, "/data/a", "new")
        put(writer, "/data/z", "a")
        writer.commit()
    with Reader.open(directory) as reader:
        assert found_paths(reader, "a") == ["/data/z"]
        assert reader.status().tombstones == 0


def test_file_of_an_unknown_content_is_refused(tmp_path: Path) -> None:
    with Writer.open(str(tmp_path), IDENTITY) as writer, pytest.raises(LookupError):
        writer.put_file("/a", 1, 1, "nowhere", "image")


@pytest.mark.parametrize("vectors", [np.zeros((1, DIM)), np.zeros((2, DIM + 1)), np.full((2, DIM), np.nan)])
def test_vectors_that_do_not_fit_are_refused(tmp_path: Path, vectors: np.ndarray) -> None:
    with Writer.open(str(tmp_path), IDENTITY) as writer, pytest.raises(ValueError, match="dim 16"):
        writer.put_content("d", "image", "image", FileMetadata(), parts("d"), vectors.astype(np.float32))


def test_content_without_parts_is_a_file_that_answers_nothing(tmp_path: Path) -> None:
    with Writer.open(str(tmp_path), IDENTITY) as writer:
        writer.put_content("d", "text", "text", FileMetadata(), [], np.zeros((0, DIM), np.float32))
        writer.put_file("/empty.txt", 0, 1, "d", "text")
        writer.commit()
    with Reader.open(str(tmp_path)) as reader:
        assert reader.status().files == {"ok": 1} and reader.counts() == {}
        assert reader.search(unit("x"), "text", 3) == []
        assert reader.sample("text").shape == (0, DIM)


def test_failures_are_remembered_with_their_reason(tmp_path: Path) -> None:
    directory = make(tmp_path, "a", "b", "c")
    with Writer.open(directory, IDENTITY) as writer:
        writer.put_failure("/data/b", 9, 9, "truncated")
        writer.put_unsupported("/data/c", 8, 8, "a pipe")
        writer.put_failure("/data/d", 7, 7, "gone by now")
        writer.commit()
        writer.mark_missing("/data/d")
        writer.commit()
    with Reader.open(directory) as reader:
        failures = [(record.path, record.reason, record.size) for record in reader.failures()]
        assert failures == [("/data/b", "truncated", 9)]
        assert [record.path for record in reader.failures(unsupported=True)] == ["/data/b", "/data/c"]
        assert reader.status().files == {"ok": 1, "failed": 1, "unsupported": 1}
        assert reader.status().missing == 1
        assert found_paths(reader, "b") == []


def test_missing_file_answers_nothing_until_it_is_back(tmp_path: Path) -> None:
    directory = make(tmp_path, "a", "b")
    with Writer.open(directory, IDENTITY) as writer:
        writer.mark_missing("/data/a")
        writer.mark_missing("/data/never-known")
        writer.commit()
    with Reader.open(directory) as reader:
        assert found_paths(reader, "a") == []
        assert len(reader.search(unit("a", 0), "image", 5)) == 1
        assert reader.counts() == {"image": 1, "text": 1}
        assert len(reader.sample("image")) == 1
        record = reader.file("/data/a")
        assert record is not None and record.missing and record.digest == "a"
        assert reader.file("/data/never-known") is None
    with Writer.open(directory, IDENTITY) as writer:
        put(writer, "/data/a", "a")
        writer.commit()
    with Reader.open(directory) as reader:
        assert found_paths(reader, "a") == ["/data/a"]


def test_filter_finds_k_that_pass_however_deep_they_lie(tmp_path: Path) -> None:
    directory = make(tmp_path)
    with Writer.open(directory, IDENTITY) as writer:
        for number in range(200):
            put(writer, f"/data/{number:03}.{'keep' if number % 20 == 0 else 'drop'}", f"d{number}")
        writer.commit()
    where = Filter(accept=lambda path: path.endswith(".keep"))
    with Reader.open(directory) as reader:
        hits = reader.search(unit("query"), "image", 10, where)
        expected = sorted((float(unit("query") @ unit(f"d{n}", 0)) for n in range(0, 200, 20)), reverse=True)
        assert [score for _, score in hits] == pytest.approx(expected, abs=2e-3)
        locations = reader.locate([item for item, _ in hits], where)
        assert all(location[0].item.path.endswith(".keep") for location in locations.values())


def test_filter_by_modality_is_what_the_file_is(tmp_path: Path) -> None:
    directory = make(tmp_path)
    with Writer.open(directory, IDENTITY) as writer:
        put(writer, "/data/p.pdf", "p", modality="document")
        put(writer, "/data/i.png", "i", modality="image")
        writer.commit()
    with Reader.open(directory) as reader:
        only = reader.search(unit("i", 1), "text", 5, Filter(modalities=frozenset({"document"})))
        located = reader.locate([item for item, _ in only])
        assert [locations[0].item.path for locations in located.values()] == ["/data/p.pdf"]
        assert reader.search(unit("i", 1), "text", 5, Filter(modalities=frozenset())) == []


def test_copy_that_passes_the_filter_answers_for_the_content(tmp_path: Path) -> None:
    directory = make(tmp_path, "a")
    with Writer.open(directory, IDENTITY) as writer:
        put(writer, "/other/a", "a")
        writer.commit()
    where = Filter(accept=lambda path: path.startswith("/other/"))
    with Reader.open(directory) as reader:
        [(item_id, _)] = reader.search(unit("a", 0), "image", 5, where)
        assert [located.item.path for located in reader.locate([item_id], where)[item_id]] == ["/other/a"]
        assert len(reader.locate([item_id])[item_id]) == 2


def test_equal_scores_come_in_order_of_ids(tmp_path: Path) -> None:
    with Writer.open(str(tmp_path), IDENTITY) as writer:
        for number in range(50):
            writer.put_content(f"d{number}", "i", "image", FileMetadata(), parts("d")[:1], unit("same")[None])
            writer.put_file(f"/{number}", 1, 1, f"d{number}", "i")
        writer.commit()
    with Reader.open(str(tmp_path)) as reader:
        assert [item for item, _ in reader.search(unit("same"), "image", 7)] == [1, 2, 3, 4, 5, 6, 7]


def test_more_asked_for_than_there_is_gives_all(tmp_path: Path) -> None:
    directory = make(tmp_path, "a", "b", "c")
    with Reader.open(directory) as reader:
        assert len(reader.search(unit("a", 0), "image", 1000)) == 3
        assert reader.search(unit("a", 0), "image", 0) == []
        assert reader.search(unit("a", 0), "video", 5) == []
        with pytest.raises(ValueError, match="shape"):
            reader.search(np.zeros(DIM + 1, np.float32), "image", 5)


def test_sample_is_spread_and_repeatable(tmp_path: Path) -> None:
    directory = make(tmp_path)
    with Writer.open(directory, IDENTITY) as writer:
        for batch in range(4):
            for number in range(25):
                put(writer, f"/data/{batch}/{number}", f"{batch}-{number}")
            writer.commit()
    with Reader.open(directory) as reader:
        sample = reader.sample("image", 10)
        assert np.array_equal(sample, reader.sample("image", 10))
        assert np.allclose(np.linalg.norm(sample, axis=1), 1, atol=1e-3)
        everything = np.stack([unit(f"{batch}-{number}", 0) for batch in range(4) for number in range(25)])
        picked = np.argmax(sample @ everything.T, axis=1)
        assert [index // 25 for index in picked] == sorted(index // 25 for index in picked)
        assert {index // 25 for index in picked} == {0, 1, 2, 3}
        assert len(reader.sample("image")) == 100


def test_paths_under_a_root_are_those_below_it_alone(tmp_path: Path) -> None:
    directory = make(tmp_path / "index", "a", "a/b", "a.txt", "a0", "ab/c", "z")
    with Writer.open(directory, IDENTITY) as writer:
        put(writer, "/data/a/staged", "s")
        assert sorted(writer.paths_under("/data/a")) == ["/data/a", "/data/a/b"]
        assert len(list(writer.paths_under("/data"))) == len(list(writer.paths_under("/"))) == 6
        assert len(list(writer.paths_under(""))) == len(list(writer.paths_under(None))) == 6
        assert list(writer.paths_under("/data/none")) == []


def test_paths_can_be_changed_while_they_are_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mmsearch.store.writer._PAGE", 2)
    directory = make(tmp_path, *"abcdefg")
    with Writer.open(directory, IDENTITY) as writer:
        seen = []
        for path in writer.paths_under("/data"):
            seen.append(path)
            writer.remove(path)
            writer.commit()
        assert len(seen) == 7 and list(writer.paths_under(None)) == []


def test_status_counts_and_needs_no_faiss(tmp_path: Path) -> None:
    directory = make(tmp_path, "a", "b")
    code = (
        "import sys; from mmsearch.store import Reader\n"
        f"with Reader.open({directory!r}) as r: s = r.status(); print(s.files, s.items, s.segments, s.bytes > 1000)\n"
        "assert 'faiss' not in sys.modules"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout == "{'ok': 2} {'image': 2, 'text': 2} 2 True\n"


def test_no_index_is_missing_and_has_no_identity(tmp_path: Path) -> None:
    assert read_identity(str(tmp_path)) is None
    assert read_identity(str(tmp_path / "none")) is None
    with pytest.raises(IndexMissing, match="mmsearch index"):
        Reader.open(str(tmp_path))
    sqlite3.connect(tmp_path / "meta.sqlite").execute("PRAGMA journal_mode = WAL")  # killed before the first tables
    assert read_identity(str(tmp_path)) is None
    with pytest.raises(IndexMissing):
        Reader.open(str(tmp_path))


def test_identity_survives(tmp_path: Path) -> None:
    options = ModelOptions("org/model", "abc", None, "bfloat16", None, 1 << 20, {"a": [1, 2]}, {"b": None}, True)
    loader = LoaderSettings(page_side=512, image_fit=ResizeRule("squash", 8, 8))
    identity = Identity(options, "f", 8, frozenset({"text", "video"}), loader)
    Writer.open(str(tmp_path), identity).close()
    assert read_identity(str(tmp_path)) == identity
    Writer.open(str(tmp_path), replace(identity, options=replace(options, device="cuda"))).close()


def test_an_identity_from_before_tiles_has_none(tmp_path: Path) -> None:
    identity = Identity(ModelOptions(tiles=True), "f", 8, frozenset({"image"}), LoaderSettings(tiles=True))
    older = json.loads(identity.to_json())
    for part in ("options", "loader"):
        del older[part]["tiles"]
    identity_before_tiles = Identity.from_json(json.dumps(older))
    assert (identity_before_tiles.options.tiles, identity_before_tiles.loader.tiles) == (False, False)


def test_another_model_is_refused_with_both_values_and_the_remedy(tmp_path: Path) -> None:
    directory = make(tmp_path, "a")
    other = Identity(
        ModelOptions("clip-b32", dtype="bfloat16"), "f2", 512, IDENTITY.modalities, LoaderSettings(image_side=224)
    )
    with pytest.raises(IndexMismatch) as caught:
        Writer.open(directory, other)
    message = str(caught.value)
    for part in ("model is builtin, not clip-b32", "dtype is unset, not bfloat16", "dim is 16, not 512"):
        assert part in message
    assert "image_side is unset, not 224" in message and "--rebuild" in message and "audio" not in message
    with Reader.open(directory) as reader:
        assert found_paths(reader, "a") == ["/data/a"]


def test_rebuild_starts_anew_with_names_never_used(tmp_path: Path) -> None:
    directory = make(tmp_path, "a")
    old = vector_files(directory)
    other = replace(IDENTITY, fingerprint="f2")
    with Writer.open(directory, other, rebuild=True) as writer:
        assert writer.file("/data/a") is None and list(writer.paths_under(None)) == [] and writer.roots() == []
        put(writer, "/data/b", "b")
        writer.commit()
    assert read_identity(directory) == other
    assert vector_files(directory).isdisjoint(old)
    with Reader.open(directory) as reader:
        assert reader.status().files == {"ok": 1}


def test_newer_format_is_refused(tmp_path: Path) -> None:
    directory = make(tmp_path, "a")
    with sqlite3.connect(tmp_path / "meta.sqlite") as db:
        db.execute("UPDATE meta SET value = '99' WHERE key = 'format'")
    db.close()
    for attempt in (read_identity, Reader.open, lambda path: Writer.open(path, IDENTITY)):
        with pytest.raises(IndexMismatch, match=r"format 99.*upgrade"):
            attempt(directory)
    Writer.open(directory, IDENTITY, rebuild=True).close()
    assert read_identity(directory) == IDENTITY


@pytest.mark.parametrize("damage", [b"garbage" * 999, b"SQLite format 3\0" + b"\xff" * 5000])
def test_garbage_is_damage_and_rebuild_replaces_it(tmp_path: Path, damage: bytes) -> None:
    directory = make(tmp_path, "a")
    Path(directory, "meta.sqlite").write_bytes(damage)
    for attempt in (read_identity, Reader.open, lambda path: Writer.open(path, IDENTITY)):
        with pytest.raises(IndexDamaged, match="--rebuild"):
            attempt(directory)
    old = vector_files(directory)
    with Writer.open(directory, IDENTITY, rebuild=True) as writer:
        put(writer, "/data/b", "b")
        writer.commit()
    assert vector_files(directory).isdisjoint(old)
    with Reader.open(directory) as reader:
        assert found_paths(reader, "b") == ["/data/b"]


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "meta.sqlite") as db:
        db.execute("CREATE TABLE precious (a)")
    db.close()
    with pytest.raises(IndexDamaged, match="not an mmsearch index"):
        Writer.open(str(tmp_path), IDENTITY, rebuild=True)
    with sqlite3.connect(tmp_path / "meta.sqlite") as db:
        assert db.execute("SELECT name FROM sqlite_master").fetchall() == [("precious",)]
    db.close()


def test_vector_file_that_is_gone_or_cut_is_damage(tmp_path: Path) -> None:
    directory = make(tmp_path, "a")
    [image] = [Path(directory, "vectors", name) for name in vector_files(directory) if name.startswith("image/")]
    data = image.read_bytes()
    for broken in (data[:20], data[:-5], b""):
        image.write_bytes(broken)
        with Reader.open(directory) as reader, pytest.raises(IndexDamaged, match="--repair"):
            reader.search(unit("a", 0), "image", 1)
    image.unlink()
    with Reader.open(directory) as reader:
        with pytest.raises(IndexDamaged, match="gone"):
            reader.search(unit("a", 0), "image", 1)
        assert len(list(reader.problems())) == 1
        assert found_paths(reader, "a", partition="text") == ["/data/a"]


def test_flipped_bit_is_a_problem_that_is_named(tmp_path: Path) -> None:
    directory = make(tmp_path, "a")
    with Reader.open(directory) as reader:
        assert list(reader.problems()) == []
    [name] = [name for name in vector_files(directory) if name.startswith("image/")]
    data = bytearray(Path(directory, "vectors", name).read_bytes())
    data[-20] ^= 1
    Path(directory, "vectors", name).write_bytes(data)
    with Reader.open(directory) as reader:
        [problem] = reader.problems()
    assert name in problem


def test_file_in_the_way_of_the_index_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "index").write_text("not a directory")
    with pytest.raises(MmsearchError, match="in the way"):
        Writer.open(str(tmp_path / "index"), IDENTITY)


def test_only_committed_files_that_are_as_they_were_are_unchanged(tmp_path: Path) -> None:
    directory = make(tmp_path / "index", "a", "b", "c", "d")
    stamps = [("/data/a", 1, 1), ("/data/b", 1, 2), ("/data/c", 1, 1), ("/data/d", 1, 1), ("/data/new", 1, 1)]
    with Writer.open(directory, IDENTITY) as writer:
        writer.mark_missing("/data/d")
        writer.commit()
        writer.put_failure("/data/c", 1, 1, "broken")
        assert writer.unchanged(*zip(*stamps, strict=True)) == [True, False, False, False, False]
        assert writer.unchanged([], [], []) == []
        writer.commit()
        assert writer.unchanged(*zip(*stamps, strict=True)) == [True, False, False, False, False]
        assert writer.count_under("/data", missing=True) == 4
        assert writer.count_under("/data", missing=False) == 3
        assert writer.count_under("/data/a", missing=False) == 1
        assert writer.count_under("/dat", missing=False) == 0


@pytest.mark.parametrize("root", ["/data", "/elsewhere"])
def test_unchanged_files_are_told_among_many_others_and_below_the_anchor(tmp_path: Path, root: str) -> None:
    directory = make(tmp_path / "index", *(f"a/{n}" for n in range(700)), "a", "z")
    paths = ["/data/a", *(f"/data/a/{n}" for n in range(0, 700, 7)), "/data/z", "/data/z\0"]
    with Writer.open(directory, IDENTITY) as writer:
        writer.add_root(str(tmp_path) if root == "/data" else root)
        assert writer.unchanged(["/data/z", "/data/a"], [1, 1], [1, 1]) == [True, True], "700 lie between them"
        sizes = [len(path) - len("/data/") for path in paths]
        assert writer.unchanged(paths, sizes, [1] * len(paths)) == [True] * (len(paths) - 1) + [False]


def test_writers_note_is_json_and_goes_with_it(tmp_path: Path) -> None:
    with Writer.open(str(tmp_path), IDENTITY):
        assert json.loads((tmp_path / "writer.json").read_text())["pid"] == os.getpid()
    assert not (tmp_path / "writer.json").exists()


@pytest.mark.parametrize(
    "problem",
    [OSError(errno.ENOSPC, "x"), OSError(errno.EDQUOT, "x"), sqlite3.OperationalError("database or disk is full")],
)
def test_a_full_disk_is_told_as_one_with_the_remedy(problem: Exception) -> None:
    with pytest.raises(MmsearchError, match="/index: the disk is full: free some space"), schema.translated("/index"):
        raise problem


@pytest.mark.parametrize("message", ["disk I/O error", "unable to open database file"])
def test_errors_that_do_not_say_why_are_those_of_the_disk_where_it_is_full(
    message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(MmsearchError, match=r"reports an error|cannot be opened"), schema.translated(str(tmp_path)):
        raise sqlite3.OperationalError(message)
    status = os.statvfs(tmp_path)
    for few in ({"f_bavail": 3}, {"f_bavail": 1 << 30, "f_files": 100, "f_favail": 2}):
        patched = SimpleNamespace(**{"f_bavail": status.f_bavail, "f_frsize": 4096, "f_files": 0, "f_favail": 0} | few)
        with monkeypatch.context() as patch, pytest.raises(MmsearchError, match="the disk is full: free some space"):
            patch.setattr(os, "statvfs", lambda _, patched=patched: patched)
            with schema.translated(str(tmp_path)):
                raise sqlite3.OperationalError(message)


def test_the_latest_files_are_those_changed_last_that_are_there_and_could_be_read(tmp_path: Path) -> None:
    with Writer.open(str(tmp_path), IDENTITY) as writer:
        writer.put_content("d", "text", "text", FileMetadata(), [Item("", "d", "text", "text", 0)], unit("q")[None])
        for name, mtime in (("old", 1), ("new", 30), ("b", 20), ("a", 20), ("gone", 40)):
            writer.put_file(f"/{name}", 1, mtime, "d", "text")
        writer.put_failure("/bad", 1, 50, "broken")
        writer.mark_missing("/gone")
        writer.commit()
    with Reader.open(str(tmp_path)) as reader:
        assert reader.catalog.latest(3) == ["/new", "/a", "/b"]
        assert reader.catalog.latest(10) == ["/new", "/a", "/b", "/old"]
