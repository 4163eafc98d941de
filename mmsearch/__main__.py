"""`python -m mmsearch` is the command `mmsearch`."""

import atexit
import gc
import os
import sys

from mmsearch.system.child_processes import secure

ALLOCATIONS = 10_000
"""Objects more than before when the garbage collector looks for cycles. Python's own few hundred are many too few for
what imports make: with them it took a sixth of the time until a large model had answered."""


def main() -> None:
    """Entry point of the console script."""
    secure()
    import signal  # once no module can be taken from the current folder

    gc.set_threshold(ALLOCATIONS)
    # Until a command has something to finish, Ctrl-C ends the process there and then. Whoever starts us in the
    # background may have had it ignored, which is to stay so.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from mmsearch.cli import main as run

    try:
        run()
    except SystemExit as end:
        _leave(end.code)
        raise


def _leave(code: str | int | None) -> None:
    """End the process here if nothing is left to do but free its memory, which takes a fifth of the time of a search.

    What is to be done at an exit is done, and what was written is written. Where that fails, where the command has, and
    where another thread still has something to do, Python ends the process as it always does.
    """
    import threading

    if threading.active_count() > 1 or code not in (0, 1):
        return
    try:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    except Exception:
        return
    os._exit(int(code))


if __name__ == "__main__":
    main()
