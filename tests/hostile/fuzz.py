"""`python -m tests.hostile.fuzz`: feeds each of our parsers what reaches new code in it, for so many seconds each.

Uses atheris, which has wheels for some versions of CPython on Linux and is no dependency: without it there is nothing
to do, and the exit code is 0. What makes a parser fail is kept in a file that is named; the exit code is then 1.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

LONGEST_INPUT = 4096
SLOWEST = 10
"""Seconds that one input may take."""
_DONE = re.compile(rb"Done (\d+) runs")


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="for each parser")
    parser.add_argument("--parser", action="append", help="only this one; repeatable")
    parser.add_argument("--kept", default=".", help="folder for inputs that make a parser fail")
    parser.add_argument("--within", help=argparse.SUPPRESS)  # a parser in this process, which then never returns
    given, rest = parser.parse_known_args()
    if find_spec("atheris") is None:
        print("skipped: atheris is not installed (pip install atheris; CPython 3.11 to 3.13 on Linux)")
        return 0
    if given.within:
        _fuzz(given.within, rest)
    from tests.hostile.parsers import PARSERS

    failed = [name for name in given.parser or PARSERS if not _apart(name, given.seconds, given.kept)]
    return 1 if failed else 0


def _apart(name: str, seconds: int, kept: str) -> bool:
    """Fuzz one parser in a process of its own, because libFuzzer ends the one it is in; whether it stood."""
    from tests.hostile.parsers import SEEDS

    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(SEEDS[name]):
            (Path(corpus) / str(number)).write_bytes(seed)
        limits = [f"-max_total_time={seconds}", f"-max_len={LONGEST_INPUT}", f"-timeout={SLOWEST}"]
        argv = [sys.executable, "-m", "tests.hostile.fuzz", "--within", name, corpus, *limits]
        prefix = f"-artifact_prefix={Path(kept).resolve()}/{name}-"
        done = subprocess.run([*argv, prefix], capture_output=True, check=False)
    runs = _DONE.search(done.stderr)
    print(f"{name:14} {runs[1].decode() if runs else '?':>10} inputs, {'fine' if not done.returncode else 'FAILED'}")
    if done.returncode:
        print((done.stdout + done.stderr)[-3000:].decode(errors="replace"))
    return not done.returncode


def _fuzz(name: str, libfuzzer: list[str]) -> None:
    """Never returns."""
    import atheris

    with atheris.instrument_imports(include=["mmsearch"]):
        from tests.hostile.parsers import PARSERS
    one: Callable[[bytes], None] = PARSERS[name]
    atheris.Setup([sys.argv[0], *libfuzzer], one)
    atheris.Fuzz()


if __name__ == "__main__":
    raise SystemExit(main())
