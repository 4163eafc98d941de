"""Opens an index with the model it was built with, and a reranker."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from mmsearch.errors import ModelUnavailable, UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from mmsearch.search.request import SearchRequest
    from mmsearch.store import AnyReader
    from mmsearch.types import Embedder, ModelOptions, Query, Reranker


def named_by_user(name: str) -> str:
    """A model as the user names it just now: an existing directory by its absolute path, since the index will be
    searched from elsewhere; any other name as it is.
    """
    folder = os.path.expanduser(name)
    return os.path.abspath(folder) if name != "builtin" and os.path.isdir(folder) else name


def permitted(
    options: ModelOptions, trust: bool, directory: str, allowed: bool = False, user_options: Collection[str] = ()
) -> ModelOptions:
    """The options of an index, if the user has allowed all they need.

    An index may come from anywhere, in an archive or a shared folder: that it names a model in some directory,
    arguments for a loader, or a model with program code of its own is no permission. Raises ModelUnavailable where it
    would need one.

    Args:
        options: from the index.
        trust: the user allows program code, now.
        directory: of the index.
        allowed: the user has named the model for this index, or allows what it names.
        user_options: options that the user has given just now.
    """
    if not allowed and (needed := _needed_permission(options, user_options)):
        raise ModelUnavailable(
            f"the index in {directory} wants {needed}, and you have not named that for it: "
            "if you know where the index comes from, allow it with --trust-index"
        )
    if options.trust_remote_code and not trust:
        raise ModelUnavailable(
            f"the model of the index in {directory} brings its own program code: "
            "read it, then allow it with --trust-remote-code"
        )
    return options


def _needed_permission(options: ModelOptions, user_options: Collection[str] = ()) -> str | None:
    """The first option that only the user may set, in a few words; None if there is none."""
    from mmsearch.types import ModelOptions

    if options == ModelOptions():  # the built-in model as it is
        return None
    from mmsearch.models.permissions import needing

    return needing(options, user_options)


def open_indexes(
    directories: Sequence[str],
    device: str | None,
    model: bool = True,
    trust: bool = False,
    trust_index: bool = False,
) -> tuple[AnyReader, Embedder]:
    """One index or several as one, with the model they were built with.

    Args:
        model: otherwise a stand-in takes the model's place, which knows its specification alone.
        trust: the model may bring program code.
        trust_index: the user allows what the index names.

    Raises:
        IndexMismatch: they were built with different models or settings.
    """
    from mmsearch.search.query import StoredEmbedder
    from mmsearch.store import open_reader

    reader = open_reader(directories, trust_index)
    try:
        return reader, load_model(reader, device, trust) if model else StoredEmbedder(reader.identity)
    except BaseException:
        reader.close()
        raise


def load_model(reader: AnyReader, device: str | None, trust: bool) -> Embedder:
    """The model that an index was built with. Raises ModelUnavailable or IndexMismatch."""
    from mmsearch.models import load_embedder
    from mmsearch.store import Identity

    stored_options = reader.identity.options
    # The key is read only where something needs a grant.
    allowed = _needed_permission(stored_options) is None or reader.allows_identity()
    options = replace(permitted(stored_options, trust, reader.directory, allowed), device=device)
    embedder = load_embedder(options)
    reader.identity.require(Identity.of(options, embedder.spec), reader.directory)
    return embedder


def reranker_for(index: AnyReader) -> str:
    """The catalog's match for the model of the index. Raises UsageError where none is known.

    The built-in reranker is no match for larger models: what it reads again, they have mostly ranked better.
    """
    from mmsearch.models.catalog import find

    options = index.identity.options
    entry = find(options.name)
    if entry is None or entry.reranker is None:
        raise UsageError(f"no reranker is known to go with {options.name}: name one with --reranker, such as builtin")
    return entry.reranker


def open_reranker(name: str | None, index: AnyReader, device: str | None, trust: bool = False) -> Reranker:
    """The reranker of this name, by default the one that goes with the model of the index."""
    from mmsearch.models import load_reranker
    from mmsearch.types import ModelOptions

    try:
        return load_reranker(ModelOptions(name or reranker_for(index), device=device, trust_remote_code=trust))
    except ModelUnavailable as error:
        if name:
            raise
        raise ModelUnavailable(f"{error}; or take another one, such as --reranker builtin") from None


def crowded(reranker: str, device: str | None) -> bool:
    """Whether a reranker is known to need more memory than there is left, so that the embedder had better go first."""
    from mmsearch.models import BUILTIN
    from mmsearch.models.catalog import find
    from mmsearch.models.machine import best, memories

    entry = find(reranker)
    if entry is None or entry.name == BUILTIN:
        return False
    devices = memories()
    return best(entry, [memory for memory in devices if memory.device.startswith(device or "")] or devices)[1] == "no"


def make_room(embedder: Embedder, queries: Iterable[Query]) -> tuple[Embedder, list[Query]]:
    """The queries, and an embedder that knows only their vectors. The caller must drop its reference to the model."""
    from mmsearch.search.query import CachedQueryEmbedder

    query_list = list(queries)
    return CachedQueryEmbedder(embedder, query_list, keep=False), query_list


def types_to_rerank(reranker: str) -> tuple[str, ...]:
    """The types of files that a reranker is known to order better than an embedder; empty for all that it reads."""
    from mmsearch.models.catalog import find

    entry = find(reranker)
    return tuple(sorted(entry.gains)) if entry and entry.gains else ()


def with_rerank_types(request: SearchRequest, reranker: str) -> tuple[SearchRequest, str]:
    """The request with the types of files that this reranker reads, unless it names them, and a line for the user.

    The line says that the reranker reads none of the files that may answer; else it is empty.
    """
    if request.rerank_types:
        return request, ""
    gains, modalities, note = types_to_rerank(reranker), request.modalities, ""
    if gains and not (modalities is None or modalities & {*gains}):
        note = (
            f"not reranked: {reranker} is known to gain on {', '.join(gains)} alone; --rerank-types has it read others"
        )
    return replace(request, rerank_types=gains), note
