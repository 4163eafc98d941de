"""An index as a collection of Qdrant, on a server or in a folder; needs qdrant-client.

A point is a part of an existing file. Its id stays the same, so a second export changes only what has changed. Vectors
are compared by their inner product, which is the cosine of unit vectors, and stored unchanged.
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
from mmsearch.extras.exchange.rows import KEY, About, client_errors, item_id, payload
from mmsearch.store import Reader
from mmsearch.store.transfer import contents, describe_differences, roots, vectors_from
from mmsearch.system.safe_open import FOLDER_MODE
from mmsearch.types import Vectors

POINTS_AT_ONCE = 256
SOURCE, RUN = "index", "run"
"""Payload fields: the index of the point, and the export that wrote it last."""
KEY_VARIABLE = "QDRANT_API_KEY"
SECONDS = 60


def connect(target: str) -> QdrantClient:
    """A client of a server at an http(s) URL, with the key in $QDRANT_API_KEY, or of a folder."""
    with client_errors(target, ApiException), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about a key without https, and the purpose of local mode
        if target.startswith(("http://", "https://")):
            return QdrantClient(
                url=target, api_key=os.environ.get(KEY_VARIABLE) or None, timeout=SECONDS, check_compatibility=False
            )
        with suppress(OSError):  # the client reports the problem
            os.mkdir(target, FOLDER_MODE)
        return QdrantClient(path=target)


def to_qdrant(
    reader: Reader,
    client: QdrantClient,
    collection: str,
    on_progress: Callable[[int], None] = lambda more: None,
    *,
    force: bool = False,
) -> int:
    """Bring a collection up to date with an index, and return its number of points.

    Args:
        reader: the index.
        client: of the server or folder.
        collection: its name; created if it does not exist.
        on_progress: called with the number of files that are done in addition.
        force: replace a collection that mmsearch did not make for this model.

    Raises:
        UsageError: mmsearch did not make the collection.
        IndexMismatch: it belongs to another model or other settings.
        MmsearchError: the database cannot be reached, or refuses.
    """
    run, count = uuid.uuid4().hex, 0
    with client_errors(f"collection {collection}", ApiException), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _prepare(reader, client, collection, force)
        for ids, vectors, payloads, files in _points(reader, run):
            if ids:
                points = models.Batch(ids=list(ids), vectors=vectors.tolist(), payloads=payloads)
                client.upsert(collection, points=points, wait=True)
            count += len(ids)
            on_progress(files)
        outdated = models.Filter(  # points of this index that this export has not written
            must=[models.FieldCondition(key=SOURCE, match=models.MatchValue(value=reader.directory))],
            must_not=[models.FieldCondition(key=RUN, match=models.MatchValue(value=run))],
        )
        client.delete(collection, points_selector=models.FilterSelector(filter=outdated), wait=True)
    return count


def _prepare(reader: Reader, client: QdrantClient, collection: str, force: bool) -> None:
    """Create the collection for vectors of this index, or check the existing one."""
    about = {KEY: About(reader.identity, roots=tuple(roots(reader))).to_json()}
    if client.collection_exists(collection):
        try:
            text = (client.get_collection(collection).config.metadata or {}).get(KEY)
            identity = About.from_json(text, f"collection {collection}").identity if isinstance(text, str) else None
            if identity is None:
                raise UsageError(
                    f"the collection {collection} is not of mmsearch: take another --collection, or add --force"
                )
            if differences := identity.differences(reader.identity):
                raise IndexMismatch(describe_differences(f"the collection {collection}", reader.directory, differences))
            client.update_collection(collection, metadata=about)
            return
        except (UsageError, IndexMismatch):
            if not force:
                raise
            client.delete_collection(collection)
    size = reader.identity.dim
    params = models.VectorParams(size=size, distance=models.Distance.DOT, datatype=models.Datatype.FLOAT16)
    client.create_collection(collection, vectors_config=params, metadata=about)


def _points(reader: Reader, run: str) -> Iterator[tuple[Sequence[str], Vectors, list[dict[str, Any]], int]]:
    """Ids, vectors and payloads of some points at a time, with the number of files that are done with them."""
    import numpy as np

    reader.open_files()
    vectors_of = vectors_from(reader)
    for batch in contents(reader, POINTS_AT_ONCE):
        present = [content for content in batch if not all(record.missing for record in content.files)]
        empty = np.zeros((0, reader.identity.dim), np.float32)
        rows = np.concatenate([empty, *(vectors_of(present) if present else ())])
        ids, payloads = [], []
        for content in present:
            for position, item in enumerate(content.items):
                ids.append(item_id(content.digest, content.kind, item.partition, item.ordinal))
                payloads.append({**payload(content, position), SOURCE: reader.directory, RUN: run})
        files = sum(len(content.files) for content in batch)
        for start in range(0, max(1, len(ids)), POINTS_AT_ONCE):
            end = start + POINTS_AT_ONCE
            yield ids[start:end], rows[start:end], payloads[start:end], files if start == 0 else 0
