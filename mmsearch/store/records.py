"""The data that the store takes and returns: identity of an index, records of files, items, filters and status.

Plain data. Knows neither SQLite nor FAISS nor where an index lies.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from types import NoneType
from typing import Any, Literal, TypeAlias, get_args

from mmsearch.errors import IndexMismatch
from mmsearch.system.plain_data import dataclass
from mmsearch.types import MODALITIES, Item, LoaderSettings, Modality, ModelOptions, ModelSpec

FileStatus: TypeAlias = Literal["ok", "failed", "unsupported"]
Kind: TypeAlias = Literal["flat", "int8", "ivf", "pq4", "pq", "rabitq"]
"""How vectors are searched: one by one, or by an ANN index of some kind."""
KINDS: tuple[Kind, ...] = get_args(Kind)
OnProgress: TypeAlias = Callable[[str, int, int], None]
"""Called with the step, the amount done and the total."""
MOST_DIM = 1 << 16
LONGEST_NAME = 4096
MOST_SETTING = 1 << 31
FLAT_BYTES = 100_000 * 512 * 2
"""Of the vectors of a partition that are compared one by one in some 30 ms; a larger one is worth an ANN index."""


@dataclass(frozen=True)
class Identity:
    """The model and settings that make vectors comparable; one index has one identity.

    Attributes:
        options: how the model was loaded; the device is not part of it and is None.
        fingerprint: of weights, revision, dtype family and prompts.
        dim: columns of a vector.
        modalities: partitions that the model can embed.
        loader: how files are decoded.
    """

    options: ModelOptions
    fingerprint: str
    dim: int
    modalities: frozenset[Modality]
    loader: LoaderSettings

    @classmethod
    def of(cls, options: ModelOptions, spec: ModelSpec) -> Identity:
        """The identity of an index built with a model that was loaded with `options`."""
        return cls(options, spec.fingerprint, spec.dim, spec.modalities, spec.loader)

    @property
    def spec(self) -> ModelSpec:
        """The specification of the model when the index was built, without its calibration."""
        return ModelSpec(self.options.name, self.fingerprint, self.dim, self.modalities, self.loader)

    def to_json(self) -> str:
        """One JSON object, the same text for equal identities."""
        return json.dumps(
            {
                "options": self.options.to_json(),
                "fingerprint": self.fingerprint,
                "dim": self.dim,
                "modalities": [name for name in MODALITIES if name in self.modalities],
                "loader": self.loader.to_json(),
            },
            sort_keys=True,
        )

    @classmethod
    def from_json(cls, text: str) -> Identity:
        """The identity that `to_json` wrote.

        Raises:
            ValueError, TypeError or KeyError: the text is something else, or names settings this version lacks.
        """
        data = json.loads(text)
        identity = cls(
            options=ModelOptions(**{"tiles": False, **data["options"]}),  # older ones have none
            fingerprint=data["fingerprint"],
            dim=data["dim"],
            modalities=frozenset(data["modalities"]),
            loader=LoaderSettings.from_json(data["loader"]),
        )
        _require_plausible(identity)
        return identity

    def require(self, other: Identity, directory: str) -> None:
        """Check that the index in `directory`, which has this identity, may be used with `other`.

        Raises:
            IndexMismatch: it may not; the message names each difference.
        """
        if differences := self.differences(other):
            raise IndexMismatch(
                f"the index in {directory} was built otherwise: {'; '.join(differences)}: "
                "add --rebuild, or use another --index"
            )

    def differences(self, other: Identity) -> list[str]:
        """The settings in which `other` differs, one line each: `dim is 512, not 768`; empty if vectors are comparable.

        With the same fingerprint the name does not matter: the directory of the model may have moved.
        """
        same_model = self.fingerprint == other.fingerprint
        own_settings, other_settings = dict(_settings(self, not same_model)), dict(_settings(other, not same_model))
        return [
            f"{name} is {_show(value)}, not {_show(other_settings.get(name))}"
            for name, value in own_settings.items()
            # Mappings and tuples compare as the JSON they are stored as.
            if json.dumps(value, sort_keys=True) != json.dumps(other_settings.get(name), sort_keys=True)
        ]


def _require_plausible(identity: Identity) -> None:
    """Raise ValueError for values that no mmsearch writes: anybody may have written the file."""
    options, loader = identity.options, identity.loader
    texts = (options.name, options.revision or "", options.dtype or "", options.attn or "", identity.fingerprint)
    if not all(isinstance(value, str) and len(value) <= LONGEST_NAME and "\0" not in value for value in texts):
        raise ValueError("a name is no text")
    if type(identity.dim) is not int or not 0 < identity.dim <= MOST_DIM:
        raise ValueError(f"dim is {identity.dim!r}, not a number from 1 to {MOST_DIM}")
    if not identity.modalities <= set(MODALITIES):
        raise ValueError("no such modalities")
    if not isinstance(options.model_kwargs, dict) or not isinstance(options.processor_kwargs, dict):
        raise TypeError("options of a model are no object")
    flags = (options.trust_remote_code, options.exact, options.dummy_weights, loader.exact, loader.tiles)
    if not all(type(value) is bool for value in flags) or type(options.tiles) not in (bool, NoneType):
        raise TypeError("a switch is neither on nor off")
    whole_numbers = [options.max_pixels, options.batch_size, loader.image_side]
    whole_numbers += [getattr(loader, name) for name in _WHOLE]
    numbers = [*whole_numbers, loader.audio_seconds, loader.audio_overlap, loader.clip_seconds]
    if loader.image_fit is not None:
        fit = loader.image_fit
        whole_numbers += (sides := [fit.height, fit.width, fit.edge, fit.step, fit.least, fit.most])
        numbers += sides
        if not isinstance(fit.kind, str) or not isinstance(fit.resample, str):
            raise TypeError("a picture fits in no known way")
    if not all(type(value) in (int, NoneType) for value in whole_numbers):
        raise TypeError("a setting of the loader is no whole number")
    if not all(value is None or (type(value) in (int, float) and 0 <= value <= MOST_SETTING) for value in numbers):
        raise ValueError(f"a setting of the loader is no number from 0 to {MOST_SETTING}")


_WHOLE = ("passage_chars", "page_side", "audio_rate", "clip_frames", "animation_frames")


def _settings(identity: Identity, model: bool) -> Iterator[tuple[str, Any]]:
    if model:
        for name, value in identity.options.to_json().items():
            yield ("model" if name == "name" else name), value
        yield "fingerprint", identity.fingerprint
    yield "dim", identity.dim
    yield "modalities", ",".join(name for name in MODALITIES if name in identity.modalities)
    yield from identity.loader.to_json().items()


def _show(value: Any) -> str:
    return "unset" if value is None or value == {} else str(value)


@dataclass(frozen=True)
class FileRecord:
    """The record of one file.

    Attributes:
        path: absolute.
        size: bytes.
        mtime_ns: as `os.stat` gives it.
        status: `ok` means that its content is in the index.
        reason: why it is not `ok`, in one line; empty otherwise.
        digest, kind, modality: of its content; None unless `ok`.
        missing: it was not found by the last scan of its root.
    """

    path: str
    size: int
    mtime_ns: int
    status: FileStatus
    reason: str
    digest: str | None
    kind: str | None
    modality: Modality | None
    missing: bool


@dataclass(frozen=True)
class Located:
    """An item at one live file that holds its content; `size` in bytes."""

    item_id: int
    item: Item
    kind: str
    size: int
    mtime_ns: int


@dataclass(frozen=True)
class Bounds:
    """The range of a number, both ends included; None leaves a side open."""

    least: float | None = None
    most: float | None = None


ANY = Bounds()


@dataclass(frozen=True)
class Filter:
    """Which files a search may return. An unknown value of a file passes no bound.

    Attributes:
        modalities: of the file.
        accept: a predicate on its absolute path.
        folders: absolute paths; the file is at or below one of them.
        size: bytes.
        width, height: pixels, for pictures and video.
        duration: seconds, for sound and video.
        after, before: local time without a zone, the first included and the second not; when a picture was taken if
            that is known, else when the file was changed.
    """

    modalities: frozenset[Modality] | None = None
    accept: Callable[[str], bool] | None = None
    folders: tuple[str, ...] = ()
    size: Bounds = ANY
    width: Bounds = ANY
    height: Bounds = ANY
    duration: Bounds = ANY
    after: datetime | None = None
    before: datetime | None = None


EVERYTHING = Filter()


@dataclass(frozen=True)
class OptimizeRequest:
    """How to optimize an index.

    Attributes:
        kind: `auto` decides by the size of each partition; None repeats the last request, `auto` at first.
        dim: how many of the first numbers of each vector an ANN index takes; None for all.
        recall: share of the true best 10 that a search should find.
        flat_bytes: `auto` leaves a partition with at most this many bytes of vectors without an ANN index.
        least: a partition with fewer vectors gets no ANN index of any kind.
        memory: bytes for building an ANN index; None for a quarter of the machine's.
    """

    kind: Kind | Literal["auto"] | None = None
    dim: int | None = None
    recall: float = 0.97
    flat_bytes: int = FLAT_BYTES
    least: int = 1024
    memory: int | None = None


@dataclass(frozen=True)
class Optimized:
    """A partition after an optimization.

    Attributes:
        vectors: how many live ones it has.
        dim: how many numbers of each the ANN index takes; None for `flat`.
        changed: the optimization changed something.
        recall: as measured when the ANN index was built; None for `flat`, which finds all.
    """

    partition: Modality
    kind: Kind
    vectors: int
    dim: int | None
    changed: bool
    recall: float | None


@dataclass(frozen=True)
class IndexedPartition:
    """How the vectors of a partition are searched.

    Attributes:
        kind: of its ANN indexes.
        dim: how many numbers of each vector they take; None for `flat`.
        vectors: how many live ones there are.
        covered: how many of these an ANN index covers; the others are compared one by one.
        recall: share of the true best 10 that was found when the ANN index was built; None for `flat`.
    """

    partition: Modality
    kind: Kind
    dim: int | None
    vectors: int
    covered: int
    recall: float | None


@dataclass(frozen=True)
class StoreStatus:
    """An index in numbers; files that are missing count in `missing` alone.

    Attributes:
        directory: of the index, absolute.
        format: version of the format on disk.
        identity: the model and settings it was built with.
        roots: absolute.
        files: by status.
        modalities: files with status `ok`, by modality.
        items: live vectors by partition.
        missing: files that the last scan did not find.
        segments: vector files.
        tombstones: vectors in those files that belong to no item any more.
        bytes: on disk, everything in the directory.
    """

    directory: str
    format: int
    identity: Identity
    roots: tuple[str, ...]
    files: dict[FileStatus, int]
    modalities: dict[Modality, int]
    items: dict[Modality, int]
    missing: int
    segments: int
    tombstones: int
    bytes: int
    lookups: tuple[IndexedPartition, ...] = ()
