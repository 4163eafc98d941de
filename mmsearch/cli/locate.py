"""Where the index lives: `--index`, else $MMSEARCH_INDEX, else the nearest `.mmsearch/` upward, else the user's data.

Both may name several. Knows nothing of what is inside an index.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from mmsearch.errors import UsageError

LOCAL_NAME = ".mmsearch"
VARIABLE = "MMSEARCH_INDEX"
LEFT_OVER = {"write.lock", "writer.json", "writer.json.tmp"}
"""What a first run leaves that ended before it made a database."""


def locate(given: str | None) -> str:
    """The absolute directory of the one index to use, whether or not it exists yet.

    Raises:
        UsageError: $MMSEARCH_INDEX names several.
    """
    found = locate_all([given] if given else None)
    if len(found) > 1:
        raise UsageError(f"${VARIABLE} names {len(found)} indexes, and this needs one: name it with --index")
    return found[0]


def locate_all(given: Sequence[str] | None) -> list[str]:
    """The absolute directories of the indexes to use together, each once; mostly a single one.

    Several are given one by one, or in $MMSEARCH_INDEX separated as in $PATH.
    """
    chosen = given or _listed(os.environ.get(VARIABLE)) or [_nearest(os.getcwd()) or _user_directory()]
    found: dict[str, str] = {}
    for one in chosen:
        directory = os.path.abspath(os.path.expanduser(one))
        found.setdefault(os.path.realpath(directory), directory)
    return list(found.values())


def _listed(value: str | None) -> list[str]:
    """The directories in the variable; one that is there under the whole of its value is just that."""
    if not value or os.path.isdir(value):
        return [value] if value else []
    return [one for one in value.split(os.pathsep) if one]


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
