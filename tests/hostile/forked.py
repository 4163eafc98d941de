"""Runs commands of mmsearch by the hundred: each is a fork of a process that has imported everything already.

`python -m tests.hostile.forked` reads one JSON list of arguments a line and answers with one JSON object a line: exit
code or signal, seconds, the most memory, and the end of what it wrote. Besides real commands there are `api`, `serve`
and `mcp`, which ask the Python interface, the server's application and the tools. Linux and macOS alone.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SECONDS = 10
"""Of the processor."""
PATIENCE = 30
"""Seconds in all: other work on the machine is no hang of ours, and what waits for a FIFO waits for ever."""
MEMORY = 8 << 30
"""Bytes of address space; what is really used is judged by itself."""
_SHOWN = 4000


@dataclass(frozen=True)
class Ran:
    """What came of a command: exit code, or the negative number of the signal that ended it; seconds and bytes."""

    code: int
    seconds: float
    peak: int
    stdout: str
    stderr: str


class Forking:
    """The process that forks; a context manager."""

    def __init__(self, home: Path) -> None:
        env = {**os.environ, "HF_HUB_OFFLINE": "1", "HOME": str(home), "OMP_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.hostile.forked"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env, text=True,
            cwd=Path(__file__).parents[2],
        )  # fmt: skip

    def __enter__(self) -> Forking:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def run(self, *args: str) -> Ran:
        """Run a command to its end."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(args) + "\n")
        self._process.stdin.flush()
        return Ran(**json.loads(self._process.stdout.readline()))


def main() -> None:
    """Answer until there is no more to do."""
    _import_all()
    for line in sys.stdin:
        print(json.dumps(_forked(json.loads(line))), flush=True)


def _import_all() -> None:
    """What commands import late, so that no fork has to; nothing that starts a thread."""
    import faiss  # noqa: F401
    import numpy  # noqa: F401
    import onnxruntime  # noqa: F401
    import pyarrow.parquet  # noqa: F401
    from starlette.testclient import TestClient  # noqa: F401


def _forked(args: list[str]) -> dict[str, Any]:
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        began = time.perf_counter()
        pid = os.fork()
        if not pid:
            _child(args, out.fileno(), err.fileno())
        _, status, usage = os.wait4(pid, 0)
        seconds = time.perf_counter() - began
        _end_group(pid)
        texts = [_read(file) for file in (out, err)]
    code = os.waitstatus_to_exitcode(status)
    return {
        "code": code,
        "seconds": round(seconds, 2),
        "peak": usage.ru_maxrss << 10,
        "stdout": texts[0],
        "stderr": texts[1],
    }


def _end_group(pid: int) -> None:
    """End what a command may have left: it led a group of its own."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except OSError:
        return


def _read(file: Any) -> str:
    file.seek(0)
    data: bytes = file.read()
    return data[-_SHOWN:].decode(errors="replace")


def _child(args: list[str], out: int, err: int) -> None:
    """Never returns."""
    code = 99
    try:
        os.setpgid(0, 0)
        for number, handle in ((os.open(os.devnull, os.O_RDONLY), 0), (out, 1), (err, 2)):
            os.dup2(number, handle)
        sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")  # noqa: SIM115
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(PATIENCE)
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + 1))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        code = _command(args)
    except BaseException:
        import traceback

        traceback.print_exc()
        code = 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _command(args: list[str]) -> int:
    asked = {"api": _api, "serve": _serve, "mcp": _mcp}.get(args[0])
    if asked is not None:
        return _judged(asked, args[1])
    from mmsearch.cli import app

    try:
        app(args, prog_name="mmsearch")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    return 0


def _judged(ask: Any, directory: str) -> int:
    from mmsearch.errors import MmsearchError

    try:
        ask(directory)
    except MmsearchError as error:
        print(f"mmsearch: error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def _api(directory: str) -> None:
    from mmsearch import Index

    with Index.open(directory) as index:
        index.search("red car", k=5)
        index.search("honey", types=["text"], mode="lexical")
        len(index)


def _serve(directory: str) -> None:
    """One request of each kind; an answer that blames the server is a mistake but for those that say when to retry."""
    from starlette.testclient import TestClient

    from mmsearch.server.access import AccessPolicy
    from mmsearch.server.app import Server
    from mmsearch.server.decoding import ServerDecoder
    from mmsearch.server.model_thread import ModelThread

    engine = ModelThread(directory)
    engine.start()
    decoder = ServerDecoder()
    client = TestClient(
        Server(engine, decoder, AccessPolicy("127.0.0.1", 8642, None, 1 << 20)).app(), "http://127.0.0.1:8642"
    )
    paths = ["/api/search?q=red+car&explain=true", "/api/status", "/api/recent", "/api/changes"]
    found = client.get("/api/search?q=red+car&top=3").json().get("hits", [])
    for hit in found[:2]:
        key = hit.get("id")
        paths += [f"/api/items/{key}{rest}" for rest in ("", "/similar", "/duplicates", "/media", "/thumbnail")]
    for path in paths:
        answer = client.get(path)
        if answer.status_code >= 500 and answer.status_code != 503:
            raise AssertionError(f"{path}: {answer.status_code} {answer.text[:300]}")
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _mcp(directory: str) -> None:
    from mmsearch.search.request import SearchRequest
    from mmsearch.server.decoding import ServerDecoder
    from mmsearch.server.mcp import evidence
    from mmsearch.server.session import IndexSession

    session, decoder = IndexSession(directory), ServerDecoder()
    session.refresh()
    found = evidence.search(session, SearchRequest(("red car",)))
    evidence.status(session, 5)
    for hit in found["hits"][:2]:
        evidence.fetch(session, decoder, hit["id"], 1, 256, False)
    session.close()
    decoder.close()


if __name__ == "__main__":
    main()
