"""Text files of any encoding: notes, source code, web pages, tables and data, as passages with their lines.

Passages are cut on natural borders: sections, paragraphs, lines, sentences, words. Lines are counted as editors do,
after \\n, \\r\\n and \\r. Knows nothing of models: the longest passage is a setting.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain, islice
from typing import Any

from mmsearch.errors import MediaError, UnsupportedMedia
from mmsearch.media.html import Page
from mmsearch.media.loaded import Loaded, reasons
from mmsearch.media.text_encoding import decode
from mmsearch.system.safe_open import regular
from mmsearch.types import FileMetadata, Item, LoaderSettings, Segment, Span

MAX_BYTES = 16 * 1024 * 1024
"""At most this much is read of one file. A longer one is searchable by its beginning, and the log says so."""

BLOCK_CHARS = 16 * 1024
"""Most characters the splitter sees at once, unless passages are longer than an eighth of it. It looks ahead over all
that it is given (39 s for a line of 2 MB), so it gets one block after the other."""

_INVISIBLE = dict.fromkeys((*range(9), *range(11, 32), 127, *range(0xD800, 0xE000)), " ")
"""Controls and lone surrogates, which break terminals, SQLite and tokenizers, become blanks; tab and newline stay."""
_HEADER_SHARE = 3
"""A table's header is repeated if it takes at most this fraction (1/n) of a passage."""

log = logging.getLogger(__name__)

_Passages = Iterator[tuple[Span, str]]


def load(path: str, digest: str, kind_name: str, settings: LoaderSettings, only: int | None = None) -> Loaded:
    """Passages of at most `settings.passage_chars` characters, with their first and last line.

    Raises:
        MediaError: it cannot be read, or holds nothing but blanks.
    """
    with reasons("broken text"):
        with open(path, "rb", opener=regular) as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            log.warning("%s: only the first %d MiB of text are indexed", path, MAX_BYTES >> 20)
            data = data[: MAX_BYTES - MAX_BYTES % 4]
        source = clean(decode(data))
    passages = _PASSAGES.get(kind_name, _plain)(source, settings.passage_chars)
    first = next(passages, None)
    if first is None:
        if kind_name == "html" and "<svg" in source:
            raise UnsupportedMedia("a vector drawing without text")
        raise MediaError("no text in it")

    def segments() -> Iterator[Segment]:
        with reasons("broken text"):
            for ordinal, (span, text) in enumerate(chain([first], passages)):
                yield Segment(Item(path, digest, "text", "text", ordinal, span, text), text)

    return Loaded(FileMetadata(), segments() if only is None else islice(segments(), only, only + 1))


def clean(text: str) -> str:
    """The same text with `\\n` newlines and without control characters; every line keeps its number."""
    return text.replace("\r\n", "\n").replace("\r", "\n").translate(_INVISIBLE)


def cut(text: str, limit: int, markdown: bool = False) -> Iterator[tuple[int, str]]:
    """Passages of at most `limit` characters with their offsets, in order, in linear time.

    Blank lines around a passage, and blanks at its end, are left out; nothing else is. `text` is as `clean` leaves it.
    """
    from semantic_text_splitter import MarkdownSplitter, TextSplitter

    splitter: Any = (MarkdownSplitter if markdown else TextSplitter)(limit, trim=False)
    size = max(BLOCK_CHARS, 8 * limit)
    start = 0
    while start < len(text):
        end = _block_end(text, start, size)
        chunks = splitter.chunk_indices(text[start:end])
        # The last passage of a block ends where the block does, not where the text would have it: it begins the next.
        if end < len(text) and len(chunks) > 1:
            end = start + chunks.pop()[0]
        for offset, chunk in chunks:
            if body := chunk.rstrip():
                first = body.rfind("\n", 0, len(body) - len(body.lstrip())) + 1
                yield start + offset + first, body[first:]
        start = end


def _block_end(text: str, start: int, size: int) -> int:
    end = start + size
    if end >= len(text):
        return len(text)
    for border in ("\n\n", "\n", " "):
        index = text.rfind(border, start + size // 2, end)
        if index >= 0:
            return index + len(border)
    return end


def _plain(source: str, limit: int, markdown: bool = False) -> _Passages:
    line, counted = 1, 0
    for offset, text in cut(source, limit, markdown):
        line, counted = line + source.count("\n", counted, offset), offset
        yield Span("line", line, line + text.count("\n")), text


def _table(source: str, limit: int) -> _Passages:
    """Rows under a repeated header, so that numbers far down in a table keep their meaning."""
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


_PASSAGES: dict[str, Callable[[str, int], _Passages]] = {
    "markdown": partial(_plain, markdown=True),
    "csv": _table,
    "html": _web_page,
}
"""Kinds that need more than cutting; the others are cut as they are."""
