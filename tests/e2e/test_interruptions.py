"""Killed, interrupted, run twice at once: nothing committed is lost, nothing appears twice."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time

from .conftest import Command


def notes(mmsearch: Command, count: int) -> None:
    words = ["river", "stone", "bread", "winter", "engine", "violin", "garden", "letter", "harbour", "candle"]
    rng = random.Random(7)
    for number in range(count):
        (mmsearch.cwd / f"{number:04}.txt").write_text(" ".join(rng.choices(words, k=120)) + f" {number}")


def start(mmsearch: Command, *args: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        mmsearch.argv(*args), cwd=mmsearch.cwd, env=mmsearch.env(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def all_paths(mmsearch: Command) -> list[str]:
    return [str(hit["path"]) for hit in mmsearch.hits("river", "-k", "100000")]


def test_kill_at_any_moment_loses_no_commit_and_doubles_nothing(mmsearch: Command) -> None:
    notes(mmsearch, 400)
    rng = random.Random(11)
    seen = 0
    for _ in range(6):
        process = start(mmsearch, "index", ".")
        time.sleep(rng.uniform(0.3, 2.0))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        done = mmsearch("status", "--json")
        indexed = json.loads(done.stdout)["files"].get("ok", 0) if done.returncode == 0 else 0
        assert indexed >= seen
        seen = indexed
    report = mmsearch.report(".")
    assert report["added"] + report["unchanged"] == 400
    paths = all_paths(mmsearch)
    assert len(paths) == len(set(paths)) == 400
    assert mmsearch.report(".")["embedded"] == 0


def test_interrupt_keeps_what_was_finished(mmsearch: Command) -> None:
    notes(mmsearch, 1500)
    process = start(mmsearch, "index", ".")
    time.sleep(2.5)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert b"Traceback" not in stderr
    if process.returncode == 0:
        return  # a fast machine was done before the signal
    assert process.returncode == 130
    report = mmsearch.report(".")
    assert report["added"] + report["unchanged"] == 1500


def test_two_writers_at_once_end_with_one_complete_index(mmsearch: Command) -> None:
    notes(mmsearch, 300)
    processes = [start(mmsearch, "index", ".", "--json") for _ in range(2)]
    results = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    reports = [json.loads(stdout) for stdout, _ in results]
    assert sorted(report["embedded"] for report in reports) == [0, 300]
    assert len(set(all_paths(mmsearch))) == 300


def test_the_second_writer_says_who_holds_the_lock(mmsearch: Command) -> None:
    from filelock import FileLock

    notes(mmsearch, 3)
    mmsearch.report(".")
    with FileLock(mmsearch.index / "write.lock"):
        process = start(mmsearch, "index", ".")
        time.sleep(2)
        assert process.poll() is None
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 0
    assert b"writing" in stderr


def test_search_works_while_an_index_run_goes_on(mmsearch: Command) -> None:
    notes(mmsearch, 200)
    mmsearch.report(".")
    for number in range(200, 1200):
        (mmsearch.cwd / f"{number:04}.txt").write_text(f"another note about music, number {number}")
    process = start(mmsearch, "index", ".")
    answers = []
    while process.poll() is None:
        answers.append(len(mmsearch.hits("river", "-k", "100000")))
    assert process.wait() == 0
    process.communicate()
    assert answers
    assert min(answers) >= 200
    assert len(all_paths(mmsearch)) == 1200


def test_a_read_only_index_can_be_searched(mixed: Command) -> None:
    mixed.report(".")
    for folder, _, files in os.walk(mixed.index):
        for name in files:
            os.chmod(os.path.join(folder, name), 0o444)
        os.chmod(folder, 0o555)
    assert len(mixed.hits("garden")) == 6
    for folder, _, _ in os.walk(mixed.index):
        os.chmod(folder, 0o755)
