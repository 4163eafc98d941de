"""What must hold after a run over hostile files, each breach as one line; and what became of every file.

Knows the command's documented behaviour, nothing of formats.
"""

from __future__ import annotations

import json
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmsearch.store import Reader
from tests.hostile.command import Done, run
from tests.hostile.trees import Made

NEW_FAILURES = 5
LONGEST_REASON = 300
OURS = "cannot be decoded: "
"""How a reason begins when an exception of ours got out of a loader: a mistake, though it costs one file alone."""
MOST_LINES = 2
"""Lines a file that a run may tell of on stderr: a warning, and a failure."""
STATES = ("ok", "failed", "unsupported")


@dataclass
class Verdict:
    """Counts of files by what they are and what became of them, and all that should not have been."""

    formats: dict[str, Counter[str]] = field(default_factory=dict)
    changes: dict[str, Counter[str]] = field(default_factory=dict)
    reasons: Counter[str] = field(default_factory=Counter)
    breaches: list[str] = field(default_factory=list)

    def count(self, made: Made, state: str) -> None:
        self.formats.setdefault(made.form, Counter())[state] += 1
        self.changes.setdefault(made.change, Counter())[state] += 1

    def add(self, other: Verdict) -> None:
        """Takes in what another part of the same run came to."""
        for own, theirs in ((self.formats, other.formats), (self.changes, other.changes)):
            for name, counts in theirs.items():
                own.setdefault(name, Counter()).update(counts)
        self.reasons.update(other.reasons)
        self.breaches += other.breaches

    def totals(self) -> dict[str, int]:
        """Files by what became of them."""
        found: Counter[str] = sum(self.formats.values(), Counter())
        return {state: found[state] for state in STATES}


def judge(verdict: Verdict, done: Done, index: Path, made: Mapping[str, Made], memory: int) -> None:
    """Adds what a run of `index --json` over these files came to."""
    say = verdict.breaches.append
    if (lines := done.stderr.count(b"\n")) > MOST_LINES * (len(made) + 10):
        say(f"{lines} lines on stderr of {len(made)} files")
    for breach in (*of_output(done), *of_memory(done, memory)):
        say(breach)
    if done.code not in (0, NEW_FAILURES):
        say(f"exit code {done.code}, stderr ends with {done.stderr[-300:]!r}")
        return
    reader = Reader.open(str(index))
    failed = 0
    for path, one in made.items():
        record = reader.file(path)
        if record is None:
            say(f"{one.name!r} ({one.form}, {one.change}) is not in the index, neither read nor failed")
            continue
        verdict.count(one, record.status)
        failed += record.status == "failed"
        if record.status != "ok":
            verdict.reasons[_kind(record.reason)] += record.status == "failed"
            verdict.breaches += (
                f"{one.name!r} ({one.form}, {one.change}): {told}" for told in of_reason(record.reason)
            )
    verdict.breaches += of_report(done, failed)


def look_back(index: Path) -> list[str]:
    """Breaches in what the other commands show of an index of hostile files that are still there."""
    found = []
    for args in (
        ("status", "--check"),
        ("status", "--failures"),
        ("search", "a red car\x1b[31m in the garden", "-k", "500", "--all-segments"),
        ("search", "\u202e/etc/passwd", "-k", "500", "--json"),
        ("search", "http://127.0.0.1:9/a.png", "-k", "500", "--context"),
    ):
        done = run(*args, index=index)
        if done.code:
            found.append(f"{args} ended with {done.code}: {done.stderr[-300:]!r}")
        if bad := controls(done.stdout + done.stderr):
            found.append(f"{args} shows {bad!r}")
    return found


def of_output(done: Done) -> Iterable[str]:
    """What a terminal must not see."""
    if done.code is None:
        yield "it had to be ended"
    if b"Traceback" in done.stderr + done.stdout:
        yield f"a traceback: {done.stderr[-500:]!r}"
    for name, text in (("stdout", done.stdout), ("stderr", done.stderr)):
        if bad := controls(text):
            yield f"{name} holds {bad!r}"
    if alien := [line for line in done.stderr.splitlines() if not line.startswith(b"mmsearch: ")]:
        yield f"stderr has a line that is not ours: {alien[0][:200]!r}"


def controls(text: bytes) -> str:
    """The characters that drive a terminal or turn the direction of writing; a byte that is not UTF-8 is one."""
    letters = set(text.decode("utf-8", "surrogateescape")) - {"\n"}
    return "".join(sorted(one for one in letters if unicodedata.category(one) in ("Cc", "Cs") or one in "\u202e\u2066"))


def of_memory(done: Done, memory: int) -> Iterable[str]:
    if done.worker_peak >= memory:
        yield f"a worker took {done.worker_peak >> 20} MiB; the limit is {memory >> 20}"


def of_report(done: Done, failed: int) -> Iterable[str]:
    """The report and the exit code against what the index says."""
    report: dict[str, Any] = json.loads(done.stdout)
    if report["failed"] != failed:
        yield f"{report['failed']} files reported as failed, {failed} in the index"
    if done.code != (NEW_FAILURES if failed else 0):
        yield f"exit code {done.code} with {failed} failures"


def of_reason(reason: str) -> Iterable[str]:
    if not 0 < len(reason) <= LONGEST_REASON or "\n" in reason or " object at 0x" in reason:
        yield f"no reason in one line: {reason[:400]!r}"
    if reason.startswith(OURS):
        yield f"a mistake of ours: {reason}"


def _kind(reason: str) -> str:
    """A reason without what is particular to one file."""
    return reason.partition(":")[0].translate(str.maketrans("", "", "0123456789"))[:60]
