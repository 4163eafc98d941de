"""A file or a folder that is exchanged while the server runs: nothing is handed out but what was indexed."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from PIL import Image

from mmsearch.errors import IndexDamaged, MediaError
from mmsearch.search import staleness
from mmsearch.search.staleness import Changed, FileGone
from mmsearch.server.decoding import ServerDecoder
from mmsearch.server.mcp import evidence
from mmsearch.server.session import IndexSession
from mmsearch.store import Located, Reader
from tests.server.conftest import CORPUS, Served, run, serving

pytestmark = pytest.mark.skipif(os.name == "nt", reason="links take a privilege there")
SECRET = b"The secret of another user. " * 3
FILES = {
    "note.md": "notes/bike_care.md",
    "picture.jpg": "pictures/camping.jpg",
    "page.pdf": "documents/energy_report.pdf",
}


@pytest.fixture(scope="module")
def top(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files in `files/inner`, of which one more is a link to a file elsewhere, their index, and files that are not."""
    top = tmp_path_factory.mktemp("swapped")
    inner, outside = top / "files" / "inner", top / "outside"
    inner.mkdir(parents=True)
    outside.mkdir()
    for name, source in FILES.items():
        shutil.copy2(CORPUS / source, inner / name)
        (outside / name).write_bytes(SECRET)
    Image.new("RGB", (300, 200), "purple").save(outside / "picture.jpg")
    shutil.copy2(CORPUS / "documents/menu.pdf", outside / "page.pdf")
    shutil.copy2(CORPUS / "pictures/winter_drive.jpg", top / "linked.jpg")
    (top / "files" / "link.jpg").symlink_to(top / "linked.jpg")
    assert run("index", str(top / "files"), "--index", str(top / "files" / ".mmsearch")).returncode == 0
    return top


@pytest.fixture(scope="module")
def swapped(top: Path) -> Iterator[Served]:
    with serving(top / "files" / ".mmsearch", top / "files") as one:
        yield one


def link(there: Path, outside: Path) -> None:
    there.unlink()
    there.symlink_to(outside)


def link_of_the_same_time(there: Path, outside: Path) -> None:
    """Also of the same size, so that nothing but the content tells them apart."""
    status = there.stat()
    other = outside.with_name(f"same-{outside.name}")
    other.write_bytes(SECRET.ljust(status.st_size, b"!")[: status.st_size])
    os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
    link(there, other)


def hard_link(there: Path, outside: Path) -> None:
    link_of_the_same_time(there, outside)
    there.unlink()
    os.link(outside.with_name(f"same-{outside.name}"), there)


def folder_is_a_link(there: Path, outside: Path) -> None:
    there.parent.rename(there.parent.with_name("kept"))
    there.parent.symlink_to(outside.parent)


def link_to_a_link(there: Path, outside: Path) -> None:
    hop = outside.with_name("hop")
    hop.unlink(missing_ok=True)
    hop.symlink_to(outside)
    link(there, hop)


def other_content(there: Path, outside: Path) -> None:
    there.write_bytes(outside.read_bytes())


def fifo(there: Path, outside: Path) -> None:
    there.unlink()
    os.mkfifo(there)


def folder(there: Path, outside: Path) -> None:
    there.unlink()
    there.mkdir()


def device(there: Path, outside: Path) -> None:
    link(there, Path("/dev/zero"))


SWAPS = [link, link_of_the_same_time, hard_link, folder_is_a_link, link_to_a_link, other_content, fifo, folder, device]


@contextmanager
def with_swap(swap: Callable[[Path, Path], None], top: Path, name: str) -> Iterator[None]:
    inner, kept = top / "files" / "inner", top / "all"
    shutil.copytree(inner, kept)
    try:
        swap(inner / name, top / "outside" / name)
        yield
    finally:
        inner.unlink() if inner.is_symlink() else shutil.rmtree(inner)
        shutil.rmtree(inner.with_name("kept"), ignore_errors=True)
        kept.rename(inner)


@pytest.mark.parametrize("swap", SWAPS, ids=lambda swap: swap.__name__)
@pytest.mark.parametrize("name", FILES)
def test_what_takes_the_place_of_a_file_is_not_handed_out(
    swapped: Served, top: Path, name: str, swap: Callable[[Path, Path], None]
) -> None:
    hit = next(one for one in swapped.search(q="a", top=50)["hits"] if one["name"] == name)
    secret = (top / "outside" / name).read_bytes()
    with with_swap(swap, top, name):
        for method in ("GET", "HEAD"):
            for headers in ({}, {"range": "bytes=0-9"}, {"range": "bytes=-9"}):
                answer = swapped.ask(hit["media"], method, headers=headers)
                assert answer.status in (404, 409), (method, headers)
                assert secret[:9] not in answer.body
        told = swapped.ask(hit["media"]).json["error"]
        assert told in (
            "it has changed since it was indexed: run `mmsearch index`",
            "another file has taken its place, or it lies outside of what was indexed",
            "the file is gone or cannot be read",
        )
        item = swapped.ask(f"/api/items/{hit['id']}").json
        assert item["stale"] or item["missing"]
        for at in ("thumbnail?size=160", "thumbnail?size=640", "page", "similar", "duplicates"):
            answer = swapped.ask(f"/api/items/{hit['id']}/{at}")
            assert b"secret" not in answer.body
            assert answer.status in (404, 409) or answer.headers["content-type"] == "application/json", at
        assert b"secret" not in swapped.ask("/api/search?q=what+another+owns&top=50&rerank=1").body
    assert swapped.ask(hit["media"]).status == 200


