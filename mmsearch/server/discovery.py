"""Finds the server of an index and sends it requests, from the same machine.

The server speaks HTTP over a Unix socket in the index directory, or, where its path would be too long, in the user's
own folder for such things, or over a port of this machine with a secret; `serve.json` says which. Imports nothing
heavy, for every search of the command line begins here: not even `http.client`, which takes a third as long as the
whole search. Knows nothing of the requests.
"""

from __future__ import annotations

import json
import os
import re
import socket
import stat
import struct
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from mmsearch.server import SERVER_FILE
from mmsearch.system.safe_open import TEMPORARY, Folder

SOCKET = "serve.sock"
LOCK = "serve.lock"
LOG = "serve.log"
MOST_PATH = 100
"""Bytes of the path of a Unix socket; systems take 104 or 108."""
PREFIX = "/mmsearch"
"""Of addresses, so that no other server at a port does anything at a request."""
MOST_ASKED = 4 << 20
MOST_ANSWERED = 64 << 20
MOST_HEAD = 1 << 16
FIRST_SECONDS = 1.0
"""A living server has sent the head of its answer within this time from the connection on; nothing else that stands
behind the socket costs a search more."""
BUSY_SECONDS = 0.5
"""Interval of spaces from a server that works on an answer."""
SILENT_SECONDS = 3.0
"""A server that has sent nothing for so long is dead, or stopped."""
ANSWER_SECONDS = 600.0
"""As long as the slowest reranker may take; a server that ends meanwhile closes the connection."""
_LEAST_RATE = 1 << 20
"""Bytes a second of an answer."""
MOST_FILE = 1 << 16
_FOLDER = "mmsearch-serve-"
"""Prefix of the name of a folder that holds only a socket."""
_SECRET = re.compile(r"[\w-]*", re.ASCII)
_OK = re.compile(rb"HTTP/1\.[01] 200 ")


class ServerInfo(NamedTuple):
    """The content of `serve.json`.

    Attributes:
        pid, version: of the server.
        url: of its page, with the token if it needs one.
        socket: path of the Unix socket, relative to the index if it is in there; empty if there is none.
        port, secret: how to reach it on this machine where there is no socket.
    """

    pid: int
    version: str
    url: str
    socket: str = ""
    port: int = 0
    secret: str = ""


def read(directory: str) -> ServerInfo | None:
    """The `serve.json` of the last server of this index, whether or not it still runs.

    An index may come from anywhere: None for a file that no server of ours would have written.
    """
    try:
        with Folder.open(directory) as folder, folder.read(SERVER_FILE) as file:
            info = ServerInfo(**json.loads(file.read(MOST_FILE)))
        return info if _is_ours(info) else None
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return None


def _is_ours(info: ServerInfo) -> bool:
    kinds = {"pid": int, "version": str, "url": str, "socket": str, "port": int, "secret": str}
    if not all(type(getattr(info, name)) is kind for name, kind in kinds.items()):
        return False
    if "\0" in info.version + info.url + info.socket or not _SECRET.fullmatch(info.secret):
        return False
    if not has_unix_sockets():
        return not info.socket and 0 < info.port < 1 << 16
    folder, name = os.path.split(info.socket)
    apart = os.path.isabs(folder) and os.path.basename(folder).startswith(_FOLDER)
    return name == SOCKET and (not folder or apart)


def write(directory: str, info: ServerInfo) -> None:
    """Write the location of the server, readable only by its user. Raises OSError."""
    with Folder.open(directory) as folder:
        with folder.create(SERVER_FILE + TEMPORARY) as file:
            file.write(json.dumps(info._asdict()).encode())
        folder.rename(SERVER_FILE + TEMPORARY, SERVER_FILE)


def remove(directory: str, info: ServerInfo) -> None:
    """Remove the files of a server that has ended: only our own socket, even if `serve.json` names another."""
    with suppress(OSError), Folder.open(directory) as folder:
        folder.remove(SERVER_FILE)
    if not info.socket:
        return
    folder_path, name = os.path.split(os.path.join(directory, info.socket))
    if os.path.isabs(info.socket) and os.path.dirname(folder_path) not in _socket_folders():
        return  # no server of ours makes one there
    with suppress(OSError):
        with Folder.open(folder_path) as folder:
            status = folder.status(name)
            if not stat.S_ISSOCK(status.st_mode) or status.st_uid != os.getuid():
                return
            folder.remove(name)
        if os.path.isabs(info.socket):
            os.rmdir(folder_path)


def socket_path(directory: str) -> str:
    """The path for a new server's socket: in the index, else in the user's folder for sockets."""
    index_path = os.path.join(directory, SOCKET)
    if len(os.fsencode(index_path)) <= MOST_PATH:
        return index_path
    import tempfile

    folders = _socket_folders()
    short = next((folder for folder in folders if len(os.fsencode(folder)) <= MOST_PATH - 40), folders[-1])
    return os.path.join(tempfile.mkdtemp(prefix=_FOLDER, dir=short), SOCKET)


