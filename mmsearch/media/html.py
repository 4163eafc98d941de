"""HTML to the text a reader sees, each piece with the line of the source it came from.

Not the standard library's parser, which needs 90 s for 80 KB of `<a <a <a` and stops at `<![`: this is one pass from
left to right whose time grows with the length of the page alone, whatever is in it. Knows nothing of files.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from html import unescape

_OPENING = re.compile(r"<(?=[a-zA-Z/!?])")
_NAME = re.compile(r"</?([a-zA-Z][^\s/>]*)")
_TAG = re.compile(r"""[^"'>]*(?:(?:"[^"]*"|'[^']*')[^"'>]*)*>""")
_SPOKEN = re.compile(r"""(?<![\w-])(?:alt|title)\s*=\s*(?:"([^"]*)"|'([^']*)')""", re.I)
_SILENT_END = {name: re.compile(rf"</{name}(?=[\s/>])", re.I) for name in ("script", "style")}
_NUMBER_TOO_BIG = re.compile(r"&#[xX]?[0-9a-fA-F]{8,};?")

_CELLS = frozenset({"td", "th"})
_LINES = frozenset({"br", "li", "tr", "dt", "dd", "div", "option", "hr", "label", "figcaption", "caption", "summary"})
_PARAGRAPHS = frozenset(
    {f"h{level}" for level in range(1, 7)}
    | {"p", "title", "table", "ul", "ol", "dl", "pre", "blockquote", "section", "text", "article", "header", "footer"}
    | {"main", "nav", "aside", "form", "fieldset", "figure", "address", "body", "head"}
)
_GAPS = ("", " ", "\t", "\n", "\n\n")
_BLANK, _CELL, _LINE, _PARAGRAPH = 1, 2, 3, 4
"""Indices into `_GAPS`: of two gaps that meet, the wider one stays."""
_BREAKS = {
    **dict.fromkeys(_CELLS, _CELL),
    **dict.fromkeys(_LINES, _LINE),
    **dict.fromkeys(_PARAGRAPHS, _PARAGRAPH),
}
"""Tag -> the gap in the text where it opens or closes."""


class Page:
    """The text of a page, and which line of the source any of its characters comes from."""

    def __init__(self, source: str) -> None:
        self._parts: list[str] = []
        self._offsets: list[int] = []
        self._lines: list[int] = []
        self._length = 0
        self._gap = 0
        self._preformatted = False
        line, counted = 1, 0
        for start, name, value in _tokens(source):
            line, counted = line + source.count("\n", counted, start), start
            if name:
                self._tag(name, value, line)
            elif self._preformatted:
                self._say_lines(value, line)
            else:
                self._say(value, line)
        self.text = "".join(self._parts)

    def line(self, offset: int) -> int:
        """The source line, counted from 1, of the character at `offset` of `text`."""
        return self._lines[max(0, bisect_right(self._offsets, offset) - 1)] if self._lines else 1

    def _tag(self, name: str, tag: str, line: int) -> None:
        self._widen(_BREAKS.get(name, 0))
        if name == "pre":
            self._preformatted = not tag.startswith("</")
        if "=" in tag:
            for double, single in _SPOKEN.findall(tag):
                self._say(f" {double or single} ", line)

    def _say(self, raw: str, line: int) -> None:
        """Running text: every stretch of blanks is one blank, as browsers show it."""
        for number, piece in enumerate(raw.split("\n")):
            text = _plain(piece)
            words = " ".join(text.split())
            if number or text[:1].isspace():
                self._widen(_BLANK)
            if words:
                self._write(words, line + number)
                if text[-1].isspace():
                    self._widen(_BLANK)

    def _say_lines(self, raw: str, line: int) -> None:
        """Preformatted text: blanks and lines stay as they are."""
        for number, piece in enumerate(raw.split("\n")):
            if number:
                self._gap = _PARAGRAPH if self._gap >= _LINE else _LINE
            if text := _plain(piece):
                self._write(text, line + number)

    def _widen(self, gap: int) -> None:
        self._gap = max(self._gap, gap)

    def _write(self, text: str, line: int) -> None:
        gap = _GAPS[self._gap] if self._length else ""
        self._gap = 0
        self._parts += (gap, text)
        self._offsets.append(self._length + len(gap))
        self._lines.append(line)
        self._length += len(gap) + len(text)


def _plain(text: str) -> str:
    return unescape(_NUMBER_TOO_BIG.sub(" ", text)) if "&" in text else text


def _tokens(source: str) -> Iterator[tuple[int, str, str]]:
    """`(offset, tag's name or "", itself)` in order; comments, declarations, scripts and styles are left out."""
    position, end, quotes_close = 0, len(source), True
    while position < end:
        bracket = _OPENING.search(source, position)
        opening = bracket.start() if bracket else end
        if opening > position:
            yield position, "", source[position:opening]
        name_match = _NAME.match(source, opening)
        if not name_match:
            position = _after_markup(source, opening)
            continue
        tag = _TAG.match(source, name_match.end()) if quotes_close else None
        if tag is None:
            # One quote that never closes is enough to make every later search for its end run through the whole rest.
            quotes_close = False
            position = source.find(">", opening) + 1
            if not position:
                return
        else:
            position = tag.end()
        name = name_match[1].lower()
        yield opening, name, source[opening:position]
        silent = _SILENT_END.get(name)
        if silent and source[opening + 1] != "/":
            end_tag = silent.search(source, position)
            position = end_tag.start() if end_tag else end


def _after_markup(source: str, opening: int) -> int:
    """Where the comment, CDATA mark or declaration at `opening` ends."""
    if source.startswith("<!--", opening):
        end = source.find("-->", opening + 4)
        return end + 3 if end >= 0 else len(source)
    if source.startswith("<![CDATA[", opening):
        return opening + 9
    end = source.find(">", opening)
    return end + 1 if end >= 0 else len(source)
