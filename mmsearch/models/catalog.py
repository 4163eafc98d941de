"""The models that mmsearch knows by a short name, in one table of published facts.

Imports nothing heavy and loads nothing. What is not known is None, never a guess.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from mmsearch.core import Modality

PICTURES: tuple[Modality, ...] = ("text", "image", "document", "video")
EVERYTHING: tuple[Modality, ...] = ("text", "image", "document", "audio", "video")
TEXT: tuple[Modality, ...] = ("text",)


@dataclass(frozen=True, slots=True)
class Entry:
    """One model by its published facts.

    Attributes:
        name: the short name.
        hub_id: where its weights are; None for the built-in model, which is part of the package.
        kind: what it does.
        modalities: partitions it embeds or reads; video counts where frames go in as pictures.
        family: key of the architecture; see `mmsearch.models.architectures`.
        parameters: how many numbers its weights have.
        dim: columns of its vectors; None for rerankers.
        matryoshka: lengths to which its vectors may be cut, ascending; empty where it was not trained for that.
        context: tokens it was made for.
        pixels: least and most pixels of a picture that it sees by default.
        licence: SPDX identifier where there is one, else the licence's name.
        reranker: short name of the reranker that goes with it.
        revision: commit of the hub repository that is loaded unless another is asked for.
        remote_code: it runs only with program code from its repository.
        sources: where the facts were found.
        note: what else one should know.
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

    @property
    def dummy(self) -> bool:
        """Whether `--dummy-weights` can build it: its architecture is part of transformers."""
        return self.hub_id is not None and not self.remote_code


_ENTRIES = (
    Entry("builtin", None, "embedder", EVERYTHING, "builtin", None, dim=192),
    Entry("clip-b32", "sentence-transformers/clip-ViT-B-32", "embedder", PICTURES, "clip", 151_277_313, dim=512),
)

CATALOG: Mapping[str, Entry] = {entry.name: entry for entry in _ENTRIES}
_BY_HUB_ID = {entry.hub_id.lower(): entry for entry in _ENTRIES if entry.hub_id}


def find(name: str) -> Entry | None:
    """The entry with this short name or hub id (in any case), None where there is none."""
    return CATALOG.get(name) or _BY_HUB_ID.get(name.lower())
