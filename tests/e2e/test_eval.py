"""`mmsearch eval` on small real files and the built-in model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from .conftest import Command

QUESTIONS = (
    {"query": "how to repair a bicycle", "relevant": ["bike.md"]},
    {"query": "watering tomatoes", "relevant": {"garden.txt": 2, "trip.html": 1}},
    {"image": "red.png", "relevant": ["green.png", "blue.png"], "pair": "shape"},
)


@pytest.fixture
def asked(mixed: Command) -> Command:
    mixed.report(".")
    write(mixed, *QUESTIONS)
    return mixed


def write(command: Command, *rows: Any, name: str = "q.jsonl") -> Path:
    path = command.cwd / name
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


def test_json_holds_every_setting_pair_and_measure(asked: Command) -> None:
    done = asked("eval", "q.jsonl", "--compare", "raw,calibrated,rerank", "--dim", "64", "--json")
    assert done.returncode == 0 and done.stderr == b""
    found = json.loads(done.stdout)
    assert (found["questions"], found["labelled"], found["not_indexed"]) == (3, 5, [])
    assert [one["setting"] for one in found["settings"]] == ["raw", "calibrated", "rerank", "dim 64"]
    calibrated = found["settings"][1]
    assert "calibration" not in found["settings"][0], "a cosine is no probability"
    bins = calibrated["calibration"]["bins"]
    assert 0 < sum(each["count"] for each in bins) == calibrated["calibration"]["hits"] <= 30
    assert set(calibrated["pairs"]) == {"text->text", "shape"}
    assert calibrated["all"]["count"] == 3
    assert calibrated["pairs"]["text->text"]["recall@10"]["mean"] == 1.0
    # The picture that asks is its own best match, but no answer.
    assert not any(str(loser["instead"]).endswith("red.png") for one in found["settings"] for loser in one["losers"])
    assert set(calibrated["all"]["mrr"]) == {"mean", "low", "high"}
    assert calibrated["agreement"]["mean"] == 1.0 >= found["settings"][3]["agreement"]["mean"]


def test_table_lists_settings_and_losers(asked: Command) -> None:
    write(asked, {"query": "a red circle", "relevant": ["trip.html"]}, name="wrong.jsonl")
    done = asked("eval", "wrong.jsonl", "--losers", "1")
    lines = done.stdout.decode().splitlines()
    assert done.returncode == 0 and done.stderr == b""
    assert lines[0].split()[:3] == ["questions", "setting", "nDCG@10"]
    assert any(line.startswith("text->text (1)  calibrated") for line in lines)
    loser = next(line for line in lines if "a red circle" in line)
    assert "trip.html" in loser and loser.rstrip().endswith("red.png")


def test_what_is_not_indexed_is_told_on_stderr_alone(asked: Command) -> None:
    write(asked, {"query": "bicycle", "relevant": ["bike.md", "lost.md"]}, name="lost.jsonl")
    done = asked("eval", "lost.jsonl", "--json")
    assert done.returncode == 0
    assert b"1 of 2 labelled files are not in the index and count as missed, such as " in done.stderr
    assert json.loads(done.stdout)["not_indexed"] == [str(asked.cwd / "lost.md")]


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ('{"query": "x", "relevent": ["bike.md"]}', "bad.jsonl:2: unknown field 'relevent'"),
        ('{"query": "x"', "bad.jsonl:2: not JSON"),
        ('{"image": "bike.md", "relevant": ["red.png"]}', "bad.jsonl:2: image "),
        ('{"image": "none.png", "relevant": ["red.png"]}', "bad.jsonl:2: image none.png is not there"),
    ],
)
def test_a_bad_line_is_one_line_and_exit_code_2(asked: Command, row: str, told: str) -> None:
    write(asked, QUESTIONS[0], row, name="bad.jsonl")
    done = asked("eval", "bad.jsonl")
    assert done.returncode == 2 and done.stdout == b""
    (line,) = done.stderr.decode().splitlines()
    assert told in line


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("q.jsonl", "--compare", "raw,best"), 2, "unknown setting 'best'"),
        (("q.jsonl", "--compare", ","), 2, "nothing to compare"),
        (("q.jsonl", "--dim", "192"), 2, "--dim 192: this index has 192 dimensions"),
        (("none.jsonl",), 2, "none.jsonl cannot be read"),
        (("q.jsonl", "--index", "nowhere"), 3, "no index in"),
    ],
)
def test_bad_usage_is_one_line(asked: Command, arguments: tuple[str, ...], code: int, told: str) -> None:
    done = asked("eval", *arguments)
    assert done.returncode == code
    (line,) = done.stderr.decode().splitlines()
    assert told in line


def test_the_table_shows_how_far_relevance_can_be_trusted(asked: Command) -> None:
    shown = asked("eval", "q.jsonl", "--compare", "raw,hybrid").stdout.decode()
    assert "Calibration of hybrid: expected error" in shown
    assert "Calibration of raw" not in shown
    assert "predicted" in shown and "right at relevance 2 or more" in shown
