"""What is exported computes what torch computes, for any batch and length, from the same bytes each time."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
import torch

from mmsearch.models.dual_encoder import DualEncoder
from tests.training.conftest import TINY
from training.export import TOLERANCE, build, export, parts, round_to_half
from training.model import Model
from training.towers import CLIP_SAMPLES, PLACE

ODDS = {"image": (-5.0, 12.5), "text": (-4.0, 11.0)}


def model() -> Model:
    torch.manual_seed(0)
    made = Model(TINY)
    with torch.no_grad():
        made.reranker.head.weight.normal_()
    return made.eval()


@pytest.fixture(scope="module")
def exported(work: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("onnx")
    differences = export(model(), ODDS, {"text": (1.0, 2.0)}, work / "tokenizer.json", folder, "test")
    assert max(differences.values()) <= TOLERANCE
    return folder


def run(folder: Path, file: str, **inputs: np.ndarray) -> list[np.ndarray]:
    return ort.InferenceSession(str(folder / file)).run(None, inputs)  # type: ignore[no-any-return]


def test_settings_name_every_file(exported: Path) -> None:
    config = json.loads((exported / "config.json").read_text())
    files = [config[part]["file"] for part in ("image", "text", "audio", "reranker")]
    assert all((exported / file).exists() for file in [*files, config["text"]["tokenizer"]])
    assert config["fingerprint"] == DualEncoder(str(exported)).hashed()
    assert config["dim"] == TINY.dim
    assert config["odds"] == {kind: list(line) for kind, line in ODDS.items()}


@pytest.mark.parametrize("count", [1, 3])
def test_pictures_of_any_count_give_unit_rows(exported: Path, count: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (count, TINY.image_size, TINY.image_size, 3), np.uint8)
    embedding, states = run(exported, "image.onnx", pixels=pixels)
    assert np.allclose(np.linalg.norm(embedding, axis=1), 1, atol=1e-5)
    assert np.array_equal(states[:, 0, : TINY.dim], embedding)
    assert states.shape == (count, 17, TINY.dim + PLACE)


@pytest.mark.parametrize("length", [1, TINY.max_tokens])
def test_texts_of_any_length_agree_with_torch(exported: Path, length: int) -> None:
    ids = np.full((2, length), 7, np.int64)
    embedding, states = run(exported, "text.onnx", ids=ids, mask=np.ones_like(ids))
    assert states.shape == (2, length, TINY.dim + PLACE)
    assert np.allclose(embedding[0], embedding[1], atol=1e-6)
    with torch.no_grad():
        expected, _ = model().text(torch.from_numpy(ids), torch.ones_like(torch.from_numpy(ids)))
    assert np.abs(embedding - expected.numpy()).max() < 2e-3  # half-precision weights


def test_silence_gives_no_nan(exported: Path) -> None:
    embedding, _ = run(exported, "audio.onnx", samples=np.zeros((1, CLIP_SAMPLES), np.float32))
    assert np.isfinite(embedding).all()


def test_reranker_takes_queries_and_items_of_any_length(exported: Path) -> None:
    draw = np.random.default_rng(0)

    def states(n: int, t: int) -> np.ndarray:
        return draw.standard_normal((n, t, TINY.dim + PLACE)).astype(np.float32)

    def ones(n: int, t: int) -> np.ndarray:
        return np.ones((n, t), np.int64)

    for n, q, p in ((1, 2, 17), (4, 8, 24)):
        (score,) = run(
            exported,
            "reranker.onnx",
            query_states=states(n, q),
            query_mask=ones(n, q),
            states=states(n, p),
            mask=ones(n, p),
        )
        assert score.shape == (n,)


def test_weights_are_stored_in_half_precision(exported: Path) -> None:
    parameters = sum(p.numel() for p in model().text.parameters())
    assert (exported / "text.onnx").stat().st_size < 2 * parameters + 60_000


def test_building_again_gives_the_same_bytes(exported: Path) -> None:
    rounded = model()
    round_to_half(rounded)
    text = next(part for part in parts(rounded) if part.file == "text.onnx")
    assert build(text) == (exported / "text.onnx").read_bytes()
