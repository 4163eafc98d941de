"""A database that anybody may have written is opened without following, running or believing what it holds."""

from __future__ import annotations

import os
import sqlite3
import struct
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest

from mmsearch.errors import IndexDamaged, MmsearchError
from mmsearch.store import Reader, database, read_identity, read_roots, schema, value_check
from mmsearch.store.integrity import repair
from mmsearch.store.words.query import parse_query
from mmsearch.store.writer import Writer
from tests.hostile.mutating import COPIES, DECLARATIONS, STATEMENTS, TRIGGERS, VALUES, VIEWS, _restored
from tests.store.helpers import DIM, IDENTITY, make, put, unit

SUPER_JOURNAL = b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7"


def changed(directory: str, *statements: str) -> None:
    with closing(sqlite3.connect(Path(directory, "meta.sqlite"), isolation_level=None)) as db:
        db.execute("PRAGMA foreign_keys = OFF")
        db.execute("PRAGMA ignore_check_constraints = ON")
        for statement in statements:
            db.execute(statement)


def used(directory: str) -> None:
    """All that a reader is asked for."""
    with Reader.open(directory) as reader:
        for partition in ("text", "image"):
            hits = reader.search(unit("a", 0), partition, 5)  # type: ignore[arg-type]
            reader.locate([item for item, _ in hits])
            reader.sample(partition)  # type: ignore[arg-type]
        reader.search_passages(parse_query("text"))
        reader.search_names(parse_query("a"))
        reader.counts(), reader.status(), list(reader.failures(unsupported=True)), reader.file("/data/a")
        list(reader.catalog.contents()), reader.catalog.shared(), reader.catalog.latest(5)
    read_identity(directory), read_roots(directory)


def wrote(directory: str) -> None:
    with Writer.open(directory, IDENTITY) as writer:
        put(writer, "/data/new", "new")
        list(writer.paths_under(None))
        writer.commit()


USES: dict[str, Callable[[str], object]] = {"read": used, "write": wrote, "repair": repair}


@pytest.mark.parametrize("number", range(1, schema.FORMAT + 1))
def test_the_digest_that_is_kept_of_each_format_is_that_of_its_migrations(number: int) -> None:
    assert database.DIGESTS.get(number) == schema.compute_digest(number), f"database.DIGESTS[{number}]"


# --- names ---


def fifo(path: Path) -> None:
    os.mkfifo(path)


PLACED: dict[str, Callable[[Path], object]] = {
    "link to a file": lambda path: path.symlink_to(path.parent / "elsewhere"),
    "link to a device": lambda path: path.symlink_to("/dev/zero"),
    "link to itself": lambda path: path.symlink_to(path.name),
    "link to nothing": lambda path: path.symlink_to(path.parent / "nothing"),
    "FIFO": fifo,
    "folder": lambda path: path.mkdir(),
}


@pytest.mark.skipif(os.name == "nt", reason="has neither FIFOs nor links for all")
@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("how", PLACED)
@pytest.mark.parametrize("name", [f"meta.sqlite{suffix}" for suffix in ("", "-wal", "-shm", "-journal")])
def test_only_files_of_its_own_are_opened_as_a_database(name: str, how: str, use: str, tmp_path: Path) -> None:
    directory = make(tmp_path / "index", "a")
    path = Path(directory, name)
    elsewhere = Path(directory, "elsewhere")
    elsewhere.write_bytes(Path(directory, "meta.sqlite").read_bytes())
    before = elsewhere.read_bytes()
    path.unlink(missing_ok=True)
    PLACED[how](path)
    with pytest.raises(IndexDamaged, match=name):
        USES[use](directory)
    assert elsewhere.read_bytes() == before and not Path(directory, "nothing").exists()


@pytest.mark.parametrize("use", USES)
def test_a_journal_that_names_another_file_deletes_nothing(use: str, tmp_path: Path) -> None:
    directory, victim = make(tmp_path / "index", "a"), tmp_path / "victim"
    changed(directory, "PRAGMA journal_mode = DELETE")
    victim.write_bytes(b"not a journal\0")
    name = os.fsencode(victim)
    page = Path(directory, "meta.sqlite").read_bytes()[:4096]
    header = b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7" + struct.pack(">5I", 1, 7, len(page), 512, 4096)
    record = struct.pack(">I", 1) + page
    total = 7
    for offset in range(4096 - 200, 0, -200):
        total += page[offset]
    record += struct.pack(">I", total & 0xFFFFFFFF)
    ending = struct.pack(">I", 1 << 18) + name + struct.pack(">2I", len(name), sum(name)) + SUPER_JOURNAL
    Path(directory, "meta.sqlite-journal").write_bytes(header.ljust(512, b"\0") + record + ending)
    with pytest.raises(IndexDamaged, match="is of several databases"):
        USES[use](directory)
    assert victim.exists()


