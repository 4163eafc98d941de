"""One writer and several readers under load; every answer is compared with what was committed.

    python -m tests.concurrency --minutes 10 --readers 4 --seed 1 --json result.json

The exit code is 1 when an answer was no committed state, a process failed, or the index is not sound in the end.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mmsearch.models import load_embedder
from mmsearch.store import Identity, Reader
from mmsearch.store.writer import Writer
from mmsearch.types import Embedder, ModelOptions
from tests.concurrency import reading, writing
from tests.concurrency.contents import draw, drawn
from tests.concurrency.judging import Judge, read_states

POOL = 240
SPARE = 120.0
"""Seconds a process may take longer than it was told to."""


def run(directory: Path, seconds: float, readers: int, seed: int) -> tuple[dict[str, Any], list[str]]:
    """Write and read for so long in an empty directory; what was counted, and what was wrong."""
    embedder = load_embedder(ModelOptions())
    index, folder, pool = directory / "index", directory / "files", directory / "pool"
    folder.mkdir()
    pool.mkdir()
    draw(pool, POOL, seed)
    Writer.open(str(index), Identity.of(ModelOptions(), embedder.spec)).close()
    counts, problems = _run_processes(directory, seconds, readers, seed)
    with open(directory / "states.jsonl", encoding="utf-8") as log:
        judge = Judge(list(read_states(log)), drawn(pool, embedder), embedder.spec.dim)
    for path in sorted(directory.glob("answers*.jsonl")):
        with open(path, encoding="utf-8") as log:
            counts["snapshots"] += judge.judge(map(json.loads, log))
    problems += judge.violations + _final(index, judge, embedder)
    return {"states": len(judge.states) - 1, **counts}, problems


def _run_processes(directory: Path, seconds: float, readers: int, seed: int) -> tuple[Counter[str], list[str]]:
    """The counts of all processes together, and how those failed that did."""
    index = str(directory / "index")
    plans: list[tuple[str, Any]] = [
        ("writing", writing.Plan(index, str(directory / "files"), str(directory / "pool"),
                                 str(directory / "states.jsonl"), seconds, seed)),
    ]  # fmt: skip
    for number in range(readers):
        how = "command" if number == readers - 1 else "store"
        log = str(directory / f"answers{number}.jsonl")
        plans.append(("reading", reading.Plan(index, log, seconds, seed * 100 + number, how, min(45.0, seconds / 3))))
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", f"tests.concurrency.{module}", json.dumps(asdict(plan))],
            cwd=writing.ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for module, plan in plans
    ]  # fmt: skip
    counts: Counter[str] = Counter()
    problems = []
    try:
        for process, (module, _) in zip(processes, plans, strict=True):
            stdout, stderr = process.communicate(timeout=seconds + SPARE)
            if process.returncode:
                problems.append(f"a process ended with {process.returncode}: {module}: {stderr[-3000:]}")
            else:
                _add(counts, json.loads(stdout))
    finally:
        for process in processes:
            process.kill()
            process.wait()
    return counts, problems


def _add(counts: Counter[str], more: dict[str, int]) -> None:
    oldest = max(counts["greatest age"], more.pop("greatest age", 0))
    counts.update(more)
    counts["greatest age"] = oldest


def _final(index: Path, judge: Judge, embedder: Embedder) -> list[str]:
    """What is wrong with the index as it was left."""
    with Reader.open(str(index)) as reader:
        problems = list(reader.problems())
        for what in ("counts", "words"):
            ask = {"what": what, "word": "word7"}
            got = reading.answer(reader, ask, embedder.spec.dim)
            problems += filter(None, [judge.complaint(len(judge.states) - 1, {"ask": ask, "got": got})])
    return problems


def main() -> int:
    """Entry point; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--readers", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", metavar="FILE", help="write what was counted, with machine and versions")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mmsearch-") as directory:
        counts, problems = run(Path(directory), given.minutes * 60, given.readers, given.seed)
    told = {"minutes": given.minutes, "readers": given.readers, "seed": given.seed, **counts}
    told |= {"violations": len(problems)}
    print(json.dumps(told, indent=2))
    for line in problems[:20]:
        print(f"wrong: {line}", file=sys.stderr)
    if given.json:
        from benchmarks.machine import circumstances

        text = json.dumps({"torture": "concurrency", **told, **circumstances()}, indent=2)
        Path(given.json).write_text(text + "\n", encoding="utf-8")
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main())
