"""The fenced blocks of a Markdown page, with what is said above them: how examples are found."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

LANGUAGES = ("sh", "console", "python", "json", "text")
"""What a block may be; `text` is shown and nothing else."""

_FENCE = re.compile(r"^(?P<indent> *)```(?P<language>[\w+-]*) *$")
_MARK = re.compile(r"^ *<!-- (?P<how>not run|needs): (?P<what>.+) -->$")


@dataclass(frozen=True)
class Block:
    """One block.

    Attributes:
        line: of its fence, from 1.
        why_not: the reason for not running it: what a comment right above says (`<!-- not run: needs a GPU -->`), or
            which of the programs that it needs (`<!-- needs: jq ffmpeg -->`) is not here; empty where it is run.
    """

    page: Path
    line: int
    language: str
    text: str
    why_not: str = ""

    @property
    def name(self) -> str:
        return f"{self.page.name}:{self.line}"

    @property
    def commands(self) -> str:
        """What a shell is to run: all of `sh`, and of `console` what follows a prompt, with continued lines."""
        if self.language == "sh":
            return self.text
        taken, goes_on = [], False
        for line in self.text.splitlines():
            if line.startswith("$ ") or goes_on:
                taken.append(line.removeprefix("$ "))
                goes_on = line.endswith("\\")
        return "\n".join(taken) + "\n"


def blocks(page: Path) -> list[Block]:
    """All blocks of a page in order."""
    found: list[Block] = []
    lines = page.read_text(encoding="utf-8").splitlines()
    number, reason = 0, ""
    while number < len(lines):
        fence, mark = _FENCE.match(lines[number]), _MARK.match(lines[number])
        if fence:
            indent = fence["indent"]
            end = next(i for i in range(number + 1, len(lines)) if lines[i].rstrip() == f"{indent}```")
            body = "".join(line.removeprefix(indent) + "\n" for line in lines[number + 1 : end])
            found.append(Block(page, number + 1, fence["language"], body, reason))
            number = end
        if mark or lines[number].strip():
            reason = _why_not(mark) if mark else ""
        number += 1
    return found


def _why_not(mark: re.Match[str]) -> str:
    if mark["how"] == "not run":
        return mark["what"]
    missing = [name for name in mark["what"].split() if shutil.which(name) is None]
    return f"{', '.join(missing)} is not installed here" if missing else ""
