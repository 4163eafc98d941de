"""What the user has allowed an index to name: a model by its directory, folders and files outside its own folder.

An index may come from anywhere, so what it names is a wish. Each grant carries a code (HMAC-SHA256) made with a key in
the user's own state folder, so a row that was planted is worth nothing, and an index that its user copies or moves
keeps its grants. What lies below the index's own folder, the one whose `.mmsearch` it is, needs no grant. Knows nothing
about models and scanning.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable
from functools import cached_property

from mmsearch.store import schema
from mmsearch.store.paths import is_absolute, prefix, stored
from mmsearch.store.user_key import make_key, read_key
from mmsearch.system.user_folders import LOCAL_NAME
from mmsearch.types import ModelOptions, is_object_url

TRUSTED = "MMSEARCH_TRUST_INDEX"
"""The environment variable by which the user allows whatever the indexes of this call name."""
UID = "uid"
ROOT, IDENTITY, PATH = "root", "identity", "path"
MOST_ROOTS = 4096
"""Of granted roots so many are looked at: an index made to be slow holds no more of them."""
_YES = {"1", "true", "t", "yes", "y", "on"}


def is_trusted() -> bool:
    """Whether the environment allows what the indexes of this call name."""
    return os.environ.get(TRUSTED, "").strip().lower() in _YES


class Grants:
    """What one index may name, by the grants in its database. The key is read only when something needs one."""

    def __init__(self, db: sqlite3.Connection, directory: str, trusted: bool = False) -> None:
        """With `trusted` the user allows all that the index names, for as long as this lives."""
        self._db = db
        self._directory = directory
        self.trusted = trusted or is_trusted()

    @cached_property
    def everything(self) -> bool:
        """Whether nothing is to be asked: the user says so, or the index is the user's own from before grants."""
        if self.trusted:
            return True
        older = int(schema.get_meta(self._db, "format") or 0) < schema.FORMAT_WITH_GRANTS
        return older and is_user_index(self._directory)

    def allows_identity(self, options: ModelOptions) -> bool:
        """Whether the user has named the model with these settings for this index."""
        return self.everything or self._holds(IDENTITY, identity_value(options))

    def allows_root(self, path: str) -> bool:
        """Whether a folder or URL that the index names may be gone through."""
        if self.everything or self.names_root(path):
            return True
        return not is_object_url(path) and self._is_below_own(_real(path))

    def names_root(self, path: str) -> bool:
        """Whether the user has named this very folder or URL."""
        return self._holds(ROOT, self._value(path))

    def may_read(self, path: str) -> bool:
        """Whether the content of a file that the index names may be opened, links in its path taken to where they lead.

        That is so below the index's own folder, below a granted root, and for what was listed one by one.
        """
        if is_object_url(path):
            key = stored(path)
            below = any(key.startswith(prefix(root)) for root in self._granted_objects)
            return self.everything or below or self._holds(PATH, key)
        real = _real(path)
        if real is None:
            return False
        if self.everything or self._is_below_own(real):
            return True
        if real == self._index or real.startswith(self._index_start):
            return False  # what stands in the index is nobody's document
        if any(real == root or real.startswith(prefix(root)) for root in self._granted_roots):
            return True
        return self._holds(PATH, real)

    # --- what may be read ---

    @cached_property
    def _own(self) -> bytes | None:
        """The index's own folder with all links resolved; None where it has none that tells anything."""
        return None if own_folder(self._directory) is None else _real(os.path.dirname(self._directory))

    @cached_property
    def _index(self) -> bytes:
        return _real(self._directory) or stored(self._directory)

    @cached_property
    def _index_start(self) -> bytes:
        return prefix(self._index)

    def _is_below_own(self, real: bytes | None) -> bool:
        if real is None or self._own is None:
            return False
        if real == self._index or real.startswith(self._index_start):
            return False
        return real == self._own or real.startswith(prefix(self._own))

    @cached_property
    def _valid_roots(self) -> list[bytes]:
        if not self._is_kept:
            return []
        rows = self._db.execute("SELECT value FROM grants WHERE kind = ? LIMIT ?", (ROOT, MOST_ROOTS)).fetchall()
        return [value for (value,) in rows if isinstance(value, bytes) and self._holds(ROOT, value)]

    @cached_property
    def _granted_roots(self) -> list[bytes]:
        """The folders that the user has named, with all links resolved."""
        paths = (self._path(value) for value in self._valid_roots if b"://" not in value)
        return [real for path in paths if path is not None and (real := _real(path)) is not None]

    @cached_property
    def _granted_objects(self) -> list[bytes]:
        return [value for value in self._valid_roots if b"://" in value]

    # --- grants ---

    @cached_property
    def _is_kept(self) -> bool:
        return int(schema.get_meta(self._db, "format") or 0) >= schema.FORMAT_WITH_GRANTS

    @cached_property
    def _key(self) -> bytes | None:
        return read_key()

    @cached_property
    def _uid(self) -> bytes:
        return (schema.get_meta(self._db, UID) or "").encode("utf-8", "surrogatepass")

    def _holds(self, kind: str, value: bytes) -> bool:
        """Whether there is a grant that was made with the user's key."""
        if not self._is_kept:
            return False
        row = self._db.execute("SELECT mac FROM grants WHERE kind = ? AND value = ?", (kind, value)).fetchone()
        if row is None or not isinstance(row[0], bytes) or not self._uid or self._key is None:
            return False
        from hmac import compare_digest

        return compare_digest(row[0], _code(self._key, self._uid, kind, value))

    def give(self, kind: str, values: Iterable[bytes]) -> bool:
        """Write grants, inside the caller's transaction; whether there is a key to make them with."""
        key = make_key()
        if key is None or not self._uid:
            return False
        self._db.executemany(
            "INSERT OR REPLACE INTO grants VALUES (?, ?, ?)",
            ((kind, value, _code(key, self._uid, kind, value)) for value in values),
        )
        for name in ("_key", "_valid_roots", "_granted_roots", "_granted_objects"):
            self.__dict__.pop(name, None)
        return True

    def give_roots(self, paths: Iterable[str]) -> bool:
        """Grant folders and URLs that the user has named."""
        return self.give(ROOT, [self._value(path) for path in paths])

    def granted_files(self) -> list[str]:
        """The files and URLs that the user has listed one by one, links resolved."""
        if not self._is_kept:
            return []
        rows = self._db.execute("SELECT value FROM grants WHERE kind = ?", (PATH,)).fetchall()
        return [os.fsdecode(value) for (value,) in rows if isinstance(value, bytes) and self._holds(PATH, value)]

    def give_identity(self, options: ModelOptions) -> bool:
        """Grant the model that the user has named, with its settings."""
        return self.give(IDENTITY, [identity_value(options)])

    def give_paths(self, paths: Iterable[str]) -> bool:
        """Grant files that the user has listed one by one."""
        keys = (stored(path) if is_object_url(path) else _real(path) for path in paths)
        return self.give(PATH, [key for key in keys if key is not None])

    def _value(self, path: str) -> bytes:
        """How a root is kept: relative to the folder that holds the index where it lies below that, so that both may
        move.
        """
        key = stored(path)
        if is_object_url(path):
            return key
        beside = stored(os.path.dirname(self._directory))
        start = prefix(beside)
        return b"./" + key[len(start) :] if key.startswith(start) else b"./" if key == beside else key

    def _path(self, value: bytes) -> str | None:
        """The absolute path of a granted root; None for a value that is none."""
        if is_absolute(value):
            return os.fsdecode(value)
        beside = os.path.dirname(self._directory)
        return os.path.join(beside, os.fsdecode(value[2:])) if value.startswith(b"./") else None


