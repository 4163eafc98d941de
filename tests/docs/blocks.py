"""Finds the examples of a Markdown page: its fenced blocks, each with the comment above it."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

LANGUAGES = ("sh", "console", "python", "json", "text")
"""Languages of a block; `text` is neither run nor parsed."""

_FENCE = re.compile(r"^(?P<indent> *)```(?P<language>[\w+-]*) *$")
_MARK = re.compile(r"^ *<!-- (?P<kind>not run|needs): (?P<detail>.+) -->$")


@dataclass(frozen=True)
class Block:
    """One block.

    Attributes:
        line: the line of its fence, from 1.
        skip_reason: from the comment right above: its text (`<!-- not run: needs a GPU -->`), or the missing ones of
            the programs that it lists (`<!-- needs: jq ffmpeg -->`); empty if the block is run.
    """

    page: Path
    line: int
    language: str
    text: str
    skip_reason: str = ""

    @property
    def name(self) -> str:
        return f"{self.page.name}:{self.line}"

    @property
    def commands(self) -> str:
        """The shell commands: all of `sh`; of `console` the lines after a prompt, with continued lines."""
        if self.language == "sh":
            return self.text
        lines, continued = [], False
        for line in self.text.splitlines():
            if line.startswith("$ ") or continued:
                lines.append(line.removeprefix("$ "))
                continued = line.endswith("\\")
        return "\n".join(lines) + "\n"


def blocks(page: Path) -> list[Block]:
    """All blocks of a page in order."""
    result: list[Block] = []
    lines = page.read_text(encoding="utf-8").splitlines()
    number, reason = 0, ""
    while number < len(lines):
        fence, mark = _FENCE.match(lines[number]), _MARK.match(lines[number])
        if fence:
            indent = fence["indent"]
            end = next(i for i in range(number + 1, len(lines)) if lines[i].rstrip() == f"{indent}```")
            body = "".join(line.removeprefix(indent) + "\n" for line in lines[number + 1 : end])
            result.append(Block(page, number + 1, fence["language"], body, reason))
            number = end
        if mark or lines[number].strip():
            reason = _skip_reason(mark) if mark else ""
        number += 1
    return result


def _skip_reason(mark: re.Match[str]) -> str:
    if mark["kind"] == "not run":
        return mark["detail"]
    missing = [name for name in mark["detail"].split() if shutil.which(name) is None]
    return f"{', '.join(missing)} is not installed here" if missing else ""
