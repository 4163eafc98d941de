"""Opens, makes and deletes files while another process may replace a name at any moment.

Anything but a regular file is refused, never waited for. A `Folder` is the handle of a directory: its operations stay
in that directory even if its path comes to mean another one, and never follow a link below it. Where the system has no
such handles (Windows), names are checked right before use. Knows nothing of the files' content.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO, TypeAlias

Identity: TypeAlias = "tuple[int, int]"
"""Device and inode: they identify a file as long as it is held open."""
FILE_MODE = 0o600
FOLDER_MODE = 0o700
TEMPORARY = ".tmp"
_HANDED = re.compile(r"/dev/stdin|/(?:dev|proc/self)/fd/\d+")
_FLAGS = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_HAS_HANDLES = hasattr(os, "O_NOFOLLOW") and {os.open, os.mkdir, os.unlink, os.rename, os.stat} <= os.supports_dir_fd
NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
_CLOEXEC = getattr(os, "O_CLOEXEC", 0)
_DIRECTORY = getattr(os, "O_DIRECTORY", 0) | _CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | NOFOLLOW | _CLOEXEC | getattr(os, "O_BINARY", 0)
_GROUP_AND_OTHERS = 0o077
"""The bits of a mode that let others in."""
_PASSING = getattr(os, "O_PATH", os.O_RDONLY) | _DIRECTORY
"""How a directory is opened that is only passed through: it need not be readable."""


def regular(path: str, flags: int, folder: int | None = None) -> int:
    """An `opener` for `open`: opening a FIFO that replaced a listed file would block for ever.

    With `folder`, the handle of a directory, `path` is a name in it.

    Raises:
        OSError: it cannot be opened, is no regular file, or not the one that `only` asks for.
    """
    handle = os.open(path, flags | _FLAGS, dir_fd=folder)
    status = os.fstat(handle)
    identity = _required.identities.get(path)
    if not stat.S_ISREG(status.st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "not a regular file", path)
    if identity is not None and identity != (status.st_dev, status.st_ino):
        os.close(handle)
        raise OSError(errno.ESTALE, "another file has taken its place", path)
    return handle


def regular_or_handed(path: str, flags: int) -> int:
    """An `opener` for lists that a user names: a regular file, or the pipe that a shell hands over as `<(command)`.

    Another pipe may have no writer, and another device no end.

    Raises:
        OSError: it cannot be opened, or is neither.
    """
    if _HANDED.fullmatch(path):
        return os.open(path, flags)
    try:
        return regular(path, flags)
    except OSError as error:
        if error.errno == errno.EINVAL:
            error.strerror = f"{error.strerror} (a pipe is read as /dev/stdin)"
        raise


class _Required(threading.local):
    """The identities that `only` requires, in each thread."""

    def __init__(self) -> None:
        self.identities: dict[str, Identity] = {}


_required = _Required()


@contextmanager
def only(path: str, identity: Identity | None) -> Iterator[None]:
    """Within the block, in this thread, `regular` opens no other file at `path` than this one; None allows any.

    Decoders take paths and may open them more than once; so each of them gets the file that was looked at before.
    """
    if identity is not None:
        _required.identities[path] = identity
    try:
        yield
    finally:
        _required.identities.pop(path, None)


def open_below(folder: str, path: str) -> int:
    """A descriptor, to read, of a regular file below `folder`, reached without any link below it.

    Args:
        folder: absolute; a link on the way to it is its user's own and is followed.
        path: absolute, or relative to `folder`.

    Raises:
        OSError: it lies elsewhere, is reached through a link, is no regular file, or cannot be opened.
    """
    parts = _parts(folder, path)
    if not _HAS_HANDLES:
        location = folder
        for part in parts:
            location = os.path.join(location, part)
            if is_link(location):
                raise OSError(errno.ELOOP, "reached through a link", location)
        return regular(location, os.O_RDONLY)
    handle = os.open(folder, _PASSING)
    try:
        for part in parts[:-1]:
            inner = os.open(part, _PASSING | NOFOLLOW, dir_fd=handle)
            os.close(handle)
            handle = inner
        return _opened(parts[-1], handle)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EMLINK, errno.ENOTDIR):
            raise OSError(errno.ELOOP, "reached through a link", path) from error
        raise
    finally:
        os.close(handle)


def _parts(folder: str, path: str) -> list[str]:
    """The names from a folder to a file in it. Raises OSError where it lies elsewhere."""
    inside = os.path.relpath(path, folder) if os.path.isabs(path) else path
    parts = inside.split(os.sep)
    if os.path.isabs(inside) or any(part in ("", os.curdir, os.pardir) for part in parts):
        raise OSError(errno.EXDEV, f"not below {folder}", path)
    return parts


def _opened(name: str, handle: int | None) -> int:
    """A descriptor, to read, of a regular file that is no link."""
    return regular(name, os.O_RDONLY | NOFOLLOW, handle)


def is_link(path: str) -> bool:
    """Whether a name is a symbolic link, or on Windows a junction."""
    isjunction = getattr(os.path, "isjunction", None)  # from Python 3.12 on
    return os.path.islink(path) or bool(isjunction and isjunction(path))


def why_foreign(status: os.stat_result) -> str:
    """The fault of a name that should be a file of one folder alone; empty if there is none."""
    if stat.S_ISLNK(status.st_mode):
        return "a link where a file of its own belongs"
    if not stat.S_ISREG(status.st_mode):
        return "no regular file"
    return "a file that has another name elsewhere, too (a hard link)" if status.st_nlink > 1 else ""


def _needs_mode(status: os.stat_result, new_mode: Callable[[int], int]) -> bool:
    """Whether a file of this status may and has to be given another mode."""
    if stat.S_ISLNK(status.st_mode) or (stat.S_ISREG(status.st_mode) and status.st_nlink > 1):
        return False
    if not stat.S_ISREG(status.st_mode) and not stat.S_ISDIR(status.st_mode):
        return False
    mode = stat.S_IMODE(status.st_mode)
    return new_mode(mode) != mode


def _set_mode(handle: int, new_mode: Callable[[int], int]) -> None:
    status = os.fstat(handle)
    if _needs_mode(status, new_mode) and hasattr(os, "fchmod"):
        os.fchmod(handle, new_mode(stat.S_IMODE(status.st_mode)))


def _make_folders(path: str, mode: int = 0o777) -> None:
    """Make a directory and those on the way to it, so that they survive a power cut. Raises OSError."""
    if os.path.isdir(path):
        return
    parent = os.path.dirname(path)
    _make_folders(parent)
    with suppress(FileExistsError):
        os.mkdir(path, mode)
    if not os.path.isdir(path):
        raise NotADirectoryError(errno.ENOTDIR, "a file is in the way of the directory", path)
    with Folder.open(parent) as folder:
        folder.sync()


def sync(handle: int) -> None:
    """Make the bytes of a file durable; on macOS a plain fsync stops at the drive's cache. Raises OSError."""
    try:
        import fcntl

        fcntl.fcntl(handle, fcntl.F_FULLFSYNC)  # type: ignore[attr-defined,unused-ignore]  # macOS only
    except (ImportError, AttributeError, OSError):
        os.fsync(handle)


