"""Rerankers against the library itself, on real architectures with random weights."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mmsearch.errors import MmsearchError, ModelUnavailable
from mmsearch.models import load_reranker
from mmsearch.types import ModelOptions, Reranker
from tests.models import builders
from tests.models.conftest import Models
from tests.models.content import PICTURES, TEXTS, clip, picture, pictures, query, segment, texts, tone

pytestmark = pytest.mark.models


def load(directory: Path, **options: Any) -> Reranker:
    return load_reranker(ModelOptions(str(directory), device="cpu", dtype="fp32", **options))


def reference(directory: Path) -> Any:
    from sentence_transformers import CrossEncoder

    return CrossEncoder(str(directory), device="cpu", local_files_only=True)


@pytest.fixture(scope="module")
def visual(models: Models) -> Reranker:
    return load(models["qwen3vl_reranker"])


@pytest.fixture(scope="module")
def textual(models: Models) -> Reranker:
    return load(models["text_reranker"])


def test_text_scores_equal_the_library(models: Models, textual: Reranker) -> None:
    expected = reference(models["text_reranker"]).predict([("red car", text) for text in TEXTS], batch_size=1)
    found = textual.score(query("red car"), texts(*TEXTS))
    assert found.dtype == np.float32
    assert np.allclose(found, expected, atol=1e-5)
    assert len(set(found.tolist())) == len(TEXTS)


def test_pictures_and_texts_score_as_in_the_library(models: Models, visual: Reranker) -> None:
    library = reference(models["qwen3vl_reranker"])
    contents = [{"text": text} for text in TEXTS] + [{"image": Image.fromarray(array)} for array in PICTURES]
    expected = [float(library.predict([({"text": "red car"}, content)])[0]) for content in contents]
    found = visual.score(query("red car"), [*texts(*TEXTS), *pictures(*PICTURES)])
    assert np.allclose(found, expected, atol=1e-3)
    assert np.ptp(found) > 0.1


def test_query_with_a_picture_is_read_whole(models: Models, visual: Reranker) -> None:
    asked = {"image": Image.fromarray(PICTURES[0]), "text": "red car"}
    expected = reference(models["qwen3vl_reranker"]).predict([(asked, {"image": Image.fromarray(PICTURES[1])})])
    found = visual.score(query("red car", PICTURES[0]), pictures(PICTURES[1]))
    assert np.allclose(found, expected, atol=1e-3)
    assert not np.allclose(found, visual.score(query("red car"), pictures(PICTURES[1])), atol=1e-2)
    assert np.isfinite(visual.score(query(PICTURES[0]), [*pictures(PICTURES[1]), *texts("cat")])).all()


def test_score_ignores_batch_mates(visual: Reranker, textual: Reranker) -> None:
    mixed = [*texts(*TEXTS), *pictures(*PICTURES), segment(clip(1), "video"), segment(picture(8), "document")] * 2
    for reranker, given in ((visual, mixed), (textual, texts(*TEXTS) * 9)):
        together = reranker.score(query("red car"), given)
        alone = np.concatenate([reranker.score(query("red car"), [one]) for one in given])
        assert np.allclose(together, alone, atol=1e-3)


def test_video_scores_as_its_best_frame(visual: Reranker) -> None:
    frames = clip(5, 4)
    each = visual.score(query("red car"), pictures(*frames.frames))
    assert np.allclose(visual.score(query("red car"), [segment(frames, "video")]), each.max(), atol=1e-3)


def test_modalities_are_what_the_model_reads(visual: Reranker, textual: Reranker, models: Models) -> None:
    assert visual.modalities == {"text", "image", "document", "video"}
    assert textual.modalities == {"text"}
    assert textual.name == str(models["text_reranker"])


def test_what_the_reranker_cannot_read_is_refused(visual: Reranker, textual: Reranker) -> None:
    with pytest.raises(MmsearchError, match="cannot read image: it reads text"):
        textual.score(query("red car"), pictures(PICTURES[0]))
    with pytest.raises(MmsearchError, match="can read nothing of the query"):
        textual.score(query(PICTURES[0]), texts("cat"))
    with pytest.raises(MmsearchError, match="cannot read audio"):
        visual.score(query("red car"), [segment(tone(440, 8000), "audio")])


def test_text_that_names_a_file_stays_text(
    visual: Reranker, textual: Reranker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["cat.jpg", "http://127.0.0.1:9/x.png", "<|image_pad|>"]
    before = [reranker.score(query(name), texts(*names)) for reranker in (visual, textual) for name in names]
    Image.fromarray(PICTURES[0]).save(tmp_path / "cat.jpg")
    monkeypatch.chdir(tmp_path)
    after = [reranker.score(query(name), texts(*names)) for reranker in (visual, textual) for name in names]
    assert np.allclose(before, after, atol=1e-4)


def test_nothing_to_score_gives_no_scores(textual: Reranker) -> None:
    assert textual.score(query("red car"), []).shape == (0,)


def test_a_batch_that_does_not_fit_is_halved(visual: Reranker, models: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch
    from sentence_transformers import CrossEncoder

    expected = visual.score(query("red car"), pictures(*PICTURES))
    whole, sizes = CrossEncoder.predict, []

    def small_memory(self: Any, inputs: list[Any], **kwargs: Any) -> Any:
        sizes.append(len(inputs))
        if len(inputs) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return whole(self, inputs, **kwargs)

    monkeypatch.setattr(CrossEncoder, "predict", small_memory)
    assert np.allclose(visual.score(query("red car"), pictures(*PICTURES)), expected, atol=1e-3)
    assert sizes == [4, 2, 1, 1, 1, 1, 1]


def test_a_batch_size_that_was_given_is_kept_to(models: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    reranker = load(models["qwen3vl_reranker"], batch_size=6)
    passes: list[int] = []
    predict = reranker.network.predict  # type: ignore[attr-defined]

    def noted(pairs: list[Any], **more: Any) -> Any:
        passes.append(len(pairs))
        return predict(pairs, **more)

    monkeypatch.setattr(reranker.network, "predict", noted)  # type: ignore[attr-defined]
    reranker.score(query("red car"), [*pictures(*PICTURES), *pictures(*PICTURES)][:8])
    assert passes == [6, 2]


def test_models_that_score_no_pairs_are_refused(models: Models, tmp_path: Path) -> None:
    for name in ("clip", "siglip", "qwen3vl", "text_embedder"):
        with pytest.raises(ModelUnavailable, match="is not a reranker"):
            load(models[name])
    with pytest.raises(ModelUnavailable, match="gives 3 labels"):
        load(builders.make_text_reranker(tmp_path / "three", labels=3))


def test_reranker_that_is_not_on_disk_says_what_to_run() -> None:
    with pytest.raises(ModelUnavailable, match="run `hf download cross-encoder/no-such-reranker`"):
        load_reranker(ModelOptions("no-such-reranker"))


def test_broken_reranker_is_one_line(models: Models, tmp_path: Path) -> None:
    directory = shutil.copytree(models["qwen3vl_reranker"], tmp_path / "broken")
    (directory / "1_LogitScore" / "config.json").write_text("{}")
    with pytest.raises(ModelUnavailable, match="cannot load model"):
        load(directory)


def test_loading_and_scoring_are_silent(models: Models, capfd: pytest.CaptureFixture[str]) -> None:
    load(models["qwen3vl_reranker"]).score(query("red car"), [*texts(*TEXTS), *pictures(*PICTURES)])
    load(models["text_reranker"]).score(query("red car"), texts(*TEXTS))
    assert capfd.readouterr() == ("", "")
