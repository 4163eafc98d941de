"""The options of a model that an index, a table or a folder may set: a model known by name, and how to run it.

Only the user may set others (a directory, further arguments of a loader). Knows nothing of indexes and grants.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from mmsearch.types import ModelOptions

NAME = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?", re.ASCII)
"""A name of the catalog, or an id of the hub."""
REVISION = re.compile(r"\w[\w.-]*(/\w[\w.-]*)*", re.ASCII)
VARIANT = re.compile(r"\w{1,32}", re.ASCII)
ATTENTIONS = frozenset(
    {"eager", "sdpa", "flash_attention_2", "flash_attention_3", "flash_attention_4", "flex_attention"}
)
DTYPES = re.compile(r"(torch\.)?(auto|float(16|32|64)|bfloat16|half|float)")
BACKENDS = frozenset({"onnx", "torch"})
PROCESSOR_KWARGS = frozenset(
    {
        *("min_pixels", "max_pixels", "size", "crop_size", "longest_edge", "shortest_edge", "height", "width"),
        *("do_resize", "do_rescale", "do_normalize", "do_center_crop", "do_convert_rgb", "do_image_splitting"),
        *("use_fast", "padding_side", "truncation_side", "model_max_length", "max_length", "num_frames", "fps"),
    }
)
SIDES = frozenset({"left", "right"})


def needing(options: ModelOptions, set_by_user: Collection[str] = ()) -> str | None:
    """The first option that only the user may set, in a few words; None if there is none.

    The user has just set the options named in `set_by_user`.
    """
    return next(_needing(options, set_by_user), None)


def _needing(options: ModelOptions, set_by_user: Collection[str]) -> Iterator[str]:
    if "name" not in set_by_user and not is_known_name(options.name):
        yield f"the model in {options.name}"
    if "revision" not in set_by_user and options.revision is not None and not _matches(REVISION, options.revision):
        yield f"revision {_short(options.revision)}"
    if "attn" not in set_by_user and options.attn is not None and options.attn not in ATTENTIONS:
        yield f"attention {_short(options.attn)}"
    if "dtype" not in set_by_user and options.dtype is not None and not _matches(VARIANT, options.dtype):
        yield f"dtype {_short(options.dtype)}"
    if "model_kwargs" not in set_by_user:
        for name, value in _items(options.model_kwargs):
            if name not in MODEL_KWARGS or not MODEL_KWARGS[name](value):
                yield f"{_short(name)} {_short(value)} for its model"
    if "processor_kwargs" not in set_by_user:
        for name, value in _items(options.processor_kwargs):
            if name not in PROCESSOR_KWARGS or not _is_plain(value):
                yield f"{_short(name)} {_short(value)} for its processor"


def is_known_name(name: object) -> bool:
    """Whether a name has the form of a catalog name or a hub id, which never means a directory."""
    return isinstance(name, str) and not os.path.isabs(name) and NAME.fullmatch(name) is not None


def _items(kwargs: object) -> list[tuple[str, Any]]:
    return list(kwargs.items()) if isinstance(kwargs, Mapping) else [("arguments", kwargs)]


def _is_plain(value: Any) -> bool:
    """Whether a value is a number, a switch, a side, or a few numbers by name."""
    if isinstance(value, Mapping):
        return all(key in PROCESSOR_KWARGS and isinstance(number, int | float) for key, number in value.items())
    return value is None or isinstance(value, int | float) or (isinstance(value, str) and value in SIDES)


def _matches(pattern: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


MODEL_KWARGS: Mapping[str, Callable[[Any], bool]] = {
    "dtype": lambda value: value is None or _matches(DTYPES, value),
    "torch_dtype": lambda value: value is None or _matches(DTYPES, value),
    "attn_implementation": lambda value: value is None or (isinstance(value, str) and value in ATTENTIONS),
    "backend": lambda value: value is None or (isinstance(value, str) and value in BACKENDS),
    "variant": lambda value: value is None or _matches(VARIANT, value),
}
"""The arguments of a loader that need no permission, and their harmless values."""


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 60 else text[:59] + "…"