def _socket_folders() -> list[str]:
    """Where folders for sockets are made, the best first."""
    import tempfile

    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    return [*([runtime] if os.path.isdir(runtime) else []), tempfile.gettempdir()]


def listen(path: str) -> socket.socket:
    """Listen on a new socket at this path, for this user only. Raises OSError.

    It appears under its name when it listens already: one that refuses connections belongs to a dead server.
    """
    folder_path, name = os.path.split(path)
    new_path = f"{path[:-5]}.new"
    with Folder.open(folder_path) as folder:
        folder.remove(os.path.basename(new_path))
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        old_mask = os.umask(0o177)
        try:
            listener.bind(new_path)
        finally:
            os.umask(old_mask)
        listener.listen(1024)
        with Folder.open(folder_path) as folder:
            folder.rename(os.path.basename(new_path), name)
    except BaseException:
        listener.close()
        raise
    return listener


def server(directory: str, action: str = "ask") -> dict[str, Any] | None:
    """The `pid` and `url` of the server of this index; None if there is none. The action may be `stop`."""
    answer = post(directory, action) or {}
    pid, url = answer.get("pid"), answer.get("url")
    is_ours = type(pid) is int and isinstance(url, str) and url.isascii() and url.isprintable()
    return {"pid": pid, "url": url} if is_ours else None


def post(directory: str, action: str, body: Mapping[str, Any] | None = None) -> dict[str, Any] | None:
    """The answer of the server of this index; None if there is none, or it cannot be trusted.

    Files that a dead server has left are removed.
    """
    info = read(directory)
    if info is None:
        return None
    try:
        data = json.dumps(body or {}).encode()
        head = (
            f"POST {PREFIX}/{action} HTTP/1.0\r\nHost: localhost\r\nAuthorization: Bearer {info.secret}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
        )
        head_deadline = time.monotonic() + FIRST_SECONDS
        with _connect(directory, info) as connection:
            connection.settimeout(max(0.001, head_deadline - time.monotonic()))
            connection.sendall(head.encode() + data)
            return _receive(connection, head_deadline)
    except (ConnectionRefusedError, FileNotFoundError):
        remove(directory, info)
        return None
    except (OSError, ValueError, RecursionError):
        return None


def _connect(directory: str, info: ServerInfo) -> socket.socket:
    """A connection to a server of the same user. Raises OSError."""
    if not info.socket:
        return socket.create_connection(("127.0.0.1", info.port), FIRST_SECONDS)
    path = os.path.join(directory, info.socket)
    status = os.lstat(path)
    if status.st_uid != os.getuid() or not stat.S_ISSOCK(status.st_mode):
        raise PermissionError("another user's")
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(FIRST_SECONDS)
        connection.connect(path)
        if _peer(connection) not in (None, os.getuid()):
            raise PermissionError("another user's")
    except BaseException:
        connection.close()
        raise
    return connection


def _peer(connection: socket.socket) -> int | None:
    """The user whose process listens at the other end; None where the system does not say."""
    if hasattr(socket, "SO_PEERCRED"):
        _, user, _ = struct.unpack(
            "iII", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("iII"))
        )
        return int(user)
    if sys.platform == "darwin":  # a version and a user, at the beginning of the data of LOCAL_PEERCRED
        return int(struct.unpack_from("II", connection.getsockopt(0, 1, 76))[1])
    return None


def _receive(connection: socket.socket, deadline: float) -> dict[str, Any]:
    """The JSON object of an answer that ends with the connection. Raises OSError or ValueError.

    The head has to come by the `deadline`; then a space now and then while the server works; then the object.
    """
    answer_deadline = time.monotonic() + ANSWER_SECONDS
    data, body, begun = bytearray(), 0, 0.0
    while True:
        remaining = min(answer_deadline, deadline) - time.monotonic()
        if remaining <= 0:
            raise TimeoutError("the server is silent")
        connection.settimeout(remaining)
        chunk = connection.recv(1 << 16)
        if not chunk:
            break
        data += chunk
        if not body:
            body = data.find(b"\r\n\r\n") + 4
            if body < 4 or not _OK.match(data):
                body = 0
                if len(data) > MOST_HEAD:
                    raise ValueError("no answer of ours")
                continue
            chunk = bytes(data[body:])
        if not begun and (start := chunk.lstrip()):
            if not start.startswith(b"{"):
                raise ValueError("no answer of ours")
            begun = time.monotonic()
        deadline = (begun + len(data) / _LEAST_RATE if begun else time.monotonic()) + SILENT_SECONDS
        if len(data) > MOST_ANSWERED:
            raise ValueError(f"an answer of more than {MOST_ANSWERED} bytes")
    answer = json.loads(data[body:]) if body else None
    if not isinstance(answer, dict):
        raise ValueError("no answer of ours")
    return answer


def has_unix_sockets() -> bool:
    """Whether this system has them."""
    return hasattr(socket, "AF_UNIX") and sys.platform != "win32"
