"""`python -m mmsearch` is the command `mmsearch`."""

import atexit
import gc
import os
import sys

from mmsearch.system.child_processes import secure

ALLOCATIONS = 50_000
"""New objects after which the garbage collector looks for cycles. Imports make so many objects that Python's default of
a few hundred took a sixth of the time until a large model had answered."""


def main() -> None:
    """Entry point of the console script."""
    _open_closed_streams()
    secure()
    import signal  # once no module can be taken from the current folder

    gc.set_threshold(ALLOCATIONS)
    # Until a command has something to finish, Ctrl-C ends the process at once. If our parent has it ignored, because
    # we run in the background, it stays ignored.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from mmsearch.cli import main as run

    try:
        run()
    except SystemExit as end:
        _leave(end.code)
        raise


def _open_closed_streams() -> None:
    """Occupy standard streams that the caller has closed, so that no file of an index gets their descriptors.

    Input and output are opened the wrong way round: using them fails as on a closed descriptor. Messages are dropped.
    """
    modes = {"stdin": (os.O_WRONLY, "r"), "stdout": (os.O_RDONLY, "w"), "stderr": (os.O_WRONLY, "w")}
    for number, (name, (flags, mode)) in enumerate(modes.items()):
        if getattr(sys, name) is None:
            descriptor = os.open(os.devnull, flags)  # the lowest one that is free: `number`
            os.set_inheritable(descriptor, descriptor == number)
            setattr(sys, name, open(descriptor, mode, encoding="utf-8", errors="backslashreplace"))  # noqa: SIM115


def _leave(code: str | int | None) -> None:
    """End the process without freeing its memory, which takes a fifth of the time of a search.

    Exit handlers run and output is flushed first. Daemon threads are not waited for, and must not meet Python's own
    end: one that comes back to it out of C++ code, as a forecast may, would abort the process. Python ends the process
    itself if an exit handler or a flush fails, if another thread has to be waited for, or after an error.
    """
    import threading

    others = [thread for thread in threading.enumerate() if thread is not threading.current_thread()]
    if not all(thread.daemon for thread in others) or not (code in (0, 1) or (others and isinstance(code, int))):
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
