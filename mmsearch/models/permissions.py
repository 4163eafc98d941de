"""What an index, a table or a folder may wish of the loader without its user: a model known by name, and how to run it.

Anything more (a directory, other arguments of a loader) is the user's to say. Knows nothing of indexes and grants.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Mapping
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


def needing(options: ModelOptions, given: Collection[str] = ()) -> str | None:
    """What of the options only the user may say, shown in a few words; None where there is nothing.

    What is `given` has been said by the user just now.
    """
    return next(_needing(options, given), None)


def _needing(options: ModelOptions, given: Collection[str]) -> Iterator[str]:
    if "name" not in given and not is_known_name(options.name):
        yield f"the model in {options.name}"
    if "revision" not in given and options.revision is not None and not _matches(REVISION, options.revision):
        yield f"revision {_short(options.revision)}"
    if "attn" not in given and options.attn is not None and options.attn not in ATTENTIONS:
        yield f"attention {_short(options.attn)}"
    if "dtype" not in given and options.dtype is not None and not _matches(VARIANT, options.dtype):
        yield f"dtype {_short(options.dtype)}"
    if "model_kwargs" not in given:
        yield from (f"{name} {_short(value)} for its model" for name, value in _odd_model_kwargs(options.model_kwargs))
    if "processor_kwargs" not in given:
        for name, value in _items(options.processor_kwargs):
            if name not in PROCESSOR_KWARGS or not _is_plain(value):
                yield f"{_short(name)} {_short(value)} for its processor"


def is_known_name(name: object) -> bool:
    """Whether a model is named as catalogs and the hub name theirs, which never means a directory."""
    return isinstance(name, str) and not os.path.isabs(name) and NAME.fullmatch(name) is not None


def _odd_model_kwargs(kwargs: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    fine = {
        "dtype": lambda value: value is None or _matches(DTYPES, value),
        "torch_dtype": lambda value: value is None or _matches(DTYPES, value),
        "attn_implementation": lambda value: value is None or (isinstance(value, str) and value in ATTENTIONS),
        "backend": lambda value: value is None or (isinstance(value, str) and value in BACKENDS),
        "variant": lambda value: value is None or _matches(VARIANT, value),
    }
    for name, value in _items(kwargs):
        if name not in fine or not fine[name](value):
            yield _short(name), value


def _items(kwargs: object) -> list[tuple[str, Any]]:
    return list(kwargs.items()) if isinstance(kwargs, Mapping) else [("arguments", kwargs)]


def _is_plain(value: Any) -> bool:
    """Whether a value is a number, a switch, a side, or a few numbers by name."""
    if isinstance(value, Mapping):
        return all(name in PROCESSOR_KWARGS and isinstance(one, int | float) for name, one in value.items())
    return value is None or isinstance(value, int | float) or (isinstance(value, str) and value in SIDES)


def _matches(pattern: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _short(value: object) -> str:
    told = str(value)
    return told if len(told) <= 60 else told[:59] + "…"
