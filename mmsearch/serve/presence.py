"""Where the server of an index is to be found, and how one talks to it from the same machine.

A Unix socket in the index directory, or, where its path would be too long, one in the user's own folder for such
things, or a port of this machine with a secret; `serve.json` says which. Imports nothing heavy, for the command line
asks it before every search. Knows nothing of what is asked.
"""

from __future__ import annotations

import json
import os
import socket
import stat
import struct
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NamedTuple

FILE = "serve.json"
SOCKET = "serve.sock"
LOCK = "serve.lock"
LOG = "serve.log"
MOST_PATH = 100
"""Bytes of the path of a Unix socket; systems take 104 or 108."""
MOST_ASKED = 4 << 20
MOST_ANSWERED = 1 << 30
CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 600.0
"""As long as the slowest reranker may take; a server that ends meanwhile closes the connection."""
_FOLDER = "mmsearch-serve-"
"""How the name of a folder begins that holds nothing but a socket."""
_SIZE = struct.Struct("<Q")


class Presence(NamedTuple):
    """What `serve.json` says.

    Attributes:
        pid, version: of the server.
        url: of its page, with the token if it needs one.
        socket: path of the Unix socket, relative to the index where it lies there; empty where there is none.
        port, secret: how to reach it on this machine where there is no socket.
    """

    pid: int
    version: str
    url: str
    socket: str = ""
    port: int = 0
    secret: str = ""


def read(directory: str) -> Presence | None:
    """What the last server of this index has left, whether or not it still runs.

    An index may come from anywhere: what a server of ours would not have written is nothing.
    """
    try:
        with open(os.path.join(directory, FILE), encoding="utf-8") as file:
            found = Presence(**json.load(file))
        return found if _is_ours(found) else None
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return None


def _is_ours(found: Presence) -> bool:
    if not has_unix_sockets():
        return not found.socket and isinstance(found.port, int)
    folder, name = os.path.split(found.socket)
    apart = os.path.isabs(folder) and os.path.basename(folder).startswith(_FOLDER)
    return name == SOCKET and (not folder or apart)


def write(directory: str, presence: Presence) -> None:
    """Say where the server is; for its user alone. Raises OSError."""
    path = os.path.join(directory, FILE)
    handle = os.open(f"{path}.tmp", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(presence._asdict(), file)
    os.replace(f"{path}.tmp", path)


def remove(directory: str, presence: Presence) -> None:
    """Take away what a server that has ended left."""
    with suppress(OSError):
        os.unlink(os.path.join(directory, FILE))
    if presence.socket:
        path = os.path.join(directory, presence.socket)
        with suppress(OSError):
            os.unlink(path)
            if os.path.isabs(presence.socket):
                os.rmdir(os.path.dirname(path))


def socket_path(directory: str) -> str:
    """Where a new server's socket goes: in the index, else in the user's own folder of such things."""
    import tempfile

    near = os.path.join(directory, SOCKET)
    if len(os.fsencode(near)) <= MOST_PATH:
        return near
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if not os.path.isdir(runtime) or len(os.fsencode(runtime)) > MOST_PATH - 40:
        runtime = tempfile.gettempdir()
    return os.path.join(tempfile.mkdtemp(prefix=_FOLDER, dir=runtime), SOCKET)


def listen(path: str) -> socket.socket:
    """A socket that listens at this path, for this user alone, where none listened. Raises OSError.

    It appears under its name when it listens already: whoever finds it there deaf knows that its server is dead.
    """
    new = f"{path[:-5]}.new"
    with suppress(FileNotFoundError):
        os.unlink(new)
    own = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        before = os.umask(0o177)
        try:
            own.bind(new)
        finally:
            os.umask(before)
        own.listen(128)
        os.replace(new, path)
    except BaseException:
        own.close()
        raise
    return own


def ask(directory: str, question: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the server of this index says to that; None where there is none, or none that can be trusted.

    What a dead one has left is removed.
    """
    presence = read(directory)
    if presence is None:
        return None
    try:
        with _connect(directory, presence) as there:
            there.settimeout(ANSWER_SECONDS)
            data = json.dumps({**question, "secret": presence.secret}).encode()
            there.sendall(_SIZE.pack(len(data)) + data)
            found = json.loads(_received(there))
            return found if isinstance(found, dict) else None
    except (ConnectionRefusedError, FileNotFoundError):
        remove(directory, presence)
        return None
    except (OSError, ValueError, RecursionError):
        return None


def _connect(directory: str, presence: Presence) -> socket.socket:
    """A connection to a server of the same user. Raises OSError."""
    if not presence.socket:
        return socket.create_connection(("127.0.0.1", presence.port), CONNECT_SECONDS)
    path = os.path.join(directory, presence.socket)
    found = os.stat(path)
    if found.st_uid != os.getuid() or not stat.S_ISSOCK(found.st_mode):
        raise PermissionError("another user's")
    there = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        there.settimeout(CONNECT_SECONDS)
        there.connect(path)
    except BaseException:
        there.close()
        raise
    return there


def _received(there: socket.socket) -> bytes:
    (size,) = _SIZE.unpack(_exactly(there, _SIZE.size))
    if size > MOST_ANSWERED:
        raise ValueError(f"an answer of {size} bytes")
    return _exactly(there, size)


def _exactly(there: socket.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        got = there.recv(min(1 << 20, size - len(data)))
        if not got:
            raise ConnectionError("the server has gone")
        data += got
    return bytes(data)


def has_unix_sockets() -> bool:
    """Whether this system has them."""
    return hasattr(socket, "AF_UNIX") and sys.platform != "win32"
