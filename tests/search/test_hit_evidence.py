"""Evidence for a language model: passages in full, pictures as data URIs, all within a budget."""

from __future__ import annotations

import base64
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mmsearch import scan
from mmsearch.search import hit_evidence
from mmsearch.types import Box, Hit, Item, LoaderSettings, ResizeRule, Span

SETTINGS = LoaderSettings()


def text_hit(text: str) -> Hit:
    return Hit(Item("/data/a.pdf", "d", "document", "text", 3, Span("page", 2, 2), text), 1, 0.5, 1.0)


@pytest.fixture
def picture_hit(tmp_path: Path) -> Hit:
    path = tmp_path / "noise.png"
    pixels = np.random.default_rng(0).integers(0, 256, (560, 1120, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return Hit(Item(str(path), scan.digest(str(path)), "image", "image"), 2, 0.4, 0.9)


def gather(*hits: Hit, budget: int = 1 << 30) -> dict[str, Any]:
    return hit_evidence.gather(hits, [{"rank": hit.rank} for hit in hits], SETTINGS, budget, lambda _: True)


def size(entry: dict[str, Any]) -> tuple[int, int]:
    data = entry["image"].removeprefix("data:image/jpeg;base64,")
    return Image.open(io.BytesIO(base64.b64decode(data))).size


def test_a_passage_is_given_in_full() -> None:
    text = "word " * 500
    assert gather(text_hit(text))["evidence"] == [{"rank": 1, "type": "text", "text": text}]


def test_a_picture_is_given_as_it_is_seen(picture_hit: Hit) -> None:
    [entry] = gather(picture_hit)["evidence"]
    assert (entry["rank"], entry["type"], size(entry)) == (2, "image", (1024, 512))


def test_a_picture_is_given_whole_and_readable_whatever_the_model_sees_of_it(picture_hit: Hit) -> None:
    for settings in (LoaderSettings(image_fit=ResizeRule("edge", 96, 96, edge=96)), LoaderSettings(image_side=384)):
        [entry] = hit_evidence.gather([picture_hit], [{}], settings, 1 << 30, lambda _: True)["evidence"]
        assert size(entry) == (1024, 512)


def test_of_a_box_the_region_is_given(picture_hit: Hit) -> None:
    item = replace(picture_hit.item, ordinal=1, span=Span.of_box(Box(560, 0, 560, 280)))
    [entry] = gather(replace(picture_hit, item=item))["evidence"]
    assert size(entry) == (560, 280)
    shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(entry["image"].partition(",")[2]))), np.int16)
    whole = np.asarray(Image.open(picture_hit.item.path), np.int16)
    assert np.abs(shown - whole[:280, 560:]).mean() < 0.75 * np.abs(shown - whole[280:, 560:]).mean()


def test_a_picture_shrinks_to_the_room_that_is_left(picture_hit: Hit) -> None:
    full = gather(picture_hit)
    small = gather(picture_hit, budget=full["bytes"] - 1)
    assert size(small["evidence"][0]) == (512, 256)
    assert gather(picture_hit, budget=100) == {"evidence": [], "bytes": 0, "left_out": 1}


@pytest.mark.parametrize("budget", [60, 500, 5_000, 50_000, 500_000])
def test_no_budget_is_exceeded_and_the_best_come_first(picture_hit: Hit, budget: int) -> None:
    told = gather(text_hit("first " * 20), picture_hit, text_hit("last"), budget=budget)
    pieces = sum(len(json.dumps(entry, ensure_ascii=False).encode()) for entry in told["evidence"])
    assert told["bytes"] == pieces <= budget
    assert len(told["evidence"]) + told["left_out"] == 3


def test_what_has_changed_since_is_no_evidence(picture_hit: Hit, caplog: pytest.LogCaptureFixture) -> None:
    Path(picture_hit.item.path).write_bytes(b"something else")
    assert gather(picture_hit)["left_out"] == 1
    assert "it has changed" in caplog.text


def test_a_file_that_may_not_be_read_is_left_out(picture_hit: Hit) -> None:
    assert hit_evidence.gather([picture_hit], [{}], SETTINGS, 1 << 30, lambda _: False)["left_out"] == 1
