"""Labelled questions, one JSON object a line; docs/evaluation.md describes them. Knows no index and no model.

A bad line is one UsageError with file, number and remedy: a question that was left out in silence
would make the figures of another set look like those of this one.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mmsearch.errors import UsageError
from mmsearch.system.safe_open import regular_or_handed

FIELDS = ("query", "image", "relevant", "pair")
LARGEST_GRADE = 1e9


@dataclass(frozen=True, slots=True)
class Question:
    """A question and its answers.

    Attributes:
        location: file and line, for messages.
        text: may be empty where a picture asks.
        image: absolute path of the picture that asks, or empty.
        relevant: absolute paths of the answers with grades above 0.
        pair: a label of the question's kind such as `text->image`, or empty to derive it from the question and answers.
    """

    location: str
    text: str
    image: str
    relevant: Mapping[str, float]
    pair: str = ""

    @property
    def label(self) -> str:
        """How output names the question."""
        return " + ".join(part for part in (self.text, os.path.basename(self.image)) if part)

    @property
    def asks(self) -> str:
        """`text`, `image` or `text+image`."""
        return "+".join(name for name, value in (("text", self.text), ("image", self.image)) if value)


def read_questions(path: str) -> list[Question]:
    """The questions of a file; paths in it are relative to its folder.

    Raises:
        UsageError: it cannot be read, is empty, or a line is not as documented.
    """
    try:
        with open(path, encoding="utf-8-sig", opener=regular_or_handed) as file:
            lines = file.read().split("\n")
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not UTF-8: save it as UTF-8 text, one JSON object a line") from None
    folder = os.path.dirname(os.path.abspath(path))
    questions = [_question(line, folder, f"{path}:{number}") for number, line in enumerate(lines, 1) if line.strip()]
    if not questions:
        raise UsageError(f'{path} has no questions: write one {{"query": …, "relevant": […]}} a line')
    return questions


def _question(line: str, folder: str, location: str) -> Question:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise UsageError(f"{location}: not JSON ({error}): write one object a line") from None
    except RecursionError:
        raise UsageError(f"{location}: nested too deeply: write one object a line") from None
    if not isinstance(row, dict):
        raise UsageError(f'{location}: not an object: write {{"query": …, "relevant": […]}}')
    if unknown := [name for name in row if name not in FIELDS]:
        raise UsageError(f"{location}: unknown field {unknown[0]!r}: fields are {', '.join(FIELDS)}")
    text, image, pair = (_text(row, name, location).strip() for name in ("query", "image", "pair"))
    if not text and not image:
        raise UsageError(f"{location}: asks nothing: give a query, an image or both")
    image = _absolute(folder, image) if image else ""
    if image and not os.path.isfile(image):
        raise UsageError(f"{location}: image {row['image']} is not there: paths are relative to {folder}")
    return Question(location, text, image, _relevant(row.get("relevant"), folder, location), pair)


def _text(row: dict[str, Any], name: str, location: str) -> str:
    value = row.get(name)
    if value is not None and not isinstance(value, str):
        raise UsageError(f"{location}: {name} is {json.dumps(value)}: it must be a string")
    if name != "image" and value and any("\ud800" <= char <= "\udfff" for char in value):
        raise UsageError(f"{location}: {name} is {json.dumps(value)}: it has half of a character")
    return value or ""


def _relevant(value: Any, folder: str, location: str) -> dict[str, float]:
    if isinstance(value, list) and all(isinstance(name, str) for name in value):
        grades: dict[str, Any] = dict.fromkeys(value, 1)
    elif isinstance(value, dict):
        grades = value
    else:
        raise UsageError(f"{location}: relevant must be a list of paths, or an object of paths with grades")
    for name, grade in grades.items():
        if isinstance(grade, bool) or not isinstance(grade, int | float) or not 0 <= grade <= LARGEST_GRADE:
            raise UsageError(
                f"{location}: the grade of {name} is {json.dumps(grade)}: it must be a number from 0 to 1e9"
            )
    relevant = {_absolute(folder, name): float(grade) for name, grade in grades.items() if name and grade > 0}
    if not relevant:
        raise UsageError(f"{location}: nothing is relevant: name at least one file, or remove the line")
    return relevant


def _absolute(folder: str, path: str) -> str:
    return os.path.normpath(os.path.join(folder, path))
