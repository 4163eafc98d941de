"""Has the server of an index answer a search of the command line, exactly as the command itself would.

Imports nothing heavy. Where the server does not suit (another version or user, a file that it cannot read, no server at
all) there is no answer, and the command does the search itself.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, NamedTuple, get_args

from mmsearch import __version__
from mmsearch.errors import UsageError
from mmsearch.search.request import SearchRequest
from mmsearch.server import SERVER_FILE
from mmsearch.types import MODALITIES, Hit, Item, LoaderSettings, ModelSpec, Span, StageScore, Unit

VARIABLE = "MMSEARCH_NO_SERVER"
"""An environment variable: with any value but 0 and the empty one, no server is used."""
DATABASE = "meta.sqlite"


class ServerAnswer(NamedTuple):
    """An answer of the server.

    Attributes:
        spec: of the model, as far as it takes to show hits: its name and loader settings.
        notes: logger, level and message of each; without a logger it is a line for the user.
    """

    label: str
    hits: list[Hit]
    spec: ModelSpec
    notes: list[tuple[str, int, str]]


def is_allowed() -> bool:
    """Whether the environment allows a server to be used."""
    return os.environ.get(VARIABLE, "") in ("", "0")


def search(directory: str, request: SearchRequest, device: str | None, trust: bool) -> ServerAnswer | None:
    """The answer of the server of the index in `directory`; None if the command has to search by itself.

    Raises:
        UsageError: as the command's own search would.
    """
    if not os.path.exists(os.path.join(directory, SERVER_FILE)):
        return None
    from mmsearch.server import discovery

    files = (*request.image, *request.audio, *request.video)
    if any(source == "-" or source.startswith("-:") or "://" in source for source in files):
        return None  # stdin is not the server's, and it fetches nothing
    question = {"request": request.portable().to_json(), "device": device, "trust": trust}
    answer = discovery.post(directory, "search", {**question, "surroundings": surroundings(directory)})
    if answer is None or "cold" in answer:
        return None
    if isinstance(answer.get("error"), str):
        raise UsageError(answer["error"])
    try:
        spec = ModelSpec(_text(answer["model"]), "", 0, frozenset(), LoaderSettings.from_json(answer["loader"]))
        notes = [(_text(logger), int(level), _text(message)) for logger, level, message in answer["notes"]]
        return ServerAnswer(_text(answer["label"]), list(map(_hit, _list(answer["hits"]))), spec, notes)
    except (KeyError, TypeError, ValueError, AttributeError):  # no server of ours answers so
        return None


def surroundings(directory: str) -> dict[str, Any]:
    """Facts that must agree on both sides: the program, the index, the user, the file system and the clock."""
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


def to_json(label: str, hits: list[Hit], spec: ModelSpec, notes: Sequence[tuple[Any, ...]]) -> dict[str, Any]:
    """The server's answer, of which `search` makes the same again: Python writes and reads floats to the last bit."""
    loader, rows = spec.loader.to_json(), [asdict(hit) for hit in hits]
    return {"label": label, "model": spec.name, "loader": loader, "notes": notes, "hits": rows}


def _hit(data: Mapping[str, Any]) -> Hit:
    """Raises KeyError, TypeError, ValueError or AttributeError for anything but a hit."""
    item = dict(data["item"])
    item["span"] = Span(**item["span"])
    stages = {_text(name): StageScore(*stage) for name, stage in data["stages"].items()}
    duplicates = tuple(map(_text, _list(data["duplicates"])))
    hit = Hit(**{**data, "item": Item(**item), "stages": stages, "duplicates": duplicates})
    part, span = hit.item, hit.item.span
    for text in (part.path, part.digest, part.text, hit.snippet):
        _text(text)
    if not {part.modality, part.partition} <= {*MODALITIES} or span.unit not in get_args(Unit):
        raise ValueError("no part of a file")
    numbers = [hit.score, hit.relevance, hit.rerank_score or 0, span.start, span.end]
    if not all(isinstance(number, (int, float)) for number in [*numbers, *(stage.score for stage in stages.values())]):
        raise TypeError("no number")
    counts = [hit.id, hit.rank, part.ordinal, *(stage.rank for stage in stages.values())]
    if not all(isinstance(number, int) for number in counts):
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
