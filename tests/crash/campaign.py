"""Which points are taken: all kinds of them in turn, from the rare to the common, in every history."""

from __future__ import annotations

import errno
import random
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from tests.crash.histories import HISTORIES, History
from tests.crash.power import Disk
from tests.crash.processes import Done, Processes
from tests.crash.shim import KILLS, Action, Event
from tests.crash.trials import Broken, Stage, Trial, cut, cut_later, fault, kill

T = TypeVar("T")
Tell: TypeAlias = Callable[[], None]
"""Is called after each trial."""

FAULTS = (
    (Action.FAIL_ONCE, errno.ENOSPC),
    (Action.FAIL_ONCE, errno.EIO),
    (Action.FAIL_ON, errno.ENOSPC),
    (Action.FAIL_ON, errno.EIO),
    (Action.SHORT_ONCE, 0),
    (Action.SHORT_THEN_FAIL_ON, errno.ENOSPC),
)
RANDOM_EVERY, AGAIN_EVERY, COLD_EVERY = 6, 4, 50
"""One kill in so many comes at a random moment; is followed by one of the next run; is of a fresh interpreter."""
COMPLETE_EVERY = 10
"""After one power cut in so many the next run has to complete it. All are read, checked and searched."""
LATER_EVERY, CUTS_OF_ONE = 4, 10
"""One power cut in so many comes in the run after one that was killed; so many of these share one kill."""
LONGEST = 0.6
"""Seconds within which a random kill comes."""


@dataclass
class Result:
    """What was done, by kind, and every promise that was not kept."""

    kills: int = 0
    faults: int = 0
    cuts: int = 0
    missed: int = 0
    by_history: Counter[str] = field(default_factory=Counter)
    by_point: Counter[str] = field(default_factory=Counter)
    by_file: Counter[str] = field(default_factory=Counter)
    exits: Counter[str] = field(default_factory=Counter)
    told: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        counts = {
            name: dict(sorted(getattr(self, name).items()))
            for name in ("by_history", "by_point", "by_file", "exits", "told")
        }
        return {
            "kills": self.kills,
            "faults": self.faults,
            "cuts": self.cuts,
            "broken": self.broken,
            "missed": self.missed,
            **counts,
        }


def stages(folder: Path, processes: Processes, histories: Sequence[History] = HISTORIES) -> list[Stage]:
    """Make the histories."""
    return [Stage(history, folder / str(number), processes) for number, history in enumerate(histories)]


def told(error: Exception) -> str:
    """A promise that was broken, or what went wrong while looking."""
    return str(error) if isinstance(error, Broken) else repr(error)


def kind_of(path: str) -> str:
    """The kind of a file below the index directory."""
    return re.sub(r"[0-9]+\.faiss", "N.faiss", path) or "."


def in_turn(points: list[tuple[Any, T]], chance: random.Random) -> Iterator[T]:
    """One of each kind, then the next of each, each kind in random order."""
    kinds: dict[Any, list[T]] = defaultdict(list)
    for kind, point in points:
        kinds[kind].append(point)
    rows = list(kinds.values())
    for row in rows:
        chance.shuffle(row)
    while rows:
        chance.shuffle(rows)
        for row in rows:
            yield row.pop()
        rows = [row for row in rows if row]


def kill_points(made: Sequence[Stage], chance: random.Random) -> Iterator[tuple[Stage, Trial]]:
    """Before, after and in the middle of each event."""
    points = [
        ((stage.history.name, event.what, kind_of(event.path), action), (stage, Trial(event.number, action)))
        for stage in made
        for event in stage.events
        for action in KILLS
        if action != Action.KILL_HALFWAY or (event.what == "write" and event.size > 1)
    ]
    return in_turn(points, chance)


def fault_points(made: Sequence[Stage], chance: random.Random) -> Iterator[tuple[Stage, Trial]]:
    """Each way to fail at each event that can fail so."""
    points = [
        (
            (stage.history.name, event.what, kind_of(event.path), action, error),
            (stage, Trial(event.number, action, error)),
        )
        for stage in made
        for event in stage.events
        for action, error in FAULTS
        if _can_fail(event, action, error)
    ]
    return in_turn(points, chance)


