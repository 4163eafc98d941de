"""The command line: one module a command, each parsing, calling, printing and choosing the exit code.

The only package that prints and exits. Heavy imports wait until a command runs, so that `--help` is quick.
"""

from __future__ import annotations

import sys
from importlib import import_module
from keyword import iskeyword

import click
from click.shell_completion import get_completion_class

from mmsearch import __version__
from mmsearch.cli.command import SETTINGS, Exit, command

NAME = "mmsearch"
COMMANDS = {
    "index": "index",
    "search": "search",
    "status": "status",
    "bench": "bench",
    "models": "group",
    "eval": "evaluate",
    "dupes": "dupes",
    "serve": "serve",
    "mcp": "mcp",
    "merge": "merge",
    "export": "export",
    "import": "import_",
}
"""Each command is a module of this package; under this name the module has its function or group."""


class _Late(click.Group):
    """Imports the module of a command when it is asked for, so that no command waits for the others."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        # For a name that is none, all are needed: one of them may be what was meant.
        for name in (cmd_name,) if cmd_name in COMMANDS else COMMANDS:
            if name not in self.commands:
                self.commands[name] = _made(name)
        return self.commands.get(cmd_name)


def _made(name: str) -> click.Command:
    module = f"{name}_" if iskeyword(name) else name
    found = getattr(import_module(f"mmsearch.cli.{module}"), COMMANDS[name])
    return found if isinstance(found, click.Command) else command(found, name)


def _version(ctx: click.Context, parameter: click.Parameter, wanted: bool) -> None:
    if wanted:
        click.echo(f"{NAME} {__version__}")
        raise Exit(0)


def _completion(ctx: click.Context, parameter: click.Parameter, shell: str | None) -> None:
    kind = get_completion_class(shell) if shell else None
    if kind is not None:
        click.echo(kind(app, {}, NAME, f"_{NAME.upper()}_COMPLETE").source())
        raise Exit(0)


app = _Late(
    name=NAME,
    help="Find anything in your folders by meaning: photos, screenshots, PDFs, notes, sound and video.\n\n"
    "Exit codes: 0 done or found, 1 nothing found, 2 bad usage, 3 no such index, 4 model unavailable, "
    "5 done but with new failures, 130 interrupted (what was finished is kept).",
    epilog="Examples:  mmsearch index ~/Pictures    mmsearch search red car    mmsearch status --failures",
    no_args_is_help=True,
    context_settings=SETTINGS,
    params=[
        click.Option(
            ["--version"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=_version,
            help="Print the version and exit.",
        ),
        click.Option(
            ["--completion"],
            type=click.Choice(["bash", "zsh", "fish"]),
            is_eager=True,
            expose_value=False,
            callback=_completion,
            help="Print what makes a shell complete commands and options, and exit.",
        ),
    ],
)


def main() -> None:
    """Entry point of the console script."""
    try:
        app(prog_name=NAME)
    except OSError as error:  # of click's own output, such as help
        from mmsearch.cli.common import complain, drop_output
        from mmsearch.system.disk_space import reason

        drop_output()
        complain(f"error: the output cannot be written: {reason(error)}")
        sys.exit(2)
