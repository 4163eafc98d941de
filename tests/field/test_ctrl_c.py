"""Ctrl-C at any moment, and once more by somebody impatient: no traceback, no process left, and an index that is whole.

As on a terminal, the signal goes to all processes of the command.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time

import pytest

from mmsearch.store import Reader
from tests.e2e.conftest import Command

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")

NOTES = 120
INTERRUPTED = (130, -signal.SIGINT)
"""The second is what a shell calls 130: it came when there was nothing to finish, before or after."""


def timed(mmsearch: Command, *argv: str) -> float:
    began = time.monotonic()
    assert mmsearch(*argv).returncode == 0
    return time.monotonic() - began


def interrupt(mmsearch: Command, delays: list[float], *argv: str) -> int:
    """Run a command and send Ctrl-C after each of the delays, in seconds; its exit code."""
    process = subprocess.Popen(
        mmsearch.argv(*argv), cwd=mmsearch.cwd, env=mmsearch.env(), start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    for delay in delays:
        time.sleep(delay)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    # Python itself takes a moment to start, and says how it was interrupted at that.
    assert b"Traceback" not in stderr or b"mmsearch/" not in stderr, stderr.decode()
    assert process.returncode in (0, 1, *INTERRUPTED), (process.returncode, stderr.decode())
    if process.returncode == 130:
        assert stderr == b"mmsearch: interrupted; what was finished is kept\n"
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)
    return process.returncode


def check(mmsearch: Command) -> int:
    """Make sure that an index is whole, if there is one yet; how many files it holds."""
    if not (mmsearch.index / "meta.sqlite").exists() or not (mmsearch.index / "meta.sqlite").stat().st_size:
        return 0
    try:
        reader = Reader.open(str(mmsearch.index))
    except Exception as error:
        assert "is empty" in str(error), error
        return 0
    with reader:
        assert list(reader.problems()) == []
        status = reader.status()
        count = status.files.get("ok", 0)
        assert status.items == ({"text": count} if count else {})
        return count


def write_notes(mmsearch: Command, round_: int) -> None:
    for number in range(NOTES):
        (mmsearch.cwd / f"{number:03}.txt").write_text(f"note {number} of round {round_} about rivers")


def go(mmsearch: Command, moments: int, clicks: int) -> list[int]:
    """Interrupt an index run at moments spread over its whole length, and finish it after each."""
    rng = random.Random(moments)
    write_notes(mmsearch, 0)
    total = timed(mmsearch, "index", ".")
    codes = []
    for moment in range(moments):
        write_notes(mmsearch, moment + 1)
        again = [rng.choice((0.001, 0.02, 0.2)) for _ in range(clicks - 1)]
        delays = [total * (moment + 0.7) / moments, *again]
        codes.append(interrupt(mmsearch, delays, "index", ".", "--jobs", str(moment % 3)))
        assert check(mmsearch) == NOTES
        if moment % 4 == 3 or moment == moments - 1:
            mmsearch.report(".")
            assert check(mmsearch) == NOTES
    return codes


def test_an_index_run_can_be_interrupted_at_any_moment(mmsearch: Command) -> None:
    assert set(go(mmsearch, 3, 1)) & {*INTERRUPTED}


def test_ctrl_c_twice_is_no_worse(mmsearch: Command) -> None:
    assert set(go(mmsearch, 2, 2)) & {*INTERRUPTED}


def test_a_search_can_be_interrupted_at_any_moment(mmsearch: Command) -> None:
    write_notes(mmsearch, 0)
    mmsearch.report(".")
    total = timed(mmsearch, "search", "river")
    codes = {interrupt(mmsearch, [total * share], "search", "river") for share in (0.2, 0.7)}
    assert codes & {*INTERRUPTED}


def test_a_command_started_with_ctrl_c_ignored_goes_on(mmsearch: Command) -> None:
    """As a shell starts what runs in the background of a script."""
    write_notes(mmsearch, 0)
    argv = ["sh", "-c", "trap '' INT; exec \"$@\"", "sh", *mmsearch.argv("index", ".")]
    process = subprocess.Popen(argv, cwd=mmsearch.cwd, env=mmsearch.env(), stderr=subprocess.PIPE)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=120)
    assert process.returncode == 0 and check(mmsearch) == NOTES


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("clicks", [1, 2, 3])
def test_an_index_run_is_interrupted_at_fifty_moments(mmsearch: Command, clicks: int) -> None:
    go(mmsearch, 50, clicks)
