"""Pictures of every format Pillow reads: upright RGB, one segment each, or a few frames of an animation, or each page.

Knows nothing of models but the longest side they want. A picture is whole or it is a failure: half of a truncated one
is never handed on. Parts follow a sheet of several pictures, or a picture too long for a model.
"""

from __future__ import annotations

import logging
import math
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageCms, ImageOps, UnidentifiedImageError

from mmsearch.errors import MediaError
from mmsearch.media import tiles
from mmsearch.media.loaded import Loaded, reasons
from mmsearch.system.safe_open import regular
from mmsearch.types import WHOLE, Box, FileMetadata, Item, LoaderSettings, Picture, ResizeRule, Segment, Span

MAX_PIXELS = 256_000_000
"""Pictures with more pixels are refused: decoded they would take over 1 GB, and files of a few kB can claim as many."""
MAX_PAGES = 10_000
"""Pages read of one file of many pictures."""
MAX_ANIMATED_PIXELS = 4_000_000_000
"""Maximum pixels decoded of all frames of one animation; later frames are skipped and logged."""
TILED_PIXELS = 24_000_000
"""Of a larger picture parts are cut at about this size, which is more than models see of a strip or a sheet."""
LEAST_TILE = 48
"""Pixels of the shorter side of a part; a smaller one shows nothing."""

_ANIMATED = frozenset({"GIF", "PNG", "WEBP", "AVIF", "FLI"})
"""Animated formats. The second picture in a JPEG (MPO) is another view, usually a preview."""
_PAGED = frozenset({"TIFF", "DCX"})
_REFUSED = frozenset({"EPS", "WMF", "BUFR", "GRIB", "HDF5", "MPEG"})
"""Formats Pillow names but hands to another program or cannot decode at all."""
_DIRECT = frozenset({"RGB", "L", "CMYK", "YCbCr", "RGBA", "LA"})
"""Modes that are reduced before they are converted, so that a JPEG is decoded at a fraction of its size."""
_DEEP = frozenset({"I", "F", "I;16", "I;16L", "I;16B", "I;16N"})
_FILTERS = {name.lower(): Image.Resampling[name] for name in ("BILINEAR", "BICUBIC", "LANCZOS")}
_GAP = 2.0
"""Pillow averages whole pixels until a picture is so many times the target size, then resamples."""
_DRAFT_GAP = 1.25
"""The same for averaging by the JPEG decoder: 44 dB and more from a full decode, in a third to half of its time."""
_MUCH = 2
"""A picture is reduced before the processor only if it has this many times the model's pixels."""
_MOST_ASPECT = 20
_REDUCED_COPY = 1
"""The bit of TIFF's NewSubfileType that marks a smaller copy of another page."""
_UNSPOKEN_MS = 100.0
"""How long browsers show a frame without a duration."""

_HEIF = re.compile(rb".{4}ftyp(?:hei[cxms]|hev[cxms]|mif1|msf1)", re.S)

log = logging.getLogger(__name__)

# Pillow refuses twice this number on its own, also for pictures inside of pictures, and only warns below.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS // 2
logging.getLogger("PIL").setLevel(logging.CRITICAL)
warnings.filterwarnings("ignore", module=r"PIL\.")


def load(path: str, digest: str, kind_name: str, settings: LoaderSettings, only: int | None = None) -> Loaded:
    """A still picture as one segment, an animation as at most `settings.animation_frames`, pages as one each.

    With `settings.tiles` the panels of a grid and the stretches of a strip follow the still picture that they are in.

    Content is uint8 `(h, w, 3)`, RGB, upright, on white where it was transparent, reduced as `settings` say. Facts are
    in pixels of the file, after turning it upright.

    Raises:
        MediaError: truncated, broken, of a format that needs an extra, or over `MAX_PIXELS`.
    """
    return Loaded.of(_parts(path, digest, settings, only))


def region(path: str, box: Box, settings: LoaderSettings) -> Picture:
    """A part of a still picture as `load` gives it; `box` is in pixels of the upright picture.

    Raises:
        MediaError: as `load`, or there is no such part.
    """
    with _opened(path) as file, _image(file) as image:
        facts = _facts(image)
        return _cut(_large(image), facts, box, settings)


