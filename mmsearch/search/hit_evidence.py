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
from mmsearch.search.staleness import original
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
        cited: one JSON object a hit that says where it is, to which the content is added: `text`, or `image`, a
            data URI; a sound has neither, its path and seconds say it all.
        settings: how files are loaded; a picture is as large as the budget allows, even if the model saw less.
        budget: most bytes of all evidence together.
        may_read: whether the file at a path may be opened, as a reader's does.
    """
    settings = replace(settings, exact=False, image_fit=None, image_side=SIDES[0])
    evidence: list[dict[str, Any]] = []
    used_bytes = 0
    for hit, fields in zip(hits, cited, strict=True):
        try:
            content = original(hit.item, None, settings, may_read).content
        except (OutsideIndex, Unreachable) as error:  # the same for all such files, so it is logged once
            log.warning("no evidence: %s", error)
            continue
        except MediaError as error:
            log.warning("no evidence: %s: %s", hit.item.path, error)
            continue
        for form in _forms(content):
            entry = {**fields, **form}
            size = len(json.dumps(entry, ensure_ascii=False).encode("utf-8", "backslashreplace"))
            if used_bytes + size <= budget:
                evidence.append(entry)
                used_bytes += size
                break
    return {"evidence": evidence, "bytes": used_bytes, "left_out": len(hits) - len(evidence)}


def _forms(content: Content) -> Iterator[dict[str, str]]:
    """The forms of a content, the largest first; a picture is encoded only when its form is tried."""
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
    for side in sides:
        data = b64encode(encode_image.jpeg(picture, side)).decode()
        yield {"type": "image", "image": f"data:image/jpeg;base64,{data}"}
