"""Regular expressions that are compiled when they are first used: those of large alphabets take milliseconds each."""

from __future__ import annotations

import re
from typing import Any, cast


class _LazyPattern:
    """Stands for a compiled pattern."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __getattr__(self, attribute: str) -> Any:
        value = getattr(re.compile(self._text), attribute)
        setattr(self, attribute, value)  # the next look finds it without this detour
        return value


def lazily(text: str) -> re.Pattern[str]:
    """The pattern of a regular expression, compiled at its first use."""
    return cast("re.Pattern[str]", _LazyPattern(text))
