"""Real architectures with random weights: what a catalog model would compute with, without a hub."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from mmsearch.errors import ModelUnavailable, UsageError
from mmsearch.models import catalog, dummy, hub, load_embedder, load_reranker
from mmsearch.types import ModelOptions, Segment
from tests.models.content import PICTURES, clip, cosines, picture, pictures, query, segment, texts, tone

pytestmark = pytest.mark.models

MADE = [name for name, entry in catalog.CATALOG.items() if entry.dummy]
HEADS = {
    **dict.fromkeys(("omni-nemotron-3b", "lco-omni-3b"), 311_164_928),
    **dict.fromkeys(("bge-vl-mllm-s1", "bge-vl-mllm-s2"), 131_092_480),
}
"""Output layers that are in the published size of a model, and that embedding leaves out."""


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def options(name: str, **more: Any) -> ModelOptions:
    return ModelOptions(name, device="cpu", dummy_weights=True, **more)


def parameters(name: str) -> int:
    """Numbers in the weights of a catalog model as it is loaded here; counted without making them."""
    from sentence_transformers import CrossEncoder, SentenceTransformer

    kind = catalog.CATALOG[name].kind
    with dummy._repository(ModelOptions(name), kind, None) as folder, dummy._random_weights("meta"), hub.quiet():
        model: Any = (SentenceTransformer if kind == "embedder" else CrossEncoder)(str(folder), device="meta")
    return sum(weight.numel() for weight in model.parameters())


def one_of_each(modalities: frozenset[str]) -> list[Segment]:
    """A text, a picture, a clip and a sound, as far as a model takes them."""
    every = {
        "text": segment("red car", "text"),
        "image": segment(picture(1), "image"),
        "video": segment(clip(1, frames=2), "video"),
        "audio": segment(tone(440, 16_000, seconds=0.5), "audio"),
    }
    return [part for name, part in every.items() if name in modalities]


def test_the_catalog_and_the_architectures_name_the_same_models() -> None:
    assert sorted(MADE) == sorted(path.stem for path in dummy.ARCHITECTURES.glob("*.json"))


@pytest.mark.parametrize("name", MADE)
def test_number_of_parameters_is_the_published_one(name: str) -> None:
    published = catalog.CATALOG[name].parameters
    assert published is not None
    assert parameters(name) + HEADS.get(name, 0) == pytest.approx(published, rel=0.03)


@pytest.mark.parametrize(
    "name",
    ["clip-b32", "clip-l14", "clip-b32-multilingual", "siglip2-base", "siglip2-so400m", "bge-vl-base", "qwen3-vl-2b"],
)
def test_texts_pictures_and_clips_become_vectors_of_the_right_length(name: str) -> None:
    entry = catalog.CATALOG[name]
    embedder = dummy.embedder(options(name), layers=1)
    assert embedder.spec.modalities == frozenset(entry.modalities)
    given = one_of_each(embedder.spec.modalities)
    rows = embedder.embed(given)
    assert rows.shape == (len(given), entry.dim)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    assert np.abs(rows @ rows.T - np.eye(len(given))).max() < 0.999, "different inputs have different vectors"


@pytest.mark.parametrize("name", ["lco-omni-3b", "qwen3-vl-8b"])
@pytest.mark.torch_process
def test_large_models_take_all_that_they_read_at_full_width(name: str) -> None:
    entry = catalog.CATALOG[name]
    embedder = dummy.embedder(options(name, dtype="bf16", max_pixels=64 * 64), layers=1)
    assert embedder.spec.modalities == frozenset(entry.modalities)
    given = one_of_each(embedder.spec.modalities)
    rows = embedder.embed(given)
    assert rows.shape == (len(given), entry.dim)
    assert np.isfinite(rows).all()


@pytest.mark.torch_process
def test_llava_next_takes_texts_and_pictures_at_full_width() -> None:
    embedder = dummy.embedder(options("bge-vl-mllm-s1", dtype="bf16"), layers=1)
    assert embedder.spec.modalities == frozenset(catalog.CATALOG["bge-vl-mllm-s1"].modalities)
    rows = embedder.embed([*texts("red car"), *pictures(picture(1, 30, 30))])
    assert rows.shape == (2, 4096)
    assert cosines(rows[0], rows[1])[0] < 0.999


@pytest.mark.parametrize(
    "name", ["qwen3-vl-reranker-2b", "qwen3-vl-reranker-8b", "ms-marco-minilm-l6", "bge-reranker-v2-m3"]
)
def test_pairs_get_scores_of_their_own(name: str) -> None:
    reranker = dummy.reranker(options(name, dtype="bf16"), layers=1)
    assert reranker.modalities == frozenset(catalog.CATALOG[name].modalities)
    given = [*texts("red car", "a dog on the beach"), *pictures(*PICTURES[:1])]
    given = [one for one in given if one.item.partition in reranker.modalities]
    scores = reranker.score(query("a car"), given)
    assert np.isfinite(scores).all()
    assert len(set(scores.tolist())) == len(given)


def test_the_same_weights_come_out_every_time_and_in_every_number_format() -> None:
    given = [*texts("red car", "blue dog"), *pictures(*PICTURES[:2])]
    first, second = (dummy.embedder(options("clip-b32", dtype="fp32"), layers=2) for _ in range(2))
    half = dummy.embedder(options("clip-b32", dtype="bf16"), layers=2)
    assert first.spec == second.spec
    np.testing.assert_array_equal(first.embed(given), second.embed(given))
    assert cosines(first.embed(given), half.embed(given)).min() > 0.99


def test_made_up_weights_are_another_model_than_real_ones() -> None:
    made = dummy.embedder(options("clip-b32"), layers=1).spec
    other = dummy.embedder(options("clip-b32"), layers=2).spec
    assert made.fingerprint != other.fingerprint


def test_weights_are_as_wide_as_states_need_and_norms_do_nothing() -> None:
    import torch

    model = torch.nn.Sequential(torch.nn.Linear(4096, 64), torch.nn.LayerNorm(64), torch.nn.Embedding(9, 16))
    dummy.fill(model)
    weight = model[0].weight.detach()
    assert weight.std().item() == pytest.approx(4096**-0.5, rel=0.02)
    assert not model[0].bias.any()
    assert torch.equal(model[1].weight, torch.ones(64)) and not model[1].bias.any()
    assert len({tuple(row.tolist()) for row in model[2].weight}) == 9, "no two rows are alike"


def test_transformers_reads_weights_again_afterwards() -> None:
    from transformers import PreTrainedModel

    before = PreTrainedModel.__dict__["from_pretrained"]
    with pytest.raises(UsageError, match="unknown dtype"):
        dummy.embedder(options("clip-b32", dtype="fp8"))
    assert PreTrainedModel.__dict__["from_pretrained"] is before


def test_a_text_becomes_about_as_many_tokens_as_it_really_would(tmp_path: Any) -> None:
    from transformers import AutoTokenizer

    architecture = dummy.architecture("qwen3-vl-2b")
    assert architecture is not None
    dummy.write_tokenizer(architecture.tokens, tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(str(tmp_path))
    assert len(tokenizer) == 151_936
    assert tokenizer.convert_tokens_to_ids(["<|image_pad|>", "yes", "no"]) == [151_655, 9693, 2152]
    text = "The early train to the sea leaves at six in the morning, and nobody was there to see it off. " * 4
    assert 3 < len(text) / len(tokenizer(text)["input_ids"]) < 5


def test_what_cannot_be_made_says_why() -> None:
    with pytest.raises(ModelUnavailable, match="not in the catalog"):
        load_embedder(options("some-org/no-such-model"))
    with pytest.raises(ModelUnavailable, match="weights of its own"):
        load_embedder(options("builtin"))
    with pytest.raises(ModelUnavailable, match="program code in its own repository"):
        load_embedder(options("jina-v5-omni-nano"))
    with pytest.raises(ModelUnavailable, match="clip-b32 is an embedder, not a reranker"):
        load_reranker(options("clip-b32"))
    with pytest.raises(UsageError, match="no revision"):
        load_embedder(options("clip-b32", revision="main"))
