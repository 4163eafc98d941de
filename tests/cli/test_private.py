"""A URL of this machine is fetched by permission only."""

from __future__ import annotations

import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.server.conftest import CORPUS, run
from tests.server.conftest import made as made  # noqa: PLC0414  # a fixture


def test_a_url_of_this_machine_is_fetched_by_permission_only(made: tuple[Path, Path]) -> None:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(CORPUS / "pictures"))) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        asked = ("search", "--image", f"http://127.0.0.1:{server.server_port}/kickoff.webp", "-l", "-k", "1")
        refused = run(*asked, "--index", str(made[1]))
        assert (refused.returncode, refused.stdout) == (2, b"")
        assert b"add --allow-private" in refused.stderr
        assert len(refused.stderr.splitlines()) == 1
        found = run(*asked, "--allow-private", "-t", "image", "--index", str(made[1]))
        assert b"kickoff.webp" in found.stdout
        server.shutdown()
