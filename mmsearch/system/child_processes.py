"""Python processes of our own and programs of the system, found where they are installed and never in the folder where
the command happens to be run: an unpacked archive may hold a `numpy.py`, a `mmsearch` or an `xdg-open`.

Knows nothing of their purpose.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

_START = "import sys; n = 2 + int(sys.argv[1]); sys.path[:] = sys.argv[2:n]; del sys.argv[1:n]; "
_FOLDERS = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH")
"""Variables that list folders to take code from; an empty entry, which a doubled colon makes, is the current one."""
_SAFE = {"PYTHONSAFEPATH": "1", "NoDefaultCurrentDirectoryInExePath": "1"}
"""Python 3.11 and later leave the current folder out then, Windows does for programs."""


def command(code: str, *args: str) -> list[str]:
    """The command line of a Python process that runs `code` with these arguments as `sys.argv[1:]`.

    It finds modules where this process does, an editable install or a virtual environment included, but for the current
    folder. To be started with `environment()`.
    """
    modules = paths()
    # Older Pythons put the current folder first, but import nothing before it is taken off again.
    safe = ["-P"] if sys.version_info >= (3, 11) else []
    return [sys.executable, *safe, "-c", _START + code, str(len(modules)), *modules, *args]


def environment(base: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment, by default of this process, without folders that depend on the current one."""
    variables = dict(os.environ if base is None else base)
    for name in _FOLDERS:
        if name in variables:
            folders = os.pathsep.join(_absolute(variables[name]))
            if folders:
                variables[name] = folders
            else:
                del variables[name]  # an empty one stands for the current folder
    return variables | _SAFE


def paths() -> list[str]:
    """`sys.path` without the current folder, unless mmsearch itself lies there or the user has named it in full."""
    allowed = {
        os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))),
        *_absolute(os.environ.get("PYTHONPATH", "")),
    }
    return [path for path in sys.path if os.path.isabs(path) and (path in allowed or not _is_current(path))]


def secure() -> None:
    """Take the current folder off the search paths of this process, and of all that it will start."""
    sys.path[:] = paths()
    safe = environment()
    for name in _FOLDERS:
        if name not in safe:
            os.environ.pop(name, None)
    os.environ.update(safe)


def program(name: str) -> str | None:
    """The full path of a program of the system, None where there is none."""
    endings = os.environ.get("PATHEXT", ".EXE").split(os.pathsep) if sys.platform == "win32" else [""]
    for folder in _absolute(os.environ.get("PATH", os.defpath)):
        for ending in endings:
            path = os.path.join(folder, name + ending)
            if os.path.isfile(path) and os.access(path, os.X_OK):
                return path
    return None


def _absolute(folders: str) -> list[str]:
    return [folder for folder in folders.split(os.pathsep) if os.path.isabs(folder)]


def _is_current(path: str) -> bool:
    try:
        return os.path.samefile(path, os.curdir)
    except OSError:
        return False
