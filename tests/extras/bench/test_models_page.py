"""`docs/models.md` shows what was recorded, and nothing else."""

from __future__ import annotations

from typing import Any

from benchmarks import models_page
from mmsearch.extras.bench.job import Row

from .rows import row

MACHINE = {"cpu": "Some CPU", "cores": 2, "threads": None}


def line(one: Row, date: str = "2026-01-02", **more: Any) -> dict[str, Any]:
    return {**one.to_json(), "date": date, "machine": MACHINE, "load": 0.1, "versions": {"torch": "2.9"}, **more}


def figures(page: str, model: str) -> list[list[str]]:
    rows = [[cell.strip() for cell in text.split("|")[1:-1]] for text in page.splitlines() if text.startswith("|")]
    return [cells for cells in rows if cells[0] == model]


def test_what_was_never_measured_says_so() -> None:
    ((_, _, *cells),) = figures(models_page.page([]), "clip-b32")
    assert cells == [models_page.NONE] * 6


def test_the_latest_run_counts_and_its_best_batch_is_shown() -> None:
    lines = [
        line(row("clip-b32", "image", 1, items_per_s=1.0, peak_resident=1_000_000_000), date="2026-01-01"),
        line(row("clip-b32", "image", 1, items_per_s=10.0, peak_resident=1_000_000_000)),
        line(row("clip-b32", "image", 8, items_per_s=20.0, peak_resident=2_000_000_000, estimated=1_900_000_000)),
        line(row("clip-b32", "image", 16, status="oom")),
    ]
    first = figures(models_page.page(lines), "clip-b32")[0]
    assert first[2:5] == ["20 items (batch 8)", "2.00 GB", "1.90 GB"]
    assert first[5:] == [models_page.NONE, models_page.NONE, "2026-01-02"]


def test_a_gpu_stands_beside_the_cpu_with_what_its_driver_saw() -> None:
    lines = [line(row("clip-b32", "text", 64, items_per_s=900.0, gpu="Some GPU", peak_driver=3_000_000_000))]
    cells = figures(models_page.page(lines), "clip-b32")[0]
    assert cells[2:] == [*[models_page.NONE] * 3, "900 items (batch 64)", "3.00 GB", "2026-01-02"]


def test_failures_are_no_figures() -> None:
    page = models_page.page([line(row("clip-b32", "text", 1, status="failed", reason="broken"))])
    assert "broken" not in page
    assert "failed" not in page


def test_the_page_is_the_one_that_the_recorded_runs_make() -> None:
    made = models_page.page(models_page.read(models_page.RESULTS))
    assert models_page.PAGE.read_text(encoding="utf-8") == made
