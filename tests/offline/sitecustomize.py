"""Forbids the network to every Python process that finds this file first on its path.

Only this machine may be talked to. What is tried is refused and written to a list, since libraries hide such failures.
"""

from __future__ import annotations

import os
import sys
import traceback
from typing import Any

LIST = "MMSEARCH_TEST_CONNECTIONS"
"""The environment variable that names the list."""
HERE = ("127.", "::1", "localhost", "0.0.0.0")


class Forbidden(RuntimeError):
    """Something outside this machine was to be reached."""


def watch(event: str, arguments: tuple[Any, ...]) -> None:
    """An audit hook: sees every connection, datagram and name to be resolved."""
    if event in ("socket.connect", "socket.sendto"):
        address = arguments[1]
        host = address[0] if isinstance(address, tuple) else None  # others are sockets of this machine
    elif event == "socket.getaddrinfo":
        host = arguments[0]
    else:
        return
    host = host.decode() if isinstance(host, bytes) else host
    if host and not str(host).startswith(HERE):
        _tell(f"{event} {host}")
        raise Forbidden(f"tests reach for nothing outside this machine: {event} {host}")


def _tell(what: str) -> None:
    if name := os.environ.get(LIST):
        with open(name, "a", encoding="utf-8") as file:
            file.write(f"{what} by {sys.argv}\n{''.join(traceback.format_stack(limit=12))}\n")


if LIST in os.environ:
    sys.addaudithook(watch)
