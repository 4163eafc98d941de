"""Shows a file in the folder that it lies in, with the file manager of the system."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys


def is_possible() -> bool:
    """Whether there is a file manager, and somewhere for it to be seen."""
    if sys.platform in ("darwin", "win32"):
        return True
    seen = bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    return seen and shutil.which("xdg-open") is not None


def reveal(path: str) -> None:
    """Open the folder of a file, with the file selected where the system can."""
    if sys.platform == "darwin":
        command = ["open", "-R", path]
    elif sys.platform == "win32":
        command = ["explorer", f"/select,{path}"]
    else:
        command = ["xdg-open", os.path.dirname(path)]
    subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
