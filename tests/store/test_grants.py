"""Grants: what a user has allowed an index to name, and that nobody else can."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from mmsearch.store import Reader, grants, read_allowed, schema
from mmsearch.store.grants import ROOT, Grants, identity_value, make_key, read_key
from mmsearch.store.writer import Writer
from mmsearch.system import user_folders
from mmsearch.types import ModelOptions
from tests.store.helpers import IDENTITY


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "state"
    monkeypatch.setenv(user_folders.STATE, str(folder))
    return folder


@pytest.fixture
def outside(tmp_path: Path, state: Path) -> Path:
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "a.txt").write_text("a")
    return folder


@pytest.fixture
def index(tmp_path: Path, outside: Path) -> str:
    """An index below `own`, whose user has named the folder `outside`."""
    directory = str(tmp_path / "own" / ".mmsearch")
    with Writer.open(directory, IDENTITY) as writer:
        writer.add_root(str(outside))
        writer.allow_roots([str(outside)])
    return directory


def rows(index: str) -> sqlite3.Connection:
    return sqlite3.connect(Path(index, "meta.sqlite"))


# --- the key ----------------------------------------------------------------------------------------------------------


def test_a_key_is_made_once_and_is_its_users_alone(state: Path) -> None:
    assert read_key() is None
    key = make_key()
    assert key is not None and len(key) == 32 and make_key() == read_key() == key
    assert os.listdir(state) == ["key"]
    if hasattr(os, "geteuid"):
        assert stat.S_IMODE(os.stat(state / "key").st_mode) == 0o600 and stat.S_IMODE(os.stat(state).st_mode) == 0o700


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="no modes here")
@pytest.mark.parametrize(
    "how", ["link", "others may write", "others may write in the folder", "short", "fifo", "folder"]
)
def test_what_others_may_have_put_there_is_no_key(state: Path, tmp_path: Path, how: str) -> None:
    make_key()
    key = state / "key"
    if how == "link":
        key.rename(tmp_path / "planted")
        key.symlink_to(tmp_path / "planted")
    elif how == "others may write":
        key.chmod(0o666)
    elif how == "others may write in the folder":
        state.chmod(0o777)
    elif how == "short":
        key.write_bytes(b"short")
    elif how == "fifo":
        key.unlink()
        os.mkfifo(key)
    else:
        key.unlink()
        key.mkdir()
    assert read_key() is None and make_key() is None


# --- what may be named ------------------------------------------------------------------------------------------------


def test_what_lies_beside_the_index_needs_no_grant_and_no_key(tmp_path: Path, state: Path) -> None:
    directory = str(tmp_path / "own" / ".mmsearch")
    Writer.open(directory, IDENTITY).close()
    with Reader.open(directory) as reader:
        assert reader.may_read(str(tmp_path / "own" / "a" / "b.txt"))
        assert reader.grants.allows_root(str(tmp_path / "own"))
    assert not state.exists(), "nobody has asked for a key"


def test_what_stands_in_the_index_is_not_shown(index: str) -> None:
    with Reader.open(index) as reader:
        assert not reader.may_read(os.path.join(index, "serve.json"))


def test_links_and_dots_lead_nowhere_else(index: str, tmp_path: Path) -> None:
    (tmp_path / "own" / "link").symlink_to(tmp_path)
    with Reader.open(index) as reader:
        for path in ("own/link/own2/x", "own/../x", "own/a/../../x", "own2/x", "outside2/x", "outside/../x"):
            assert not reader.may_read(str(tmp_path / "x")) and not reader.may_read(f"{tmp_path}/{path}"), path
        assert not reader.grants.allows_root(str(tmp_path / "own" / "link"))
        assert not reader.may_read("relative.txt") and not reader.may_read("/nul\0byte")


def test_a_folder_that_was_named_may_be_read(index: str, outside: Path) -> None:
    with Reader.open(index) as reader:
        assert reader.may_read(str(outside / "a.txt")) and not reader.may_read("/etc/passwd")
    assert read_allowed(index).roots == (str(outside),)


def test_objects_are_as_folders(index: str) -> None:
    with Writer.open(index, IDENTITY) as writer:
        writer.allow_roots(["s3://bucket/photos"])
    with Reader.open(index) as reader:
        assert reader.may_read("s3://bucket/photos/a.jpg") and reader.grants.allows_root("s3://bucket/photos")
        assert not reader.may_read("s3://bucket/photos2/a.jpg") and not reader.grants.allows_root("s3://other")


def test_an_index_keeps_its_grants_when_it_is_copied(index: str, tmp_path: Path, outside: Path) -> None:
    copy = str(shutil.copytree(index, tmp_path / "elsewhere" / "index"))
    with Reader.open(copy) as reader:
        assert reader.may_read(str(outside / "a.txt"))


def test_a_folder_beside_the_index_moves_with_it(tmp_path: Path, state: Path) -> None:
    own = tmp_path / "own"
    with Writer.open(str(own / ".mmsearch"), IDENTITY) as writer:
        writer.add_root(str(own))
        writer.allow_roots([str(own)])
    own.rename(tmp_path / "moved")
    allowed = read_allowed(str(tmp_path / "moved" / ".mmsearch"))
    assert allowed.roots == (str(tmp_path / "moved"),) and not allowed.confined and not allowed.refused


def test_another_user_has_granted_nothing(index: str, outside: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(user_folders.STATE, str(outside.parent / "other"))
    make_key()
    assert read_allowed(index).refused == (str(outside),)
    with Reader.open(index) as reader:
        assert not reader.may_read(str(outside / "a.txt"))


@pytest.mark.parametrize("how", ["changed", "of another index", "of another kind", "no bytes", "no row"])
def test_a_planted_grant_is_none(index: str, outside: Path, tmp_path: Path, how: str) -> None:
    with closing(rows(index)) as db:
        if how == "changed":
            db.execute("UPDATE grants SET value = ? WHERE kind = 'root'", (b"/home",))
        elif how == "of another index":
            db.execute("UPDATE meta SET value = 'another' WHERE key = 'uid'")
        elif how == "of another kind":
            db.execute("UPDATE grants SET kind = 'path'")
        elif how == "no bytes":
            db.execute("UPDATE grants SET mac = 7")
        else:
            db.execute("DELETE FROM grants")
        db.commit()
    with Reader.open(index) as reader:
        assert not reader.may_read(str(outside / "a.txt")) and not reader.may_read("/home/x")


def test_a_link_to_an_index_has_no_folder_of_its_own(index: str, tmp_path: Path) -> None:
    (tmp_path / "trap").mkdir()
    (tmp_path / "trap" / ".mmsearch").symlink_to(index)
    with Reader.open(str(tmp_path / "trap" / ".mmsearch")) as reader:
        assert not reader.may_read(str(tmp_path / "trap" / "a.txt"))


def test_a_model_is_granted_with_its_settings(index: str) -> None:
    with Writer.open(index, IDENTITY) as writer:
        assert not writer.grants.allows_identity(IDENTITY.options)
        writer.allow_model()
        assert writer.grants.allows_identity(IDENTITY.options)
        assert not writer.grants.allows_identity(ModelOptions(model_kwargs={"dtype": "auto"}))
    assert identity_value(ModelOptions("a")) != identity_value(ModelOptions("b"))


def test_a_rebuild_forgets_what_was_granted(index: str) -> None:
    with closing(rows(index)) as db:
        [uid] = db.execute("SELECT value FROM meta WHERE key = 'uid'").fetchone()
    Writer.open(index, IDENTITY, rebuild=True).close()
    with closing(rows(index)) as db:
        assert db.execute("SELECT count(*) FROM grants").fetchone() == (0,)
        assert db.execute("SELECT value FROM meta WHERE key = 'uid'").fetchone()[0] != uid


def test_the_users_own_index_from_before_grants_keeps_all_it_names(
    tmp_path: Path, outside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = Path(__file__).parent / "format4"
    own, other = (str(shutil.copytree(here, tmp_path / name / "index")) for name in ("data", "other"))
    monkeypatch.setattr("mmsearch.system.user_folders.user_index", lambda: own)
    for directory, allowed in ((own, True), (other, False)):
        with Reader.open(directory) as reader:
            assert reader.may_read("/data/notes/garden.txt") is allowed
            identity = reader.identity
        Writer.open(directory, identity).close()
        with Reader.open(directory) as reader:
            assert reader.format == schema.FORMAT and reader.may_read("/data/notes/garden.txt") is allowed
            assert reader.grants.allows_root("/data") is reader.allows_identity() is allowed


def test_a_slow_index_of_grants_is_bounded(index: str) -> None:
    with closing(rows(index)) as db:
        db.executemany("INSERT INTO grants VALUES ('root', ?, x'00')", ((b"/%d" % number,) for number in range(20_000)))
        db.commit()
    with closing(rows(index)) as db:
        grants = Grants(db, index)
        assert not grants.may_read("/nowhere/x") and not grants.names_root("/7")
        assert db.execute("SELECT count(*) FROM grants WHERE kind = ?", (ROOT,)).fetchone()[0] > 20_000


def test_an_index_of_another_name_has_no_folder_of_its_own(tmp_path: Path) -> None:
    """Else one that is unpacked into a home would have all of it."""
    (tmp_path / "private.txt").write_text("private")
    for name, own in ((".mmsearch", str(tmp_path)), ("index", None), (".mmsearch.old", None)):
        assert grants.own_folder(str(tmp_path / name)) == own
