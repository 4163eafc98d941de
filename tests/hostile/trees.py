"""Two folders of as many files of the same formats, one good and one hostile, from a seed.

A file's number and the seed decide all of it, so that one file of twenty thousand can be made again alone.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from random import Random

from tests.hostile import documents, pictures, streams
from tests.hostile.changes import CHANGES, changed
from tests.hostile.formats import FORMATS, Format

BASES = 12
"""Good files of each format that hostile ones are made from."""
CRAFTED_SHARE, WRONG_SUFFIX, ODD_NAME, EMPTY = 0.15, 0.04, 0.03, 0.004
FILES_A_RARE_ONE = 10_000
ODD_NAMES = (
    b"\x1b[31mred", b"\x1b]0;title\x07", b"a\nb", b"caf\xe9", "\u202etxt".encode(), b"\xc2\x9b2J", b"-rf", b"%s%n",
    b"<img src=x onerror=alert(1)>", b"' OR 1=1 --", b"$(touch owned)", b"http:..x.png", b"x" * 200,
)  # fmt: skip
"""What some files are called, besides their number; those with controls are not made where names cannot hold them."""
SUFFIXES = (
    "jpg",
    "png",
    "pdf",
    "txt",
    "mp4",
    "mp3",
    "html",
    "exe",
    "",
    "tga",
    "xbm",
    "pcx",
    "docx",
    "aac",
    "md",
    "csv",
)

CRAFTED = {**pictures.CRAFTED, **documents.CRAFTED, **streams.CRAFTED}


@dataclass(frozen=True, slots=True)
class Made:
    """A file to be written: its name as bytes, the format it is of, what was done to it, and its bytes."""

    name: bytes
    form: str
    change: str
    data: bytes


def good(number: int, seed: int) -> Made:
    """The good file of a number."""
    rng = Random(f"good {seed} {number}")
    form = _form(rng)
    return Made(f"{number:06d}.{form.suffix}".encode(), form.name, "good", form.make(rng))


def hostile(number: int, seed: int) -> Made:
    """The hostile file of a number, mostly of the format of the good one."""
    rng = Random(f"hostile {seed} {number}")
    form = _form(Random(f"good {seed} {number}"))
    if number % FILES_A_RARE_ONE == FILES_A_RARE_ONE - 1:
        suffix, craft = documents.RARE[number // FILES_A_RARE_ONE % len(documents.RARE)]
        return Made(f"{number:06d}.{suffix}".encode(), suffix, craft.__name__, craft(rng))
    change, data = _spoilt(form, rng, seed)
    return Made(_name(number, form, rng), form.name, change, data)


def _form(rng: Random) -> Format:
    return rng.choices(list(FORMATS.values()), [form.share for form in FORMATS.values()])[0]


def _spoilt(form: Format, rng: Random, seed: int) -> tuple[str, bytes]:
    """What was done, and the outcome."""
    crafts = CRAFTED.get(form.name.partition("-")[0], ())
    chance = rng.random()
    if chance < EMPTY:
        return "empty", b""
    if crafts and chance < CRAFTED_SHARE:
        craft = rng.choice(crafts)
        return getattr(craft, "__name__", "lying_tables").replace("<lambda>", "lying_tables"), craft(rng)
    other = form if rng.random() < 0.5 else _form(rng)
    name = rng.choice(list(CHANGES))
    pair = (_base(one.name, rng.randrange(BASES), seed) for one in (form, other))
    return name, changed(CHANGES[name], *pair, form.family, rng)


@cache
def _base(name: str, number: int, seed: int) -> bytes:
    return FORMATS[name].make(Random(f"base {seed} {name} {number}"))


def _name(number: int, form: Format, rng: Random) -> bytes:
    suffix = rng.choice(SUFFIXES) if rng.random() < WRONG_SUFFIX else form.suffix
    odd = rng.choice(ODD_NAMES) if rng.random() < ODD_NAME and sys.platform == "linux" else b""
    return b"%06d%s.%s" % (number, odd, suffix.encode())


def write(folder: Path, numbers: range, seed: int, *, spoil: bool) -> dict[str, Made]:
    """Writes the files of these numbers; what each path is, without its bytes."""
    folder.mkdir(parents=True)
    written: dict[str, Made] = {}
    for made in map(partial(hostile if spoil else good, seed=seed), numbers):
        path = os.path.join(os.fsencode(folder), made.name)
        with open(path, "wb") as file:
            file.write(made.data)
        written[os.fsdecode(path)] = Made(made.name, made.form, made.change, b"")
    return written


def some(seed: int) -> Iterator[Made]:
    """One file of every change and every craft, each of a format it suits: the short form of a whole run."""
    rng = Random(f"some {seed}")
    forms = list(FORMATS.values())
    number = 0
    for name, change in CHANGES.items():
        for form in rng.sample(forms, 3):
            data = changed(change, _base(form.name, 0, seed), _base(rng.choice(forms).name, 1, seed), form.family, rng)
            yield Made(_name(number, form, rng), form.name, name, data)
            number += 1
    for kind, crafts in CRAFTED.items():
        for craft in crafts:
            suffix = next(form.suffix for form in forms if form.name.partition("-")[0] == kind)
            yield Made(f"{number:06d}.{suffix}".encode(), kind, craft.__name__, craft(rng))
            number += 1
