"""`mmsearch export`: the index for other programs, with vectors and all that is known."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING

from mmsearch.cli import options
from mmsearch.cli.common import complain, emit, guarded
from mmsearch.cli.index_path import locate
from mmsearch.errors import ModelUnavailable, UsageError
from mmsearch.output.tables import to_json

if TYPE_CHECKING:
    from mmsearch.store import Reader


@guarded
def export(
    to: options.Ways = None,
    target: options.Outside = None,
    collection: options.Collection = "mmsearch",
    force: options.Force = False,
    as_json: options.Json = False,
    index: options.IndexDir = None,
) -> None:
    """Write the index for other programs: vectors, metadata, and which model made them.

    A Parquet file or a Lance dataset can be imported again without loss. A Qdrant collection, in a folder or on a
    server ($QDRANT_API_KEY), is brought up to date by each export. Each needs an extra, such as
    `pip install "mmsearch[parquet]"`; docs/exchange.md tells what is written.

    Examples:

      mmsearch export --to parquet -o photos.parquet

      mmsearch export --to lance -o photos.lance --force

      mmsearch export --to qdrant -o http://localhost:6333 --collection photos
    """
    from mmsearch.cli.progress import counting
    from mmsearch.store import Reader
    from mmsearch.store.transfer import count_files

    if to is None or target is None:
        raise UsageError("say what to write and where: mmsearch export --to parquet -o FILE")
    began = time.monotonic()
    write = _writer(to, target, collection, force)
    with Reader.open(locate(index)) as reader:
        files, items = count_files(reader), sum(reader.counts().values())
        with counting("files", files) as heard:
            items = write(reader, heard) or items
    seconds = time.monotonic() - began
    if as_json:
        fields = {"to": to.value, "target": target, "files": files, "items": items, "seconds": round(seconds, 3)}
        emit(to_json({"index": reader.directory, **fields}) + "\n")
    else:
        complain(f"{items} items of {files} files in {seconds:.1f} s; {to.value} at {target}")


def _writer(
    to: options.ExchangeChoice, target: str, collection: str, force: bool
) -> Callable[[Reader, Callable[[int], None]], int | None]:
    """What writes an index and tells how many items that were, where it counts them."""
    path = os.path.abspath(os.path.expanduser(target))
    try:
        if to is options.ExchangeChoice.qdrant:
            from mmsearch.extras.exchange import qdrant

            where = target if "://" in target else path

            def upload(reader: Reader, heard: Callable[[int], None]) -> int:
                with closing(qdrant.connect(where)) as client:
                    return qdrant.to_qdrant(reader, client, collection, heard, force=force)

            return upload
        from mmsearch.extras.exchange import tables

        if to is options.ExchangeChoice.lance:
            import lance  # noqa: F401  # what is missing is told before anything is written

            return lambda reader, heard: tables.to_lance(reader, path, heard, force=force)
        return lambda reader, heard: tables.to_parquet(reader, path, heard, force=force)
    except ImportError as error:
        raise ModelUnavailable(
            f'--to {to.value} needs an extra ({error}): pip install "mmsearch[{to.value}]"'
        ) from None
