"""The vocabulary every other module speaks: spans, items, segments, queries, hits, model specs and reports.

Knows nothing about files, models, vectors or the terminal: plain frozen data and two protocols, importing nothing.
Paths are `str` as `os.fsdecode` returns them, so a name that is not valid UTF-8 survives as surrogates.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, TypeAlias, get_args, runtime_checkable

from mmsearch.system.plain_data import dataclass

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

Modality: TypeAlias = Literal["text", "image", "document", "audio", "video"]
MODALITIES: tuple[Modality, ...] = get_args(Modality)
Unit: TypeAlias = Literal["whole", "line", "page", "second", "box"]

Vectors: TypeAlias = "npt.NDArray[np.float32]"
"""float32 `(n, dim)`, unit rows."""
Picture: TypeAlias = "npt.NDArray[np.uint8]"
"""uint8 `(h, w, 3)`, RGB, upright."""


@dataclass(frozen=True, slots=True)
class Audio:
    """A stretch of mono sound: float32 `(n,)` in [-1, 1] at `rate` samples a second."""

    samples: npt.NDArray[np.float32]
    rate: int


@dataclass(frozen=True, slots=True)
class Clip:
    """Frames of a video: uint8 `(t, h, w, 3)` RGB, and the time of each in seconds, float64 `(t,)`."""

    frames: npt.NDArray[np.uint8]
    seconds: npt.NDArray[np.float64]


Content: TypeAlias = "str | Picture | Audio | Clip"
"""Decoded content, by partition: text is `str`, image and document are `Picture`, audio `Audio`, video `Clip`."""
Kind: TypeAlias = Literal["text", "image", "audio", "video"]
"""The type of an input for a model; a page of a document is an image."""


EARLIEST_NS, LATEST_NS = -(1 << 63), (1 << 63) - 1
"""Times that can be kept, in nanoseconds since 1970: from 1677 to 2262."""


def clamp_mtime_ns(ns: int) -> int:
    """A file's time as it is compared and kept; file systems and archives know times that no index does."""
    return min(max(ns, EARLIEST_NS), LATEST_NS)


def is_object_url(path: str) -> bool:
    """Whether a path is the URL of an object in a store (`s3://bucket/key`), and no file of this machine.

    Normal paths hold no `://`.
    """
    return "://" in path and not path.startswith("/")


def content_kind(content: Content) -> Kind:
    """The modality of a content for a model."""
    if isinstance(content, str):
        return "text"
    if isinstance(content, Audio):
        return "audio"
    return "video" if isinstance(content, Clip) else "image"


class Box(NamedTuple):
    """A rectangle of a picture in pixels: its left and upper edge from 0, and how large it is."""

    x: int
    y: int
    width: int
    height: int


_SIDE = 1 << 26
"""What a box's second coordinate counts for in one number: more than any side, and two of them fit a double."""


@dataclass(frozen=True, slots=True)
class Span:
    """Which part of a file: lines and pages count from 1 and include both ends; seconds are a half-open interval.

    For a box, `start` is the upper left corner and `end` the one just beyond the lower right, in pixels of the upright
    picture, as x + 2²⁶ · y.
    """

    unit: Unit = "whole"
    start: float = 0
    end: float = 0

    @classmethod
    def of_box(cls, box: Box) -> Span:
        """The span of a rectangle."""
        return cls("box", box.x + _SIDE * box.y, box.x + box.width + _SIDE * (box.y + box.height))

    @property
    def box(self) -> Box | None:
        """The rectangle, where it is one."""
        if self.unit != "box":
            return None
        (top, left), (bottom, right) = divmod(int(self.start), _SIDE), divmod(int(self.end), _SIDE)
        return Box(left, top, right - left, bottom - top)

    def __str__(self) -> str:
        if self.unit == "whole":
            return ""
        if self.box is not None:
            return f"box {self.box.x},{self.box.y} {self.box.width}x{self.box.height}"
        if self.unit == "second":
            return f"{_clock(self.start)}–{_clock(self.end)}"
        prefix = {"line": "L", "page": "p."}[self.unit]
        first, last = int(self.start), int(self.end)
        return f"{prefix}{first}" if first == last else f"{prefix}{first}–{last}"


