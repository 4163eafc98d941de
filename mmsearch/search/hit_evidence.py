"""Hits as evidence for a language model: passages in full, pictures, pages and frames as data URIs, within a budget.

Knows hits and loaders; nothing of how they were found.
"""

from __future__ import annotations

import json
import logging
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from mmsearch.errors import MediaError, OutsideIndex
from mmsearch.media import encode_image
from mmsearch.scan.object_stores import Unreachable
from mmsearch.search.source_content import original
from mmsearch.types import Audio, Clip, Content, Hit, LoaderSettings, Picture

log = logging.getLogger(__name__)

SIDES = (1024, 512, 256)
"""Longer sides of a picture in pixels, tried in turn until it fits."""


def gather(
    hits: Sequence[Hit],
    cited: Sequence[dict[str, Any]],
    settings: LoaderSettings,
    budget: int,
    may_read: Callable[[str], bool],
) -> dict[str, Any]:
    """The `evidence` in order of rank, as far as it fits, its `bytes` as JSON, and how many hits were `left_out`.

    Args:
        hits: best first.
        cited: what says where each hit is, one JSON object a hit, to which the content is added: `text`, or `image`, a
            data URI; a sound has neither, its path and seconds say it all.
        settings: how files are loaded; a picture is as large as there is room for, whatever the model saw of it.
        budget: most bytes of all evidence together.
        may_read: whether the file at a path may be opened, as a reader's does.
    """
    settings = replace(settings, exact=False, image_fit=None, image_side=SIDES[0])
    evidence: list[dict[str, Any]] = []
    used = 0
    for hit, fields in zip(hits, cited, strict=True):
        entry = _fitting(hit, fields, settings, budget - used, may_read)
        if entry is not None:
            evidence.append(entry)
            used += _size(entry)
    return {"evidence": evidence, "bytes": used, "left_out": len(hits) - len(evidence)}


def _fitting(
    hit: Hit, fields: dict[str, Any], settings: LoaderSettings, room: int, may_read: Callable[[str], bool]
) -> dict[str, Any] | None:
    """The evidence of one hit in its largest form that has room; None where it has none or cannot be read."""
    try:
        content = original(hit.item, None, settings, may_read)
    except OutsideIndex as error:  # of all such files alike, so it is told once
        log.warning("no evidence: %s", error)
        return None
    except MediaError as error:
        log.warning("no evidence: %s: %s", hit.item.path, error)
        return None
    except Unreachable as error:
        log.warning("no evidence: %s", error)
        return None
    for form in _forms(content.content):
        entry = {**fields, **form}
        if _size(entry) <= room:
            return entry
    return None


def _forms(content: Content) -> Iterator[dict[str, str]]:
    """The forms of a content, the largest first; a picture is encoded only when its form is asked for."""
    if isinstance(content, str):
        yield {"type": "text", "text": content}
        return
    if isinstance(content, Audio):
        yield {"type": "audio"}
        return
    picture: Picture = content.frames[len(content.frames) // 2] if isinstance(content, Clip) else content
    picture = np.ascontiguousarray(picture)
    sides = [side for side in SIDES if side < max(picture.shape[:2])]
    sides = [max(picture.shape[:2]), *sides] if max(picture.shape[:2]) <= SIDES[0] else sides
    yield from ({"type": "image", "image": _uri(encode_image.jpeg(picture, side))} for side in sides)


def _uri(jpeg: bytes) -> str:
    return f"data:image/jpeg;base64,{b64encode(jpeg).decode()}"


def _size(entry: dict[str, Any]) -> int:
    return len(json.dumps(entry, ensure_ascii=False).encode("utf-8", "backslashreplace"))
