"""Out to Qdrant, by its client's local mode: points that stay the same points, and go when their files do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

qdrant_client = pytest.importorskip("qdrant_client", reason="the extra is absent")

from mmsearch.errors import IndexMismatch, MmsearchError, UsageError  # noqa: E402
from mmsearch.extras.exchange import qdrant  # noqa: E402
from mmsearch.extras.exchange.rows import item_id  # noqa: E402
from mmsearch.store import Reader  # noqa: E402
from mmsearch.store.writer import Writer  # noqa: E402
from tests.store.helpers import IDENTITY, make, put, unit  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:Local mode")


@pytest.fixture
def client() -> Iterator[Any]:
    client = qdrant_client.QdrantClient(":memory:")
    yield client
    client.close()


def export(directory: str, client: Any, **how: bool) -> int:
    with Reader.open(directory) as reader:
        return qdrant.to_qdrant(reader, client, "photos", **how)


def points(client: Any) -> dict[str, dict[str, Any]]:
    """Payloads by id."""
    found, _ = client.scroll("photos", limit=1000)
    return {point.id: point.payload for point in found}


def test_points_are_found_as_in_the_index(tmp_path: Path, client: Any) -> None:
    directory = make(tmp_path / "index", *"abcdef")
    assert export(directory, client) == 12
    with Reader.open(directory) as reader:
        hits = reader.search(unit("c", 0), "image", 3)
        paths = [reader.locate([item])[item][0].item.path for item, _ in hits]
    of_images = qdrant_client.models.FieldCondition(
        key="partition", match=qdrant_client.models.MatchValue(value="image")
    )
    found = client.query_points(
        "photos", unit("c", 0).tolist(), limit=3, query_filter=qdrant_client.models.Filter(must=[of_images])
    ).points
    assert [point.payload["path"] for point in found] == paths
    assert [point.score for point in found] == pytest.approx([score for _, score in hits], abs=1e-5)
    assert found[0].payload["text"] == ""
    told = points(client)[item_id("c", "image", "text", 1)]
    assert {name: told[name] for name in ("path", "modality", "span_unit", "span_start", "span_end", "text")} == {
        "path": "/data/c", "modality": "image", "span_unit": "line", "span_start": 1, "span_end": 3,
        "text": "text of c",
    }  # fmt: skip
    metadata = client.get_collection("photos").config.metadata
    assert json.loads(metadata["mmsearch"])["identity"]["fingerprint"] == IDENTITY.fingerprint


def test_a_second_export_changes_what_has_changed_and_doubles_nothing(tmp_path: Path, client: Any) -> None:
    directory = make(tmp_path / "index", "a", "b", "c")
    export(directory, client)
    before = set(points(client))
    with Writer.open(directory, IDENTITY) as writer:
        writer.remove("/data/a")
        put(writer, "/data/moved\udcff", "b")
        writer.remove("/data/b")
        writer.mark_missing("/data/c")
        put(writer, "/data/d", "d")
        writer.commit()
    assert export(directory, client) == 4
    now = points(client)
    assert set(now) - before == {item_id("d", "image", "image", 0), item_id("d", "image", "text", 1)}
    assert now[item_id("b", "image", "image", 0)]["paths"] == ["/data/moved\\xff"]
    assert bytes.fromhex(now[item_id("b", "image", "image", 0)]["path_bytes"]) == b"/data/moved\xff"
    assert {payload["path"] for payload in now.values()} == {"/data/moved\\xff", "/data/d"}


def test_two_indexes_may_share_a_collection(tmp_path: Path, client: Any) -> None:
    one, other = make(tmp_path / "one", "a"), make(tmp_path / "other", "b")
    export(one, client)
    export(other, client)
    export(one, client)
    assert {payload["path"] for payload in points(client).values()} == {"/data/a", "/data/b"}


def test_a_collection_of_something_else_is_left_alone_unless_forced(tmp_path: Path, client: Any) -> None:
    directory = make(tmp_path / "index", "a")
    size = qdrant_client.models.VectorParams(size=3, distance=qdrant_client.models.Distance.COSINE)
    client.create_collection("photos", vectors_config=size)
    with pytest.raises(UsageError, match="the collection photos is not of mmsearch: take another --collection"):
        export(directory, client)
    assert export(directory, client, force=True) == 2
    with Writer.open(str(tmp_path / "unlike"), replace(IDENTITY, fingerprint="fingerprint-2")) as writer:
        put(writer, "/data/a", "a")
        writer.commit()
    with pytest.raises(IndexMismatch, match=r"collection photos .* fingerprint is fingerprint-1, not fingerprint-2"):
        export(str(tmp_path / "unlike"), client)


def test_a_server_that_is_not_there_and_a_folder_in_use_are_one_line(tmp_path: Path) -> None:
    directory = make(tmp_path / "index", "a")
    nobody = qdrant.connect("http://127.0.0.1:9")
    with pytest.raises(MmsearchError, match=r"^collection photos: \S.*$"):
        export(directory, nobody)
    first = qdrant.connect(str(tmp_path / "folder"))
    with pytest.raises(MmsearchError, match="already accessed by another instance"):
        qdrant.connect(str(tmp_path / "folder"))
    first.close()
