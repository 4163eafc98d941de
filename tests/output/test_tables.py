"""Output formats: stable fields, bytes that survive, names that cannot drive a terminal."""

from __future__ import annotations

import csv
import io
import json
import os
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmsearch.output.tables import (
    NUMERIC,
    SPAN_COLUMNS,
    Format,
    draw,
    encode,
    harmless,
    hit_fields,
    hits,
    plain_table,
)
from mmsearch.types import WHOLE, Box, Hit, Item, Span, StageScore


def hit(path: str = "/data/a.jpg", span: Span = WHOLE, text: str = "", rerank: float | None = None) -> Hit:
    return Hit(Item(path, "00", "image", "image", 0, span, text), 1, 0.25, 1.5, rerank)


@pytest.mark.parametrize(
    ("span", "fields"),
    [
        (Span(), {}),
        (Span("page", 3, 3), {"page": 3}),
        (Span("second", 80, 95.5), {"start": 80, "end": 95.5}),
        (Span("line", 4, 9), {"line_start": 4, "line_end": 9}),
        (Span.of_box(Box(120, 0, 400, 380)), {"box": [120, 0, 400, 380]}),
    ],
)
def test_spans_have_their_documented_fields(span: Span, fields: dict[str, Any]) -> None:
    got = hit_fields(hit(span=span), "builtin")
    assert {key: got[key] for key in got if key in SPAN_COLUMNS} == fields


def test_a_box_is_told_in_a_table_and_in_csv() -> None:
    found = [hit(span=Span.of_box(Box(120, 0, 400, 380)))]
    assert "box 120,0 400x380" in hits(found, "q", "m", Format.table)
    (row,) = csv.DictReader(io.StringIO(hits(found, "q", "m", Format.csv)))
    assert row["box"] == "[120, 0, 400, 380]"


def test_json_is_one_object_with_query_and_hits() -> None:
    parsed = json.loads(hits([hit(rerank=2.0)], "red car", "builtin", Format.json))
    assert parsed["query"] == "red car"
    assert parsed["hits"][0]["rerank_score"] == 2.0
    assert parsed["hits"][0]["model"] == "builtin"


def test_json_of_nothing_is_still_an_object() -> None:
    assert json.loads(hits([], "x", "m", Format.json)) == {"query": "x", "hits": []}


def test_jsonl_has_one_line_a_hit_with_its_query() -> None:
    lines = hits([hit(), hit("/b")], "q", "m", Format.jsonl).splitlines()
    assert [json.loads(line)["query"] for line in lines] == ["q", "q"]


def test_csv_reads_back() -> None:
    text = hits([hit('/a "b",\nc', text="one, two")], "q", "m", Format.csv)
    row = next(csv.DictReader(io.StringIO(text)))
    assert row["path"] == '/a "b",\nc'
    assert row["snippet"] == "one, two"


@given(st.binary(min_size=1).filter(lambda name: b"\0" not in name))
def test_any_path_survives_as_bytes_and_as_json(name: bytes) -> None:
    path = os.fsdecode(name)
    assert encode(hits([hit(path)], "q", "m", Format.paths, end="\0"), paths=True) == name + b"\0"
    out = encode(hits([hit(path)], "q", "m", Format.json))
    assert os.fsencode(json.loads(out.decode())["hits"][0]["path"]) == name


@given(st.text(alphabet=st.characters(exclude_categories=[])))
def test_no_control_character_reaches_the_terminal(text: str) -> None:
    shown = harmless(text)
    assert all(ord(char) >= 32 and not 127 <= ord(char) < 160 for char in shown)
    shown.encode("utf-8")


@given(st.text())
def test_no_control_character_reaches_the_terminal_in_any_format(text: str) -> None:
    found = [hit("/" + text, text=text)]
    for form in Format:
        shown = encode(hits(found, text, "m", form, width=80), paths=form is Format.paths).decode("utf-8")
        assert not re.search("[\0-\x09\x0b-\x1a\x1c-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", shown)
        assert "\x1b" not in shown or form is Format.table
        if form is Format.jsonl:
            assert len(shown.splitlines()) == 1
            assert json.loads(shown)["query"] == text


def test_table_shows_where_in_the_file_and_neutralises_names() -> None:
    table = hits([hit("/a\x1b[31m.pdf", Span("page", 2, 2))], "q", "m", Format.table)
    assert "p.2" in table
    assert "\x1b" not in table


def test_a_table_shows_paths_relative_to_where_one_is() -> None:
    assert "/data" not in hits([hit("/data/sub/a.jpg")], "q", "m", Format.table, base="/data")
    assert "/database/a.jpg" in hits([hit("/database/a.jpg")], "q", "m", Format.table, base="/data")


@pytest.mark.parametrize(
    ("span", "link"),
    [
        (Span("page", 3), "file:///a%20b/c.pdf#page=3"),
        (Span("second", 12.5, 14), "file:///a%20b/c.pdf#t=12.5"),
        (Span.of_box(Box(1, 2, 30, 40)), "file:///a%20b/c.pdf#xywh=1,2,30,40"),
    ],
)
def test_a_path_on_a_terminal_is_a_link_to_the_place(span: Span, link: str) -> None:
    found = [hit("/a b/c.pdf", span)]
    assert f";{link}\x1b\\" in hits(found, "q", "m", Format.table, width=80)
    assert "\x1b" not in hits(found, "q", "m", Format.table)


def test_an_explanation_names_each_stage() -> None:
    told = replace(hit(), stages={"dense": StageScore(2, 1.5), "fused": StageScore(1, 0.03)}, duplicates=("/b", "/c"))
    fields = hit_fields(told, "m", explain=True)
    assert fields["stages"] == {"dense": {"rank": 2, "score": 1.5}, "fused": {"rank": 1, "score": 0.03}}
    assert fields["same"] == ["/b", "/c"]
    assert not {"stages", "same"} & set(hit_fields(hit(), "m"))
    table = hits([told], "q", "m", Format.table, explain=True)
    assert "dense 2 (1.5), fused 1 (0.03)" in table and "(+2)" in table
    assert "dense" not in hits([told], "q", "m", Format.table)
    assert "stages" not in hits([told], "q", "m", Format.csv, explain=True)


@pytest.mark.parametrize("char", ["\u2028", "\u2029", "\x85", "\x0b"])
def test_a_name_is_one_line(char: str) -> None:
    assert len(hits([hit(f"/a{char}b")], "q", "m", Format.table).splitlines()) == 2


@pytest.mark.parametrize("name", ["a.jpg", "Ça va.txt", "東京の写真.png", "cafe\u0301.md", "🚗 red.png", "x\udcff.bin"])
def test_a_table_for_no_terminal_is_what_rich_draws(name: str) -> None:
    found = [
        Hit(Item(f"/x/{name}", "d", "image", "image"), 1, 0.5, 1.25),
        Hit(Item("/x/longer than the other.txt", "d", "text", "text", 0, Span("line", 1, 9), "a b c"), 10, 0.1, -0.5),
    ]
    table = plain_table()
    for column in ("#", "relevance", "path", "where", "snippet"):
        table.add_column(column, justify="right" if column in NUMERIC else "left", no_wrap=True)
    table.add_row("1", "1.25", name.replace("\udcff", "\\xff"), "image", "")
    table.add_row("10", "-0.50", "longer than the other.txt", "L1–9", "a b c")
    drawn = draw(table, 0)
    assert hits(found, "q", "m", Format.table, base="/x", explain=True) == drawn
