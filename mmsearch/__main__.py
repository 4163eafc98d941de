"""`python -m mmsearch` is the command `mmsearch`."""

import signal


def main() -> None:
    """Entry point of the console script."""
    # Until a command has something to finish, Ctrl-C ends the process there and then. Whoever starts us in the
    # background may have had it ignored, which is to stay so.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from mmsearch.cli import main as run

    run()


if __name__ == "__main__":
    main()
