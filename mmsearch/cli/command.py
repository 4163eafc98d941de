"""Commands whose signature says it all: each parameter is annotated with the option or argument that it is.

click parses; this reads the annotations for it. Larger libraries do the same with more machinery, which takes longer
to start than a search in a small index. Knows nothing of any single command.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from enum import Enum
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints

import click
from click.exceptions import Exit

__all__ = ["Exit", "argument", "choice", "command", "flag", "once", "value"]

SETTINGS = {"help_option_names": ["-h", "--help"], "show_default": True}
Maker = Callable[[str, Any, Any], click.Parameter]
"""Makes the parameter of a name, with a type and a default."""


def flag(text: str, *names: str, **more: Any) -> Maker:
    """A switch; `--this/--not-this` has two sides."""
    return lambda name, kind, default: click.Option([name, *names], is_flag=True, default=default, help=text, **more)


def value(text: str, metavar: str, *names: str, least: float | None = None, most: float | None = None) -> Maker:
    """An option with a value, or with several where the type is a list; numbers from `least` to `most`."""

    def made(name: str, kind: Any, default: Any) -> click.Option:
        several, of = _listed(kind)
        limits: Any = {int: click.IntRange, float: click.FloatRange}.get(of)
        parsed = limits(least, most) if limits and (least, most) != (None, None) else of
        return click.Option(
            [name, *names],
            type=parsed,
            default=default,
            metavar=metavar,
            help=text,
            multiple=several,
            callback=_as_list if several else None,
        )

    return made


def once(text: str, metavar: str, *names: str) -> Maker:
    """An option that may be given once: a second value is an error rather than what counts in silence."""

    def made(name: str, kind: Any, default: Any) -> click.Option:
        return click.Option(
            [name, *names], multiple=True, default=default, metavar=metavar, help=text, callback=_as_one
        )

    return made


def choice(text: str, *names: str) -> Maker:
    """An option that takes one of the values of an enumeration."""

    def made(name: str, kind: Any, default: Any) -> click.Option:
        values = {member.value: member for member in kind}
        shown = default.value if isinstance(default, Enum) else default
        return click.Option(
            [name, *names],
            type=click.Choice(list(values)),
            default=shown,
            help=text,
            callback=lambda context, parameter, given: values.get(given),
        )

    return made


def argument(text: str, metavar: str) -> Maker:
    """What stands without a name: one, or any number where the type is a list."""

    def made(name: str, kind: Any, default: Any) -> click.Argument:
        several, of = _listed(kind)
        return click.Argument(
            [name],
            type=of,
            nargs=-1 if several else 1,
            required=default is inspect.Parameter.empty,
            metavar=f"[{metavar}]..." if several else metavar,
            callback=_as_list if several else None,
            help=text,
        )

    return made


def command(function: Callable[..., Any], name: str) -> click.Command:
    """The command of a function that is annotated throughout; its docstring is the help."""
    hints = get_type_hints(function, include_extras=True)
    parameters: list[click.Parameter] = []
    for parameter in inspect.signature(function).parameters.values():
        kind, make = get_args(hints[parameter.name])
        parameters.append(make(parameter.name, _without_none(kind), parameter.default))
    return click.Command(
        name, callback=function, params=parameters, help=inspect.getdoc(function), context_settings=SETTINGS
    )


def _listed(kind: Any) -> tuple[bool, Any]:
    """Whether a type is a list, and of what; else itself."""
    return (True, get_args(kind)[0]) if get_origin(kind) is list else (False, kind)


def _without_none(kind: Any) -> Any:
    parts = [part for part in get_args(kind) if part is not NoneType]
    return parts[0] if NoneType in get_args(kind) else kind


def _as_one(context: click.Context, parameter: click.Parameter, given: tuple[Any, ...]) -> Any:
    if len(given) > 1:
        raise click.UsageError(f"{parameter.opts[0]} names one {parameter.metavar} here, not {len(given)}", context)
    return given[0] if given else None


def _as_list(context: click.Context, parameter: click.Parameter, given: tuple[Any, ...]) -> list[Any] | None:
    return list(given) or None
