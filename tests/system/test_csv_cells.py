"""CSV whose texts no spreadsheet computes, and that can be read back."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmsearch.extras.bench import BenchFormat
from mmsearch.extras.bench.job import Row
from mmsearch.extras.bench.report import formatted
from mmsearch.output.tables import Format, hits
from mmsearch.system.csv_cells import as_csv
from mmsearch.types import WHOLE, Hit, Item

STARTS = [
    "=",
    "+",
    "-",
    "@",
    "\t",
    "\r",
    "\n",
    "＝",
    "＋",
    "－",
    "＠",
    " =",
    "\xa0=",
    "\ufeff=",
    "\0=",
    "\n=",
    "'=",
    "''@",
]
COMPUTED = re.compile(r"[\s\ufeff\u200b\0]*[=+\-@＝＋－＠]|[\t\r\n]")
texts = st.one_of(st.text(), st.builds(str.__add__, st.sampled_from(STARTS), st.text()))


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def original(cell: str) -> str:
    """As the documentation tells programs to read a text."""
    return cell[1:] if cell.startswith("'") and COMPUTED.match(cell.lstrip("'")) else cell


@given(st.lists(texts, min_size=1, max_size=3))
def test_no_text_is_a_formula_and_each_can_be_read_back(written: list[str]) -> None:
    (row,) = read(as_csv([str(n) for n in range(len(written))], [{str(n): one for n, one in enumerate(written)}]))
    assert not [one for one in row.values() if COMPUTED.match(one)]
    assert [original(one) for one in row.values()] == written


@pytest.mark.parametrize("text", ["", "a", "a=b", "'tis", "it's", "/home/-x", "1-2", 'say "=1"', "x\r=1", "a\n=1", "ö"])
def test_other_text_stays_as_it_is(text: str) -> None:
    assert read(as_csv(["a", "b"], [{"a": text, "b": "z"}])) == [{"a": text, "b": "z"}]


def test_a_line_end_in_a_text_begins_no_row() -> None:
    assert as_csv(["a"], [{"a": "x\r=1"}]) == 'a\n"x\r=1"\n'


@pytest.mark.parametrize("number", [-0.5, -3, 0, 1e-7, float("-inf"), None])
def test_numbers_stay_numbers(number: float | None) -> None:
    assert read(as_csv(["a", "b"], [{"a": number, "b": 1, "c": 2}])) == [
        {"a": str(number or 0) if number is not None else "", "b": "1"}
    ]


@pytest.mark.parametrize("width", [0, 80])
@pytest.mark.parametrize("start", STARTS)
def test_hits_have_no_formulas(start: str, width: int) -> None:
    item = Item(start + "cmd|' /C calc'!A0", "00", "text", "text", 0, WHOLE, start + "HYPERLINK(1)")
    (row,) = read(hits([Hit(item, 1, -0.25, -1.5, None)], start + "SUM(1)", "m", Format.csv, width=width))
    assert not [one for name, one in row.items() if COMPUTED.match(one) and name not in ("score", "relevance")]
    assert (float(row["score"]), float(row["relevance"])) == (-0.25, -1.5)


def test_measurements_have_no_formulas() -> None:
    needed = {one.name: None for one in fields(Row)}
    row = Row(**{**needed, "model": "=1+1", "reason": "@SUM(1)", "status": "failed", "stages": {"read": -1.0}})  # type: ignore[arg-type]
    (cells,) = read(formatted([row], BenchFormat.csv, {}))
    assert (cells["model"], cells["reason"], cells["stages"]) == ("'=1+1", "'@SUM(1)", '{"read": -1.0}')
