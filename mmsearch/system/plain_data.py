"""`dataclass` as in the standard library, for classes that are imported more often than used.

The library's has Python compile up to six functions for each class, which was a tenth of the work of a small search.
This one's compare, hash and show objects by functions that all classes share, and `__init__` is compiled when the first
object is made. What it does not know (`order`, `__post_init__`, fields that are no parameters) is refused.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from operator import attrgetter
from typing import TYPE_CHECKING, Any

__all__ = ["dataclass"]

if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(*, frozen: bool = False, slots: bool = False, eq: bool = True) -> Callable[[type], type]:
        """Makes a class one of plain data, with the meaning that the library gives these arguments."""

        def decorate(cls: type) -> type:
            own = set(vars(cls))
            cls = dataclasses.dataclass(init=False, repr=False, eq=False, slots=slots)(cls)
            fields = dataclasses.fields(cls)
            if not all(field.init for field in fields) or hasattr(cls, "__post_init__"):
                raise TypeError(f"{cls.__name__} needs the dataclass of the standard library")
            methods: dict[str, Any] = {"__init__": _first_init(cls, frozen), "__repr__": _repr}
            if eq:
                values = _getter([field.name for field in fields if field.compare])
                methods |= {"__eq__": _equality(values), "__hash__": _hash(values) if frozen else None}
            if frozen:
                methods |= {"__setattr__": _refuse, "__delattr__": _refuse}
            if frozen and slots:
                methods |= {"__getstate__": _state, "__setstate__": _restore}
            for name, method in methods.items():
                if name not in own:
                    setattr(cls, name, method)
            return cls

        return decorate


def _first_init(cls: type, frozen: bool) -> Callable[..., None]:
    """An `__init__` that puts the compiled one in its own place and calls it."""

    def __init__(self: Any, *args: Any, **values: Any) -> None:  # noqa: N807
        init = _compiled_init(cls, frozen)
        cls.__init__ = init  # type: ignore[misc]
        init(self, *args, **values)

    return __init__


def _compiled_init(cls: type, frozen: bool) -> Callable[..., None]:
    names: dict[str, Any] = {"_set": object.__setattr__, "_missing": dataclasses.MISSING}
    positional, by_name, lines = ["self"], list[str](), list[str]()
    for field in dataclasses.fields(cls):
        parameter = value = field.name
        if field.default_factory is not dataclasses.MISSING:
            names[f"_make_{field.name}"] = field.default_factory
            parameter = f"{field.name}=_missing"
            value = f"_make_{field.name}() if {field.name} is _missing else {field.name}"
        elif field.default is not dataclasses.MISSING:
            names[f"_default_{field.name}"] = field.default
            parameter = f"{field.name}=_default_{field.name}"
        (by_name if field.kw_only else positional).append(parameter)
        lines.append(f"_set(self, {field.name!r}, {value})" if frozen else f"self.{field.name} = {value}")
    parameters = ", ".join([*positional, *(["*", *by_name] if by_name else [])])
    exec(f"def __init__({parameters}):\n    " + "\n    ".join(lines or ["pass"]), names)
    init: Callable[..., None] = names["__init__"]
    init.__qualname__ = f"{cls.__qualname__}.__init__"  # messages about wrong arguments name it
    return init


def _getter(names: list[str]) -> Callable[[Any], tuple[Any, ...]]:
    if len(names) > 1:
        return attrgetter(*names)
    return lambda data: tuple(getattr(data, name) for name in names)


def _equality(values: Callable[[Any], tuple[Any, ...]]) -> Callable[[Any, object], bool]:
    def __eq__(self: Any, other: object) -> bool:  # noqa: N807
        return values(self) == values(other) if other.__class__ is self.__class__ else NotImplemented

    return __eq__


def _hash(values: Callable[[Any], tuple[Any, ...]]) -> Callable[[Any], int]:
    def __hash__(self: Any) -> int:  # noqa: N807
        return hash(values(self))

    return __hash__


def _repr(self: Any) -> str:
    shown = [f"{field.name}={getattr(self, field.name)!r}" for field in dataclasses.fields(self) if field.repr]
    return f"{self.__class__.__qualname__}({', '.join(shown)})"


def _refuse(self: Any, name: str, value: object = None) -> None:
    raise dataclasses.FrozenInstanceError(f"field {name!r} of {type(self).__name__} does not change")


def _state(self: Any) -> list[Any]:
    return [getattr(self, field.name) for field in dataclasses.fields(self)]


def _restore(self: Any, state: list[Any]) -> None:
    for field, value in zip(dataclasses.fields(self), state, strict=True):
        object.__setattr__(self, field.name, value)
