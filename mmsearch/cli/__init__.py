"""The command line: each command parses, calls, prints and chooses the exit code.

The only package that prints and exits. Heavy imports wait until a command runs, so that `--help` is quick.
"""

from __future__ import annotations

import sys
from enum import Enum
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.main import get_command

from mmsearch import __version__
from mmsearch.cli.command import Command, Group

NAME = "mmsearch"
COMMANDS = {
    "index": "index.index",
    "search": "search.search",
    "status": "status.status",
    "bench": "bench.bench",
    "models": "models.app",
    "eval": "eval.evaluate",
    "dupes": "dupes.dupes",
    "serve": "serve.serve",
    "mcp": "serve.mcp",
    "merge": "transfer.merge",
    "export": "transfer.export",
    "import": "transfer.import_",
}
"""Module and function (or Typer app) of each command, in this package."""


class Shell(str, Enum):
    """Shells that can complete commands."""

    bash = "bash"
    zsh = "zsh"
    fish = "fish"


class LazyGroup(Group):
    """Imports the module of a command when that command is used, so that no command waits for the others."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        # An unknown name loads all commands: Typer suggests a similar one.
        for name in (cmd_name,) if cmd_name in COMMANDS else COMMANDS:
            if name not in self.commands:
                module, _, attribute = COMMANDS[name].partition(".")
                entry = getattr(import_module(f"mmsearch.cli.{module}"), attribute)
                if not isinstance(entry, typer.Typer):
                    function, entry = entry, typer.Typer(add_completion=False, rich_markup_mode=None)
                    entry.command(name, cls=Command)(function)
                self.commands[name] = get_command(entry)
        return self.commands.get(cmd_name)


app = typer.Typer(
    name=NAME,
    cls=LazyGroup,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="\b\nExamples:\n  mmsearch index ~/Pictures\n  mmsearch search red car\n  mmsearch status --failures",
)


def _print_version(value: bool) -> None:
    if value:
        typer.echo(f"{NAME} {__version__}")
        raise typer.Exit


def _print_completion(shell: Shell | None) -> None:
    if shell:
        from typer._completion_shared import get_completion_script

        typer.echo(get_completion_script(prog_name=NAME, complete_var=f"_{NAME.upper()}_COMPLETE", shell=shell.value))
        raise typer.Exit


@app.callback()
def mmsearch(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version and exit.")
    ] = False,
    completion: Annotated[
        Shell | None,
        typer.Option("--completion", is_eager=True, callback=_print_completion, hidden=True),
    ] = None,
) -> None:
    """Find anything in your folders by meaning: photos, screenshots, PDFs, notes, sound and video.

    Exit codes: 0 done or found, 1 nothing found, 2 bad usage, 3 no such index, 4 model unavailable, 5 done but with new
    failures, 130 interrupted (finished work is kept).
    """


def main() -> None:
    """Entry point of the console script."""
    try:
        app(prog_name=NAME)
    except OSError as error:  # of Typer's own output, such as help
        from mmsearch.cli.common import drop_output, log_line
        from mmsearch.system.disk_space import reason

        drop_output()
        log_line(f"error: the output cannot be written: {reason(error)}")
        sys.exit(2)
