"""The built-in model: unit rows, whatever the batch, and errors of one line."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from mmsearch.errors import MmsearchError, ModelUnavailable, UsageError
from mmsearch.models import load_embedder, load_reranker
from mmsearch.models.dual_encoder import OnnxEmbedder, OnnxReranker, fit_samples, middle, squash
from mmsearch.types import Audio, Clip, Content, Item, Modality, ModelOptions, Query, QueryPart, Segment


@pytest.fixture(scope="module")
def embedder() -> OnnxEmbedder:
    found = load_embedder(ModelOptions())
    assert isinstance(found, OnnxEmbedder)
    return found


@pytest.fixture(scope="module")
def reranker() -> OnnxReranker:
    found = load_reranker(ModelOptions())
    assert isinstance(found, OnnxReranker)
    return found


def segment(content: Content, partition: Modality) -> Segment:
    return Segment(Item("a", "00", partition, partition), content)


def picture(seed: int, shape: tuple[int, int] = (120, 80)) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (*shape, 3), dtype=np.uint8)


def sound(seconds: float, pitch: float = 440) -> Audio:
    return Audio(
        np.sin(2 * np.pi * pitch * np.arange(round(16_000 * seconds)) / 16_000).astype(np.float32) * 0.3, 16_000
    )


def everything() -> list[Segment]:
    clip = Clip(np.stack([picture(5), picture(6)]), np.array([0.0, 1.0]))
    texts = ["red car", "a much longer passage about growing tomatoes in the garden " * 20, "", "x"]
    return [
        *(segment(text, "text") for text in texts),
        segment(picture(1), "image"),
        segment(picture(2, (1, 1)), "image"),
        segment(picture(3, (64, 64)), "document"),
        segment(sound(5), "audio"),
        segment(sound(0.2), "audio"),
        segment(clip, "video"),
    ]


def test_every_modality_gives_unit_rows(embedder: OnnxEmbedder) -> None:
    rows = embedder.embed(everything())
    assert rows.dtype == np.float32
    assert rows.shape == (10, embedder.spec.dim)
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-4)


def test_a_vector_ignores_batch_mates_and_order(embedder: OnnxEmbedder) -> None:
    segments = everything()
    together = embedder.embed(segments)
    alone = np.concatenate([embedder.embed([one]) for one in segments])
    backwards = embedder.embed(segments[::-1])[::-1]
    assert (together * alone).sum(1).min() > 0.9999
    assert (together * backwards).sum(1).min() > 0.9999


def test_a_clip_is_the_mean_of_its_frames(embedder: OnnxEmbedder) -> None:
    frames = [picture(5), picture(6)]
    clip = embedder.embed([segment(Clip(np.stack(frames), np.array([0.0, 1.0])), "video")])[0]
    mean = embedder.embed([segment(frame, "image") for frame in frames]).mean(0)
    assert clip @ mean / np.linalg.norm(mean) > 0.9999


def test_query_parts_are_weighted(embedder: OnnxEmbedder) -> None:
    text, image = QueryPart("a red car"), QueryPart(picture(1))
    only_text = embedder.embed_query(Query((text,)))
    mixed = embedder.embed_query(Query((text, QueryPart(image.content, 0.01))))
    both = embedder.embed_query(Query((text, image)))
    assert np.isclose(np.linalg.norm(both), 1, atol=1e-4)
    assert only_text @ mixed > only_text @ both


def test_scores_ignore_batch_mates(reranker: OnnxReranker) -> None:
    query = Query((QueryPart("a red car"),))
    together = reranker.score(query, everything())
    alone = np.concatenate([reranker.score(query, [one]) for one in everything()])
    assert np.allclose(together, alone, atol=2e-3)


def test_a_query_of_more_than_words_is_not_reranked_by_its_words_alone(reranker: OnnxReranker) -> None:
    query = Query((QueryPart("but black"), QueryPart(picture(1))))
    with pytest.raises(MmsearchError, match="more than words"):
        reranker.score(query, everything())


def test_short_sound_is_repeated_and_a_click_is_not() -> None:
    assert fit_samples(sound(2), 16_000, 80_000, 1.0)[-1_000:].any()
    assert not fit_samples(sound(0.5), 16_000, 80_000, 1.0)[-1_000:].any()
    assert len(fit_samples(sound(9), 16_000, 80_000, 1.0)) == 80_000


def test_sound_at_another_rate_is_refused() -> None:
    with pytest.raises(UsageError, match="44100"):
        fit_samples(Audio(np.zeros(10, np.float32), 44_100), 16_000, 80_000, 1.0)


def test_squash_keeps_the_edges() -> None:
    wide = np.zeros((100, 1000, 3), np.uint8)
    wide[:, 900:] = 255
    small = squash(wide, 64)
    assert small.shape == (64, 64, 3)
    assert (small[:, -4:] == 255).all()
    assert (small[:, :50] == 0).all()


@pytest.mark.parametrize("options", [{"dtype": "float16"}, {"max_pixels": 100}, {"device": "cuda"}, {"revision": "x"}])
def test_an_option_that_would_do_nothing_is_refused(options: dict[str, Any]) -> None:
    for load in (load_embedder, load_reranker):
        with pytest.raises(UsageError, match="--" + next(iter(options)).replace("_", "-")):
            load(ModelOptions(**options))


def test_a_picture_is_looked_at_twice(embedder: OnnxEmbedder) -> None:
    whole = picture(7, (200, 200))
    looks = [embedder.towers._views([view])[0][0] for view in (whole, middle(whole, 0.75))]
    both = embedder.embed([segment(whole, "image")])[0]
    assert embedder.towers.config["image"]["middle"] == 0.75
    assert both @ (looks[0] + looks[1]) / np.linalg.norm(looks[0] + looks[1]) > 0.9999


def test_the_middle_keeps_at_least_a_pixel() -> None:
    assert middle(picture(1, (100, 60)), 0.75).shape == (76, 44, 3)
    assert middle(picture(1, (1, 1)), 0.75).shape == (1, 1, 3)
    assert middle(picture(1, (1, 700)), 0.75).shape[0] == 1


def test_builtin_has_tiles_unless_they_are_turned_off() -> None:
    loaders = {choice: load_embedder(ModelOptions(tiles=choice)).spec.loader for choice in (None, True, False)}
    assert {choice: loader.tiles for choice, loader in loaders.items()} == {None: True, True: True, False: False}


def test_fingerprint_is_the_same_each_time(embedder: OnnxEmbedder) -> None:
    assert load_embedder(ModelOptions()).spec.fingerprint == embedder.spec.fingerprint


def test_builtin_has_the_fingerprint_that_it_states(embedder: OnnxEmbedder) -> None:
    assert embedder.towers.config["fingerprint"] == embedder.towers.hashed() == embedder.spec.fingerprint


def test_a_changed_copy_of_builtin_is_another_model(embedder: OnnxEmbedder, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(embedder.towers.directory, copy)
    assert load_embedder(ModelOptions(str(copy))).spec.fingerprint == embedder.spec.fingerprint
    other = tmp_path / "other"
    shutil.copytree(copy, other)
    with open(other / "image.onnx", "ab") as file:
        file.write(b"\0")
    assert load_embedder(ModelOptions(str(other))).spec.fingerprint != embedder.spec.fingerprint


@pytest.mark.parametrize("config", ["", "{", json.dumps({"dim": 8, "text": {"file": "text.onnx"}})])
def test_a_broken_directory_is_one_line(tmp_path: Path, config: str) -> None:
    (tmp_path / "text.onnx").write_bytes(b"not a graph")
    (tmp_path / "config.json").write_text(config)
    with pytest.raises(ModelUnavailable) as caught:
        options = ModelOptions(str(tmp_path))
        load_embedder(options).embed([segment("x", "text")])
    assert "\n" not in str(caught.value)


def test_builtin_knows_what_a_cosine_is_worth_in_every_partition(embedder: OnnxEmbedder) -> None:
    assert set(embedder.spec.odds) == embedder.spec.modalities
    for base, slope in embedder.spec.odds.values():
        assert base < 0 < slope


def test_rerank_scores_are_on_one_scale_for_all_partitions(reranker: OnnxReranker) -> None:
    lines = reranker.towers.config["reranker"]["odds"]
    assert set(lines) == {"image", "text", "audio"}
    query, one = Query((QueryPart("red car"),), ""), segment(picture(1), "image")
    raw = OnnxReranker(reranker.towers.directory, "raw")
    raw._odds = {}
    base, slope = lines["image"]
    assert reranker.score(query, [one])[0] == pytest.approx(base + slope * raw.score(query, [one])[0], abs=1e-3)


def modalities(segments: Sequence[Segment]) -> set[str]:
    return {one.item.partition for one in segments}


def test_everything_the_builtin_claims_is_tested(embedder: OnnxEmbedder) -> None:
    assert modalities(everything()) == embedder.spec.modalities
