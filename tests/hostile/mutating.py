"""One seeded, structured change of an index on disk: a row, a table, a file, or something else in a file's place.

Each change leaves what a hostile or broken index may hold and mmsearch never writes. Knows the layout of an index;
nothing of commands or verdicts. `mutate` names what it did, so that a case can be read in a report.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import socket
import sqlite3
import struct
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

SHADOWS = ("passages_data", "passages_idx", "passages_docsize", "names_data", "names_content", "passages_config")
TABLES = (
    "meta", "roots", "contents", "files", "segments", "tombstones", "items", "columns", "samples", "bounds", "pairs",
    "accelerators",
)  # fmt: skip
DEEP = "[" * 100_000
VALUES: tuple[tuple[str, str], ...] = (
    ("null", "NULL"),
    ("text", "'not a number'"),
    ("blob", "x'00ff80fe'"),
    ("2**62", str(1 << 62)),
    ("-1", "-1"),
    ("0", "0"),
    ("-2**63", "-9223372036854775808"),
    ("2**63 - 1", "9223372036854775807"),
    ("2**31", str(1 << 31)),
    ("2**40", str(1 << 40)),
    ("infinity", "9e999"),
    ("-infinity", "-9e999"),
    ("1.5", "1.5"),
    ("nan text", "'nan'"),
    ("empty text", "''"),
    ("empty blob", "x''"),
    ("a megabyte of text", "hex(zeroblob(524288))"),
    ("a megabyte of bytes", "zeroblob(1048576)"),
    ("no UTF-8", "CAST(x'fffe41' AS TEXT)"),
    ("no UTF-8 in bytes", "x'fffe41'"),
    ("controls", "char(27) || '[31m' || char(13) || char(10) || char(8238)"),
    ("NUL in text", "'a' || char(0) || 'b'"),
    ("NUL in bytes", "x'610062'"),
    ("absolute", "CAST('/etc/passwd' AS BLOB)"),
    ("upward", "CAST('../../../../etc/passwd' AS BLOB)"),
    ("upward as text", "'../../../../etc/passwd'"),
    ("slash", "'/'"),
    ("many dots", "'" + "../" * 100 + "'"),
    ("surrogates", "CAST(x'eda080' AS TEXT)"),
    ("deep", f"'{DEEP}'"),
    ("date", "'9999-99-99T99:99:99'"),
    ("digits", "'" + "9" * 400 + "'"),
)


def mutate(index: Path, seed: int) -> str:
    """Change an index in a way that follows from the seed alone; a line that names the change."""
    rng = random.Random(seed)
    kinds, weights = zip(*KINDS, strict=True)
    for _ in range(20):
        make = rng.choices(kinds, weights)[0]
        with suppress(sqlite3.Error, IndexError):
            return f"{make.__name__.strip('_')}: {make(index, rng)}"
    return "nothing"


def _open(index: Path) -> sqlite3.Connection:
    db = sqlite3.connect(index / "meta.sqlite", isolation_level=None)
    db.execute("PRAGMA foreign_keys = OFF")
    db.execute("PRAGMA ignore_check_constraints = ON")
    return db


def _columns(db: sqlite3.Connection, table: str) -> list[str]:
    return [row[1] for row in db.execute(f"PRAGMA table_info({table})")]


def _loosened(db: sqlite3.Connection, table: str) -> None:
    """Take NOT NULL, UNIQUE and CHECK away, as anybody may who writes the file; the text of a table stays otherwise."""
    (sql,) = db.execute("SELECT sql FROM sqlite_master WHERE name = ?", (table,)).fetchone()
    db.execute("PRAGMA writable_schema = ON")
    db.execute("UPDATE sqlite_master SET sql = ? WHERE name = ?", (sql.replace("NOT NULL", ""), table))
    db.execute("PRAGMA writable_schema = RESET")


def _restored(db: sqlite3.Connection, table: str, sql: str) -> None:
    db.execute("PRAGMA writable_schema = ON")
    db.execute("UPDATE sqlite_master SET sql = ? WHERE name = ?", (sql, table))
    db.execute("PRAGMA writable_schema = RESET")


def _value(index: Path, rng: random.Random) -> str:
    """One column of some rows, or of all, set to something else."""
    table = rng.choice(TABLES)
    name, value = rng.choice(VALUES)
    with closing(_open(index)) as db:
        columns = _columns(db, table)
        column = rng.choice(columns)
        (sql,) = db.execute("SELECT sql FROM sqlite_master WHERE name = ?", (table,)).fetchone()
        _loosened(db, table)
        keys = {"meta": "key", "roots": "path", "bounds": "partition", "pairs": "modality", "tombstones": "row"}
        key = keys.get(table, "rowid")
        some = rng.random() < 0.5
        where = f" WHERE {key} = (SELECT {key} FROM {table} ORDER BY random() LIMIT 1)" if some else ""
        db.execute(f"UPDATE OR IGNORE {table} SET {column} = {value}{where}")
        _restored(db, table, sql)
    return f"{table}.{column} = {name}{', one row' if some else ''}"


def _rows(index: Path, rng: random.Random) -> str:
    """Rows deleted, copied, or exchanged."""
    table = rng.choice((*TABLES, *SHADOWS))
    how = rng.choice(("half deleted", "all deleted", "first deleted", "copied"))
    with closing(_open(index)) as db:
        if how == "copied":
            columns = [name for name in _columns(db, table) if name != "id"]
            listed = ", ".join(columns)
            db.execute(f"INSERT OR IGNORE INTO {table} ({listed}) SELECT {listed} FROM {table}")
        else:
            key = _columns(db, table)[0]
            where = {
                "half deleted": f" WHERE {key} IN (SELECT {key} FROM {table} ORDER BY random() LIMIT 9)",
                "all deleted": "",
                "first deleted": f" WHERE {key} = (SELECT min({key}) FROM {table})",
            }[how]
            db.execute(f"DELETE FROM {table}{where}")
    return f"{table}, {how}"


def _keys(index: Path, rng: random.Random) -> str:
    """Rows that point to others than they should, or to none."""
    table, column = rng.choice((
        ("items", "content_id"), ("items", "segment_id"), ("items", "row"), ("items", "ordinal"),
        ("files", "content_id"), ("segments", "accelerator_id"), ("segments", "count"), ("segments", "live"),
        ("accelerators", "count"), ("accelerators", "dim"), ("tombstones", "segment_id"),
    ))  # fmt: skip
    how = rng.choice(("+ 1", "+ 1000000", "* -1", "- 1", "* 0 + 1", "* 1000"))
    with closing(_open(index)) as db:
        db.execute(f"UPDATE OR IGNORE {table} SET {column} = {column} {how} WHERE {column} IS NOT NULL")
    return f"{table}.{column} {how}"


def _meta(index: Path, rng: random.Random) -> str:
    """A value of the meta table, identity above all."""
    key = rng.choice(("identity", "identity", "identity", "format", "anchor", "anchor", "summarised", "index_kind"))
    with closing(_open(index)) as db:
        if key == "identity":
            (text,) = db.execute("SELECT value FROM meta WHERE key = 'identity'").fetchone()
            value = _identity(text, rng)
        else:
            value = rng.choice(_METAS[key])
        if value is None:
            db.execute("DELETE FROM meta WHERE key = ?", (key,))
        else:
            db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))
    return f"{key} = {str(value)[:80]!r}"


_METAS: dict[str, tuple[str | None, ...]] = {
    "format": ("0", "-1", "1", "2", "3", "99", "9" * 5000, "٣", "²", "4.0", "", "nan", "1e9", None, " 4", "+4"),
    "anchor": ("/", "..", "../" * 100, "/etc", ".", "a", "a/../..", "\0", "x" * 100_000, "\ud7ff", "~", "//", None),
    "summarised": ("-1", "x", "9" * 30, "1e3", "", None, "0", "nan", "9" * 5000),
    "index_kind": ("{", "[]", "{}", '{"kind": 5, "dim": []}', '{"kind": "pq4", "dim": -5}', DEEP,
                   '{"kind": [], "dim": 3}', '{"kind": "ivf", "dim": 99999999999}', "null", "5",
                   '{"kind": "pq4", "dim": true}', '{"kind": {}, "dim": NaN}'),
}  # fmt: skip
_WRONG: tuple[object, ...] = (
    None, [], {}, "", "x", -1, 0, 1 << 40, 1 << 63, 1e308, float("inf"), float("nan"), True, [[]], {"a": {"b": []}},
    "x" * 1_000_000, ["text"] * 1000, "\0", "\u202e\x1b[31m", 0.5,
)  # fmt: skip


def _identity(text: str, rng: random.Random) -> str:
    if rng.random() < 0.15:
        return rng.choice(("", "{", "[]", "null", "5", '"x"', DEEP, '{"a":' * 5000, text[: len(text) // 2], "{}"))
    data = json.loads(text)
    inner = rng.choice((data, data, data["loader"], data["options"]))
    name = rng.choice(sorted(inner))
    if rng.random() < 0.15:
        del inner[name]
    else:
        inner[name if rng.random() < 0.9 else "unknown"] = rng.choice(_WRONG)
    return json.dumps(data)


ENDLESS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c)"


VIEWS = {
    "view": "SELECT {listed} FROM kept",
    "endless view": ENDLESS + " SELECT {endless} FROM c",
    "recursive view": "SELECT * FROM {table}",
    "view of a huge blob": "SELECT {huge}",
    "view that joins": "SELECT a.* FROM kept a, items b, items c, items d",
}
TRIGGERS = {
    "trigger": "DELETE FROM files",
    "endless trigger": "INSERT INTO meta SELECT x, x FROM (" + ENDLESS + " SELECT x FROM c)",
}
COPIES = {"column missing": slice(None, -1), "reordered": slice(None, None, -1)}
STATEMENTS = {
    "dropped": "DROP TABLE {table}",
    "renamed": "ALTER TABLE {table} RENAME TO other",
    "column added": "ALTER TABLE {table} ADD COLUMN more DEFAULT 'x'",
    "generated": "ALTER TABLE {table} ADD COLUMN more AS (hex(zeroblob(1000000)))",
    "virtual": "DROP TABLE {table}; CREATE VIRTUAL TABLE {table} USING fts5({listed})",
    "virtual, of another kind": "DROP TABLE {table}; CREATE VIRTUAL TABLE {table} USING rtree(a, b, c)",
    "index with an expression": "CREATE INDEX more ON {table} (hex({first}))",
    "other index": "CREATE UNIQUE INDEX more ON {table} ({first})",
    "index dropped": "DROP INDEX items_by_row",
    "table added": "CREATE TABLE more (x)",
}
DECLARATIONS: dict[str, Callable[[str], str]] = {
    "check": lambda sql: sql[: sql.rindex(")")] + ", CHECK (abs(random()) > 1)" + sql[sql.rindex(")") :],
    "strict": lambda sql: sql.replace(" WITHOUT ROWID", "") + " STRICT",
    "default": lambda sql: sql.replace("TEXT", "TEXT DEFAULT (hex(zeroblob(1000000)))", 1),
    "no SQL": lambda _: "CREATE TABLE (((",
    "another name": lambda sql: sql.replace("CREATE TABLE ", "CREATE TABLE x", 1),
}


def _schema(index: Path, rng: random.Random) -> str:
    """Other tables: views in their place, triggers, columns that are missing, in another order or computed."""
    table = rng.choice(TABLES)
    how = rng.choice((*VIEWS, *TRIGGERS, *COPIES, *STATEMENTS, *DECLARATIONS))
    with closing(_open(index)) as db:
        columns = _columns(db, table)
        (sql,) = db.execute("SELECT sql FROM sqlite_master WHERE name = ?", (table,)).fetchone()
        words = {
            "table": table,
            "listed": ", ".join(columns),
            "first": columns[0],
            "endless": ", ".join(f"x AS {name}" for name in columns),
            "huge": ", ".join(f"zeroblob(900000000) AS {name}" for name in columns),
        }
        if how in VIEWS:
            db.execute(f"ALTER TABLE {table} RENAME TO kept")
            db.execute(f"CREATE VIEW {table} AS {VIEWS[how].format(**words)}")
        elif how in TRIGGERS:
            for event in ("INSERT", "UPDATE", "DELETE"):
                db.execute(f"CREATE TRIGGER t{event} AFTER {event} ON {table} BEGIN {TRIGGERS[how]}; END")
        elif how in COPIES:
            db.execute(f"CREATE TABLE fresh AS SELECT {', '.join(columns[COPIES[how]])} FROM {table}")
            db.execute(f"DROP TABLE {table}")
            db.execute(f"ALTER TABLE fresh RENAME TO {table}")
        elif how in STATEMENTS:
            db.executescript(STATEMENTS[how].format(**words))
        else:
            _restored(db, table, DECLARATIONS[how](sql))
    return f"{table}, {how}"


def _words(index: Path, rng: random.Random) -> str:
    """The inner tables of full text."""
    table = rng.choice(SHADOWS)
    name, value = rng.choice(VALUES)
    with closing(_open(index)) as db:
        column = rng.choice(_columns(db, table)[1:] or ["k"])
        if rng.random() < 0.5:
            db.execute(f"UPDATE OR IGNORE {table} SET {column} = {value}")
        else:
            column = "a byte"
            rows = db.execute(f"SELECT rowid, * FROM {table}").fetchall() if table.endswith("data") else []
            for row in rows[:: max(1, len(rows) // 5)]:
                data = bytearray(row[-1])
                if data:
                    data[rng.randrange(len(data))] = rng.randrange(256)
                db.execute(f"UPDATE {table} SET block = ? WHERE rowid = ?", (bytes(data), row[0]))
    return f"{table}.{column} = {name}"


def _pragma(index: Path, rng: random.Random) -> str:
    """The database's own settings."""
    how = rng.choice(("user_version = -5", "application_id = 9", "page_size = 512", "page_size = 65536", "UTF-16le",
                      "journal_mode = DELETE", "auto_vacuum = 2", "schema_version = 2147483647"))  # fmt: skip
    with closing(_open(index)) as db:
        if how == "UTF-16le":
            return _utf16(index, db)
        db.execute("PRAGMA journal_mode = DELETE")
        db.execute(f"PRAGMA {how}")
        if "page_size" in how or "vacuum" in how:
            db.execute("VACUUM")
    return how


