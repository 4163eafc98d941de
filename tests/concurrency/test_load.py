"""A few seconds of what `python -m tests.concurrency` does for minutes, and proof that its judge would notice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.concurrency.__main__ import run
from tests.concurrency.contents import made, unit
from tests.concurrency.judging import Judge, State
from tests.concurrency.reading import summed

DIM = 16


def test_every_answer_under_load_is_a_committed_state(tmp_path: Path) -> None:
    counts, problems = run(tmp_path, seconds=3.0, readers=2, seed=7)
    assert problems == []
    assert counts["states"] > 1 and counts["answers of the store"] > 5
    assert counts["answers of the command"] >= 1


@pytest.fixture
def judge() -> Judge:
    """Three states, committed at 1 to 2, at 11 to 12, and at 21 to 22."""
    first = {"/made/1": "made 1", "/files/a.txt": "drawn"}
    second = {**first, "/made/2": "made 1", "/made/3": "made 3"}
    third = {"/made/3": "made 3"}
    states = [State(files, at, at, at + 1) for files, at in ((first, 1.0), (second, 11.0), (third, 21.0))]
    return Judge(states, {"drawn": made("drawn", DIM)}, DIM)


def told(judge: Judge, number: int, taken: tuple[float, float], snapshot: str = "s", **ask: Any) -> dict[str, Any]:
    """What a perfect index says to a question in a state."""
    ask = {"what": "all", "partition": "text", "query": 5, "k": 10, **ask}
    got: Any
    if ask["what"] == "counts":
        got = judge._counts(number)
    elif ask["what"] == "top":
        rows = [(float(row.part.vector @ unit(5, DIM)), row) for row in judge._rows(number, ask["partition"], None)]
        rows.sort(key=lambda one: -one[0])
        got = [[score, row.digest, row.part.ordinal, list(row.paths)] for score, row in rows[: ask["k"]]]
    elif ask["what"] == "files":
        got = [path for path in judge.states[number].files if not path.startswith("/made/")]
    else:
        got = summed(judge._listing(number, ask))
    return {"snapshot": snapshot, "taken": taken, "start": taken[0], "end": taken[1], "ask": ask, "got": got}


@pytest.mark.parametrize("what", ["all", "top", "counts", "files"])
@pytest.mark.parametrize(
    ("state", "taken", "right"),
    [
        (0, (3.0, 4.0), True),
        (0, (11.5, 11.6), True),
        (1, (11.5, 11.6), True),
        (0, (12.1, 12.2), False),
        (1, (10.0, 10.9), False),
        (2, (12.1, 12.2), False),
        (2, (12.1, 21.5), True),
        (2, (99.0, 99.1), True),
    ],
)
def test_only_states_of_the_time_are_right(
    judge: Judge, what: str, state: int, taken: tuple[float, float], right: bool
) -> None:
    if what == "files":
        judge.states[1].files = {**judge.states[1].files, "/files/b.txt": "drawn"}
    one = told(judge, state, taken, what=what, partition="image" if what == "top" else "text")
    assert judge.judge([one]) == 1
    assert (not judge.violations) == right, judge.violations


def test_all_answers_of_a_snapshot_are_of_one_state(judge: Judge) -> None:
    taken = (3.0, 15.0)
    judge.judge([told(judge, 0, taken), told(judge, 0, taken, what="counts")])
    assert not judge.violations
    judge.judge([told(judge, 0, taken), told(judge, 1, taken, what="counts")])
    assert len(judge.violations) == 1
    judge.judge([told(judge, 0, taken, "s"), told(judge, 1, taken, "t", what="counts")])
    assert len(judge.violations) == 1


@pytest.mark.parametrize("harm", ["score", "order", "missing", "place", "replaced"])
def test_a_hit_that_is_wrong_in_any_way_is_noticed(judge: Judge, harm: str) -> None:
    judge.states[1].files = {f"/made/{number}": f"made {number}" for number in range(30)}
    one = told(judge, 1, (13.0, 14.0), what="top", k=5)
    got = one["got"]
    assert len(got) == 5
    if harm == "score":
        got[2][0] += 0.01
    elif harm == "order":
        got[0], got[4] = got[4], got[0]
    elif harm == "missing":
        got.pop()
    elif harm == "place":
        got[1][3] = ["/made/99"]
    else:
        rows = judge._rows(1, "text", None)
        worst = min(rows, key=lambda row: float(row.part.vector @ unit(5, DIM)))
        got[0] = [float(worst.part.vector @ unit(5, DIM)), worst.digest, worst.part.ordinal, list(worst.paths)]
    judge.judge([one])
    assert len(judge.violations) == 1


def test_files_that_left_the_disk_may_be_left_out_and_no_others(judge: Judge) -> None:
    one = told(judge, 1, (19.0, 21.5), what="files")
    one["got"] = []
    judge.judge([one])
    assert not judge.violations
    judge.states[2].prepare = 22.0
    judge.states[2].begin = 22.0
    judge = Judge(judge.states, judge.drawn, DIM)
    judge.judge([one])
    assert len(judge.violations) == 1


def test_made_contents_are_the_same_in_every_process() -> None:
    again = made("made 1", DIM)
    assert [part.text for part in made("made 1", DIM)] == [part.text for part in again]
    assert all(abs(float(np.linalg.norm(part.vector)) - 1) < 1e-3 for part in again)