def test_no_picture_of_what_took_its_place_is_kept(swapped: Served, top: Path) -> None:
    hit = next(one for one in swapped.search(q="a", top=50)["hits"] if one["name"] == "picture.jpg")
    with with_swap(link, top, "picture.jpg"):
        assert swapped.ask(f"{hit['thumbnail']}?size=320").status == 409
    answer = swapped.ask(f"{hit['thumbnail']}?size=320")
    assert answer.status == 200
    with with_swap(link, top, "picture.jpg"):
        assert swapped.ask(f"{hit['thumbnail']}?size=320").status == 409
    assert swapped.ask(f"{hit['thumbnail']}?size=320").body == answer.body


def test_a_file_that_was_indexed_through_a_link_is_shown_as_long_as_it_is_the_same(swapped: Served, top: Path) -> None:
    hit = next(one for one in swapped.search(q="red car", top=50)["hits"] if one["name"] == "link.jpg")
    assert swapped.ask(hit["media"]).body == (top / "linked.jpg").read_bytes()
    assert swapped.ask(hit["thumbnail"]).status == 200
    assert swapped.ask(f"/api/items/{hit['id']}").json["stale"] is False
    place = top / "files" / "link.jpg"
    place.unlink()
    place.symlink_to(top / "outside" / "picture.jpg")
    assert swapped.ask(hit["media"]).status == 409
    place.unlink()
    place.symlink_to(top / "linked.jpg")


PLANTED = (
    "{top}/outside/note.md",
    "../outside/note.md",
    "{top}/files/../outside/note.md",
    "{top}/files/inner/../../outside/note.md",
    "/etc/passwd",
    "note\0.md",
    "/dev/zero",
    "s3://bucket/note.md",
    "",
)


@pytest.mark.parametrize("path", PLANTED)
def test_a_path_that_was_planted_leads_nowhere(top: Path, tmp_path: Path, path: str) -> None:
    index = tmp_path / ".mmsearch"
    shutil.copytree(top / "files" / ".mmsearch", index, ignore=shutil.ignore_patterns("serve.*"))
    full = top / "outside" / "note.md"
    with closing(sqlite3.connect(index / "meta.sqlite")) as db:
        planted = os.fsencode(path.format(top=top))
        db.execute(
            "UPDATE files SET path = ?, size = ?, mtime_ns = ? WHERE CAST(path AS TEXT) LIKE '%note.md'",
            (planted, full.stat().st_size, full.stat().st_mtime_ns),
        )
        assert db.total_changes == 1
        db.commit()
    try:
        with Reader.open(str(index)) as reader:
            for number in reader.catalog.parts("", 0, 99):
                for place in reader.locate([number])[number]:
                    if not place.item.path.endswith((".jpg", ".pdf")):
                        assert refused(reader, place), place.item.path
    except IndexDamaged as error:
        assert "a path that is none" in str(error)


def refused(reader: Reader, place: Located) -> bool:
    if not reader.may_read(place.item.path):
        return True
    with pytest.raises(MediaError):
        staleness.open_place(place, staleness.folders_of(reader)).close()
    return True


def test_what_is_gone_and_what_has_changed_are_told_apart(top: Path) -> None:
    with Reader.open(str(top / "files" / ".mmsearch")) as reader:
        folders = staleness.folders_of(reader)
        (number,) = [one for one, _ in reader.items_at(str(top / "files" / "inner" / "picture.jpg"))][:1]
        (place,) = reader.locate([number])[number]
        for swap, kind in ((link, Changed), (fifo, FileGone), (folder, FileGone)):
            with with_swap(swap, top, "picture.jpg"), pytest.raises(kind):
                staleness.open_place(place, folders)
        assert staleness.is_own(place, folders)
        with with_swap(other_content, top, "picture.jpg"):
            assert staleness.is_own(place, folders)
        for swap in (link, folder_is_a_link, link_to_a_link):
            with with_swap(swap, top, "picture.jpg"):
                assert not staleness.is_own(place, folders)


@pytest.mark.parametrize("swap", SWAPS, ids=lambda swap: swap.__name__)
@pytest.mark.parametrize("name", ["picture.jpg", "page.pdf"])
def test_a_language_model_sees_no_other_file(top: Path, name: str, swap: Callable[[Path, Path], None]) -> None:
    session, decoder = IndexSession(str(top / "files" / ".mmsearch")), ServerDecoder()
    session.refresh()
    with Reader.open(session.directory) as reader:
        number = reader.items_at(str(top / "files" / "inner" / name))[0][0]
        (place,) = reader.locate([number])[number]
    assert evidence.fetch(session, decoder, evidence.name_of(place.item), side=64).jpeg
    with with_swap(swap, top, name):
        with pytest.raises(MediaError, match=r"has changed since it was indexed or is gone|are not opened"):
            evidence.fetch(session, decoder, evidence.name_of(place.item))
        assert evidence.fetch(session, decoder, evidence.name_of(place.item), picture=False).fields["stale"] is True
    session.close()
    decoder.close()
