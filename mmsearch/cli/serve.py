"""`mmsearch serve`: a page and a JSON API over an index, and a model that stays warm for `mmsearch search`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING

from mmsearch.cli import options
from mmsearch.cli.command import Exit
from mmsearch.cli.common import complain, emit, guarded
from mmsearch.cli.index_path import locate
from mmsearch.errors import MmsearchError, UsageError
from mmsearch.server import discovery
from mmsearch.system import child_processes
from mmsearch.system.disk_space import FULL, has_room
from mmsearch.system.safe_open import Folder, regular_or_handed

if TYPE_CHECKING:
    from mmsearch.server.server import ServerSettings

LEAST_TOKEN = 16
"""Characters."""
STOP_SECONDS = 30.0
WATCH_SECONDS = 10.0
"""So long what watches files may take to commit what it has read."""


@guarded
def serve(
    index: options.IndexDir = None,
    host: options.Host = "127.0.0.1",
    port: options.Port = None,
    token_file: options.TokenFile = None,
    open_page: options.OpenPage = False,
    background: options.Background = False,
    stop: options.Stop = False,
    watch: options.WatchServed = False,
    idle_timeout: options.IdleTimeout = None,
    max_upload: options.MaxUpload = 64,
    max_waiting: options.MaxWaiting = 256,
    device: options.Device = None,
    trust_remote_code: options.TrustRemoteCode = False,
    trust_index: options.TrustIndex = False,
) -> None:
    """Serve an index on this machine: a page to search and look, a JSON API, and faster `mmsearch search`.

    The address is printed on stdout. Only this machine is served, unless --host says otherwise: then a token is needed.

    Examples:

      mmsearch serve --open

      mmsearch serve --watch

      mmsearch serve --background --idle-timeout 3600

      mmsearch serve --stop

      curl -s 'http://127.0.0.1:8642/api/search?q=red+car&top=3'
    """
    directory = locate(index)
    if trust_index:
        from mmsearch.store.grants import TRUSTED

        os.environ[TRUSTED] = "1"  # for the server, and what it starts
    if stop:
        _stop(directory)
        return
    from mmsearch.store import Reader

    Reader.open(directory).close()  # what is wrong with it is said before anything else
    if background:
        url = _in_background(directory)
    else:
        from mmsearch.server.server import ServerSettings

        settings = ServerSettings(
            directory,
            host,
            port,
            _token(token_file),
            device,
            trust_remote_code,
            idle_timeout,
            max_upload << 20,
            max_waiting,
        )
        with _watching(directory, trust_remote_code) if watch else nullcontext():
            _serve(settings, open_page)
        return
    emit(f"{url}\n")
    if open_page:
        _open(url)


def _serve(settings: ServerSettings, open_page: bool) -> None:
    from mmsearch.server.server import run

    def announce(url: str, token: str | None) -> None:
        try:
            emit(f"{url}\n")
        except BrokenPipeError:
            raise
        except OSError as error:
            raise MmsearchError(f"the address {url} cannot be written: {error.strerror}") from None
        whole = f"{url}?token={token}" if token else url
        if token:
            complain(f"with its token: {whole}")
        if open_page:
            _open(whole)

    try:
        run(settings, announce)
    except KeyboardInterrupt:
        complain("stopped")
        raise Exit(130) from None


@contextmanager
def _watching(directory: str, trust: bool) -> Iterator[None]:
    """An `index --watch` of the same index beside this process; it says on stderr what it does."""
    start = "from mmsearch.indexing.worker import die_with_parent as d; d(); from mmsearch.__main__ import main; main()"
    given = ["index", "--watch", "--index", directory, *(["--trust-remote-code"] if trust else [])]
    child = subprocess.Popen(
        child_processes.command(start, *given),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        env=child_processes.environment(),
    )
    try:
        yield
    finally:
        # As Ctrl-C, so that what it has read is committed; from a terminal it has heard that already.
        for number in (signal.SIGINT if sys.platform != "win32" else signal.SIGTERM, signal.SIGTERM):
            with suppress(OSError, subprocess.TimeoutExpired):
                child.send_signal(number)
                child.wait(WATCH_SECONDS)
        if child.poll() is None:
            child.kill()


def _in_background(directory: str) -> str:
    """Start a server that outlives this process, unless there is one; its address when it answers."""
    there = discovery.server(directory)
    if there is not None:
        return str(there["url"])
    log = os.path.join(directory, discovery.LOG)
    try:
        with Folder.open(directory) as folder:
            out = folder.create(discovery.LOG)  # another one than that of a server which may still write
    except OSError as error:
        raise MmsearchError(f"{log}: {error.strerror}: a server in the background writes there") from None
    with out:
        start = "from mmsearch.__main__ import main; main()"
        argv = child_processes.command(start, *_in_foreground(sys.argv[1:]), "--index", directory)
        child = _spawn(argv, out.fileno())
    try:
        while child.poll() is None:
            there = discovery.server(directory)
            if there is not None and there.get("pid") == child.pid:
                return str(there["url"])
            if _is_lost(directory, child.pid):
                child.terminate()
                raise MmsearchError(
                    f"nobody would find a server in the background: it cannot write {discovery.FILE} or "
                    f"{discovery.SOCKET} in {directory}: take away what is there"
                )
            time.sleep(0.05)
    except KeyboardInterrupt:
        child.terminate()
        raise
    told = [line.removeprefix("mmsearch: ").removeprefix("error: ") for line in _said(directory)]
    # It says so itself, but for a disk on which there is no room to do so.
    otherwise = f"exit code {child.returncode}" if has_room(directory) else FULL
    complain(f"error: the server has ended: {told[-1] if told else otherwise}")
    raise Exit(child.returncode if 0 < child.returncode < 6 else MmsearchError.exit_code)


def _is_lost(directory: str, pid: int) -> bool:
    """Whether a server answers already, and has not been able to say in the index where: nobody would ever find it."""
    if not any(line.startswith("http") for line in _said(directory)):
        return False
    there = discovery.read(directory)
    return there is None or there.pid != pid


def _said(directory: str) -> list[str]:
    """The lines in the log of a server."""
    with suppress(OSError), Folder.open(directory) as folder, folder.read(discovery.LOG) as file:
        return file.read().decode("utf-8", "replace").splitlines()
    return []


def _in_foreground(argv: list[str]) -> list[str]:
    """The arguments for the process that is to serve, but for the index, which may be spelled another way there."""
    left = iter(argv)
    kept = []
    for one in left:
        if one == "--index":
            next(left, None)
        elif one not in ("--background", "--open") and not one.startswith("--index="):
            kept.append(one)
    return kept


def _spawn(argv: list[str], out: int) -> subprocess.Popen[bytes]:
    """A process that no terminal and no parent ends."""
    flags = 0
    if sys.platform == "win32":
        flags = subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP
    return subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=out,
        env=child_processes.environment(),
        start_new_session=True,
        creationflags=flags,
    )


def _stop(directory: str) -> None:
    """End the server of an index, and wait until it has."""
    there = discovery.server(directory, "stop")
    if there is None:
        complain(f"no server runs for the index in {directory}")
        raise Exit(1)
    end = time.monotonic() + STOP_SECONDS
    while discovery.read(directory) is not None and discovery.server(directory) is not None:
        if time.monotonic() > end:
            raise MmsearchError(f"process {there['pid']} has not ended after {STOP_SECONDS:.0f} seconds")
        time.sleep(0.05)


def _token(path: str | None) -> str | None:
    if path is None:
        return None
    try:
        with open(path, encoding="utf-8", opener=regular_or_handed) as file:
            token = file.read().strip()
    except (OSError, ValueError) as error:
        raise UsageError(f"--token-file {path}: {getattr(error, 'strerror', None) or error}") from None
    if len(token) < LEAST_TOKEN or not token.isascii() or not token.isprintable() or " " in token:
        raise UsageError(f"--token-file {path}: a token has at least {LEAST_TOKEN} characters of ASCII and no spaces")
    return token


def _open(url: str) -> None:
    import threading
    import webbrowser

    # One for the terminal would not return before it is left.
    threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
