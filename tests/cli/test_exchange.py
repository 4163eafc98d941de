"""`mmsearch export` and `mmsearch import`: what they tell, and what they refuse."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from mmsearch.models import load_embedder
from mmsearch.store import Identity, Reader
from mmsearch.store.writer import Writer
from mmsearch.types import LoaderSettings, ModelOptions
from tests.cli.running import run
from tests.store.helpers import IDENTITY, make

pa = pytest.importorskip("pyarrow", reason="the extra is absent")
pq = pytest.importorskip("pyarrow.parquet")


def test_an_index_goes_out_and_comes_back(tmp_path: Path) -> None:
    index, table = make(tmp_path / "index", "a", "b"), tmp_path / "a.parquet"
    done = run("export", "--to", "parquet", "-o", table, "--index", index, "--json")
    report = done.json
    assert (done.code, done.told) == (0, "")
    assert report.pop("seconds") >= 0
    assert report == {"index": index, "to": "parquet", "target": str(table), "files": 2, "items": 4}
    again = run("export", "--to", "parquet", "-o", table, "--index", index)
    assert (again.code, again.told) == (2, f"mmsearch: error: {table} is there already: add --force to replace it\n")
    assert "4 items of 2 files" in run("export", "--to", "parquet", "-o", table, "--index", index, "--force").told
    back = run("import", table, "--index", tmp_path / "back", "--map", f"/data={tmp_path}", "--json")
    assert back.json["added"] == 2
    with Reader.open(str(tmp_path / "back")) as reader:
        assert reader.identity == IDENTITY
        assert reader.file(str(tmp_path / "a")) is not None


def test_lance_and_qdrant_are_ways_out_too(tmp_path: Path) -> None:
    pytest.importorskip("lance", reason="the extra is absent")
    pytest.importorskip("qdrant_client", reason="the extra is absent")
    index = make(tmp_path / "index", "a", "b")
    assert run("export", "--to", "lance", "-o", tmp_path / "a.lance", "--index", index).code == 0
    assert run("import", tmp_path / "a.lance", "--index", tmp_path / "back", "--json").json["items"] == 4
    for _ in range(2):
        done = run("export", "--to", "qdrant", "-o", tmp_path / "qdrant", "--index", index, "--json")
        assert (done.code, done.json["items"], done.told) == (0, 4, "")


def test_vectors_made_elsewhere_name_their_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    embedder = load_embedder(ModelOptions())
    (tmp_path / "a.txt").write_text("a red car")
    vectors = np.eye(2, embedder.spec.dim).tolist()
    known = {
        "path": ["a.txt", "b.txt"], "digest": ["a", "b"], "kind": ["text"] * 2, "modality": ["text"] * 2,
        "size": [9, 9], "mtime_ns": [1, 1], "vector": vectors,
    }  # fmt: skip
    pq.write_table(pa.table(known), tmp_path / "plain.parquet")
    monkeypatch.chdir(tmp_path)
    done = run("import", "plain.parquet", "--index", "index")
    assert (done.code, done.told) == (
        2,
        "mmsearch: error: plain.parquet does not say which model made its vectors: name it with --model\n",
    )
    assert not Path("index").exists()
    assert run("import", "plain.parquet", "--index", "index", "--model", "builtin", "--json").json["items"] == 2
    assert [hit["path"] for hit in run("search", "--like", "a.txt", "--json", "--index", "index").json["hits"]] == []
    pq.write_table(pa.table(known).replace_schema_metadata({"mmsearch": '{"model": "builtin"}'}), "named.parquet")
    assert run("import", "named.parquet", "--index", "index", "--json").json["unchanged"] == 2
    assert run("status", "--check", "--index", "index").code == 0
    missing = run("import", "plain.parquet", "--index", "other", "--model", "no/such-model")
    assert (missing.code, missing.out) == (4, "")


def test_vectors_of_another_model_are_refused(tmp_path: Path) -> None:
    index, table = make(tmp_path / "index", "a"), tmp_path / "a.parquet"
    assert run("export", "--to", "parquet", "-o", table, "--index", index).code == 0
    unlike = Identity(IDENTITY.options, IDENTITY.fingerprint, IDENTITY.dim, IDENTITY.modalities, LoaderSettings(7))
    Writer.open(str(tmp_path / "unlike"), unlike).close()
    done = run("import", table, "--index", tmp_path / "unlike")
    assert done.code == 2
    assert "in the first passage_chars is 7, not 1200" in done.told
    named = run("import", table, "--index", tmp_path / "new", "--model", "builtin")
    assert named.code == 2
    assert "--model builtin cannot go together" in named.told
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("args", "code", "told"),
    [
        (["export"], 2, "say what to write and where"),
        (["export", "--to", "parquet"], 2, "say what to write and where"),
        (["export", "--to", "csv", "-o", "x"], 2, "'csv' is not one of"),
        (["export", "--to", "parquet", "-o", "x", "--index", "nowhere"], 3, "no index in"),
        (["export", "--to", "parquet", "-o", "no/folder/x", "--index", "index"], 2, "No such file or directory"),
        (["export", "--to", "parquet", "-o", "folder", "--index", "index"], 2, "folder is there already"),
        (["export", "--to", "parquet", "-o", "folder", "--index", "index", "--force"], 2, "directory"),
        (["import"], 2, "Missing argument"),
        (["import", "nowhere.parquet"], 2, "nowhere.parquet is not there"),
        (["import", "folder"], 2, "is no table that can be read"),
        (["import", "folder/a.txt"], 2, "is no table that can be read"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, args: list[str], code: int, told: str
) -> None:
    make(tmp_path / "index", "a")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a.txt").touch()
    monkeypatch.chdir(tmp_path)
    done = run(*args)
    assert (done.code, done.out) == (code, "")
    assert told in done.told.splitlines()[-1]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "index"]


@pytest.mark.parametrize(
    ("args", "module", "extra"),
    [
        (["export", "--to", "parquet", "-o", "x"], "pyarrow", "parquet"),
        (["export", "--to", "lance", "-o", "x"], "lance", "lance"),
        (["export", "--to", "qdrant", "-o", "x"], "qdrant_client", "qdrant"),
        (["import", "x.parquet"], "pyarrow", "parquet"),
    ],
)
def test_a_missing_extra_is_one_line_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, args: list[str], module: str, extra: str
) -> None:
    make(tmp_path / "index", "a")
    monkeypatch.chdir(tmp_path)
    for name in [name for name in sys.modules if name.startswith("mmsearch.extras.exchange")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    done = run(*args, "--index", "index")
    assert (done.code, done.out) == (4, "")
    assert done.told.endswith(f'pip install "mmsearch[{extra}]"\n')
    assert len(done.told.splitlines()) == 1
