"""Pictures as the numbers that a CLIP or SigLIP picture tower takes, by the rules of its `preprocessor_config.json`.

Sizes, crops and roundings are those of the transformers processors; done by Pillow and numpy. Knows no graphs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from mmsearch.errors import ModelUnavailable
from mmsearch.models.st_inputs import picture_input
from mmsearch.types import Picture, ResizeRule

Pixels: TypeAlias = npt.NDArray[np.float32]
"""float32 `(3, h, w)`, rescaled and normalised."""

CLIP_DEFAULTS: dict[str, Any] = {
    "size": {"shortest_edge": 224},
    "crop_size": {"height": 224, "width": 224},
    "do_center_crop": True,
    "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_std": [0.26862954, 0.26130258, 0.27577711],
}
SIGLIP_DEFAULTS: dict[str, Any] = {
    "size": {"height": 224, "width": 224},
    "do_center_crop": False,
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.5, 0.5, 0.5],
}
"""What the processors of these families do where the file says nothing."""
COMMON_DEFAULTS: dict[str, Any] = {
    "do_resize": True,
    "resample": Image.Resampling.BICUBIC.value,
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_normalize": True,
}

_FILTERS: dict[int, str] = {
    Image.Resampling.BILINEAR.value: "bilinear",
    Image.Resampling.BICUBIC.value: "bicubic",
    Image.Resampling.LANCZOS.value: "lanczos",
}


@dataclass(frozen=True, slots=True)
class PixelRule:
    """How any picture becomes one of `height` × `width`.

    Attributes:
        height, width: pixels of the result.
        edge: the shorter side is first brought to this; None where the picture is squashed to `squash`.
        squash: height and width that the whole picture is squashed to; None where its shape is kept or nothing is done.
        resample: Pillow's number of the filter.
        scale, mean, std: what each channel is multiplied by, then reduced by, then divided by.
    """

    height: int
    width: int
    edge: int | None
    squash: tuple[int, int] | None
    resample: int
    scale: float
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def read(cls, stated: Mapping[str, Any], defaults: Mapping[str, Any]) -> PixelRule:
        """The rule of a preprocessor's settings.

        Raises ModelUnavailable where they do not bring every picture to one size, or are of unknown kind.
        """
        settings = {
            **COMMON_DEFAULTS,
            **defaults,
            **{name: value for name, value in stated.items() if value is not None},
        }
        try:
            return cls._of(settings)
        except (KeyError, TypeError, ValueError) as error:
            raise ModelUnavailable(f"the preprocessor's settings are of unknown kind: {error!r}") from error

    @classmethod
    def _of(cls, settings: Mapping[str, Any]) -> PixelRule:
        edge, squash = _sizes(settings["size"]) if settings["do_resize"] else (None, None)
        crop = _crop(settings["crop_size"]) if settings["do_center_crop"] else squash
        if crop is None:
            raise ModelUnavailable(
                "the preprocessor's settings do not bring pictures to one size: neither crop nor size"
            )
        normal = settings["do_normalize"]
        mean = tuple(float(value) for value in settings["image_mean"]) if normal else (0.0, 0.0, 0.0)
        std = tuple(float(value) for value in settings["image_std"]) if normal else (1.0, 1.0, 1.0)
        scale = float(settings["rescale_factor"]) if settings["do_rescale"] else 1.0
        return cls(*crop, edge, squash, Image.Resampling(int(settings["resample"])).value, scale, mean, std)

    @property
    def side(self) -> int:
        """The longer side in pixels at which a square picture is looked at."""
        return max(self.height, self.width, self.edge or 0)

    def fit(self) -> ResizeRule | None:
        """The same size for a loader, so that it decodes at that scale; None where it could not."""
        resample = _FILTERS.get(self.resample)
        if resample and self.squash:
            return ResizeRule("squash", self.squash[0], self.squash[1], resample=resample)
        if resample and self.edge:
            return ResizeRule("edge", self.height, self.width, self.edge, resample=resample)
        return None

    def __call__(self, picture: Picture) -> Pixels:
        """The numbers for a uint8 `(h, w, 3)` picture of any size."""
        image = picture_input(picture)
        if size := self._resized(*image.size):
            image = image.resize(size, Image.Resampling(self.resample))
        values = _middle(np.asarray(image), self.height, self.width).astype(np.float32)
        mean, std = np.array(self.mean, np.float32) / np.float32(self.scale), np.array(self.std, np.float32)
        normal: Pixels = (values - mean) * (np.float32(self.scale) / std)
        return np.ascontiguousarray(normal.transpose(2, 0, 1))

    def _resized(self, width: int, height: int) -> tuple[int, int] | None:
        """Width and height that a picture is resized to, None for as it is."""
        if self.squash is not None:
            return self.squash[1], self.squash[0]
        if self.edge is None:
            return None
        return ResizeRule("edge", edge=self.edge).whole(width, height)


def _sizes(size: Any) -> tuple[int | None, tuple[int, int] | None]:
    """The edge or the height and width that `size` means; older files give the edge as a mere number."""
    if isinstance(size, int):
        return size, None
    if set(size) == {"shortest_edge"}:
        return int(size["shortest_edge"]), None
    if set(size) == {"height", "width"}:
        return None, (int(size["height"]), int(size["width"]))
    raise ValueError(f"size with {', '.join(map(str, size))}")


def _crop(size: Any) -> tuple[int, int]:
    if isinstance(size, int):
        return size, size
    return int(size["height"]), int(size["width"])


def _middle(pixels: Picture, height: int, width: int) -> Picture:
    """The middle of a picture, `height` × `width`, with black around it where it is smaller."""
    missing = max(0, height - pixels.shape[0]), max(0, width - pixels.shape[1])
    if any(missing):
        pixels = np.pad(pixels, (*((count // 2, count - count // 2) for count in missing), (0, 0)))
    top, left = (pixels.shape[0] - height) // 2, (pixels.shape[1] - width) // 2
    return pixels[top : top + height, left : left + width]
