"""`mmsearch serve` and `mmsearch mcp`: an index for browsers, programs and language models."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from typing import Any, NoReturn

from typer import Exit

from mmsearch.cli import options
from mmsearch.cli.common import INTERRUPTED, handle_errors, locate, log_line, only, write_stdout
from mmsearch.errors import MmsearchError, ModelUnavailable, UsageError
from mmsearch.server import SERVER_FILE, discovery
from mmsearch.system import child_processes
from mmsearch.system.disk_space import FULL, has_room
from mmsearch.system.safe_open import Folder, regular_or_handed

LEAST_TOKEN = 16
"""Characters."""
STOP_SECONDS = 30.0
WATCH_SECONDS = 10.0
"""Time in which the watching process has to commit what it has read."""


@handle_errors
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
    """Serve an index on this machine: a search page, a JSON API, and a faster `mmsearch search`.

    The address is printed on stdout. Only this machine can connect, unless --host says otherwise: then a token is
    required.

    \b
    Examples:
      mmsearch serve --open
      mmsearch serve --watch
      mmsearch serve --background --idle-timeout 3600
      mmsearch serve --stop
      curl -s 'http://127.0.0.1:8642/api/search?q=red+car&top=3'
    """
    directory = locate(only(index, "--index"))
    if trust_index:
        from mmsearch.store.grants import TRUSTED

        os.environ[TRUSTED] = "1"  # for the server and the processes it starts
    if stop:
        _stop(directory)
        return
    from mmsearch.store import Reader

    Reader.open(directory).close()  # reports problems of the index first
    if background:
        url = _start_in_background(directory)
        write_stdout(f"{url}\n")
        if open_page:
            _open_browser(url)
        return
    from mmsearch.server.server import ServerSettings, run

    settings = ServerSettings(
        directory, host, port, _read_token(token_file), device, trust_remote_code, idle_timeout, max_upload << 20,
        max_waiting,
    )  # fmt: skip

    def announce(url: str, token: str | None) -> None:
        write_stdout(f"{url}\n")
        if token:
            url = f"{url}?token={token}"
            log_line(f"with its token: {url}")
        if open_page:
            _open_browser(url)

    with _watching(directory, trust_remote_code) if watch else nullcontext():
        try:
            run(settings, announce)
        except KeyboardInterrupt:
            log_line("stopped")
            raise Exit(INTERRUPTED) from None


@contextmanager
def _watching(directory: str, trust: bool) -> Iterator[None]:
    """Run `index --watch` on the same index in a child process, which reports on stderr."""
    start = "from mmsearch.indexing.worker import die_with_parent as d; d(); from mmsearch.__main__ import main; main()"
    argv = ["index", "--watch", "--index", directory, *(["--trust-remote-code"] if trust else [])]
    child = subprocess.Popen(
        child_processes.command(start, *argv),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        env=child_processes.environment(),
    )
    try:
        yield
    finally:
        # Like Ctrl-C, so that it commits what it has read; on a terminal it has received Ctrl-C already.
        for number in (signal.SIGINT if sys.platform != "win32" else signal.SIGTERM, signal.SIGTERM):
            with suppress(OSError, subprocess.TimeoutExpired):
                child.send_signal(number)
                child.wait(WATCH_SECONDS)
        if child.poll() is None:
            child.kill()


def _start_in_background(directory: str) -> str:
    """The address of the server of an index; starts one that outlives this process if none runs."""
    running = discovery.server(directory)
    if running is not None:
        return str(running["url"])
    try:
        with Folder.open(directory) as folder:
            out = folder.create(discovery.LOG)  # a new file, because an old server may still write to its own
    except OSError as error:
        log = os.path.join(directory, discovery.LOG)
        raise MmsearchError(f"{log}: {error.strerror}: a server in the background writes there") from None
    with out:
        start = "from mmsearch.__main__ import main; main()"
        flags = 0
        if sys.platform == "win32":
            flags = subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP
        child = subprocess.Popen(  # that neither a terminal nor its parent ends
            child_processes.command(start, *_foreground_arguments(sys.argv[1:]), "--index", directory),
            stdin=subprocess.DEVNULL,
            stdout=out.fileno(),
            stderr=out.fileno(),
            env=child_processes.environment(),
            start_new_session=True,
            creationflags=flags,
        )
    try:
        while child.poll() is None:
            running = discovery.server(directory)
            if running is not None and running.get("pid") == child.pid:
                return str(running["url"])
            if any(line.startswith("http") for line in _log_lines(directory)):
                # It answers; the index must say where, or nobody would ever find it.
                stated = discovery.read(directory)
                if stated is None or stated.pid != child.pid:
                    child.terminate()
                    raise MmsearchError(
                        f"nobody would find a server in the background: it cannot write {SERVER_FILE} or "
                        f"{discovery.SOCKET} in {directory}: remove what is there"
                    )
            time.sleep(0.05)
    except KeyboardInterrupt:
        child.terminate()
        raise
    messages = [line.removeprefix("mmsearch: ").removeprefix("error: ") for line in _log_lines(directory)]
    # On a full disk it cannot log the reason itself.
    otherwise = f"exit code {child.returncode}" if has_room(directory) else FULL
    log_line(f"error: the server has ended: {messages[-1] if messages else otherwise}")
    raise Exit(child.returncode if 0 < child.returncode < 6 else MmsearchError.exit_code)


def _log_lines(directory: str) -> list[str]:
    with suppress(OSError), Folder.open(directory) as folder, folder.read(discovery.LOG) as file:
        return file.read().decode("utf-8", "replace").splitlines()
    return []


def _foreground_arguments(argv: list[str]) -> list[str]:
    """The arguments of the serving process, without the index, which is given to it as an absolute path."""
    left = iter(argv)
    arguments = []
    for argument in left:
        if argument == "--index":
            next(left, None)
        elif argument not in ("--background", "--open") and not argument.startswith("--index="):
            arguments.append(argument)
    return arguments


def _stop(directory: str) -> None:
    """Stop the server of an index, and wait until it has ended."""
    running = discovery.server(directory, "stop")
    if running is None:
        log_line(f"no server runs for the index in {directory}")
        raise Exit(1)
    end = time.monotonic() + STOP_SECONDS
    while discovery.read(directory) is not None and discovery.server(directory) is not None:
        if time.monotonic() > end:
            raise MmsearchError(f"process {running['pid']} has not ended after {STOP_SECONDS:.0f} seconds")
        time.sleep(0.05)


def _read_token(path: str | None) -> str | None:
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


def _open_browser(url: str) -> None:
    import threading
    import webbrowser

    # On a thread: a browser for the terminal returns only when it is left.
    threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()


@handle_errors
def mcp(
    index: options.IndexDir = None,
    device: options.Device = None,
    trust_remote_code: options.TrustRemoteCode = False,
    trust_index: options.TrustIndex = False,
) -> None:
    """Serve the index to language models, by the Model Context Protocol over stdin and stdout.

    A client, such as an editor or a chat program, starts this command itself: give it the command line. The tools
    search, fetch a passage, picture, page or frame that was found, and describe the index. Needs
    `pip install "mmsearch[mcp]"`.

    \b
    Examples:
      mmsearch mcp
      mmsearch mcp --index ~/Pictures/.mmsearch
    """
    from mmsearch.store import Reader

    directory = locate(only(index, "--index"))
    Reader.open(directory).close()  # a missing index is reported at once, while the client is being configured
    try:
        from mmsearch.server.mcp.tools import run
        from mmsearch.server.model_thread import ModelThread
    except ImportError as error:
        raise ModelUnavailable(f'mmsearch mcp needs an extra ({error}): pip install "mmsearch[mcp]"') from None

    def leave(number: int, frame: Any) -> NoReturn:
        # There is nothing to finish, and the thread that waits for the client's next line cannot be stopped.
        os._exit(INTERRUPTED)

    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, leave)
    run(ModelThread(directory, device, trust_remote_code, trust_index=trust_index))
