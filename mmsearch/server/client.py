"""A search of the command line answered by the server of its index, exactly as the command would answer it itself.

The command's half imports nothing heavy. Whatever speaks against the server (another version, another user, an option
it has no part in, no server at all) makes it None, and the command does the search itself.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, NamedTuple, get_args

from mmsearch import __version__
from mmsearch.errors import UsageError
from mmsearch.search.request import SearchRequest
from mmsearch.server import discovery
from mmsearch.types import MODALITIES, Hit, Item, LoaderSettings, ModelSpec, Span, StageScore, Unit

VARIABLE = "MMSEARCH_NO_SERVER"
"""Set to anything but 0 or nothing, no server is asked."""
DATABASE = "meta.sqlite"


class ServerAnswer(NamedTuple):
    """What the server has found.

    Attributes:
        spec: of the model, as far as showing hits takes it: its name and loader settings.
        notes: logger, level and message of each; without a logger it is a line for the user.
    """

    label: str
    hits: list[Hit]
    spec: ModelSpec
    notes: list[tuple[str, int, str]]


def is_allowed(forbidden: bool) -> bool:
    """Whether a server may be asked."""
    return not forbidden and os.environ.get(VARIABLE, "") in ("", "0")


def search(directory: str, wanted: SearchRequest, device: str | None, trust: bool) -> ServerAnswer | None:
    """What the server of the index in `directory` finds; None where the command has to search by itself.

    Raises:
        UsageError: what the command would raise.
    """
    if not os.path.exists(os.path.join(directory, discovery.FILE)):
        return None
    if any(source == "-" or source.startswith("-:") or "://" in source for source in _files(wanted)):
        return None  # stdin is not the server's, and it fetches nothing
    question = {"do": "search", "wanted": wanted.elsewhere().to_json(), "device": device, "trust": trust}
    answer = discovery.ask(directory, {**question, "place": place(directory)})
    if answer is None or "cold" in answer:
        return None
    if isinstance(answer.get("error"), str):
        raise UsageError(answer["error"])
    try:
        return _found(answer)
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def place(directory: str) -> dict[str, Any]:
    """What has to be the same on both sides: the program, the index, the user, the file system and the clock."""
    root = os.stat(os.sep)
    try:
        database = os.stat(os.path.join(directory, DATABASE))
    except OSError:
        return {}
    return {
        "version": __version__,
        "index": [database.st_dev, database.st_ino],
        "user": os.getuid() if hasattr(os, "getuid") else 0,
        "root": [root.st_dev, root.st_ino],
        "time": [*time.tzname, time.timezone],
    }


def to_json(label: str, hits: list[Hit], spec: ModelSpec, notes: list[tuple[str, int, str]]) -> dict[str, Any]:
    """The server's answer, of which `search` makes the same again."""
    loader = spec.loader.to_json()
    return {
        "label": label,
        "model": spec.name,
        "loader": loader,
        "notes": notes,
        "hits": [_hit_to_json(hit) for hit in hits],
    }


def _files(wanted: SearchRequest) -> tuple[str, ...]:
    return (*wanted.image, *wanted.audio, *wanted.video)


def _found(answer: Mapping[str, Any]) -> ServerAnswer:
    """Raises KeyError, TypeError, ValueError or AttributeError for what no server of ours would have answered."""
    spec = ModelSpec(_text(answer["model"]), "", 0, frozenset(), LoaderSettings.from_json(answer["loader"]))
    notes = [(_text(logger), int(level), _text(message)) for logger, level, message in answer["notes"]]
    return ServerAnswer(_text(answer["label"]), [_hit_from_json(hit) for hit in _list(answer["hits"])], spec, notes)


def _hit_to_json(hit: Hit) -> dict[str, Any]:
    # Python writes a float so that reading it gives the same one, to the last bit.
    return asdict(hit)


def _hit_from_json(data: Mapping[str, Any]) -> Hit:
    item = dict(data["item"])
    item["span"] = Span(**item["span"])
    stages = {_text(name): StageScore(*stage) for name, stage in data["stages"].items()}
    hit = Hit(
        **{**data, "item": Item(**item), "stages": stages, "duplicates": tuple(map(_text, _list(data["duplicates"])))}
    )
    one = hit.item
    for text in (one.path, one.digest, one.text, hit.snippet):
        _text(text)
    if not {one.modality, one.partition} <= {*MODALITIES} or one.span.unit not in get_args(Unit):
        raise ValueError("no part of a file")
    numbers = [hit.score, hit.relevance, hit.rerank_score or 0, one.span.start, one.span.end]
    if not all(isinstance(number, (int, float)) for number in [*numbers, *(stage.score for stage in stages.values())]):
        raise TypeError("no number")
    if not all(
        isinstance(number, int) for number in [hit.id, hit.rank, one.ordinal, *(s.rank for s in stages.values())]
    ):
        raise TypeError("no whole number")
    return hit


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError("no list")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("no text")
    return value