# --- declarations ---

CHANGES = (*VIEWS, *TRIGGERS, *COPIES, *STATEMENTS, *DECLARATIONS)


@pytest.mark.parametrize("how", CHANGES)
@pytest.mark.parametrize("table", ["meta", "items"])
def test_other_tables_than_ours_are_refused_and_replaced_by_a_rebuild(table: str, how: str, tmp_path: Path) -> None:
    directory = make(tmp_path / "index", "a", "b")
    with closing(sqlite3.connect(Path(directory, "meta.sqlite"), isolation_level=None)) as db:
        columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
        (sql,) = db.execute("SELECT sql FROM sqlite_master WHERE name = ?", (table,)).fetchone()
        words = {
            "table": table, "listed": ", ".join(columns), "first": columns[0],
            "endless": ", ".join(f"x AS {name}" for name in columns),
            "huge": ", ".join(f"zeroblob(900000000) AS {name}" for name in columns),
        }  # fmt: skip
        if how in VIEWS:
            db.execute(f"ALTER TABLE {table} RENAME TO kept")
            db.execute(f"CREATE VIEW {table} AS {VIEWS[how].format(**words)}")
        elif how in TRIGGERS:
            db.execute(f"CREATE TRIGGER more AFTER INSERT ON {table} BEGIN {TRIGGERS[how]}; END")
        elif how in COPIES:
            db.execute(f"CREATE TABLE fresh AS SELECT {', '.join(columns[COPIES[how]])} FROM {table}")
            db.execute(f"DROP TABLE {table}")
            db.execute(f"ALTER TABLE fresh RENAME TO {table}")
        elif how in STATEMENTS:
            try:
                db.executescript(STATEMENTS[how].format(**words))
            except sqlite3.Error:
                pytest.skip("SQLite itself refuses it")
        else:
            other = DECLARATIONS[how](sql)
            if other == sql:
                pytest.skip("nothing is changed")
            with suppress(sqlite3.Error):
                _restored(db, table, other)
    began = time.process_time()
    for use in USES.values():
        with pytest.raises(IndexDamaged):
            use(directory)
    assert time.process_time() - began < 5
    if table != "meta":
        Writer.open(directory, IDENTITY, rebuild=True).close()
        used(directory)


def test_texts_of_another_encoding_are_refused(tmp_path: Path) -> None:
    directory = make(tmp_path / "index", "a")
    with closing(sqlite3.connect(Path(directory, "meta.sqlite"))) as db:
        dumped = [line for line in db.iterdump() if "passages" not in line and "names" not in line]
    Path(directory, "meta.sqlite").unlink()
    with closing(sqlite3.connect(Path(directory, "meta.sqlite"), isolation_level=None)) as db:
        db.execute("PRAGMA encoding = 'UTF-16le'")
        for line in dumped:
            if not line.startswith(("BEGIN", "COMMIT", "PRAGMA", "INSERT INTO sqlite_master")):
                db.execute(line) if "sqlite_sequence" not in line else None
        schema.fulltext.create(db)
    with pytest.raises(IndexDamaged, match="UTF-16"):
        used(directory)


def test_a_statement_over_pages_without_end_ends(tmp_path: Path) -> None:
    path = tmp_path / "meta.sqlite"
    with closing(sqlite3.connect(path, factory=database.Connection, isolation_level=None)) as db:
        db.guard(str(path))
        with pytest.raises(sqlite3.OperationalError, match="interrupted"):
            db.execute("WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT sum(x) FROM c")
        assert db.execute("SELECT 1").fetchone() == (1,)
        assert db.execute("PRAGMA trusted_schema").fetchone() == (0,)


# --- values ---


@pytest.mark.parametrize("table", [name for name in value_check.COLUMNS if name not in ("sqlite_sequence",)])
def test_a_value_that_no_column_holds_is_told_in_one_line(table: str, tmp_path: Path) -> None:
    original = Path(make(tmp_path / "index", "a", "b"), "meta.sqlite")
    changed(str(original.parent), "PRAGMA journal_mode = DELETE")
    data = original.read_bytes()
    for column_number, column in enumerate(value_check.COLUMNS[table]):
        for value_number, (name, value) in enumerate(VALUES):
            if (value_number + column_number) % 3:
                continue  # tests.hostile.mutations goes through all of them
            original.write_bytes(data)
            with closing(sqlite3.connect(original, isolation_level=None)) as db:
                (sql,) = db.execute("SELECT sql FROM sqlite_master WHERE name = ?", (table,)).fetchone()
                db.execute("PRAGMA ignore_check_constraints = ON")
                try:
                    _restored(db, table, sql.replace("NOT NULL", ""))
                    db.execute(f"UPDATE OR IGNORE {table} SET {column} = {value}")
                except sqlite3.Error:
                    continue
                finally:
                    _restored(db, table, sql)
            for use in (used, wrote) if (value_number + column_number) % 12 == 0 else (used,):
                try:
                    use(str(original.parent))
                except MmsearchError as error:
                    assert len(str(error)) < 1000, (column, name)


