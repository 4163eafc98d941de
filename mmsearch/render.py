"""Turns hits, reports and statuses into text: tables, JSON, JSON lines, CSV, paths. Prints nothing.

Whatever came from a file is made harmless before it reaches a terminal: control characters are shown, not sent.
"""

from __future__ import annotations

import csv
import io
import json
import unicodedata
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any

from mmsearch.core import Hit, Span

if TYPE_CHECKING:
    from rich.table import Table


class Format(str, Enum):
    """How hits are written."""

    table = "table"
    json = "json"
    jsonl = "jsonl"
    csv = "csv"
    paths = "paths"


SPAN_COLUMNS = ("page", "start", "end", "line_start", "line_end")
CSV_COLUMNS = (
    *("query", "rank", "score", "relevance", "rerank_score", "path", "modality"),
    *SPAN_COLUMNS,
    *("snippet", "model", "stale"),
)


def hit_fields(hit: Hit, model: str) -> dict[str, Any]:
    """The JSON object of one hit. Spans appear as `page`, as `start` and `end` in seconds, or as line numbers."""
    rerank = None if hit.rerank_score is None else round(hit.rerank_score, 6)
    return {
        "rank": hit.rank,
        "score": round(hit.score, 6),
        "relevance": round(hit.relevance, 4),
        "rerank_score": rerank,
        "path": hit.item.path,
        "modality": hit.item.modality,
        **_span_fields(hit.item.span),
        "snippet": hit.item.snippet,
        "model": model,
        "stale": hit.stale,
    }


def _span_fields(span: Span) -> dict[str, Any]:
    if span.unit == "page":
        return {"page": int(span.start)}
    if span.unit == "second":
        return {"start": round(span.start, 3), "end": round(span.end, 3)}
    if span.unit == "line":
        return {"line_start": int(span.start), "line_end": int(span.end)}
    return {}


def hits(found: Sequence[Hit], query: str, model: str, form: Format, *, end: str = "\n", width: int = 0) -> str:
    """All hits of one query, ready to be written; `end` terminates each path of `Format.paths`."""
    rows = [hit_fields(hit, model) for hit in found]
    if form is Format.paths:
        return "".join(hit.item.path + end for hit in found)
    if form is Format.json:
        return to_json({"query": query, "hits": rows}) + "\n"
    if form is Format.jsonl:
        return "".join(to_json({"query": query, **row}, indent=None) + "\n" for row in rows)
    if form is Format.csv:
        return _csv([{"query": query, **row} for row in rows])
    return draw(_hit_table(found), width) if found else ""


def to_json(value: Any, indent: int | None = 2) -> str:
    """JSON in readable Unicode; surrogates of a name that is not UTF-8 are left for `encode` to escape."""
    return json.dumps(value, ensure_ascii=False, indent=indent, default=str)


def encode(text: str, paths: bool = False) -> bytes:
    """Output as bytes: lone surrogates become the original bytes in `paths`, and `\\udcXX` escapes elsewhere."""
    return text.encode("utf-8", "surrogateescape" if paths else "backslashreplace")


def _csv(rows: Sequence[Mapping[str, Any]]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, CSV_COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def harmless(text: str) -> str:
    """The text with control, format and surrogate characters shown as escapes, so that no name drives a terminal."""
    return "".join(c if unicodedata.category(c) not in ("Cc", "Cf", "Cs") else _escape(c) for c in text)


def _escape(char: str) -> str:
    return (
        char.encode("unicode_escape").decode() if not "\udc80" <= char <= "\udcff" else f"\\x{ord(char) - 0xDC00:02x}"
    )


def _hit_table(found: Sequence[Hit]) -> Table:
    from rich.text import Text

    reranked = any(hit.rerank_score is not None for hit in found)
    table = _table(["#", "relevance", "score"] + ["rerank"] * reranked, ["path", "where", "snippet"])
    for hit in found:
        rerank = [] if not reranked else ["" if hit.rerank_score is None else f"{hit.rerank_score:.2f}"]
        path = Text(harmless(hit.item.path) + (" (changed since)" if hit.stale else ""), style="bold")
        where = str(hit.item.span) or hit.item.modality
        numbers = [str(hit.rank), f"{hit.relevance:.2f}", f"{hit.score:.3f}", *rerank]
        table.add_row(*numbers, path, where, Text(harmless(hit.item.snippet)))
    return table


def _table(numbers: Sequence[str], texts: Sequence[str]) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in numbers:
        table.add_column(name, justify="right", no_wrap=True)
    for name in texts:
        table.add_column(
            name, overflow="ellipsis" if name == "snippet" else "fold", no_wrap=name in ("where", "snippet")
        )
    return table


def counts(title: str, rows: Sequence[tuple[str, str]], width: int = 0) -> str:
    """Two columns of names and values under a title."""
    longest = max((len(name) for name, _ in rows), default=0)
    body = "".join(f"  {harmless(name):<{longest}}  {harmless(value)}\n" for name, value in rows)
    return f"{harmless(title)}\n{body}"


def draw(table: Table, width: int) -> str:
    """A rich table as text: coloured when `width` is the terminal's, plain and unwrapped when it is 0."""
    from rich.console import Console

    out = io.StringIO()
    console = Console(file=out, width=width or 10_000, force_terminal=width > 0, highlight=False)
    console.print(table)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"
