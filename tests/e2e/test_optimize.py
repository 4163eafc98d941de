"""`mmsearch index --optimize` as a user has it: alone, after a run, with options that do not fit, and stopped."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Command
from tests.store.clusters import DIM, make


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> str:
    return make(tmp_path_factory.mktemp("made") / "index", 1500, 20)


@pytest.fixture
def large(mmsearch: Command, made: str) -> Command:
    """An index of pictures that no file is left of."""
    shutil.copytree(made, mmsearch.index)
    return mmsearch


def lookups(mmsearch: Command) -> dict[str, dict[str, Any]]:
    done = mmsearch("status", "--json")
    assert done.returncode == 0, done.stderr.decode()
    return {one["partition"]: one for one in json.loads(done.stdout)["lookups"]}


def test_optimizing_alone_reads_no_file_and_forgets_none(large: Command) -> None:
    done = large("index", "--optimize", "--index-kind", "ivf")
    assert (done.returncode, done.stdout) == (0, b""), done.stderr
    told = done.stderr.decode()
    assert "image: 1,500 vectors looked up by ivf" in told and "text: 20 vectors compared one by one" in told
    image = lookups(large)["image"]
    assert (image["kind"], image["vectors"], image["covered"]) == ("ivf", 1500, 1500) and image["recall"] > 0.97
    assert b"image by ivf" in large("status").stdout
    again = large("index", "--optimize")
    assert b"as before" in again.stderr and lookups(large)["image"] == image
    assert large("status", "--check", "--json").returncode == 0


def test_a_report_tells_what_became_of_each_partition(large: Command) -> None:
    assert large.report("--optimize", "--index-kind", "int8", "--dim", "32") == {
        "optimized": [
            {"partition": "image", "kind": "int8", "vectors": 1500, "dim": 32, "changed": True,
             "recall": lookups(large)["image"]["recall"]},
            {"partition": "text", "kind": "flat", "vectors": 20, "dim": None, "changed": False, "recall": None},
        ]
    }  # fmt: skip
    assert b"builtin was not trained for vectors cut to 32" in large("index", "--optimize", "--dim", "32").stderr


def test_optimizing_follows_a_run(mixed: Command) -> None:
    report = mixed.report("--optimize", str(mixed.cwd))
    assert report["added"] == 6 and {one["kind"] for one in report["optimized"]} == {"flat"}
    assert "optimized" not in mixed.report()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--index-kind", "ivf"], "--index-kind belongs to --optimize"),
        (["--dim", "32"], "--dim belongs to --optimize"),
        (["--optimize", "--dim", str(DIM)], f"first 8 to {DIM - 1} numbers"),
        (["--optimize", "--dim", "16", "--index-kind", "flat"], "compares them as they are"),
        (["--optimize", "--dry-run"], "leave out --optimize"),
        (["--optimize", "--index-kind", "hnsw"], "hnsw"),
    ],
)
def test_what_cannot_be_is_refused(large: Command, arguments: list[str], told: str) -> None:
    done = large("index", *arguments)
    assert (done.returncode, done.stdout) == (2, b"") and told in done.stderr.decode()
    assert lookups(large)["image"]["kind"] == "flat"


def test_there_is_nothing_to_optimize_without_an_index(mmsearch: Command) -> None:
    assert mmsearch("index", "--optimize").returncode == 3
    assert not os.listdir(mmsearch.index) if mmsearch.index.exists() else True


def test_ctrl_c_leaves_a_sound_index(large: Command) -> None:
    argv = large.argv("index", "--optimize", "--index-kind", "ivf", "--progress")
    process = subprocess.Popen(argv, cwd=large.cwd, env=large.env(), stderr=subprocess.PIPE)
    assert process.stderr is not None
    for line in process.stderr:
        if b"image: training" in line:
            process.send_signal(signal.SIGINT)
            break
    told = process.stderr.read()
    process.stderr.close()
    assert process.wait() == 130 and b"interrupted" in told and b"Traceback" not in told
    assert large("status", "--check", "--json").returncode == 0
    assert lookups(large)["image"]["kind"] == "flat"
    assert not list(Path(large.index, "vectors").rglob("*.tmp"))