def _can_fail(event: Event, action: Action, error: int) -> bool:
    if action in (Action.SHORT_ONCE, Action.SHORT_THEN_FAIL_ON):
        return event.what == "write" and event.size > 1
    return error != errno.ENOSPC or event.what not in ("unlink", "open")


def run_kills(made: Sequence[Stage], count: int, chance: random.Random, result: Result, tell: Tell) -> None:
    """Kill so often, unless most trials go wrong."""
    points = kill_points(made, chance)
    for number in range(1, 2 * count + 100):
        if result.kills >= count:
            return
        if number % RANDOM_EVERY == 0:
            stage, trial = chance.choice(made), Trial(seconds=chance.uniform(0.0, LONGEST))
        else:
            found = next(points, None)
            stage, trial = found or (chance.choice(made), Trial(seconds=chance.uniform(0.0, LONGEST)))
        if number % AGAIN_EVERY == 0:
            trial = replace(trial, second=chance.randrange(1, 150))
        if number % COLD_EVERY == COLD_EVERY // 2 and trial.seconds is None:
            trial = replace(trial, cold=True, plain=number % (2 * COLD_EVERY) == COLD_EVERY // 2)
        try:
            before = result.kills
            for action, done in kill(stage, trial):
                result.kills += 1
                _count(result, stage, action, done)
            result.missed += before == result.kills
        except Exception as error:
            result.broken.append(f"{stage.history.name}: {trial}: {told(error)}")
        tell()


def run_faults(made: Sequence[Stage], count: int, chance: random.Random, result: Result, tell: Tell) -> None:
    """Let the disk fail so often."""
    for stage, trial in islice(fault_points(made, chance), 2 * count):
        if result.faults == count:
            return
        try:
            done = fault(stage, trial)
            if done.seen.hit:
                result.faults += 1
                _count(result, stage, trial.action, done, trial.error)
                result.exits[str(done.status)] += 1
                result.told.update(done.errors(stage.index))
            else:
                result.missed += 1
        except Exception as error:
            result.broken.append(f"{stage.history.name}: {trial}: {told(error)}")
        tell()


def run_cuts(made: Sequence[Stage], count: int, chance: random.Random, result: Result, tell: Tell) -> None:
    """Cut the power so often, by turns keeping only what was synced and some of the rest, too."""
    later = count // LATER_EVERY
    chosen = Counter(chance.choices([(stage, event) for stage in made for event in stage.events], k=count - later))
    for stage in made:
        disk = Disk(stage.before)
        for event in stage.events:
            disk.play(event)
            for _ in range(chosen[stage, event]):
                result.cuts += 1
                some = chance if result.cuts % 2 else None
                try:
                    cut(stage, disk, event, some, complete=result.cuts % COMPLETE_EVERY == 0)
                except Exception as error:
                    kept = "some" if some else "only what was synced"
                    result.broken.append(
                        f"{stage.history.name}: power cut after {event.number}, kept {kept}: {told(error)}"
                    )
                tell()
    while result.cuts < count:
        stage = chance.choice(made)
        at = chance.choice([event.number for event in stage.events if event.what in ("fsync", "unlink", "rename")])
        try:
            for _ in cut_later(stage, at, chance, min(CUTS_OF_ONE, count - result.cuts)):
                result.cuts += 1
        except Exception as error:
            result.cuts += 1
            result.broken.append(f"{stage.history.name}: power cut in the run after a kill before {at}: {told(error)}")
        tell()


def _count(result: Result, stage: Stage, action: Action, done: Done, error: int = 0) -> None:
    result.by_history[stage.history.name] += 1
    if not done.seen.hit:
        result.by_point["kill at a random moment"] += 1
        return
    how = " ".join([*action.name.lower().split("_"), *([errno.errorcode[error]] if error else []), done.seen.what])
    result.by_point[how] += 1
    result.by_file[kind_of(done.seen.path[len(str(stage.index)) :].lstrip("/"))] += 1
