"""A Typer command that starts fast and whose help is plain text in sections.

Knows nothing of any single command.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from typer.core import TyperArgument, TyperCommand, TyperGroup

PANELS = ("Common", "Filters", "Ranking", "Model", "Output", "Advanced")
"""The sections of a command's options, in this order; an option without a `rich_help_panel` is in the first."""


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
