"""The user's grants: models, folders and files outside its own folder that an index may name.

An index may come from anywhere, so what it names is a request. Each grant carries a code (HMAC-SHA256) made with a key
in the user's own state folder, so a row that was planted is worth nothing, and an index that its user copies or moves
keeps its grants. Files below the index's own folder, the one whose `.mmsearch` it is, need no grant. Knows
nothing about models and scanning.
"""

from __future__ import annotations

import json
import os
import sqlite3
import stat
from collections.abc import Iterable
from contextlib import suppress
from functools import cached_property

from mmsearch.store import schema
from mmsearch.store.paths import is_absolute, prefix, stored
from mmsearch.system.safe_open import NOFOLLOW, Folder, regular
from mmsearch.system.user_folders import LOCAL_NAME, state_folder
from mmsearch.types import ModelOptions, is_object_url

TRUSTED = "MMSEARCH_TRUST_INDEX"
"""The environment variable by which the user allows everything that the indexes of this call name."""
UID = "uid"
ROOT, IDENTITY, PATH = "root", "identity", "path"
MOST_ROOTS = 4096
"""Granted roots beyond this number are ignored, so that no index can be made to be slow."""
_YES = {"1", "true", "t", "yes", "y", "on"}
KEY_NAME = "key"
KEY_BYTES = 32


def is_trusted() -> bool:
    """True if the environment allows everything that the indexes of this call name."""
    return os.environ.get(TRUSTED, "").strip().lower() in _YES


class Grants:
    """The grants in the database of one index. The key is read only when it is needed."""

    def __init__(self, db: sqlite3.Connection, directory: str, trusted: bool = False) -> None:
        """With `trusted` the user allows all that the index names, for the life of this object."""
        self._db = db
        self._directory = directory
        self.trusted = trusted or is_trusted()

    @cached_property
    def everything(self) -> bool:
        """True if everything is allowed: the user says so, or the index is the user's own from before grants."""
        return self.trusted or (not self._has_table and is_user_index(self._directory))

    def allows_identity(self, options: ModelOptions) -> bool:
        """True if the user has named the model with these settings for this index."""
        return self.everything or self._has_grant(IDENTITY, identity_value(options))

    def allows_root(self, path: str) -> bool:
        """True if a folder or URL that the index names may be scanned."""
        if self.everything or self.names_root(path):
            return True
        return not is_object_url(path) and self._is_below_own(_real(path))

    def names_root(self, path: str) -> bool:
        """True if the user has named this very folder or URL."""
        return self._has_grant(ROOT, self._root_value(path))

    def may_read(self, path: str) -> bool:
        """True if the content of a file that the index names may be opened, after all links in its path are resolved.

        That is so below the index's own folder, below a granted root, and for files that were granted one by one.
        """
        if is_object_url(path):
            key = stored(path)
            below = any(key.startswith(prefix(value)) for value in self._valid_roots if b"://" in value)
            return self.everything or below or self._has_grant(PATH, key)
        real = _real(path)
        if real is None:
            return False
        if self.everything or self._is_below_own(real):
            return True
        if self._is_in_index(real):
            return False  # a file in the index is nobody's document
        if any(real == root or real.startswith(prefix(root)) for root in self._granted_roots):
            return True
        return self._has_grant(PATH, real)

    # --- folders ---

    @cached_property
    def _own_folder(self) -> bytes | None:
        """The index's own folder with all links resolved, if it has one."""
        return None if own_folder(self._directory) is None else _real(os.path.dirname(self._directory))

    @cached_property
    def _index(self) -> bytes:
        return _real(self._directory) or stored(self._directory)

    def _is_in_index(self, real: bytes) -> bool:
        return real == self._index or real.startswith(prefix(self._index))

    def _is_below_own(self, real: bytes | None) -> bool:
        if real is None or self._own_folder is None or self._is_in_index(real):
            return False
        return real == self._own_folder or real.startswith(prefix(self._own_folder))

    @cached_property
    def _valid_roots(self) -> list[bytes]:
        if not self._has_table:
            return []
        rows = self._db.execute("SELECT value FROM grants WHERE kind = ? LIMIT ?", (ROOT, MOST_ROOTS)).fetchall()
        return [value for (value,) in rows if isinstance(value, bytes) and self._has_grant(ROOT, value)]

    @cached_property
    def _granted_roots(self) -> list[bytes]:
        """The folders that the user has named, with all links resolved."""
        roots = []
        for value in self._valid_roots:
            if b"://" in value:
                continue
            if is_absolute(value):
                path = os.fsdecode(value)
            elif value.startswith(b"./"):
                path = os.path.join(os.path.dirname(self._directory), os.fsdecode(value[2:]))
            else:
                continue
            if (real := _real(path)) is not None:
                roots.append(real)
        return roots

    # --- grants ---

    @cached_property
    def _has_table(self) -> bool:
        return int(schema.get_meta(self._db, "format") or 0) >= schema.FORMAT_WITH_GRANTS

    @cached_property
    def _key(self) -> bytes | None:
        return read_key()

    @cached_property
    def _uid(self) -> bytes:
        return (schema.get_meta(self._db, UID) or "").encode("utf-8", "surrogatepass")

    def _has_grant(self, kind: str, value: bytes) -> bool:
        """True if there is a grant that was made with the user's key."""
        if not self._has_table:
            return False
        row = self._db.execute("SELECT mac FROM grants WHERE kind = ? AND value = ?", (kind, value)).fetchone()
        if row is None or not isinstance(row[0], bytes) or not self._uid or self._key is None:
            return False
        from hmac import compare_digest

        return compare_digest(row[0], _code(self._key, self._uid, kind, value))

    def give(self, kind: str, values: Iterable[bytes]) -> bool:
        """Write grants, inside the caller's transaction; False if there is no key to make them with."""
        key = make_key()
        if key is None or not self._uid:
            return False
        self._db.executemany(
            "INSERT OR REPLACE INTO grants VALUES (?, ?, ?)",
            ((kind, value, _code(key, self._uid, kind, value)) for value in values),
        )
        for name in ("_key", "_valid_roots", "_granted_roots"):
            self.__dict__.pop(name, None)
        return True

    def give_roots(self, paths: Iterable[str]) -> bool:
        """Grant folders and URLs that the user has named."""
        return self.give(ROOT, [self._root_value(path) for path in paths])

    def give_identity(self, options: ModelOptions) -> bool:
        """Grant the model that the user has named, with its settings."""
        return self.give(IDENTITY, [identity_value(options)])

    def give_paths(self, paths: Iterable[str]) -> bool:
        """Grant files that the user has listed one by one."""
        keys = (stored(path) if is_object_url(path) else _real(path) for path in paths)
        return self.give(PATH, [key for key in keys if key is not None])

    def granted_files(self) -> list[str]:
        """The files and URLs that the user has listed one by one, links resolved."""
        if not self._has_table:
            return []
        rows = self._db.execute("SELECT value FROM grants WHERE kind = ?", (PATH,)).fetchall()
        return [os.fsdecode(value) for (value,) in rows if isinstance(value, bytes) and self._has_grant(PATH, value)]

    def _root_value(self, path: str) -> bytes:
        """A root as it is stored: relative to the folder that holds the index if below it, so that both may move."""
        key = stored(path)
        if is_object_url(path):
            return key
        parent = stored(os.path.dirname(self._directory))
        start = prefix(parent)
        return b"./" + key[len(start) :] if key.startswith(start) else b"./" if key == parent else key


