"""The options of a search as they stand in a request: one table, for what is read and for what is documented.

Knows names and types; what the values mean is `written`'s matter.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from mmsearch.errors import UsageError
from mmsearch.search.options import MODES
from mmsearch.search.request import SearchRequest
from mmsearch.types import MODALITIES

MOST_TOP = 1000
MOST_OFFSET = 10_000
MOST_DEPTH = 1000
MOST_VALUES = 64
"""Of one option that may be given several times."""
MOST_CHARACTERS = 100_000
"""Of one value."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One option: its name in a request, its attribute of `SearchRequest` (empty if none), and what it takes."""

    name: str
    attribute: str
    kind: Literal["text", "texts", "int", "float", "flag"]
    help: str
    least: float | None = None
    most: float | None = None
    choices: Sequence[str] = ()
    default: Any = None

    def schema(self) -> dict[str, Any]:
        """As JSON Schema."""
        kinds = {"text": "string", "int": "integer", "float": "number", "flag": "boolean"}
        one: dict[str, Any] = {"type": kinds.get(self.kind, "string")}
        bounds = {"minimum": self.least, "maximum": self.most, "default": self.default}
        one |= {name: value for name, value in bounds.items() if value is not None}
        if self.choices:
            one["enum"] = list(self.choices)
        return {"type": "array", "items": one, "maxItems": MOST_VALUES} if self.kind == "texts" else one

    def read(self, values: Sequence[Any]) -> Any:
        """What the values of a request mean. Raises UsageError."""
        if self.kind == "texts":
            if len(values) > MOST_VALUES:
                raise UsageError(f"{self.name}: {len(values)} values are more than {MOST_VALUES}")
            return tuple(self._text(value) for value in values)
        if len(values) != 1:
            raise UsageError(f"{self.name} is given {len(values)} times")
        (value,) = values
        if self.kind == "text":
            return self._text(value)
        return self._flag(value) if self.kind == "flag" else self._number(value)

    def _text(self, value: Any) -> str:
        if not isinstance(value, str) or len(value) > MOST_CHARACTERS:
            raise UsageError(f"{self.name} is a text of at most {MOST_CHARACTERS} characters")
        if self.choices and value not in self.choices:
            raise UsageError(f"{self.name} {value[:50]!r}: choose from {', '.join(self.choices)}")
        return value

    def _flag(self, value: Any) -> bool:
        known = {"1": True, "true": True, "": True, "0": False, "false": False}
        found = value if isinstance(value, bool) else known.get(value) if isinstance(value, str) else None
        if found is None:
            raise UsageError(f"{self.name} is true or false")
        return found

    def _number(self, value: Any) -> float:
        kind = int if self.kind == "int" else float
        try:
            if isinstance(value, bool) or (isinstance(value, str) and len(value) > 32):
                raise ValueError
            found = kind(value)
            if isinstance(value, float) and found != value:
                raise ValueError
        except (TypeError, ValueError, OverflowError):
            raise UsageError(f"{self.name} is a number") from None
        low = -math.inf if self.least is None else self.least
        high = math.inf if self.most is None else self.most
        if not math.isfinite(found) or not low <= found <= high:
            raise UsageError(f"{self.name} is a number from {low:g} to {high:g}, not {found}")
        return found


PARAMETERS = (
    Parameter("q", "texts", "text", "What to look for."),
    Parameter("not", "negatives", "texts", "What is not meant."),
    Parameter("like", "", "texts", "Ids of items that hits are to be like."),
    Parameter("top", "top", "int", "At most so many hits.", 1, MOST_TOP, default=10),
    Parameter("offset", "", "int", "Leave out so many of the first.", 0, MOST_OFFSET, default=0),
    Parameter("type", "types", "texts", f"Only files of these types: {', '.join(MODALITIES)}."),
    Parameter("glob", "globs", "texts", "Only paths that match, below the indexed folder; !GLOB leaves out."),
    Parameter("in", "inside", "texts", "Only files below this folder."),
    Parameter("after", "after", "text", "Taken, or else changed, then or later: 2024-03, 7d."),
    Parameter("before", "before", "text", "Taken, or else changed, before then."),
    Parameter("size", "size", "texts", "+1M at least, -10k at most, 1M..2M between."),
    Parameter("width", "width", "texts", "Pixels, likewise."),
    Parameter("height", "height", "texts", "Pixels, likewise."),
    Parameter("duration", "duration", "texts", "Length of sound and video: +30, -2m, 1:00..1:30."),
    Parameter("mode", "mode", "text", "By vectors, by words, or both.", choices=MODES, default="hybrid"),
    Parameter("raw", "raw", "flag", "Rank by raw cosines.", default=False),
    Parameter("min_relevance", "min_relevance", "float", "Leave out hits below."),
    Parameter("all_segments", "all_segments", "flag", "Each matching part of a file.", default=False),
    Parameter("rerank", "rerank", "flag", "Read the best candidates again, more closely.", default=False),
    Parameter("rerank_depth", "rerank_depth", "int", "How many the reranker reads.", 1, MOST_DEPTH, default=20),
    Parameter("rerank_budget", "rerank_budget", "float", "Seconds after which it reads no more.", 0, 3600),
    Parameter("rerank_types", "rerank_types", "texts", "Types of files that it reads."),
    Parameter("fold", "fold", "flag", "Show hits that are nearly the same as one.", default=False),
    Parameter("explain", "", "flag", "Say what each stage of the ranking made of a hit.", default=False),
)
_BY_NAME = {one.name: one for one in PARAMETERS}
_JOINED = ("types", "rerank_types")
"""Attributes that are one text of names with commas."""


@dataclass(frozen=True, slots=True)
class HttpSearch:
    """A search as it was asked for; `like` holds ids."""

    wanted: SearchRequest
    like: tuple[str, ...]
    top: int
    offset: int
    explain: bool


def read(given: Mapping[str, Sequence[Any]]) -> HttpSearch:
    """The search of a request. Raises UsageError for what cannot be read."""
    unknown = [name for name in given if name not in _BY_NAME]
    if unknown:
        raise UsageError(f"unknown option {unknown[0][:50]!r}: known are {', '.join(_BY_NAME)}")
    values = {one.name: one.read(given[one.name]) for one in PARAMETERS if given.get(one.name)}
    fields = {_BY_NAME[name].attribute: value for name, value in values.items() if _BY_NAME[name].attribute}
    if "texts" in fields:
        fields["texts"] = (fields["texts"].strip(),) if fields["texts"].strip() else ()
    for name in _JOINED:
        if name in fields:
            fields[name] = ",".join(fields[name])
    top, offset = values.get("top", 10), values.get("offset", 0)
    fields["top"] = top + offset
    wanted = SearchRequest(**fields)
    return HttpSearch(wanted, values.get("like", ()), top, offset, values.get("explain", False))


def from_object(body: Any) -> dict[str, list[Any]]:
    """A JSON object as the same lists of values that a query string gives. Raises UsageError for anything else."""
    if not isinstance(body, dict):
        raise UsageError("the body is no JSON object")
    return {
        name: value if isinstance(value, list) else [value]
        for name, value in body.items()
        if value is not None and value != []
    }
