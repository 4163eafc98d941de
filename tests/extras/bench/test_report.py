from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from mmsearch.errors import UsageError
from mmsearch.extras.bench import BenchFormat, plot
from mmsearch.extras.bench.job import Job, Row
from mmsearch.extras.bench.report import advice, best, formatted
from mmsearch.models.estimate import Sizes
from mmsearch.types import ModelOptions

from .rows import TABLE, row


def test_jobs_and_rows_survive_the_way_through_json() -> None:
    job = Job(ModelOptions("x", model_kwargs={"a": 1}), "reranker", (1, 4), ("text",), Sizes(8, frames=2), memory=7)
    assert Job.from_json(json.loads(json.dumps(job.to_json()))) == job
    assert [Row.from_json(json.loads(json.dumps(one.to_json()))) for one in TABLE] == TABLE


def test_the_best_batch_is_the_smallest_that_is_nearly_as_fast() -> None:
    assert best(TABLE[:4]) == TABLE[1]
    assert best(TABLE[4:]) is None


def test_advice_says_batch_memory_time_and_what_does_not_fit() -> None:
    lines = list(advice(TABLE, 100_000))
    assert lines == [
        "clip image: best batch 4, 19.5 items/s, needs 1.2 GB, 100,000 pictures take 1.4 h, "
        "out of memory from batch 64 on",
        "clip text: failed: broken | pipe",
    ]


def test_advice_for_pairs_and_for_what_never_fitted() -> None:
    pairs = row("r", "text", 8, role="reranker", unit="pairs", items_per_s=100.0)
    never = row("big", None, 1, status="oom", reason="out of memory")
    assert list(advice([pairs, never], 1000)) == [
        "r text: best batch 8, 100 pairs/s, 1,000 pairs take 10 s",
        "big: does not fit: out of memory",
    ]


def test_json_holds_every_figure_and_where_it_was_measured() -> None:
    found = json.loads(formatted(TABLE, BenchFormat.json, {"date": "2026-01-01"}))
    assert found["date"] == "2026-01-01"
    assert [one["batch"] for one in found["rows"]] == [1, 4, 16, 64, 1]
    assert found["rows"][3]["status"] == "oom"
    assert found["rows"][0]["peak_allocated"] is None


def test_csv_has_a_line_for_each_row() -> None:
    lines = list(csv.DictReader(io.StringIO(formatted(TABLE, BenchFormat.csv, {}))))
    assert len(lines) == len(TABLE)
    assert (lines[1]["items_per_s"], lines[3]["status"]) == ("19.5", "oom")


def test_tables_leave_out_empty_columns_and_call_oom_by_its_name() -> None:
    text = formatted(TABLE, BenchFormat.table, {})
    lines = text.splitlines()
    assert "VRAM" not in lines[0]
    assert "OOM" in lines[4]
    assert "0.02 (25%)" in lines[1]
    assert "10 items" in lines[1]


def test_markdown_is_one_table_whatever_is_in_the_cells() -> None:
    lines = formatted([row(model="a|b", items_per_s=1.0)], BenchFormat.md, {}).splitlines()
    assert lines[0].startswith("| model | input | batch |")
    assert "a\\|b" in lines[2]
    assert len(lines) == 3


def test_a_page_draws_a_line_for_each_model_and_needs_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "speed.html"
    plot.check(str(path))
    plot.plot([*TABLE, row("<b>", "text", 1, items_per_s=3.0)], str(path))
    page = path.read_text(encoding="utf-8")
    assert page.count("<polyline") == 3, "two lines of speed, one of memory"
    assert "http" not in page
    assert "&lt;b&gt; text" in page
    for part in page.split("<svg")[1:]:
        ElementTree.fromstring("<svg" + part.split("</svg>")[0] + "</svg>")


def test_an_empty_table_is_drawn_too(tmp_path: Path) -> None:
    plot.plot([row(status="failed")], str(tmp_path / "empty.html"))
    assert "<svg" in (tmp_path / "empty.html").read_text()


@pytest.mark.parametrize(("name", "told"), [("x.gif", ".html"), ("no/such/folder/x.html", "no folder")])
def test_a_plot_that_cannot_be_written_is_refused_at_once(tmp_path: Path, name: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        plot.check(str(tmp_path / name))


@pytest.mark.parametrize("suffix", [".png", ".svg"])
def test_pictures_need_matplotlib_and_say_how_to_get_it(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"speed{suffix}"
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        with pytest.raises(UsageError, match="mmsearch\\[plot\\]"):
            plot.check(str(path))
        return
    plot.check(str(path))
    plot.plot(TABLE, str(path))
    assert path.stat().st_size > 1000
