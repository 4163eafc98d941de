"""Inputs of given sizes for any model, as its loaders would hand them over. Same call, same inputs; knows no model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
from PIL import Image

from mmsearch.models.estimate import Sizes
from mmsearch.types import (
    Audio,
    Clip,
    Content,
    Item,
    LoaderSettings,
    Modality,
    Picture,
    Query,
    QueryPart,
    Segment,
)

DIFFERENT = 16
"""So many contents are different from each other, and come again in larger batches: what they hold stays small."""
WORDS = (
    *("the", "red", "car", "on", "a", "road", "by", "the", "sea", "with", "two", "people", "and", "one", "dog"),
    *("near", "an", "old", "house", "in", "winter", "light", "under", "green", "trees", "after", "rain"),
)
ASPECT = 4 / 3
_TILE = 32
"""Edge in pixels of what a picture is made of: it should be neither flat nor noise."""


def segments(modality: Modality, count: int, sizes: Sizes, loader: LoaderSettings) -> list[Segment]:
    """So many segments of one modality; every sixteenth is the same."""
    made = [_content(modality, number, sizes, loader) for number in range(min(count, DIFFERENT))]
    return [_segment(modality, place, made[place % DIFFERENT]) for place in range(count)]


def query() -> Query:
    """What pairs are made with."""
    return Query((QueryPart("a red car on a road by the sea"),), "bench")


def _segment(modality: Modality, place: int, content: Content) -> Segment:
    text = content if isinstance(content, str) else ""
    return Segment(Item(f"input-{place}", f"{modality}-{place}", modality, modality, place, text=text), content)


def _content(modality: Modality, number: int, sizes: Sizes, loader: LoaderSettings) -> Content:
    rng = np.random.default_rng(number)
    if modality == "text":
        return " ".join(cast("Sequence[str]", rng.choice(WORDS, sizes.tokens)))
    if modality == "audio":
        count = round((sizes.seconds or loader.audio_seconds) * loader.audio_rate)
        return Audio(rng.normal(0.0, 0.1, count).astype(np.float32), loader.audio_rate)
    if modality != "video":
        return _picture(rng, sizes.pixels, loader)
    count = sizes.frames or loader.clip_frames
    frames = np.stack([_picture(rng, sizes.pixels, loader) for _ in range(count)])
    return Clip(frames, np.arange(count, dtype=np.float64) * (loader.clip_seconds / count))


def _picture(rng: np.random.Generator, pixels: int, loader: LoaderSettings) -> Picture:
    """A picture of four by three as the loader hands it over: at the model's scale, where that is known."""
    width, height = max(1, round((pixels * ASPECT) ** 0.5)), max(1, round((pixels / ASPECT) ** 0.5))
    if loader.exact:
        pass
    elif loader.image_fit is not None:
        width, height = loader.image_fit.cut(width, height)[0]
    elif loader.image_side is not None and width > loader.image_side:
        width, height = loader.image_side, max(1, round(loader.image_side / ASPECT))
    tiles = rng.integers(0, 256, (height // _TILE + 2, width // _TILE + 2, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(tiles).resize((width, height), Image.Resampling.BICUBIC))
