"""Out to Parquet and Lance and back: nothing is lost; and what others write is taken, or refused with the reason."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pa = pytest.importorskip("pyarrow", reason="the extra is absent")
pq = pytest.importorskip("pyarrow.parquet")

from mmsearch.errors import MmsearchError, UsageError  # noqa: E402
from mmsearch.extras.exchange import tables  # noqa: E402
from mmsearch.extras.exchange.rows import item_id  # noqa: E402
from mmsearch.extras.exchange.tables import Table, to_lance, to_parquet  # noqa: E402
from mmsearch.store import Reader  # noqa: E402
from mmsearch.store.transfer import Importer  # noqa: E402
from mmsearch.store.words.query import parse_query  # noqa: E402
from mmsearch.store.writer import Writer  # noqa: E402
from mmsearch.types import EARLIEST_NS, LATEST_NS, MODALITIES, Box, FileMetadata, Item, Span  # noqa: E402
from tests.store.helpers import DIM, IDENTITY, make, put, unit  # noqa: E402
from tests.store.test_transfer import everything  # noqa: E402


def silent(more: int) -> None:
    """Hears of progress."""


def export(source: str, target: Path, write: Callable[..., None] = to_parquet, **how: bool) -> str:
    with Reader.open(source) as reader:
        write(reader, str(target), silent, **how)
    return str(target)


def take(table: str, target: Path) -> dict[str, int]:
    with Writer.open(str(target), IDENTITY) as writer:
        adoption = Importer(writer)
        Table(table).read_into(adoption, DIM, silent)
    return {name: count for name, count in adoption.counts.items() if count}


LETTERS = st.characters(exclude_categories=())
"""Half pairs too, which are no Unicode."""
TIMES = st.integers(EARLIEST_NS, LATEST_NS) | st.sampled_from([EARLIEST_NS, LATEST_NS, 0])
PATHS = st.binary(min_size=1, max_size=12).map(lambda raw: b"/data/" + raw.replace(b"\0", b"0")).map(os.fsdecode)
PATHS = PATHS.filter(lambda path: ".." not in path.split("/"))
SPANS = st.one_of(
    st.just(Span()),
    st.builds(lambda first, more: Span("page", first, first + more), st.integers(1, 999), st.integers(0, 9)),
    st.builds(lambda start, end: Span("second", start, end), st.floats(0, 1e6), st.floats(0, 1e6)),
    st.builds(lambda *of: Span.of_box(Box(*of)), *[st.integers(0, (1 << 25) - 1)] * 4),
)
FACTS = st.builds(
    FileMetadata,
    st.none() | st.integers(0, LATEST_NS),
    st.none() | st.integers(0, LATEST_NS),
    st.none() | st.floats(0, allow_nan=False, allow_infinity=False),
    st.none() | st.text(max_size=20),
)


@st.composite
def contents(draw: st.DrawFn, digest: str) -> tuple[Any, ...]:
    """What `put_content` takes."""
    modality, count = draw(st.sampled_from(MODALITIES)), draw(st.integers(1, 4))
    items = [
        Item(
            "", digest, modality, draw(st.sampled_from(MODALITIES)), 3 * place,
            draw(SPANS), draw(st.text(LETTERS, max_size=20)),
        )
        for place in range(count)
    ]  # fmt: skip
    rows = np.stack([unit(digest, draw(st.integers(0, 99))) for _ in items])
    rows[:, 0] = draw(st.sampled_from([0.0, 6e-8, -1e-5]))  # subnormal in half precision
    return digest, draw(st.sampled_from(["image", "pdf"])), modality, draw(FACTS), items, unit_rows(rows)


def unit_rows(rows: np.ndarray) -> np.ndarray:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


@st.composite
def worlds(draw: st.DrawFn) -> Callable[[Writer], None]:
    """Fills an index at random."""
    known = [draw(contents(digest)) for digest in draw(st.lists(st.sampled_from("abcdef"), max_size=4, unique=True))]
    paths = draw(st.lists(PATHS, max_size=8, unique=True))
    kinds = [draw(st.integers(0, len(known) + 1)) for _ in paths]
    sizes = [draw(st.integers(0, LATEST_NS)) for _ in paths]
    times = [draw(TIMES) for _ in paths]
    reasons = [draw(st.text(LETTERS, max_size=9)) for _ in paths]
    gone = [draw(st.booleans()) for _ in paths]

    def fill(writer: Writer) -> None:
        for content in known:
            writer.put_content(*content)
        for path, kind, size, mtime_ns, reason, missing in zip(paths, kinds, sizes, times, reasons, gone, strict=True):
            if kind < len(known):
                writer.put_file(path, size, mtime_ns, *known[kind][:2])
            elif kind == len(known):
                writer.put_failure(path, size, mtime_ns, reason)
            else:
                writer.put_unsupported(path, size, mtime_ns, reason)
            if missing:
                writer.mark_missing(path)

    return fill


@settings(max_examples=20, deadline=None)
@given(worlds())
def test_an_index_comes_back_from_parquet_as_it_was(fill: Callable[[Writer], None]) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        with Writer.open(str(folder / "index"), IDENTITY) as writer:
            writer.add_root("/data/\udcff")
            fill(writer)
            writer.commit()
        take(export(str(folder / "index"), folder / "a.parquet"), folder / "back")
        assert everything(str(folder / "back")) == everything(str(folder / "index"))
        with Reader.open(str(folder / "back")) as reader:
            assert reader.identity == IDENTITY
            assert reader.status().roots == ("/data/\udcff",)


@pytest.fixture
def index(tmp_path: Path) -> str:
    """Two files with one content, one with another, one that is gone, a failure."""
    with Writer.open(str(tmp_path / "index"), IDENTITY) as writer:
        put(writer, "/data/a", "a", mtime_ns=5)
        put(writer, "/data/copy\udcff", "a", mtime_ns=6)
        put(writer, "/data/b", "b", mtime_ns=7)
        put(writer, "/data/gone", "gone", mtime_ns=8)
        writer.put_failure("/data/broken", 1, 9, "it is \udcff broken")
        writer.commit()
        writer.mark_missing("/data/gone")
        writer.commit()
    return str(tmp_path / "index")


def test_an_index_comes_back_from_lance_as_it_was(index: str, tmp_path: Path) -> None:
    pytest.importorskip("lance", reason="the extra is absent")
    target = export(index, tmp_path / "a.lance", to_lance)
    with pytest.raises(UsageError, match="is there already: add --force"):
        export(index, tmp_path / "a.lance", to_lance)
    export(index, tmp_path / "a.lance", to_lance, force=True)
    with pytest.raises(UsageError, match="index is no Lance dataset: nothing of it is replaced"):
        export(index, tmp_path / "index", to_lance, force=True)
    take(target, tmp_path / "back")
    assert everything(str(tmp_path / "back")) == everything(index)


@pytest.mark.parametrize("write", [to_parquet, to_lance])
def test_an_interrupted_export_leaves_nothing(index: str, tmp_path: Path, write: Callable[..., None]) -> None:
    if write is to_lance:
        pytest.importorskip("lance", reason="the extra is absent")

    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    with Reader.open(index) as reader, pytest.raises(KeyboardInterrupt):
        write(reader, str(tmp_path / "a.out"), interrupt)
    assert [path.name for path in tmp_path.iterdir()] == ["index"]


def test_importing_again_changes_nothing_and_newer_files_stay(index: str, tmp_path: Path) -> None:
    table = export(index, tmp_path / "a.parquet")
    with Writer.open(str(tmp_path / "target"), IDENTITY) as writer:
        put(writer, "/data/a", "newer", mtime_ns=6)
        writer.commit()
    assert take(table, tmp_path / "target") == {"added": 4, "older": 1, "items": 6}
    before = everything(str(tmp_path / "target"))
    assert take(table, tmp_path / "target") == {"unchanged": 4, "older": 1}
    assert everything(str(tmp_path / "target")) == before
    with Reader.open(str(tmp_path / "target")) as reader:
        copy, own = reader.file("/data/copy\udcff"), reader.file("/data/a")
        assert copy is not None
        assert own is not None
        assert (copy.digest, own.digest) == ("a", "newer")


def test_the_table_is_for_others_to_read(index: str, tmp_path: Path) -> None:
    table = pq.read_table(export(index, tmp_path / "a.parquet"))
    rows = table.to_pylist()
    assert json.loads(table.schema.metadata[b"mmsearch"])["identity"] == json.loads(IDENTITY.to_json())
    assert [(row["path"], row["ordinal"], row["vector"] is None) for row in rows] == [
        ("/data/a", 0, False),
        ("/data/a", 1, False),
        ("/data/copy\\xff", None, True),
        ("/data/b", 0, False),
        ("/data/b", 1, False),
        ("/data/gone", 0, False),
        ("/data/gone", 1, False),
        ("/data/broken", None, True),
    ]
    assert rows[0]["id"] == item_id("a", "image", "image", 0) == "af54ff9d-6ee1-53de-b63b-f2742b2de961"
    assert rows[2]["path_bytes"] == b"/data/copy\xff"
    assert rows[1]["text"] == "text of a"
    assert np.allclose(rows[0]["vector"], unit("a", 0), atol=1e-3)


# --- tables of others ---


def foreign(**columns: Any) -> Any:
    """A table of two files with nothing but what is needed, and what is given instead; None leaves a column out."""
    known = {
        "path": ["pictures/a.jpg", "/data/b.jpg"],
        "digest": ["a", "b"],
        "kind": ["image", "image"],
        "modality": ["image", "image"],
        "size": [1, 2],
        "mtime_ns": [3, 4],
        "vector": [unit("a", 0).astype(np.float64).tolist(), unit("b", 0).astype(np.float64).tolist()],
    }
    return pa.table({name: of for name, of in (known | columns).items() if of is not None})


@pytest.fixture
def written(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Writes such a table."""

    def write(**columns: Any) -> str:
        pq.write_table(foreign(**columns), tmp_path / "foreign.parquet")
        return str(tmp_path / "foreign.parquet")

    yield write


