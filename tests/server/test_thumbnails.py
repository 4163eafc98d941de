"""The cache of thumbnails: two folders of the index's own, files of our naming, and nothing of anybody else's."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mmsearch import scan
from mmsearch.indexing.decode import DecodeRequest, Failed, FileDecoder, Part
from mmsearch.search import staleness
from mmsearch.server.thumbnails import Thumbnails, _name
from mmsearch.store import Located, thumbnail_cache
from mmsearch.types import MODALITIES, Item, LoaderSettings, Span

pytestmark = pytest.mark.skipif(os.name == "nt", reason="links take a privilege there")
OLD = "0123456789abcdef" * 2 + ".webp"


class Painter:
    """A decoder that paints everything grey."""

    def look(self, *_: Any) -> Future[list[Any]]:
        done: Future[list[Any]] = Future()
        done.set_result([np.full((64, 64, 3), 99, np.uint8)])
        return done


def picture(folder: Path, number: int = 0) -> Located:
    """A picture on the disk, as an index would know it."""
    path = folder / f"{number}.png"
    Image.new("RGB", (40, 30), (number, 0, 0)).save(path)
    status = path.stat()
    item = Item(str(path), scan.digest(str(path)), "image", "image")
    return Located(number, item, "image", status.st_size, status.st_mtime_ns)


def make(index: Path, places: list[Located], most: int = 1 << 20) -> list[bytes]:
    async def all_of_them() -> list[bytes]:
        maker = Thumbnails(str(index), Painter(), most)  # type: ignore[arg-type]  # it takes the place of one
        return [await maker.get(place, (), 160, LoaderSettings()) for place in places]

    return asyncio.run(all_of_them())


@pytest.fixture
def index(tmp_path: Path) -> Path:
    (tmp_path / "index").mkdir()
    return tmp_path / "index"


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """A folder with files that look like thumbnails, like leftovers of them, and like nothing of the kind."""
    victim = tmp_path / "victim"
    (victim / "ab").mkdir(parents=True)
    for name in ("letter.txt", "photo.webp", OLD, f"ab/{OLD}", "ab/letter.txt", f"ab/{OLD}.tmp"):
        (victim / name).write_bytes(b"precious" * 1000)
        os.utime(victim / name, (1, 1))
    return victim


def everything(folder: Path) -> dict[str, tuple[bytes, int]]:
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns) for path in found}


def as_thumbnails(index: Path, victim: Path) -> None:
    (index / "cache").mkdir()
    (index / "cache" / "thumbnails").symlink_to(os.path.relpath(victim, index / "cache"))


def as_cache(index: Path, victim: Path) -> None:
    (victim / "thumbnails").mkdir()
    shutil.copytree(victim / "ab", victim / "thumbnails" / "ab")
    (index / "cache").symlink_to(victim)


def as_boxes(index: Path, victim: Path) -> None:
    (index / "cache" / "thumbnails").mkdir(parents=True)
    for number in range(256):
        (index / "cache" / "thumbnails" / f"{number:02x}").symlink_to(victim / "ab")


def as_a_file(index: Path, victim: Path) -> None:
    (index / "cache").write_text("no folder")


def as_a_dangling_link(index: Path, victim: Path) -> None:
    (index / "cache").mkdir()
    (index / "cache" / "thumbnails").symlink_to(victim / "not-there-yet")


@pytest.mark.parametrize("plant", [as_thumbnails, as_cache, as_boxes, as_a_file, as_a_dangling_link])
def test_what_stands_in_place_of_the_cache_is_left_alone(
    index: Path, victim: Path, tmp_path: Path, plant: Callable[[Path, Path], None]
) -> None:
    plant(index, victim)
    before = everything(victim)
    places = [picture(tmp_path, number) for number in range(3)]
    assert all(data.startswith(b"RIFF") for data in make(index, places, most=100))
    thumbnail_cache.remove(str(index), [_name(place.item, 160) for place in places] + [f"ab/{OLD}", "ab/letter.txt"])
    thumbnail_cache.remove_all(str(index))
    assert thumbnail_cache.list_pictures(str(index)) == []
    assert everything(victim) == before
    assert not (victim / "not-there-yet").exists()


def test_only_files_of_our_naming_make_room(index: Path, tmp_path: Path) -> None:
    places = [picture(tmp_path, number) for number in range(6)]
    make(index, places)
    cache = index / "cache" / "thumbnails"
    kept = sorted(cache.rglob("*.webp"))
    assert len(kept) == 6
    box = kept[0].parent
    for name in ("letter.txt", "photo.webp", "0" * 32, f"{'0' * 31}g.webp"):
        (box / name).write_bytes(b"x" * 10_000)
        os.utime(box / name, (1, 1))
    outside = tmp_path / "outside.webp"
    outside.write_bytes(b"precious")
    (box / OLD).symlink_to(outside)
    (cache / "letters").mkdir()
    (cache / "letters" / OLD).write_bytes(b"x")
    make(index, [picture(tmp_path, 7)], most=kept[0].stat().st_size)
    assert not any(one.exists() for one in kept)
    assert {picture.name for picture in box.iterdir()} >= {"letter.txt", "photo.webp", "0" * 32, OLD}
    assert (cache / "letters" / OLD).exists()
    assert outside.read_bytes() == b"precious"


def test_it_is_for_its_user_alone(index: Path, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        make(index, [picture(tmp_path)])
    finally:
        os.umask(before)
    cache = index / "cache"
    assert {path.stat().st_mode & 0o777 for path in (cache, *cache.rglob("*")) if path.is_dir()} == {0o700}
    assert {path.stat().st_mode & 0o777 for path in cache.rglob("*.webp")} == {0o600}


def test_only_a_picture_of_ours_is_given_back(index: Path, tmp_path: Path) -> None:
    place = picture(tmp_path)
    (first,) = make(index, [place])
    (kept,) = (index / "cache").rglob("*.webp")
    kept.write_bytes(b"RIFF as it was")
    assert make(index, [place]) == [b"RIFF as it was"]
    secret = tmp_path / "secret"
    secret.write_bytes(b"RIFF secret")
    for plant in (os.symlink, os.link):
        kept.unlink()
        plant(secret, kept)
        assert make(index, [place]) == [first]
    kept.unlink()
    with open(kept, "wb") as file:
        file.truncate(1 << 40)
    assert make(index, [place]) == [first]
    kept.unlink()
    os.mkfifo(kept)
    assert make(index, [place]) == [first]


def test_what_is_removed_is_ours_and_what_was_left_half_written(index: Path, tmp_path: Path) -> None:
    places = [picture(tmp_path, number) for number in range(4)]
    make(index, places)
    names = [_name(place.item, 160) for place in places]
    folder = (index / "cache" / "thumbnails" / names[0]).parent
    for left in (f"{OLD}.tmp", "tmpab3_xyz1", "letter.txt"):
        (folder / left).write_bytes(b"x")
    thumbnail_cache.remove(
        str(index), [names[0], names[1], f"{names[0][:2]}/letter.txt", "../../../index", "", "a/b/c"]
    )
    assert {picture.name for picture in thumbnail_cache.list_pictures(str(index))} == {names[2], names[3]}
    thumbnail_cache.remove_all(str(index))
    assert [path.name for path in (index / "cache").rglob("*") if path.is_file()] == ["letter.txt"]


@pytest.mark.parametrize("digest", ["", "../../etc", "g" * 64, "\udcff", "\ud800", "/" * 64])
def test_a_digest_that_is_none_makes_a_name_all_the_same(digest: str) -> None:
    letters, own = _name(Item("/a", digest, "image", "image"), 160).split("/")
    assert own.startswith(letters)
    assert len(own) == len(OLD)


def test_a_page_has_one_picture_for_its_looks_and_its_words() -> None:
    looks = Item("/a", "ab" * 32, "document", "document", 0, Span("page", 1, 1))
    assert _name(looks, 160) == _name(Item("/a", "ab" * 32, "document", "text", 5, Span("page", 1, 1)), 160)
    assert _name(looks, 160) != _name(looks, 320)


# --- between a look and a reading ---


def test_a_worker_reads_no_other_file_than_the_one_that_was_looked_at(tmp_path: Path) -> None:
    place = picture(tmp_path)
    with staleness.open_place(place, ()) as file:
        identity = staleness.identity_of(file)
        request = DecodeRequest(scan.Entry(place.item.path, 1, 1), "d", "image", place.item, identity=identity)
        reader = FileDecoder(LoaderSettings(), frozenset(MODALITIES))
        assert isinstance(next(iter(reader.answers(request))).answer, Part)
        os.replace(picture(tmp_path, 1).item.path, place.item.path)
        (told,) = [timed.answer for timed in reader.answers(request)]
    assert isinstance(told, Failed)
    assert isinstance(next(iter(reader.answers(DecodeRequest(request.entry, "d", "image", place.item)))).answer, Part)


def test_evidence_is_read_from_the_file_whose_content_was_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, other = picture(tmp_path), picture(tmp_path, 1)
    assert staleness.original(place.item, "image", LoaderSettings(), lambda path: True).content is not None
    opened = staleness.open_unchanged

    def then_swapped(item: Item) -> Any:
        file = opened(item)
        os.replace(other.item.path, item.path)
        return file

    monkeypatch.setattr(staleness, "open_unchanged", then_swapped)
    with pytest.raises(staleness.MediaError, match="another file"):
        staleness.original(place.item, "image", LoaderSettings(), lambda path: True)
