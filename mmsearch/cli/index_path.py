"""Where the index lives: `--index`, else $MMSEARCH_INDEX, else the nearest `.mmsearch/` upward, else the user's data.

Both may name several. Knows nothing of what is inside an index.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from mmsearch.errors import UsageError
from mmsearch.system.user_folders import LOCAL_NAME, user_index

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
    chosen = given or _listed(os.environ.get(VARIABLE)) or [_nearest(os.getcwd()) or user_index()]
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
    """As `locate`, but refuses a directory that holds other things: an index never moves in with someone's files.

    Nor is anything written unasked into another user's index, which that user may read, because it lies further up.
    """
    directory = locate(given)
    if os.path.isdir(directory):
        if not given and not os.environ.get(VARIABLE) and _is_foreign(directory):
            raise UsageError(f"the index in {directory} belongs to another user: if you mean it, name it with --index")
        held = set(os.listdir(directory))
        if held - LEFT_OVER and "meta.sqlite" not in held:
            raise UsageError(
                f"{directory} is not an index and not empty: try --index {os.path.join(directory, LOCAL_NAME)}"
            )
    elif os.path.exists(directory):
        raise UsageError(f"{directory} is a file: give --index a directory")
    return directory


def _is_foreign(directory: str) -> bool:
    return hasattr(os, "geteuid") and os.stat(directory).st_uid != os.geteuid()


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
