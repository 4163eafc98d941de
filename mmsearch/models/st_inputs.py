"""Decoded content in the forms that Sentence Transformers takes, none of which can make it open a file or a URL.

A bare string is such a danger: `cat.jpg` becomes a picture where a file of that name lies in the working directory.
So text goes in as `{"text": …}`, a picture as a PIL image, sound and video as arrays. Knows nothing about batches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from mmsearch.errors import ModelUnavailable
from mmsearch.types import Audio, Clip, Picture

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder, SentenceTransformer

MOST_ASPECT = 50
"""Longer strips are padded to this ratio: some processors refuse them, others scale them to gigabytes."""
MEDIA_TOKENS = ("image_token", "video_token", "audio_token")
TEXT_FLOOR, TEXT_CEILING = 60, 2400
CHARS_PER_TOKEN = 3
FRAME_TOKENS = 3
"""Tokens kept free for what the tokenizer adds at both ends."""


def picture_input(picture: Picture, max_pixels: int | None = None) -> Image.Image:
    """A PIL image of a uint8 `(h, w, 3)` picture, reduced to `max_pixels` and padded where it is a mere strip."""
    image = Image.fromarray(picture)
    if max_pixels is not None and image.width * image.height > max_pixels:
        scale = (max_pixels / (image.width * image.height)) ** 0.5
        size = (max(1, int(image.width * scale)), max(1, int(image.height * scale)))
        image = image.resize(size, Image.Resampling.BICUBIC)
    width, height = image.size
    if max(width, height) <= MOST_ASPECT * min(width, height):
        return image
    canvas = Image.new("RGB", (max(width, -(-height // MOST_ASPECT)), max(height, -(-width // MOST_ASPECT))), "white")
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
    """How text goes into one model so that it stays text, whatever it spells."""

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
        # Spaces at both ends make any path, URL or data URI read as prose, at next to no cost to the vector.
        return text if self._reads_as_text(text) else f" {text} "

    def clean(self, text: str) -> str:
        """The text with the model's own placeholders broken up: it would look for a picture behind each."""
        for token in self._placeholders:
            text = text.replace(token, f"{token[:1]} {token[1:]}")
        return text

    def _reads_as_text(self, text: str) -> bool:
        try:
            return bool(self._infer(text, supported_modalities=self._modalities) == "text")
        except ValueError:
            return False


def limit_pixels(model: SentenceTransformer | CrossEncoder, max_pixels: int) -> bool:
    """Has the model's own processor keep to `max_pixels` where it counts pixels, as Qwen's does; whether it is so.

    Where it is not, pictures have to be reduced before they go in.
    """
    module = model[0]
    processor = getattr(getattr(module, "processor", None), "image_processor", None)
    size = getattr(processor, "size", None)
    shortest, longest = (size.get(key) if size else None for key in ("shortest_edge", "longest_edge"))
    # Elsewhere these two are lengths of edges; only processors that merge patches count pixels under the same names.
    if not hasattr(module, "processing_kwargs") or not hasattr(processor, "merge_size") or not shortest or not longest:
        return False
    bounds = {"shortest_edge": min(int(shortest), max_pixels), "longest_edge": max_pixels}
    stated = module.processing_kwargs
    module.processing_kwargs = {**stated, "image": {**stated.get("image", {}), "size": bounds}}
    return True


def prepare(model: SentenceTransformer | CrossEncoder) -> None:
    """Settles what Sentence Transformers leaves open and what changes vectors.

    Text is cut where the text tower's positions end, even if the tokenizer states no limit. SigLIP has no attention
    mask and was trained on text padded to full length, so it is always padded so: otherwise a vector depends on the
    longest text of its batch. Frames of a video are taken as they come, already sampled. What the model states itself
    goes first. Raises ModelUnavailable where the tokenizer is hollow.
    """
    module = model[0]
    _check_tokenizer(getattr(module, "tokenizer", None))
    positions = _positions(model)
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
    """Adds to what the module tells its processor about inputs of one kind."""
    stated = module.processing_kwargs
    module.processing_kwargs = {**stated, kind: {**settings, **stated.get(kind, {})}}


def _check_tokenizer(tokenizer: Any) -> None:
    """Refuses a tokenizer without words: transformers builds one in silence where the tokenizer's files are missing."""
    if callable(tokenizer) and tokenizer("red car")["input_ids"] == tokenizer("blue dog")["input_ids"]:
        raise ModelUnavailable("the tokenizer of the model gives two texts the same tokens: are its files missing?")


def _positions(model: SentenceTransformer | CrossEncoder) -> int | None:
    """How many tokens the text tower has positions for, None where it does not say."""
    config: Any = getattr(model.transformers_model, "config", None)
    text = config.get_text_config() if hasattr(config, "get_text_config") else config
    positions = getattr(text, "max_position_embeddings", None)
    return int(positions) if isinstance(positions, int) and positions > 0 else None


def passage_chars(model: SentenceTransformer | CrossEncoder) -> int:
    """Characters of text that surely fit: about three a token, at most 2,400 however long the model's context."""
    tokens = model.max_seq_length
    if tokens is None or tokens > TEXT_CEILING:
        return TEXT_CEILING
    chars = (int(tokens) - FRAME_TOKENS) * CHARS_PER_TOKEN // 10 * 10
    return min(TEXT_CEILING, max(TEXT_FLOOR, chars))
