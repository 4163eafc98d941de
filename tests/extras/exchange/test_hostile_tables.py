"""Tables of any content: each value is checked, one line says what is wrong, and what got in is sound."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pa = pytest.importorskip("pyarrow", reason="the extra is absent")
pq = pytest.importorskip("pyarrow.parquet")

from mmsearch.errors import MmsearchError  # noqa: E402
from mmsearch.extras.exchange.tables import TYPES, VECTOR, Table  # noqa: E402
from mmsearch.store import Reader  # noqa: E402
from mmsearch.store.transfer import Importer  # noqa: E402
from mmsearch.store.writer import Writer  # noqa: E402
from tests.store.helpers import DIM, IDENTITY, unit  # noqa: E402

ROWS: dict[str, list[Any]] = {
    "path": ["/data/a.txt", "/data/b.txt", "/data/c.txt"],
    "digest": ["d1", "d2", "d2"],
    "kind": ["text"] * 3,
    "modality": ["text"] * 3,
    "size": [1, 2, 3],
    "mtime_ns": [1, 2, 3],
    "status": ["ok"] * 3,
    "reason": [""] * 3,
    "missing": [False] * 3,
    "width": [None, 5, None],
    "height": [None, 5, None],
    "duration": [None, 1.5, None],
    "taken": [None, "2020-01-01T00:00:00", None],
    "partition": ["text", "text", None],
    "ordinal": [0, 0, None],
    "span_unit": ["line", "whole", None],
    "span_start": [1.0, 0.0, None],
    "span_end": [2.0, 0.0, None],
    "text": ["red car", "blue car", None],
    VECTOR: [unit("a").tolist(), unit("b").tolist(), None],
}
HUGE = "x" * 1_000_000
VALUES: dict[str, Any] = {
    "none": None,
    "negative": -1,
    "huge": (1 << 63) - 1,
    "least": -(1 << 63),
    "unsigned": pa.scalar((1 << 64) - 1, pa.uint64()),
    "nan": float("nan"),
    "infinity": float("inf"),
    "text": "x",
    "empty": "",
    "megabyte": HUGE,
    "NUL": "a\0b",
    "up": "/data/../../etc/passwd",
    "controls": "\x1b[31m\u202e\n",
    "bytes": b"\xff\xfe",
    "list": [1, 2],
    "nested": [[{"a": [1]}]],
    "object": {"a": {"b": 1}},
    "true": True,
    "short vector": [0.5] * (DIM - 1),
    "NaN vector": [float("nan")] * DIM,
    "zero vector": [0.0] * DIM,
    "infinite vector": [float("inf")] * DIM,
    "vector of texts": ["x"] * DIM,
    "vector of nothing": [None] * DIM,
    "no numbers": [],
}


def write(path: Path, columns: dict[str, Any], metadata: dict[str, str] | None = None) -> str:
    names = list(columns)
    table = pa.table([columns[name] for name in names], names=names)
    pq.write_table(table.replace_schema_metadata(metadata), path)
    return str(path)


def taken(table: str, target: Path) -> str:
    """Imports a table; the line that was said, empty where it was taken. What the index holds is sound either way."""
    said = ""
    try:
        with Writer.open(str(target), IDENTITY) as writer:
            Table(table).read_into(Importer(writer), DIM, lambda more: None)
    except MmsearchError as error:
        said = str(error)
        assert said and len(said) < 2000
    with Reader.open(str(target)) as reader:
        assert list(reader.problems()) == []
        places = [item for row in reader.search_all(np.stack([unit("a")]), "text", 5) for item, _ in row]
        reader.locate(places)
        reader.status()
    return said


@pytest.mark.parametrize("column", list(ROWS))
def test_a_column_of_any_value_is_taken_or_refused_in_one_line(column: str, tmp_path: Path) -> None:
    for number, (name, value) in enumerate(VALUES.items()):
        scalar = value if isinstance(value, pa.Scalar) else pa.scalar(value)
        whole = pa.array([scalar.as_py()] * 3, scalar.type)
        table = write(tmp_path / f"{number}.parquet", {**ROWS, column: whole})
        said = taken(table, tmp_path / f"index{number}")
        assert "Traceback" not in said, name


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("size", -1), ("ordinal", -1), ("ordinal", 1 << 62), ("width", -5), ("duration", float("nan")),
        ("span_start", float("nan")), ("span_end", float("inf")), ("path", "/data/../x"), ("path", "a\0b"),
        ("path", "/" + HUGE), ("modality", HUGE), ("partition", "x"), ("span_unit", "x"), ("status", "x"),
    ],
)  # fmt: skip
def test_one_value_that_cannot_be_is_told_by_its_row(column: str, value: Any, tmp_path: Path) -> None:
    table = write(tmp_path / "t.parquet", {**ROWS, column: [ROWS[column][0], value, ROWS[column][2]]})
    assert "row 2" in taken(table, tmp_path / "index")


DEEP = "[" * 100_000
ABOUTS = (
    "", "{", "[]", "5", "null", DEEP, '{"version": 99}', '{"version": "x"}', '{"version": null}', '{"roots": 5}',
    '{"roots": "ab"}', '{"identity": 5}', '{"identity": []}', '{"identity": {}}', '{"identity": {"dim": 1e999}}',
    '{"model": {}}', json.dumps({"identity": {**json.loads(IDENTITY.to_json()), "dim": -1}}),
    json.dumps({"identity": {**json.loads(IDENTITY.to_json()), "dim": 1 << 60}}),
    json.dumps({"identity": {**json.loads(IDENTITY.to_json()), "modalities": 5}}),
    json.dumps({"identity": {**json.loads(IDENTITY.to_json()), "loader": []}}),
    json.dumps({"identity": {**json.loads(IDENTITY.to_json()), "options": "x"}}),
    json.dumps({"identity": {**json.loads(IDENTITY.to_json()), "fingerprint": None}}),
)  # fmt: skip


@pytest.mark.parametrize("number", range(len(ABOUTS)))
def test_what_holds_for_all_of_a_table_may_be_anything(number: int, tmp_path: Path) -> None:
    taken(write(tmp_path / "t.parquet", ROWS, {"mmsearch": ABOUTS[number]}), tmp_path / "index")


@pytest.mark.parametrize("seed", range(8))
def test_bytes_of_a_table_that_are_others_are_told_in_one_line(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    data = bytearray(Path(write(tmp_path / "t.parquet", ROWS)).read_bytes())
    for _ in itertools.repeat(None, 20):
        data[int(rng.integers(len(data)))] = int(rng.integers(256))
    (tmp_path / "u.parquet").write_bytes(data[: int(rng.integers(len(data)))] if seed % 2 else data)
    taken(str(tmp_path / "u.parquet"), tmp_path / "index")


def test_every_column_is_covered() -> None:
    assert set(TYPES) - {"id", "path_bytes", "reason_bytes"} <= set(ROWS)
