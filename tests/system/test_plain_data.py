"""Plain data is what the standard library makes of the same class."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from mmsearch.system.plain_data import dataclass

KINDS = {
    "frozen": {"frozen": True},
    "frozen, with slots": {"frozen": True, "slots": True},
    "slots": {"slots": True},
    "neither": {},
    "compared as objects": {"frozen": True, "eq": False},
}


def made(decorate: Callable[[type], type]) -> type:
    class Place:
        """Where something is."""

        x: int
        y: int = 7
        names: list[str] = dataclasses.field(default_factory=list)
        note: str = dataclasses.field(default="", compare=False, repr=False)
        depth: int = dataclasses.field(default=0, kw_only=True)

    Place.__annotations__ = {"x": int, "y": int, "names": list, "note": str, "depth": int}
    return decorate(Place)


def outcome(work: Callable[[], object], shown: Callable[[object], object] = lambda value: value) -> object:
    """What it gives, or the type of what it raises."""
    try:
        return shown(work())
    except Exception as error:
        return type(error)


@pytest.mark.parametrize("kind", KINDS)
def test_objects_are_made_compared_and_shown_as_those_of_the_standard_library(kind: str) -> None:
    ours, theirs = made(dataclass(**KINDS[kind])), made(dataclasses.dataclass(**KINDS[kind]))
    for arguments in ((), (1,), (1, 2), (1, 2, ["a"], "b"), (1, 2, [], "b", 3)):
        for named in ({}, {"y": 4}, {"depth": 5}, {"nothing": 1}):
            assert outcome(partial(ours, *arguments, **named), repr) == outcome(
                partial(theirs, *arguments, **named), repr
            )
    behaviour: list[Callable[[Any], object]] = [
        lambda of: of(1) == of(1),
        lambda of: of(1) == of(1, note="no matter"),
        lambda of: of(1) == of(2),
        lambda of: of(1) == "1",
        lambda of: of(1).names is of(1).names,
        lambda of: hash(of(1, names=())) == hash(of(1, names=())),
        lambda of: isinstance(hash(of(1)), int),
        lambda of: setattr(of(1), "x", 2),
        lambda of: delattr(of(1), "x"),
        lambda of: dataclasses.asdict(dataclasses.replace(of(1), y=3)),
        lambda of: repr(copy.copy(of(1, 2, depth=3))),
        lambda of: of.__match_args__,
        lambda of: sorted(vars(of).get("__slots__", ())),
    ]
    for what in behaviour:
        ours_gives, theirs_give = outcome(partial(what, ours)), outcome(partial(what, theirs))
        assert ours_gives == theirs_give


@dataclass(frozen=True, slots=True)
class Spot:
    x: int


def test_an_object_can_be_sent_to_another_process() -> None:
    assert pickle.loads(pickle.dumps(Spot(3))) == Spot(3) != Spot(4)


def test_what_it_does_not_know_is_refused() -> None:
    class Later:
        x: int = dataclasses.field(default=0, init=False)

    with pytest.raises(TypeError, match="Later needs the dataclass of the standard library"):
        dataclass()(Later)
