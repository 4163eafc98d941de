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
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from mmsearch.system.safe_open import TEMPORARY, Folder

FILE = "serve.json"
SOCKET = "serve.sock"
LOCK = "serve.lock"
LOG = "serve.log"
MOST_PATH = 100
"""Bytes of the path of a Unix socket; systems take 104 or 108."""
MOST_ASKED = 4 << 20
MOST_ANSWERED = 64 << 20
FIRST_SECONDS = 1.0
"""A server that lives has said within this time, from the connection on, that it has heard the question, or has
answered: what else may stand behind the socket costs a search no more."""
MOST_FIRST = 1 << 16
BUSY = "busy"
"""The name in an object that is not the answer yet, and says that there will be one."""
BUSY_SECONDS = 0.5
"""How often a server says so."""
SILENT_SECONDS = 3.0
"""A server that has said nothing for so long is dead, or stopped."""
ANSWER_SECONDS = 600.0
"""As long as the slowest reranker may take; a server that ends meanwhile closes the connection."""
_LEAST_RATE = 1 << 20
"""Bytes a second of an answer."""
MOST_FILE = 1 << 16
_FOLDER = "mmsearch-serve-"
"""How the name of a folder begins that holds nothing but a socket."""
_SIZE = struct.Struct("<Q")


class ServerInfo(NamedTuple):
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


def read(directory: str) -> ServerInfo | None:
    """What the last server of this index has left, whether or not it still runs.

    An index may come from anywhere: what a server of ours would not have written is nothing.
    """
    try:
        with Folder.open(directory) as folder, folder.read(FILE) as file:
            found = ServerInfo(**json.loads(file.read(MOST_FILE)))
        return found if _is_ours(found) else None
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return None


def _is_ours(found: ServerInfo) -> bool:
    kinds = {"pid": int, "version": str, "url": str, "socket": str, "port": int, "secret": str}
    if not all(type(getattr(found, name)) is kind for name, kind in kinds.items()):
        return False
    if any("\0" in text for text in (found.version, found.url, found.socket, found.secret)):
        return False
    if not has_unix_sockets():
        return not found.socket and 0 < found.port < 1 << 16
    folder, name = os.path.split(found.socket)
    apart = os.path.isabs(folder) and os.path.basename(folder).startswith(_FOLDER)
    return name == SOCKET and (not folder or apart)


def write(directory: str, presence: ServerInfo) -> None:
    """Say where the server is; for its user alone. Raises OSError."""
    with Folder.open(directory) as folder:
        with folder.create(FILE + TEMPORARY) as file:
            file.write(json.dumps(presence._asdict()).encode())
        folder.rename(FILE + TEMPORARY, FILE)


def remove(directory: str, presence: ServerInfo) -> None:
    """Take away what a server that has ended left: never anything but our own socket, whatever `serve.json` says."""
    with suppress(OSError), Folder.open(directory) as folder:
        folder.remove(FILE)
    if not presence.socket:
        return
    place, name = os.path.split(os.path.join(directory, presence.socket))
    if os.path.isabs(presence.socket) and os.path.dirname(place) not in _apart():
        return  # no server of ours makes one there
    with suppress(OSError):
        with Folder.open(place) as folder:
            found = folder.status(name)
            if not stat.S_ISSOCK(found.st_mode) or found.st_uid != os.getuid():
                return
            folder.remove(name)
        if os.path.isabs(presence.socket):
            os.rmdir(place)


def socket_path(directory: str) -> str:
    """Where a new server's socket goes: in the index, else in the user's own folder of such things."""
    near = os.path.join(directory, SOCKET)
    if len(os.fsencode(near)) <= MOST_PATH:
        return near
    import tempfile

    *_, temporary = places = _apart()
    runtime = next((one for one in places if len(os.fsencode(one)) <= MOST_PATH - 40), temporary)
    return os.path.join(tempfile.mkdtemp(prefix=_FOLDER, dir=runtime), SOCKET)


def _apart() -> list[str]:
    """Where folders for sockets are made, the best first."""
    import tempfile

    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    return [*([runtime] if os.path.isdir(runtime) else []), tempfile.gettempdir()]


