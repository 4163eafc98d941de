"""A warm server against the command alone, and under load.

Three things: `mmsearch search` as a process with a server and without, in turn; requests by one client after another
against several clients at once; and the server's memory over thousands of requests. On a shared machine the ratios say
more than the seconds.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from benchmarks.machine import circumstances

CORPUS = Path(__file__).parents[1] / "sample_corpus"
RESULTS = Path(__file__).parent / "results" / "serve.jsonl"
THINGS = ("car", "cat", "beach", "invoice", "chart", "bicycle", "snow", "song", "recipe", "city", "moon", "bees")
COLOURS = ("red", "blue", "green", "yellow", "white", "black", "old", "small", "loud", "bright")


def main() -> None:
    """Prints one line of JSON, and adds it to `results/`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--index", help="an index that is there; default: one of sample_corpus, made first")
    parser.add_argument("--rounds", type=int, default=11, help="of the command with and without a server")
    parser.add_argument("--requests", type=int, default=1000, help="under load")
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--endurance", type=int, default=5000, help="requests over which the memory is watched")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        index = given.index or indexed(Path(work))
        with served(index) as server:
            result = {
                "command": commands(index, given.rounds),
                "under_load": load(server, given.requests, given.clients),
                "memory": memory(server, given.endurance, given.clients),
            }
    cold = result["command"]["table"]["cold_s"]
    result["under_load"]["over_cold_commands"] = round(result["under_load"]["per_s"] * cold, 1)
    line = json.dumps({"benchmark": "serve", "clients": given.clients, **result, **circumstances()})
    print(line)
    RESULTS.parent.mkdir(exist_ok=True)
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write(line + "\n")


def indexed(work: Path) -> str:
    """An index of the sample corpus."""
    shutil.copytree(CORPUS, work / "corpus")
    index = str(work / "index")
    run("index", str(work / "corpus"), "--index", index)
    return index


def run(*args: str) -> str:
    """The command's stdout."""
    done = subprocess.run([sys.executable, "-m", "mmsearch", *args], capture_output=True, text=True, check=True)
    return done.stdout


@contextmanager
def served(index: str) -> Iterator[tuple[int, str]]:
    """A server of the index: its process and its address."""
    argv = [sys.executable, "-m", "mmsearch", "serve", "--index", index, "--port", "0"]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process.pid, process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()


def commands(index: str, rounds: int) -> dict[str, Any]:
    """Medians in seconds of the command as a process, and of the ratios of each round."""
    result: dict[str, Any] = {}
    for form in ("table", "json"):
        argv = ["search", "red car", "--index", index, "--format", form]
        same = run(*argv) == run(*argv, "--no-server")
        pairs = [(clock(argv), clock([*argv, "--no-server"])) for _ in range(rounds)]
        warm, cold = zip(*pairs, strict=True)
        ratios = [other / own for own, other in pairs]
        result[form] = {
            "warm_s": round(statistics.median(warm), 3),
            "warm_least_s": round(min(warm), 3),
            "cold_s": round(statistics.median(cold), 3),
            "ratio": round(statistics.median(ratios), 2),
            "same_output": same,
        }
    return result


def clock(argv: Sequence[str]) -> float:
    """Seconds that the command takes."""
    began = time.perf_counter()
    run(*argv)
    return time.perf_counter() - began


def load(server: tuple[int, str], requests: int, clients: int) -> dict[str, Any]:
    """Requests a second of one client and of several, each with other words, and the delays that the several see."""
    one = asked(server[1], words(requests // 4, "one"), 1)
    many = asked(server[1], words(requests, "many"), clients)
    alone, together = (len(times) / seconds for times, seconds in (one, many))
    return {
        "requests": requests,
        "errors": requests - len(many[0]),
        "per_s": round(together, 1),
        "per_s_one_client": round(alone, 1),
        "over_one_client": round(together / alone, 2),
        "p50_ms": round(1000 * statistics.median(many[0]), 1),
        "p95_ms": round(1000 * statistics.quantiles(many[0], n=20)[-1], 1),
    }


def words(count: int, extra: str) -> list[str]:
    """So many queries, no two of them the same."""
    return [f"{COLOURS[n % 10]} {THINGS[n // 10 % 12]} {extra} {n}" for n in range(count)]


def asked(url: str, queries: Sequence[str], clients: int) -> tuple[list[float], float]:
    """Seconds of each request that was answered well, and of all together."""
    parts = urlsplit(url)

    def client(number: int) -> list[float]:
        times = []
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port)
        for query in queries[number::clients]:
            began = time.perf_counter()
            connection.request("GET", f"/api/search?q={quote(query)}")
            answer = connection.getresponse()
            body = answer.read()
            if answer.status == 200 and b'"hits"' in body:
                times.append(time.perf_counter() - began)
        connection.close()
        return times

    began = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        times = [seconds for found in pool.map(client, range(clients)) for seconds in found]
    return times, time.perf_counter() - began


def memory(server: tuple[int, str], requests: int, clients: int) -> dict[str, Any]:
    """MiB of the server after each fifth of the requests."""
    steps = [resident(server[0])]
    for part in range(5):
        asked(server[1], words(requests // 5, f"part {part}"), clients)
        steps.append(resident(server[0]))
    return {"requests": requests, "mib": steps, "growth": round(steps[-1] / steps[1], 3)}


def resident(pid: int) -> float:
    """MiB that a process holds; NaN where the system does not tell."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError:
        return float("nan")
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 2**20, 1)


if __name__ == "__main__":
    main()
