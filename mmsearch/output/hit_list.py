"""Hits on a terminal: a line that says where each is, and its snippet below, readable at any width.

The name of a file is never shortened, the folders before it are. Hits that are less likely than not are dim, below a
line that says so. Prints nothing; text from files is made harmless.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

from rich.cells import cell_len
from rich.console import Console
from rich.style import Style
from rich.text import Text

from mmsearch.output.tables import NOTHING_LIKELY, harmless, stage_scores
from mmsearch.types import Hit, Span, is_object_url

Matches: TypeAlias = Callable[[str], Sequence[tuple[int, int]]]
"""Start and end of the stretches of a text to highlight."""

UNLIKELY = "less likely than not"
SNIPPET_LINES = 2
LEAST_WIDTH = 16
"""Columns; on a narrower terminal lines are longer than it."""
_GAP = 2


def no_matches(_: str) -> Sequence[tuple[int, int]]:
    return ()


def hit_list(
    results: Sequence[Hit], *, width: int, base: str, explain: bool = False, matches: Matches = no_matches
) -> str:
    """The hits of a query, at least one, as text with colours for a terminal of `width` columns.

    Args:
        results: in order of rank.
        base: paths below this directory are shown relative to it.
        explain: show the rank and score of each stage.
        matches: the stretches of a snippet to highlight.
    """
    header, blocks = hit_blocks(results, (), (0, 0), width=width, base=base, explain=explain, matches=matches)
    return header + "".join(blocks)


def hit_blocks(
    results: Sequence[Hit],
    pictured: Sequence[bool],
    room: tuple[int, int],
    *,
    width: int,
    base: str,
    explain: bool,
    matches: Matches = no_matches,
) -> tuple[str, list[str]]:
    """As `hit_list`, with room for pictures on the left: the lines above all hits, then those of each hit.

    Args:
        pictured: which hits have a picture; empty for none.
        room: columns and lines of a picture; a hit with one has at least so many lines.
    """
    lead = room[0] + 1 if room[0] else 0
    page = _Page(max(width - lead, LEAST_WIDTH), results, base, explain, matches)
    first_unlikely = next((index for index, hit in enumerate(results) if hit.relevance < 0), len(results))
    header = [Text(NOTHING_LIKELY)] if first_unlikely == 0 else []
    blocks: list[list[Text]] = []
    for index, hit in enumerate(results):
        lines = page.lines(hit)
        if index < len(pictured) and pictured[index]:
            lines += [Text("")] * (room[1] - len(lines))
        if index == first_unlikely - 1 and first_unlikely < len(results):
            lines.append(Text(f"── {UNLIKELY} ".ljust(page.width, "─"), style="dim"))
        blocks.append(lines)
    margin = " " * lead
    top = [line for text in header for line in _wrapped(text, width)]
    return _drawn([*top, Text(margin) + page.names()], width), [
        _drawn([Text(margin) + line for line in block], width) for block in blocks
    ]


class _Page:
    """The lines of hits in a column of `width` cells."""

    def __init__(self, width: int, results: Sequence[Hit], base: str, explain: bool, matches: Matches) -> None:
        self.width = width
        self._below = os.path.join(base, "") if base else ""
        self._explain, self._matches = explain, matches
        self._digits = max(len(str(hit.rank)) for hit in results)
        self._reranked = any(hit.rerank_score is not None for hit in results)
        self._margin = " " * (self._digits + 1)
        self._room = width - len(self._margin)

    def names(self) -> Text:
        """The line above the hits."""
        numbers = "rerank relevance" if self._reranked else "relevance"
        return Text(f"{'#':>{self._digits}} file".ljust(self.width - len(numbers)) + numbers, style="bold")

    def lines(self, hit: Hit) -> list[Text]:
        """Where a hit is and its relevance, on one line if the file's name fits, then its snippet."""
        style = "dim" if hit.relevance < 0 else ""
        path = harmless(hit.item.path.removeprefix(self._below))
        facts, numbers = self._facts(hit), self._numbers(hit)
        left = self._room - cell_len(facts) - len(numbers) - 2 * _GAP
        link = Style(link=_link(hit.item.path, hit.item.span), bold=not style)
        if (short := shortened(path, left)) is not None:
            fill = " " * (left - cell_len(short))
            lines = [Text.assemble((short, link), " " * _GAP, facts, fill, " " * _GAP, numbers)]
        else:
            whole = shortened(path, self._room)
            lines = _wrapped(Text(path if whole is None else whole, style=link), self._room)
            fill = " " * (self._room - cell_len(facts) - len(numbers))
            lines += _wrapped(Text(facts + (fill or " ") + numbers), self._room)
        lines += self._snippet(harmless(hit.snippet or hit.item.snippet))
        if self._explain and hit.stages:
            lines += _wrapped(Text(stage_scores(hit), style="italic"), self._room)
        first = Text(f"{hit.rank:>{self._digits}} ")
        rows = [(first if index == 0 else Text(self._margin)) + line for index, line in enumerate(lines)]
        return [Text("", style=style) + row for row in rows]

    def _facts(self, hit: Hit) -> str:
        """The part of the file, its kind, and what else there is to say of it."""
        stale = "(changed since)" if hit.stale else ""
        copies = f"(+{len(hit.duplicates)})" if hit.duplicates else ""
        return " ".join(filter(None, (str(hit.item.span), hit.item.modality, stale, copies)))

    def _numbers(self, hit: Hit) -> str:
        if not self._reranked:
            return f"{hit.relevance:.2f}"
        rerank = "" if hit.rerank_score is None else f"{hit.rerank_score:.2f}"
        return f"{rerank:>6} {hit.relevance:>9.2f}"

    def _snippet(self, snippet: str) -> list[Text]:
        """At most `SNIPPET_LINES` of a snippet: those with most of the stretches to highlight."""
        text = Text(snippet)
        spans = self._matches(snippet) if snippet else ()
        for start, end in spans:
            text.stylize("bold", start, end)
        lines = _wrapped(text, self._room) if snippet else []
        if len(lines) <= SNIPPET_LINES:
            return lines
        lines = _wrapped(text, self._room - 2)  # room for … at both ends
        starts = range(len(lines) - SNIPPET_LINES + 1)
        counts = [sum(len(line.spans) for line in lines[start : start + SNIPPET_LINES]) for start in starts]
        first = counts.index(max(counts))
        shown = lines[first : first + SNIPPET_LINES]
        if first:
            shown[0] = Text("…") + shown[0]
        if first + SNIPPET_LINES < len(lines):
            shown[-1].rstrip()
            shown[-1].append("…")
        return shown


