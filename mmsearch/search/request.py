"""A search request: each option declared once, with its limits, its help, and its name over HTTP and in tool calls.

Plain data that travels between processes. The command line, HTTP, tool calls and `mmsearch.api` each build one; the
search carries it as far as the ranking. Knows nothing of how a filter or an option is applied.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, field, fields, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias, get_args

from mmsearch.errors import UsageError
from mmsearch.system.plain_data import dataclass
from mmsearch.types import MODALITIES, Modality, is_object_url

if TYPE_CHECKING:
    from mmsearch.store import Bounds, Filter

Mode: TypeAlias = Literal["dense", "lexical", "hybrid"]
MODES: tuple[Mode, ...] = get_args(Mode)
MOST_VALUES = 64
"""Values of one option in a request over HTTP."""
MOST_CHARACTERS = 100_000
"""Characters of one value."""
HOW_TO_QUERY = "give a text, a file with --image, --audio or --video, or one that is indexed with --like"
_KINDS = {
    "tuple[str, ...]": "texts",
    "str": "text",
    "str | None": "text",
    "Mode": "text",
    "int": "int",
    "float | None": "float",
    "bool": "flag",
}
_SIZES = {
    "b": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12,
    "ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40,
}  # fmt: skip
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_LONGEST_NUMBER = 18
_DATES = ("%Y", "%Y-%m", "%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S.%f")


class Option(NamedTuple):
    """An option of `SearchRequest` that HTTP requests or tool calls may give.

    Attributes:
        help: for the API's description and for language models.
        http, tool: its name in each; empty where it is not allowed.
        minimum, maximum, choices: values that are allowed over HTTP.
        single: over HTTP it is given once, though the field holds several values.
        name, kind, default: of the field: `texts`, `text`, `int`, `float` or `flag`.
    """

    help: str
    http: str = ""
    tool: str = ""
    minimum: float | None = None
    maximum: float | None = None
    choices: Sequence[str] = ()
    single: bool = False
    name: str = ""
    kind: str = ""
    default: Any = None

    def schema(self) -> dict[str, Any]:
        """The option over HTTP as JSON Schema."""
        kinds = {"int": "integer", "float": "number", "flag": "boolean"}
        default = None if self.kind == "texts" else self.default
        limits = {"minimum": self.minimum, "maximum": self.maximum, "default": default}
        value: dict[str, Any] = {"type": kinds.get(self.kind, "string")}
        value |= {name: limit for name, limit in limits.items() if limit is not None}
        if self.choices:
            value["enum"] = list(self.choices)
        if self.kind != "texts" or self.single:
            return value
        return {"type": "array", "items": value, "maxItems": MOST_VALUES}

    def read(self, values: Sequence[Any]) -> Any:
        """The value of the field from the values of an HTTP request. Raises UsageError."""
        if self.kind == "texts" and not self.single:
            if len(values) > MOST_VALUES:
                raise UsageError(f"{self.http}: {len(values)} values are more than {MOST_VALUES}")
            return tuple(map(self._text, values))
        if len(values) != 1:
            raise UsageError(f"{self.http} is given {len(values)} times")
        (value,) = values
        if self.kind == "texts":
            return (text,) if (text := self._text(value).strip()) else ()
        if self.kind == "text":
            return self._text(value)
        if self.kind != "flag":
            return self._number(value)
        flags = {"1": True, "true": True, "": True, "0": False, "false": False}
        flag = value if isinstance(value, bool) else flags.get(value) if isinstance(value, str) else None
        if flag is None:
            raise UsageError(f"{self.http} is true or false")
        return flag

    def _text(self, value: Any) -> str:
        if not isinstance(value, str) or len(value) > MOST_CHARACTERS:
            raise UsageError(f"{self.http} is a text of at most {MOST_CHARACTERS} characters")
        if self.choices and value not in self.choices:
            raise UsageError(f"{self.http} {value[:50]!r}: choose from {', '.join(self.choices)}")
        return value

    def _number(self, value: Any) -> float:
        try:
            if isinstance(value, bool) or (isinstance(value, str) and len(value) > 32):
                raise ValueError
            number = int(value) if self.kind == "int" else float(value)
            if isinstance(value, float) and number != value:
                raise ValueError
        except (TypeError, ValueError, OverflowError):
            raise UsageError(f"{self.http} is a number") from None
        low = -math.inf if self.minimum is None else self.minimum
        high = math.inf if self.maximum is None else self.maximum
        if not math.isfinite(number) or not low <= number <= high:
            raise UsageError(f"{self.http} is a number from {low:g} to {high:g}, not {number}")
        return number


def _option(default: Any, *declared: Any, **limits: Any) -> Any:
    return field(default=default, metadata={"option": Option(*declared, **limits)})


@dataclass(frozen=True)
class SearchRequest:
    """A search with all its options as they were written: texts, numbers and flags.

    Attributes:
        image, audio, video: files, URLs or `-` for stdin, each with `:WEIGHT` after it or without.
        like: paths of indexed files. `like_ids` are ids of items, each server's own.
        digests: of examples that came without a path.
        base: the folder that relative paths and globs start from; empty for the working directory.
        types: names of modalities, each text one or several with commas.
        reranker: replaces the reranker of the index's model.
        fold: of hits that are nearly the same only the first.
        all_copies: files with the same bytes are hits of their own, not paths of one.
    """

    texts: tuple[str, ...] = _option(
        (), "What to look for, in plain words; a caption finds pictures best.", "q", "query", single=True
    )
    negatives: tuple[str, ...] = _option((), "What is not meant.", "not", "exclude")
    image: tuple[str, ...] = ()
    audio: tuple[str, ...] = ()
    video: tuple[str, ...] = ()
    like: tuple[str, ...] = ()
    like_ids: tuple[str, ...] = _option((), "Ids of hits: files like those, with or without a query.", "like", "like")
    digests: tuple[str, ...] = ()
    base: str = ""
    top: int = _option(10, "Most hits, one a file.", "top", "k", 1, 1000)
    offset: int = _option(0, "Leave out so many of the first.", "offset", "", 0, 10_000)
    types: tuple[str, ...] = _option((), f"Only files of these types: {', '.join(MODALITIES)}.", "type", "types")
    globs: tuple[str, ...] = _option(
        (), "Only paths that match, below the indexed folder, such as *.pdf; !GLOB leaves out.", "glob", "glob"
    )
    inside: tuple[str, ...] = _option((), "Only files below this folder.", "in", "folder")
    after: str | None = _option(None, "Taken, or else changed, then or later: 2024-03, 7d.", "after", "after")
    before: str | None = _option(None, "Taken, or else changed, before then.", "before", "before")
    size: tuple[str, ...] = _option((), "+1M at least, -10k at most, 1M..2M between.", "size")
    width: tuple[str, ...] = _option((), "Pixels, likewise.", "width")
    height: tuple[str, ...] = _option((), "Pixels, likewise.", "height")
    duration: tuple[str, ...] = _option((), "Length of sound and video: +30, -2m, 1:00..1:30.", "duration")
    mode: Mode = _option(
        "hybrid", "By vectors (dense), by words (lexical), or by both (hybrid).", "mode", "mode", choices=MODES
    )
    raw: bool = _option(False, "Rank by raw cosines.", "raw")
    min_relevance: float | None = _option(
        None,
        "Leave out hits of less relevance; 0 keeps what is more likely right than not.",
        "min_relevance",
        "min_relevance",
    )
    all_segments: bool = _option(
        False, "Each matching part of a file is a hit, not only its best.", "all_segments", "all_parts"
    )
    fold: bool = _option(False, "Show hits that are nearly the same as one.", "fold")
    all_copies: bool = _option(False, "Each of several copies of a file is a hit, not only the first.", "all_copies")
    rerank: bool = _option(False, "Read the best hits again with a closer and slower model.", "rerank", "rerank")
    reranker: str | None = None
    rerank_depth: int = _option(20, "How many hits the reranker reads.", "rerank_depth", "", 1, 1000)
    rerank_budget: float | None = _option(
        None, "Seconds after which the reranker reads no more.", "rerank_budget", "", 0, 3600
    )
    rerank_types: tuple[str, ...] = _option((), "Types of files that the reranker reads.", "rerank_types")
    explain: bool = _option(False, "Say what each stage of the ranking made of a hit.", "explain")

    @classmethod
    def from_http(cls, values: Mapping[str, Sequence[Any]]) -> SearchRequest:
        """The request of the values that each HTTP option is given. Raises UsageError."""
        if unknown := [name for name in values if name not in HTTP_OPTIONS]:
            raise UsageError(f"unknown option {unknown[0][:50]!r}: known are {', '.join(HTTP_OPTIONS)}")
        options = [(option, values[name]) for name, option in HTTP_OPTIONS.items() if values.get(name)]
        return cls(**{option.name: option.read(texts) for option, texts in options})

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> SearchRequest:
        """The request that `to_json` gave; raises TypeError for an unknown field."""
        if unknown := sorted(set(data) - {field.name for field in fields(cls)}):
            raise TypeError(f"unknown: {unknown[0]}")
        values: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in data.items()}
        return cls(**values)

    def to_json(self) -> dict[str, Any]:
        """A JSON object with one key an attribute."""
        return asdict(self)

    def portable(self) -> SearchRequest:
        """The same for a process with another working directory and, some moments later, another clock."""
        working_directory = os.getcwd()
        inside = tuple(
            folder if is_object_url(folder) else os.path.join(working_directory, os.path.expanduser(folder))
            for folder in self.inside
        )
        after, before = (None if text is None else parse_date(text).isoformat() for text in (self.after, self.before))
        return replace(self, base=self.base or working_directory, inside=inside, after=after, before=before)

    def require_query(self) -> None:
        """Raise UsageError if the request has no query."""
        if not any((*map(str.strip, self.texts), self.image, self.audio, self.video, self.like, self.like_ids)):
            raise UsageError(f"nothing to look for{' but what is not meant' if self.negatives else ''}: {HOW_TO_QUERY}")

    def without_query(self) -> SearchRequest:
        """The options alone: equal for requests that may be ranked together."""
        empty: tuple[str, ...] = ()
        examples = dict.fromkeys(("image", "audio", "video", "like", "like_ids", "digests"), empty)
        return replace(self, texts=empty, negatives=empty, **examples)  # type: ignore[arg-type]  # all of them are tuples

    @property
    def label(self) -> str:
        """The query in one line, for output."""
        return " ".join((*self.texts, *self.image, *self.audio, *self.video, *self.like))

    @property
    def modalities(self) -> frozenset[Modality] | None:
        """The modalities in `types`; None for all. Raises UsageError."""
        return parse_types(",".join(self.types) if self.types else None)

    @property
    def rerank_modalities(self) -> frozenset[Modality] | None:
        """The modalities in `rerank_types`; None for all. Raises UsageError."""
        return parse_types(",".join(self.rerank_types) if self.rerank_types else None)

    @property
    def by_words(self) -> bool:
        """Whether words count: raw cosines leave no place for them."""
        return self.mode != "dense" and not self.raw

    @property
    def depth(self) -> int:
        """How many hits to rank, with those that `offset` leaves out."""
        return self.offset + self.top

    def filter(self, patience: float | None = None) -> Filter:
        """The files that may answer; `patience` for globs as `glob_filter` has it.

        Raises:
            UsageError: a value that cannot be read, with the forms that can.
        """
        from mmsearch.store import Filter

        _ = self.rerank_modalities  # a mistake in it, too, is reported before the search
        return Filter(
            self.modalities,
            _glob_filter(self.globs, self.base, patience) if self.globs else None,
            tuple(map(_folder, self.inside)),
            after=None if self.after is None else parse_date(self.after),
            before=None if self.before is None else parse_date(self.before),
            size=parse_ranges("--size", self.size, read_size),
            width=parse_ranges("--width", self.width, _read_pixels),
            height=parse_ranges("--height", self.height, _read_pixels),
            duration=parse_ranges("--duration", self.duration, read_seconds),
        )


def _glob_filter(globs: Sequence[str], base: str, patience: float | None) -> Callable[[str], bool]:
    from mmsearch.scan import glob_filter

    return glob_filter(globs, base or None, patience)


def _folder(path: str) -> str:
    from mmsearch.scan import spelled

    return path.rstrip("/") if is_object_url(path) else spelled(os.path.expanduser(path))


OPTIONS: list[Option] = [
    declared.metadata["option"]._replace(name=declared.name, kind=_KINDS[str(declared.type)], default=declared.default)
    for declared in fields(SearchRequest)
    if declared.metadata
]
HTTP_OPTIONS = {option.http: option for option in OPTIONS if option.http}


def parse_types(text: str | None) -> frozenset[Modality] | None:
    """`image,video` as a set of modalities; None for None. Raises UsageError."""
    if text is None:
        return None
    names = [name.strip() for name in text.split(",") if name.strip()]
    if unknown := [name for name in names if name not in MODALITIES]:
        raise UsageError(f"unknown type {unknown[0]!r}: choose from {', '.join(MODALITIES)}")
    if not names:
        raise UsageError(f"empty type: choose from {', '.join(MODALITIES)}")
    return frozenset(modality for modality in MODALITIES if modality in names)


def parse_ranges(option: str, texts: Sequence[str], parse: Callable[[str], float]) -> Bounds:
    """`+1M` is at least, `-1M` at most, `1M..2M` between and `1M` just that; several hold together."""
    from mmsearch.store import Bounds

    minimums: list[float] = []
    maximums: list[float] = []
    for text in texts:
        low, dots, high = text.partition("..")
        if not dots:
            low, high = (text[1:], "") if text[:1] == "+" else ("", text[1:]) if text[:1] == "-" else (text, text)
        try:
            minimums += [parse(low)] if low else []
            maximums += [parse(high)] if high else []
        except ValueError:
            low = high = ""
        if not low and not high:
            raise UsageError(f"{option} {text!r} is no range: write +1 for at least, -1 for at most, or 1..2")
    return Bounds(max(minimums, default=None), min(maximums, default=None))


def read_size(text: str) -> float:
    """Bytes of `500`, `10k`, `1.5M`, `2GiB`; ValueError for anything else."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]i?)?b?", text.strip().lower())
    if match is None:
        raise ValueError(text)
    return float(match[1]) * _SIZES[match[2] or "b"]


