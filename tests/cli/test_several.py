"""Commands over several indexes."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from mmsearch import Index
from tests.cli.running import run
from tests.e2e.conftest import NOTES, draw


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Notes and pictures with an index of each, and one of both."""
    world = tmp_path_factory.mktemp("several")
    for name, text in NOTES.items():
        (world / "notes").mkdir(exist_ok=True)
        (world / "notes" / name).write_text(text)
    for colour in ("red", "green"):
        (world / "pictures").mkdir(exist_ok=True)
        draw(world / "pictures" / f"{colour}.png", colour)
    draw(world / "notes" / "copy.png", "red")
    for name in ("notes", "pictures"):
        assert run("index", world / name, "--index", world / f"{name}.index", "-j", 0).code == 0
    assert run("merge", world / "notes.index", world / "pictures.index", "-o", world / "both.index").code == 0
    return world


def both(world: Path) -> list[str]:
    return ["--index", str(world / "notes.index"), "--index", str(world / "pictures.index")]


@pytest.mark.parametrize(
    "query",
    [
        ["red circle"],
        ["tomatoes in the sun", "--mode", "lexical"],
        ["tomatoes", "-t", "text", "--fold", "--explain"],
        ["--image", "pictures/green.png", "--all-segments"],
        ["--like", "notes/copy.png"],
    ],
)
def test_a_search_over_two_indexes_is_that_over_the_merged_one(
    world: Path, monkeypatch: pytest.MonkeyPatch, query: list[str]
) -> None:
    monkeypatch.chdir(world)
    several = run("search", *query, "--json", *both(world))
    assert several.code == 0
    assert several.json["hits"]
    assert several == run("search", *query, "--json", "--index", world / "both.index")
    monkeypatch.setenv("MMSEARCH_INDEX", os.pathsep.join(both(world)[1::2]))
    assert run("search", *query, "--json") == several


def test_status_tells_of_all_together_and_each_file_once(world: Path) -> None:
    several, one = (run("status", "--json", *which).json for which in (both(world), ["--index", world / "both.index"]))
    assert several["index"] is None
    assert several["indexes"] == both(world)[1::2]
    assert {name: several[name] for name in ("files", "items", "roots")} == {
        name: one[name] for name in ("files", "items", "roots")
    }
    assert run("status", *both(world), *both(world)).out == run("status", *both(world)).out
    checked = run("status", "--check", *both(world))
    assert (checked.code, checked.out) == (0, "")


def test_duplicates_are_found_across_indexes(world: Path) -> None:
    found = run("dupes", "--jsonl", *both(world))
    assert {os.path.basename(file["path"]) for file in found.json["files"]} == {"copy.png", "red.png"}


def test_figures_are_of_all_together(world: Path, tmp_path: Path) -> None:
    labelled = f'{{"query": "tomatoes", "relevant": ["{world}/notes/garden.txt"]}}\n'
    (tmp_path / "questions.jsonl").write_text(labelled)
    found = run("eval", tmp_path / "questions.jsonl", "--compare", "hybrid,exact", "--json", *both(world))
    assert found.code == 0
    assert found.json["labelled"] == 1


def test_python_searches_several(world: Path) -> None:
    with (
        Index.open(world / "notes.index", world / "pictures.index") as several,
        Index.open(world / "both.index") as one,
    ):
        assert len(several) == len(one) == 6
        mine, theirs = ([replace(hit, id=0) for hit in it.search("a red circle", rerank=True)] for it in (several, one))
        assert mine == theirs


@pytest.mark.parametrize("command", [["index", "notes"], ["status", "--repair"]])
def test_what_makes_no_sense_with_several_says_so(
    world: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.chdir(world)
    done = run(*command, *both(world))
    assert done.code == 2
    assert "--index" in done.told.splitlines()[-1]
    monkeypatch.setenv("MMSEARCH_INDEX", os.pathsep.join(both(world)[1::2]))
    done = run(*command)
    assert (done.code, done.out) == (2, "")
    assert "name it with --index" in done.told


def test_indexes_of_unlike_models_are_refused(world: Path, tmp_path: Path) -> None:
    assert run("index", world / "notes", "--exact", "--index", tmp_path / "exact", "-j", 0).code == 0
    done = run("search", "red", "--index", world / "notes.index", "--index", tmp_path / "exact")
    assert done.code == 2
    assert "cannot go together: in the first" in done.told
    assert "exact is False, not True" in done.told
