"""`mmsearch` as a command that need not import anything any more: a process that has done so forks for each call.

Examples are many and short, and most of their time would be imports, which tests/e2e pays for. Everything else is the
real thing: arguments, environment, working directory, pipes and exit code are those of the caller.

    python -m tests.docs.ready SOCKET                 the process that forks
    python -S ready.py SOCKET ARGUMENT...             what the shell starts
"""

import json
import os
import socket
import sys


def call(path: str, argv: list[str]) -> int:
    """Have it run with these arguments, and give its exit code."""
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(path)
        told = json.dumps({"argv": argv, "cwd": os.getcwd(), "env": dict(os.environ)}) + "\n"
        socket.send_fds(server, [told.encode()], [0, 1, 2])
        return int(server.recv(16) or b"70")


def serve(path: str) -> None:
    """Fork for each call, until killed."""
    import faiss  # noqa: F401
    import onnxruntime  # noqa: F401
    import tokenizers  # noqa: F401

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        while True:
            caller, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                _answer(caller)
            caller.close()
            while True:  # those that have ended
                try:
                    if os.waitpid(-1, os.WNOHANG)[0] == 0:
                        break
                except ChildProcessError:
                    break


def _answer(caller: socket.socket) -> None:
    said, descriptors, _, _ = socket.recv_fds(caller, 1 << 20, 3)
    while not said.endswith(b"\n"):
        said += caller.recv(1 << 20)
    told = json.loads(said)
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.chdir(told["cwd"])
    os.environ.clear()
    os.environ.update(told["env"])
    if (child := os.fork()) == 0:  # the command may end its process without a word to us
        os._exit(_run(told["argv"]))
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    caller.send(str(code).encode())
    os._exit(0)


def _run(argv: list[str]) -> int:
    import traceback

    from mmsearch.__main__ import main

    sys.argv = ["mmsearch", *argv]
    try:
        main()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(bool(ended.code))
    except BaseException:
        traceback.print_exc()
        return 70
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


if __name__ == "__main__":
    if __package__:
        serve(sys.argv[1])
    else:
        sys.exit(call(sys.argv[1], sys.argv[2:]))
