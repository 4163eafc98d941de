"""`python -m tests.crash`: kill index runs and let their disk fail, as often as asked, and say what was lost: nothing.

Ends with code 1 when a promise was not kept.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.machine import circumstances
from tests.crash.campaign import Result, run_cuts, run_faults, run_kills, stages
from tests.crash.processes import Processes
from tests.crash.shim import Unavailable


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--faults", type=int, default=300)
    parser.add_argument("--cuts", type=int, default=2000, help="power cuts, played from traces of the runs")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, metavar="FILE", help="a JSON list that the result is added to")
    given = parser.parse_args()
    began, result, chance = time.monotonic(), Result(), random.Random(given.seed)
    told = began

    def tell() -> None:
        nonlocal told
        if time.monotonic() - told > 10:
            told = time.monotonic()
            done = (
                f"{result.kills} kills, {result.faults} faults, {result.cuts} power cuts, {len(result.broken)} broken"
            )
            print(f"{told - began:5.0f} s: {done}", flush=True)

    try:
        with tempfile.TemporaryDirectory(prefix="crash-", dir=_fast()) as folder, Processes(Path(folder)) as processes:
            made = stages(Path(folder), processes)
            points = sum(len(stage.events) for stage in made)
            print(f"{points} events in {len(made)} histories; those are the named points", flush=True)
            run_kills(made, given.kills, chance, result, tell)
            run_faults(made, given.faults, chance, result, tell)
            run_cuts(made, given.cuts, chance, result, tell)
    except Unavailable as reason:
        print(f"nothing done: {reason}")
        return 0
    summary = {
        "test": "crash", "seed": given.seed, "points": points, **result.to_json(),
        "seconds": round(time.monotonic() - began), **circumstances(),
    }  # fmt: skip
    print(json.dumps(summary, indent=1))
    if given.json:
        runs = json.loads(given.json.read_text()) if given.json.exists() else []
        given.json.write_text(json.dumps([*runs, summary], indent=1) + "\n")
    return 1 if result.broken else 0


def _fast() -> str | None:
    """Memory, where there is such a file system: what a killed process has written is there in any."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


if __name__ == "__main__":
    sys.exit(main())
