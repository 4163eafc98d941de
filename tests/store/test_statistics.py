"""The statistics of an index agree with its contents after every kind of change."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mmsearch.store import EVERYTHING, Filter, Reader, faiss_files, row_table, statistics, vector_search
from mmsearch.store.integrity import repair
from mmsearch.store.writer import Writer
from mmsearch.types import MODALITIES, FileMetadata, Item, Modality, Span
from tests.store.helpers import IDENTITY, make, parts, put, unit, vectors_of

NEWER = Filter(folders=("/data/new",))


def change(directory: str) -> None:
    """Commits, deletions, a merge, missing files, and ids of contents that are used a second time."""
    with Writer.open(directory, IDENTITY) as writer:
        for batch in range(12):
            for number in range(6):
                put(writer, f"/data/{'new' if number % 3 else 'old'}/{batch}-{number}", f"{batch}-{number}")
            writer.commit()
        for number in range(6):
            writer.remove(f"/data/{'new' if number % 3 else 'old'}/11-{number}")
        writer.commit()
        put(writer, "/data/new/again", "again")
        writer.mark_missing("/data/old/3-0")
        writer.commit()


def answers(directory: str) -> dict[object, object]:
    with Reader.open(directory) as reader:
        results: dict[object, object] = {"counts": reader.counts()}
        for where in (EVERYTHING, NEWER, Filter(modalities=frozenset({"image"})), Filter(size=NEWER.size)):
            for partition in ("image", "text"):
                hits = reader.search(unit("3-1", 0), partition, 500, where)  # type: ignore[arg-type]
                results[where, partition] = [(item, round(score, 5)) for item, score in hits]
        results["sample"] = sorted(reader.sample("image").round(3).tolist())
        return results


def without_summaries(directory: str, tmp_path: Path) -> str:
    """The same index as nobody has kept summaries for."""
    copy = str(shutil.copytree(directory, tmp_path / "without"))
    with closing(sqlite3.connect(Path(copy, "meta.sqlite"))) as db:
        statistics.clear(db)
        db.commit()
    return copy


@pytest.mark.parametrize("few", [0, 4096])
def test_answers_are_those_of_an_index_without_summaries(
    few: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = make(tmp_path / "index", "first")
    change(directory)
    monkeypatch.setattr(row_table, "_LOOKUP_LIMIT", few)
    assert answers(directory) == answers(without_summaries(directory, tmp_path))


def test_a_sound_index_has_no_problems_and_a_writer_makes_what_is_lacking(tmp_path: Path) -> None:
    directory = make(tmp_path / "index", "first")
    change(directory)
    copy = without_summaries(directory, tmp_path)
    with Reader.open(directory) as reader, Reader.open(copy) as lacking:
        assert list(reader.problems()) == []
        assert any("column" in line for line in lacking.problems())
    Writer.open(copy, IDENTITY).close()
    with Reader.open(copy) as reader:
        assert list(reader.problems()) == []


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("UPDATE columns SET contents = zeroblob(length(contents))", "column"),
        ("UPDATE columns SET contents = x'00'", "column"),
        ("DELETE FROM pairs", "pair"),
        ("INSERT INTO samples VALUES (99999, 'image', 5, x'00')", "samples"),
        ("UPDATE samples SET place = place + 1", "samples"),
        ("UPDATE samples SET vector = x'0000'", "samples"),
        ("UPDATE meta SET value = '1' WHERE key = 'summarised'", "summaries"),
    ],
)
def test_what_is_wrong_is_found_and_mended(damage: str, message: str, tmp_path: Path) -> None:
    directory = make(tmp_path / "index", "first")
    change(directory)
    before = answers(directory)
    with closing(sqlite3.connect(Path(directory, "meta.sqlite"))) as db:
        db.execute(damage)
        db.commit()
    with Reader.open(directory) as reader:
        assert any(message in line for line in reader.problems())
    assert repair(directory).lost == []
    with Reader.open(directory) as reader:
        assert list(reader.problems()) == []
    assert answers(directory) == before


def put_many(writer: Writer, names: range) -> None:
    """Pictures that only the index knows, in one content each."""
    for number in names:
        digest = f"many-{number}"
        items = [Item("", digest, "image", "image", n, Span("second", n, n + 1)) for n in range(20)]
        writer.put_content(digest, "image", "image", FileMetadata(), items, vectors_of(digest, items))
        writer.put_file(f"/data/{digest}", 1, 1, digest, "image")
    writer.commit()


def sampled(directory: str) -> tuple[int, int]:
    """How many are sampled, and the sum of their ids."""
    with closing(sqlite3.connect(Path(directory, "meta.sqlite"))) as db:
        assert db.execute("SELECT count(*) FROM samples WHERE item_id NOT IN (SELECT id FROM items)").fetchone() == (0,)
        return db.execute("SELECT count(*), total(item_id) FROM samples").fetchone()  # type: ignore[no-any-return]


def test_a_sample_stays_bounded_and_spread_as_a_partition_grows_and_shrinks(tmp_path: Path) -> None:
    directory = str(tmp_path)
    with Writer.open(directory, IDENTITY) as writer:
        for start in range(0, 300, 50):
            put_many(writer, range(start, start + 50))
    count, total = sampled(directory)
    assert statistics.FEWEST <= count <= statistics.MOST
    assert abs(total / count - 3000) < 150, "as many early ones as late ones"
    with Writer.open(directory, IDENTITY) as writer:
        for number in range(270):
            writer.remove(f"/data/many-{number}")
        writer.commit()
    count, total = sampled(directory)
    assert count == 600, "all that there are"
    with Reader.open(directory) as reader:
        sample = reader.sample("image", 1000)
        assert sample.shape == (600, 16) and list(reader.problems()) == []
        assert np.allclose(sample[0], reader.vectors_of([270 * 20 + 1])[270 * 20 + 1])


def test_a_sample_leaves_out_what_is_missing(tmp_path: Path) -> None:
    directory = make(tmp_path, "a", "b", "c")
    with Writer.open(directory, IDENTITY) as writer:
        writer.mark_missing("/data/b")
        writer.commit()
    with Reader.open(directory) as reader:
        assert len(reader.sample("image")) == 2


def test_a_search_for_one_type_opens_no_file_of_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = str(tmp_path)
    with Writer.open(directory, IDENTITY) as writer:
        for modality in MODALITIES:
            items = [Item("", modality, modality, modality)]
            writer.put_content(modality, modality, modality, FileMetadata(), items, vectors_of(modality, items))
            writer.put_file(f"/data/{modality}", 1, 1, modality, modality)
        writer.commit()
    opened: list[str] = []
    original = faiss_files.SegmentFile.__init__

    def noting(self: faiss_files.SegmentFile, path: str, *rest: int) -> None:
        opened.append(Path(path).parent.name)
        original(self, path, *rest)

    monkeypatch.setattr(faiss_files.SegmentFile, "__init__", noting)
    pictures = Filter(modalities=frozenset[Modality]({"image"}))
    with Reader.open(directory) as reader:
        reader.open_files(pictures)
        by_partition = {name: reader.search(unit("image", 0), name, 3, pictures) for name in MODALITIES}
        for name in MODALITIES:
            reader.sample(name)
    assert opened == ["image"]
    assert [name for name, hits in by_partition.items() if hits] == ["image"]


@pytest.mark.parametrize("k", [1, 5, 100])
def test_sieving_finds_what_listing_finds(k: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = make(tmp_path)
    change(directory)
    filters = (NEWER, Filter(folders=("/data/old",)), Filter(accept=lambda path: path.endswith("again")))
    filters += (replace(NEWER, modalities=frozenset({"image"})), Filter(modalities=frozenset({"text"})))
    queries = np.stack([unit("query", number) for number in range(4)])

    def filtered_hits() -> list[list[list[tuple[int, float]]]]:
        with Reader.open(directory) as reader:
            every = [reader.search_all(queries, "text", k, where) for where in filters]
        return [[[(item, round(score, 5)) for item, score in hits] for hits in some] for some in every]

    listed = filtered_hits()
    for candidates in (10, 1_000_000):
        monkeypatch.setattr(vector_search, "ROWS_PER_CANDIDATE", 40 / candidates)
        assert filtered_hits() == listed and any(listed[0])


def test_a_filter_that_is_asked_for_again_and_again_is_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = str(tmp_path)
    with Writer.open(directory, IDENTITY) as writer:
        put_many(writer, range(200))
    few = Filter(accept=lambda path: path.endswith("7"))
    monkeypatch.setattr(vector_search, "ROWS_PER_CANDIDATE", 30)
    sieved: list[int] = []
    passing = row_table.RowTable.passing

    def watched(table: row_table.RowTable, ids: Iterable[int], where: Filter) -> set[int]:
        sieved.append(1)
        return passing(table, ids, where)

    monkeypatch.setattr(row_table.RowTable, "passing", watched)
    results, times = [], []
    with Reader.open(directory) as reader:
        for _ in range(20):
            results.append([item for item, _ in reader.search(unit("query", 0), "image", 3, few)])
            times.append(len(sieved))
    assert all(items == results[0] for items in results) and len(results[0]) == 3
    assert times[0] > 0, "it is sieved at first"
    assert times[-1] == times[-2], "and listed in the end"


def test_a_commit_reads_no_vectors_but_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = str(tmp_path)
    with Writer.open(directory, IDENTITY) as writer:
        put_many(writer, range(200))
        monkeypatch.setattr(faiss_files.SegmentFile, "__init__", lambda *_: pytest.fail("an older file is opened"))
        writer.put_failure("/data/broken", 1, 1, "broken")
        writer.remove("/data/many-7")
        writer.commit()


def test_items_of_one_content_lie_where_their_column_says(tmp_path: Path) -> None:
    directory = make(tmp_path, "a", "b")
    with closing(sqlite3.connect(tmp_path / "meta.sqlite")) as db:
        (number,) = db.execute("SELECT id FROM segments WHERE partition = 'text'").fetchone()
        column = statistics.column(db, number, 2)
        assert column is not None
        assert column.tolist() == [content for (content,) in db.execute("SELECT id FROM contents ORDER BY id")]
        assert len(parts("a")) == 2
    assert directory == str(tmp_path)


def test_status_counts_copies_missing_files_and_failures(tmp_path: Path) -> None:
    directory = make(tmp_path, "a", "b", "c")
    with Writer.open(directory, IDENTITY) as writer:
        put(writer, "/data/copy", "a")
        put(writer, "/data/gone copy", "a")
        put(writer, "/data/note", "note", modality="text")
        put(writer, "/data/gone", "gone", modality="text")
        for name in ("failed", "gone failure"):
            writer.put_failure(f"/data/{name}", 1, 1, "broken")
        writer.put_unsupported("/data/odd", 1, 1, "of no kind")
        for name in ("gone copy", "gone", "b", "gone failure"):
            writer.mark_missing(f"/data/{name}")
        writer.commit()
    with Reader.open(directory) as reader:
        status = reader.status()
    assert status.files == {"ok": 4, "failed": 1, "unsupported": 1}
    assert status.modalities == {"image": 3, "text": 1}
    assert status.missing == 4
