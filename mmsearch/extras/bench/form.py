"""The ways in which rows can be written, apart from the rest of `bench`, which every command would load with them."""

from __future__ import annotations

from enum import Enum


class BenchFormat(str, Enum):
    """How the rows are written."""

    table = "table"
    json = "json"
    csv = "csv"
    md = "md"
