"""Standard streams that the caller has closed, as daemons, some editors and agents do, or that a full disk backs."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from .conftest import Command

pytestmark = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="only Linux has /dev/full")
PRINTING = [
    "--help",
    "--version",
    "search --help",
    "models list",
    "status --index I",
    "search star --index I",
    "search star --json --index I",
]


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> Command:
    cwd: Path = tmp_path_factory.mktemp("files")
    (cwd / "stars.txt").write_text("The pole star shows the north.")
    command = Command(cwd, cwd / "I")
    command.report("stars.txt")
    return command


def run(command: Command, words: str, streams: str) -> subprocess.CompletedProcess[str]:
    return command.shell(f"{{mmsearch}} {words} {streams}")


@pytest.mark.parametrize("words", PRINTING)
@pytest.mark.parametrize("stdout", [">&-", "> /dev/full"])
def test_output_that_cannot_be_written_is_one_line_and_exit_code_2(words: str, stdout: str, indexed: Command) -> None:
    done = run(indexed, words, stdout)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("mmsearch: error: the output cannot be written: ")


@pytest.mark.parametrize("words", PRINTING)
def test_with_all_streams_closed_the_exit_code_remains(words: str, indexed: Command) -> None:
    assert run(indexed, words, "<&- >&- 2>&-").returncode == 2


@pytest.mark.parametrize("words", ["search star --index I", "models list", "index stars.txt --index I"])
@pytest.mark.parametrize("streams", ["<&-", "2>&-"])
def test_a_stream_that_is_not_needed_may_be_closed(words: str, streams: str, indexed: Command) -> None:
    assert run(indexed, words, streams).returncode == 0


def test_messages_do_not_go_to_stdout_where_stderr_is_closed(indexed: Command) -> None:
    done = run(indexed, "index stars.txt --index I", "2>&-")
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("words", ["search --queries - --index I", "index --files-from - --index I", "mcp --index I"])
def test_input_that_is_needed_and_closed_is_one_line(words: str, indexed: Command) -> None:
    done = run(indexed, words, "<&-")
    assert done.returncode == 2
    assert done.stderr == "mmsearch: error: the stream is closed\n"


def test_files_of_the_index_do_not_get_the_descriptors_of_closed_streams(indexed: Command) -> None:
    (indexed.cwd / "more.txt").write_text("A lighthouse shows the coast.")
    assert run(indexed, "index stars.txt more.txt --index J --json", "<&- >&- 2>&-").returncode == 2
    for name in ("meta.sqlite", "meta.sqlite-wal"):
        path = indexed.cwd / "J" / name
        assert not path.exists() or b'"indexed"' not in path.read_bytes()
    check = run(indexed, "status --check --index J", "")
    assert check.returncode == 0, check.stdout + check.stderr