def test_check_names_the_column_and_repair_keeps_what_is_sound(tmp_path: Path) -> None:
    directory = make(tmp_path / "index", "a", "b", "c")
    changed(directory, "UPDATE files SET size = 'huge' WHERE id = 1", "UPDATE items SET text = x'00ff' WHERE id = 3")
    with Reader.open(directory) as reader:
        problems = list(reader.problems())
    assert any("files.size holds text 'huge'" in line for line in problems)
    assert any("items.text holds blob" in line for line in problems)
    repaired = repair(directory)
    assert repaired.problems == problems and repaired.vectors > 0
    with Reader.open(directory) as reader:
        assert list(reader.problems()) == []
        assert reader.file("/data/c") is not None and reader.file("/data/b") is None


@pytest.mark.parametrize("anchor", ["/", "/etc", "a", "../a", "~", "..//..", "x" * 100_000, "../" * 3000])
def test_an_anchor_is_a_folder_above_the_index(anchor: str, tmp_path: Path) -> None:
    directory = make(tmp_path / "index", "a")
    with closing(sqlite3.connect(Path(directory, "meta.sqlite"))) as db, db:
        db.execute("INSERT OR REPLACE INTO meta VALUES ('anchor', ?)", (anchor,))
    with pytest.raises(IndexDamaged, match="anchored"):
        Reader.open(directory)


@pytest.mark.parametrize("path", [b"../x", b"a/../../x", b"/data/../../etc", b"a\0b", b""])
def test_a_stored_path_stays_where_it_is(path: bytes, tmp_path: Path) -> None:
    directory = make(tmp_path / "index", "a")
    with closing(sqlite3.connect(Path(directory, "meta.sqlite"))) as db, db:
        db.execute("UPDATE files SET path = ?", (path,))
    with Reader.open(directory) as reader:
        hits = reader.search(unit("a", 0), "image", 1)
        with pytest.raises(IndexDamaged, match="a path that is none"):
            reader.locate([item for item, _ in hits])


def test_a_vector_file_is_found_by_its_number_alone(tmp_path: Path) -> None:
    directory = make(tmp_path / "index", "a")
    with closing(sqlite3.connect(Path(directory, "meta.sqlite"))) as db, db:
        db.execute("UPDATE segments SET name = '../../../victim' WHERE id = 1")
    for use in (used, wrote):
        with pytest.raises(IndexDamaged, match=r"segments\.name"):
            use(directory)
    assert repair(directory).lost == ["/data/a"]
    used(directory)


@pytest.mark.parametrize("count", [1 << 40, 1 << 33, DIM * 1000])
def test_no_memory_is_taken_for_rows_that_no_file_holds(count: int, tmp_path: Path) -> None:
    directory = make(tmp_path / "index", "a", "b")
    changed(directory, f"UPDATE segments SET count = {count}", "INSERT INTO tombstones VALUES (1, 5)")
    with Reader.open(directory) as reader, pytest.raises(IndexDamaged):
        reader.search(unit("a", 0), "text", 3)
        reader.search(unit("a", 0), "image", 3)


def test_an_unforeseen_error_is_damage_only_where_the_tables_are_damaged(tmp_path: Path) -> None:
    sound_one, other = make(tmp_path / "sound", "a"), make(tmp_path / "other", "a")
    for directory in (sound_one, other):
        Reader.open(directory).close()
    changed(other, "UPDATE files SET size = 'x'")
    with pytest.raises(ZeroDivisionError), schema.translated(sound_one):
        _ = 1 / 0
    with pytest.raises(IndexDamaged, match=r"files\.size holds text 'x'"), schema.translated(other):
        _ = 1 / 0


@pytest.mark.parametrize("name", [b"\xfc\xff", b"x\xd7("])
def test_a_message_of_sqlite_that_is_no_utf8_is_one_line(name: bytes, tmp_path: Path) -> None:
    directory = make(tmp_path / "index", "a")
    changed(directory, "PRAGMA journal_mode = DELETE")
    path = Path(directory, "meta.sqlite")
    data = path.read_bytes()
    assert data.count(b"CREATE TABLE pairs") == 1
    path.write_bytes(data.replace(b"CREATE TABLE pairs", b"CREATE " + name.ljust(11, b"x")))
    for use in USES.values():
        with pytest.raises(IndexDamaged):
            use(directory)
