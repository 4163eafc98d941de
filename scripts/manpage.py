"""Writes the manual page from the commands themselves: `python -m scripts.manpage man/mmsearch.1`.

One page for all commands, in the order of `mmsearch --help`. Knows click's parameters; nothing of what commands do.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from mmsearch import __version__
from mmsearch.cli import NAME, app

FILES = (
    (".mmsearch/", "The index of the folder that it lies in, and of those below."),
    (".mmsearchignore", "What not to index, in the form of .gitignore."),
)
VARIABLES = (
    ("MMSEARCH_INDEX", "The index, where --index is not given."),
    ("MMSEARCH_PICTURES", "auto, never, kitty, iterm or sixel: small pictures beside hits."),
    ("MMSEARCH_TRUST_REMOTE_CODE", "1 lets models run program code of their own."),
    ("HF_HOME", "Where models lie."),
)
CODES = (
    *(
        ("0", "Done, or found."),
        ("1", "Nothing found."),
        ("2", "Bad usage."),
        ("3", "No such index, or a damaged one."),
    ),
    *(("4", "A model or an extra is not available."), ("5", "Done, but with new failures."), ("130", "Interrupted.")),
)


def page() -> str:
    """The page in roff."""
    context = click.Context(app, info_name=NAME, **app.context_settings)
    lines = [
        f'.TH MMSEARCH 1 "" "mmsearch {__version__}" "User Commands"',
        ".SH NAME",
        "mmsearch \\- find anything in your folders by meaning",
        ".SH SYNOPSIS",
        ".B mmsearch",
        ".I command",
        "[options] [arguments]",
        ".SH DESCRIPTION",
        *_text((app.help or "").split("\n\n")[0]),
        ".SH OPTIONS",
        *_options(app, context),
    ]
    for name, command, inner in _commands(app, context):
        lines += [f".SH {_escaped(name.upper())}", *_usage(command, inner), *_help(command), *_options(command, inner)]
    for title, pairs in {"FILES": FILES, "ENVIRONMENT": VARIABLES, "EXIT STATUS": CODES}.items():
        lines += [f".SH {title}"]
        for term, told in pairs:
            lines += [".TP", f".B {_escaped(term)}", *_text(told)]
    return "\n".join(lines) + "\n"


def _commands(group: click.Group, context: click.Context) -> Iterator[tuple[str, click.Command, click.Context]]:
    """Every command with its whole name, those of groups behind their group."""
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        inner = click.Context(command, info_name=name, parent=context, **command.context_settings)
        yield inner.command_path, command, inner
        if isinstance(command, click.Group):
            yield from _commands(command, inner)


def _usage(command: click.Command, context: click.Context) -> list[str]:
    pieces = " ".join(command.collect_usage_pieces(context))
    return [f".B {_escaped(context.command_path)}", _escaped(pieces), ".PP"]


def _help(command: click.Command) -> list[str]:
    lines: list[str] = []
    for paragraph in (command.help or "").split("\n\n"):
        text = " ".join(paragraph.split())
        if text.startswith((f"{NAME} ", "fd ")):
            lines += [".RS", ".nf", _escaped(text), ".fi", ".RE"]
        elif text:
            lines += [".PP", *_text(text)]
    return lines


def _options(command: click.Command, context: click.Context) -> list[str]:
    lines: list[str] = []
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if isinstance(parameter, click.Argument):
            record = (parameter.make_metavar(context), getattr(parameter, "help", None) or "")
        if record:
            lines += [".TP", f".B {_escaped(record[0])}", *_text(record[1])]
    return lines


def _text(text: str) -> list[str]:
    """A paragraph, a sentence a line, as roff likes it."""
    return [_escaped(line) for line in re.split(r"(?<=[.;:]) (?=[A-Z])", " ".join(text.split()))]


def _escaped(text: str) -> str:
    """Text that roff takes for nothing but text."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("~", "\\(ti").replace("^", "\\(ha")
    return f"\\&{text}" if text.startswith((".", "'")) else text


if __name__ == "__main__":
    Path(sys.argv[1]).parent.mkdir(exist_ok=True)
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
