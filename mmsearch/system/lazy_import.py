"""Modules that are imported when something of theirs is first used, so that a run that needs none of it starts sooner.

For numpy, which half of the code names and an index run over unchanged files never calls: importing it takes as long
as comparing some ten thousand files. Where it is used in a single function, an import in there is plainer.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any


class LazyModule:
    """Stands for a module under its name in another one."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        value = getattr(import_module(self._name), attribute)
        setattr(self, attribute, value)  # the next look finds it without this detour
        return value
