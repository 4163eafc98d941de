"""One trial: a command over a copy of an index, killed or its disk failing, and everything that must hold after."""

from __future__ import annotations

import json
import os
import pickle
import random
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from mmsearch.store import Reader, schema
from tests.crash.histories import History
from tests.crash.power import Disk
from tests.crash.processes import Done, Processes
from tests.crash.shim import Action, Event, events
from tests.crash.state import EMPTY, State, read, wrong_answers

COMPLETE = (0, 5)
"""Exit codes of a run that came through; 5 when it met a file that cannot be read."""
KILLED = -9
OURS = {"meta.sqlite", "meta.sums", "vectors", "write.lock"}
BACKUP = schema.BACKUP.format(1)


class Broken(AssertionError):
    """A promise that was not kept."""


def demand(held: bool, what: str) -> None:
    """Raises `Broken` unless it is so."""
    if not held:
        raise Broken(what)


class Stage:
    """A history that was made, and what an uninterrupted run makes of it.

    Attributes:
        events: of the command.
        states: that it passes through, the one before it first.
        final: once the commands that come after are through, too.
    """

    def __init__(self, history: History, folder: Path, processes: Processes) -> None:
        self.history, self.processes = history, processes
        self.folder, self.tree = folder, folder / "tree"
        self.index = self.tree / ".mmsearch" if history.inside else folder / "index"
        self.before = folder / "before"
        folder.mkdir()
        processes.index = self.index
        history.past(self.tree, self.index, lambda argv: self.through(processes.run(argv)))
        if self.index.exists():
            shutil.move(self.index, self.before)
        self.reset()
        self.events = self._traced()
        self.reset()
        self.states = [read(str(self.index))]
        self.through(self.run(history.command, CRASH_STATES=str(folder / "states")))
        self.states += pickle.loads((folder / "states").read_bytes())
        self.problems = self._problems(self.before) if history.damaged else []
        self.complete(read(str(self.index)), check=False)
        self.final = read(str(self.index))

    def reset(self) -> None:
        """The index as it was before, and nothing armed."""
        self.processes.index = self.index
        self.processes.page.arm()
        shutil.rmtree(self.index, ignore_errors=True)
        if self.before.exists():
            shutil.copytree(self.before, self.index)

    def run(self, command: tuple[str, ...], kill_after: float | None = None, **environment: str) -> Done:
        """One of the history's commands in a fork."""
        return self.processes.run(self.argv(command), kill_after, **environment)

    def argv(self, command: tuple[str, ...]) -> list[str]:
        return [part.replace("{tree}", str(self.tree)) for part in command]

    def _traced(self) -> list[Event]:
        trace = self.folder / "trace"
        self.through(self.run(self.history.command, CRASH_TRACE=str(trace)))
        return list(events(trace))

    @staticmethod
    def through(done: Done) -> None:
        demand(done.status in COMPLETE, f"an uninterrupted run ended with {done.status}: {done.stderr}")

    @staticmethod
    def _problems(directory: Path) -> list[str]:
        with Reader.open(str(directory)) as reader:
            return list(reader.problems())

    # --- what must hold ---

    def examine(self) -> State:
        """Open the index, read and search it; what it holds."""
        try:
            state = read(str(self.index))
            problems = self._problems(self.index) if state != EMPTY else []
            if problems != self.problems or not state.same(self.states[0]):
                demand(not problems, f"the check finds {problems}")
            wrong = list(wrong_answers(str(self.index), state))
            demand(not wrong, f"wrong answers: {wrong}")
            self._backup()
        except Broken:
            raise
        except Exception as error:
            raise Broken(f"the index cannot be read: {error!r}") from error
        return state

    def _backup(self) -> None:
        """A migration's backup is the database that was, whole, and is there as soon as the format is another."""
        path = self.index / BACKUP
        before = self.before / schema.DATABASE
        if path.exists():
            demand(_dump(path) == _dump(before), f"{BACKUP} is not what was")
        elif before.exists() and _format(before) == "1":
            demand(_format(self.index / schema.DATABASE) == "1", f"migrated without {BACKUP}")

    def progressed(self, before: State, after: State) -> None:
        """Each file is as it was or as it will be, and none goes back."""
        for path in before.files.keys() | after.files.keys():
            old, new, last = before.files.get(path), after.files.get(path), self.final.files.get(path)
            allowed = (last,) if old == last else (old, last)
            lossy = self.history.damaged and new is None
            demand(new in allowed or lossy, f"{path} is {new}, was {old}, will be {last}")
        for key, content in after.contents.items():
            known = [state.contents[key] for state in (before, self.final) if key in state.contents]
            demand(any(content.same(one) for one in known), f"content {key} is not what it should be")

    def complete(self, state: State, check: bool = True) -> None:
        """The next run comes through, embeds nothing twice, and leaves nothing behind."""
        self.processes.page.arm()
        for command in self.history.again:
            before = state
            done = self.run(command)
            self.through(done)
            state = read(str(self.index))
            if command[0] == "index":
                embedded = json.loads(done.stdout)["embedded"]
                fresh = len(state.contents.keys() - before.contents.keys())
                demand(embedded == fresh, f"the next run embedded {embedded} contents, {fresh} were missing")
        found = self._problems(self.index)
        demand(not found, f"after the next run the check finds {found}")
        self._no_strays()
        if check:
            differences = list(self.final.differences(state))
            demand(not differences, f"the next run ends elsewhere: {differences[:3]}")
            self._backup()

    def _no_strays(self) -> None:
        found = set(os.listdir(self.index)) - OURS - ({BACKUP} if "migrated" in self.history.name else set())
        demand(not found, f"left behind: {sorted(found)}")
        with closing(sqlite3.connect(self.index / schema.DATABASE)) as db:
            listed = {
                name for (name,) in db.execute("SELECT name FROM segments UNION ALL SELECT name FROM accelerators")
            }
        folder = self.index / "vectors"
        there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
        demand(there == listed, f"left behind: {sorted(there - listed)}, gone: {sorted(listed - there)}")


