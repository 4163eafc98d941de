"""Pictures for exported graphs against the processors of transformers, for every kind of settings."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mmsearch.errors import ModelUnavailable
from mmsearch.models.onnx_inputs import CLIP_DEFAULTS, SIGLIP_DEFAULTS, PixelRule
from tests.models.content import PICTURES, picture

pytestmark = pytest.mark.models

ODD = [*PICTURES, picture(6, 1, 1), picture(7, 3, 90), picture(8, 301, 223), picture(9, 31, 33)]
MEAN_STEPS, MOST_STEPS = 0.1, 16
"""Of the 256 of a channel: two resamplers round differently, here and there by more at a hard edge."""

CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "clip": ("CLIPImageProcessor", {}),
    "clip, small": ("CLIPImageProcessor", {"size": {"shortest_edge": 33}, "crop_size": {"height": 30, "width": 31}}),
    "crop larger than the picture": (
        "CLIPImageProcessor",
        {"size": {"shortest_edge": 32}, "crop_size": {"height": 37, "width": 50}},
    ),
    "sizes as numbers": ("CLIPImageProcessor", {"size": 40, "crop_size": 40}),
    "bilinear": ("CLIPImageProcessor", {"resample": 2}),
    "squashed, then cropped": (
        "CLIPImageProcessor",
        {"size": {"height": 48, "width": 64}, "crop_size": {"height": 32, "width": 32}},
    ),
    "siglip": ("SiglipImageProcessor", {}),
    "neither rescaled nor normalised": ("SiglipImageProcessor", {"do_rescale": False, "do_normalize": False}),
    "not normalised": ("SiglipImageProcessor", {"do_normalize": False, "image_mean": None, "image_std": None}),
    "another range": ("SiglipImageProcessor", {"rescale_factor": 1 / 127.5, "image_mean": [1.0] * 3}),
}


@pytest.mark.parametrize("case", CASES)
def test_numbers_are_those_of_the_library(case: str) -> None:
    import transformers

    name, settings = CASES[case]
    given = {key: value for key, value in settings.items() if value is not None}
    processor = getattr(transformers, name)(**given)
    rule = PixelRule.read(settings, CLIP_DEFAULTS if name.startswith("CLIP") else SIGLIP_DEFAULTS)
    for one in ODD:
        expected = np.asarray(
            processor(images=[one], return_tensors="np", input_data_format="channels_last")["pixel_values"][0]
        )
        found = rule(one)
        assert found.dtype == np.float32
        assert found.shape == expected.shape == (3, rule.height, rule.width)
        steps = np.abs(found - expected) * np.array(rule.std)[:, None, None] / rule.scale
        assert steps.mean() <= MEAN_STEPS
        assert steps.max() <= MOST_STEPS


@pytest.mark.parametrize(
    "settings",
    [
        {"do_center_crop": False},
        {"do_center_crop": False, "size": 48},
        {"size": {"shortest_edge": 32, "longest_edge": 64}},
        {"size": {"max_height": 32, "max_width": 64}},
        {"do_resize": False, "do_center_crop": False},
        {"crop_size": "large"},
        {"resample": 99},
    ],
)
def test_settings_that_are_not_understood_are_one_line(settings: dict[str, Any]) -> None:
    with pytest.raises(ModelUnavailable, match="preprocessor") as caught:
        PixelRule.read(settings, CLIP_DEFAULTS)
    assert "\n" not in str(caught.value)


def test_a_thin_strip_is_padded_instead_of_blown_up() -> None:
    assert PixelRule.read({}, CLIP_DEFAULTS)(picture(1, 1, 5000)).shape == (3, 224, 224)