WHOLE = Span()


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes:02}:{rest:02}"


@dataclass(frozen=True, slots=True)
class Item:
    """One embedded part of a file, as it is kept in the index.

    `modality` is what the file is (`-t` filters on it); `partition` is what was embedded, so the text of a PDF page is
    a `document` in the `text` partition and its picture a `document` in the `document` partition. `ordinal` counts the
    parts of one file from 0 in the order the loader yields them: with the digest it names a part for good.
    """

    path: str
    digest: str
    modality: Modality
    partition: Modality
    ordinal: int = 0
    span: Span = WHOLE
    text: str = ""

    @property
    def snippet(self) -> str:
        """The passage on one line, at most 160 characters."""
        line = " ".join(self.text.split())
        return line if len(line) <= 160 else line[:159].rstrip() + "…"


@dataclass(frozen=True, slots=True)
class Segment:
    """An item with its decoded content; lives only between decoding and embedding."""

    item: Item
    content: Content


@dataclass(frozen=True, slots=True)
class FileMetadata:
    """Facts of a file for filters: pixels, seconds, and when a picture was taken (ISO 8601, local time)."""

    width: int | None = None
    height: int | None = None
    duration: float | None = None
    taken: str | None = None


@dataclass(frozen=True, slots=True)
class QueryPart:
    """One ingredient of a query; `weight` scales its unit vector before the parts are added up."""

    content: Content
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Query:
    """A query.

    Attributes:
        parts: ingredients; a negative weight excludes.
        label: name of the query in output.
        vector: float32 `(dim,)`, stored vectors that are one more ingredient and need no model.
        exclude_paths: absolute paths that are no answer.
        alike: partitions of things like an example, if it is nothing but examples; None for all.
        digests: of the contents of the examples.
        typed: its text with the operators that the search for words reads; empty if it has none.
    """

    parts: tuple[QueryPart, ...]
    label: str = ""
    vector: Vectors | None = field(default=None, compare=False)
    exclude_paths: frozenset[str] = frozenset()
    alike: frozenset[Modality] | None = None
    digests: frozenset[str] = frozenset()
    typed: str = ""

    @property
    def text(self) -> str:
        """The texts that are meant, or an empty string."""
        return " ".join(part.content for part in self.parts if isinstance(part.content, str) and part.weight > 0)

    @property
    def is_text_only(self) -> bool:
        """Whether it is a single text and nothing else."""
        return len(self.parts) == 1 and bool(self.text) and self.vector is None


class StageScore(NamedTuple):
    """Rank and score of a hit at one stage of the ranking."""

    rank: int
    score: float


@dataclass(frozen=True, slots=True)
class Hit:
    """One result.

    Attributes:
        item: where it is.
        rank: counts from 1.
        score: the raw cosine, not comparable across modalities.
        relevance: natural logarithm of the odds that the file answers, comparable between modalities.
        rerank_score: of the reranker that read it.
        stale: the file on disk is no longer what was indexed.
        snippet: the stretch of its text that holds most of the query's words.
        stages: by name, in order, its rank and score at each stage of the ranking.
        duplicates: paths of hits that are nearly the same and were folded into this one.
        id: the number of the item in its index, 0 if there is none.
    """

    item: Item
    rank: int
    score: float
    relevance: float
    rerank_score: float | None = None
    stale: bool = False
    snippet: str = ""
    stages: Mapping[str, StageScore] = field(default_factory=dict)
    duplicates: tuple[str, ...] = ()
    id: int = 0