def own_folder(directory: str) -> str | None:
    """The folder that an index describes without a grant: the one with a `.mmsearch` that is the index.

    None for an index of another name, which says nothing about its surroundings, for one in the root directory, and for
    one reached by a link, which anybody may have made.
    """
    parent, name = os.path.split(directory)
    if name != LOCAL_NAME or os.path.dirname(parent) == parent or os.path.islink(directory):
        return None
    return parent


def is_user_index(directory: str) -> bool:
    """True for the user's own index, in the user's data folder."""
    from mmsearch.system.user_folders import user_index

    return os.path.abspath(directory) == user_index() and not os.path.islink(directory)


def identity_value(options: ModelOptions) -> bytes:
    """The value of a grant for a model: a digest of its name and all settings that it is loaded with."""
    import hashlib

    text = json.dumps(options.to_json(), sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _code(key: bytes, uid: bytes, kind: str, value: bytes) -> bytes:
    import hmac

    # With their lengths, no two lists of parts have the same code.
    parts = b"".join(len(part).to_bytes(8, "big") + part for part in (uid, kind.encode(), value))
    return hmac.digest(key, parts, "sha256")


def _real(path: str) -> bytes | None:
    """An absolute path with all links resolved, as it is stored; None if there can be no such path."""
    if not os.path.isabs(path):
        return None
    try:
        return stored(os.path.realpath(path))
    except (OSError, ValueError):
        return None


# --- the key: 32 random bytes in the user's own state folder, which never leave this machine ---


def read_key() -> bytes | None:
    """The key; None unless it is one that only this user can have written."""
    folder = state_folder()
    try:
        if not _is_own(os.stat(folder)):
            return None
        with open(regular(os.path.join(folder, KEY_NAME), os.O_RDONLY | NOFOLLOW), "rb") as file:
            key = file.read(KEY_BYTES + 1) if _is_own(os.fstat(file.fileno())) else b""
    except (OSError, ValueError):
        return None
    return key if len(key) == KEY_BYTES else None


def make_key() -> bytes | None:
    """The key, made if there is none yet; None if that is impossible."""
    if (key := read_key()) is not None:
        return key
    folder = state_folder()
    path, temporary = os.path.join(folder, KEY_NAME), f"{KEY_NAME}.{os.urandom(8).hex()}"
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        if not _is_own(os.stat(folder)):
            return None
        with Folder.open(folder) as state:
            try:
                with state.create(temporary) as file:
                    file.write(os.urandom(KEY_BYTES))
                    file.flush()
                    os.fsync(file.fileno())
                try:
                    os.link(os.path.join(folder, temporary), path)
                except FileExistsError:
                    pass
                except OSError:  # a file system without hard links
                    if not os.path.lexists(path):
                        os.rename(os.path.join(folder, temporary), path)
            finally:
                with suppress(OSError):
                    state.remove(temporary)
    except (OSError, ValueError):
        return None
    return read_key()  # the key of another process, if that was first


def _is_own(status: os.stat_result) -> bool:
    """True if nobody else may write there."""
    if not hasattr(os, "geteuid"):
        return True
    return status.st_uid == os.geteuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