def read_seconds(text: str) -> float:
    """Seconds of `90`, `1.5m`, `2h` or `1:30`; ValueError for anything else."""
    if re.fullmatch(r"\d+(:\d{1,2}){1,2}(\.\d+)?", text):
        seconds = 0.0
        for part in text.split(":"):
            seconds = 60 * seconds + float(part)
        return seconds
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhdw])?", text.strip().lower())
    if match is None:
        raise ValueError(text)
    return float(match[1]) * _SECONDS[match[2] or "s"]


def _read_pixels(text: str) -> float:
    """ValueError for anything but a whole number, and for one that is longer than any picture."""
    if len(text) > _LONGEST_NUMBER:
        raise ValueError(text)
    return float(int(text))


def parse_date(text: str) -> datetime:
    """The beginning of `2024`, `2024-03`, `2024-03-12` or `2024-03-12T18:30`, or so long ago: `12h`, `7d`, `2w`.

    Raises:
        UsageError: it is none of these.
    """
    if re.fullmatch(r"\d+(\.\d+)?[hdw]", text):
        try:
            return datetime.now() - timedelta(seconds=read_seconds(text))
        except OverflowError:
            raise UsageError(f"{text!r} is too long ago") from None
    for form in _DATES:
        try:
            return datetime.strptime(text.replace(" ", "T"), form)
        except ValueError:
            continue
    raise UsageError(f"{text!r} is no date: write 2024, 2024-03, 2024-03-12, 2024-03-12T18:30, or 7d for days ago")
