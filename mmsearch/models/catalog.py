"""The models that mmsearch knows by a short name, in one table of published facts: `catalog.json`.

Imports nothing heavy and loads nothing. An unknown fact is None, never a guess.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from mmsearch.types import Modality

BUILDABLE = frozenset(
    ("bert", "clip", "distilbert", "llava_next", "qwen2_5_omni_thinker", "qwen3_vl", "siglip", "xlm-roberta")
)
"""Families whose program code is part of transformers, so that `--dummy-weights` can build them."""
ANY_LENGTH = "vectors may be cut to any length from 64 on"
"""Part of the note of such models."""


@dataclass(frozen=True, slots=True)
class CatalogEntry:
    """One model by its published facts.

    Attributes:
        name: the short name.
        hub_id: its repository; None for the built-in model, which is part of the package.
        modalities: partitions it embeds or reads; video counts if it takes frames as pictures.
        family: the kind of architecture, as transformers or the model's makers call it.
        parameters: numbers in its weights.
        dim: columns of its vectors; None for rerankers.
        matryoshka: lengths to which its vectors may be cut, ascending; empty if it was not trained for that. The note
            says if all lengths between two are meant.
        context: tokens it was made for.
        pixels: least and most pixels of a picture that it sees by default.
        licence: SPDX identifier if there is one, else the licence's name.
        reranker: short name of the reranker that goes with it.
        revision: commit of the hub repository that is loaded by default.
        remote_code: it runs only with program code from its repository.
        sources: where the facts are published.
        note: anything else worth knowing.
        gains: files that the reranker orders better than its embedder does, by its makers' own figures; None if
            those show no difference between kinds.
    """

    name: str
    hub_id: str | None
    kind: Literal["embedder", "reranker"]
    modalities: tuple[Modality, ...]
    family: str
    parameters: int | None
    dim: int | None = None
    matryoshka: tuple[int, ...] | None = None
    context: int | None = None
    pixels: tuple[int, int] | None = None
    licence: str | None = None
    reranker: str | None = None
    revision: str | None = None
    remote_code: bool = False
    sources: tuple[str, ...] = ()
    note: str = ""
    gains: tuple[Modality, ...] | None = None

    @property
    def dummy(self) -> bool:
        """Whether `--dummy-weights` can build it."""
        return self.family in BUILDABLE


def _entry(facts: Mapping[str, Any]) -> CatalogEntry:
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in facts.items()}
    return CatalogEntry(**values)


CATALOG: Mapping[str, CatalogEntry] = {
    facts["name"]: _entry(facts)
    for facts in json.loads((Path(__file__).parent / "catalog.json").read_text(encoding="utf-8"))
}
_BY_HUB_ID = {entry.hub_id.lower(): entry for entry in CATALOG.values() if entry.hub_id}


def find(name: str) -> CatalogEntry | None:
    """The entry with this short name or hub id (in any case), None if there is none."""
    return CATALOG.get(name) or _BY_HUB_ID.get(name.lower())
