"""Rights that a worker gives up before it reads its first file, as far as the system lets it; there is no way back.

On Linux the process then starts no program and no process, reaches no network, and changes no file; it goes on reading
files, for which its libraries have to be there. Landlock and seccomp are each used where the kernel has them.
Elsewhere it may write no bytes into files and leaves no core dump. Knows nothing of the work of workers.
"""

from __future__ import annotations

import errno
import os
import stat
import struct
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ctypes

_PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 22, 38
_LANDLOCK_CREATE_RULESET, _LANDLOCK_ADD_RULE, _LANDLOCK_RESTRICT_SELF = 444, 445, 446
_READ_FILE, _READ_FOLDER = 1 << 2, 1 << 3
_FILE_RIGHTS = {1: 1 << 13, 2: 1 << 14, 3: 1 << 15, 4: 1 << 15, 5: 1 << 16}
"""Landlock's version -> one more than the largest set of rights it knows; later ones know the last."""

_OWN = ("/proc/self", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat")
"""All of /proc that libraries look at."""

_COLUMN = {("x86_64", 64): 0, ("aarch64", 64): 1, ("arm64", 64): 1}
_ARCHITECTURE = (0xC000003E, 0xC00000B7)
"""The number of each architecture for seccomp."""
_NEWEST = 462
"""Newer calls are answered as by an older kernel, so that none slips through that this list does not know."""
_REFUSED = {
    # the network and other processes' queues
    "socket": (41, 198),
    "socketpair": (53, 199),
    "connect": (42, 203),
    "bind": (49, 200),
    "listen": (50, 201),
    "accept": (43, 202),
    "accept4": (288, 242),
    "sendmsg": (46, 211),
    "sendmmsg": (307, 269),
    "shmget": (29, 194),
    "shmat": (30, 196),
    "msgget": (68, 186),
    "semget": (64, 190),
    "mq_open": (240, 180),
    "mq_unlink": (241, 181),
    # calls that would be made on our behalf, past this list
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    # programs and processes
    "execve": (59, 221),
    "execveat": (322, 281),
    "fork": (57, None),
    "vfork": (58, None),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "tkill": (200, 130),
    # files and what stands beside their content, which Landlock leaves out
    "creat": (85, None),
    "truncate": (76, 45),
    "mkdir": (83, None),
    "mkdirat": (258, 34),
    "mknod": (133, None),
    "mknodat": (259, 33),
    "rmdir": (84, None),
    "unlink": (87, None),
    "unlinkat": (263, 35),
    "rename": (82, None),
    "renameat": (264, 38),
    "renameat2": (316, 276),
    "link": (86, None),
    "linkat": (265, 37),
    "symlink": (88, None),
    "symlinkat": (266, 36),
    "chmod": (90, None),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "chown": (92, None),
    "fchown": (93, 55),
    "lchown": (94, None),
    "fchownat": (260, 54),
    "utime": (132, None),
    "utimes": (235, None),
    "futimesat": (261, None),
    "utimensat": (280, 88),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
    # the system
    "mount": (165, 40),
    "umount2": (166, 39),
    "move_mount": (429, 429),
    "open_tree": (428, 428),
    "fsopen": (430, 430),
    "fsmount": (432, 432),
    "mount_setattr": (442, 442),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "unshare": (272, 97),
    "setns": (308, 268),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "fanotify_init": (300, 262),
}
"""System call -> its number on x86-64 and on 64-bit ARM."""
_MISSING = {"openat2": (437, 437), "clone3": (435, 435)}
"""Calls whose arguments a filter cannot see; callers then take the older form."""
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_CLONE_THREAD = 0x10000
_TIOCSTI = 0x5412

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
"""Instructions of the filter."""
_ALLOW = 0x7FFF0000
_ERROR = 0x00050000
_DENY, _UNKNOWN = _ERROR | errno.EPERM, _ERROR | errno.ENOSYS


def confine() -> frozenset[str]:
    """Give up the rights of this thread and the threads that it starts from now on; call it before others exist.

    Returns the names of the restrictions in force, of "limits", "privileges", "landlock" and "seccomp".
    """
    active = {"limits"} if _limit() else set()
    if sys.platform == "linux":
        import ctypes

        with suppress(OSError, AttributeError):
            libc = ctypes.CDLL(None)
            # The others are granted only to those who cannot get privileges by running a program.
            if libc.prctl(_PR_SET_NO_NEW_PRIVS, *map(ctypes.c_ulong, (1, 0, 0, 0))) == 0:
                active.add("privileges")
                active |= {"landlock"} if _landlock(libc) else set()
                active |= {"seccomp"} if _seccomp(libc) else set()
    return frozenset(active)


def _limit() -> bool:
    """No core dumps, which hold decoded data, and no byte into any file."""
    try:
        import resource
    except ImportError:  # Windows
        return False
    for limit in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE):
        with suppress(OSError, ValueError):
            resource.setrlimit(limit, (0, 0))
    return True


