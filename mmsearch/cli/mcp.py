"""`mmsearch mcp`: the index as tools of the Model Context Protocol, over stdin and stdout."""

from __future__ import annotations

import os
import signal
from typing import Any, NoReturn

from mmsearch.cli import options
from mmsearch.cli.common import INTERRUPTED, guarded
from mmsearch.cli.index_path import locate
from mmsearch.errors import ModelUnavailable


@guarded
def mcp(
    index: options.IndexDir = None,
    device: options.Device = None,
    trust_remote_code: options.TrustRemoteCode = False,
    trust_index: options.TrustIndex = False,
) -> None:
    """Serve the index to language models, by the Model Context Protocol over stdin and stdout.

    A client, such as an editor or a chat program, starts this command itself: give it the command line. It has tools to
    search, to fetch a passage, picture, page or frame that was found, and to tell what is indexed. Needs
    `pip install "mmsearch[mcp]"`.

    Examples:

      mmsearch mcp

      mmsearch mcp --index ~/Pictures/.mmsearch
    """
    from mmsearch.store import Reader

    directory = locate(index)
    Reader.open(directory).close()  # that there is none is told now, to whoever writes the configuration
    try:
        from mmsearch.server.mcp.tools import run
        from mmsearch.server.model_thread import ModelThread
    except ImportError as error:
        raise ModelUnavailable(f'mmsearch mcp needs an extra ({error}): pip install "mmsearch[mcp]"') from None
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _leave)
    run(ModelThread(directory, device, trust_remote_code, trust_index=trust_index))


def _leave(number: int, frame: Any) -> NoReturn:
    """End at once: there is nothing to finish, and a thread that waits for the client's next line cannot be ended."""
    os._exit(INTERRUPTED)
