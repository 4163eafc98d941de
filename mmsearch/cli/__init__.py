"""The command line: each command parses, calls, prints and chooses the exit code.

The only package that prints and exits. Heavy imports wait until a command runs, so that `--help` is quick.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from enum import Enum
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup
from typer.main import get_command

from mmsearch import __version__

NAME = "mmsearch"
COMMANDS = {
    "index": ("index.index", "Index folders and files, or bring the index up to date."),
    "search": ("search.search", "Find files by meaning."),
    "status": ("status.status", "Show what is indexed, with which model, and what failed."),
    "bench": ("bench.bench", "Measure speed and memory of models, for each kind of input and batch size."),
    "models": ("models.app", "List, show and fetch models, and report problems."),
    "eval": ("eval.evaluate", "Measure how well searches find what they should."),
    "dupes": ("dupes.dupes", "Find files that are the same or nearly so; nothing is deleted."),
    "serve": (
        "serve.serve",
        "Serve an index on this machine: a search page, a JSON API, and a faster `mmsearch search`.",
    ),
    "mcp": ("serve.mcp", "Serve the index to language models, by the Model Context Protocol over stdin and stdout."),
    "merge": ("transfer.merge", "Join indexes of the same model and settings in a new index, or in an existing one."),
    "export": ("transfer.export", "Write the index for other programs: vectors, metadata, and which model made them."),
    "import": (
        "transfer.import_",
        "Add the contents of a Parquet file or a Lance dataset to the index, or make an index of them.",
    ),
}
"""Module and function (or Typer app) of each command, in this package, and the first sentence of its help.

The sentences stand here too, so that the list of commands imports none of them.
"""
PANELS = ("Common", "Filters", "Ranking", "Model", "Output", "Advanced")
"""The sections of a command's options, in this order; an option without a `rich_help_panel` is in the first."""


# --- commands that start fast, and whose help is plain text in sections ---


class Command(TyperCommand):
    """Lists its options by panel, as plain text.

    Typer would have rich draw the panels, which leaves help texts 30 of 80 columns and takes 0.1 s to load.
    """

    def get_params(self, ctx: Any) -> list[Any]:
        return _parse_fast(super().get_params(ctx))

    def sections(self, ctx: Any) -> dict[str, list[tuple[str, str]]]:
        """Arguments and options with their help texts, by section."""
        sections: dict[str, list[tuple[str, str]]] = {name: [] for name in ("Arguments", *PANELS)}
        for parameter in self.get_params(ctx):
            if isinstance(parameter, TyperArgument):
                sections["Arguments"].append((parameter.display_name_raw, parameter.help or ""))
            elif record := parameter.get_help_record(ctx):
                sections[getattr(parameter, "rich_help_panel", None) or PANELS[0]].append(record)
        return {name: records for name, records in sections.items() if records}

    def format_options(self, ctx: Any, formatter: Any) -> None:
        for name, records in self.sections(ctx).items():
            with formatter.section(name):
                formatter.write_dl(records)

    def get_short_help_str(self, limit: int = 45) -> str:
        """The whole first paragraph, for the list of commands."""
        return " ".join((self.help or "").split("\n\n")[0].split())


class Group(TyperGroup):
    """A group of such commands."""

    def get_params(self, ctx: Any) -> list[Any]:
        return _parse_fast(super().get_params(ctx))


def _parse_fast(parameters: list[Any]) -> list[Any]:
    """The parameters, parsed without pydantic.

    Typer would build a pydantic validator for each, which takes longer than a search in a small index. And pydantic
    refuses file names that are not UTF-8.
    """
    for parameter in parameters:
        vars(parameter)["_runtime_param"] = _Value()
    return parameters


class _Value:
    """Parses a value as Typer does, but asks pydantic only about wrong values and unusual types."""

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        kind = param.type_descriptor.annotation
        # A member of an enumeration is equal to its text, which has to become one all the same.
        is_default = value == param.default and type(value) is type(param.default)
        if value is None or is_default or kind in (str, list[str]):
            return value
        if isinstance(value, str) and kind is not bool:
            with suppress(ValueError):
                parsed = kind(value)  # a number, or a member of an enumeration
                if (param.min is None or parsed >= param.min) and (param.max is None or parsed <= param.max):
                    return parsed
        from typer._coercion import build_runtime_param

        return build_runtime_param(param.type_descriptor).coerce(value, param=param, ctx=ctx)


# --- the command line as a whole ---


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
                module, _, attribute = COMMANDS[name][0].partition(".")
                entry = getattr(import_module(f"mmsearch.cli.{module}"), attribute)
                if not isinstance(entry, typer.Typer):
                    function, entry = entry, typer.Typer(add_completion=False, rich_markup_mode=None)
                    entry.command(name, cls=Command)(function)
                self.commands[name] = get_command(entry)
        return self.commands.get(cmd_name)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])


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