@dataclass(frozen=True, slots=True)
class ResizeRule:
    """The size to which a model's own processor brings pictures, so that a loader can decode them at that scale.

    Attributes:
        kind: `squash` to `height` × `width` whatever the shape; `edge` to a shorter side of `edge`, and then to
            `height` × `width` out of the middle if they are given; `patches` to sides that are multiples of `step`,
            nearly keeping the shape.
        least, most: bounds of the number of pixels, for `patches`.
        resample: `bilinear`, `bicubic` or `lanczos`.
    """

    kind: Literal["squash", "edge", "patches"]
    height: int = 0
    width: int = 0
    edge: int = 0
    step: int = 0
    least: int = 0
    most: int = 0
    resample: str = "bicubic"

    def whole(self, width: int, height: int) -> tuple[int, int]:
        """Width and height of the whole picture at the model's scale, before anything is cut off."""
        if self.kind == "squash":
            return self.width, self.height
        if self.kind == "edge":
            longer = int(self.edge * max(width, height) / min(width, height))
            return (self.edge, longer) if width <= height else (longer, self.edge)
        step = self.step
        sides = round(width / step) * step, round(height / step) * step
        if sides[0] * sides[1] > self.most:
            scale = math.sqrt(width * height / self.most)
            return max(step, int(width / scale / step) * step), max(step, int(height / scale / step) * step)
        if sides[0] * sides[1] < self.least:
            scale = math.sqrt(self.least / (width * height))
            return math.ceil(width * scale / step) * step, math.ceil(height * scale / step) * step
        return sides

    def cut(self, width: int, height: int) -> tuple[tuple[int, int], tuple[float, float, float, float]]:
        """Size of the model's input, and its part of the picture: left, top, right, bottom in `[0, 1]`."""
        whole = self.whole(width, height)
        if self.kind != "edge" or not self.height:
            return whole, (0.0, 0.0, 1.0, 1.0)
        left, top = (whole[0] - self.width) // 2, (whole[1] - self.height) // 2
        right, bottom = left + self.width, top + self.height
        return (self.width, self.height), (left / whole[0], top / whole[1], right / whole[0], bottom / whole[1])