def _landlock(libc: ctypes.CDLL) -> bool:
    """No right to files but reading outside of /proc, none to TCP, no signals to others; whether the kernel can."""
    import ctypes

    version = libc.syscall(_LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), 1)
    if version < 1:
        return False
    files = _FILE_RIGHTS[min(version, max(_FILE_RIGHTS))] - 1
    handled = struct.pack("=QQQ", files, 3 if version >= 4 else 0, 3 if version >= 6 else 0)
    size = 8 if version < 4 else 16 if version < 6 else 24
    ruleset = libc.syscall(_LANDLOCK_CREATE_RULESET, handled, ctypes.c_size_t(size), 0)
    if ruleset < 0:
        return False
    try:
        # All of the root but /proc, where the environment and the files of other processes are.
        for path in [*(os.path.join("/", name) for name in os.listdir("/") if name != "proc"), *_OWN]:
            with suppress(OSError):
                _allow_reading(libc, ruleset, path)
        return bool(libc.syscall(_LANDLOCK_RESTRICT_SELF, ruleset, 0) == 0)
    finally:
        os.close(ruleset)


def _allow_reading(libc: ctypes.CDLL, ruleset: int, path: str) -> None:
    handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        rights = _READ_FILE | (_READ_FOLDER if stat.S_ISDIR(os.fstat(handle).st_mode) else 0)
        libc.syscall(_LANDLOCK_ADD_RULE, ruleset, 1, struct.pack("=Qi", rights, handle), 0)
    finally:
        os.close(handle)


def _seccomp(libc: ctypes.CDLL) -> bool:
    """Have the kernel refuse the calls above; whether it can."""
    import ctypes

    column = _COLUMN.get((os.uname().machine, 8 * struct.calcsize("P")))
    if column is None:
        return False
    program = b"".join(struct.pack("=HBBI", *instruction) for instruction in _filter(column))
    code = ctypes.create_string_buffer(program, len(program))
    described = struct.pack("@HP", len(program) // 8, ctypes.addressof(code))
    status = libc.prctl(_PR_SET_SECCOMP, ctypes.c_ulong(2), described, *map(ctypes.c_ulong, (0, 0)))
    return bool(status == 0)


def _filter(column: int) -> list[tuple[int, int, int, int]]:
    """The program: (instruction, steps to skip if true, if false, operand). Arguments are read by their low half."""
    steps = [(_LOAD, 0, 0, 4), (_EQUAL, 1, 0, _ARCHITECTURE[column]), (_RETURN, 0, 0, _DENY), (_LOAD, 0, 0, 0)]
    steps += [(_AT_LEAST, 0, 1, _NEWEST + 1), (_RETURN, 0, 0, _UNKNOWN)]
    for table, verdict in ((_REFUSED, _DENY), (_MISSING, _UNKNOWN)):
        for number in (numbers[column] for numbers in table.values()):
            steps += [] if number is None else [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, verdict)]
    pid = os.getpid()
    for numbers, argument, test, denies, operand in (
        ((2, None), 1, _ANY_BIT, True, _WRITES),  # open
        ((257, 56), 2, _ANY_BIT, True, _WRITES),  # openat
        ((56, 220), 0, _ANY_BIT, False, _CLONE_THREAD),  # clone
        ((62, 129), 0, _EQUAL, False, pid),  # kill
        ((234, 131), 0, _EQUAL, False, pid),  # tgkill, by which a process aborts
        ((302, 261), 0, _EQUAL, False, 0),  # prlimit64, where 0 is this process
        ((16, 29), 1, _EQUAL, True, _TIOCSTI),  # ioctl that types into a terminal
    ):
        if (number := numbers[column]) is not None:
            skip = (0, 1) if denies else (1, 0)
            steps += [(_EQUAL, 0, 4, number), (_LOAD, 0, 0, 16 + 8 * argument)]
            steps += [(test, *skip, operand), (_RETURN, 0, 0, _DENY), (_RETURN, 0, 0, _ALLOW)]
    return [*steps, (_RETURN, 0, 0, _ALLOW)]