def shortened(path: str, width: int) -> str | None:
    """A path of at most `width` columns, with `…` for folders in its middle; None if its last name does not fit."""
    *folders, name = path.split("/")
    for count in range(len(folders), -1, -1):
        short = path if count == len(folders) else "/".join([*folders[:count], "…", name])
        if cell_len(short) <= width:
            return short
    return None


def _wrapped(text: Text, width: int) -> list[Text]:
    lines = list(text.wrap(_console(width), width, overflow="fold"))
    for line in lines:
        line.rstrip()
    return lines


def _console(width: int) -> Console:
    return Console(file=io.StringIO(), width=width, force_terminal=True, highlight=False)


def _drawn(lines: Sequence[Text], width: int) -> str:
    console = _console(width)
    for line in lines:
        console.print(line, soft_wrap=True)
    output = console.file
    assert isinstance(output, io.StringIO)
    return "".join(line.rstrip(" ") + "\n" for line in output.getvalue().split("\n")[:-1])


def _link(path: str, span: Span) -> str:
    """A URL that opens the file at the page, second or box, in viewers that know the usual fragments."""
    box = ",".join(map(str, span.box or ()))
    fragments = {"page": f"#page={span.start:.0f}", "second": f"#t={span.start:g}", "box": f"#xywh={box}"}
    return (path if is_object_url(path) else Path(path).absolute().as_uri()) + fragments.get(span.unit, "")
