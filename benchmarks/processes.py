"""Commands as processes: how long they take, wall and processor, and the most memory they hold."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

# A process that a large one starts is said to have held as much as that did, so a small one starts each command.
_STARTER = """
import json, os, resource, subprocess, sys, time
began = time.perf_counter()
done = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
seconds = time.perf_counter() - began
used = resource.getrusage(resource.RUSAGE_CHILDREN)
json.dump({"code": done.returncode, "seconds": seconds, "cpu": used.ru_utime + used.ru_stime,
           "mib": used.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10),
           "out": done.stdout.decode("utf-8", "replace"), "err": done.stderr.decode("utf-8", "replace")}, sys.stdout)
"""


@dataclass(frozen=True)
class Run:
    """A command that has ended: wall and processor seconds, MiB of its largest process, and what it wrote."""

    seconds: float
    cpu: float
    mib: float
    out: str


def run(command: Sequence[str], codes: Sequence[int] = (0,)) -> Run:
    """Run a command to its end.

    Raises:
        RuntimeError: it ended with a code that is not among `codes`.
    """
    starter = [sys.executable, "-S", "-E", "-c", _STARTER, *command]
    told: dict[str, Any] = json.loads(subprocess.run(starter, check=True, stdout=subprocess.PIPE).stdout)
    if told["code"] not in codes:
        raise RuntimeError(f"{' '.join(command)} ended with {told['code']}: {told['err']}")
    return Run(told["seconds"], told["cpu"], told["mib"], told["out"])


def run_json(command: Sequence[str]) -> dict[str, Any]:
    """Run a command that prints one JSON object; that object, and `mib`, the most memory that it held."""
    done = run(command)
    return {**json.loads(done.out), "mib": round(done.mib)}
