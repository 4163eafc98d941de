"""Rows as CSV that a spreadsheet takes for data: no name or text of a file becomes a formula there.

Knows nothing of the rows' meaning.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_FORMULA = re.compile(r"'*(?:[\t\r\n]|[\s\ufeff\u200b\0]*[=+\-@＝＋－＠])")
"""How text begins that spreadsheets compute, some of them after trimming it, or such text that has our mark already."""


def as_csv(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """A header and the rows, with `\\n` after each; fields that are no column are left out, missing ones are empty.

    Text that begins like a formula gets one apostrophe more before it. Numbers stay numbers, negative ones too.
    """
    lines = []
    for values in (columns, *([row.get(name) for name in columns] for row in rows)):
        out = io.StringIO()
        # With \r in its line ends the module also quotes those in texts, where spreadsheets would begin a row.
        csv.writer(out, lineterminator="\r\n").writerow(
            f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value for value in values
        )
        lines.append(out.getvalue()[:-2] + "\n")
    return "".join(lines)
