"""`mmsearch index --watch`: an update whenever files have changed, until somebody ends it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, NoReturn

from mmsearch.cli.command import Exit
from mmsearch.cli.common import complain, emit
from mmsearch.errors import UsageError
from mmsearch.output.tables import to_json

if TYPE_CHECKING:
    from mmsearch.types import IndexReport

TOLD = ("added", "changed", "removed", "reused", "failed")


def keep_current(
    roots: Sequence[str],
    apart: str,
    hidden: bool,
    run: Callable[[list[str], frozenset[str]], IndexReport],
    first: Callable[[IndexReport], None] | None,
) -> NoReturn:
    """Index, and index again what has changed, until Ctrl-C or SIGTERM.

    Args:
        roots: folders and files.
        apart: the index.
        hidden: changes of hidden files count.
        run: brings the index up to date with some roots, but for files that are still being written.
        first: tells what the first run did; None prints each report as one JSON line.

    Raises:
        Exit: code 0, ended while there was nothing to do.
    """
    from mmsearch.scan.watch import Watcher

    if not roots:
        raise UsageError("nothing to watch: give the folders to index, such as `mmsearch index ~/Pictures --watch`")
    updates = Watcher(roots, apart, hidden, complain).updates()
    running, began = False, False
    try:
        for due in updates:
            running = True
            report = run([root for root in due.roots if os.path.lexists(root)], due.busy)
            running = False
            if not began:
                _tell_first(report, first, roots)
            elif _did(report):
                emit(_json(report)) if first is None else complain(_line(report))
            began = True
    except KeyboardInterrupt:
        if not running:
            raise Exit(0) from None
        raise
    raise AssertionError("updates never end")


def _tell_first(report: IndexReport, tell: Callable[[IndexReport], None] | None, roots: Sequence[str]) -> None:
    emit(_json(report)) if tell is None else tell(report)
    complain(f"watching {', '.join(roots[:3])}{', ...' if len(roots) > 3 else ''}; Ctrl-C ends it")


def _json(report: IndexReport) -> str:
    return to_json({"at": datetime.now().isoformat(timespec="seconds"), **report.to_json()}, None) + "\n"


def _did(report: IndexReport) -> bool:
    return any(getattr(report, name) for name in TOLD)


def _line(report: IndexReport) -> str:
    counts = ", ".join(f"{count} {name}" for name in TOLD if (count := getattr(report, name)))
    return f"{datetime.now():%H:%M:%S} {counts} in {report.seconds:.1f} s"
