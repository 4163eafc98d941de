"""Pictures and texts as the arrays that CLIP and SigLIP towers take, by the files of their processors.

Sizes, crops and roundings of pictures are those of the transformers processors, done by Pillow and numpy. Knows no
graphs and no transformers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from mmsearch.errors import ModelUnavailable, one_line
from mmsearch.models.known_words import known_share, pieces_of
from mmsearch.models.st_inputs import picture_input
from mmsearch.types import Picture, ResizeRule

Pixels: TypeAlias = npt.NDArray[np.float32]
"""float32 `(3, h, w)`, rescaled and normalised."""
Ints: TypeAlias = npt.NDArray[np.int64]

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
"""The settings of the processors of these families that the file leaves out."""
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
        edge: length that the shorter side is first brought to; None if the picture is squashed to `squash`.
        squash: height and width that the whole picture is squashed to; None if its shape is kept or nothing is done.
        resample: Pillow's number of the filter.
        scale, mean, std: each channel is multiplied by the first, reduced by the second, and divided by the third.
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

        Raises ModelUnavailable if they do not bring every picture to one size, or are of unknown kind.
        """
        non_null = {name: value for name, value in stated.items() if value is not None}
        settings = {**COMMON_DEFAULTS, **defaults, **non_null}
        try:
            edge, squash = _sizes(settings["size"]) if settings["do_resize"] else (None, None)
            crop = squash
            if settings["do_center_crop"]:
                size = settings["crop_size"]
                crop = (size, size) if isinstance(size, int) else (int(size["height"]), int(size["width"]))
            if crop is None:
                raise ModelUnavailable(
                    "the preprocessor's settings do not bring pictures to one size: neither crop nor size"
                )
            normal = settings["do_normalize"]
            mean = tuple(float(value) for value in settings["image_mean"]) if normal else (0.0, 0.0, 0.0)
            std = tuple(float(value) for value in settings["image_std"]) if normal else (1.0, 1.0, 1.0)
            scale = float(settings["rescale_factor"]) if settings["do_rescale"] else 1.0
            return cls(*crop, edge, squash, Image.Resampling(int(settings["resample"])).value, scale, mean, std)
        except (KeyError, TypeError, ValueError) as error:
            raise ModelUnavailable(f"the preprocessor's settings are of unknown kind: {error!r}") from error

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
        """The array for a uint8 `(h, w, 3)` picture of any size."""
        image = picture_input(picture)
        if self.squash is not None:
            image = image.resize(self.squash[::-1], Image.Resampling(self.resample))
        elif self.edge is not None:
            size = ResizeRule("edge", edge=self.edge).whole(*image.size)
            image = image.resize(size, Image.Resampling(self.resample))
        values = _crop_middle(np.asarray(image), self.height, self.width).astype(np.float32)
        mean, std = np.array(self.mean, np.float32) / np.float32(self.scale), np.array(self.std, np.float32)
        normal: Pixels = (values - mean) * (np.float32(self.scale) / std)
        return np.ascontiguousarray(normal.transpose(2, 0, 1))


def _sizes(size: Any) -> tuple[int | None, tuple[int, int] | None]:
    """The edge, or height and width, that `size` means; older files give the edge as a mere number."""
    if isinstance(size, int):
        return size, None
    if set(size) == {"shortest_edge"}:
        return int(size["shortest_edge"]), None
    if set(size) == {"height", "width"}:
        return None, (int(size["height"]), int(size["width"]))
    raise ValueError(f"size with {', '.join(map(str, size))}")


def _crop_middle(pixels: Picture, height: int, width: int) -> Picture:
    """The middle of a picture, `height` × `width`, with black around it where it is smaller."""
    missing = max(0, height - pixels.shape[0]), max(0, width - pixels.shape[1])
    if any(missing):
        pixels = np.pad(pixels, (*((count // 2, count - count // 2) for count in missing), (0, 0)))
    top, left = (pixels.shape[0] - height) // 2, (pixels.shape[1] - width) // 2
    return pixels[top : top + height, left : left + width]


class TextRule:
    """How texts become tokens: by `tokenizer.json`, cut at `limit` and padded with `pad`.

    Attributes:
        siglip: texts are lower-cased, as in training, unless the tokenizer's settings say otherwise.
        left: padding comes before the text.
    """

    def __init__(
        self, path: Path, settings: Mapping[str, Any], special: Mapping[str, Any], limit: int, siglip: bool
    ) -> None:
        """Reads the tokenizer with its settings (`tokenizer_config.json`) and its special tokens.

        Raises ModelUnavailable if it is broken or names no padding token.
        """
        from tokenizers import Tokenizer

        self.path = path
        try:
            self._tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:  # the tokenizers package raises bare exceptions
            raise ModelUnavailable(f"cannot read {path}: {one_line(error)}") from error
        stated = settings.get("model_max_length")
        self.limit = min(limit, stated) if not siglip and isinstance(stated, int) and stated > 0 else limit
        self.lower = siglip and settings.get("do_lower_case") is not False
        # CLIP counts positions from the left, so padding before the text would move it.
        self.left = siglip and settings.get("padding_side") == "left"
        self.pad = self._padding([settings.get("pad_token"), special.get("pad_token")])
        self._tokenizer.no_padding()

    def _padding(self, tokens: Sequence[Any]) -> int:
        """The number of the first padding token that is named, else of the tokenizer's own."""
        for token in tokens:
            name = token.get("content") if isinstance(token, dict) else token
            number = self._tokenizer.token_to_id(name) if isinstance(name, str) else None
            if number is not None:
                return int(number)
        if padding := self._tokenizer.padding:
            return int(padding["pad_id"])
        raise ModelUnavailable(f"{self.path} comes without a padding token: tokenizer_config.json should name it")

    def encode(self, texts: Sequence[str], limit: int) -> list[list[int]]:
        """Token numbers of each text, at most `limit`, unpadded."""
        self._tokenizer.enable_truncation(limit)
        cased = [text.lower() if self.lower else text for text in texts]
        return [encoding.ids for encoding in self._tokenizer.encode_batch(cased)]

    def cuts(self, text: str, limit: int) -> bool:
        """Whether a text has more than `limit` tokens."""
        self._tokenizer.enable_truncation(limit)
        return bool(self._tokenizer.encode(text.lower() if self.lower else text).overflowing)

    def known_share(self, text: str) -> float:
        """The share in [0, 1] of the text's words that the vocabulary knows."""
        return known_share(text.lower() if self.lower else text, pieces_of(self._tokenizer))

    def padded(self, encoded: Sequence[Sequence[int]], width: int) -> tuple[Ints, Ints]:
        """Token numbers `(n, width)` and their mask, 1 where there is text."""
        ids = np.full((len(encoded), width), self.pad, np.int64)
        mask = np.zeros((len(encoded), width), np.int64)
        for row, numbers in enumerate(encoded):
            part = slice(width - len(numbers), width) if self.left else slice(len(numbers))
            ids[row, part], mask[row, part] = numbers, 1
        return ids, mask

    def identity(self) -> list[Any]:
        """The settings that decide the tokens, besides the file."""
        return [self.limit, self.pad, self.lower, self.left]
