"""An index from elsewhere, opened with ordinary commands: what it names is a wish, and no code of it runs."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from .conftest import Command

SECRET = "The combination of the safe is twelve, nine, forty."


class Payload:
    """What a pickle runs when it is read."""

    def __init__(self, harm: Path) -> None:
        self.harm = harm

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.harm),)


@pytest.fixture
def planted(tmp_path: Path) -> Command:
    """A folder as it comes out of an archive, with an index in it; the user has run nothing there yet."""
    folder = tmp_path / "unpacked"
    folder.mkdir()
    (folder / "garden.txt").write_text("Tomatoes need six hours of sun a day.")
    own = Command(folder, folder / ".mmsearch", {"MMSEARCH_STATE": str(tmp_path / "attacker")})
    own.report(".")
    return Command(folder, folder / ".mmsearch", {"MMSEARCH_STATE": str(tmp_path / "victim-state")})


@pytest.fixture
def private(tmp_path: Path) -> Path:
    folder = tmp_path / "victim"
    folder.mkdir()
    (folder / "secret.txt").write_text(SECRET)
    return folder


def sql(index: Path, *statements: tuple[str, tuple[Any, ...]]) -> None:
    with closing(sqlite3.connect(index / "meta.sqlite")) as db:
        for statement, values in statements:
            db.execute(statement, values)
        db.commit()


def options_of(index: Path, **changed: Any) -> None:
    """Change how the index says that its model is loaded."""
    with closing(sqlite3.connect(index / "meta.sqlite")) as db:
        identity = json.loads(db.execute("SELECT value FROM meta WHERE key = 'identity'").fetchone()[0])
        identity["options"] |= changed
        db.execute("UPDATE meta SET value = ? WHERE key = 'identity'", (json.dumps(identity),))
        db.commit()


def texts(index: Path) -> bytes:
    """All that the index holds, as bytes."""
    return b"".join(path.read_bytes() for path in index.rglob("*") if path.is_file())


def hostile_model(folder: Path, harm: Path) -> Path:
    """A model whose weights are a pickle that leaves a trace, and whose settings ask that it be read."""
    from tests.models import builders

    model = builders.make_text_embedder(folder)
    config = json.loads((model / "config.json").read_text())
    config.pop("dtype", None)
    (model / "config.json").write_text(json.dumps(config))
    (model / "sentence_bert_config.json").write_text(json.dumps({"model_args": {"weights_only": False}}))
    (model / "model.safetensors").unlink()
    (model / "pytorch_model.bin").write_bytes(pickle.dumps({"weights": Payload(harm)}))
    return model


# --- models -----------------------------------------------------------------------------------------------------------


@pytest.mark.torch_process
@pytest.mark.parametrize("name", ["model", "./model", "absolute", "org/model"])
def test_a_planted_model_runs_nothing(planted: Command, tmp_path: Path, name: str) -> None:
    harm = tmp_path / "harm"
    place = planted.cwd / ("org/model" if name == "org/model" else "model")
    hostile_model(place, harm)
    options_of(planted.index, name=str(place) if name == "absolute" else name, model_kwargs={"dtype": "auto"})
    (planted.cwd / "new.txt").write_text("Something new to embed.")
    for args in (
        ("search", "tomatoes"),
        ("index",),
        ("status", "--check"),
        ("eval", "q.jsonl"),
        ("search", "a", "-k1"),
    ):
        (planted.cwd / "q.jsonl").write_text('{"query": "tomatoes", "relevant": ["garden.txt"]}\n')
        done = planted(*args)
        # A check also sees that the database is not as it was written.
        assert done.returncode in ((0, 3) if args[0] == "status" else (4,)), (args, done.stderr)
        assert not harm.exists(), args
        if args[0] != "status":
            assert done.returncode == 4 and done.stderr.count(b"\n") == 1, done.stderr
    merged = planted("merge", str(planted.index), "-o", str(tmp_path / "merged"))
    assert merged.returncode == 0, merged.stderr
    assert planted("search", "tomatoes", "--index", str(tmp_path / "merged")).returncode == 4
    assert not harm.exists()


@pytest.mark.torch_process
def test_a_planted_model_runs_nothing_even_where_the_index_is_trusted(planted: Command, tmp_path: Path) -> None:
    harm = tmp_path / "harm"
    options_of(planted.index, name=str(hostile_model(planted.cwd / "model", harm)))
    for args in (
        ("search", "a", "--trust-index"),
        ("index", "--trust-index"),
        ("index", ".", "--rebuild", "--model", "model"),
    ):
        done = planted(*args)
        assert done.returncode == 4 and b"safetensors" in done.stderr and not harm.exists(), done.stderr


@pytest.mark.parametrize(
    "wish",
    [
        {"model_kwargs": {"attn_implementation": "org/kernel"}},
        {"model_kwargs": {"quantization_config": {"quant_method": "own"}}},
        {"model_kwargs": {"subfolder": "../.."}},
        {"model_kwargs": {"backend": ["onnx"]}},
        {"model_kwargs": {"variant": "../../x"}},
        {"processor_kwargs": {"cache_dir": "."}},
        {"processor_kwargs": {"tokenizer_file": "/etc/passwd"}},
        {"revision": "../../../unpacked/model"},
        {"attn": "org/kernel"},
        {"name": "~/model"},
        {"name": "../model"},
    ],
    ids=str,
)
def test_what_an_index_asks_of_a_loader_takes_its_users_word(planted: Command, wish: dict[str, Any]) -> None:
    options_of(planted.index, **{"name": "clip-b32", **wish})
    done = planted("search", "tomatoes")
    assert done.returncode == 4 and b"--trust-index" in done.stderr and done.stderr.count(b"\n") == 1, done.stderr
    assert b"--trust-index" not in planted("search", "tomatoes", "--trust-index").stderr


@pytest.mark.torch_process
def test_the_users_own_model_is_remembered_and_goes_with_the_index(mixed: Command, clip: Path, tmp_path: Path) -> None:
    mixed.report(".", "--model", str(clip))
    moved = Command(mixed.cwd, Path(shutil.copytree(mixed.index, tmp_path / "elsewhere" / "index")))
    assert len(moved.hits("a red circle")) == 6
    other = Command(mixed.cwd, mixed.index, {"MMSEARCH_STATE": str(tmp_path / "another user")})
    done = other("search", "a red circle")
    assert done.returncode == 4 and str(clip).encode() in done.stderr
    assert len(other.hits("a red circle", "--trust-index")) == 6
    allowed = Command(mixed.cwd, mixed.index, {**other.environment, "MMSEARCH_TRUST_INDEX": "1"})
    assert len(allowed.hits("a red circle")) == 6
    assert other("search", "a").returncode == 4, "that was for one call"
    other.report("--trust-index")
    assert len(other.hits("a red circle")) == 6, "and this for good"


# --- roots ------------------------------------------------------------------------------------------------------------


def absolute(planted: Command, private: Path) -> None:
    sql(planted.index, ("INSERT INTO roots VALUES (?)", (os.fsencode(private),)))


def by_link(planted: Command, private: Path) -> None:
    (planted.cwd / "link").symlink_to(private)
    sql(planted.index, ("INSERT INTO roots VALUES (?)", (b"link",)))


def by_dots(planted: Command, private: Path) -> None:
    sql(planted.index, ("INSERT INTO roots VALUES (?)", (b"../victim",)))


def by_anchor(planted: Command, private: Path) -> None:
    sql(planted.index, ("INSERT OR REPLACE INTO meta VALUES ('anchor', '../..')", ()))


def by_an_odd_anchor(planted: Command, private: Path) -> None:
    sql(planted.index, ("INSERT OR REPLACE INTO meta VALUES ('anchor', ?)", (f"../../{private.name}",)))


def by_a_link_to_a_file(planted: Command, private: Path) -> None:
    (planted.cwd / "innocent.txt").symlink_to(private / "secret.txt")


def by_a_planted_grant(planted: Command, private: Path) -> None:
    absolute(planted, private)
    grant = ("INSERT INTO grants VALUES ('root', ?, ?)", (os.fsencode(private), bytes(32)))
    sql(planted.index, grant)


def by_an_older_format(planted: Command, private: Path) -> None:
    absolute(planted, private)
    sql(planted.index, ("DROP TABLE grants", ()), ("UPDATE meta SET value = '4' WHERE key = 'format'", ()))


PLANTING = [
    absolute, by_link, by_dots, by_anchor, by_an_odd_anchor,
    by_a_link_to_a_file, by_a_planted_grant, by_an_older_format,
]  # fmt: skip


@pytest.mark.parametrize("plant", PLANTING, ids=lambda plant: plant.__name__)
def test_a_planted_folder_is_left_alone(
    planted: Command, private: Path, plant: Callable[[Command, Path], None]
) -> None:
    plant(planted, private)
    for args in (("--dry-run",), (), ("--prune",), ("--retry-failed",)):
        done = planted("index", *args)
        assert done.returncode in (0, 3) and (done.returncode or b"left alone" in done.stderr), done.stderr
    assert b"combination" not in texts(planted.index)
    found = planted("search", "--json", "combination of the safe")
    assert found.returncode in (0, 1, 3) and b"secret" not in found.stdout


def test_a_planted_folder_is_left_alone_after_a_merge_and_an_import(planted: Command, private: Path) -> None:
    pytest.importorskip("pyarrow")
    absolute(planted, private)
    table = planted.cwd.parent / "table.parquet"
    assert planted("export", "--to", "parquet", "-o", str(table)).returncode == 0
    for target, args in (("a", ("merge", str(planted.index), "-o")), ("b", ("import", str(table), "--index"))):
        index = planted.cwd.parent / "joined" / target
        done = planted(*args, str(index))
        assert done.returncode == 0, done.stderr
        done = planted("index", "--index", str(index))
        assert b"left alone" in done.stderr and b"combination" not in texts(index), done.stderr


def test_a_folder_is_gone_through_again_once_it_is_named(planted: Command, private: Path) -> None:
    absolute(planted, private)
    assert planted.report(str(private))["added"] == 1
    (private / "more.txt").write_text("More of it.")
    assert planted.report()["added"] == 1, "the word of the user is remembered"


def test_all_is_gone_through_once_the_index_is_trusted(planted: Command, private: Path) -> None:
    absolute(planted, private)
    assert planted.report("--trust-index")["added"] == 1
    (private / "more.txt").write_text("More of it.")
    done = planted("index", "--json")
    assert json.loads(done.stdout)["added"] == 1 and b"left alone" not in done.stderr


# --- files ------------------------------------------------------------------------------------------------------------


def test_a_planted_path_shows_nothing_of_its_file(planted: Command, tmp_path: Path) -> None:
    from .conftest import draw

    draw(tmp_path / "private.png", "red")
    draw(planted.cwd / "red.png", "red")
    Command(planted.cwd, planted.index, {"MMSEARCH_STATE": str(tmp_path / "attacker")}).report(".")
    path = os.fsencode(tmp_path / "private.png")
    (planted.cwd / "link").symlink_to(tmp_path)
    for stored in (path, b"../private.png", b"link/private.png"):
        status = os.stat(tmp_path / "private.png")
        sql(
            planted.index,
            ("UPDATE files SET path = ?, size = ?, mtime_ns = ? WHERE content_id IN (SELECT id FROM contents"
             " WHERE modality = 'image')", (stored, status.st_size, status.st_mtime_ns)),
        )  # fmt: skip
        done = planted("search", "red", "-t", "image", "--context")
        if stored.startswith(b".."):
            assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (3, b"", 1), done.stderr
            continue
        assert json.loads(done.stdout)["evidence"] == [], stored
        assert done.stderr.count(b"not opened") == 1, done.stderr
        done = planted("search", "red", "-t", "image", "--rerank", "--reranker", "builtin", "--json")
        assert len(json.loads(done.stdout)["hits"]) == 1 and done.stderr.count(b"not opened") == 1, done.stderr
        trusted = planted("search", "red", "-t", "image", "--context", "--trust-index")
        assert len(json.loads(trusted.stdout)["evidence"]) == 1, trusted.stderr


def test_files_that_the_user_has_listed_are_shown(mixed: Command, tmp_path: Path) -> None:
    mixed.index = tmp_path / "of its own" / "index"
    done = mixed("index", "--files-from", "-", stdin=b"red.png\ngreen.png\n")
    assert done.returncode == 0, done.stderr
    found = mixed("search", "red", "--context")
    assert len(json.loads(found.stdout)["evidence"]) == 2, found.stderr


def test_a_link_in_a_folder_of_the_users_is_followed(mixed: Command, private: Path) -> None:
    (mixed.cwd / "notes.txt").symlink_to(private / "secret.txt")
    assert mixed.report(".")["added"] == 7
    assert SECRET in json.dumps(json.loads(mixed("search", "combination of the safe", "--context").stdout))


def test_without_a_key_the_run_says_what_will_not_be_remembered(mixed: Command, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    mixed.index = tmp_path / "of its own" / "index"
    mixed.environment["MMSEARCH_STATE"] = str(blocked / "below")
    done = mixed("index", ".")
    assert done.returncode == 0 and done.stderr.count(b"cannot keep a key") == 1, done.stderr
    assert b"left alone" in mixed("index").stderr
    assert len(mixed.hits("red")) == 6