def _utf16(index: Path, db: sqlite3.Connection) -> str:
    fresh = index / "other.sqlite"
    with closing(sqlite3.connect(fresh, isolation_level=None)) as other:
        other.execute("PRAGMA encoding = 'UTF-16le'")
        dumped = [line for line in db.iterdump() if not line.startswith(("BEGIN", "COMMIT"))]
        for line in dumped:
            with suppress(sqlite3.Error):
                other.execute(line)
    os.replace(fresh, index / "meta.sqlite")
    return "UTF-16"


def _bytes(index: Path, rng: random.Random) -> str:
    """Bytes of the database's file, the header above all."""
    path = index / "meta.sqlite"
    with closing(_open(index)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    data = bytearray(path.read_bytes())
    how = rng.choice(("header", "any", "page", "truncated", "page copied"))
    page = 4096
    if how == "header":
        for _ in range(4):
            data[rng.randrange(100)] = rng.randrange(256)
    elif how == "any":
        for _ in range(50):
            data[rng.randrange(len(data))] = rng.randrange(256)
    elif how == "page":
        start = page * rng.randrange(len(data) // page)
        for _ in range(30):
            data[start + rng.randrange(page)] = rng.randrange(256)
    elif how == "truncated":
        del data[rng.randrange(len(data)) :]
    else:
        pages = len(data) // page
        one, other = page * rng.randrange(1, pages), page * rng.randrange(1, pages)
        data[one : one + page] = data[other : other + page]
    path.write_bytes(data)
    return how


def _vector_files(index: Path) -> list[Path]:
    return sorted(path for path in (index / "vectors").rglob("*") if path.is_file())


def _packed(places: tuple[int, ...], values: tuple[int, ...]) -> Callable[[bytearray, random.Random], None]:
    def change(data: bytearray, rng: random.Random) -> None:
        at = rng.choice(places) if places else rng.randrange(min(400, len(data) - 8))
        struct.pack_into("<q", data, at, rng.choice(values))

    return change


def _scattered(first: int, last: int | None, count: int) -> Callable[[bytearray, random.Random], None]:
    """Other bytes between two places, which count from the end where they are negative."""

    def change(data: bytearray, rng: random.Random) -> None:
        places = range(len(data))[first:last]
        for _ in range(count):
            data[rng.choice(places)] = rng.randrange(256)

    return change


def _marked(data: bytearray, rng: random.Random) -> None:
    data[:4] = rng.choice((
        b"IxPq", b"IwFl", b"IxHN", b"IHNf", b"IxPT", b"IxMp", b"IxRF", b"ilod", b"IBxF", b"IwPf", b"IwSq", b"IwPQ",
        b"Iwrq", b"IxT2", b"IvSQ", b"IxFI",
    ))  # fmt: skip


def _cut(data: bytearray, rng: random.Random) -> None:
    del data[rng.randrange(len(data)) :]


def _garbage(data: bytearray, rng: random.Random) -> None:
    data[:] = rng.randbytes(5000)


BYTES: dict[str, Callable[[bytearray, random.Random], None]] = {
    "truncated": _cut,
    "extended": lambda data, rng: data.extend(bytes(rng.randrange(1, 5000))),
    "empty": lambda data, rng: data.clear(),
    "garbage": _garbage,
    "another type": _marked,
    "huge count": _packed((8, 16, 24), (1 << 60, -1, 1 << 33, 1 << 40)),
    "huge anywhere": _packed((), (1 << 60, 1 << 34, -5)),
    "header": _scattered(0, 160, 3),
    "end": _scattered(-4000, None, 20),
    "bytes": _scattered(0, None, 20),
}


def _vectors(index: Path, rng: random.Random) -> str:
    """The content of a vector file or an accelerator."""
    files = _vector_files(index)
    path, how = rng.choice(files), rng.choice((*BYTES, "swapped"))
    data = bytearray(path.read_bytes())
    if how == "swapped":
        data = bytearray(rng.choice(files).read_bytes())
    else:
        BYTES[how](data, rng)
    path.write_bytes(data)
    if rng.random() < 0.7:
        _sign(index, path)
    return f"{path.name} {how}"


def _sign(index: Path, path: Path) -> None:
    """Have the tables say that these are the right bytes, as whoever makes such an index would."""
    from mmsearch.store.faiss_files import checksum

    name = path.relative_to(index / "vectors").as_posix()
    with closing(_open(index)) as db:
        for table in ("segments", "accelerators"):
            db.execute(f"UPDATE {table} SET checksum = ? WHERE name = ?", (checksum(str(path)), name))


def _replaced(index: Path, rng: random.Random) -> str:
    """Something that is no file in the place of one."""
    names = ["meta.sqlite", "meta.sqlite-wal", "meta.sqlite-shm", "meta.sqlite-journal", "write.lock", "writer.json",
             "serve.json", "serve.lock", "serve.sock", "serve.log", "cache", "vectors", "meta.format3.sqlite",
             "meta.format4.sqlite.tmp", "writer.json.tmp", "serve.json.tmp"]  # fmt: skip
    places = [index / name for name in names] + _vector_files(index) * 2
    path = rng.choice(places)
    how = rng.choice(("fifo", "folder", "/dev/zero", "/dev/random", "itself", "socket", "/dev/null", "huge", "garbage",
                      "json", "dangling", "/proc/self/mem", "/dev/stdin"))  # fmt: skip
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    _put(path, how, rng)
    return f"{path.name} is {how}"


def _put(path: Path, how: str, rng: random.Random) -> None:
    if how == "fifo":
        os.mkfifo(path)
    elif how == "folder":
        path.mkdir()
        (path / "inner").write_bytes(b"x")
    elif how == "socket":
        with closing(socket.socket(socket.AF_UNIX)) as own:
            here = os.open(path.parent, os.O_RDONLY)
            own.bind(f"/proc/self/fd/{here}/{path.name}")
            os.close(here)
    elif how == "huge":
        with path.open("wb") as file:
            file.truncate(20 << 30)
    elif how == "garbage":
        path.write_bytes(rng.randbytes(3000))
    elif how == "json":
        path.write_text(rng.choice(_JSONS), encoding="utf-8", errors="surrogatepass")
    else:
        path.symlink_to({"itself": path.name, "dangling": "nowhere"}.get(how, how))


_JSONS = (
    "{}", "[]", "null", "5", DEEP, '{"pid": 1}', '{"pid": "x", "host": [], "since": {}}', "{" * 5000, "\ufeff{}",
    '{"pid": -1, "version": 5, "url": null, "socket": "serve.sock", "port": -1, "secret": 7}',
    '{"pid": 1, "version": "x", "url": "x", "socket": "", "port": 99999999999999999999999, "secret": "x"}',
    '{"pid": 1, "version": "x", "url": "x", "socket": "", "port": 1, "secret": "x"}',
    '{"pid": 1, "version": "x", "url": "x", "socket": 5, "port": 1, "secret": "x"}',
    '{"pid": 1, "version": "x", "url": "x", "socket": "\\u0000", "port": 1, "secret": "x"}',
    '{"pid": 1, "version": "x", "url": "x", "socket": "/\\ud800/mmsearch-serve-x/serve.sock", "port": 1}',
    '{"pid": 1e999, "version": NaN, "url": "x", "socket": "/x/mmsearch-serve-y/serve.sock", "port": true}',
    '{"pid": "\\u001b[31m", "host": "\\u202e\\n\\n\\n", "since": "' + "x" * 100_000 + '"}', "9" * 100_000, '"\\ud800"',
)  # fmt: skip


def _notes(index: Path, rng: random.Random) -> str:
    """What processes leave for each other, with any content."""
    name = rng.choice(("serve.json", "writer.json", "serve.sock", "serve.lock"))
    text = rng.choice(_JSONS)
    (index / name).write_text(text, encoding="utf-8", errors="surrogatepass")
    return f"{name} = {text[:60]!r}"


def _extra(index: Path, rng: random.Random) -> str:
    """Files beside those that belong there: logs of SQLite, backups, thumbnails."""
    name = rng.choice(("meta.sqlite-wal", "meta.sqlite-journal", "meta.sqlite-shm", "meta.format1.sqlite",
                       "meta.format3.sqlite", "meta.format3.sqlite.tmp"))  # fmt: skip
    data = rng.choice(
        (
            b"",
            rng.randbytes(9000),
            b"\x37\x7f\x06\x82" + rng.randbytes(9000),
            b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7" + rng.randbytes(9000),
            b"SQLite format 3\0" + bytes(9000),
        )
    )
    (index / name).write_bytes(data)
    folder = index / "cache" / "thumbnails"
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(3):
            (folder / f"{number}.webp").write_bytes(rng.randbytes(500))
    return f"{name} of {len(data)} bytes"


KINDS: tuple[tuple[Callable[[Path, random.Random], str], int], ...] = (
    (_value, 30), (_rows, 6), (_keys, 8), (_meta, 14), (_schema, 12), (_words, 8), (_pragma, 2), (_bytes, 6),
    (_vectors, 14), (_replaced, 14), (_notes, 4), (_extra, 3),
)  # fmt: skip
