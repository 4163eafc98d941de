"""`mmsearch index` over a tree in which nothing has changed, against `find` that tells size and time of every file.

Both are whole commands, start-up included, run in turn. Processor time is the steadier figure on a busy machine.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.machine import circumstances

RESULTS = Path(__file__).parent / "results" / "unchanged.jsonl"
FOLDERS = 400


def main() -> None:
    """Prints one line of JSON, and adds it to `results/`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=100_000, help=f"in {FOLDERS} folders")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--work", help="keep tree and index here for the next time")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(given.work or temporary)
        result = measure(work, given.files, given.rounds)
    line = json.dumps({"benchmark": "unchanged", "files": given.files, **result, **circumstances()})
    print(line)
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write(line + "\n")


def measure(work: Path, files: int, rounds: int) -> dict[str, object]:
    """Medians in seconds, ratios as medians of those of each round, and MiB of the largest process."""
    tree, index = work / f"tree{files}", str(work / f"index{files}")
    plant(tree, files)
    mmsearch = [sys.executable, "-m", "mmsearch", "index", str(tree), "--index", index]
    find = ["find", str(tree), "-printf", "%s %T@ %p\\n"]
    for command in (mmsearch, mmsearch, find):  # the first run reads every file
        clock(command)
    ours, theirs = zip(*((clock(mmsearch), clock(find)) for _ in range(rounds)), strict=True)
    result: dict[str, object] = {"rounds": rounds, "peak_mib": round(peak())}
    for at, name in enumerate(("wall", "cpu")):
        result[name] = {
            "mmsearch": round(statistics.median(run[at] for run in ours), 3),
            "find": round(statistics.median(run[at] for run in theirs), 3),
            "ratio": round(statistics.median(a[at] / b[at] for a, b in zip(ours, theirs, strict=True)), 2),
        }
    return result


def plant(tree: Path, files: int) -> None:
    """Notes that are all the same: one content, of which only the first has to be embedded."""
    for number in range(files):
        path = tree / f"{number % FOLDERS // 20:02d}" / f"folder{number % FOLDERS:03d}" / f"note{number:06d}.txt"
        if number < FOLDERS:
            path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            path.write_text("a note about red boats at sea\n", encoding="utf-8")


def clock(command: list[str]) -> tuple[float, float]:
    """Wall and processor seconds of a command."""
    began, before = time.perf_counter(), os.times()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    seconds, after = time.perf_counter() - began, os.times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return seconds, used


def peak() -> float:
    """MiB of the largest child so far: the run that read every file, if there was one."""
    size = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return size / (2**20 if sys.platform == "darwin" else 2**10)


if __name__ == "__main__":
    main()
