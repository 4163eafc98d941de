"""`python -m tests.hostile`: indexes thousands of hostile files and as many good ones by the real command.

Prints what became of them by format and by change, and every breach of what is promised; the exit code is 1 if there
is one. Files are made, indexed and removed in chunks, so that little lies on the disk at a time; both kinds are indexed
side by side, so that a busy machine is as hard on one as on the other.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import shutil
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.machine import circumstances
from tests.hostile.command import Done, run
from tests.hostile.judge import Verdict, judge, look_back
from tests.hostile.trees import write

KINDS = ("good", "hostile")
MOST_RATIO = 3.0
SHOWN = 40


@dataclass
class Sums:
    """Of all runs over one kind of files: seconds, and the most memory in bytes."""

    wall: float = 0.0
    cpu: float = 0.0
    peak: int = 0
    worker_peak: int = 0
    workers: int = 0

    def add(self, other: Done | Sums) -> None:
        self.wall, self.cpu = self.wall + other.wall, self.cpu + other.cpu
        self.peak, self.worker_peak = max(self.peak, other.peak), max(self.worker_peak, other.worker_peak)
        self.workers += other.workers

    def to_json(self) -> dict[str, float]:
        return {
            "wall_seconds": round(self.wall, 1),
            "cpu_seconds": round(self.cpu, 1),
            "main_peak_mib": self.peak >> 20,
            "worker_peak_mib": self.worker_peak >> 20,
            "workers_started": self.workers,
        }


@dataclass
class Outcome:
    """What became of one kind of files."""

    verdict: Verdict = field(default_factory=Verdict)
    sums: Sums = field(default_factory=Sums)


def main() -> int:
    """The exit code."""
    given = _arguments()
    if hasattr(os, "nice"):
        os.nice(19)
    with tempfile.TemporaryDirectory(prefix="hostile-", dir=given.work) as work:
        result, verdict = _measure(Path(work), given)
    _show(verdict, result)
    if given.json:
        Path(given.json).write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return 1 if verdict.breaches else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=20_000, help="of each kind")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--chunk", type=int, default=2000, help="files on the disk at a time, of each kind")
    parser.add_argument("--shards", type=int, default=1, help="parts of the files that are worked on at a time")
    parser.add_argument("--first", type=int, default=0, help="number of the first file")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--timeout", type=float, default=10.0, help="seconds without a sign that a file is given")
    parser.add_argument("--memory", type=float, default=1.0, help="GiB that a worker is given")
    parser.add_argument("--work", help="folder for the files; default: the system's for temporary ones")
    parser.add_argument("--json", help="file for the result")
    parser.add_argument("--minutes", type=float, default=600.0, help="after which no chunk is begun")
    return parser.parse_args(namespace=argparse.Namespace(began=time.monotonic()))


def _measure(work: Path, given: argparse.Namespace) -> tuple[dict[str, Any], Verdict]:
    first, last = given.first, given.first + given.files
    share = -(-given.files // given.shards)
    parts = [range(start, min(start + share, last)) for start in range(first, last, share)]
    outcomes = {kind: Outcome() for kind in KINDS}
    with ThreadPoolExecutor(len(parts)) as shards:
        for found in shards.map(lambda part: _shard(work / str(part.start), part, given), parts):
            for kind, outcome in found.items():
                outcomes[kind].verdict.add(outcome.verdict)
                outcomes[kind].sums.add(outcome.sums)
    hostile = outcomes["hostile"].verdict
    hostile.breaches += (f"of the good files: {one}" for one in outcomes["good"].verdict.breaches)
    result = _result(given, outcomes)
    if max(result["ratio"].values()) >= MOST_RATIO:
        hostile.breaches.append(f"{result['ratio']} times the seconds of good files; {MOST_RATIO} are the limit")
    result["breaches"] = hostile.breaches
    return result, hostile


def _shard(work: Path, numbers: range, given: argparse.Namespace) -> dict[str, Outcome]:
    """Index the files of these numbers, a chunk at a time, into one index for each kind."""
    memory = int(given.memory * 2**30)
    limits = ("--jobs", str(given.jobs), "--timeout", str(given.timeout), "--memory", str(given.memory))
    outcomes = {kind: Outcome() for kind in KINDS}
    end = given.began + 60 * given.minutes
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(len(KINDS), spawn) as makers, ThreadPoolExecutor(len(KINDS)) as runners:
        for start in range(numbers.start, numbers.stop, given.chunk):
            if time.monotonic() > end:
                break
            chunk = range(start, min(start + given.chunk, numbers.stop))
            folders = {kind: work / kind / f"{start:06d}" for kind in KINDS}
            made = {
                kind: makers.submit(write, folder, chunk, given.seed, spoil=kind == "hostile")
                for kind, folder in folders.items()
            }
            wait(made.values())
            runs = {
                kind: runners.submit(run, "index", str(folder), "--json", *limits, index=work / f"{kind}.index")
                for kind, folder in folders.items()
            }
            for kind, running in runs.items():
                done = running.result()
                judge(outcomes[kind].verdict, done, work / f"{kind}.index", made[kind].result(), memory)
                outcomes[kind].sums.add(done)
                told = (
                    f"{done.wall:.0f} s, {done.cpu:.0f} s of processor, {len(outcomes[kind].verdict.breaches)} breaches"
                )
                print(f"{chunk} {kind}: {told}", file=sys.stderr)
            if chunk.stop == numbers.stop or time.monotonic() > end:
                outcomes["hostile"].verdict.breaches += look_back(work / "hostile.index")
            for folder in folders.values():
                shutil.rmtree(folder)
    return outcomes


def _result(given: argparse.Namespace, outcomes: dict[str, Outcome]) -> dict[str, Any]:
    bad, fine = outcomes["hostile"].sums, outcomes["good"].sums
    ratio = {name: round(getattr(bad, name) / max(0.001, getattr(fine, name)), 2) for name in ("cpu", "wall")}
    hostile = outcomes["hostile"].verdict
    return {
        "benchmark": "torture-hostile",
        "files": sum(hostile.totals().values()),
        "seed": given.seed,
        "limits": {"jobs": given.jobs, "timeout_seconds": given.timeout, "memory_gib": given.memory},
        "ratio": ratio,
        **{kind: {"files": one.verdict.totals(), **one.sums.to_json()} for kind, one in outcomes.items()},
        "formats": {name: dict(counts) for name, counts in sorted(hostile.formats.items())},
        "changes": {name: dict(counts) for name, counts in sorted(hostile.changes.items())},
        "reasons": dict(hostile.reasons.most_common()),
        **circumstances(),
    }


def _show(verdict: Verdict, result: dict[str, Any]) -> None:
    for title in ("formats", "changes"):
        print(f"\n{title:28} {'ok':>7} {'failed':>7} {'unsupported':>12}")
        for name, counts in result[title].items():
            print(f"{name:28} {counts.get('ok', 0):7} {counts.get('failed', 0):7} {counts.get('unsupported', 0):12}")
    for kind in KINDS:
        print(f"\n{kind}: " + ", ".join(f"{name} {value}" for name, value in result[kind].items()))
    print(f"ratio: {result['ratio']}")
    print(f"\n{len(verdict.breaches)} breaches")
    for breach in verdict.breaches[:SHOWN]:
        print(f"  {breach}")


if __name__ == "__main__":
    raise SystemExit(main())
