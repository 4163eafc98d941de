"""How the command's process begins and ends."""

from __future__ import annotations

import subprocess
import sys

import pytest

from mmsearch.__main__ import ALLOCATIONS

START = "import sys, {module}; sys.argv = ['mmsearch', *{words}]\n"
RUN = "from mmsearch.__main__ import main; main()"
TAKEN_APART = """
class Watched:
    def __del__(self, write=__import__("os").write): write(1, b"taken apart")
kept = Watched()
"""


def ended(module: str, script: str, *words: str) -> subprocess.CompletedProcess[str]:
    source = START.format(module=module, words=list(words)) + script + RUN
    return subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=False)


def test_it_does_what_is_to_be_done_at_an_exit_and_no_more() -> None:
    done = ended("atexit", TAKEN_APART + "atexit.register(print, 'at the exit')\n", "--version")
    assert done.returncode == 0
    assert done.stdout.splitlines()[1:] == ["at the exit"]
    assert done.stderr == ""


def test_what_has_failed_ends_as_python_does() -> None:
    done = ended("os", TAKEN_APART, "search", "boats", "--index", "/nowhere")
    assert done.returncode == 3
    assert done.stdout == "taken apart"


def test_another_thread_may_finish() -> None:
    script = "t = threading.Timer(0.5, print, ['finished']); t.start()\n"
    done = ended("threading", script, "--version")
    assert done.returncode == 0
    assert done.stdout.splitlines()[1:] == ["finished"]


@pytest.mark.parametrize("words", [("--version",), ("search", "boats", "--index", "/nowhere")])
def test_a_daemon_thread_does_not_meet_the_end_of_python(words: tuple[str, ...]) -> None:
    script = TAKEN_APART + "threading.Thread(target=threading.Event().wait, daemon=True).start()\n"
    done = ended("threading", script, *words)
    assert done.returncode == (3 if "search" in words else 0)
    assert "taken apart" not in done.stdout


def test_what_cannot_be_written_is_no_success() -> None:
    source = START.format(module="os", words=["--version"]) + "sys.stdout = open('/dev/full', 'w')\n" + RUN
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=False)
    assert done.returncode != 0


def test_garbage_is_looked_for_seldom_while_much_is_imported() -> None:
    done = ended("atexit, gc", "atexit.register(lambda: print(gc.isenabled(), gc.get_threshold()[0]))\n", "--version")
    assert done.stdout.splitlines()[1:] == [f"True {ALLOCATIONS}"]
