"""The command line: one module a command, each parsing, calling, printing and choosing the exit code.

The only package that prints and exits. Heavy imports wait until a command runs, so that `--help` is quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from mmsearch import __version__
from mmsearch.cli.common import PLAIN

COMMANDS = {
    "index": "index",
    "search": "search",
    "status": "status",
    "bench": "bench",
    "models": "app",
    "eval": "evaluate",
    "dupes": "dupes",
}
"""Each command is a module of this package; under this name the module has its function, or its commands."""


class _Late(TyperGroup):
    """Imports the module of a command when it is asked for, so that no command waits for the others."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        # For a name that is none, all are needed: one of them may be what was meant.
        for name in (cmd_name,) if cmd_name in COMMANDS else COMMANDS:
            if name not in self.commands:
                self.commands[name] = _made(name)
        return self.commands.get(cmd_name)


def _made(name: str) -> Any:
    found = getattr(import_module(f"mmsearch.cli.{name}"), COMMANDS[name])
    if not isinstance(found, typer.Typer):
        alone = typer.Typer(**PLAIN)
        alone.command(name)(found)
        found = alone
    command = get_command(found)
    command.name = name
    return command


app = typer.Typer(
    name="mmsearch",
    cls=_Late,
    help="Find anything in your folders by meaning: photos, screenshots, PDFs, notes, sound and video.\n\n"
    "Exit codes: 0 done or found, 1 nothing found, 2 bad usage, 3 no such index, 4 model unavailable, "
    "5 done but with new failures, 130 interrupted (what was finished is kept).",
    epilog="Examples:  mmsearch index ~/Pictures    mmsearch search red car    mmsearch status --failures",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"mmsearch {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(
        False, "--version", help="Print the version and exit.", callback=_version, is_eager=True
    ),
) -> None:
    pass


def main() -> None:
    """Entry point of the console script."""
    app()
