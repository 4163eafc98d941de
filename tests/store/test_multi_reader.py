"""Several indexes answer as the one would that is merged from them."""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pytest

from mmsearch.errors import IndexMismatch, IndexMissing
from mmsearch.extras import duplicates
from mmsearch.search.request import SearchRequest
from mmsearch.search.searcher import Searcher
from mmsearch.store import EVERYTHING, AnyReader, Bounds, Filter, Located, Reader, multi_overlap, open_reader
from mmsearch.store.multi_reader import MultiReader
from mmsearch.store.transfer import Importer, merge
from mmsearch.store.word_search import WordMatches
from mmsearch.store.words.query import parse_query
from mmsearch.store.writer import Writer
from mmsearch.types import MODALITIES, FileMetadata, Item, Modality, Query, QueryPart, Span
from tests.search.helpers import Pointer
from tests.store.helpers import DIM, IDENTITY, make, parts, put, unit, vectors_of

WORDS = [
    *("sun", "rain", "tomato", "garden", "bike", "chain", "sea"),
    *("train", "beach", "night", "morning", "water", "oil", "brake"),
]


def content(digest: str, chance: random.Random) -> tuple[Modality, list[Item], np.ndarray]:
    """A content of one to four parts, some of them passages; all of it follows from its name."""
    modality = chance.choice(MODALITIES)
    items = [Item("", digest, modality, modality, 0, text=" ".join(chance.choices(WORDS, k=6)))]
    for ordinal in range(1, chance.randint(1, 4)):
        text = " ".join(chance.choices(WORDS, k=chance.randint(1, 30)))
        items.append(Item("", digest, modality, "text", ordinal, Span("line", ordinal, ordinal), text))
    return modality, items, vectors_of(digest, items)


def shards_of(folder: Path, seed: int, count: int = 3, files: int = 40, shared: float = 0.0) -> list[str]:
    """Indexes of files at random, a share of which several of them know, each perhaps as another content."""
    chance = random.Random(seed)
    names = [f"{chance.choice(WORDS)}/{chance.choice(WORDS)}-{number}.x" for number in range(files)]
    directories = []
    for shard in range(count):
        directories.append(str(folder / f"shard{shard}"))
        with Writer.open(directories[-1], IDENTITY) as writer:
            for number, name in enumerate(names):
                if number % count != shard and chance.random() >= shared:
                    continue
                digest = f"d{number}" if chance.random() < 0.7 or not shared else f"d{chance.randrange(files)}"
                modality, items, rows = content(digest, random.Random(digest))
                writer.put_content(digest, "kind", modality, FileMetadata(width=10 * len(items)), items, rows)
                writer.put_file(f"/data/{name}", number, chance.randint(1, 3), digest, "kind")
            writer.put_failure(f"/data/broken{shard // 2}", 0, shard, "broken")
            writer.commit()
            for name in names:
                if chance.random() < 0.1:
                    writer.mark_missing(f"/data/{name}")
            writer.commit()
    return directories


def merged(target: Path, directories: Sequence[str]) -> str:
    with Writer.open(str(target), IDENTITY) as writer:
        merge([Reader.open(directory) for directory in directories], Importer(writer))
    return str(target)


FILTERS = (
    EVERYTHING,
    Filter(modalities=frozenset({"image", "text"})),
    Filter(accept=lambda path: path.endswith(("1.x", "4.x", "7.x"))),
    Filter(folders=("/data/sun", "/data/sea", "/data/bike")),
    Filter(width=Bounds(20, 30), size=Bounds(5, None)),
)


Ranking: TypeAlias = "list[tuple[list[Located], float]]"


def ranked(reader: AnyReader, hits: Sequence[tuple[int, float]], where: Filter) -> Ranking:
    """Hits without their ids: where they are and their scores, equal ones by path."""
    locations = reader.locate([item for item, _ in hits], where)
    lines = [([replace(location, item_id=0) for location in locations[item]], score) for item, score in hits]
    return sorted(lines, key=lambda line: (-round(line[1], 5), [(hit.item.path, hit.item.ordinal) for hit in line[0]]))