def test_a_table_with_the_columns_that_are_needed_becomes_an_index(written: Callable[..., str], tmp_path: Path) -> None:
    assert take(written(), tmp_path / "index") == {"added": 2, "items": 2}
    with Reader.open(str(tmp_path / "index")) as reader:
        hits = reader.search(unit("a", 0), "image", 5)
        (place,) = reader.locate([hits[0][0]])[hits[0][0]]
        assert place.item == Item(str(tmp_path / "pictures" / "a.jpg"), "a", "image", "image")
        assert hits[0][1] == pytest.approx(1, abs=1e-3)
        assert not list(reader.problems())


def test_parts_of_a_file_follow_each_other_and_copies_may_come_later(
    written: Callable[..., str], tmp_path: Path
) -> None:
    vectors = [unit("a", 0).tolist(), unit("a", 1).tolist(), unit("b", 0).tolist(), None]
    table = written(
        path=["/a", "/a", "/b", "/copy"], digest=["a", "a", "b", "a"], kind=["pdf"] * 4, modality=["document"] * 4,
        size=[1] * 4, mtime_ns=[1] * 4, vector=pa.array(vectors, pa.large_list(pa.float32())),
        partition=["document", "text", None, None], text=[None, "words", None, None],
        span_unit=["page", "page", None, None], span_start=[1, 2, 0, 0], span_end=[1, 2, 0, 0],
    )  # fmt: skip
    assert take(table, tmp_path / "index") == {"added": 3, "items": 3}
    with Reader.open(str(tmp_path / "index")) as reader:
        assert [item for item, _ in reader.items_at("/copy")] == [item for item, _ in reader.items_at("/a")]
        (item,) = reader.search_passages(parse_query("words")).rows
        assert [str(place.item.span) for place in reader.locate([item])[item]] == ["p.2", "p.2"]


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"digest": None, "vector": None}, r"has no column digest, vector: docs/exchange.md"),
    ({"size": ["1", "many"]}, r"column size is string, not int64"),
    ({"vector": ["1", "2"]}, r"column vector is string, not a list of floating-point numbers"),
    ({"vector": [[1, 2], [3, 4]]}, r"column vector is list<.*int64.*>, not a list of floating"),
    ({"vector": [[1.0], [1.0]]}, r"has vectors of 1 numbers, those of this model have 16"),
    ({"vector": [[1.0] * DIM, [1.0] + [0.0] * 15]}, r"has a vector of length 4: divide each by its length"),
    ({"vector": [[0.0] * DIM] * 2}, r"has a vector of length 0: "),
    ({"vector": [[float("nan")] * DIM] * 2}, r"has a vector of length nan: "),
    ({"vector": [[None] + [0.25] * 15] * 2}, r"column vector has numbers that are null"),
    ({"modality": ["image", "smell"]}, r"row 2: modality is 'smell': choose from text, image"),
    ({"partition": ["image", "smell"]}, r"row 2: partition is 'smell'"),
    ({"span_unit": ["yard", None]}, r"row 1: span_unit is 'yard': choose from whole, line"),
    ({"status": ["ok", "fine"]}, r"row 2: status is 'fine'"),
    ({"status": ["failed", "ok"]}, r"row 1: a row with a vector has status ok"),
    ({"digest": ["a", None]}, r"row 2: a file of status ok needs a digest and a kind"),
    ({"path": ["a", ""]}, r"row 2: '' is no path"),
    ({"path": ["a", None]}, r"row 2: path is null"),
    ({"size": [1, None]}, r"row 2: size is null"),
    ({"vector": [None, [0.25] * DIM]}, r"row 1: no row before it gives the vectors of a as image"),
]


