"""`mmsearch models` and models with made-up weights, through the command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .conftest import Command


def test_list_tells_of_every_model_whether_it_fits(mmsearch: Command) -> None:
    done = mmsearch("models", "list", "--json")
    assert done.returncode == 0, done.stderr.decode()
    found = json.loads(done.stdout)
    models = {model["name"]: model for model in found["models"]}
    assert {"builtin", "clip-b32", "qwen3-vl-2b", "qwen3-vl-reranker-8b"} <= set(models)
    assert models["builtin"]["fits"] == "yes"
    assert {model["fits"] for model in models.values()} <= {"yes", "tight", "no", "unknown"}
    assert models["clip-b32"]["dummy"] and not models["jina-v5-omni-nano"]["dummy"]
    assert found["memories"][-1]["device"] == "cpu"

    lines = mmsearch("models", "list").stdout.decode().splitlines()
    assert len(lines) == len(models) + 1
    assert lines[0].split()[:3] == ["model", "kind", "fits"]
    assert any(line.startswith("jina-v5-omni-nano") and "no: own code only" in line for line in lines)


def test_show_tells_facts_and_their_sources(mmsearch: Command) -> None:
    told = mmsearch("models", "show", "Qwen/Qwen3-VL-Embedding-2B").stdout.decode()
    assert told.startswith("qwen3-vl-2b\n")
    assert "2,127,532,032" in told
    assert "https://github.com/QwenLM/Qwen3-VL-Embedding" in told
    assert "not known" in mmsearch("models", "show", "clip-b32").stdout.decode(), "the licence"
    done = mmsearch("models", "show", "no-such-model")
    assert done.returncode == 2
    assert b"clip-b32" in done.stderr


@pytest.mark.torch_process
def test_doctor_tells_versions_memory_and_cache(mmsearch: Command, tmp_path: Path) -> None:
    mmsearch.environment["HF_HOME"] = str(tmp_path / "cache")
    done = mmsearch("models", "doctor", "--json")
    assert done.returncode == 0, done.stderr.decode()
    found = json.loads(done.stdout)
    assert found["versions"]["torch"] and found["versions"]["mmsearch"]
    assert found["device"]["default"] and found["device"]["dtype"] in ("float32", "bfloat16")
    assert found["cache"]["directory"].startswith(str(tmp_path))
    assert found["cache"]["bytes"] == 0
    assert found["models"] == ["builtin"]
    remedies = {trouble["what"]: trouble["remedy"] for trouble in found["missing"]}
    assert "unset HF_HUB_OFFLINE" in remedies.values()
    assert "unset HF_HUB_OFFLINE" in mmsearch("models", "doctor").stdout.decode()


def test_a_model_that_is_not_here_is_one_line_with_both_remedies(mixed: Command, tmp_path: Path) -> None:
    mixed.environment["HF_HOME"] = str(tmp_path / "cache")
    done = mixed("index", ".", "--model", "qwen3-vl-2b")
    assert done.returncode == 4
    (line,) = done.stderr.decode().splitlines()
    assert "`mmsearch models pull qwen3-vl-2b`" in line
    assert "--dummy-weights" in line


@pytest.mark.torch_process
def test_an_index_made_with_dummy_weights_is_searched_with_the_same_ones(mixed: Command) -> None:
    report = mixed.report(".", "--model", "clip-b32", "--dummy-weights", "--device", "cpu")
    assert report["embedded"] == 6
    hits = mixed.hits("--image", "red.png")
    assert Path(hits[0]["path"]).name == "red.png"
    assert hits[0]["score"] == pytest.approx(1, abs=1e-3)
    assert hits[0]["model"] == "clip-b32"
    done = mixed("index", ".", "--model", "siglip2-base")
    assert done.returncode == 4, "another model does not take over the made-up weights"


def test_dummy_weights_of_what_is_only_program_code_say_so(mixed: Command) -> None:
    done = mixed("index", ".", "--model", "jina-v5-omni-nano", "--dummy-weights")
    assert done.returncode == 4
    (line,) = done.stderr.decode().splitlines()
    assert "program code in its own repository" in line
