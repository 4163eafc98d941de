"""`mmsearch search`: one query, its hits on stdout."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import typer

from mmsearch.cli import options
from mmsearch.cli.common import complain, emit, guarded, terminal_width
from mmsearch.cli.filters import make_filter
from mmsearch.cli.locate import locate
from mmsearch.errors import MediaError, UsageError
from mmsearch.render import Format, hits

if TYPE_CHECKING:
    from mmsearch.core import Embedder, Hit, Picture, Query, Reranker
    from mmsearch.store import Reader


@guarded
def search(
    words: options.Words = None,
    image: options.Images = None,
    top: options.Top = 10,
    types: options.Types = None,
    globs: options.Globs = None,
    inside: options.Inside = None,
    after: options.After = None,
    before: options.Before = None,
    size: options.Size = None,
    width: options.Width = None,
    height: options.Height = None,
    duration: options.Duration = None,
    mode: options.Mode = options.Modes.hybrid,
    raw: options.Raw = False,
    min_relevance: options.MinRelevance = None,
    all_segments: options.AllSegments = False,
    rerank: options.Rerank = False,
    reranker: options.RerankerName = None,
    rerank_depth: options.RerankDepth = 20,
    form: options.Shape = None,
    as_json: options.Json = False,
    as_jsonl: options.JsonLines = False,
    paths: options.Paths = False,
    null: options.Print0 = False,
    index: options.IndexDir = None,
    device: options.Device = None,
) -> None:
    """Find files by meaning.

    The query is text, a picture, or both: what is found is like all of it together.

    Examples:

      mmsearch search red car

      mmsearch search "error message" -t image -k 5 --rerank

      mmsearch search --image cat.jpg "but black" --json

      mmsearch search invoice -l -0 | xargs -0 cp -t out/
    """
    from mmsearch.search import Searcher, SearchOptions

    shape = _format(form, as_json, as_jsonl, paths or null)
    ranges = {"size": size or [], "width": width or [], "height": height or [], "duration": duration or []}
    wanted = SearchOptions(
        top=top,
        where=make_filter(types, globs or [], inside or [], (after, before), ranges),
        rerank_depth=rerank_depth,
        mode=mode.value,
        calibrated=not raw,
        min_relevance=min_relevance,
        all_segments=all_segments,
    )
    text = " ".join(words or []).strip()
    if not text and not image:
        raise UsageError("nothing to look for: give a text, or a picture with --image")
    reader, embedder = _open(locate(index), device)
    query = _query(text, image or [], embedder)
    second = _load_reranker(reranker, device) if rerank or reranker else None
    found = Searcher(reader, embedder, second).search(query, wanted)
    _output(found, query, embedder.spec.name, shape, "\0" if null else "\n")
    if not found:
        complain("nothing found")
        raise typer.Exit(1)


def _format(form: Format | None, as_json: bool, as_jsonl: bool, paths: bool) -> Format:
    short = {Format.json: as_json, Format.jsonl: as_jsonl, Format.paths: paths}
    chosen = [form] * (form is not None) + [name for name, given in short.items() if given]
    if len(set(chosen)) > 1:
        raise UsageError(f"choose one output format, not {' and '.join(name.value for name in chosen if name)}")
    return chosen[0] or Format.table if chosen else Format.table


def _open(directory: str, device: str | None) -> tuple[Reader, Embedder]:
    """The index and the model it was built with."""
    from mmsearch.models import load_embedder
    from mmsearch.store import Identity, Reader

    reader = Reader.open(directory)
    options = replace(reader.identity.options, device=device)
    embedder = load_embedder(options)
    reader.identity.require(Identity.of(options, embedder.spec), directory)
    return reader, embedder


def _query(text: str, images: list[str], embedder: Embedder) -> Query:
    from mmsearch.core import Query, QueryPart

    wanted = {"text": bool(text), "image": bool(images)}
    for modality, used in wanted.items():
        if used and modality not in embedder.spec.modalities:
            raise UsageError(f"model {embedder.spec.name} of this index cannot embed {modality}")
    parts = [QueryPart(text)] if text else []
    parts += [QueryPart(_picture(image, embedder)) for image in images]
    return Query(tuple(parts), text or " ".join(images))


def _picture(source: str, embedder: Embedder) -> Picture:
    from mmsearch.media import load_picture

    if "://" in source and not os.path.exists(source):
        raise UsageError(f"--image takes a file or `-`, not the URL {source}: download it first")
    try:
        return load_picture(sys.stdin.buffer if source == "-" else source, embedder.spec.loader)
    except MediaError as error:
        raise UsageError(f"--image {source}: {error}") from None


def _load_reranker(name: str | None, device: str | None) -> Reranker:
    from mmsearch.core import ModelOptions
    from mmsearch.models import BUILTIN, load_reranker

    return load_reranker(ModelOptions(name or BUILTIN, device=device))


def _output(found: list[Hit], query: Query, model: str, shape: Format, end: str) -> None:
    text = hits(found, query.label, model, shape, end=end, width=terminal_width(), base=os.getcwd())
    emit(text, paths=shape is Format.paths)
