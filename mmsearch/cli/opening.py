"""What commands that search have in common: an index opened with the model it was built with, and a reranker."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmsearch.core import Embedder, Reranker
    from mmsearch.store import Reader


def open_index(directory: str, device: str | None, model: bool = True) -> tuple[Reader, Embedder]:
    """The index and the model it was built with; without `model` one that only knows what it would be is enough."""
    from mmsearch.models import load_embedder
    from mmsearch.search import Stored
    from mmsearch.store import Identity, Reader

    reader = Reader.open(directory)
    if not model:
        return reader, Stored(reader.identity)
    options = replace(reader.identity.options, device=device)
    embedder = load_embedder(options)
    reader.identity.require(Identity.of(options, embedder.spec), directory)
    return reader, embedder


def open_reranker(name: str | None, device: str | None) -> Reranker:
    """The reranker of this name, by default the built-in one."""
    from mmsearch.core import ModelOptions
    from mmsearch.models import BUILTIN, load_reranker

    return load_reranker(ModelOptions(name or BUILTIN, device=device))
