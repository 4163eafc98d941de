"""`python -m tests.hostile.mutations`: changes indexes in thousands of ways, and has every command read each.

Prints each breach of what is promised: an exit code that is not documented, a traceback, more than a few lines of
complaint, a signal, more than ten seconds, or more memory than such an index is worth; the exit code is 1 if there is
one. A case can be made again from its seed: `--first SEED --count 1`.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmarks.machine import circumstances
from tests.hostile.forked import Forking, Ran
from tests.hostile.mutating import mutate

CODES = frozenset(range(6))
MOST_LINES = 12
MOST_BYTES = 1500 << 20
"""Of memory that a command takes; the tables are small, and nothing in them is worth more."""
COMMANDS_A_CASE = 3
CORPUS = Path(__file__).parents[2] / "sample_corpus"
TAKEN = ("notes", "documents", "pictures")
WORDS = (
    "red",
    "car",
    "honey",
    "garden",
    "river",
    "winter",
    "train",
    "bridge",
    "music",
    "paper",
    "glass",
    "night",
    "wood",
)


def make_indexes(work: Path) -> list[Path]:
    """A small index of files, one with accelerators, and one that is both merged."""
    files = work / "files"
    files.mkdir(parents=True)
    for folder in TAKEN:
        for path in sorted((CORPUS / folder).iterdir())[:8]:
            if path.suffix != ".gif":
                shutil.copy(path, files)
    many = work / "many"
    many.mkdir()
    rng = random.Random(5)
    for number in range(24):
        lines = (" ".join(rng.choices(WORDS, k=130)) for _ in range(50))
        (many / f"{number}.txt").write_text("\n\n".join(lines), encoding="utf-8")
    small, large, both = files / ".mmsearch", many / ".mmsearch", work / "both"
    for source in (files, many):
        _run("index", str(source), "--index", str(source / ".mmsearch"), "--jobs", "1")
    _run("merge", str(small), str(large), "-o", str(both))
    _run("index", "--optimize", "--index-kind", "pq4", "--index", str(both))
    _run("index", "--optimize", "--index-kind", "ivf", "--index", str(large))
    return [small, large, both]


def _run(*args: str) -> None:
    subprocess.run([sys.executable, "-m", "mmsearch", *args], check=True, capture_output=True, cwd=CORPUS.parent)


def commands_for(index: str, work: Path, rng: random.Random, most: int) -> list[list[str]]:
    """What is run over a changed index, the most usual first; what writes comes last."""
    at = ["--index", index]
    reads = [
        ["search", "honey", "--mode", "lexical", *at],
        ["search", "red car", "-t", "image", *at],
        ["search", "red car", "-t", "text,document", "--context", "--explain", *at],
        ["search", "river", "--after", "2001-01-01", "-g", "*.txt", "--size", "+1", *at],
        ["search", "winter", "--all-segments", "-k", "50", "--json", *at],
        ["search", "--like", str(work / "files" / "stars.md"), *at],
        ["status", "--json", *at],
        ["status", "--check", *at],
        ["status", "--failures", *at],
        ["dupes", *at],
        ["export", "--to", "parquet", "-o", str(work / f"out{rng.random()}.parquet"), *at],
        ["eval", str(work / "queries.jsonl"), *at],
        ["search", "red car", *at, "--index", str(work / "other")],
        ["serve", index],
        ["mcp", index],
        ["api", index],
    ]
    writes = [
        ["index", "--jobs", "1", *at],
        ["index", str(work / "more.txt"), "--jobs", "1", *at],
        ["index", "--optimize", *at],
        ["index", "--prune", "--jobs", "1", *at],
        ["index", "--dry-run", "--jobs", "1", *at],
        ["status", "--repair", *at],
        ["merge", index, str(work / "other"), "-o", f"{index}-merged"],
        ["merge", str(work / "other"), "-o", index],
        ["index", str(work / "more.txt"), "--rebuild", "--jobs", "1", *at],
    ]
    chosen = [rng.choice((["search", "red car", *at], ["search", "red car", *at], ["status", *at]))]
    return chosen + rng.sample(reads, max(0, most - 2)) + rng.sample(writes, 1)


class Campaign:
    """Prepared indexes, and a process that runs commands; used from one thread."""

    def __init__(self, work: Path, bases: Sequence[Path], commands: Forking, most: int = COMMANDS_A_CASE) -> None:
        self._work = work
        self._bases = bases
        self._commands = commands
        self._most = most

    def change(self, seed: int) -> str:
        """What a seed stands for."""
        index = self._copied(seed)
        try:
            return mutate(index, seed)
        finally:
            _removed(index)

    def _copied(self, seed: int) -> Path:
        base = self._bases[seed % len(self._bases)]
        index = base.with_name(f".case{seed}")
        _removed(index)
        return Path(shutil.copytree(base, index))

    def case(self, seed: int) -> tuple[str, list[str], Counter[str]]:
        """Change a copy of an index and run commands over it: the change, breaches, and how often each code came."""
        rng = random.Random(f"commands {seed}")
        index = self._copied(seed)
        breaches, codes = [], Counter[str]()
        try:
            change = mutate(index, seed)
            for args in commands_for(str(index), self._work, rng, self._most):
                ran = self._commands.run(*args)
                codes[str(ran.code)] += 1
                breaches += [f"seed {seed}, {change}: {' '.join(args)}: {told}" for told in judged(ran)]
        finally:
            _removed(index)
            for path in self._work.glob("out*.parquet*"):
                with suppress(OSError):
                    path.unlink()
        return change, breaches, codes


def _removed(index: Path) -> None:
    for path in index.parent.glob(f"{index.name}*"):
        shutil.rmtree(path, ignore_errors=True)


def judged(ran: Ran) -> Iterator[str]:
    """What of a run breaks a promise."""
    if ran.code < 0:
        yield f"signal {-ran.code} after {ran.seconds:.1f} s"
    elif ran.code not in CODES:
        yield f"exit code {ran.code}"
    if "Traceback" in ran.stderr or "Traceback" in ran.stdout:
        yield f"a traceback: {ran.stderr[-1500:]}"
    elif ran.stderr.count("\n") > MOST_LINES:
        yield f"{ran.stderr.count(chr(10))} lines: {ran.stderr[-600:]}"
    elif ran.code in CODES and ran.code > 1 and not ran.stderr.strip():
        yield f"nothing is said about exit code {ran.code}"
    elif "\x1b" in ran.stderr + ran.stdout or "\u202e" in ran.stderr:
        yield f"control characters: {ran.stderr[-300:]!r}"
    if ran.peak > MOST_BYTES:
        yield f"{ran.peak >> 20} MiB"


def prepared(work: Path) -> list[Path]:
    """Make what cases need below a folder; the indexes to be changed."""
    bases = make_indexes(work)
    (work / "more.txt").write_text("A red car in the garden.\n", encoding="utf-8")
    (work / "queries.jsonl").write_text('{"query": "red car", "relevant": ["files/stars.md"]}\n', encoding="utf-8")
    shutil.copytree(bases[0], work / "other")
    return bases


def _part(work: Path, bases: Sequence[Path], seeds: range) -> list[tuple[str, list[str], Counter[str]]]:
    with Forking(work) as commands:
        campaign = Campaign(work, bases, commands)
        found = []
        for seed in seeds:
            found.append(campaign.case(seed))
            for breach in found[-1][1]:
                print(breach, flush=True)
        return found


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--first", type=int, default=0, help="seed of the first case")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--json", help="file for the result")
    given = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mutations-") as folder:
        work = Path(folder)
        bases = prepared(work)
        seeds = range(given.first, given.first + given.count)
        parts = [seeds[at :: given.jobs] for at in range(given.jobs)]
        with ThreadPoolExecutor(given.jobs) as pool:
            found = [one for part in pool.map(lambda part: _part(work, bases, part), parts) for one in part]
    result = _result(found, time.monotonic() - began)
    print(json.dumps({name: value for name, value in result.items() if name != "breaches"}, indent=1))
    if given.json:
        Path(given.json).write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return 1 if result["breaches"] else 0


def _result(found: Sequence[tuple[str, list[str], Counter[str]]], seconds: float) -> dict[str, Any]:
    changes = Counter(change.partition(":")[0] for change, _, _ in found)
    codes: Counter[str] = sum((one for _, _, one in found), Counter())
    return {
        "cases": len(found),
        "changes": dict(sorted(changes.items())),
        "commands": sum(codes.values()),
        "exit_codes": dict(sorted(codes.items())),
        "seconds": round(seconds),
        "breaches": [breach for _, breaches, _ in found for breach in breaches],
        "machine": circumstances(),
    }


if __name__ == "__main__":
    sys.exit(main())