def _parts(path: str, digest: str, settings: LoaderSettings, only: int | None) -> Iterator[FileMetadata | Segment]:
    """The metadata, then the segments, all from one opened file."""
    whole = None
    with _opened(path) as file:
        with _image(file) as image:
            yield (facts := _facts(image))
            for ordinal, (span, content) in _numbered(image, settings, only):
                whole = content if span == WHOLE else None
                yield Segment(Item(path, digest, "image", "image", ordinal, span), content)
        if settings.tiles and only is None and whole is not None:
            for ordinal, (box, content) in enumerate(_tiles(file, whole, facts, settings), 1):
                yield Segment(Item(path, digest, "image", "image", ordinal, Span.of_box(box)), content)


_Parts = Iterator[tuple[int, tuple[Span, Picture]]]


def _numbered(image: Image.Image, settings: LoaderSettings, only: int | None) -> _Parts:
    """Each wanted part of an open picture with its ordinal."""
    frames = int(getattr(image, "n_frames", 1))
    if frames > 1 and image.format in _ANIMATED:
        max_frames = max(1, MAX_ANIMATED_PIXELS // max(1, image.width * image.height))
        if frames > max_frames:
            log.warning("only the first %d of %d frames of an animation are indexed", max_frames, frames)
        return _moments(image, min(frames, max_frames), settings, only)
    if frames > 1 and image.format in _PAGED:
        return _pages(image, min(frames, MAX_PAGES), settings, only)
    return iter([(0, (WHOLE, _picture(image, settings)))])


def _moments(image: Image.Image, frames: int, settings: LoaderSettings, only: int | None) -> _Parts:
    """Equal stretches of an animation, each shown by its middle frame and ending where the next begins."""
    count = max(1, min(settings.animation_frames, frames))
    bounds = [frames * part // count for part in range(count + 1)]
    clock = 0.0
    for part in range(count if only is None else min(only + 1, count)):
        first, last = bounds[part], bounds[part + 1]
        began, picture = clock, None
        for frame in range(first, last):
            image.seek(frame)
            image.load()
            clock += (float(image.info.get("duration") or 0) or _UNSPOKEN_MS) / 1000
            if frame == (first + last) // 2 and only in (None, part):
                picture = _picture(image.copy(), settings)
        if picture is not None:
            yield part, (Span("second", round(began, 3), round(clock, 3)), picture)


def _pages(image: Image.Image, frames: int, settings: LoaderSettings, only: int | None) -> _Parts:
    for page in range(frames) if only is None else range(only, min(only + 1, frames)):
        image.seek(page)
        tags = getattr(image, "tag_v2", {})
        if page and int(tags.get(ExifTags.Base.NewSubfileType, 0)) & _REDUCED_COPY:
            continue
        _refuse_bombs(image)
        yield page, (Span("page", page + 1, page + 1), _picture(image.copy(), settings))


def _tiles(
    file: BinaryIO, whole: Picture, facts: FileMetadata, settings: LoaderSettings
) -> Iterator[tuple[Box, Picture]]:
    """The parts of a still picture. Only a strip, or a picture that looks like a grid, is decoded again."""
    width, height = facts.width or 0, facts.height or 0
    strip = tiles.elongated(width, height)
    if strip and (fit := settings.image_fit) is not None and fit.kind == "patches":
        # The model sees most pixels of a strip as they are, neither squashed nor cropped to another shape.
        model_size = fit.whole(width, height)
        strip = _MUCH * model_size[0] * model_size[1] < width * height
    if min(width, height) < LEAST_TILE or not (strip or tiles.panels(whole)):
        return
    with _image(file) as image:
        picture = _large(image)
        for part in tiles.boxes(picture):
            box = _scaled(part, picture.shape[1::-1], (width, height))
            if min(box.width, box.height) >= LEAST_TILE:
                yield box, _cut(picture, facts, box, settings)


def _large(image: Image.Image) -> Picture:
    """Upright RGB with at most a few times `TILED_PIXELS`."""
    scale = math.sqrt(TILED_PIXELS / max(1, image.width * image.height))
    if scale < 1:
        image.draft(None, (math.ceil(image.width * scale), math.ceil(image.height * scale)))
    image = _rgb(_upright(image))
    factor = int(math.sqrt(image.width * image.height / TILED_PIXELS))
    return _array(image.reduce(factor) if factor > 1 and min(image.size) >= factor else image)


def _scaled(box: Box, size: tuple[int, ...], target: tuple[int, ...]) -> Box:
    """A box of a picture of one width and height, in pixels of the same picture in another size."""
    across, down = target[0] / size[0], target[1] / size[1]
    left, top = int(box.x * across), int(box.y * down)
    right, bottom = math.ceil((box.x + box.width) * across), math.ceil((box.y + box.height) * down)
    return Box(left, top, min(right, target[0]) - left, min(bottom, target[1]) - top)


def _cut(picture: Picture, facts: FileMetadata, box: Box, settings: LoaderSettings) -> Picture:
    """The inside of a box, from a picture that may be reduced, reduced as a picture of its own would be."""
    inside = _scaled(box, (facts.width or 1, facts.height or 1), picture.shape[1::-1])
    part = picture[inside.y : inside.y + inside.height, inside.x : inside.x + inside.width]
    if not part.size:
        raise MediaError(f"there is no {Span.of_box(box)} in it")
    return _picture(Image.fromarray(part), settings)


@contextmanager
def _opened(path: str) -> Iterator[BinaryIO]:
    """The file; errors inside the block become `MediaError`."""
    with reasons("broken or truncated picture", "truncated picture"), open(path, "rb", opener=regular) as file:
        yield file


@contextmanager
def _image(file: BinaryIO) -> Iterator[Image.Image]:
    """The picture with its header read, from the beginning of the file."""
    file.seek(0)
    with _identified(file) as image, reasons(f"broken {image.format}", f"truncated {image.format}"):
        _refuse_bombs(image)
        yield image


def _identified(file: BinaryIO) -> Image.Image:
    Image.init()
    formats = [name for name in Image.OPEN if name not in _REFUSED]
    try:
        return Image.open(file, formats=formats)
    except Image.DecompressionBombError as error:
        raise MediaError(f"too big: over {MAX_PIXELS // 10**6} megapixels are refused") from error
    except UnidentifiedImageError as error:
        file.seek(0)
        if not _HEIF.match(file.read(32)):
            raise MediaError("broken or truncated picture: its header cannot be read") from error
    try:
        from pillow_heif import register_heif_opener
    except ImportError as error:
        raise MediaError('HEIC needs an extra: pip install "mmsearch[heic]"') from error
    register_heif_opener()
    file.seek(0)
    try:
        return Image.open(file, formats=["HEIF"])
    except UnidentifiedImageError as error:
        raise MediaError("broken or truncated HEIC: its header cannot be read") from error


def _refuse_bombs(image: Image.Image) -> None:
    width, height = image.size
    if width * height > MAX_PIXELS:
        limit = MAX_PIXELS // 10**6
        raise MediaError(f"too big: {width} × {height} pixels, over {limit} megapixels are refused")


def _facts(image: Image.Image) -> FileMetadata:
    width, height = image.size
    exif = _exif(image)
    if image.format != "TIFF" and exif.get(ExifTags.Base.Orientation) in (5, 6, 7, 8):
        width, height = height, width
    return FileMetadata(width=width, height=height, taken=_time_taken(exif))


def _exif(image: Image.Image) -> Image.Exif:
    # Pillow decodes a whole PNG to look for EXIF behind the pixels, where hardly anybody puts it.
    if image.format == "PNG" and "exif" not in image.info:
        return Image.Exif()
    try:
        return image.getexif()
    except Exception:
        log.debug("EXIF cannot be read", exc_info=True)
        return Image.Exif()


def _time_taken(exif: Image.Exif) -> str | None:
    """When the shutter went, as ISO 8601 without a zone, since cameras do not know theirs."""
    try:
        details = exif.get_ifd(ExifTags.IFD.Exif)
    except Exception:
        return None
    for tag in (ExifTags.Base.DateTimeOriginal, ExifTags.Base.DateTimeDigitized):
        with suppress(ValueError):
            return datetime.strptime(str(details.get(tag, "")).strip("\0 "), "%Y:%m:%d %H:%M:%S").isoformat()
    return None


def _picture(image: Image.Image, settings: LoaderSettings) -> Picture:
    """Upright RGB of the current frame of `image`, uint8 `(h, w, 3)`, reduced in the cheapest order."""
    fit, side = (None, None) if settings.exact else (settings.image_fit, settings.image_side)
    if fit is not None:
        return _array(_fitted(image, fit))
    if image.mode in _DIRECT and "transparency" not in image.info:
        _reduce(image, side)
    image = _rgb(_upright(image))
    _reduce(image, side)
    return _array(image)


def _array(image: Image.Image) -> Picture:
    return np.array(image, dtype=np.uint8, order="C")


def _reduce(image: Image.Image, side: int | None) -> None:
    if side is not None and max(image.size) > side:
        image.thumbnail((side, side), Image.Resampling.BICUBIC, reducing_gap=_GAP)


def _fitted(image: Image.Image, fit: ResizeRule) -> Image.Image:
    """Upright RGB as the model's processor would make it, decoded at a fraction of its size if it is much larger.

    A picture that is hardly larger is left to the processor, and so is a strip, which it may refuse or pad.
    """
    stored_size = image.size
    target = fit.whole(*stored_size)
    if (
        max(stored_size) > _MOST_ASPECT * min(stored_size)
        or stored_size[0] * stored_size[1] < _MUCH * target[0] * target[1]
    ):
        return _rgb(_upright(image))
    # It may still be rotated, so the draft must suffice for both orientations.
    turned_target = fit.whole(*stored_size[::-1])
    draft_size = max(target[0], turned_target[1]), max(target[1], turned_target[0])
    image.draft(None, (math.ceil(draft_size[0] * _DRAFT_GAP), math.ceil(draft_size[1] * _DRAFT_GAP)))
    image = _rgb(_upright(image))
    # The size in the file decides, as it would for the processor: a draft is rounded to whole pixels.
    is_rotated = (stored_size[0] > stored_size[1]) != (image.width > image.height)
    size, (left, top, right, bottom) = fit.cut(*(stored_size[::-1] if is_rotated else stored_size))
    part = left * image.width, top * image.height, right * image.width, bottom * image.height
    return image.resize(size, _FILTERS[fit.resample], part, reducing_gap=_GAP)


def _upright(image: Image.Image) -> Image.Image:
    image.load()
    try:
        return ImageOps.exif_transpose(image)
    except Exception:
        # With broken EXIF the picture is kept without rotation.
        log.debug("EXIF cannot be read", exc_info=True)
        return image


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode in _DEEP:
        return Image.fromarray(_to_bytes(np.asarray(image))).convert("RGB")
    if image.has_transparency_data:
        if image.mode in ("La", "RGBa"):
            image = image.convert("LA" if image.mode == "La" else "RGBA")
        layer = image.convert("RGBA")
        white = Image.new("RGBA", layer.size, "white")
        return Image.alpha_composite(white, layer).convert("RGB")
    if image.mode == "LAB":
        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        return ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB") or image
    return image.convert("RGB")


def _to_bytes(samples: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Grey of more than 8 bits as 8 bits; white is the largest number with the bit length of the brightest sample.

    So 16-bit pictures keep their tones, and those of 10- and 12-bit cameras and instruments are not nearly black.
    Fractions and negative numbers are stretched to the full range.
    """
    values = np.nan_to_num(samples.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(values.min()), float(values.max())
    if samples.dtype.kind in "iu" and low >= 0:
        low, high = 0.0, float((1 << max(8, int(high).bit_length())) - 1)
    elif low == high:
        low, high = 0.0, max(1.0, high)
    scaled: npt.NDArray[np.uint8] = np.clip((values - low) * (255.0 / (high - low)) + 0.5, 0, 255).astype(np.uint8)
    return scaled
