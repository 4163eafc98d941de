"""Which index is used."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mmsearch.cli.common import locate, locate_all, locate_for_writing
from mmsearch.errors import UsageError


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("MMSEARCH_INDEX", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    (tmp_path / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "a" / "b")
    return tmp_path


def test_what_is_given_comes_before_the_variable_before_the_nearest(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "a" / ".mmsearch").mkdir()
    assert locate(None) == str(here / "a" / ".mmsearch")
    monkeypatch.setenv("MMSEARCH_INDEX", str(here / "variable"))
    assert locate(None) == str(here / "variable")
    assert locate("given") == str(here / "a" / "b" / "given")


def test_without_any_it_is_among_the_users_data(here: Path) -> None:
    assert Path(locate(None)).parts[-2:] == ("mmsearch", "index")


def test_a_file_named_mmsearch_is_no_index(here: Path) -> None:
    (here / "a" / "b" / ".mmsearch").write_text("")
    assert not locate(None).startswith(str(here / "a"))


def test_an_empty_folder_and_an_existing_index_may_be_written(here: Path) -> None:
    (here / "empty").mkdir()
    assert locate_for_writing(str(here / "empty"))
    (here / "old").mkdir()
    (here / "old" / "meta.sqlite").write_text("")
    assert locate_for_writing(str(here / "old"))


def test_what_a_first_run_left_that_was_killed_at_once_is_no_obstacle(here: Path) -> None:
    (here / "begun").mkdir()
    for name in ("write.lock", "writer.json", "writer.json.tmp"):
        (here / "begun" / name).write_text("")
    assert locate_for_writing(str(here / "begun"))
    (here / "begun" / "letter.txt").write_text("")
    with pytest.raises(UsageError, match="not empty"):
        locate_for_writing(str(here / "begun"))


def test_a_file_or_a_folder_of_other_things_may_not(here: Path) -> None:
    (here / "file").write_text("")
    with pytest.raises(UsageError, match="is a file"):
        locate_for_writing(str(here / "file"))
    with pytest.raises(UsageError, match=r"not empty: try --index .*\.mmsearch"):
        locate_for_writing(str(here))


def test_several_indexes_are_named_one_by_one_or_in_the_variable(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = here / "one", here / "other"
    one.mkdir()
    (here / "link").symlink_to(one)
    assert locate_all([str(one), str(other)]) == [str(one), str(other)]
    assert locate_all([str(one), str(other), str(here / "link")]) == [str(one), str(other)], "each once"
    monkeypatch.setenv("MMSEARCH_INDEX", os.pathsep.join([str(other), "", str(one)]))
    assert locate_all(None) == [str(other), str(one)]
    assert locate("given") == str(here / "a" / "b" / "given")
    with pytest.raises(UsageError, match=r"MMSEARCH_INDEX names 2 indexes, and this needs one: .*--index"):
        locate(None)


@pytest.mark.skipif(os.name == "nt", reason="no name there may hold the separator")
def test_a_folder_with_the_separator_in_its_name_is_one_index(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "odd:name").mkdir()
    monkeypatch.setenv("MMSEARCH_INDEX", str(here / "odd:name"))
    assert locate(None) == str(here / "odd:name")


def test_nothing_is_written_unasked_into_the_index_of_another_user(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "a" / ".mmsearch").mkdir()
    own = os.stat(here).st_uid
    monkeypatch.setattr(os, "geteuid", lambda: own + 1, raising=False)
    with pytest.raises(UsageError, match="belongs to another user"):
        locate_for_writing(None)
    assert locate(None) == locate_for_writing(str(here / "a" / ".mmsearch"))
    monkeypatch.setenv("MMSEARCH_INDEX", str(here / "a" / ".mmsearch"))
    assert locate(None) == locate_for_writing(None)
