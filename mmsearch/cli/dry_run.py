"""What an index run would do, by looking at files alone: `mmsearch index --dry-run`."""

from __future__ import annotations

import os
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

from mmsearch.cli.common import complain, tell_refused

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mmsearch.scan import Entry, Problem, ScanOptions
    from mmsearch.types import IndexReport


def still_there(roots: list[str], objects_too: bool = False) -> list[str]:
    """The index's roots that exist; the others may be on a drive that is not plugged in, and are left alone."""
    from mmsearch.types import is_object_url

    there: list[str] = []
    for root in roots:
        if is_object_url(root) and not objects_too:
            complain(f"warning: {root} is read with --engine ray: its objects are left as they are")
        elif is_object_url(root) or os.path.exists(root):
            there.append(root)
        else:
            complain(f"warning: {root} is not there now: its files are left as they are")
    return there


def plan(
    directory: str,
    roots: list[str],
    files: Iterable[str] | None,
    scan: ScanOptions,
    objects_too: bool,
    trusted: bool,
) -> IndexReport:
    from mmsearch.indexing.pipeline import plan as compare
    from mmsearch.scan import entry, object_stores, walk
    from mmsearch.store import Reader, read_allowed, read_identity
    from mmsearch.types import is_object_url

    def entry_of(path: str) -> Entry | Problem:
        return object_stores.entry(path) if objects_too and is_object_url(path) else entry(path)

    reader = Reader.open(directory) if read_identity(directory) else None
    places = roots
    if not roots and reader and files is None:
        allowed = read_allowed(directory, trusted)
        tell_refused(allowed.refused, directory)
        places = still_there(list(allowed.roots), objects_too)
        scan = replace(scan, confined=allowed.confined)
    listed = (entry_of(path) for path in (files or ()) if not os.path.isdir(path))
    found = (object_stores.walk(root, scan) if is_object_url(root) else walk(root, scan) for root in places)
    report = compare(reader.file if reader else lambda _: None, chain(chain.from_iterable(found), listed))
    if reader:
        reader.close()
    return report
