"""What a worker can no longer do, whatever a decoder was made to run in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

import pytest
from PIL import Image

from mmsearch.indexing import ipc, worker_process
from mmsearch.indexing.decode import FileDecoder, Finished
from mmsearch.indexing.ipc import Ready, WorkerSetup
from mmsearch.indexing.pool import Limits, Pool
from mmsearch.indexing.worker_process import PrestartedWorkers
from mmsearch.scan import Entry
from mmsearch.types import MODALITIES, LoaderSettings
from tests.indexing.test_pool import answers, picture, task
from tests.indexing.workers import children
from tests.media.make_av import shots, write_video
from tests.media.make_pdf import pdf

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems have neither seccomp nor Landlock")

PRELUDE = """
import ctypes, json, os, socket, subprocess, sys, threading
from mmsearch.indexing import sandbox
without, folder = sys.argv[1:]
if without:
    setattr(sandbox, "_" + without, lambda libc: False)
victim = os.path.join(folder, "victim")
held = sandbox.confine()
libc = ctypes.CDLL(None, use_errno=True)
def call(*given):
    if libc.syscall(*given) < 0:
        raise OSError(ctypes.get_errno(), "refused")
def connect(*where):
    with socket.socket(*where[:-1]) as end:
        end.connect(where[-1])
def threaded(attempt):
    told = []
    def run():
        try:
            attempt()
        except OSError as error:
            told.append(error)
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if told:
        raise told[0]
