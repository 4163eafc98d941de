"""An index as a collection of Qdrant, on a server or in a folder; needs qdrant-client.

A point is a part of a file that is there, under an id that stays the same, so that a second export changes what has
changed. Vectors are compared by their inner product, which is the cosine of unit vectors, and kept as they are.
"""

from __future__ import annotations

import os
import uuid
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from qdrant_client import QdrantClient, models
from qdrant_client.http.exceptions import ApiException

from mmsearch.errors import IndexMismatch, UsageError
from mmsearch.extras.exchange.rows import KEY, About, item_id, payload, translated
from mmsearch.store import Reader
from mmsearch.store.transfer import contents, describe_differences, roots, vectors_from
from mmsearch.system.safe_open import FOLDER_MODE
from mmsearch.types import Vectors

POINTS_AT_ONCE = 256
SOURCE, RUN = "index", "run"
"""Of a point: the index that it came from, and the export that wrote it last."""
KEY_VARIABLE = "QDRANT_API_KEY"
SECONDS = 60


def connect(target: str) -> QdrantClient:
    """A client of a server at an http(s) URL, with the key in $QDRANT_API_KEY, or of a folder."""
    with translated(target, ApiException), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about a key without https, and what local mode is meant for
        if target.startswith(("http://", "https://")):
            return QdrantClient(
                url=target, api_key=os.environ.get(KEY_VARIABLE) or None, timeout=SECONDS, check_compatibility=False
            )
        with suppress(OSError):  # what is wrong with it the client tells
            os.mkdir(target, FOLDER_MODE)
        return QdrantClient(path=target)


def to_qdrant(
    reader: Reader,
    client: QdrantClient,
    collection: str,
    heard: Callable[[int], None] = lambda more: None,
    *,
    force: bool = False,
) -> int:
    """Bring a collection up to date with an index; how many points that made.

    Args:
        reader: the index.
        client: where to.
        collection: its name; made where there is none.
        heard: is told of so many more files that are done with.
        force: replace a collection that is something else.

    Raises:
        UsageError: the collection is none that mmsearch made.
        IndexMismatch: it is of another model or other settings.
        MmsearchError: the database cannot be reached, or refuses.
    """
    run, count = uuid.uuid4().hex, 0
    with translated(f"collection {collection}", ApiException), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _prepare(reader, client, collection, force)
        for ids, vectors, told, files in _points(reader, run):
            if ids:
                points = models.Batch(ids=list(ids), vectors=vectors.tolist(), payloads=told)
                client.upsert(collection, points=points, wait=True)
            count += len(ids)
            heard(files)
        client.delete(collection, points_selector=models.FilterSelector(filter=_left_over(reader, run)), wait=True)
    return count


def _prepare(reader: Reader, client: QdrantClient, collection: str, force: bool) -> None:
    """Have the collection be there for vectors of this index."""
    about = {KEY: About(reader.identity, roots=tuple(roots(reader))).to_json()}
    if client.collection_exists(collection):
        try:
            _require_ours(reader, client, collection)
            client.update_collection(collection, metadata=about)
            return
        except (UsageError, IndexMismatch):
            if not force:
                raise
            client.delete_collection(collection)
    size = reader.identity.dim
    params = models.VectorParams(size=size, distance=models.Distance.DOT, datatype=models.Datatype.FLOAT16)
    client.create_collection(collection, vectors_config=params, metadata=about)


def _require_ours(reader: Reader, client: QdrantClient, collection: str) -> None:
    text = (client.get_collection(collection).config.metadata or {}).get(KEY)
    known = About.from_json(text, f"collection {collection}").identity if isinstance(text, str) else None
    if known is None:
        raise UsageError(f"the collection {collection} is not of mmsearch: take another --collection, or add --force")
    if differences := known.differences(reader.identity):
        raise IndexMismatch(describe_differences(f"the collection {collection}", reader.directory, differences))


def _points(reader: Reader, run: str) -> Iterator[tuple[Sequence[str], Vectors, list[dict[str, Any]], int]]:
    """Ids, vectors and payloads of some points at a time, with the number of files that are done with them."""
    import numpy as np

    reader.open_files()
    vectors_of = vectors_from(reader)
    for some in contents(reader, POINTS_AT_ONCE):
        there = [content for content in some if not all(record.missing for record in content.files)]
        rows = np.concatenate([np.zeros((0, reader.identity.dim), np.float32), *(vectors_of(there) if there else ())])
        places = [(content, place) for content in there for place in range(len(content.items))]
        ids = [item_id(one.digest, one.kind, one.items[at].partition, one.items[at].ordinal) for one, at in places]
        told = [{**payload(content, place), SOURCE: reader.directory, RUN: run} for content, place in places]
        files = sum(len(content.files) for content in some)
        for start in range(0, max(1, len(ids)), POINTS_AT_ONCE):
            end = start + POINTS_AT_ONCE
            yield ids[start:end], rows[start:end], told[start:end], files if start == 0 else 0


def _left_over(reader: Reader, run: str) -> models.Filter:
    """Points of this index that this export has not written: what they are of is gone."""
    return models.Filter(
        must=[models.FieldCondition(key=SOURCE, match=models.MatchValue(value=reader.directory))],
        must_not=[models.FieldCondition(key=RUN, match=models.MatchValue(value=run))],
    )
