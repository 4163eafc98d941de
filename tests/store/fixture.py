"""Makes the tiny index that is kept of each format: `python -m tests.store.fixture DIRECTORY`.

To be run once, by the last mmsearch of a format, before the next one begins. All formats hold the same: notes, a
picture, a picture that is missing, and a file that failed; from format 2 on also a copy, and a tombstone.
"""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from mmsearch.store.writer import Writer
from mmsearch.types import FileMetadata, Item, Modality, Span
from tests.store.helpers import IDENTITY as NEWEST
from tests.store.helpers import vectors_of

IDENTITY = replace(NEWEST, options=replace(NEWEST.options, tiles=False))
TIME_NS = 1_700_000_000_000_000_000
NOTES = ("Tomatoes need six hours of sun a day.", "Water the beds early in the morning.")


def make(directory: str) -> None:
    """Write the index of today's format, without a log beside its database."""
    with Writer.open(directory, IDENTITY) as writer:
        writer.add_root("/data")
        notes = [Item("", "d1", "text", "text", n, Span("line", 3 * n + 1, 9), text) for n, text in enumerate(NOTES)]
        _put(writer, "/data/notes/garden.txt", "d1", "text", notes)
        picture = FileMetadata(640, 480, None, "2021-07-04T10:30:00")
        _put(writer, "/data/Holidays/IMG_red-car2.jpg", "d2", "image", [Item("", "d2", "image", "image", 0)], picture)
        _put(writer, "/data/gone.png", "d3", "image", [Item("", "d3", "image", "image", 0)])
        _put(writer, "/data/edited.png", "d4", "image", [Item("", "d4", "image", "image", 0)])
        writer.put_failure("/data/broken.pdf", 5, 5, "broken PDF")
        writer.mark_missing("/data/gone.png")
        writer.commit()
        writer.put_file("/data/edited.png", 10, TIME_NS, "d2", "image")
        writer.commit()
    with closing(sqlite3.connect(Path(directory, "meta.sqlite"))) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        db.execute("PRAGMA journal_mode = DELETE")


def _put(
    writer: Writer,
    path: str,
    digest: str,
    modality: Modality,
    items: list[Item],
    facts: FileMetadata = FileMetadata(),  # noqa: B008
) -> None:
    writer.put_content(digest, modality, modality, facts, items, vectors_of(digest, items))
    writer.put_file(path, 10, TIME_NS, digest, modality)


if __name__ == "__main__":
    make(sys.argv[1])