def listen(path: str) -> socket.socket:
    """A socket that listens at this path, for this user alone, where none listened. Raises OSError.

    It appears under its name when it listens already: whoever finds it there deaf knows that its server is dead.
    """
    place, name = os.path.split(path)
    new = f"{path[:-5]}.new"
    with Folder.open(place) as folder:
        folder.remove(os.path.basename(new))
    own = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        before = os.umask(0o177)
        try:
            own.bind(new)
        finally:
            os.umask(before)
        own.listen(1024)
        with Folder.open(place) as folder:
            folder.rename(os.path.basename(new), name)
    except BaseException:
        own.close()
        raise
    return own


def server(directory: str, do: str = "ask") -> dict[str, Any] | None:
    """The `pid` and `url` of the server of this index, that is asked or told to `stop`; None where there is none."""
    found = ask(directory, {"do": do}) or {}
    pid, url = found.get("pid"), found.get("url")
    is_told = type(pid) is int and isinstance(url, str) and url.isascii() and url.isprintable()
    return {"pid": pid, "url": url} if is_told else None


def ask(directory: str, question: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the server of this index says to that; None where there is none, or none that can be trusted.

    What a dead one has left is removed.
    """
    presence = read(directory)
    if presence is None:
        return None
    try:
        first = time.monotonic() + FIRST_SECONDS
        with _connect(directory, presence) as there:
            data = json.dumps({**question, "secret": presence.secret, BUSY: True}).encode()
            there.settimeout(max(0.001, first - time.monotonic()))
            there.sendall(_SIZE.pack(len(data)) + data)
            return _answer(there, first)
    except (ConnectionRefusedError, FileNotFoundError):
        remove(directory, presence)
        return None
    except (OSError, ValueError, RecursionError):
        return None


def _connect(directory: str, presence: ServerInfo) -> socket.socket:
    """A connection to a server of the same user. Raises OSError."""
    if not presence.socket:
        return socket.create_connection(("127.0.0.1", presence.port), FIRST_SECONDS)
    path = os.path.join(directory, presence.socket)
    found = os.lstat(path)
    if found.st_uid != os.getuid() or not stat.S_ISSOCK(found.st_mode):
        raise PermissionError("another user's")
    there = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        there.settimeout(FIRST_SECONDS)
        there.connect(path)
        if _peer(there) not in (None, os.getuid()):
            raise PermissionError("another user's")
    except BaseException:
        there.close()
        raise
    return there


def _peer(there: socket.socket) -> int | None:
    """The user whose process listens at the other end; None where the system does not say."""
    if hasattr(socket, "SO_PEERCRED"):
        _, user, _ = struct.unpack(
            "iII", there.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("iII"))
        )
        return int(user)
    if sys.platform == "darwin":  # a version and a user, at the beginning of what LOCAL_PEERCRED gives
        return int(struct.unpack_from("II", there.getsockopt(0, 1, 76))[1])
    return None


def _answer(there: socket.socket, first: float) -> dict[str, Any]:
    """The answer, which a server may take its time for that says so. Raises OSError or ValueError."""
    last = time.monotonic() + ANSWER_SECONDS
    found = _received(there, first, MOST_FIRST, 0)
    while BUSY in found:
        found = _received(there, min(last, time.monotonic() + SILENT_SECONDS), MOST_ANSWERED, _LEAST_RATE)
    return found


def _received(there: socket.socket, until: float, most: int, rate: int) -> dict[str, Any]:
    """One object that has come by a time; a long one may take longer, at so many bytes a second."""
    (size,) = _SIZE.unpack(_exactly(there, _SIZE.size, until))
    if size > most:
        raise ValueError(f"an answer of {size} bytes")
    found = json.loads(_exactly(there, size, until + (size / rate if rate else 0)))
    if not isinstance(found, dict):
        raise ValueError("no answer")
    return found


def _exactly(there: socket.socket, size: int, until: float) -> bytes:
    data = bytearray()
    while len(data) < size:
        left = until - time.monotonic()
        if left <= 0:
            raise TimeoutError("the server is silent")
        there.settimeout(left)
        got = there.recv(min(1 << 20, size - len(data)))
        if not got:
            raise ConnectionError("the server has gone")
        data += got
    return bytes(data)


def has_unix_sockets() -> bool:
    """Whether this system has them."""
    return hasattr(socket, "AF_UNIX") and sys.platform != "win32"