@pytest.mark.parametrize(("columns", "told"), WRONG)
def test_what_makes_no_sense_is_one_line(
    written: Callable[..., str], tmp_path: Path, columns: dict[str, Any], told: str
) -> None:
    with pytest.raises(MmsearchError, match=told) as raised:
        take(written(**columns), tmp_path / "index")
    assert "\n" not in str(raised.value)
    assert "foreign.parquet" in str(raised.value)


@pytest.mark.parametrize(
    ("metadata", "told"),
    [
        ("no json", "its metadata 'mmsearch' cannot be read"),
        ("[]", "its metadata 'mmsearch' cannot be read"),
        ('{"identity": {"dim": 3}}', "its metadata 'mmsearch' cannot be read"),
        ('{"version": 9}', "has version 9, this mmsearch reads 1: upgrade mmsearch"),
    ],
)
def test_metadata_that_means_nothing_is_told(tmp_path: Path, metadata: str, told: str) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(foreign().replace_schema_metadata({"mmsearch": metadata}), path)
    with pytest.raises(UsageError, match=told):
        Table(str(path))


def test_files_that_are_no_tables_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("words")
    for name, told in (("a.txt", "is no table that can be read"), ("nowhere", "is not there")):
        with pytest.raises(UsageError, match=told):
            Table(str(tmp_path / name))


