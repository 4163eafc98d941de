"""The short form of `python -m tests.hostile`: one file of every change and craft, through the real command."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.hostile.command import run
from tests.hostile.judge import Verdict, judge
from tests.hostile.trees import Made, good, hostile, some

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc and limits memory")

MEMORY = 1 << 30


def test_every_hostile_file_is_indexed_or_fails_with_a_reason(tmp_path: Path) -> None:
    folder, made = os.fsencode(tmp_path / "files"), dict[str, Made]()
    os.mkdir(folder)
    for one in some(seed=7):
        path = os.path.join(folder, one.name)
        with open(path, "wb") as file:
            file.write(one.data)
        made[os.fsdecode(path)] = one
    done = run(
        "index", os.fsdecode(folder), "--json", "--jobs", "2", "--memory", "1", "--timeout", "10",
        index=tmp_path / "index",
    )  # fmt: skip
    verdict = Verdict()
    judge(verdict, done, tmp_path / "index", made, MEMORY)
    assert not verdict.breaches
    assert len(made) > 120
    assert min(verdict.totals()["ok"], verdict.totals()["failed"]) > 30


@pytest.mark.parametrize("make", [good, hostile])
def test_a_file_can_be_made_again_from_seed_and_number(make: object) -> None:
    assert callable(make)
    for number in range(3):
        assert make(number, 5) == make(number, 5) != make(number, 6)
