"""Finds the index: `--index`, else $MMSEARCH_INDEX, else the nearest `.mmsearch/` upward, else the user's own.

The first two may name several. Knows nothing about the inside of an index.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from mmsearch.errors import UsageError
from mmsearch.system.user_folders import LOCAL_NAME, user_index

VARIABLE = "MMSEARCH_INDEX"
LEFT_OVER = {"write.lock", "writer.json", "writer.json.tmp"}
"""Files of a first run that ended before it made a database."""


def locate(path: str | None) -> str:
    """The absolute directory of the one index to use, whether or not it exists yet.

    Raises:
        UsageError: $MMSEARCH_INDEX names several.
    """
    directories = locate_all([path] if path else None)
    if len(directories) > 1:
        raise UsageError(f"${VARIABLE} names {len(directories)} indexes, and this needs one: name it with --index")
    return directories[0]


def locate_all(paths: Sequence[str] | None) -> list[str]:
    """The absolute directories of the indexes to use together, each once; usually one.

    Several are given one by one, or in $MMSEARCH_INDEX separated as in $PATH.
    """
    value = os.environ.get(VARIABLE) or ""
    # A directory may have the separator in its name.
    from_environment = [value] if os.path.isdir(value) else [path for path in value.split(os.pathsep) if path]
    directories: dict[str, str] = {}
    for path in paths or from_environment or [_nearest(os.getcwd()) or user_index()]:
        directory = os.path.abspath(os.path.expanduser(path))
        directories.setdefault(os.path.realpath(directory), directory)
    return list(directories.values())


def locate_for_writing(path: str | None) -> str:
    """As `locate`, but refuses a directory with other files in it.

    It also refuses another user's index that was only found further up: that user could read what is written there.
    """
    directory = locate(path)
    if os.path.isdir(directory):
        foreign = hasattr(os, "geteuid") and os.stat(directory).st_uid != os.geteuid()
        if foreign and not path and not os.environ.get(VARIABLE):
            raise UsageError(f"the index in {directory} belongs to another user: if you mean it, name it with --index")
        names = set(os.listdir(directory))
        if names - LEFT_OVER and "meta.sqlite" not in names:
            raise UsageError(
                f"{directory} is not an index and not empty: try --index {os.path.join(directory, LOCAL_NAME)}"
            )
    elif os.path.exists(directory):
        raise UsageError(f"{directory} is a file: give --index a directory")
    return directory


def _nearest(start: str) -> str | None:
    folder = start
    while True:
        candidate = os.path.join(folder, LOCAL_NAME)
        if os.path.isdir(candidate):
            return candidate
        parent = os.path.dirname(folder)
        if parent == folder:
            return None
        folder = parent
