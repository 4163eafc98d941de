"""Text files of any encoding: notes, source code, web pages, tables and data, as passages with their lines.

Knows nothing of models: the longest passage is a setting. Lines are counted as editors do, after \\n, \\r\\n and \\r.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from itertools import islice

from mmsearch.errors import MediaError, UnsupportedMedia
from mmsearch.media.chunking import clean, cut
from mmsearch.media.html import Page
from mmsearch.media.loaded import Loaded, reasons
from mmsearch.media.text_encoding import decode
from mmsearch.system.safe_open import regular
from mmsearch.types import FileMetadata, Item, LoaderSettings, Segment, Span

MAX_BYTES = 16 * 1024 * 1024
"""What is read of one file. A longer one is searchable by its beginning, and the log says so."""

_HEADER_SHARE = 3
"""A table's header is repeated if it takes at most one part in so many of a passage."""

log = logging.getLogger(__name__)

_Passages = Iterator[tuple[Span, str]]


def load(path: str, digest: str, kind_name: str, settings: LoaderSettings, only: int | None = None) -> Loaded:
    """Passages of at most `settings.passage_chars` characters, with their first and last line.

    Raises:
        MediaError: it cannot be read, or holds nothing but blanks.
    """
    with reasons("broken text"):
        source = clean(decode(_read(path)))
    passages = _PASSAGES.get(kind_name, _plain)(source, settings.passage_chars)
    first = next(passages, None)
    if first is None:
        if kind_name == "html" and "<svg" in source:
            raise UnsupportedMedia("a vector drawing without text")
        raise MediaError("no text in it")
    return Loaded(FileMetadata(), _segments(path, digest, first, passages, only))


def _segments(path: str, digest: str, first: tuple[Span, str], rest: _Passages, only: int | None) -> Iterator[Segment]:
    def one(ordinal: int, span: Span, text: str) -> Segment:
        return Segment(Item(path, digest, "text", "text", ordinal, span, text), text)

    def every() -> Iterator[Segment]:
        yield one(0, *first)
        with reasons("broken text"):
            for ordinal, (span, text) in enumerate(rest, 1):
                yield one(ordinal, span, text)

    return every() if only is None else islice(every(), only, only + 1)


def _read(path: str) -> bytes:
    with open(path, "rb", opener=regular) as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        log.warning("%s: only the first %d MiB of text are indexed", path, MAX_BYTES >> 20)
        data = data[: MAX_BYTES - MAX_BYTES % 4]
    return data


def _plain(source: str, limit: int, markdown: bool = False) -> _Passages:
    line, counted = 1, 0
    for offset, text in cut(source, limit, markdown):
        line, counted = line + source.count("\n", counted, offset), offset
        yield Span("line", line, line + text.count("\n")), text


def _markdown(source: str, limit: int) -> _Passages:
    return _plain(source, limit, markdown=True)


def _table(source: str, limit: int) -> _Passages:
    """Rows under a repeated header, so that a number deep down in a table still says what it is."""
    header = next((line.rstrip() for line in source.split("\n", 64) if line.strip()), "")
    if len(header) * _HEADER_SHARE > limit:
        header = ""
    room = limit - len(header) - 1 if header else limit
    for number, (span, text) in enumerate(_plain(source, room)):
        yield span, f"{header}\n{text}" if number and header else text


def _web_page(source: str, limit: int) -> _Passages:
    page = Page(source)
    for offset, text in cut(page.text, limit):
        yield Span("line", page.line(offset), page.line(offset + len(text) - 1)), text


_PASSAGES = {"markdown": _markdown, "csv": _table, "html": _web_page}
"""Kinds that need more than cutting; the others are cut as they are."""
