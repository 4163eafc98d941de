"""The same models on a CUDA device: vectors and scores that a laptop's index can be searched with."""

from __future__ import annotations

import pytest

from mmsearch.models import load_embedder, load_reranker
from mmsearch.types import ModelOptions

from .conftest import Models
from .content import PICTURES, TEXTS, cosines, pictures, query, texts

pytestmark = [pytest.mark.models, pytest.mark.gpu]


@pytest.fixture(autouse=True)
def _needs_cuda() -> None:
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device in this machine")


@pytest.mark.parametrize("name", ["clip", "siglip", "qwen3vl"])
def test_vectors_agree_with_those_of_the_cpu(models: Models, name: str) -> None:
    segments = [*pictures(*PICTURES), *texts(*TEXTS)]
    on_cpu = load_embedder(ModelOptions(str(models[name]), device="cpu", dtype="float32")).embed(segments)
    on_gpu = load_embedder(ModelOptions(str(models[name]), device="cuda", dtype="float32")).embed(segments)
    assert cosines(on_cpu, on_gpu).min() > 0.999


def test_an_index_made_in_bf16_opens_on_a_laptop(models: Models) -> None:
    on_cpu = load_embedder(ModelOptions(str(models["clip"]), device="cpu"))
    on_gpu = load_embedder(ModelOptions(str(models["clip"]), device="cuda"))
    assert on_cpu.spec.fingerprint == on_gpu.spec.fingerprint
    assert cosines(on_cpu.embed(pictures(*PICTURES)), on_gpu.embed(pictures(*PICTURES))).min() > 0.99


def test_reranking_on_the_gpu_keeps_the_order(models: Models) -> None:
    segments = pictures(*PICTURES)
    on_cpu = load_reranker(ModelOptions(str(models["qwen3vl_reranker"]), device="cpu", dtype="float32"))
    on_gpu = load_reranker(ModelOptions(str(models["qwen3vl_reranker"]), device="cuda", dtype="float32"))
    assert abs(on_cpu.score(query("red car"), segments) - on_gpu.score(query("red car"), segments)).max() < 0.01
