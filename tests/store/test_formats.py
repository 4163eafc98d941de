"""An index of any format that was ever written is read as it is, and brought up to date as a whole or not at all."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mmsearch.errors import MmsearchError
from mmsearch.store import Reader, read_identity, read_roots, schema
from mmsearch.store.words.query import parse_query
from mmsearch.store.writer import Writer
from tests.store.fixture import NOTES, make
from tests.store.helpers import IDENTITY, unit

HERE = Path(__file__).parent
THEIRS = replace(IDENTITY, options=replace(IDENTITY.options, tiles=False))
"""As it comes out of an index from before parts of pictures were segments."""
KEPT = sorted(int(path.name.removeprefix("format")) for path in HERE.glob("format*") if path.is_dir())
OLDER = [number for number in KEPT if number < schema.FORMAT]


@pytest.fixture(params=KEPT)
def stored(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[int, str]:
    """A format, and an index that its mmsearch wrote."""
    number: int = request.param
    return number, str(shutil.copytree(HERE / f"format{number}", tmp_path / "index"))


def answers(directory: str) -> dict[str, Any]:
    """What there is to ask an index, words excepted."""
    with Reader.open(directory) as reader:
        hits = {(name, n): reader.search(unit(f"d{n}", 0), name, 9) for name in ("text", "image") for n in (1, 2, 3)}  # type: ignore[arg-type]
        return {
            "hits": hits,
            "places": reader.locate(sorted({item for found in hits.values() for item, _ in found})),
            "counts": reader.counts(),
            "failures": list(reader.failures()),
            "missing": reader.file("/data/gone.png"),
            "files": reader.status().files,
            "roots": read_roots(directory),
            "identity": read_identity(directory),
        }


def bytes_below(directory: str) -> dict[str, bytes]:
    root = Path(directory)
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def format_of(database: Path) -> int:
    with closing(sqlite3.connect(database)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return int(db.execute("SELECT value FROM meta WHERE key = 'format'").fetchone()[0])


def tables(directory: str) -> dict[str, str]:
    """The tables and indexes by name, as they were declared."""
    with closing(sqlite3.connect(Path(directory, "meta.sqlite"))) as db:
        rows = db.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
        return {name: " ".join(sql.split()) for name, sql in rows}


def with_a_log(directory: Path) -> str:
    """As every index is; those that are kept are without, so that there is one file less to keep."""
    with closing(sqlite3.connect(directory / "meta.sqlite")) as db:
        db.execute("PRAGMA journal_mode = WAL")
    return str(directory)


def test_an_index_of_every_format_is_kept() -> None:
    assert list(range(schema.OLDEST_READ, schema.FORMAT + 1)) == KEPT, "run tests.store.fixture before a format changes"


def test_an_index_of_any_format_answers_as_it_is_and_is_not_touched(stored: tuple[int, str]) -> None:
    number, directory = stored
    before = bytes_below(directory)
    results = answers(directory)
    with Reader.open(directory) as reader:
        assert (reader.format, reader.has_words) == (number, number >= schema.FORMAT_WITH_WORDS)
        assert list(reader.problems()) == []
    assert results["hits"]["image", 2][0][1] > 0.99 and results["hits"]["text", 1][0][1] > 0.99
    paths = {location.item.path for locations in results["places"].values() for location in locations}
    assert {"/data/notes/garden.txt", "/data/Holidays/IMG_red-car2.jpg"} <= paths and "/data/gone.png" not in paths
    assert [record.path for record in results["failures"]] == ["/data/broken.pdf"] and results["missing"].missing
    assert results["identity"] == THEIRS and results["roots"] == ["/data"]
    assert bytes_below(directory) == before


def test_an_index_of_any_format_becomes_one_of_the_newest_and_says_the_same(stored: tuple[int, str]) -> None:
    number, directory = stored
    before, results = bytes_below(directory), answers(directory)
    Writer.open(directory, THEIRS).close()
    assert answers(directory) == results
    with Reader.open(directory) as reader:
        assert reader.format == schema.FORMAT and list(reader.problems()) == []
        [item] = reader.search_passages(parse_query("tomato")).rows
        assert reader.locate([item])[item][0].item.text == NOTES[0]
        assert [match.path for match in reader.search_names(parse_query("red car"))] == [
            "/data/Holidays/IMG_red-car2.jpg"
        ]
    after = bytes_below(directory)
    backup = schema.BACKUP.format(number)
    assert after.keys() - before.keys() - {"write.lock", "meta.sums"} == ({backup} if number < schema.FORMAT else set())
    assert all(after[name] == data for name, data in before.items() if name.endswith(".faiss"))
    if backup in after:
        assert format_of(Path(directory, backup)) == number


@pytest.mark.parametrize("number", OLDER)
def test_an_older_index_gets_the_very_tables_of_a_new_one(number: int, tmp_path: Path) -> None:
    old = str(shutil.copytree(HERE / f"format{number}", tmp_path / "old"))
    Writer.open(old, THEIRS).close()
    make(str(tmp_path / "new"))
    assert tables(old) == tables(str(tmp_path / "new"))


@pytest.mark.parametrize("leftover", [b"", b"garbage" * 999, b"SQLite format 3\0" + b"\xff" * 5000])
@pytest.mark.parametrize("number", OLDER)
def test_what_a_killed_upgrade_left_does_not_stop_the_next(number: int, leftover: bytes, tmp_path: Path) -> None:
    old = str(shutil.copytree(HERE / f"format{number}", tmp_path / "old"))
    temporary = Path(old, schema.BACKUP.format(number) + schema.TEMPORARY)
    temporary.write_bytes(leftover)
    temporary.with_name(temporary.name + "-journal").write_bytes(leftover)
    Writer.open(old, THEIRS).close()
    assert format_of(Path(old, "meta.sqlite")) == schema.FORMAT
    assert format_of(Path(old, schema.BACKUP.format(number))) == number
    assert not [name for name in os.listdir(old) if schema.TEMPORARY in name]


@pytest.mark.parametrize("room", [0.6, 1.5])
@pytest.mark.parametrize("number", OLDER)
def test_a_full_disk_leaves_an_older_index_as_it_was(number: int, room: float, tmp_path: Path) -> None:
    """The first limit leaves no room for the copy; with the second there is some until the log is put away."""
    resource = pytest.importorskip("resource")
    old = with_a_log(shutil.copytree(HERE / f"format{number}", tmp_path / "old"))
    limit = int(room * Path(old, "meta.sqlite").stat().st_size)
    results, limits = answers(old), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limits[1]))
    try:
        with nullcontext() if room > 1 else pytest.raises(MmsearchError, match=r"^the index in [^\n]*$"):
            Writer.open(old, THEIRS).close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert format_of(Path(old, "meta.sqlite")) == (schema.FORMAT if room > 1 else number) and answers(old) == results
    backup = Path(old, schema.BACKUP.format(number))
    assert not backup.exists() or format_of(backup) == number
    Writer.open(old, THEIRS).close()
    assert answers(old) == results and format_of(backup) == number


@pytest.mark.parametrize("number", OLDER)
def test_a_reader_keeps_the_older_format_while_a_writer_upgrades(number: int, tmp_path: Path) -> None:
    old = with_a_log(shutil.copytree(HERE / f"format{number}", tmp_path / "old"))
    with Reader.open(old) as reader:
        before = reader.search(unit("d2", 0), "image", 3)
        Writer.open(old, THEIRS).close()
        assert (reader.format, reader.has_words) == (number, number >= schema.FORMAT_WITH_WORDS)
        assert reader.search(unit("d2", 0), "image", 3) == before
        assert not reader.search_passages(parse_query("tomato")).rows
        reader.refresh()
        assert reader.format == schema.FORMAT and len(reader.search_passages(parse_query("tomato")).rows) == 1


UPGRADE = "import sys; from mmsearch.store.writer import Writer; from tests.store.test_formats import THEIRS as i; \
Writer.open(sys.argv[1], i).close()"


@pytest.mark.parametrize("number", OLDER)
def test_of_several_writers_at_once_one_upgrades(number: int, tmp_path: Path) -> None:
    old = str(shutil.copytree(HERE / f"format{number}", tmp_path / "old"))
    results = answers(old)
    writers = [subprocess.Popen([sys.executable, "-c", UPGRADE, old], cwd=HERE.parents[1]) for _ in range(3)]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    assert answers(old) == results and format_of(Path(old, "meta.sqlite")) == schema.FORMAT
    assert format_of(Path(old, schema.BACKUP.format(number))) == number
