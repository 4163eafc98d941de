"""`mmsearch bench` by the real command, with the built-in model and with small models of real architecture."""

from __future__ import annotations

import csv
import io
import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.models import builders

from .conftest import Command

GIB = 2**30


def rows_of(done: Any, code: int = 0) -> list[dict[str, Any]]:
    assert done.returncode == code, done.stderr.decode()
    return list(json.loads(done.stdout)["rows"])


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return builders.make_clip(tmp_path_factory.mktemp("clip"))


def test_the_builtin_model_and_its_reranker(mmsearch: Command, tmp_path: Path) -> None:
    plot = tmp_path / "speed.html"
    done = mmsearch(
        *("bench", "--model", "builtin", "--reranker", "builtin", "--batch-size", "8,1", "--modality", "text,image"),
        *("--time", "0", "--format", "json", "--plot", str(plot), "--for-files", "1000", "--tokens", "16"),
    )
    rows = rows_of(done)
    cells = [(row["role"], row["modality"], row["batch"]) for row in rows]
    assert cells == [
        (role, modality, batch)
        for role in ("embedder", "reranker")
        for modality in ("text", "image")
        for batch in (1, 8)
    ]
    assert all(row["status"] == "ok" and row["items_per_s"] > 0 and row["peak_resident"] > 1e7 for row in rows)
    assert {row["unit"] for row in rows if row["role"] == "reranker"} == {"pairs"}
    assert all(row["peak_allocated"] is None for row in rows), "there is no device memory"
    advice = done.stderr.decode().splitlines()
    assert len(advice) == 4
    assert "1,000 pairs take" in advice[2]
    assert "<svg" in plot.read_text()


def test_real_files_go_through_the_real_pipeline(mixed: Command) -> None:
    done = mixed("bench", "--files", ".", "--format", "csv")
    assert done.returncode == 0, done.stderr.decode()
    (row,) = csv.DictReader(io.StringIO(done.stdout.decode()))
    assert (row["modality"], row["unit"], row["status"]) == ("files", "files", "ok")
    assert "forward" in json.loads(row["stages"])
    assert not (mixed.cwd / ".mmsearch").exists()
    assert not mixed.index.exists()


def test_a_model_that_is_not_here_ends_with_the_remedies_on_one_line(mmsearch: Command) -> None:
    done = mmsearch("bench", "--model", "qwen3-vl-2b")
    assert done.returncode == 4
    assert done.stdout == b""
    (line,) = done.stderr.decode().splitlines()
    assert "`mmsearch models pull qwen3-vl-2b`" in line
    assert "--dummy-weights" in line


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--batch-size", "0"], "such as 1,4,16"),
        (["--batch-size", "many"], "such as 1,4,16"),
        (["--modality", "smell"], "unknown type"),
        (["--files", "no/such"], "no such file"),
        (["--plot", "x.gif"], ".html"),
        (["--files", ".", "--reranker", "builtin"], "--reranker"),
    ],
)
def test_options_that_cannot_be_used_are_refused_at_once(mmsearch: Command, options: list[str], told: str) -> None:
    done = mmsearch("bench", *options)
    assert done.returncode == 2
    assert told in done.stderr.decode()
    assert len(done.stderr.splitlines()) == 1


def test_a_long_index_run_is_announced_on_request_alone(mmsearch: Command) -> None:
    text = "Tomatoes need six hours of sun a day and water in the morning. " * 5000
    for number in range(100):
        (mmsearch.cwd / f"{number}.txt").write_text(f"{number} {text}")
    run = subprocess.Popen(
        mmsearch.argv("index", ".", "--progress", "--jobs", "1"),
        cwd=mmsearch.cwd,
        env=mmsearch.env(),
        stderr=subprocess.PIPE,
        text=True,
    )
    assert run.stderr
    line = run.stderr.readline()
    run.send_signal(signal.SIGINT)
    run.communicate()
    assert line.startswith("mmsearch: 100 texts to read with builtin, 32 texts at a time, about ")
    assert run.returncode == 130
    for path in mmsearch.cwd.glob("?*.txt"):
        path.write_text(path.stem)
    assert len(mmsearch("index", ".", "--progress").stderr.splitlines()) == 1, "a short run is not"


@pytest.mark.torch_process
def test_models_of_torch_beside_the_builtin_one(mmsearch: Command, clip: Path) -> None:
    done = mmsearch(
        *("bench", "--model", "builtin", "--model", str(clip), "--model", "no-such/model", "--dtype", "fp32"),
        *("--batch-size", "1,4", "--modality", "text,image", "--time", "0", "--format", "json"),
    )
    rows = rows_of(done, code=5)
    cells = [(row["model"], row["modality"], row["batch"], row["status"]) for row in rows]
    assert cells[:4] == [("builtin", part, batch, "ok") for part in ("text", "image") for batch in (1, 4)]
    assert cells[4:8] == [(str(clip), part, batch, "ok") for part in ("text", "image") for batch in (1, 4)]
    assert cells[8:] == [("no-such/model", part, batch, "failed") for part in ("text", "image") for batch in (1, 4)]
    for row in rows[4:8]:
        assert row["dtype"] == "float32"
        assert row["tflops"] > 0
        assert row["matrix_tflops"] > 0
        assert row["tokens_per_s"] > 0
        assert 0 < row["weights"] < 1e7
        assert row["estimated"] == pytest.approx(row["peak_resident"], rel=0.2), "told before loading"
    assert "is not on this machine" in rows[-1]["reason"]


@pytest.mark.torch_process
def test_the_table_is_complete_when_memory_runs_out(mmsearch: Command, tmp_path: Path) -> None:
    clip = widened(tmp_path / "model")
    done = mmsearch(
        *("bench", "--model", str(clip), "--batch-size", "1,2,1024,2048", "--modality", "text,image", "--time", "0"),
        *("--memory-limit", "1.7", "--format", "json"),
    )
    rows = rows_of(done)
    statuses = [(row["modality"], row["batch"], row["status"]) for row in rows]
    assert statuses == [
        *[("text", 1, "ok"), ("text", 2, "ok"), ("text", 1024, "oom"), ("text", 2048, "oom")],
        *[("image", 1, "ok"), ("image", 2, "ok"), ("image", 1024, "oom"), ("image", 2048, "oom")],
    ]
    assert rows[2]["estimated"] > 1.7 * GIB
    assert rows[1]["estimated"] < 1.7 * GIB
    assert "out of memory from batch 1024 on" in done.stderr.decode()


def widened(directory: Path) -> Path:
    """A CLIP with few weights whose layers hold much for each position."""
    import torch
    from transformers import CLIPConfig, CLIPModel

    builders.make_clip(directory)
    inner = directory / "0_CLIPModel"
    config = CLIPConfig.from_pretrained(inner)
    for part in (config.text_config, config.vision_config):
        part.intermediate_size = 16384
    torch.manual_seed(0)
    CLIPModel(config).save_pretrained(inner)
    return directory
