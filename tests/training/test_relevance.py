"""The constants of relevance: fitted on a made-up world they predict how often a hit is right."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mmsearch.errors import UsageError
from mmsearch.search.request import SearchRequest
from mmsearch.search.searcher import Searcher
from mmsearch.types import Modality
from tests.given import Given, GivenEmbedder, Part, asking, make, one, unit
from training.__main__ import main
from training.relevance import Judge, fit, measure, run, search_folders
from training.relevance_features import (
    Asked,
    Folder,
    Labelled,
    Library,
    Parts,
    answers,
    ask,
    draw_folder,
    read_labels,
    read_library,
    search_folder,
)

DIM = 16
KINDS: tuple[Modality, ...] = ("image", "text")
EACH = 200
WORDS = [f"{first}{second}" for first in ("bala", "kori", "meno", "tusa", "vido") for second in "bcdfghjklmnp"]
WRONG = {"image": (2.0, 6.0), "text": (3.0, 2.0)}
"""Lines by which nearly every cosine is evidence for a file."""


def world() -> tuple[Library, Asked]:
    """Pictures and notes, half of which a query asks for, by a vector near theirs and for notes by their words."""
    draw = np.random.default_rng(7)
    files = [(kind, f"/world/{kind}s/{number}.dat") for kind in KINDS for number in range(EACH)]
    vectors = unit(draw.standard_normal((len(files), DIM)).astype(np.float32))
    texts = [" ".join(draw.choice(WORDS, 12)) if kind == "text" else "" for kind, _ in files]
    parts = {
        kind: Parts(
            own := np.array([n for n, (k, _) in enumerate(files) if k == kind]), vectors[own], texts_of(texts, own)
        )
        for kind in KINDS
    }
    paths = [path for _, path in files]
    queries, rows = [], []
    for number in draw.permutation(len(files))[: len(files) // 2].tolist():
        about = " ".join(texts[number].split()[:3]) or f"picture {number}"
        queries.append(Labelled(about, (paths[number],)))
        rows.append(vectors[number] + 0.25 * draw.standard_normal(DIM))
    for number in range(20):
        queries.append(Labelled(f"nothing {number}", ()))
        rows.append(draw.standard_normal(DIM))
    embedder = GivenEmbedder({query.text: row for query, row in zip(queries, unit(np.stack(rows)), strict=True)}, DIM)
    return Library(paths, {path: number for number, path in enumerate(paths)}, parts), ask(embedder, queries)


def texts_of(texts: list[str], numbers: np.ndarray) -> list[str]:
    return [texts[number] for number in numbers.tolist()]


def test_fitted_odds_are_calibrated_where_those_before_were_not() -> None:
    library, asked = world()
    searches = search_folders(library, asked, 2, seed=0)
    before, after = Judge(WRONG), Judge(WRONG)
    fit([search for search in searches if search.query % 2 == 0], after)
    held_out = [search for search in searches if search.query % 2]
    old, new = measure(held_out, before), measure(held_out, after)
    assert set(new) == {search.size for search in searches}
    for size, found in new.items():
        assert found.error < 0.1
        assert found.error < old[size].error
    count, right = new[400].at_least[0]
    assert count > 20
    assert right is not None and right > 0.7


def test_the_report_has_constants_lines_and_reliability_of_every_size() -> None:
    library, asked = world()
    report = run(library, asked, {}, search_folders(library, asked, 1, seed=0))
    assert {"CROWD", "WORDS_SLOPE", "MISSED"} <= set(report["constants"])
    assert set(report["odds"]) == set(KINDS)
    assert report["odds"]["image"][1] > 0, "a model without lines gets some"
    assert all(set(both) == {"before", "after"} for both in report["reliability"].values())
    assert json.loads(json.dumps(report))["queries"] == len(asked.queries)


def test_a_folder_has_the_size_that_was_drawn_and_answers_of_some_queries() -> None:
    library, asked = world()
    folder = draw_folder(library, asked, 100, np.random.default_rng(1))
    assert folder.size == 100
    assert any(folder.inside[answers(library, query)].any() for query in asked.queries)
    assert draw_folder(library, asked, 10**6, np.random.default_rng(1)).size == len(library.paths)


def test_relevance_in_a_folder_of_all_files_is_that_of_a_search(tmp_path: Path) -> None:
    draw = np.random.default_rng(3)
    vectors = unit(draw.standard_normal((80, DIM)).astype(np.float32))
    files: list[Given] = [one(f"pictures/red car {n}.jpg", "image", vectors[n]) for n in range(10)]
    files += [
        Given(f"sheets/red car {n}.jpg", "image", [Part("image", vectors[at]) for at in (n, n + 50, n + 60)])
        for n in range(10, 20)
    ]
    files += [
        Given(f"notes/{n}.txt", "text", [Part("text", vectors[2 * n + k]) for k in range(2)]) for n in range(10, 30)
    ]
    lines: dict[Modality, tuple[float, float]] = {"image": (-5.0, 9.0), "text": (-4.0, 7.0)}
    embedder = GivenEmbedder({"red part": vectors[3], "blue wall": vectors[31]}, DIM)
    embedder.spec = replace(embedder.spec, odds=lines)
    with make(tmp_path, files) as reader:
        library = read_library(reader)
        asked = ask(embedder, [Labelled(text, (library.paths[0],)) for text in embedder.vectors])
        folder = Folder(library, np.ones(len(library.paths), np.bool_))
        judge = Judge({name: lines[name] for name in library.parts})
        for search, text in zip(search_folder(folder, asked, draw), embedder.vectors, strict=True):
            hits = Searcher(reader, embedder).search(asking(text), SearchRequest(top=40))
            values = sorted(judge.relevance([search]).tolist(), reverse=True)
            assert values == pytest.approx([hit.relevance for hit in hits], abs=1e-4)


def test_labels_name_files_from_their_own_folder(tmp_path: Path) -> None:
    labels = tmp_path / "labels.jsonl"
    labels.write_text(
        '{"query": "red car", "relevant": ["cars/1.jpg", "/else/2.jpg"]}\n\n{"query": "x", "relevant": []}\n'
    )
    first, second = read_labels(labels)
    assert first == Labelled("red car", (str(tmp_path / "cars/1.jpg"), "/else/2.jpg"))
    assert second == Labelled("x", ())


@pytest.mark.parametrize("line", ["{", "[]", "null", '{"query": "x"}', '{"query": "x", "relevant": "1.jpg"}'])
def test_a_bad_label_is_named_by_its_line(tmp_path: Path, line: str) -> None:
    labels = tmp_path / "labels.jsonl"
    labels.write_text(f'{{"query": "red car", "relevant": []}}\n{line}\n')
    with pytest.raises(UsageError, match=r"labels.jsonl:2: write one object a line"):
        read_labels(labels)


def test_too_few_answers_are_an_error() -> None:
    library, asked = world()
    few = replace(asked, queries=[Labelled(query.text, ()) for query in asked.queries])
    with pytest.raises(UsageError, match="the index has answers to 0 queries: label at least 20"):
        search_folders(library, few, 1, seed=0)


def test_a_missing_index_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "labels.jsonl").write_text('{"query": "red car", "relevant": []}\n')
    with pytest.raises(SystemExit, match=r"^error: .*index"):
        main(["relevance", "--index", str(tmp_path / "none"), "--labels", str(tmp_path / "labels.jsonl")])
