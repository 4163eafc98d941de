"""Decoded content in the forms that Sentence Transformers takes, none of which can make it open a file or a URL.

A bare string could: `cat.jpg` becomes a picture if a file of that name is in the working directory. So text goes in as
`{"text": …}`, a picture as a PIL image, sound and video as arrays. `picture_rule` reads from a model's own image
processor how it resizes, so that loaders can decode at that size. Knows nothing about batches.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from mmsearch.errors import ModelUnavailable
from mmsearch.types import Audio, Clip, Picture, ResizeRule

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder, SentenceTransformer

MAX_ASPECT = 50
"""Longer strips are padded to this ratio: some processors refuse them, others scale them to gigabytes."""
MEDIA_TOKENS = ("image_token", "video_token", "audio_token")
TEXT_FLOOR, TEXT_CEILING = 60, 2400
CHARS_PER_TOKEN = 3
FRAME_TOKENS = 3
"""Tokens kept free for those that the tokenizer adds at both ends."""
MAX_DIFFERENCE = 0.02
"""Mean difference to the processor's own result, as a share of its range: resampling differs by some thousandths."""
RULE_PROBES = ((9, 6), (5, 8))
"""Shapes of the pictures that a fit is tried on, in quarters of the size that the model sees."""

log = logging.getLogger(__name__)


