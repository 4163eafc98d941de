"""Shows a file in its folder, with the file manager of the system.

Not by `click.launch`, which takes a program from anywhere on the PATH.
"""

from __future__ import annotations

import errno
import os
import subprocess
import sys

from mmsearch.system.child_processes import environment, program


def is_possible() -> bool:
    """Whether there is a file manager, and somewhere for it to be seen."""
    if sys.platform in ("darwin", "win32"):
        return True
    has_screen = bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    return has_screen and program("xdg-open") is not None


def reveal(path: str) -> None:
    """Open the folder of a file, with the file selected where the system can."""
    if sys.platform == "darwin":
        name, *args = "open", "-R", path
    elif sys.platform == "win32":
        name, *args = "explorer", f"/select,{path}"
    else:
        name, *args = "xdg-open", os.path.dirname(path)
    executable = program(name)
    if executable is None:
        raise FileNotFoundError(errno.ENOENT, "no such program", name)
    subprocess.Popen(
        [executable, *args],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment(),
        start_new_session=True,
    )
