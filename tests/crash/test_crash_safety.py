"""The short form of `python -m tests.crash`, and that it would notice if something were lost."""

from __future__ import annotations

import errno
import os
import random
from collections.abc import Iterator

import pytest

from tests.crash.campaign import Result, kind_of, run_cuts, run_faults, run_kills, stages
from tests.crash.histories import HISTORIES
from tests.crash.power import Disk
from tests.crash.processes import Processes
from tests.crash.shim import Action, Unavailable, events
from tests.crash.trials import Broken, Stage, Trial, cut, cut_later, fault, kill

NAMES = {"fresh, inside the tree", "pruned", "migrated"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Stage]]:
    folder = tmp_path_factory.mktemp("crash")
    try:
        processes = Processes(folder)
    except Unavailable as reason:
        pytest.skip(str(reason))
    with processes:
        yield stages(folder, processes, [history for history in HISTORIES if history.name in NAMES])


@pytest.fixture
def pruned(made: list[Stage]) -> Stage:
    (stage,) = (stage for stage in made if stage.history.name == "pruned")
    stage.reset()
    return stage


def test_no_kill_loses_a_commit(made: list[Stage]) -> None:
    result = Result()
    run_kills(made, 20, random.Random(1), result, lambda: None)
    assert result.broken == []
    assert result.kills >= 20


def test_no_fault_of_the_disk_loses_a_commit(made: list[Stage]) -> None:
    result = Result()
    run_faults(made, 10, random.Random(2), result, lambda: None)
    assert result.broken == []
    assert result.faults == 10


def test_no_power_cut_loses_a_commit(made: list[Stage]) -> None:
    result = Result()
    run_cuts(made, 30, random.Random(3), result, lambda: None)
    assert result.broken == []
    assert result.cuts == 30


def test_a_run_is_killed_where_it_should_be(pruned: Stage) -> None:
    point = next(event for event in pruned.events if event.what == "rename" and event.path.endswith(".faiss"))
    for action, there in ((Action.KILL_BEFORE, False), (Action.KILL_AFTER, True)):
        ((_, done),) = kill(pruned, Trial(point.number, action))
        assert (done.status, done.seen.what, done.seen.path) == (-9, "rename", str(pruned.index / point.path))
        pruned.reset()
        pruned.processes.page.arm(point.number, action)
        pruned.run(pruned.history.command)
        assert (pruned.index / point.path).exists() == there


def test_nothing_is_written_past_the_shim(pruned: Stage) -> None:
    trace = pruned.folder / "whole"
    pruned.run(pruned.history.command, CRASH_TRACE=str(trace))
    disk = Disk(pruned.before)
    for event in events(trace):
        disk.play(event)
    there = {path.relative_to(pruned.index).as_posix(): path for path in pruned.index.rglob("*") if path.is_file()}
    assert disk.contents() == {name: path.read_bytes() for name, path in there.items()}


def test_what_is_lost_is_noticed(pruned: Stage) -> None:
    pruned.examine()
    file = min((pruned.index / "vectors").rglob("*.faiss"))
    whole = file.read_bytes()
    file.write_bytes(whole[:-1])
    with pytest.raises(Broken):
        pruned.examine()
    file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(Broken, match="the check finds"):
        pruned.examine()
    file.write_bytes(whole)
    state = pruned.examine()
    with pytest.raises(Broken, match="will be"):
        pruned.progressed(pruned.final, state)
    (pruned.index / "stray").touch()
    with pytest.raises(Broken, match="left behind"):
        pruned.complete(state)
    os.unlink(pruned.index / "stray")
    pruned.complete(pruned.final)


def test_a_commit_whose_sync_fails_keeps_its_vectors_for_it_may_count_yet(pruned: Stage) -> None:
    """SQLite reports the error and takes the commit back, but the next reader finds it whole in the log."""
    merged = next(event for event in pruned.events if event.what == "unlink" and event.path.endswith(".faiss"))
    syncs = [event for event in pruned.events if event.what == "fsync" and event.path.endswith("-wal")]
    last = max(event.number for event in syncs if event.number < merged.number)
    assert fault(pruned, Trial(last, Action.FAIL_ON, errno.ENOSPC)).status == 2


def test_a_first_run_that_made_no_database_is_no_obstacle(made: list[Stage]) -> None:
    (fresh,) = (stage for stage in made if stage.history.inside)
    database = next(event for event in fresh.events if event.what == "create" and event.path == "meta.sqlite")
    assert len(list(kill(fresh, Trial(database.number, Action.KILL_BEFORE)))) == 1
    assert fault(fresh, Trial(database.number, Action.FAIL_ON, errno.ENOSPC)).status == 2


def test_a_folder_of_vectors_that_a_killed_run_made_is_synced_by_the_next(made: list[Stage]) -> None:
    (fresh,) = (stage for stage in made if stage.history.inside)
    folder = next(event for event in fresh.events if event.what == "fsync" and event.path == "vectors")
    assert len(list(cut_later(fresh, folder.number, random.Random(1), 40))) > 30


@pytest.mark.parametrize("missing", ["vectors/text/N.faiss.tmp", "vectors/text", "meta.sqlite-wal"])
def test_a_sync_that_is_missing_is_noticed(pruned: Stage, missing: str) -> None:
    disk = Disk(pruned.before)
    with pytest.raises(Broken):
        for event in pruned.events:
            if event.what != "fsync" or kind_of(event.path) != missing:
                disk.play(event)
            if event.what == "fsync":
                cut(pruned, disk, event, None, complete=False)