def picture_input(picture: Picture, max_pixels: int | None = None) -> Image.Image:
    """A PIL image of a uint8 `(h, w, 3)` picture, reduced to `max_pixels` and padded where it is a mere strip."""
    image = Image.fromarray(picture)
    if max_pixels is not None and image.width * image.height > max_pixels:
        scale = (max_pixels / (image.width * image.height)) ** 0.5
        size = (max(1, int(image.width * scale)), max(1, int(image.height * scale)))
        image = image.resize(size, Image.Resampling.BICUBIC)
    width, height = image.size
    if max(width, height) <= MAX_ASPECT * min(width, height):
        return image
    canvas = Image.new("RGB", (max(width, -(-height // MAX_ASPECT)), max(height, -(-width // MAX_ASPECT))), "white")
    canvas.paste(image, ((canvas.width - width) // 2, (canvas.height - height) // 2))
    return canvas


def audio_input(audio: Audio) -> dict[str, Any]:
    """Sound as float32 samples with their rate."""
    return {"array": audio.samples, "sampling_rate": audio.rate}


def video_input(clip: Clip, max_pixels: int | None = None) -> dict[str, Any]:
    """Frames as uint8 `(t, 3, h, w)`, at least two, and their times as a mean frame rate from the first frame on."""
    frames = np.stack([np.asarray(picture_input(frame, max_pixels)) for frame in clip.frames])
    if len(frames) == 1:
        # Models that merge frames in pairs refuse a single one.
        frames = np.repeat(frames, 2, axis=0)
    length = float(clip.seconds[-1] - clip.seconds[0]) if len(clip.seconds) > 1 else 0.0
    rate = (len(clip.seconds) - 1) / length if length > 0 else 1.0
    metadata = {
        "fps": rate,
        "total_num_frames": len(frames),
        "duration": len(frames) / rate,
        "frames_indices": list(range(len(frames))),
    }
    return {"array": np.ascontiguousarray(frames.transpose(0, 3, 1, 2)), "video_metadata": metadata}


class TextInput:
    """Turns text into inputs of one model that it takes as text, even if the text looks like a path or a URL."""

    def __init__(self, model: SentenceTransformer | CrossEncoder) -> None:
        from sentence_transformers.base.modality import infer_modality

        self._infer = infer_modality
        self._modalities = model.modalities
        processor = getattr(model[0], "processor", None)
        tokens = [getattr(processor, name, None) for name in MEDIA_TOKENS]
        self._placeholders = [token for token in tokens if isinstance(token, str) and len(token) > 1]
        # Releases before single-key dicts collapsed to their modality take them only where messages are supported.
        takes = "message" in self._modalities or infer_modality({"text": "x"}) == "text"
        self._dicts = takes and any(hasattr(module, "input_formatter") for module in model[0].modules())

    def __call__(self, text: str) -> Any:
        """The text as an input of its own."""
        text = self.clean(text)
        if self._dicts:
            return {"text": text}
        try:
            is_text = self._infer(text, supported_modalities=self._modalities) == "text"
        except ValueError:
            is_text = False
        # Spaces at both ends make any path, URL or data URI read as prose, at next to no cost to the vector.
        return text if is_text else f" {text} "

    def clean(self, text: str) -> str:
        """The text with the model's own placeholders broken up: it would look for a picture behind each."""
        for token in self._placeholders:
            text = text.replace(token, f"{token[:1]} {token[1:]}")
        return text


def limit_pixels(model: SentenceTransformer | CrossEncoder, max_pixels: int | None) -> int | None:
    """Makes the model's own processor keep to `max_pixels` if it counts pixels, as Qwen's does; then returns None.

    Otherwise returns the limit to which pictures have to be reduced before they go in.
    """
    if max_pixels is None:
        return None
    module = model[0]
    processor = getattr(getattr(module, "processor", None), "image_processor", None)
    size = getattr(processor, "size", None)
    shortest, longest = (size.get(key) if size else None for key in ("shortest_edge", "longest_edge"))
    # Elsewhere these two are lengths of edges; only processors that merge patches count pixels under the same names.
    if not hasattr(module, "processing_kwargs") or not hasattr(processor, "merge_size") or not shortest or not longest:
        return max_pixels
    bounds = {"shortest_edge": min(int(shortest), max_pixels), "longest_edge": max_pixels}
    stated = module.processing_kwargs
    module.processing_kwargs = {**stated, "image": {**stated.get("image", {}), "size": bounds}}
    return None


def prepare(model: SentenceTransformer | CrossEncoder) -> None:
    """Sets options that Sentence Transformers leaves open and that change vectors; the model's own settings win.

    Text is cut where the text tower's positions end, even if the tokenizer states no limit. SigLIP has no attention
    mask and was trained on text padded to full length, so it is always padded so: otherwise a vector depends on the
    longest text of its batch. Frames of a video are not sampled again. Raises ModelUnavailable if the tokenizer has no
    words, which transformers builds in silence when the tokenizer's files are missing.
    """
    module = model[0]
    tokenizer = getattr(module, "tokenizer", None)
    if callable(tokenizer) and tokenizer("red car")["input_ids"] == tokenizer("blue dog")["input_ids"]:
        raise ModelUnavailable("the tokenizer of the model gives two texts the same tokens: are its files missing?")
    config: Any = getattr(model.transformers_model, "config", None)
    text = config.get_text_config() if hasattr(config, "get_text_config") else config
    stated = getattr(text, "max_position_embeddings", None)
    positions = stated if isinstance(stated, int) and stated > 0 else None
    longest = model.max_seq_length
    if positions and longest is not None and longest > positions:
        model.max_seq_length = positions
    if not hasattr(module, "processing_kwargs"):
        return
    if positions and str(getattr(module.config, "model_type", "")).startswith("siglip"):
        _add_processing(module, "text", {"padding": "max_length", "max_length": positions})
    if "video" in model.modalities:
        _add_processing(module, "video", {"do_sample_frames": False})


def _add_processing(module: Any, kind: str, settings: dict[str, Any]) -> None:
    """Adds settings for inputs of one kind to those that the module passes to its processor."""
    stated = module.processing_kwargs
    module.processing_kwargs = {**stated, kind: {**settings, **stated.get(kind, {})}}


def passage_chars(model: SentenceTransformer | CrossEncoder) -> int:
    """Characters of text that surely fit: about three a token, at most 2,400 however long the model's context."""
    tokens = model.max_seq_length
    if tokens is None or tokens > TEXT_CEILING:
        return TEXT_CEILING
    chars = (int(tokens) - FRAME_TOKENS) * CHARS_PER_TOKEN // 10 * 10
    return min(TEXT_CEILING, max(TEXT_FLOOR, chars))


def picture_rule(module: Any) -> ResizeRule | None:
    """How the image processor of a model's first module resizes, None if it has none or is not understood.

    The rule is read from the processor's settings and then tried on it: if it makes something else of a fitted picture
    than of the whole one, there is no fit, and pictures are decoded in full.
    """
    processor = getattr(module, "processor", None)
    processor = getattr(processor, "image_processor", processor)
    stated = dict(getattr(module, "processing_kwargs", {}).get("image", {}))
    try:
        rule = _stated_rule(processor, stated)
        return rule if rule is not None and _rule_holds(processor, rule, stated) else None
    except Exception:  # processors come with models, and may do anything with a picture they did not expect
        log.debug("no fit for %s", type(processor).__name__, exc_info=True)
        return None


def _stated_rule(processor: Any, stated: Mapping[str, Any]) -> ResizeRule | None:
    """The fit that the settings of a processor describe."""

    def setting(name: str) -> Any:
        return stated.get(name, getattr(processor, name, None))

    size = setting("size")
    if not size or not setting("do_resize"):
        return None
    height, width, shortest, longest = (size.get(key) for key in ("height", "width", "shortest_edge", "longest_edge"))
    resample = setting("resample")  # Pillow's number, or torchvision's name
    resample = str(getattr(resample, "name", None) or Image.Resampling(resample).name).lower()
    if setting("merge_size") and setting("patch_size") and shortest and longest:
        # Only processors that merge patches count pixels under these names.
        step = int(setting("patch_size")) * int(setting("merge_size"))
        return ResizeRule("patches", step=step, least=int(shortest), most=int(longest), resample=resample)
    cut = setting("crop_size") if setting("do_center_crop") else None
    if height and width and (cut is None or (cut.get("height"), cut.get("width")) == (height, width)):
        return ResizeRule("squash", int(height), int(width), resample=resample)
    if not shortest or longest:
        return None
    # The crop can be handed over alone if the processor would not crop or resize it again.
    alone = cut is not None and cut["height"] == cut["width"] == shortest
    side = int(shortest)
    return ResizeRule("edge", side if alone else 0, side if alone else 0, edge=side, resample=resample)


def _rule_holds(processor: Any, rule: ResizeRule, stated: Mapping[str, Any]) -> bool:
    """Whether the processor makes the same of a picture that was fitted as of the whole one, but for resampling."""
    settings = dict(stated)
    if rule.kind == "patches":
        # The real bounds may mean many megapixels; the rule is the same with small ones.
        rule = replace(rule, least=4 * rule.step**2, most=36 * rule.step**2)
        settings["size"] = {"shortest_edge": rule.least, "longest_edge": rule.most}
    side = max(rule.edge, rule.height, rule.width, 6 * rule.step)
    return all(_agrees(processor, rule, settings, *(side * part // 4 for part in shape)) for shape in RULE_PROBES)


def _agrees(processor: Any, rule: ResizeRule, settings: Mapping[str, Any], width: int, height: int) -> bool:
    # A smooth picture that is different everywhere, so that a wrong position or scale shows.
    tiles = np.random.default_rng(0).integers(0, 256, (5, 5, 3), dtype=np.uint8)
    picture = Image.fromarray(tiles).resize((width, height), Image.Resampling.BICUBIC)
    size, part = rule.cut(width, height)
    box = part[0] * width, part[1] * height, part[2] * width, part[3] * height
    fitted = picture.resize(size, Image.Resampling[rule.resample.upper()], box)
    first, second = (processor(images=[image], return_tensors="pt", **settings) for image in (picture, fitted))
    if {key: _shape(value) for key, value in first.items()} != {key: _shape(value) for key, value in second.items()}:
        return False
    full, small = np.asarray(first["pixel_values"]), np.asarray(second["pixel_values"])
    return bool(np.abs(full - small).mean() <= MAX_DIFFERENCE * np.ptp(full))


def _shape(value: Any) -> Any:
    """The shape of a tensor, or the values of a small one such as the grid of patches."""
    array = np.asarray(value)
    return array.tolist() if array.size < 16 else array.shape
