"""What `make demo` shows and what the README says, on the sample corpus and the built-in model."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from mmsearch.cli import COMMANDS

from .conftest import Command

REPOSITORY = Path(__file__).resolve().parents[2]
RED_CARS = {"IMG_2041.jpg", "winter_drive.jpg"}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Command:
    """The sample corpus, indexed once; the tests here only search it."""
    command = Command(REPOSITORY, tmp_path_factory.mktemp("demo") / "index")
    report = command.report("sample_corpus")
    assert report["failed"] == report["unsupported"] == 0
    return command


def test_every_file_of_the_corpus_is_indexed_and_its_questions_are_not(corpus: Command) -> None:
    paths = corpus("search", "anything", "-l", "-k", "1000").stdout.decode().splitlines()
    found = {os.path.relpath(path, REPOSITORY / "sample_corpus") for path in paths}
    files = {
        str(path.relative_to(REPOSITORY / "sample_corpus")) for path in (REPOSITORY / "sample_corpus").rglob("*.*")
    }
    assert files - found == {".mmsearchignore", "README.md", "queries.jsonl"}


@pytest.mark.parametrize("options", [(), ("--rerank",)], ids=["dense", "reranked"])
def test_the_first_hit_for_red_car_is_a_red_car(corpus: Command, options: tuple[str, ...]) -> None:
    hits = corpus.hits("red car", *options)
    assert os.path.basename(hits[0]["path"]) in RED_CARS
    assert {os.path.basename(hit["path"]) for hit in hits[:5]} >= RED_CARS


def test_the_demo_is_what_the_makefile_runs() -> None:
    makefile = (REPOSITORY / "Makefile").read_text()
    assert 'mmsearch search "red car" --rerank' in makefile


def test_every_option_in_the_readme_exists(corpus: Command) -> None:
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    known = set()
    for command in ("", *COMMANDS, "models list", "models pull"):
        shown = corpus(*command.split(), "--help").stdout.decode()
        known |= set(re.findall(r"(?<![\w-])--?[a-zA-Z0-9][\w-]*", shown))
    commands = "\n".join(line for line in readme.splitlines() if "mmsearch" in line or line.startswith("|"))
    used = set(re.findall(r"(?<![\w./-])--[a-z][\w-]*", commands))
    assert used <= known, used - known


def test_the_readme_tells_every_exit_code() -> None:
    from mmsearch import errors

    codes = {kind.exit_code for kind in vars(errors).values() if isinstance(kind, type) and hasattr(kind, "exit_code")}
    line = next(
        line for line in (REPOSITORY / "README.md").read_text().splitlines() if line.startswith("**Exit codes.**")
    )
    assert codes | {0, 1, 5, 130} == {int(code) for code in re.findall(r"\b\d+\b", line)}


def test_the_worked_example_of_ranking_shows_the_numbers_of_a_search(corpus: Command) -> None:
    page = (REPOSITORY / "docs" / "ranking.md").read_text(encoding="utf-8")
    shown = re.findall(r"^\| `(\S+)`(?:, page 1)? \| (.+) \|$", page, re.MULTILINE)
    hits = corpus.hits("tomato soup", "-k", "3", "--explain")
    assert [name for name, _ in shown] == [
        os.path.relpath(hit["path"], REPOSITORY / "sample_corpus").replace(os.sep, "/") for hit in hits
    ]
    for (_, row), hit in zip(shown, hits, strict=True):
        stages = hit["stages"]
        passages = stages["passages"]["score"] if "passages" in stages else 0.0
        cells = [float(cell.strip() or 0) for cell in row.split("|")]
        assert cells == pytest.approx([hit["score"], stages["dense"]["score"], passages, hit["relevance"]], abs=0.02)