def same(first: Ranking, second: Ranking, exactly: bool) -> bool:
    """Whether two answers are alike; scores to the last digit, or but for the rounding of sums in another order."""
    assert [places for places, _ in first] == [places for places, _ in second]
    scores, others = [score for _, score in first], [score for _, score in second]
    return scores == (others if exactly else pytest.approx(others, abs=1e-6))


def by_score(matches: WordMatches) -> list[tuple[int, float]]:
    return sorted(((item, match.score) for item, match in matches.rows.items()), key=lambda pair: (-pair[1], pair[0]))


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("shared", [0.0, 0.3])
def test_several_indexes_answer_as_one_merged_from_them(tmp_path: Path, seed: int, shared: float) -> None:
    directories = shards_of(tmp_path, seed, shared=shared)
    with Reader.open(merged(tmp_path / "all", directories)) as joint, open_reader(directories) as several:
        assert isinstance(several, MultiReader)
        queries = np.stack([unit("query", seed, number) for number in range(3)])
        for where in FILTERS:
            for partition, k in product(MODALITIES, (1, 5, 1000)):
                results = (reader.search_all(queries, partition, k, where) for reader in (several, joint))
                for actual, expected in zip(*results, strict=True):
                    # What is dead or filtered out has the rest compared as a product of matrices.
                    assert same(ranked(several, actual, where), ranked(joint, expected, where), exactly=False)
            passages, expected_passages = (
                ranked(reader, by_score(reader.search_passages(parse_query("sun rain oil"), where)), where)
                for reader in (several, joint)
            )
            names, others = (
                sorted((match.path, match.covered) for match in reader.search_names(parse_query("sun 3"), where))
                for reader in (several, joint)
            )
            if shared:  # what several indexes hold is counted in each for how rare a word is
                paths, expected_paths = (
                    sorted(str(line[0]) for line in lines) for lines in (passages, expected_passages)
                )
                assert paths == expected_paths
                assert [path for path, _ in names] == [path for path, _ in others]
            else:
                assert same(passages, expected_passages, exactly=True)
                assert names == others
        actual, expected = several.status(), joint.status()
        for name in ("files", "modalities", "items", "missing", "identity", "roots"):
            assert getattr(actual, name) == getattr(expected, name), name
        assert list(several.failures(unsupported=True)) == list(joint.failures(unsupported=True))
        assert not list(several.problems())


@pytest.mark.parametrize("mode", ["dense", "lexical", "hybrid"])
@pytest.mark.parametrize("segments", [False, True])
def test_a_whole_search_ranks_alike(tmp_path: Path, mode: str, segments: bool) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    directories = [str(tmp_path / name) for name in ("first", "second")]
    for shard, directory in enumerate(directories):
        with Writer.open(directory, IDENTITY) as writer:
            for number in range(shard, 30, 2):
                digest = f"d{number}"
                path = folder / f"{WORDS[number % len(WORDS)]}{number}.x"
                path.write_text(digest)
                modality, items, rows = content(digest, random.Random(digest))
                writer.put_content(digest, "kind", modality, FileMetadata(), items, rows)
                writer.put_file(str(path), len(digest), path.stat().st_mtime_ns, digest, "kind")
            writer.commit()
    all_of_it = merged(tmp_path / "all", directories)
    options = SearchRequest(top=50, mode=mode, all_segments=segments, explain=True)  # type: ignore[arg-type]
    query = Query((QueryPart("sun water"),))
    with Reader.open(all_of_it) as joint, open_reader(directories) as several:
        actual, expected = (Searcher(reader, Pointer()).search(query, options) for reader in (several, joint))
        assert len(actual) > 5
        for hit, other in zip(actual, expected, strict=True):
            assert (hit.rank, hit.item, hit.score) == (other.rank, other.item, other.score)
            assert hit.relevance == pytest.approx(other.relevance, abs=1e-4)
            assert {name: stage.rank for name, stage in hit.stages.items()} == {
                name: stage.rank for name, stage in other.stages.items()
            }