def _dump(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as db:
        return list(db.iterdump())


def _format(path: Path) -> str | None:
    with closing(sqlite3.connect(path)) as db:
        return schema.get_meta(db, "format")


@dataclass(frozen=True)
class Trial:
    """What is done at which event of the command; a kill without an action comes after `seconds`.

    Attributes:
        second: the event of the next run at which that is killed as well; 0 for not at all.
        cold: whether the command runs in a fresh interpreter, and `status --check` after it.
        plain: whether it commits as rarely as it does by default there.
    """

    at: int = 0
    action: Action = Action.NOTHING
    error: int = 0
    seconds: float | None = None
    second: int = 0
    cold: bool = False
    plain: bool = False


def kill(stage: Stage, trial: Trial) -> Iterator[tuple[Action, Done]]:
    """Kill a command, and perhaps the next; yields how and what each that was killed had done. Raises `Broken`."""
    stage.reset()
    stage.processes.page.arm(trial.at, trial.action)
    done = _start(stage, trial)
    state = stage.examine()
    if done.status == KILLED:
        yield trial.action, done
    else:
        Stage.through(done)
    commits = done.seen.commits
    if trial.cold:
        _checked(stage, state)
    if trial.plain:
        if not state.same(stage.states[0]):
            stage.progressed(EMPTY if "rebuilt" in stage.history.name else stage.states[0], state)
    else:
        allowed = stage.states[commits : commits + 2]
        demand(any(state.same(one) for one in allowed), _lost(allowed, state, commits))
    if trial.second:
        stage.processes.page.arm(trial.second, Action.KILL_BEFORE)
        done, before = stage.run(stage.history.again[0]), state
        state = stage.examine()
        stage.progressed(before, state)
        if done.status == KILLED:
            yield Action.KILL_BEFORE, done
    stage.complete(state)


def _checked(stage: Stage, state: State) -> None:
    """`mmsearch status --check`, as a user has it, says what `examine` has found."""
    stage.processes.page.arm()
    done = stage.processes.cold(["status", "--check"], plain=True)
    sound = state != EMPTY and not (stage.problems and state.same(stage.states[0]))
    demand(done.status == (0 if sound else 3), f"`status --check` ends with {done.status}: {done.stdout}{done.stderr}")


def _start(stage: Stage, trial: Trial) -> Done:
    if trial.cold:
        return stage.processes.cold(stage.argv(stage.history.command), trial.plain)
    return stage.run(stage.history.command, trial.seconds)


def _lost(allowed: list[State], state: State, commits: int) -> str:
    told = [list(one.differences(state))[:3] for one in allowed]
    return f"after {commits} commits the index is neither there nor one further: {told}"


def cut(stage: Stage, disk: Disk, event: Event, chance: random.Random | None, complete: bool) -> None:
    """Cut the power after an event that `disk` has seen, and let the next run `complete` it. Raises `Broken`."""
    shutil.rmtree(stage.index, ignore_errors=True)
    stage.processes.index = stage.index
    disk.cut(stage.index, chance)
    state = stage.examine()
    allowed = stage.states[event.commits : event.commits + 2]
    demand(any(state.same(one) for one in allowed), _lost(allowed, state, event.commits))
    if complete:
        stage.complete(state)


def cut_later(stage: Stage, at: int, chance: random.Random, count: int) -> Iterator[Event]:
    """Kill the command before an event, and cut the power so often in the run after it; yields where. Raises `Broken`.

    What the killed one wrote and did not sync is then still at risk, though the next one has seen it.
    """
    disk, commits = Disk(stage.before), 0
    for command, action in ((stage.history.command, Action.KILL_BEFORE), (stage.history.again[0], Action.NOTHING)):
        trace = stage.folder / f"trace-{action.name}"
        trace.unlink(missing_ok=True)
        if action:
            stage.reset()
        stage.processes.page.arm(at, action)
        done = stage.run(command, CRASH_TRACE=str(trace))
        if action:
            demand(done.status == KILLED, f"not killed but ended with {done.status}: {done.stderr}")
            commits = done.seen.commits
            for event in events(trace):
                disk.play(event)
    later = list(events(trace))
    deletions = [event.number for event in later if event.what == "unlink" and event.path.startswith("vectors")]
    chosen = {
        *chance.sample(deletions, min(len(deletions), count // 2)),
        *chance.choices(range(1, len(later)), k=count),
    }
    for event in later:
        disk.play(event)
        if event.number in chosen and count > 0:
            count -= 1
            some = chance if count % 2 else None
            shutil.rmtree(stage.index)
            disk.cut(stage.index, some)
            state = stage.examine()
            if not state.same(kept := stage.states[commits]):
                stage.progressed(EMPTY if "rebuilt" in stage.history.name and not commits else kept, state)
            yield event


def fault(stage: Stage, trial: Trial) -> Done:
    """Let the disk fail below a command; what it did. Raises `Broken`."""
    stage.reset()
    stage.processes.page.arm(trial.at, trial.action, trial.error)
    done = _start(stage, trial)
    demand(done.status is not None, "it hangs")
    demand("Traceback" not in done.stderr, f"a traceback: {done.stderr}")
    lines = done.errors(stage.index)
    stage.processes.page.arm()
    state = stage.examine()
    if done.status in COMPLETE:
        demand(not lines, f"it came through, and says {lines}")
        demand(state.same(stage.states[-1]), "it says that it came through, and did not")
    else:
        demand(done.status in (2, 3), f"exit code {done.status}: {done.stderr}")
        demand(len(lines) == 1 and lines[0].startswith("mmsearch: error: "), f"not one clear line: {done.stderr!r}")
        demand("--rebuild" not in lines[0], f"sound, and to be rebuilt all the same: {lines[0]}")
    kept = stage.states[done.seen.kept]
    if done.seen.kept or "rebuilt" not in stage.history.name:
        stage.progressed(kept, state) if not state.same(kept) else None
    stage.complete(state)
    return done
