"""Rows as a run would give them."""

from __future__ import annotations

from typing import Any

from mmsearch.extras.bench.job import Row


def row(model: str = "clip", modality: str | None = "image", batch: int | None = 1, **more: Any) -> Row:
    return Row(model=model, role=more.pop("role", "embedder"), modality=modality, batch=batch, **more)


TABLE = [
    row(batch=1, items_per_s=10.0, peak_resident=1_000_000_000, tflops=0.02, matrix_tflops=0.08),
    row(batch=4, items_per_s=19.5, peak_resident=1_200_000_000, tokens_per_s=1234.5),
    row(batch=16, items_per_s=20.0, peak_resident=2_000_000_000, dtype="float32", device="cpu"),
    row(batch=64, status="oom", reason="out of device memory on 64 items"),
    row(modality="text", batch=1, status="failed", reason="broken | pipe"),
]
