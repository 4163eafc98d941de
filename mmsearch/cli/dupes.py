"""`mmsearch dupes`: near-duplicate files, from the index only."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from typer import Exit

from mmsearch.cli import options
from mmsearch.cli.common import handle_errors, locate_all, log_line, terminal_width, write_json, write_stdout
from mmsearch.errors import UsageError
from mmsearch.output.tables import draw, harmless, plain_table, span_fields

if TYPE_CHECKING:
    from rich.table import Table

    from mmsearch.extras.duplicates import Group


@handle_errors
def dupes(
    paths: options.Below = None,
    threshold: options.Threshold = 0.95,
    across: options.Across = False,
    within: options.Within = False,
    as_jsonl: options.JsonLines = False,
    null: options.NullGroups = False,
    index: options.IndexDirs = None,
) -> None:
    """Find files that are the same or nearly so; nothing is deleted.

    Exact copies, near copies (another size, format or quality), and files that hold another: a page or a shot that
    shows a picture. No model is loaded. The suggested keeper has the most pixels, or else is the largest, the oldest,
    or has the shortest path.

    \b
    Examples:
      mmsearch dupes ~/Pictures
      mmsearch dupes --within --jsonl | jq -r '.files[] | select(.keep | not) | .path'
      mmsearch dupes --across --threshold 0.9
    """
    from mmsearch.extras.duplicates import find
    from mmsearch.store import Filter, open_reader

    if across and within:
        raise UsageError("--across and --within together leave nothing: give one of them")
    if as_jsonl and null:
        raise UsageError("choose one output format, not --jsonl and --print0")
    with open_reader(locate_all(index)) as reader:
        where = Filter(accept=_below(paths)) if paths else Filter()
        groups, stale = find(reader, where, threshold, "across" if across else "within" if within else "all")
    if stale:
        log_line(f"warning: {stale} files have changed since and are left out: run `mmsearch index`")
    if null:
        # Only copies: a file that merely holds one must not be removed for it.
        copies = [[member.path for member in group.copies] for group in groups if len(group.copies) > 1]
        write_stdout("".join("\0".join([*group, "", ""]) for group in copies), paths=True)
    elif as_jsonl:
        for group in groups:
            write_json(_group_fields(group), indent=None)
    elif groups:
        write_stdout(draw(_table(groups, os.getcwd()), terminal_width()))
    if not groups:
        log_line("nothing found")
        raise Exit(1)


def _below(paths: Sequence[str]) -> Callable[[str], bool]:
    """Whether a path is one of these or below one."""
    from mmsearch.scan import spelled

    roots = [spelled(os.path.expanduser(path)) for path in paths]
    for root, path in zip(roots, paths, strict=True):
        if not os.path.lexists(root):
            raise UsageError(f"{path} is not there: name a folder or a file")
    starts = tuple(os.path.join(root, "") for root in roots)
    return lambda path: path in roots or path.startswith(starts)


def _group_fields(group: Group) -> dict[str, Any]:
    """The JSON object of a group."""
    files = [
        {
            "path": member.path,
            "modality": member.modality,
            "keep": member.keep,
            "whole": member.whole,
            "likeness": round(member.likeness, 4),
            "size": member.size,
            "modified": member.mtime_ns / 1e9,
            "pixels": member.pixels,
            "parts": [span_fields(span) for span in member.spans],
        }
        for member in group.members
    ]
    return {"match": group.match, "keep": group.members[0].path, "why": group.why, "files": files}


def _table(groups: Sequence[Group], base: str) -> Table:
    from rich.text import Text

    table = plain_table(gap=2)
    for name in ("#", "match", "", "path", "where", "likeness", "size"):
        table.add_column(name, justify="right" if name in ("#", "likeness", "size") else "left", overflow="fold")
    for number, group in enumerate(groups, 1):
        for position, member in enumerate(group.members):
            first = position == 0
            note = f"keep: {group.why}" if first and len(group.copies) > 1 else "" if member.whole else "holds it"
            location = ", ".join(map(str, member.spans)) or member.modality
            path = harmless(member.path.removeprefix(os.path.join(base, "")))
            cells = (str(number) if first else "", group.match if first else "", note, path, location)
            table.add_row(*map(Text, (*cells, f"{member.likeness:.3f}", f"{member.size:,}")))
    return table
