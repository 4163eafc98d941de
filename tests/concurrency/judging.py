"""The judge: every answer must be, exactly, what one state says that was committed when its snapshot was taken.

A state can be seen from the beginning of its commit to the end of the next one. All answers from one snapshot must be
true of one and the same of the states that could be seen while it was taken, however much later they were given.
"""

from __future__ import annotations

import json
import math
import os
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import groupby
from typing import Any

import numpy as np

from mmsearch.types import Vectors
from tests.concurrency.contents import PARTITIONS, Part, made, unit
from tests.concurrency.reading import summed

TOLERANCE = 1e-3
"""Of cosines, where equal ones may come in either order: vectors are float16, and the model's passes differ in the last
digits."""


@dataclass
class State:
    """What was committed: the digest of each live file; `prepare`, `begin` and `end` as in the log."""

    files: Mapping[str, str]
    prepare: float
    begin: float
    end: float


@dataclass(frozen=True)
class Row:
    """One live item of a state."""

    digest: str
    part: Part
    paths: tuple[str, ...]


def read_states(lines: Iterable[str]) -> Iterator[State]:
    """The states of a log, the empty one before them included."""
    files: dict[str, str] = {}
    yield State({}, -math.inf, -math.inf, -math.inf)
    for line in lines:
        told = json.loads(line)
        for path, digest in told["changes"].items():
            if digest is None:
                files.pop(path, None)
            else:
                files[path] = digest
        yield State(dict(files), told["prepare"], told["begin"], told["end"])


@dataclass
class Judge:
    """Knows all states, and the parts of the contents that are files of their own."""

    states: list[State]
    drawn: Mapping[str, list[Part]]
    dim: int
    violations: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._rows = lru_cache(maxsize=64)(self._uncached_rows)
        self._matrix = lru_cache(maxsize=64)(self._uncached_matrix)
        self._begins = [one.begin for one in self.states]
        self._ends = [one.end for one in self.states]

    def judge(self, answers: Iterable[dict[str, Any]]) -> int:
        """Look at all answers of one reader; how many snapshots they are from."""
        snapshots = 0
        by_name = sorted(answers, key=lambda one: (one["taken"][0], one["snapshot"]))
        for name, some in groupby(by_name, key=lambda one: one["snapshot"]):
            snapshots += 1
            self._judge_snapshot(name, list(some))
        return snapshots

    def seen(self, start: float, end: float) -> range:
        """The states that could be seen at some moment between two times."""
        last = bisect_right(self._begins, end)
        return range(max(0, bisect_left(self._ends, start, lo=1) - 1), last)

    def _judge_snapshot(self, name: str, answers: list[dict[str, Any]]) -> None:
        candidates = self.seen(*answers[0]["taken"])
        wrong: list[str] = []
        for number in candidates:
            complaint = next((told for one in answers if (told := self.complaint(number, one))), None)
            if complaint is None:
                return
            wrong.append(f"not state {number}: {complaint}")
        told = "; ".join(wrong) or "no state could be seen"
        self.violations.append(f"{len(answers)} answers from snapshot {name}: {told}"[:2000])

    def complaint(self, number: int, told: dict[str, Any]) -> str:
        """Why an answer is not what a state says, or an empty string."""
        ask, got = told["ask"], told["got"]
        if ask["what"] == "files":
            return self._files_complaint(number, told)
        if ask["what"] == "top":
            return self._top_complaint(number, ask, got)
        expected = self._counts(number) if ask["what"] == "counts" else summed(self._listing(number, ask))
        return "" if got == expected else f"{ask} gave {got} and not {expected}"

    def _counts(self, number: int) -> dict[str, int]:
        counts = {partition: len(self._rows(number, partition, None)) for partition in PARTITIONS}
        return {partition: count for partition, count in counts.items() if count}

    def _listing(self, number: int, ask: dict[str, Any]) -> list[list[Any]]:
        only = ask.get("only")
        if ask["what"] == "words":
            rows = [row for row in self._rows(number, "text", only) if ask["word"] in row.part.text.split()]
        else:
            rows = self._rows(number, ask["partition"], only)
        return [[row.digest, row.part.ordinal, list(row.paths)] for row in rows]

    def _top_complaint(self, number: int, ask: dict[str, Any], got: list[list[Any]]) -> str:
        rows = self._rows(number, ask["partition"], ask.get("only"))
        scores = self._matrix(number, ask["partition"], ask.get("only")) @ unit(ask["query"], self.dim)
        if len(got) != min(ask["k"], len(rows)):
            return f"{ask} gave {len(got)} of {len(rows)}"
        exact = {
            (row.digest, row.part.ordinal): (float(score), list(row.paths))
            for row, score in zip(rows, scores, strict=True)
        }
        for score, digest, ordinal, paths in got:
            expected = exact.pop((digest, ordinal), None)
            if expected is None or expected[1] != paths or abs(expected[0] - score) > TOLERANCE:
                return f"{ask} gave {[score, digest, ordinal, paths]} and not {expected}"
        best_left = max((score for score, _ in exact.values()), default=-math.inf)
        told = [score for score, *_ in got]
        if told != sorted(told, reverse=True) or (told and best_left > told[-1] + TOLERANCE):
            return f"{ask} gave {told}, and left out {best_left}"
        return ""

    def _files_complaint(self, number: int, told: dict[str, Any]) -> str:
        """The command leaves out files that are not on the disk: those of the store never are, others may have gone."""
        on_disk = {path for path in self.states[number].files if not path.startswith("/made/")}
        gone: set[str] = set()
        for state, after in zip(self.states[number:], self.states[number + 1 :], strict=False):
            if after.prepare > told["end"]:
                break
            gone |= state.files.keys() - after.files.keys()
        got = set(told["got"])
        if len(got) != len(told["got"]) or not on_disk - gone <= got <= on_disk:
            return f"the command gave too much: {sorted(got - on_disk)} or too little: {sorted(on_disk - gone - got)}"
        return ""

    # --- what a state says ---

    def _uncached_rows(self, number: int, partition: str, only: str | None) -> list[Row]:
        places: dict[str, list[str]] = {}
        for path, digest in self.states[number].files.items():
            if only is None or only in path:
                places.setdefault(digest, []).append(path)
        return [
            Row(digest, part, tuple(sorted(paths, key=os.fsencode)))
            for digest, paths in places.items()
            for part in self._parts(digest)
            if part.partition == partition
        ]

    def _uncached_matrix(self, number: int, partition: str, only: str | None) -> Vectors:
        rows = [row.part.vector for row in self._rows(number, partition, only)]
        return np.stack(rows) if rows else np.zeros((0, self.dim), np.float32)

    def _parts(self, digest: str) -> list[Part]:
        return self.drawn[digest] if digest in self.drawn else _made(digest, self.dim)


_made = lru_cache(maxsize=20_000)(made)
