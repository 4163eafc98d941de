"""Runs commands in this process, with what they write and their exit code."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from typer.testing import CliRunner

from mmsearch.cli import app


class Done(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    told: str

    @property
    def json(self) -> Any:
        """What it printed, parsed."""
        return json.loads(self.out)


def run(*args: object) -> Done:
    """`mmsearch` with these arguments; what is no exit is raised."""
    result = CliRunner().invoke(app, [str(arg) for arg in args], prog_name="mmsearch")
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Done(result.exit_code, result.stdout, result.stderr)
