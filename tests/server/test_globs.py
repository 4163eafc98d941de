"""No glob and no ignore file keeps a command or the server busy, whatever names the files have."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server.conftest import Served, run, serving

DEAR = ["*?*?*?*?*?*?*?*?*?z!", "*a*a*a*a*a*ab", "!*a*a*a*[a]*a*?b", "**/a*/**/*a*a*a*a*!"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files with long names of one letter, and ignore files of which one makes every path dear and one is too much."""
    root = tmp_path_factory.mktemp("globs") / "files"
    (root / "sub").mkdir(parents=True)
    (root / ".gitignore").write_text("*a*a*a*a*a*ab\n" * 20)
    (root / "sub/.gitignore").write_text("*a*a*a*a*a*ab\n" * 70_000)
    (root / "sub/secret.txt").write_text("a secret")
    for number in range(40):
        (root / f"{'a' * 85}{number}").write_text(f"note {number} about bicycles")
    done = run("index", str(root), "--index", str(root.parent / "index"))
    assert done.returncode == 5
    assert (
        "sub/.gitignore has more rules"
        in run("status", "--failures", "--index", str(root.parent / "index")).stdout.decode()
    )
    return root


@pytest.fixture(scope="module")
def globbed(folder: Path) -> Iterator[Served]:
    with serving(folder.parent / "index", folder) as served:
        yield served


def test_what_an_ignore_file_hides_is_not_indexed_because_it_is_too_much(folder: Path) -> None:
    done = run("search", "secret", "--mode", "lexical", "--index", str(folder.parent / "index"))
    assert done.returncode == 1, done.stdout


@pytest.mark.parametrize("glob", DEAR)
def test_a_search_with_any_glob_ends_at_once(folder: Path, globbed: Served, glob: str) -> None:
    began = time.monotonic()
    for argv in (["--no-server"], []):
        done = run("search", "bicycles", "-g", glob, "--index", str(folder.parent / "index"), *argv)
        assert done.returncode == (0 if glob.startswith("!") else 1), done.stderr.decode()
    hits = globbed.search(q="bicycles", glob=glob)["hits"]
    assert bool(hits) is glob.startswith("!")
    assert time.monotonic() - began < 10


def test_dear_globs_of_some_keep_no_others_waiting(globbed: Served) -> None:
    asking = [threading.Thread(target=globbed.search, kwargs={"q": "note", "glob": glob}) for glob in DEAR * 3]
    for one in asking:
        one.start()
    began = time.monotonic()
    assert globbed.search(q="bicycles")["hits"]
    assert time.monotonic() - began < 10
    for one in asking:
        one.join(10)
        assert not one.is_alive()


@pytest.mark.parametrize("globs", [["x" * 3990 + "*" + "a*" * 100], ["*a*b*c"] * 300], ids=["long", "many"])
def test_globs_that_are_too_much_are_an_error(folder: Path, globbed: Served, globs: list[str]) -> None:
    told = globbed.search(code=400, q="bicycles", glob=globs)["error"]
    assert "glob" in str(told)
    done = run(
        "search", "bicycles", *(x for one in globs for x in ("-g", one)), "--index", str(folder.parent / "index")
    )
    assert done.returncode == 2
    assert done.stderr.count(b"\n") == 1
    done = run(
        "index", str(folder), *(x for one in globs for x in ("-g", one)), "--index", str(folder.parent / "other")
    )
    assert done.returncode == 2, done.stderr
