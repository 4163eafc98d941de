"""Folders of this user on this machine. Knows nothing of their content, and makes none."""

from __future__ import annotations

import os

LOCAL_NAME = ".mmsearch"
"""The name of an index that lies in the folder it describes."""
STATE = "MMSEARCH_STATE"
"""The environment variable that names another folder for the key."""


def user_index() -> str:
    """The directory of the index that is used where no other one is named or found."""
    import platformdirs

    return os.path.join(platformdirs.user_data_dir("mmsearch", appauthor=False), "index")


def state_folder() -> str:
    """The folder of the key that proves that the user wrote a grant."""
    if override := os.environ.get(STATE):
        return os.path.abspath(override)
    import platformdirs

    return platformdirs.user_state_dir("mmsearch", appauthor=False)
