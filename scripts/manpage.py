"""Writes the manual page from the commands themselves: `python -m scripts.manpage man/mmsearch.1`.

One page for all commands, in the order of `mmsearch --help`. Knows Typer's parameters; nothing of what commands do.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from mmsearch import __version__
from mmsearch.cli import NAME, Command, app

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
    group: Any = get_command(app)
    context = typer.Context(group, info_name=NAME, **group.context_settings)
    lines = [
        f'.TH MMSEARCH 1 "" "mmsearch {__version__}" "User Commands"',
        ".SH NAME",
        "mmsearch \\- find anything in your folders by meaning",
        ".SH SYNOPSIS",
        ".B mmsearch",
        ".I command",
        "[options] [arguments]",
        ".SH DESCRIPTION",
        *_text((group.help or "").split("\n\n")[0]),
        ".SH OPTIONS",
        *_options(group, context),
    ]
    for name, command, inner in _commands(group, context):
        usage = " ".join(command.collect_usage_pieces(inner))
        lines += [f".SH {_escaped(name.upper())}", f".B {_escaped(name)}", _escaped(usage)]
        lines += [*_help(command), *_options(command, inner)]
    for title, pairs in {"FILES": FILES, "ENVIRONMENT": VARIABLES, "EXIT STATUS": CODES}.items():
        lines += [f".SH {title}"]
        for term, told in pairs:
            lines += [".TP", f".B {_escaped(term)}", *_text(told)]
    return "\n".join(lines) + "\n"


def _commands(group: Any, context: typer.Context) -> Iterator[tuple[str, Any, typer.Context]]:
    """Every command with its whole name, those of groups behind their group."""
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        inner = typer.Context(command, info_name=name, parent=context)
        yield inner.command_path, command, inner
        if isinstance(command, TyperGroup):
            yield from _commands(command, inner)


def _help(command: Any) -> list[str]:
    lines: list[str] = []
    for paragraph in (command.help or "").split("\n\n"):
        if paragraph.startswith("\b"):  # examples, a line each
            title, *examples = paragraph.splitlines()[1:]
            lines += [".PP", title, ".RS", ".nf", *(_escaped(line.strip()) for line in examples), ".fi", ".RE"]
        else:
            lines += [".PP", *_text(paragraph)]
    return lines


def _options(command: Any, context: typer.Context) -> list[str]:
    if isinstance(command, Command):
        sections = command.sections(context)
    else:
        records = (parameter.get_help_record(context) for parameter in command.get_params(context))
        sections = {"": [record for record in records if record]}
    lines: list[str] = []
    for name, section in sections.items():
        lines += [f".SS {name}"] if name else []
        for term, text in section:
            lines += [".TP", f".B {_escaped(term)}", *_text(text)]
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
