"""An index of another format, met by the commands."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from .conftest import Command

FORMAT_1 = Path(__file__).parents[1] / "store" / "format1"


@pytest.fixture
def newer(mmsearch: Command) -> Command:
    """An index that a later mmsearch has written, for all that this one can tell."""
    shutil.copytree(FORMAT_1, mmsearch.index)
    with closing(sqlite3.connect(mmsearch.index / "meta.sqlite")) as db, db:
        db.execute("UPDATE meta SET value = '99' WHERE key = 'format'")
    return mmsearch


@pytest.mark.parametrize(
    "argv",
    [["index", "."], ["search", "garden"], ["status", "--check"], ["status", "--repair"], ["dupes"]],
    ids=" ".join,
)
def test_a_newer_format_is_refused_in_one_line_and_left_alone(newer: Command, argv: list[str]) -> None:
    before = (newer.index / "meta.sqlite").read_bytes()
    done = newer(*argv)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.startswith(b"mmsearch: error: the index in ") and done.stderr.count(b"\n") == 1
    assert b"has format 99" in done.stderr and b"upgrade mmsearch, or use another --index" in done.stderr
    assert (newer.index / "meta.sqlite").read_bytes() == before


def test_an_older_format_is_shown_and_checked_as_it_is(mmsearch: Command) -> None:
    shutil.copytree(FORMAT_1, mmsearch.index)
    told = json.loads(mmsearch("status", "--json").stdout)
    assert (told["format"], told["files"]["ok"], told["missing"]) == (1, 2, 1)
    done = mmsearch("status", "--check", "--json")
    assert json.loads(done.stdout)["problems"] == []
    assert not list(mmsearch.index.glob("meta.format*"))
