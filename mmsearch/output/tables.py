"""Turns hits, reports and statuses into text: tables, JSON, JSON lines, CSV, paths. Prints nothing.

Text from files is made harmless before it reaches a terminal: control characters are shown, not sent.
"""

from __future__ import annotations

import io
import json
import os
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table

    from mmsearch.types import Hit, Span


class Format(str, Enum):
    """Output formats of hits."""

    table = "table"
    json = "json"
    jsonl = "jsonl"
    csv = "csv"
    paths = "paths"


SPAN_COLUMNS = ("page", "start", "end", "line_start", "line_end", "box")
CSV_COLUMNS = (
    *("query", "rank", "score", "relevance", "rerank_score", "path", "modality"),
    *SPAN_COLUMNS,
    *("snippet", "model", "stale"),
)

_UNSAFE_IN_JSON = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""Characters that JSON leaves as they are within strings; the joiners of emoji are not among them."""
NOTHING_LIKELY = "nothing here is likely to be what you asked for; the nearest are:"
"""Said where all hits have a relevance below 0, which is less likely than not."""
NUMERIC = ("#", "relevance", "rerank")
_UNSAFE_CATEGORIES = ("Cc", "Cf", "Cs", "Zl", "Zp")


def hit_fields(hit: Hit, model: str, explain: bool = False) -> dict[str, Any]:
    """The JSON object of one hit. Spans appear as `page`, as `start` and `end` in seconds, as line numbers or a `box`.

    `same` lists the hits folded into it, if any; `stages` is there with `explain`.
    """
    stages = {name: {"rank": stage.rank, "score": round(stage.score, 6)} for name, stage in hit.stages.items()}
    return {
        "rank": hit.rank,
        "score": round(hit.score, 6),
        "relevance": round(hit.relevance, 4),
        "rerank_score": None if hit.rerank_score is None else round(hit.rerank_score, 6),
        "path": hit.item.path,
        "modality": hit.item.modality,
        **span_fields(hit.item.span),
        "snippet": hit.snippet or hit.item.snippet,
        "model": model,
        "stale": hit.stale,
        **({"same": list(hit.duplicates)} if hit.duplicates else {}),
        **({"stages": stages} if explain else {}),
    }


def span_fields(span: Span) -> dict[str, Any]:
    """A span as JSON: `page`, `start` and `end` in seconds, line numbers, or the `box` as x, y, width and height in
    pixels; nothing for the whole file.
    """
    if span.unit == "page":
        return {"page": int(span.start)}
    if span.unit == "second":
        return {"start": round(span.start, 3), "end": round(span.end, 3)}
    if span.unit == "line":
        return {"line_start": int(span.start), "line_end": int(span.end)}
    return {} if span.box is None else {"box": list(span.box)}


def hits(
    results: Sequence[Hit],
    query: str,
    model: str,
    form: Format,
    *,
    end: str = "\n",
    width: int = 0,
    base: str = "",
    explain: bool = False,
    matches: Callable[[str], Sequence[tuple[int, int]]] = lambda _: (),
) -> str:
    """All hits of one query, ready to be written.

    Args:
        results: in order of rank.
        query: label of the query in the output.
        model: name of the embedder in the output.
        form: the format.
        end: terminates each path of `Format.paths`.
        width: columns of the terminal; 0 if the output is not for one. On a terminal paths and CSV are harmless as
            well; elsewhere they keep every byte. In CSV no text is a formula in either case.
        base: a table shows paths below this directory relative to it; the other formats never do.
        explain: show the rank and score of each stage; not in CSV and paths.
        matches: start and end of the stretches of a snippet to highlight on a terminal.
    """
    rows = [hit_fields(hit, model, explain) for hit in results]
    if form is Format.paths:
        return "".join((harmless(hit.item.path) if width else hit.item.path) + end for hit in results)
    if form is Format.json:
        return to_json({"query": query, "hits": rows}) + "\n"
    if form is Format.jsonl:
        return "".join(to_json({"query": query, **row}, indent=None) + "\n" for row in rows)
    if form is Format.csv:
        from mmsearch.system.csv_cells import as_csv

        labelled = [{"query": query, **row} for row in rows]
        if width:
            labelled = [
                {name: harmless(value) if isinstance(value, str) else value for name, value in row.items()}
                for row in labelled
            ]
        return as_csv(CSV_COLUMNS, labelled)
    if results and width:
        from mmsearch.output.hit_list import hit_list

        return hit_list(results, width=width, base=base, explain=explain, matches=matches)
    return _plain([_cells(hit, base, explain) for hit in results])


def to_json(value: Any, indent: int | None = 2) -> str:
    """JSON in readable Unicode; surrogates of a name that is not UTF-8 are left for `encode` to escape.

    Characters that control a terminal, change the direction of writing or break lines for some readers are escaped.
    """
    text = json.dumps(value, ensure_ascii=False, indent=indent, default=str)
    return _UNSAFE_IN_JSON.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def encode(text: str, paths: bool = False) -> bytes:
    """Output as bytes: lone surrogates become the original bytes in `paths`, and `\\udcXX` escapes elsewhere."""
    return text.encode("utf-8", "surrogateescape" if paths else "backslashreplace")


def harmless(text: str) -> str:
    """The text with control, format, separator and surrogate characters as escapes: no name controls a terminal."""

    def escape(char: str) -> str:
        if "\udc80" <= char <= "\udcff":  # how Python carries a byte that is not UTF-8
            return f"\\x{ord(char) - 0xDC00:02x}"
        return char.encode("unicode_escape").decode()

    return "".join(c if unicodedata.category(c) not in _UNSAFE_CATEGORIES else escape(c) for c in text)


def stage_scores(hit: Hit) -> str:
    """The rank and score of a hit at each stage of its ranking."""
    return ", ".join(f"{name} {stage.rank} ({stage.score:.3g})" for name, stage in hit.stages.items())


def _plain(rows: Sequence[Mapping[str, str]]) -> str:
    """Lines of the columns that are not empty, not for a terminal: as rich draws them, but without its import."""

    def columns_of(text: str) -> int:
        if text.isascii():
            return len(text)
        return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)

    padded = []
    for name in rows[0] if rows else ():
        cells = [name, *(row[name] for row in rows)]
        if not any(cells[1:]):
            continue
        widths = [columns_of(cell) for cell in cells]
        pads = [" " * (max(widths) - width) for width in widths]
        padded.append([pad + cell if name in NUMERIC else cell + pad for pad, cell in zip(pads, cells, strict=True)])
    return "".join(" ".join(line).rstrip() + "\n" for line in zip(*padded, strict=True))


def _cells(hit: Hit, base: str, explain: bool) -> dict[str, str]:
    """The cells of a hit in the table; paths below `base` are shown relative to it."""
    below = os.path.join(base, "")
    path = hit.item.path.removeprefix(below) if base else hit.item.path
    return {
        "#": str(hit.rank),
        "relevance": f"{hit.relevance:.2f}",
        "rerank": "" if hit.rerank_score is None else f"{hit.rerank_score:.2f}",
        "path": harmless(path)
        + (" (changed since)" if hit.stale else "")
        + (f" (+{len(hit.duplicates)})" if hit.duplicates else ""),
        "where": str(hit.item.span) or hit.item.modality,
        "why": stage_scores(hit) if explain else "",
        "snippet": harmless(hit.snippet or hit.item.snippet),
    }


def counts(title: str, rows: Sequence[tuple[str, str]], width: int = 0) -> str:
    """Two columns of names and values under a title."""
    longest = max((len(name) for name, _ in rows), default=0)
    body = "".join(f"  {harmless(name):<{longest}}  {harmless(value)}\n" for name, value in rows)
    return f"{harmless(title)}\n{body}"


def grid(names: Sequence[str], rows: Sequence[Sequence[str]], width: int = 0) -> str:
    """Rows of cells under column names, for a terminal of `width` columns; 0 if it is not for one."""
    from rich.text import Text

    table = plain_table()
    for name in names:
        table.add_column(name, no_wrap=not width)
    for row in rows:
        table.add_row(*(Text(harmless(cell)) for cell in row))
    return draw(table, width)


def plain_table(gap: int = 1) -> Table:
    """A table without lines, its columns `gap` spaces apart."""
    from rich.table import Table

    return Table(box=None, pad_edge=False, padding=(0, gap, 0, 0), header_style="bold")


def draw(table: Table, width: int) -> str:
    """A rich table as text: coloured when `width` is the terminal's, plain and unwrapped when it is 0."""
    from rich.console import Console

    out = io.StringIO()
    console = Console(file=out, width=width or 10_000, force_terminal=width > 0, highlight=False)
    console.print(table)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"
