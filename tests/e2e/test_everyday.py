"""What people do every day: index, search, change files, index again."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from .conftest import Command, draw


def names(hits: list[dict[str, object]]) -> list[str]:
    return [os.path.basename(str(hit["path"])) for hit in hits]


def test_index_then_search_finds_the_note_that_is_meant(mixed: Command) -> None:
    report = mixed.report(".")
    assert report["added"] == report["embedded"] == 6
    hits = mixed.hits("watering vegetables in the garden", "-t", "text")
    assert names(hits)[0] == "garden.txt"
    assert {"rank", "score", "relevance", "rerank_score", "path", "modality", "snippet", "model"} <= set(hits[0])
    assert hits[0]["line_start"] == 1


def test_every_documented_count_is_reported(mixed: Command) -> None:
    expected = {"added", "changed", "removed", "unchanged", "reused", "failed", "embedded", "seconds"}
    assert expected <= set(mixed.report("."))


def test_a_second_run_embeds_nothing(mixed: Command) -> None:
    mixed.report(".")
    again = mixed.report(".")
    assert (again["embedded"], again["unchanged"], again["added"]) == (0, 6, 0)


def test_only_the_edited_file_is_embedded_again(mixed: Command) -> None:
    mixed.report(".")
    os.utime(mixed.cwd / "red.png", (1, 1))
    (mixed.cwd / "bike.md").write_text("# Cooking\n\nBoil the pasta in salted water.")
    (mixed.cwd / "garden.txt").rename(mixed.cwd / "plants.txt")
    shutil.copy(mixed.cwd / "blue.png", mixed.cwd / "copy.png")
    report = mixed.report(".")
    assert report["embedded"] == report["changed"] == 1
    assert report["reused"] == report["added"] == 2
    assert report["removed"] == 1
    assert report["unchanged"] == 4
    assert names(mixed.hits("boil the pasta in salted water", "-t", "text"))[0] == "bike.md"
    same = {Path(hit["path"]).name: hit.get("same", []) for hit in mixed.hits("blue", "-t", "image")}
    assert same["blue.png"] == [str(mixed.cwd / "copy.png")] and "copy.png" not in same
    assert {"blue.png", "copy.png"} <= set(names(mixed.hits("blue", "-t", "image", "--all-copies")))


def test_a_deleted_file_is_no_hit_and_prune_forgets_it(mixed: Command) -> None:
    mixed.report(".")
    (mixed.cwd / "garden.txt").unlink()
    assert "garden.txt" not in names(mixed.hits("vegetable garden"))
    assert mixed.report(".")["removed"] == 1
    status = mixed("status", "--json").stdout
    assert b'"missing": 1' in status
    assert mixed.report(".", "--prune")["embedded"] == 0
    assert b'"missing": 0' in mixed("status", "--json").stdout
    assert "garden.txt" not in names(mixed.hits("vegetable garden"))


def test_a_file_that_comes_back_reuses_its_vectors(mixed: Command) -> None:
    mixed.report(".")
    text = (mixed.cwd / "garden.txt").read_text()
    (mixed.cwd / "garden.txt").unlink()
    mixed.report(".")
    (mixed.cwd / "garden.txt").write_text(text)
    assert mixed.report(".")["embedded"] == 0
    assert names(mixed.hits("vegetable garden", "-t", "text"))[0] == "garden.txt"


def test_reading_an_index_leaves_no_file_behind(mixed: Command) -> None:
    mixed.report(".")
    before = sorted(mixed.index.rglob("*"))
    for words in (["search", "boat"], ["search", "boat", "-t", "audio"], ["status"], ["status", "--check"], ["dupes"]):
        assert mixed(*words).returncode in (0, 1)
        assert sorted(mixed.index.rglob("*")) == before


def test_a_file_changed_since_is_marked_stale(mixed: Command) -> None:
    mixed.report(".")
    (mixed.cwd / "garden.txt").write_text("Something else altogether, not yet indexed.")
    os.utime(mixed.cwd / "bike.md", (1, 1))
    stale = {os.path.basename(hit["path"]): hit["stale"] for hit in mixed.hits("garden", "-t", "text")}
    assert stale == {"garden.txt": True, "bike.md": False, "trip.html": False}


def test_filters_are_applied_before_the_cut(mixed: Command) -> None:
    mixed.report(".")
    assert names(mixed.hits("anything", "-k", "1", "-g", "trip.*")) == ["trip.html"]
    assert set(names(mixed.hits("anything", "-t", "image"))) == {"red.png", "green.png", "blue.png"}
    assert "red.png" not in names(mixed.hits("anything", "-g", "!red.*"))


def test_a_picture_finds_its_like(mixed: Command) -> None:
    draw(mixed.cwd.parent / "query.png", "red", size=(90, 100))
    mixed.report(".")
    assert names(mixed.hits("-t", "image", "--image", str(mixed.cwd.parent / "query.png")))[0] == "red.png"
    data = (mixed.cwd / "blue.png").read_bytes()
    done = mixed("search", "-l", "-k1", "-t", "image", "--image", "-", stdin=data)
    assert done.stdout.decode().strip().endswith("blue.png")


def test_reranking_gives_a_second_score_to_what_gains_by_it_or_is_asked_for(mixed: Command) -> None:
    mixed.report(".")
    read = {hit["modality"] for hit in mixed.hits("red circle", "--rerank") if hit["rerank_score"] is not None}
    assert read == {"image"}
    every = mixed.hits("red circle", "--rerank", "--rerank-types", "text,image,document,audio,video")
    assert all(hit["rerank_score"] is not None for hit in every)
    done = mixed("search", "red circle", "--rerank", "-t", "text")
    assert done.returncode == 0
    assert done.stderr.count(b"--rerank-types") == 1


def test_index_without_paths_goes_through_the_known_folders(mixed: Command) -> None:
    mixed.report(".")
    (mixed.cwd / "new.txt").write_text("A new note about winter tyres.")
    report = mixed.report()
    assert (report["added"], report["unchanged"]) == (1, 6)


def test_dry_run_changes_nothing(mixed: Command) -> None:
    assert mixed.report(".", "--dry-run")["added"] == 6
    assert not mixed.index.exists()


def test_paths_can_be_piped_in(mixed: Command) -> None:
    listed = b"garden.txt\0.\0red.png\0"
    done = mixed("index", "--json", "--files-from", "-", "-0", stdin=listed)
    assert done.returncode == 0, done.stderr
    assert b'"added": 2' in done.stdout


def test_an_index_inside_its_tree_moves_with_it(mixed: Command) -> None:
    mixed.index = mixed.cwd / ".mmsearch"
    mixed.report(".")
    moved = mixed.cwd.parent / "moved"
    mixed.cwd.rename(moved)
    mixed.cwd, mixed.index = moved, moved / ".mmsearch"
    hit = mixed.hits("vegetable garden", "-t", "text")[0]
    assert hit["path"] == str(moved / "garden.txt")
    assert mixed.report(".")["embedded"] == 0


def test_the_nearest_index_upward_is_used(mixed: Command) -> None:
    (mixed.cwd / ".mmsearch").mkdir()
    (mixed.cwd / "deep" / "er").mkdir(parents=True)
    mixed.environment["MMSEARCH_INDEX"] = ""
    mixed.report(".")
    mixed.cwd = mixed.cwd / "deep" / "er"
    assert len(mixed.hits("garden")) == 6


@pytest.mark.parametrize("ignore", [".gitignore", ".mmsearchignore"])
def test_ignored_and_hidden_files_are_left_out(mixed: Command, ignore: str) -> None:
    (mixed.cwd / ignore).write_text("*.png\n")
    (mixed.cwd / ".secret.txt").write_text("hidden")
    assert mixed.report(".")["added"] == 3
    assert mixed.report(".", "--no-ignore")["added"] == 3
    assert mixed.report(".", "--hidden")["added"] >= 1


def test_words_find_names_and_passages(mixed: Command) -> None:
    (mixed.cwd / "IMG_WinterTyres-2.txt").write_text("Nothing to see.")
    mixed.report(".")
    assert names(mixed.hits("winter tyres", "--mode", "lexical")) == ["IMG_WinterTyres-2.txt"]
    assert names(mixed.hits("brakes", "--mode", "lexical")) == ["bike.md"]
    assert mixed("search", "elephant", "--mode", "lexical").returncode == 1
    assert len(mixed.hits("elephant")) == 7


def test_a_cutoff_by_relevance_may_leave_nothing(mixed: Command) -> None:
    mixed.report(".")
    assert mixed("search", "garden", "--min-relevance", "1000").returncode == 1
    hits = mixed.hits("garden", "--raw")
    assert all(abs(hit["relevance"] - hit["score"]) < 1e-3 for hit in hits)


@pytest.mark.parametrize(
    ("words", "found"),
    [("mmsearch sea", b"search"), ("mmsearch index --pru", b"--prune"), ("mmsearch search --mode lex", b"lexical")],
)
def test_a_shell_completes_commands_options_and_values(mmsearch: Command, words: str, found: bytes) -> None:
    script = mmsearch("--completion", "bash").stdout
    assert b"complete " in script and b"_MMSEARCH_COMPLETE=complete_bash" in script
    mmsearch.environment.update(_MMSEARCH_COMPLETE="complete_bash", COMP_WORDS=words, COMP_CWORD=str(words.count(" ")))
    assert mmsearch().stdout.splitlines() == [found]