def test_one_file_in_two_indexes_is_one_hit_and_the_newer_one_counts(tmp_path: Path) -> None:
    old, new = str(tmp_path / "old"), str(tmp_path / "new")
    with Writer.open(old, IDENTITY) as writer:
        put(writer, "/data/x", "early", mtime_ns=1)
        put(writer, "/data/y", "same", mtime_ns=1)
        writer.commit()
    with Writer.open(new, IDENTITY) as writer:
        put(writer, "/data/x", "late", mtime_ns=2)
        put(writer, "/data/y", "same", mtime_ns=1)
        writer.commit()
    for order in ([old, new], [new, old]):
        with open_reader(order) as reader:
            hits = reader.search(unit("early", 0), "image", 9)
            located = reader.locate([item for item, _ in hits])
            paths = sorted(location.item.path for files in located.values() for location in files)
            assert paths == ["/data/x", "/data/y"]
            record = reader.file("/data/x")
            assert record is not None
            assert record.digest == "late"
            assert len(reader.items_at("/data/x")) == 2
            assert [match.path for match in reader.search_names(parse_query("x"))] == ["/data/x"]
            assert not reader.search_passages(parse_query("early")).rows
            assert reader.catalog.copies("early") == []
            assert reader.status().files == {"ok": 2}


def test_what_is_hidden_does_not_keep_others_out_of_a_short_list(tmp_path: Path) -> None:
    names = [f"f{number}" for number in range(12)]
    many, few = make(tmp_path / "many", *names, "far"), str(tmp_path / "few")
    with Writer.open(few, IDENTITY) as writer:
        for name in names:
            writer.put_failure(f"/data/{name}", 1, 5, "broken since")
        writer.commit()
    with open_reader([many, few]) as reader:
        (hit,) = reader.search(unit("f1", 0), "image", 1)
        assert [location.item.path for location in reader.locate([hit[0]])[hit[0]]] == ["/data/far"]


def test_a_content_that_several_indexes_hold_counts_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = make(tmp_path / "first", "a", "b", "00f"), make(tmp_path / "second", "b", "c", "00f")
    with open_reader([first, second]) as reader:
        assert reader.file_counts() == {"image": 4}
        monkeypatch.setattr(multi_overlap, "_MOST_COMPARED", 5)
        assert reader.file_counts() == {"image": 1}, "an estimate: one of the digests that begin with 00 is in both"


def test_samples_are_of_all_indexes_in_their_proportions(tmp_path: Path) -> None:
    few, many = make(tmp_path / "few", "a", "b"), make(tmp_path / "many", *(f"m{number}" for number in range(30)))
    with open_reader([few, many]) as reader:
        assert reader.counts() == {"text": 32, "image": 32}
        assert len(reader.sample("image")) == 32
        assert len(reader.sample("image", 16)) == 16
        assert reader.sample("audio").shape == (0, DIM)


def test_copies_in_several_indexes_are_duplicates(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    directories = []
    for number in range(2):
        directories.append(str(tmp_path / f"index{number}"))
        with Writer.open(directories[-1], IDENTITY) as writer:
            for name, digest in ((f"copy{number}.x", "same"), (f"own{number}.x", f"own{number}"), ("both.x", "both")):
                path = folder / name
                path.write_text(digest)
                items = parts(digest)
                writer.put_content(digest, "kind", "image", FileMetadata(), items, vectors_of(digest, items))
                writer.put_file(str(path), len(digest), path.stat().st_mtime_ns, digest, "kind")
            writer.commit()
    with open_reader(directories) as several:
        groups = duplicates.find(several).groups
    assert [[os.path.basename(member.path) for member in group.members] for group in groups] == [["copy0.x", "copy1.x"]]


def test_unlike_indexes_are_refused_and_missing_ones_named(tmp_path: Path) -> None:
    one = make(tmp_path / "one", "a")
    Writer.open(str(tmp_path / "other"), replace(IDENTITY, dim=8)).close()
    with pytest.raises(IndexMismatch, match=r"one and .*other cannot go together: in the first dim is 16, not 8"):
        open_reader([one, str(tmp_path / "other")])
    with pytest.raises(IndexMissing, match="nowhere"):
        open_reader([one, str(tmp_path / "nowhere")])
    assert isinstance(open_reader([one]), Reader)
