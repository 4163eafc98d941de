"""Searches by an accelerator find what comparing every vector finds, and losing one loses nothing."""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mmsearch.errors import UsageError
from mmsearch.store import EVERYTHING, Bounds, Filter, OptimizeRequest, Reader, ann_index, vector_search
from mmsearch.store.ann_build import bytes_per_vector
from mmsearch.store.ann_index import list_ann_indexes
from mmsearch.store.integrity import repair
from mmsearch.store.records import KINDS, Kind
from mmsearch.store.writer import Writer
from mmsearch.types import FileMetadata, Item
from tests.store.clusters import (
    CLUSTERED,
    CLUSTERS,
    DIM,
    SMALL,
    add,
    draw,
    exact,
    make,
    optimize,
    questions,
    recall,
    units,
)
from tests.store.helpers import vector_files

QUICK: list[Kind] = [kind for kind in KINDS if kind != "flat"]


@pytest.fixture(scope="module")
def unoptimized(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Three thousand pictures and some texts, as they are before anything is optimized."""
    return make(tmp_path_factory.mktemp("made") / "index")


@pytest.fixture(scope="module")
def large(unoptimized: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The same with an accelerator, for tests that only read."""
    directory = str(shutil.copytree(unoptimized, tmp_path_factory.mktemp("large") / "index"))
    optimize(directory)
    return directory


@pytest.fixture
def index(unoptimized: str, tmp_path: Path) -> str:
    return str(shutil.copytree(unoptimized, tmp_path / "index"))


@pytest.fixture
def fast(large: str, tmp_path: Path) -> str:
    return str(shutil.copytree(large, tmp_path / "index"))


def kinds(directory: str) -> dict[str, str]:
    with Reader.open(directory) as reader:
        return {lookup.partition: lookup.kind for lookup in reader.status().lookups}


def files(directory: str) -> set[str]:
    return {name for name in vector_files(directory) if name.endswith(".ann")}


def problems(directory: str) -> list[str]:
    with Reader.open(directory) as reader:
        return list(reader.problems())


def test_many_vectors_get_an_accelerator_and_few_do_not(index: str) -> None:
    assert kinds(index) == {"image": "flat", "text": "flat"}
    optimize(index)
    assert kinds(index) == {"image": "pq4", "text": "flat"}
    assert len(vector_files(index)) == 3, "one file of vectors each, and the accelerator"
    assert problems(index) == []


@pytest.mark.parametrize("kind", QUICK)
def test_every_kind_finds_what_comparing_all_finds(index: str, kind: Kind) -> None:
    with Reader.open(index) as reader:
        before = [dict(reader.search(query, "image", 3000)) for query in questions()]
    optimize(index, kind)
    assert kinds(index)["image"] == kind
    with Reader.open(index) as reader:
        assert recall(reader, 10) >= 0.95 and recall(reader, 64) >= 0.95
        for query, scores in zip(questions(), before, strict=True):
            hits = reader.search(query, "image", 10)
            assert hits == [(item, scores[item]) for item, _ in hits], "to the last digit"
            assert hits == sorted(hits, key=lambda hit: (-hit[1], hit[0]))
    assert problems(index) == []


def test_shorter_vectors_find_by_whole_ones(index: str) -> None:
    optimize(index, dim=DIM // 2)
    with Reader.open(index) as reader:
        (image, _) = reader.status().lookups
        assert (image.kind, image.dim) == ("pq4", DIM // 2)
        scores = [{item: -score for score, item in truth} for truth in exact(reader, questions())]
        for query, expected in zip(questions(), scores, strict=True):
            assert all(abs(expected[item] - score) < 1e-3 for item, score in reader.search(query, "image", 10))
        assert recall(reader, 10) >= 0.7


@pytest.mark.parametrize("dim", [DIM, 4096, 7])
def test_a_length_that_vectors_do_not_have_is_refused(index: str, dim: int) -> None:
    with pytest.raises(UsageError, match=rf"^--dim {dim}: .*first 8 to {DIM - 1} numbers"):
        optimize(index, dim=dim)
    assert kinds(index)["image"] == "flat"


@pytest.mark.parametrize("k", [1, 10, 400, 3000, 9999])
def test_as_many_are_found_as_there_are(large: str, k: int) -> None:
    with Reader.open(large) as reader:
        for query in questions(3):
            assert len(reader.search(query, "image", k)) == min(k, 3000)


def test_many_queries_at_once_find_what_each_finds_alone(large: str) -> None:
    with Reader.open(large) as reader:
        alone = [reader.search(query, "image", 10) for query in questions()]
        assert reader.search_all(questions(), "image", 10) == alone
        assert reader.search_all(questions()[:0], "image", 10) == []


def chosen(share: float) -> Filter:
    return Filter(accept=lambda path: int(path.split("/")[-1][:6]) * 7919 % 1000 < 1000 * share)


@pytest.mark.parametrize("kind", ["pq4", "ivf", "int8", "rabitq"])
def test_filters_leave_what_they_should(index: str, kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    """A filter that has nothing to do with the clusters, and one that leaves some clusters whole."""
    monkeypatch.setattr(vector_search, "EXACT_LIMIT", 50)  # as if there were many more
    optimize(index, kind)
    with Reader.open(index) as reader:
        for share in (0.01, 0.1, 0.6):
            assert recall(reader, 10, chosen(share)) >= 0.95
            assert recall(reader, 10, Filter(size=Bounds(0, CLUSTERS * share))) >= 0.95
        assert reader.search(questions(1)[0], "image", 10, Filter(size=Bounds(CLUSTERS + 1))) == []


@pytest.mark.parametrize("kind", QUICK)
def test_threads_that_share_a_query_find_what_one_finds(
    index: str, kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vector_search, "EXACT_LIMIT", 50)
    optimize(index, kind)
    wheres = (EVERYTHING, Filter(size=Bounds(0, CLUSTERS // 2)))
    with Reader.open(index) as reader:
        alone = [reader.search(query, "image", 10, where) for where in wheres for query in questions(20)]
        monkeypatch.setattr(ann_index, "_WORTH_THREADS", 0)
        shared = [reader.search(query, "image", 10, where) for where in wheres for query in questions(20)]
    assert shared == alone


def test_equal_vectors_come_by_id_and_none_is_passed_over(tmp_path: Path) -> None:
    directory = make(tmp_path, 1000, 10)
    same = units(np.ones((1, DIM), np.float32))
    with Writer.open(directory, CLUSTERED) as writer:
        add(writer, 5000, np.repeat(same, 300, axis=0), [0] * 300)
    optimize(directory)
    with Reader.open(directory) as reader:
        hits = reader.search(same[0], "image", 50)
        all_hits = reader.search(same[0], "image", 300)
        assert [item for item, _ in all_hits] == sorted(item for item, _ in all_hits)
        assert hits == all_hits[:50] and len({score for _, score in all_hits}) == 1


def test_new_files_are_found_at_once_and_gone_ones_never_again(fast: str) -> None:
    rows, clusters = draw("image", 50, 4242)
    with Writer.open(fast, CLUSTERED) as writer:
        add(writer, 9000, rows, clusters.tolist())
        for number in range(0, 3000, 3):
            writer.remove(f"/data/{number:06}.image")
        writer.mark_missing("/data/000001.image")
        writer.commit()
    with Reader.open(fast) as reader:
        (image, _) = reader.status().lookups
        assert (image.vectors, image.covered) == (2050, 2000)
        assert recall(reader, 10) >= 0.95
        for number, row in enumerate(rows):
            [(item, score)] = reader.search(row, "image", 1)
            assert score > 0.999
            assert reader.locate([item])[item][0].item.path == f"/data/{9000 + number:06}.image"
    assert problems(fast) == []


def test_what_lies_around_a_query_may_be_gone_altogether(fast: str) -> None:
    with Writer.open(fast, CLUSTERED) as writer:
        for path in list(writer.paths_under("/data")):
            record = writer.file(path)
            if path.endswith(".image") and record is not None and record.size < CLUSTERS // 2:
                writer.remove(path)
        writer.commit()
    with Reader.open(fast) as reader:
        assert recall(reader, 10) >= 0.95
        assert recall(reader, 10, Filter(size=Bounds(0, CLUSTERS * 0.75))) >= 0.95


def test_files_on_a_drive_that_is_away_do_not_answer(fast: str) -> None:
    with Writer.open(fast, CLUSTERED) as writer:
        for number in range(1500):
            writer.mark_missing(f"/data/{number:06}.image")
        writer.commit()
    with Reader.open(fast) as reader:
        assert recall(reader, 10) >= 0.95 and len(reader.search(questions()[0], "image", 9999)) == 1500


def test_merging_keeps_to_what_an_accelerator_covers(fast: str) -> None:
    with Writer.open(fast, CLUSTERED) as writer:
        for number in range(12):
            rows, clusters = draw("image", 5, 500 + number)
            add(writer, 4000 + 5 * number, rows, clusters.tolist())
        for number in range(1600):
            writer.remove(f"/data/{number:06}.image")
        writer.commit()
    with Reader.open(fast) as reader:
        (image, _) = reader.status().lookups
        assert (image.vectors, image.covered) == (1460, 1400)
        assert reader.status().segments <= 12 and recall(reader, 10) >= 0.95
    assert problems(fast) == []


def test_an_accelerator_of_which_nothing_is_left_goes(fast: str) -> None:
    with Writer.open(fast, CLUSTERED) as writer:
        for number in range(3000):
            writer.remove(f"/data/{number:06}.image")
        writer.commit()
    assert files(fast) == set() and kinds(fast) == {"text": "flat"}


def test_optimizing_again_does_nothing_until_there_is_something_to_do(index: str) -> None:
    with Writer.open(index, CLUSTERED) as writer:
        steps: list[tuple[str, int, int]] = []
        (image, text) = writer.optimize(SMALL, lambda *step: steps.append(step))
        assert (image.kind, image.changed, image.vectors, text.kind) == ("pq4", True, 3000, "flat")
        assert {what for what, _, _ in steps} >= {"image: training", "image: filling", "image: tuning"}
        assert image.recall is not None and image.recall >= 0.97
        before = vector_files(index)
        assert [partition.changed for partition in writer.optimize(SMALL, lambda *_: None)] == [False, False]
        assert vector_files(index) == before
        rows, clusters = draw("image", 300, 4242)
        add(writer, 9000, rows, clusters.tolist())
        assert writer.optimize(SMALL, lambda *_: None)[0].changed
    with Reader.open(index) as reader:
        assert reader.status().lookups[0].covered == 3300


def test_a_choice_is_kept_until_another_is_made(fast: str) -> None:
    optimize(fast, "int8", 32)
    rows, clusters = draw("image", 900, 4242)
    with Writer.open(fast, CLUSTERED) as writer:
        add(writer, 9000, rows, clusters.tolist())
    optimize(fast)
    with Reader.open(fast) as reader:
        (image, _) = reader.status().lookups
        assert (image.kind, image.dim, image.covered) == ("int8", 32, 3900)
    optimize(fast, "flat")
    optimize(fast)
    assert kinds(fast)["image"] == "flat" and files(fast) == set()
    optimize(fast, dim=16)
    assert kinds(fast)["image"] == "pq4"


def test_what_memory_does_not_hold_at_once_becomes_several(index: str) -> None:
    with Writer.open(index, CLUSTERED) as writer:
        writer.optimize(replace(SMALL, memory=1200 * bytes_per_vector("pq4", DIM)), lambda *_: None)
    assert len(files(index)) == 3
    with Reader.open(index) as reader:
        assert reader.status().lookups[0].covered == 3000
        assert recall(reader, 10) >= 0.95 and recall(reader, 10, chosen(0.6)) >= 0.95
    assert problems(index) == []


def test_only_slow_searches_are_told_of(index: str) -> None:
    with Writer.open(index, CLUSTERED) as writer:
        assert writer.count_slow() == 0
        assert writer.count_slow(SMALL.flat_bytes) == 3000
        writer.optimize(SMALL, lambda *_: None)
        assert writer.count_slow(SMALL.flat_bytes) == 0
        writer.optimize(replace(SMALL, kind="flat"), lambda *_: None)
        assert writer.count_slow(SMALL.flat_bytes) == 0, "it was asked for"


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 255
    path.write_bytes(data)


def nonsense(path: Path) -> None:
    path.write_bytes(b"nonsense" * 100)


@pytest.mark.parametrize("harm", [Path.unlink, cut, flip, nonsense], ids=["gone", "cut", "flipped", "nonsense"])
def test_an_accelerator_that_is_lost_or_damaged_loses_nothing(
    unoptimized: str, fast: str, harm: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    with Reader.open(unoptimized) as reader:
        before = [reader.search(query, "image", 10) for query in questions()]
    (name,) = files(fast)
    harm(Path(fast, "vectors", name))
    with Reader.open(fast) as reader, caplog.at_level(logging.WARNING):
        reader.open_files()
        after = [reader.search(query, "image", 10) for query in questions()]
    if harm is not flip:  # which only a checksum tells
        assert after == before
        assert len(caplog.messages) == 1 and "--optimize" in caplog.messages[0]
    assert any(name in line for line in problems(fast))
    repaired = repair(fast)
    assert (len(repaired.problems), repaired.lost, repaired.vectors) == (1, [], 0)
    assert problems(fast) == [] and kinds(fast)["image"] == "flat" and files(fast) == set()
    with Reader.open(fast) as reader:
        assert [reader.search(query, "image", 10) for query in questions()] == before
    optimize(fast, "int8")
    assert kinds(fast)["image"] == "int8" and problems(fast) == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE accelerators SET parameters = 'nonsense'",
        "UPDATE accelerators SET count = count - 1",
        "UPDATE accelerators SET dim = 12",
        "UPDATE segments SET accelerator_id = 77 WHERE partition = 'image'",
        "UPDATE segments SET accelerator_id = (SELECT id FROM accelerators)",
    ],
)
def test_rows_that_lie_about_an_accelerator_are_found_and_mended(unoptimized: str, fast: str, statement: str) -> None:
    with Reader.open(unoptimized) as reader:
        before = [reader.search(query, "image", 10) for query in questions(5)]
    with sqlite3.connect(Path(fast, "meta.sqlite")) as db:
        db.execute(statement)
    db.close()
    assert problems(fast) != []
    assert repair(fast).lost == [] and problems(fast) == []
    with Reader.open(fast) as reader:
        assert [reader.search(query, "image", 10) for query in questions(5)] == before


def test_an_index_under_any_name_is_mapped_as_well(large: str, tmp_path: Path) -> None:
    directory = str(shutil.copytree(large, os.path.join(tmp_path, os.fsdecode(b"caf\xe9 \xf0\x9f\x93\xb7"))))
    with Reader.open(directory) as reader:
        assert recall(reader, 10) >= 0.95


def test_a_read_only_index_is_searched(fast: str) -> None:
    (name,) = files(fast)
    os.chmod(Path(fast, "vectors", name), 0o444)
    with Reader.open(fast) as reader:
        assert recall(reader, 10) >= 0.95


def test_contents_of_several_parts_answer_as_such(tmp_path: Path) -> None:
    rows, _ = draw("image", 2000, 1)
    with Writer.open(str(tmp_path), CLUSTERED) as writer:
        for number in range(0, 2000, 10):
            items = [Item("", f"d{number}", "video", "image", ordinal) for ordinal in range(10)]
            writer.put_content(f"d{number}", "video", "video", FileMetadata(), items, rows[number : number + 10])
            writer.put_file(f"/data/{number}", number, 1, f"d{number}", "video")
        writer.commit()
        writer.optimize(SMALL, lambda *_: None)
    with Reader.open(str(tmp_path)) as reader:
        assert recall(reader, 10) >= 0.95 and recall(reader, 10, Filter(size=Bounds(1000))) >= 0.95


def test_the_effort_grows_with_what_is_wanted(large: str) -> None:
    with Reader.open(large) as reader:
        (index,) = list_ann_indexes(reader.catalog.db)
    probes = [index.effort(k).probes for k in (1, 10, 20, 50, 100, 400, 1600)]
    assert probes[0] == probes[1] and probes == sorted(probes) and probes[-1] > probes[-3]
    assert OptimizeRequest().recall == 0.97 and index.tuning.recall >= 0.97 and Filter() == EVERYTHING