"""
NETWORK = {
    "tcp": "connect(socket.AF_INET, socket.SOCK_STREAM, ('127.0.0.1', 9))",
    "tcp6": "socket.socket(socket.AF_INET6)",
    "udp": "socket.socket(socket.AF_INET, socket.SOCK_DGRAM)",
    "raw": "socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)",
    "unix": "socket.socket(socket.AF_UNIX)",
    "netlink": "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)",
    "pair": "socket.socketpair()",
    "in a thread": "threaded(lambda: socket.socket())",
    "by io_uring": "call(425, 8, ctypes.create_string_buffer(256))",
}
FILES = {
    "create": "open(os.path.join(folder, 'new'), 'w')",
    "create only": "os.open(os.path.join(folder, 'new'), os.O_RDONLY | os.O_CREAT)",
    "without a name": "os.open(folder, os.O_TMPFILE | os.O_RDWR)",
    "overwrite": "open(victim, 'wb')",
    "append": "open(victim, 'ab')",
    "change": "open(victim, 'r+b')",
    "truncate": "os.truncate(victim, 0)",
    "delete": "os.unlink(victim)",
    "rename": "os.rename(victim, victim + '2')",
    "link": "os.link(victim, victim + '2')",
    "symlink": "os.symlink(victim, victim + '2')",
    "folder": "os.mkdir(os.path.join(folder, 'new'))",
    "remove a folder": "os.rmdir(os.path.join(folder, 'empty'))",
    "fifo": "os.mkfifo(os.path.join(folder, 'new'))",
    "mode": "os.chmod(victim, 0o777)",
    "owner": "os.chown(victim, os.getuid(), os.getgid())",
    "times": "os.utime(victim)",
    "attribute": "os.setxattr(victim, 'user.a', b'b')",
    "devices": "open('/dev/null', 'wb')",
    "own memory": "open('/proc/self/mem', 'r+b')",
    "in a thread": "threaded(lambda: open(victim, 'wb'))",
    "by openat2": "call(437, -100, victim.encode(), (ctypes.c_uint64 * 3)(1, 0, 0), 24)",
}
PROCESSES = {
    "run": "subprocess.run(['/bin/true'])",
    "shell": "os.system('true') and call(-1)",
    "exec": "os.execv('/bin/true', ['true'])",
    "exec of an open file": "os.execve(os.open('/bin/true', os.O_RDONLY), ['true'], {})",
    "fork": "os.fork()",
    "stop the parent": "os.kill(os.getppid(), 0)",
    "stop the group": "os.kill(0, 0)",
    "limit the parent": "__import__('resource').prlimit(os.getppid(), 0, (1, 1))",
    "trace": "libc.ptrace(16, os.getppid(), None, None) < 0 and call(-1)",
    "memory of the parent": "open(f'/proc/{os.getppid()}/mem', 'rb').read(1)",
    "handle of the parent": "os.pidfd_open(os.getppid())",
    "another root": "os.chroot(folder)",
    "name spaces": "call(272, 0x10000000)",
    "a call that nobody knows": "call(999)",
}
LOOKS = {
    "environment of the parent": "open(f'/proc/{os.getppid()}/environ', 'rb').read(1)",
    "files of the parent": "os.listdir(f'/proc/{os.getppid()}/fd')",
    "environment of any": "open('/proc/1/environ', 'rb').read(1)",
}
STAYS = {
    "read": "open(victim, 'rb').read()",
    "list": "os.listdir(folder)",
    "numbers by chance": "open('/dev/urandom', 'rb').read(1)",
    "processors": "os.cpu_count() and open('/proc/cpuinfo').read(1)",
    "own state": "open('/proc/self/status').read(1)",
    "thread": "threaded(lambda: None)",
    "signal to itself": "os.kill(os.getpid(), 0)",
    "memory": "bytearray(64 << 20)",
}


def told(attempts: dict[str, str], folder: Path, without: str = "") -> dict[str, str]:
    """Attempt -> the error that it met in a confined process, "" where it succeeded; and the rights "held" back."""
    (folder / "victim").write_text("as it was")
    (folder / "empty").mkdir()
    lines = [PRELUDE, "found = {'held': ' '.join(sorted(held))}"]
    for name, code in attempts.items():
        lines += ["try:", f"    {code}", f"    found[{name!r}] = ''"]
        lines += ["except OSError as error:", f"    found[{name!r}] = type(error).__name__"]
    lines.append("print(json.dumps(found))")
    argv = [sys.executable, "-c", "\n".join(lines), without, str(folder)]
    found = json.loads(subprocess.run(argv, stdout=subprocess.PIPE, check=True, timeout=60).stdout)
    assert os.listdir(folder / "empty") == [] and sorted(os.listdir(folder)) == ["empty", "victim"]
    assert (folder / "victim").read_text() == "as it was"
    assert (folder / "victim").stat().st_mode & 0o777 != 0o777
    return dict(found)


@cache
def held() -> frozenset[str]:
    """What this system takes away."""
    code = "from mmsearch.indexing.sandbox import confine; print(*confine())"
    return frozenset(subprocess.check_output([sys.executable, "-c", code], text=True).split())


def require(*names: str) -> None:
    if missing := {*names} - held():
        pytest.skip(f"this kernel has no {' and no '.join(sorted(missing))}")


@pytest.mark.parametrize("attempts", [NETWORK, FILES, PROCESSES], ids=["network", "files", "processes"])
def test_a_worker_reaches_nothing_but_what_it_reads(attempts: dict[str, str], tmp_path: Path) -> None:
    require("seccomp")
    found = told(attempts, tmp_path)
    assert not [name for name in attempts if not found[name]]


@pytest.mark.parametrize("attempts", [NETWORK, FILES, PROCESSES], ids=["network", "files", "processes"])
def test_seccomp_alone_is_enough(attempts: dict[str, str], tmp_path: Path) -> None:
    require("seccomp")
    attempts = {name: code for name, code in attempts.items() if name != "memory of the parent"}  # for that, Landlock
    found = told(attempts, tmp_path, without="landlock")
    assert "landlock" not in found["held"]
    assert not [name for name in attempts if not found[name]]


def test_landlock_alone_keeps_files_and_programs(tmp_path: Path) -> None:
    require("landlock")
    beside = {"mode", "owner", "times", "attribute"}  # no right of Landlock's covers them
    attempts = {name: code for name, code in FILES.items() if name not in beside}
    attempts |= {name: PROCESSES[name] for name in ("run", "exec", "exec of an open file", "memory of the parent")}
    found = told(attempts, tmp_path, without="seccomp")
    assert "seccomp" not in found["held"]
    assert not [name for name in attempts if not found[name]]


def test_other_processes_cannot_be_looked_into(tmp_path: Path) -> None:
    require("landlock")
    found = told(LOOKS, tmp_path)
    assert {name: found[name] for name in LOOKS} == dict.fromkeys(LOOKS, "PermissionError")


def test_what_decoders_need_stays(tmp_path: Path) -> None:
    found = told(STAYS, tmp_path)
    assert {name: found[name] for name in STAYS} == dict.fromkeys(STAYS, "")


def test_all_kinds_of_files_are_decoded_as_without(tmp_path: Path) -> None:
    noise = Image.effect_noise((256, 256), 90).convert("RGB")
    for suffix in ("avif", "webp", "jp2", "tiff", "gif", "jpg", "png", "ico", "bmp", "qoi"):
        with suppress(KeyError, ValueError, OSError):  # what this Pillow cannot write
            noise.save(tmp_path / f"a.{suffix}")
    with suppress(ImportError):
        from pillow_heif import from_pillow

        from_pillow(noise).save(tmp_path / "a.heic")
    (tmp_path / "a.pdf").write_bytes(pdf(["one", "two"]))
    write_video(tmp_path / "a.mkv", shots([(200, 0, 0), (0, 200, 0)], 2.0))
    (tmp_path / "a.html").write_text("<p>hello</p>" * 200)
    (tmp_path / "a.txt").write_bytes("été à la plage ".encode("latin-1") * 200)
    (tmp_path / "a.md").write_text("# a\n\nb\n" * 200)
    lines = [
        "import hashlib, os, sys",
        "from mmsearch import media",
        "from mmsearch.types import LoaderSettings",
        "from mmsearch.indexing import sandbox",
        "sys.argv[1] == 'free' or sandbox.confine()",
        "for name in sorted(os.listdir(sys.argv[2])):",
        "    path = os.path.join(sys.argv[2], name)",
        "    found = media.load(path, 'd', media.identify(path), LoaderSettings()).segments",
        "    print(name, *(hashlib.sha256(repr(one).encode()).hexdigest() for one in found))",
    ]
    free, confined = (
        subprocess.check_output([sys.executable, "-c", "\n".join(lines), how, str(tmp_path)], text=True)
        for how in ("free", "confined")
    )
    assert confined == free and confined.count("\n") == len(os.listdir(tmp_path)) >= 10


def test_a_kernel_without_either_is_done_without() -> None:
    code = (
        "import ctypes, types\n"
        "ctypes.CDLL = lambda name: types.SimpleNamespace(prctl=lambda *a: -1, syscall=lambda *a: -1)\n"
        "from mmsearch.indexing import sandbox; print(*sandbox.confine(), sandbox._landlock(ctypes.CDLL(None)))"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).split() == ["limits", "False"]


@pytest.fixture(params=["early", "by the pool"])
def worker(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The process id of a worker that has decoded a picture, and was started amid secrets and open files."""
    for name in SECRETS:
        monkeypatch.setenv(name, "secret-of-the-user")
    monkeypatch.setenv("LC_TIME", "C.UTF-8")
    handle = os.open(picture(tmp_path / "open.png"), os.O_RDONLY)
    os.set_inheritable(handle, True)
    with PrestartedWorkers() as spares:
        if request.param == "early":
            spares.start([Entry("/1", 10 << 20, 0), Entry("/2", 10 << 20, 0)], 1)
        pool = Pool(
            WorkerSetup(FileDecoder(LoaderSettings(), frozenset(MODALITIES)), 4 << 30), Limits(1, 60.0, 4 << 30), spares
        )
        told = answers(pool, [task(picture(tmp_path / "a.png"), "d", "image")])
        assert isinstance(told["a.png"][-1].answer, Finished)
        (pid,) = children(os.getpid())
        yield pid
        pool.close()
    os.close(handle)


