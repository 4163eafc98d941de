"""The options of a cluster and indexes of objects on the command line; no cluster is started for that."""

from __future__ import annotations

import shutil
from importlib.util import find_spec

import pytest

from tests.extras.ray.running import Here, clustered

from .conftest import Command

WITH_RAY = pytest.mark.skipif(find_spec("ray") is None, reason="the extra ray is not installed")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--ray-address", "auto"], "--ray-address belongs to --engine ray"),
        (["--shards", "there"], "--shards belongs to --engine ray"),
        (["s3://bucket/key"], "objects of stores are read with --engine ray"),
        pytest.param(["--engine", "ray", "--jobs", "0"], "--jobs 0", marks=WITH_RAY),
        pytest.param(["--engine", "ray", "--jobs", "2", "--ray-address", "auto"], "its own processors", marks=WITH_RAY),
        pytest.param(["--engine", "ray", "--device", "cuda:1"], "--device cuda:1", marks=WITH_RAY),
        pytest.param(["--engine", "ray", "--progress"], "--progress", marks=WITH_RAY),
        pytest.param(["--engine", "ray", "--ray-address", "ray://there:10001"], "ray job submit", marks=WITH_RAY),
        pytest.param(["--engine", "ray", "--ray-address", "127.0.0.1:1"], "no Ray cluster answers", marks=WITH_RAY),
        pytest.param(["--engine", "ray", "--ray-address", "127.0.0.1:x"], "no Ray cluster answers", marks=WITH_RAY),
        pytest.param(["--engine", "ray", "--watch"], "--watch is for local runs", marks=WITH_RAY),
        pytest.param(["https://example.org/", "--engine", "ray"], "web pages are not indexed", marks=WITH_RAY),
    ],
)
def test_options_that_make_no_sense_are_one_line(mixed: Command, options: list[str], told: str) -> None:
    done = mixed("index", *options)
    assert done.returncode == 2
    assert told in done.stderr.decode()
    assert len(done.stderr.splitlines()) == 1


def test_a_missing_extra_is_one_line_that_names_it(mixed: Command) -> None:
    blocked = mixed.cwd / "blocked"
    blocked.mkdir()
    (blocked / "sitecustomize.py").write_text("import sys\nsys.modules['ray'] = None\n")
    mixed.environment["PYTHONPATH"] = f"{blocked}:{mixed.env().get('PYTHONPATH', '')}"
    done = mixed("index", ".", "--engine", "ray")
    assert (done.returncode, b'pip install "mmsearch[ray]"' in done.stderr) == (4, True), done.stderr.decode()


def test_objects_are_found_by_their_urls_and_read_again_by_the_reranker(mixed: Command) -> None:
    pytest.importorskip("fsspec")
    root = f"file://{mixed.cwd}"
    clustered(Here(), mixed.index, [root])
    hits = mixed.hits("a red circle", "--rerank", "-t", "image")
    assert hits[0]["path"] == f"{root}/red.png"
    assert hits[0]["rerank_score"] is not None
    assert not any(hit["stale"] for hit in hits)
    assert mixed("search", "tomatoes", "-l", "--in", root, "-k", "1").stdout.decode() == f"{root}/garden.txt\n"
    assert mixed.hits("--like", f"{root}/red.png", "-k", "1")
    done = mixed("index", "--json", "--prune")
    assert (done.returncode, b"its objects are left as they are" in done.stderr) == (0, True)
    shutil.rmtree(mixed.cwd)
    mixed.cwd.mkdir()
    found = mixed("search", "a red circle", "--rerank", "-t", "image", "-l")
    assert found.stdout.decode().splitlines()[0].startswith(root), "whoever searches does not look at the store"
    assert b"no such object" in found.stderr
