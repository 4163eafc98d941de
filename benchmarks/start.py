"""How long small commands take from start to end: `--help`, a cold search, and a search that a running server answers.

Each command is a process of its own; the rounds take turns through all of them, beside an interpreter that does
nothing, so that a slow moment of the machine meets all alike. Prints medians in seconds.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.machine import circumstances
from benchmarks.processes import run

CORPUS = Path(__file__).parents[1] / "sample_corpus"
RESULTS = Path(__file__).parent / "results" / "start.jsonl"
MODULES = """
import sys
from mmsearch.cli import main
try:
    main()
finally:
    print(sum(name.startswith("mmsearch") for name in sys.modules))
"""


def main() -> None:
    """Print one line of JSON, and add it to `results/`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = measure(Path(folder), given.rounds)
    line = json.dumps({"benchmark": "start", "rounds": given.rounds, **result, **circumstances()})
    print(line)
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write(line + "\n")


def measure(folder: Path, rounds: int) -> dict[str, object]:
    """Median seconds by command, and how many of our modules a cold search imports."""
    mmsearch = [sys.executable, "-m", "mmsearch"]
    cold, warm = str(folder / "cold" / ".mmsearch"), str(folder / "warm" / ".mmsearch")
    for index in (cold, warm):
        Path(index).mkdir(parents=True)
        run([*mmsearch, "index", str(CORPUS), "--index", index])
    commands = {
        "interpreter": [sys.executable, "-c", "pass"],
        "help": [*mmsearch, "--help"],
        "search_help": [*mmsearch, "search", "--help"],
        "cold_search": [*mmsearch, "search", "red car", "--index", cold],
        "warm_search": [*mmsearch, "search", "red car", "--index", warm],
    }
    subprocess.run([*mmsearch, "serve", "--background", "--index", warm], check=True, stdout=subprocess.DEVNULL)
    try:
        seconds: dict[str, list[float]] = {name: [] for name in commands}
        for command in commands.values():
            run(command)
        for _ in range(rounds):
            for name, command in commands.items():
                seconds[name].append(run(command).seconds)
    finally:
        run([*mmsearch, "serve", "--stop", "--index", warm])
    imported = run([sys.executable, "-c", MODULES, *commands["cold_search"][3:]], codes=(0, 1)).out.split()[-1]
    medians = {name: round(statistics.median(values), 3) for name, values in seconds.items()}
    return {"seconds": medians, "modules_of_a_search": int(imported)}


if __name__ == "__main__":
    main()