class Folder:
    """An open directory. A context manager; its methods take names, never paths.

    Attributes:
        path: the path it was opened by, for messages.
    """

    def __init__(self, path: str, handle: int | None) -> None:
        """Use `open` or `folder`."""
        self.path = path
        self._handle = handle

    @classmethod
    def open(cls, path: str, *, make: bool = False) -> Folder:
        """A directory by its path; with `make` it is made where there is none, for this user alone, and durably.

        Raises OSError where it is not there, or no directory. Links on the way, and the last name, are followed: the
        user gave this path. Folders on the way to it that have to be made are for whom the umask lets in.
        """
        if make and not os.path.isdir(path):
            _make_folders(os.path.abspath(path), FOLDER_MODE)
        if not _HAS_HANDLES:
            if not os.path.isdir(path):
                raise NotADirectoryError(errno.ENOTDIR, "not a directory", path)
            return cls(path, None)
        return cls(path, os.open(path, os.O_RDONLY | _DIRECTORY))

    def __enter__(self) -> Folder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the handle. Closing twice is fine."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def folder(self, name: str, *, make: bool = False, mode: int = FOLDER_MODE) -> Folder:
        """A directory in this one, that is no link; with `make` it is made where there is none, as `create` does.

        Raises OSError where there is none, or something else in its place.
        """
        path = self._path_of(name)
        if make:
            with suppress(FileExistsError):
                os.mkdir(path, mode, dir_fd=self._handle)
                if mode & _GROUP_AND_OTHERS:
                    self.change_mode(name, lambda _: mode)
                self.sync()
        if self._handle is not None:
            try:
                return Folder(os.path.join(self.path, name), os.open(name, _DIRECTORY | NOFOLLOW, dir_fd=self._handle))
            except OSError as error:
                if error.errno in (errno.ELOOP, errno.EMLINK, errno.ENOTDIR):
                    raise self._refused(name, "a link or a file where a folder of its own belongs") from error
                raise
        if is_link(path) or not os.path.isdir(path):
            raise self._refused(name, "a link or a file where a folder of its own belongs")
        return Folder(path, None)

    def read(self, name: str) -> BinaryIO:
        """A regular file in this directory, that is no link, opened to read. Raises OSError."""
        path = self._path_of(name)
        if self._handle is None and is_link(path):
            raise self._refused(name, "a link")
        return os.fdopen(_opened(path, self._handle), "rb")

    def create(self, name: str, mode: int = FILE_MODE, *, by_umask: bool = False) -> BinaryIO:
        """A new file, opened to write; an existing file of that name is removed, never written through.

        Of a mode for this user alone the umask may take away more; one that lets others in is given as it is, unless
        `by_umask` says otherwise.

        Raises OSError where it cannot be made, or another process makes it at the same moment.
        """
        path = self._path_of(name)
        try:
            handle = os.open(path, _NEW, mode, dir_fd=self._handle)
        except FileExistsError:
            self.remove(name)
            handle = os.open(path, _NEW, mode, dir_fd=self._handle)
        if mode & _GROUP_AND_OTHERS and not by_umask and hasattr(os, "fchmod"):
            with suppress(OSError):  # of a file system without modes
                os.fchmod(handle, mode)
        return os.fdopen(handle, "wb")

    def ensure(self, name: str, mode: int = FILE_MODE) -> None:
        """Make an empty file where there is none, for others to open by its name.

        Raises OSError where it is no file of this directory alone, as `require_own` does, or cannot be made.
        """
        if not self.require_own(name):
            with suppress(FileExistsError):
                handle = os.open(self._path_of(name), _NEW, mode, dir_fd=self._handle)
                os.close(handle)
                if mode & _GROUP_AND_OTHERS:
                    self.change_mode(name, lambda _: mode)
            self.require_own(name)

    def require_own(self, name: str) -> bool:
        """Whether a file has this name. Raises OSError where it is a link, no regular file, or has a second name."""
        try:
            status = self.status(name)
        except FileNotFoundError:
            return False
        if fault := why_foreign(status):
            raise self._refused(name, fault)
        return True

    def change_mode(self, name: str, new_mode: Callable[[int], int]) -> None:
        """Give a file or a directory the mode that `new_mode` gives for the one it has.

        Nothing is done to links, to a file that has other names too, to other users' files, or where nothing changes.
        """
        with suppress(OSError):
            status = self.status(name)
            if not _needs_mode(status, new_mode):
                return
            flags = os.O_RDONLY | NOFOLLOW | _FLAGS
            handle = os.open(self._path_of(name), flags, dir_fd=self._handle)
            try:
                _set_mode(handle, new_mode)
            finally:
                os.close(handle)

    def change_own_mode(self, new_mode: Callable[[int], int]) -> None:
        """`change_mode` of this directory itself."""
        if self._handle is not None:
            with suppress(OSError):
                _set_mode(self._handle, new_mode)

    @contextmanager
    def replacing(self, name: str, mode: int = FILE_MODE) -> Iterator[BinaryIO]:
        """Write a file that takes the place of another as a whole once the block has ended, and not at all if it fails.

        Its bytes are on the disk before it has its name; `sync` makes the name durable.
        """
        temporary = name + TEMPORARY
        try:
            with self.create(temporary, mode) as file:
                yield file
                file.flush()
                sync(file.fileno())
            self.rename(temporary, name)
        except BaseException:
            with suppress(OSError):
                self.remove(temporary)
            raise

    def rename(self, old: str, new: str) -> None:
        """Rename a file in this directory, replacing any file of the new name."""
        os.replace(self._path_of(old), self._path_of(new), src_dir_fd=self._handle, dst_dir_fd=self._handle)

    def remove(self, name: str) -> None:
        """Remove a file or a link, never the target of a link; it need not exist. Raises OSError."""
        with suppress(FileNotFoundError):
            os.unlink(self._path_of(name), dir_fd=self._handle)

    def remove_folder(self, name: str) -> None:
        """Remove an empty directory in this one; it need not be there. Raises OSError."""
        with suppress(FileNotFoundError):
            os.rmdir(self._path_of(name), dir_fd=self._handle)

    def status(self, name: str) -> os.stat_result:
        """The status of a name itself, never of the target of a link. Raises OSError."""
        return os.stat(self._path_of(name), dir_fd=self._handle, follow_symlinks=False)

    def is_file(self, name: str) -> bool:
        """Whether a regular file, and no link, has this name."""
        with suppress(OSError):
            return stat.S_ISREG(self.status(name).st_mode)
        return False

    def names(self) -> list[str]:
        """All names in the directory. Raises OSError."""
        return os.listdir(self.path if self._handle is None else self._handle)

    def sync(self) -> None:
        """Make the names durable, where the system lets a directory be synced."""
        if self._handle is not None:
            with suppress(OSError):  # some network file systems refuse it, and keep names durable by themselves
                os.fsync(self._handle)

    def _path_of(self, name: str) -> str:
        """The path for system calls, relative to any handle. Raises OSError unless `name` is a single name."""
        if name in ("", os.curdir, os.pardir) or os.path.basename(name) != name or "\0" in name:
            raise self._refused(name, "not a name")
        return name if self._handle is not None else os.path.join(self.path, name)

    def _refused(self, name: str, why: str) -> OSError:
        return OSError(errno.ELOOP, why, os.path.join(self.path, name))
