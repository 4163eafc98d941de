"""Runs commands below the shim: forked from one interpreter that has imported all, or cold."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from tests.crash.shim import Page, Seen, build

PATIENCE = 60.0
"""Seconds after which a run hangs; one takes a quarter of a second."""
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Done:
    """A command that has ended: its status as `subprocess` has it (None: it hung), what it said, and what was seen."""

    status: int | None
    stdout: str
    stderr: str
    seen: Seen

    def errors(self, index: Path) -> list[str]:
        """The lines on stderr, but for files that failed, with `INDEX` for where the index is."""
        lines = self.stderr.replace(str(index), "INDEX").splitlines()
        return [line for line in lines if not line.startswith("mmsearch: failed: ")]


class Processes:
    """Starts commands that use the index at `index`, which may be set anew; a context manager."""

    def __init__(self, folder: Path) -> None:
        """Raises `Unavailable` where nothing can be preloaded."""
        self.folder, self.index = folder, folder / "index"
        self.page = Page(folder / "page")
        self._library = build(folder)
        environment = {**self._environment(), "CRASH_LATER": "1", "TOKENIZERS_PARALLELISM": "false"}
        command = [sys.executable, "-m", "tests.crash.child", "serve"]
        self._server = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        if self._answer() != "ready":
            raise RuntimeError("the server of forks did not start")

    def __enter__(self) -> Processes:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server.stdin and self._server.stdout
        self._server.stdin.close()
        self._server.stdout.close()
        self._server.wait(PATIENCE)

    def _environment(self) -> dict[str, str]:
        paths = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
        own = {"LD_PRELOAD": str(self._library), "PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
        return {**os.environ, **own, **self._telling()}

    def _telling(self) -> dict[str, str]:
        return {
            "CRASH_DIRECTORY": str(self.index),
            "CRASH_PAGE": str(self.page.path),
            "MMSEARCH_INDEX": str(self.index),
        }

    def _answer(self) -> str:
        assert self._server.stdout
        return self._server.stdout.readline().strip()

    def run(self, argv: Sequence[str], kill_after: float | None = None, **environment: str) -> Done:
        """Fork, run, and wait for the end; the page says what happens at which event."""
        assert self._server.stdin
        request = {
            "argv": list(argv),
            "environment": {**self._telling(), **environment},
            "stdout": str(self.folder / "stdout"),
            "stderr": str(self.folder / "stderr"),
            "kill_after": kill_after,
            "patience": PATIENCE,
        }
        self._server.stdin.write(json.dumps(request) + "\n")
        self._server.stdin.flush()
        status = json.loads(self._answer())
        told = [(self.folder / name).read_text(errors="replace") for name in ("stdout", "stderr")]
        return Done(status, told[0], told[1], self.page.seen())

    def cold(self, argv: Sequence[str], plain: bool = False) -> Done:
        """The same in a fresh interpreter; `plain` with nothing but the shim below `python -m mmsearch`."""
        module = ["mmsearch"] if plain else ["tests.crash.child", "cold"]
        done = subprocess.run(
            [sys.executable, "-m", *module, *argv],
            cwd=ROOT, env=self._environment(), capture_output=True, text=True, errors="replace", check=False,
        )  # fmt: skip
        return Done(done.returncode, done.stdout, done.stderr, self.page.seen())
