"""Real architectures with random weights, loaded by directory: index and search with them through the command."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest

from tests.models import builders

from .conftest import Command

pytestmark = pytest.mark.torch_process


def test_index_and_search_with_a_clip(mixed: Command, clip: Path) -> None:
    report = mixed.report(".", "--model", str(clip))
    assert report["added"] == report["embedded"] == 6
    hits = mixed.hits("a red circle")
    assert len(hits) == 6
    assert hits[0]["model"] == str(clip)
    assert mixed.report(".")["unchanged"] == 6, "the index remembers its model"


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_an_interrupt_while_the_model_loads_ends_the_run_at_once(mixed: Command, clip: Path) -> None:
    mixed.report(".", "--model", str(clip))
    (mixed.cwd / "new.txt").write_text("A new note on boats.")
    process = subprocess.Popen(mixed.argv("index", "."), cwd=mixed.cwd, env=mixed.env(), stderr=subprocess.PIPE)
    loaded = Path(f"/proc/{process.pid}/maps")
    end = time.monotonic() + 60
    while loaded.exists() and "libtorch" not in loaded.read_text() and time.monotonic() < end:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert told == b"mmsearch: interrupted; what was finished is kept\n"
    assert len(mixed.hits("boats")) == 6


def test_index_in_int8_is_searched_like_any_other(mixed: Command, clip: Path) -> None:
    from mmsearch.models import int8

    done = mixed("index", ".", "--model", str(clip), "--device", "cpu", "--dtype", "int8")
    if not int8.supported():
        assert done.returncode == 2
        assert b"dtype int8 needs a CPU with AVX512-VNNI" in done.stderr
        return
    assert done.returncode == 0, done.stderr.decode()
    assert mixed.hits("--image", "red.png", "-t", "image")[0]["path"].endswith("red.png")
    assert mixed.report()["unchanged"] == 6
    assert mixed("index", ".", "--dtype", "float32").returncode == 2


@pytest.mark.parametrize("make", ["make_siglip", "make_qwen3vl"])
def test_index_and_search_with(make: str, mixed: Command, tmp_path: Path) -> None:
    directory = tmp_path / "model"
    getattr(builders, make)(directory)
    assert mixed.report(".", "--model", str(directory))["embedded"] == 6
    assert len(mixed.hits("a red circle")) == 6
    assert len(mixed.hits("--image", "red.png", "but green")) == 6


def test_rerank_with_a_multimodal_cross_encoder(mixed: Command, tmp_path: Path) -> None:
    builders.make_qwen3vl_reranker(tmp_path / "reranker")
    mixed.report(".")
    hits = mixed.hits("a red circle", "--reranker", str(tmp_path / "reranker"))
    assert None not in [hit["rerank_score"] for hit in hits]
    relevances = [hit["relevance"] for hit in hits]
    assert relevances == sorted(relevances, reverse=True)
    before = {hit["path"]: hit["relevance"] for hit in mixed.hits("a red circle")}
    by_score = sorted(hits, key=lambda hit: hit["rerank_score"])
    gains = [hit["relevance"] - before[hit["path"]] for hit in by_score]
    assert gains[0] < 0 < gains[-1], "what the reranker finds least and most likely"
    assert all(later > earlier - 0.01 for earlier, later in pairwise(gains)), "figures are rounded"


def test_a_text_only_reranker_leaves_pictures_where_they_were(mixed: Command, tmp_path: Path) -> None:
    builders.make_text_reranker(tmp_path / "reranker")
    mixed.report(".")
    plain = [hit["path"] for hit in mixed.hits("a red circle")]
    hits = mixed.hits("a red circle", "--reranker", str(tmp_path / "reranker"))
    assert all((hit["rerank_score"] is None) == (hit["modality"] == "image") for hit in hits)
    places = [at for at, hit in enumerate(hits) if hit["modality"] == "image"]
    assert [hits[at]["path"] for at in places] == [plain[at] for at in places]
