"""Cutting text into passages on natural borders: sections, paragraphs, lines, sentences, words.

Knows nothing of files or encodings. Works on any length in linear time: the splitter behind it looks ahead over all
that it is given (39 s for a line of 2 MB), so it is given one block after the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

BLOCK_CHARS = 16 * 1024
"""Most characters the splitter sees at once, unless passages are longer than an eighth of it."""

_INVISIBLE = dict.fromkeys((*range(9), *range(11, 32), 127, *range(0xD800, 0xE000)), " ")
"""Controls and lone surrogates, which break terminals, SQLite and tokenizers, become blanks; tab and newline stay."""


def clean(text: str) -> str:
    """The same text with `\\n` newlines and without control characters; every line keeps its number."""
    return text.replace("\r\n", "\n").replace("\r", "\n").translate(_INVISIBLE)


def cut(text: str, limit: int, markdown: bool = False) -> Iterator[tuple[int, str]]:
    """Passages of at most `limit` characters with their offsets, in order.

    Blank lines around a passage, and blanks at its end, are left out; nothing else is. `text` is as `clean` leaves it.
    """
    splitter = _splitter(limit, markdown)
    size = max(BLOCK_CHARS, 8 * limit)
    start = 0
    while start < len(text):
        end = _block_end(text, start, size)
        chunks = splitter.chunk_indices(text[start:end])
        # The last passage of a block ends where the block does, not where the text would have it: it begins the next.
        if end < len(text) and len(chunks) > 1:
            end = start + chunks.pop()[0]
        for offset, chunk in chunks:
            yield from _trimmed(start + offset, chunk)
        start = end


def _splitter(limit: int, markdown: bool) -> Any:
    from semantic_text_splitter import MarkdownSplitter, TextSplitter

    return (MarkdownSplitter if markdown else TextSplitter)(limit, trim=False)


def _block_end(text: str, start: int, size: int) -> int:
    end = start + size
    if end >= len(text):
        return len(text)
    for border in ("\n\n", "\n", " "):
        found = text.rfind(border, start + size // 2, end)
        if found >= 0:
            return found + len(border)
    return end


def _trimmed(offset: int, chunk: str) -> Iterator[tuple[int, str]]:
    body = chunk.rstrip()
    if not body:
        return
    indent = len(body) - len(body.lstrip())
    first = body.rfind("\n", 0, indent) + 1
    yield offset + first, body[first:]
