"""What a model's own image processor does to the size of a picture, as a `ResizeRule` that loaders decode for.

Read from the processor's settings and then tried on it: a processor that makes something else of a fitted picture than
of the whole one has no fit, and its pictures are decoded in full. Knows nothing of files or weights.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from PIL import Image

from mmsearch.types import ResizeRule

MOST_DIFFERENCE = 0.02
"""Mean difference to the processor's own result, as a share of its range: resampling differs by some thousandths."""
PROBES = ((9, 6), (5, 8))
"""Shapes of the pictures that a fit is tried on, in quarters of what the model sees."""

log = logging.getLogger(__name__)


def picture_fit(module: Any) -> ResizeRule | None:
    """The fit of the image processor of a model's first module, None where it has none or is not understood."""
    processor = getattr(module, "processor", None)
    processor = getattr(processor, "image_processor", processor)
    stated = dict(getattr(module, "processing_kwargs", {}).get("image", {}))
    try:
        fit = _read(processor, stated)
        return fit if fit is not None and _holds(processor, fit, stated) else None
    except Exception:  # processors come with models, and may do anything with a picture they did not expect
        log.debug("no fit for %s", type(processor).__name__, exc_info=True)
        return None


def _read(processor: Any, stated: Mapping[str, Any]) -> ResizeRule | None:
    """The fit that the settings of a processor describe."""

    def setting(name: str) -> Any:
        return stated.get(name, getattr(processor, name, None))

    size = setting("size")
    if not size or not setting("do_resize"):
        return None
    height, width, shortest, longest = (size.get(key) for key in ("height", "width", "shortest_edge", "longest_edge"))
    resample = _resample(setting("resample"))
    if setting("merge_size") and setting("patch_size") and shortest and longest:
        # Only processors that merge patches count pixels under these names.
        step = int(setting("patch_size")) * int(setting("merge_size"))
        return ResizeRule("patches", step=step, least=int(shortest), most=int(longest), resample=resample)
    cut = setting("crop_size") if setting("do_center_crop") else None
    if height and width and (cut is None or (cut.get("height"), cut.get("width")) == (height, width)):
        return ResizeRule("squash", int(height), int(width), resample=resample)
    if not shortest or longest:
        return None
    # What is cut out can be handed over alone if nothing would be done to it again.
    alone = cut is not None and cut["height"] == cut["width"] == shortest
    side = int(shortest)
    return ResizeRule("edge", side if alone else 0, side if alone else 0, edge=side, resample=resample)


def _resample(value: Any) -> str:
    """The name of a filter that a processor gives as Pillow's number or torchvision's name."""
    return str(getattr(value, "name", None) or Image.Resampling(value).name).lower()


def _holds(processor: Any, fit: ResizeRule, stated: Mapping[str, Any]) -> bool:
    """Whether the processor makes the same of a picture that was fitted as of the whole one, but for resampling."""
    settings = dict(stated)
    if fit.kind == "patches":
        # The real bounds may mean many megapixels; the rule is the same with small ones.
        fit = replace(fit, least=4 * fit.step**2, most=36 * fit.step**2)
        settings["size"] = {"shortest_edge": fit.least, "longest_edge": fit.most}
    side = max(fit.edge, fit.height, fit.width, 6 * fit.step)
    return all(_agrees(processor, fit, settings, *(side * part // 4 for part in shape)) for shape in PROBES)


def _agrees(processor: Any, fit: ResizeRule, settings: Mapping[str, Any], width: int, height: int) -> bool:
    picture = _blobs(width, height)
    size, part = fit.cut(width, height)
    box = part[0] * width, part[1] * height, part[2] * width, part[3] * height
    fitted = picture.resize(size, Image.Resampling[fit.resample.upper()], box)
    one, other = (processor(images=[given], return_tensors="pt", **settings) for given in (picture, fitted))
    if {name: _shape(value) for name, value in one.items()} != {name: _shape(value) for name, value in other.items()}:
        return False
    whole, small = np.asarray(one["pixel_values"]), np.asarray(other["pixel_values"])
    return bool(np.abs(whole - small).mean() <= MOST_DIFFERENCE * np.ptp(whole))


def _shape(value: Any) -> Any:
    """The shape of a tensor; of a small one, such as the grid of patches, what is in it."""
    array = np.asarray(value)
    return array.tolist() if array.size < 16 else array.shape


def _blobs(width: int, height: int) -> Image.Image:
    """A smooth picture that is different everywhere, so that a wrong place or scale shows."""
    tiles = np.random.default_rng(0).integers(0, 256, (5, 5, 3), dtype=np.uint8)
    return Image.fromarray(tiles).resize((width, height), Image.Resampling.BICUBIC)
