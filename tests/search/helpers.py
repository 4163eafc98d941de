"""A small world for the query pipeline: real files, and an index in which their cosines with the query are known."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from mmsearch.search.request import SearchRequest
from mmsearch.search.searcher import Searcher
from mmsearch.store import Reader
from mmsearch.store.writer import Writer
from mmsearch.types import FileMetadata, Hit, Item, Modality, ModelSpec, Query, QueryPart, Segment, Vectors
from tests.store.helpers import DIM, IDENTITY

Files = Mapping[str, tuple[Modality, float, str]]
"""By name: modality, cosine with every query, and text."""


class Pointer:
    """An embedder that gives every query the first axis."""

    spec = ModelSpec("pointer", "fingerprint-1", DIM, IDENTITY.modalities, IDENTITY.loader)

    def embed(self, segments: object) -> Vectors:
        raise NotImplementedError

    def embed_query(self, query: Query) -> Vectors:
        return leaning(1.0, 1)


def leaning(cosine: float, towards: int) -> Vectors:
    """A unit vector at `cosine` to the first axis, the rest along another one."""
    vector = np.zeros(DIM, np.float32)
    vector[0], vector[towards] = cosine, (1 - cosine**2) ** 0.5
    return vector


def searcher_of(folder: Path, files: Files, reranker: object = None) -> Searcher:
    """A searcher over `files`, written below `folder` and indexed."""
    with Writer.open(str(folder / ".mmsearch"), IDENTITY) as writer:
        for at, (name, (modality, cosine, text)) in enumerate(files.items()):
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(name)
            item = Item("", name, modality, modality, 0, text=text)
            vector = leaning(cosine, 1 + at % (DIM - 1))[None]
            writer.put_content(name, modality, modality, FileMetadata(), [item], vector)
            writer.put_file(str(path), len(name), path.stat().st_mtime_ns, name, modality)
        writer.commit()
    return Searcher(Reader.open(str(folder / ".mmsearch")), Pointer(), reranker)  # type: ignore[arg-type]


def hits(searcher: Searcher, text: str = "anything", **options: object) -> list[Hit]:
    return searcher.search(Query((QueryPart(text),)), SearchRequest(**options))  # type: ignore[arg-type]


def names(searcher: Searcher, text: str = "anything", **options: object) -> list[str]:
    return [Path(hit.item.path).name for hit in hits(searcher, text, **options)]


def segment(hit: Hit, content: str = "") -> Segment:
    return Segment(hit.item, content)