@dataclass(frozen=True, slots=True)
class LoaderSettings:
    """How files become segments. Every field changes vectors, so it is part of an index's identity.

    Attributes:
        passage_chars: longest passage of text, in characters.
        exact: pictures are decoded in full and left at their size, for the model's own processor.
        image_fit: pictures are reduced to what the model's processor makes of them; None leaves it all to that.
        image_side: pictures are reduced to this longer side in pixels; None keeps every pixel.
        page_side: longer side of a rendered PDF page, in pixels.
        audio_rate: samples a second.
        audio_seconds: length of one window of sound.
        audio_overlap: share of a window that the next one repeats, in [0, 1).
        clip_seconds: longest stretch of video that becomes one segment; shots are cut at it.
        clip_frames: most frames sampled from one such stretch.
        animation_frames: most frames taken from an animated picture.
        tiles: panels of contact sheets and comics, and stretches of long pictures, are segments too.
    """

    passage_chars: int = 1200
    exact: bool = False
    image_fit: ResizeRule | None = None
    image_side: int | None = None
    page_side: int = 1024
    audio_rate: int = 16_000
    audio_seconds: float = 10.0
    audio_overlap: float = 0.25
    clip_seconds: float = 20.0
    clip_frames: int = 8
    animation_frames: int = 8
    tiles: bool = False

    def to_json(self) -> dict[str, Any]:
        """A JSON object with one key an attribute."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> LoaderSettings:
        """The settings that `to_json` gave; raises TypeError for an attribute that this version lacks."""
        fit = data.get("image_fit")
        return cls(**{**data, "image_fit": ResizeRule(**fit) if fit else None})


@dataclass(frozen=True, slots=True)
class ModelOptions:
    """How to load a model: its name (`builtin`, a name of the catalog, a hub id or a directory) and everything that may
    change its vectors.

    `device` and `batch_size` do not: an index made on a GPU is searched on a laptop. With `dummy_weights` the model has
    the real architecture of its catalog entry and random weights, always the same ones. `tiles` None leaves it to the
    model whether parts of sheets and strips are embedded too.
    """

    name: str = "builtin"
    revision: str | None = None
    device: str | None = None
    dtype: str | None = None
    attn: str | None = None
    max_pixels: int | None = None
    model_kwargs: Mapping[str, Any] = field(default_factory=dict)
    processor_kwargs: Mapping[str, Any] = field(default_factory=dict)
    trust_remote_code: bool = False
    exact: bool = False
    batch_size: int | None = None
    dummy_weights: bool = False
    tiles: bool | None = None

    def to_json(self) -> dict[str, Any]:
        """A JSON object of all that must be the same when the index is opened again (so not of the machine's part)."""
        return {key: value for key, value in asdict(self).items() if key not in ("device", "batch_size")}


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """The description of a loaded embedder for the rest of the program.

    Attributes:
        name: as the user gave it.
        fingerprint: changes when weights, revision, dtype family or prompts change.
        dim: columns of its vectors.
        modalities: partitions it can embed; others are counted and reported, never silently dropped.
        loader: the loader settings that suit it.
        odds: for each partition the base and slope of the log-odds that an item is what a text asks for, as a line over
            their cosine, where that was measured.
    """

    name: str
    fingerprint: str
    dim: int
    modalities: frozenset[Modality]
    loader: LoaderSettings
    odds: Mapping[Modality, tuple[float, float]] = field(default_factory=dict, compare=False)


class Embedder(Protocol):
    """Maps segments of every modality it lists into one space."""

    @property
    def spec(self) -> ModelSpec: ...

    def embed(self, segments: Sequence[Segment]) -> Vectors:
        """Float32 `(n, dim)` unit rows, in order; a row does not depend on the other segments of the call."""
        ...

    def embed_query(self, query: Query) -> Vectors:
        """Float32 `(dim,)`, unit length."""
        ...


@runtime_checkable
class Preloadable(Protocol):
    """Further methods of an embedder whose model is not loaded yet."""

    def prepare(self) -> None:
        """Begins to load it; does not wait."""
        ...

    def wait(self) -> Embedder:
        """The embedder with its model. Raises what loading raised."""
        ...


class Reranker(Protocol):
    """Scores segments against a query, reading both at once."""

    @property
    def name(self) -> str: ...

    @property
    def modalities(self) -> frozenset[Modality]:
        """Partitions whose content it can read."""
        ...

    def score(self, query: Query, segments: Sequence[Segment]) -> npt.NDArray[np.float32]:
        """Float32 `(n,)`, higher is better; a score does not depend on the other segments of the call."""
        ...


@dataclass(frozen=True, slots=True)
class IndexReport:
    """The report of an index run. All counts but `items` are files; `items` counts vectors computed.

    `stages` says where the seconds went, by stage; it is empty for a dry run. On the main thread `scan` (finding files,
    comparing them with the index), `load` (waiting for the model), `preprocess` and `forward` (the model, host part and
    device part), `commit` and `idle` (waiting for contents) add up to `seconds`. `read` (telling kinds, digests) and
    `decode` are summed over all worker processes, so they may come to more; without workers they are part of the sum
    too.
    """

    added: int = 0
    changed: int = 0
    removed: int = 0
    unchanged: int = 0
    reused: int = 0
    failed: int = 0
    embedded: int = 0
    items: int = 0
    unsupported: int = 0
    known_failures: int = 0
    seconds: float = 0.0
    stages: Mapping[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """A JSON object with one key an attribute; `stages` only where time was measured."""
        counts = {name: value for name, value in asdict(self).items() if name != "stages"}
        stages = {name: round(seconds, 3) for name, seconds in self.stages.items()}
        return counts | {"seconds": round(self.seconds, 3)} | ({"stages": stages} if stages else {})
