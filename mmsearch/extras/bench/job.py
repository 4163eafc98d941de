"""A job to be measured and a row of its results: plain data that goes between processes as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, TypeAlias

from mmsearch.models.estimate import Sizes
from mmsearch.types import MODALITIES, ModelOptions

Role: TypeAlias = Literal["embedder", "reranker"]
Status: TypeAlias = Literal["ok", "oom", "failed"]
FILES = "files"
"""The modality of rows of the real pipeline over real files."""
ORDER = (*MODALITIES, FILES)
MAX_BATCH = 4096
"""Where doubling ends at the latest."""


@dataclass(frozen=True, slots=True)
class Job:
    """One model and the measurements to make.

    Attributes:
        batches: ascending; empty to double from 1 until memory runs out or nothing is gained.
        modalities: None for text, pictures, sound and video as far as the model reads them.
        time: seconds that the repetitions of one cell may take, at least one of which is made.
        memory: bytes that the device, or the process on a CPU, may use, to simulate a smaller one.
        files: a folder that the real pipeline indexes instead.
    """

    options: ModelOptions
    role: Role = "embedder"
    batches: tuple[int, ...] = ()
    modalities: tuple[str, ...] | None = None
    sizes: Sizes = field(default_factory=Sizes)
    time: float = 2.0
    memory: int | None = None
    files: str | None = None

    def to_json(self) -> dict[str, Any]:
        """A JSON object with one key an attribute."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Job:
        """The job that `to_json` gave."""
        modalities = data["modalities"]
        values = {
            "options": ModelOptions(**data["options"]),
            "sizes": Sizes(**data["sizes"]),
            "batches": tuple(data["batches"]),
            "modalities": None if modalities is None else tuple(modalities),
        }
        return cls(**{**data, **values})

    def row(self, modality: str | None, batch: int | None, **values: Any) -> Row:
        """A row for one cell of this model."""
        unit = "pairs" if self.role == "reranker" else "items"
        common: dict[str, Any] = {
            "model": self.options.name,
            "role": self.role,
            "dummy": bool(self.options.dummy_weights),
        }
        return Row(**{**common, "unit": unit, "modality": modality, "batch": batch, **values})


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """The results of one cell. A figure that was not or cannot be measured is None.

    Attributes:
        unit: the things counted: items, pairs of query and item, or files.
        batch: None if the program picks it itself.
        reason: why `status` is not `ok`.
        gpu: name of the device, None for a CPU.
        items_per_s: by the median of the repetitions.
        spread: width of their middle half, as a share of the median.
        ms_p50, ms_p95: milliseconds per item.
        peak_allocated, peak_reserved, peak_driver: bytes of the device; see `mmsearch.models.costs.Peaks`.
        peak_resident: bytes of the process in the machine's memory.
        weights: bytes of the model's parameters.
        activations: bytes that a pass needs on top of those held before it.
        estimated: the peak that was expected before loading, in bytes.
        load_seconds: from nothing to a loaded model, libraries included.
        tflops, matrix_tflops: achieved, and measured on a large matrix product in the same format.
    """

    model: str
    role: Role
    modality: str | None
    batch: int | None
    status: Status = "ok"
    reason: str | None = None
    unit: str = "items"
    device: str | None = None
    gpu: str | None = None
    dtype: str | None = None
    dummy: bool = False
    items_per_s: float | None = None
    spread: float | None = None
    tokens_per_item: float | None = None
    tokens_per_s: float | None = None
    ms_p50: float | None = None
    ms_p95: float | None = None
    repeats: int | None = None
    peak_allocated: int | None = None
    peak_reserved: int | None = None
    peak_driver: int | None = None
    peak_resident: int | None = None
    weights: int | None = None
    activations: int | None = None
    estimated: int | None = None
    load_seconds: float | None = None
    tflops: float | None = None
    matrix_tflops: float | None = None
    stages: Mapping[str, float] | None = None

    def to_json(self) -> dict[str, Any]:
        """A JSON object with one key an attribute."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Row:
        """The row that `to_json` gave; keys of later versions are ignored."""
        names = {field.name for field in fields(cls)}
        return cls(**{key: value for key, value in data.items() if key in names})

    @property
    def peak(self) -> int | None:
        """The peak that decides whether it fits: of the device if it has memory of its own, else resident."""
        return self.peak_driver if self.peak_driver is not None else self.peak_resident


def ordered(rows: Sequence[Row], jobs: Sequence[Job]) -> list[Row]:
    """Rows in the order of the jobs, then of modalities, then by batch; None comes first."""
    models = [(job.role, job.options.name) for job in jobs]

    def key(row: Row) -> tuple[int, int, int]:
        modality = ORDER.index(row.modality) if row.modality in ORDER else -1
        return models.index((row.role, row.model)), modality, row.batch or 0

    return sorted(rows, key=key)
