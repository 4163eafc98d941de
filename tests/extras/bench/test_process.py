"""What becomes of the table when processes end otherwise than planned."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest

from mmsearch.errors import ModelUnavailable, UsageError
from mmsearch.extras.bench import process
from mmsearch.extras.bench.job import Job, Row
from mmsearch.types import ModelOptions

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals end processes otherwise there")

PLAY = """
import json, os, sys
job = json.loads(sys.stdin.readline())
def tell(event, **more): print(json.dumps({"event": event, **more}), flush=True)
def row(modality, batch):
    tell("begin", modality=modality, batch=batch)
    tell("row", row={"model": job["options"]["name"], "role": job["role"], "modality": modality, "batch": batch})
modalities = job["modalities"] or ["text", "image"]
"""


class Heard:
    def __init__(self) -> None:
        self.cells: list[tuple[Any, ...]] = []

    def begin(self, *cell: Any) -> None:
        self.cells.append(cell)


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Has processes run this script instead of measuring; gives the rows of jobs for `a` and `b`, batches 1 and 2."""

    def play(script: str, *names: str) -> list[Row]:
        monkeypatch.setattr(process, "_ENTRY", PLAY + script)
        jobs = [Job(ModelOptions(name), batches=(1, 2)) for name in names or ("a",)]
        return process.run(jobs, Heard())

    return play


def cells(rows: list[Row]) -> list[tuple[Any, ...]]:
    return [(row.model, row.modality, row.batch, row.status) for row in rows]


def test_a_killed_process_costs_its_cell_and_the_next_modality_gets_a_new_one(play: Any) -> None:
    found = play("""
tell("loaded", modalities=modalities)
for modality in modalities:
    for batch in job["batches"]:
        if (modality, batch) == ("text", 2):
            tell("begin", modality=modality, batch=batch)
            os.kill(os.getpid(), 9)
        row(modality, batch)
tell("done")
""")
    assert cells(found) == [
        ("a", "text", 1, "ok"),
        ("a", "text", 2, "oom"),
        ("a", "image", 1, "ok"),
        ("a", "image", 2, "ok"),
    ]
    assert found[1].reason and "killed" in found[1].reason


def test_a_crash_is_told_with_its_last_words_and_other_models_go_on(play: Any) -> None:
    found = play(
        """
if job["options"]["name"] == "a":
    sys.exit("libfoo is too old")
tell("loaded", modalities=["text"])
for batch in job["batches"]: row("text", batch)
tell("done")
""",
        "a",
        "b",
    )
    assert cells(found) == [
        ("a", None, 1, "failed"),
        ("a", None, 2, "failed"),
        ("b", "text", 1, "ok"),
        ("b", "text", 2, "ok"),
    ]
    assert found[0].reason == "the process died (exit code 1): libfoo is too old"


def test_a_model_that_does_not_fit_has_all_its_rows(play: Any) -> None:
    found = play("""tell("full", reason="out of memory"); tell("done")""")
    assert [row.status for row in found] == ["oom", "oom"]


def test_a_model_that_cannot_be_used_is_a_row_among_others_and_an_error_alone(play: Any) -> None:
    script = """
if job["options"]["name"] == "a": tell("refused", reason="a is not here", code=4)
else:
    tell("loaded", modalities=["text"]); row("text", 1); row("text", 2)
tell("done")
"""
    assert cells(play(script, "b", "a"))[2:] == [("a", None, 1, "failed"), ("a", None, 2, "failed")]
    with pytest.raises(ModelUnavailable, match="a is not here"):
        play(script, "a")
    with pytest.raises(UsageError, match="bad"):
        play("""tell("refused", reason="bad", code=2); tell("done")""")


def test_rows_are_in_the_order_of_models_then_modalities_then_batches(play: Any) -> None:
    found = play(
        """
tell("loaded", modalities=["image", "text"])
for modality in ("image", "text"):
    for batch in (2, 1): row(modality, batch)
tell("done")
""",
        "b",
        "a",
    )
    assert [(row.model, row.modality, row.batch) for row in found] == [
        (model, modality, batch) for model in ("b", "a") for modality in ("text", "image") for batch in (1, 2)
    ]


def test_the_builtin_model_is_measured_without_torch() -> None:
    code = (
        "import sys\nfrom mmsearch.extras.bench import measure, worker\nfrom mmsearch.extras.bench.job import Job\n"
        "from mmsearch.types import ModelOptions\n"
        "job = Job(ModelOptions('builtin', dtype='bf16', dummy_weights=True), batches=(1, 2), time=0.0)\n"
        "subject = worker.loaded(job)\n"
        "rows = list(measure.cells(subject, 'text', lambda *_: None))\n"
        "print(*(row.status for row in rows), rows[0].dummy, {'torch', 'transformers'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["ok", "ok", "False", "set()"], done.stderr
