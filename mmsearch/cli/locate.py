"""Where the index lives: `--index`, else $MMSEARCH_INDEX, else the nearest `.mmsearch/` upward, else the user's data.

Knows nothing of what is inside an index.
"""

from __future__ import annotations

import os

from mmsearch.errors import UsageError

LOCAL_NAME = ".mmsearch"
VARIABLE = "MMSEARCH_INDEX"
LEFT_OVER = {"write.lock", "writer.json", "writer.json.tmp"}
"""What a first run leaves that ended before it made a database."""


def locate(given: str | None) -> str:
    """The absolute directory of the index to use, whether or not it exists yet."""
    chosen = given or os.environ.get(VARIABLE) or _nearest(os.getcwd()) or _user_directory()
    return os.path.abspath(os.path.expanduser(chosen))


def locate_for_writing(given: str | None) -> str:
    """As `locate`, but refuses a directory that holds other things: an index never moves in with someone's files."""
    directory = locate(given)
    if os.path.isdir(directory):
        held = set(os.listdir(directory))
        if held - LEFT_OVER and "meta.sqlite" not in held:
            raise UsageError(
                f"{directory} is not an index and not empty: try --index {os.path.join(directory, LOCAL_NAME)}"
            )
    elif os.path.exists(directory):
        raise UsageError(f"{directory} is a file: give --index a directory")
    return directory


def _nearest(start: str) -> str | None:
    here = start
    while True:
        candidate = os.path.join(here, LOCAL_NAME)
        if os.path.isdir(candidate):
            return candidate
        parent = os.path.dirname(here)
        if parent == here:
            return None
        here = parent


def _user_directory() -> str:
    import platformdirs

    return os.path.join(platformdirs.user_data_dir("mmsearch", appauthor=False), "index")