def test_batches_do_not_grow_with_the_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = make(tmp_path / "index", *(f"f{number}" for number in range(30)))
    monkeypatch.setattr(tables.contents, "__defaults__", (8,))
    monkeypatch.setattr(tables, "ROWS_AT_ONCE", 8)
    with Reader.open(source) as reader:
        sizes = [batch.num_rows for batch in tables.batches(reader, tables.schema_of(reader), silent)]
    assert len(sizes) == 8
    assert max(sizes) == 8
    take(export(source, tmp_path / "a.parquet"), tmp_path / "back")
    assert everything(str(tmp_path / "back")) == everything(source)


@pytest.mark.skipif(os.name == "nt", reason="links and modes of POSIX")
def test_a_dataset_is_its_users_alone_and_written_through_no_link(index: str, tmp_path: Path) -> None:
    pytest.importorskip("lance", reason="the extra is absent")
    target = Path(export(index, tmp_path / "a.lance", to_lance))
    assert target.stat().st_mode & 0o077 == 0
    (tmp_path / "victim").mkdir()
    (target / "data").rename(tmp_path / "data")
    (target / "data").symlink_to(tmp_path / "victim")
    with pytest.raises(UsageError, match="data is a link"):
        export(index, target, to_lance, force=True)
    assert os.listdir(tmp_path / "victim") == []


@pytest.mark.skipif(os.name == "nt", reason="links of POSIX")
def test_a_dataset_is_not_written_over_through_a_link(index: str, tmp_path: Path) -> None:
    pytest.importorskip("lance", reason="the extra is absent")
    other = Path(export(index, tmp_path / "other.lance", to_lance))
    before = sorted(path.name for path in other.rglob("*"))
    (tmp_path / "a.lance").symlink_to(other)
    with pytest.raises(UsageError, match="is a link"):
        export(index, tmp_path / "a.lance", to_lance, force=True)
    assert sorted(path.name for path in other.rglob("*")) == before