def own_folder(directory: str) -> str | None:
    """The folder that an index describes without asking: the one with a `.mmsearch` that is the index.

    None for an index of another name, which says nothing about what lies beside it; where that would be the top of
    everything; and where the index is reached by a link, which anybody may have put there.
    """
    parent, name = os.path.split(directory)
    if name != LOCAL_NAME or os.path.dirname(parent) == parent or os.path.islink(directory):
        return None
    return parent


def is_user_index(directory: str) -> bool:
    """Whether this is the place of the user's own index, in the user's data folder."""
    from mmsearch.system.user_folders import user_index

    return os.path.abspath(directory) == user_index() and not os.path.islink(directory)


def identity_value(options: ModelOptions) -> bytes:
    """What a grant for a model covers: its name and all settings that it is loaded with."""
    import hashlib

    text = json.dumps(options.to_json(), sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _code(key: bytes, uid: bytes, kind: str, value: bytes) -> bytes:
    import hmac

    parts = (uid, kind.encode(), value)
    told = b"".join(len(part).to_bytes(8, "big") + part for part in parts)  # with lengths no two come to the same
    return hmac.digest(key, told, "sha256")


def _real(path: str) -> bytes | None:
    """An absolute path with all links resolved, as it is stored; None where there can be no such path."""
    if not os.path.isabs(path):
        return None
    try:
        return stored(os.path.realpath(path))
    except (OSError, ValueError):
        return None
