"""Lists that come from the pipes of a shell."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from .conftest import Command, draw

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="bash has pipes by name elsewhere only")


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> Command:
    cwd: Path = tmp_path_factory.mktemp("files")
    draw(cwd / "a.png", "red")
    (cwd / "a.txt").write_text("A note about apple trees.")
    command = Command(cwd, tmp_path_factory.mktemp("index") / "index")
    command.report(".")
    return command


@pytest.mark.parametrize(
    "line",
    [
        "mmsearch search -l --queries <(sleep 0.5; echo apple)",
        "echo apple | mmsearch search -l --queries /dev/stdin",
        "mmsearch search -l --queries /dev/fd/7 7<<< apple",
        'mmsearch eval <(echo \'{"query": "apple", "relevant": ["\'$PWD\'/a.txt"]}\')',
        "mmsearch index --files-from <(sleep 0.5; echo a.txt)",
        "printf 'a.txt\\0a.png\\0' | mmsearch index -0 --files-from /dev/stdin",
        "find . -name '*.txt' | mmsearch index --files-from -",
    ],
)
def test_lists_still_come_from_the_pipes_of_a_shell(line: str, indexed: Command) -> None:
    done = indexed.shell(line.replace("mmsearch", "{mmsearch}"))
    assert done.returncode == 0, done.stderr
    assert any(word in done.stdout + done.stderr for word in ("a.txt", "1.000", "unchanged")), done.stdout + done.stderr