SECRETS = [
    *("AWS_SECRET_ACCESS_KEY", "HF_TOKEN", "SSH_AUTH_SOCK", "DBUS_SESSION_BUS_ADDRESS", "GITHUB_TOKEN", "HTTPS_PROXY"),
    *(
        "MMSEARCH_TRUST_REMOTE_CODE",
        "PYTHONPATH",
        "PYTHONSTARTUP",
        "LD_PRELOAD_X",
        "HOME_OF_NOBODY",
        "lc_token",
        "XLC_",
    ),
]


def test_a_worker_gets_no_variable_that_it_does_not_need(worker: int) -> None:
    lines = Path(f"/proc/{worker}/environ").read_bytes().split(b"\0")
    assert b"LC_TIME=C.UTF-8" in lines and not [line for line in lines if b"secret-of-the-user" in line]
    names = {os.fsdecode(line.partition(b"=")[0]) for line in lines if line}
    extra = {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "PYTHONSAFEPATH", "NoDefaultCurrentDirectoryInExePath"}
    assert not {name for name in names - worker_process._HANDED_ON - extra if not name.startswith("LC_")}


def test_a_worker_holds_no_file_but_its_pipes(worker: int) -> None:
    held = [os.readlink(link) for link in Path(f"/proc/{worker}/fd").iterdir()]
    assert [one for one in held if one != os.devnull and not one.startswith("pipe:")] == []
    assert len({one for one in held if one.startswith("pipe:")}) == 2


def test_a_worker_is_confined(worker: int) -> None:
    status = Path(f"/proc/{worker}/status").read_text()
    if "privileges" in held():
        assert "NoNewPrivs:\t1" in status
    if "seccomp" in held():
        assert "Seccomp:\t2" in status
        for thread in Path(f"/proc/{worker}/task").iterdir():
            assert "Seccomp:\t2" in (thread / "status").read_text()
    limits = Path(f"/proc/{worker}/limits").read_text().splitlines()
    kept = {line[:26].strip(): line[26:].split()[:2] for line in limits}
    assert kept["Max core file size"] == kept["Max file size"] == ["0", "0"]
    assert kept["Max data size"] == [str(4 << 30)] * 2


def test_bytecode_of_decoders_is_written_once_though_workers_write_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    monkeypatch.setenv("PYTHONPYCACHEPREFIX", str(tmp_path / "cache"))
    (tmp_path / "cache").mkdir()
    for _ in range(2):
        process = worker_process.spawn()
        ipc.send(process.stdin, WorkerSetup(FileDecoder(LoaderSettings(), frozenset(MODALITIES)), 0))  # type: ignore[arg-type]
        assert isinstance(ipc.receive(process.stdout), Ready)  # type: ignore[arg-type]
        worker_process.end(process)
        kept = {one.name.partition(".")[0] for one in (tmp_path / "cache").rglob("*.pyc")}
        assert kept >= {"document", "video", "Image"}
