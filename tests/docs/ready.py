"""A fast `mmsearch` command for the examples: a server process with all imports done forks for each call.

The examples are many and short, and would spend most of their time on imports, which tests/e2e covers. Arguments,
environment, working directory, pipes and exit code are those of the caller, as with the real command.

    python -m tests.docs.ready SOCKET                 the server
    python -S ready.py SOCKET ARGUMENT...             the command that the shell starts
"""

import json
import os
import socket
import sys


def call(path: str, argv: list[str]) -> int:
    """Send the arguments to the server and return the exit code."""
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(path)
        request = json.dumps({"argv": argv, "cwd": os.getcwd(), "env": dict(os.environ)}) + "\n"
        socket.send_fds(server, [request.encode()], [0, 1, 2])
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
            while True:  # reap finished children
                try:
                    if os.waitpid(-1, os.WNOHANG)[0] == 0:
                        break
                except ChildProcessError:
                    break


def _answer(caller: socket.socket) -> None:
    message, descriptors, _, _ = socket.recv_fds(caller, 1 << 20, 3)
    while not message.endswith(b"\n"):
        message += caller.recv(1 << 20)
    request = json.loads(message)
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    if (child := os.fork()) == 0:  # the command may end its own process
        os._exit(_run(request["argv"]))
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    caller.send(str(code).encode())
    os._exit(0)


def _run(argv: list[str]) -> int:
    import traceback

    from mmsearch.__main__ import main

    sys.argv = ["mmsearch", *argv]
    try:
        main()
    except SystemExit as exit_:
        return exit_.code if isinstance(exit_.code, int) else int(bool(exit_.code))
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
