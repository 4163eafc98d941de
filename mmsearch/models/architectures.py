"""What a repository of each model of the catalog says besides its weights: sizes, processors, prompts, special tokens.

A small table of facts, as plain data in the form of the files that a hub repository has. Imports nothing heavy; knows
nothing of weights or devices.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Files = Mapping[str, Any]
"""Content by path inside the repository: text, or what becomes JSON."""

SENTENCE_TRANSFORMERS = "config_sentence_transformers.json"
DEPTHS = ("num_hidden_layers", "depth", "encoder_layers", "num_layers")
"""How configurations call the number of layers of a tower."""
LAYER_LISTS = ("deepstack_visual_indexes", "fullatt_block_indexes")
"""Lists of layers by number, which must stay within the depth."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a stand-in tokenizer shares with the real one.

    Attributes:
        size: how many tokens there are.
        special: number of each special token.
        pad, unknown: which of the special tokens pads, and which stands for what has no token.
        before, after: special tokens put around a text.
        limit: most tokens of a text.
        inputs: what the tokenizer gives a model.
        folder: where in the repository its files lie.
        roles: further special tokens by the name of the tokenizer's attribute.
    """

    size: int
    special: Mapping[str, int]
    pad: str
    unknown: str
    limit: int
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ("input_ids", "attention_mask")
    folder: str = ""
    roles: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Architecture:
    """A repository without weights: `files` holds everything but the tokenizer, which `tokens` describes."""

    files: Files
    tokens: Tokens


def find(name: str, layers: int | None = None) -> Architecture | None:
    """The architecture of the model with this short name, None where it is not part of transformers.

    With `layers` every tower keeps its width and has at most so many layers.
    """
    build = ARCHITECTURES.get(name)
    if build is None:
        return None
    found = build()
    if layers is None:
        return found
    files = {
        path: _cut(content, layers) if path.endswith("config.json") else content
        for path, content in found.files.items()
    }
    return Architecture(files, found.tokens)


def _cut(content: Any, layers: int) -> Any:
    """A configuration with at most so many layers in each of its parts."""
    if not isinstance(content, Mapping):
        return content
    short = {key: _cut(value, layers) for key, value in copy.deepcopy(dict(content)).items()}
    for key in DEPTHS:
        if isinstance(short.get(key), int):
            short[key] = min(layers, short[key])
    for key in LAYER_LISTS:
        if key in short:
            short[key] = [min(number, layers - 1) for number in short[key]]
    return short


CLIP_MEAN = [0.48145466, 0.4578275, 0.40821073]
CLIP_STD = [0.26862954, 0.26130258, 0.27577711]


def _clip_tokens(folder: str = "") -> Tokens:
    start, end = "<|startoftext|>", "<|endoftext|>"
    return Tokens(
        size=49_408, special={start: 49_406, end: 49_407}, pad=end, unknown=end, limit=77,
        before=(start,), after=(end,), folder=folder, roles={"bos_token": start, "eos_token": end},
    )  # fmt: skip


def _clip_config(patch: int, large: bool) -> dict[str, Any]:
    text, vision = (768, 1024) if large else (512, 768)
    return {
        "architectures": ["CLIPModel"],
        "model_type": "clip",
        "projection_dim": text,
        "logit_scale_init_value": 2.6592,
        "text_config": {
            "model_type": "clip_text_model", "vocab_size": 49_408, "max_position_embeddings": 77, "hidden_size": text,
            "intermediate_size": 4 * text, "num_hidden_layers": 12, "num_attention_heads": text // 64,
            "projection_dim": text, "bos_token_id": 49_406, "eos_token_id": 49_407, "pad_token_id": 49_407,
        },
        "vision_config": {
            "model_type": "clip_vision_model", "hidden_size": vision, "intermediate_size": 4 * vision,
            "num_hidden_layers": 24 if large else 12, "num_attention_heads": vision // 64, "image_size": 224,
            "patch_size": patch, "projection_dim": text,
        },
    }  # fmt: skip


def _clip_processor() -> dict[str, Any]:
    return {
        "image_processor_type": "CLIPImageProcessor", "do_resize": True, "size": {"shortest_edge": 224}, "resample": 3,
        "do_center_crop": True, "crop_size": {"height": 224, "width": 224}, "do_rescale": True, "do_normalize": True,
        "image_mean": CLIP_MEAN, "image_std": CLIP_STD,
    }  # fmt: skip


def _clip(patch: int, large: bool = False) -> Architecture:
    """CLIP as `sentence-transformers/clip-ViT-*` is laid out: one module in a folder of its own."""
    folder = "0_CLIPModel"
    module = {"idx": 0, "name": "0", "path": folder, "type": "sentence_transformers.models.CLIPModel"}
    files = {
        "modules.json": [module],
        SENTENCE_TRANSFORMERS: {"__version__": {"sentence_transformers": "2.0.0"}},
        f"{folder}/config.json": _clip_config(patch, large),
        f"{folder}/preprocessor_config.json": _clip_processor(),
    }
    return Architecture(files, _clip_tokens(folder))


ARCHITECTURES: Mapping[str, Callable[[], Architecture]] = {
    "clip-b32": lambda: _clip(32),
    "clip-b16": lambda: _clip(16),
    "clip-l14": lambda: _clip(14, large=True),
}
