"""Contact sheets and long pictures: found by what one part shows, which is cited, with the built-in model."""

from __future__ import annotations

import base64
import io
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from .conftest import Command

PICTURES = Path(__file__).resolve().parents[2] / "sample_corpus" / "pictures"
SHOWN = ("dinner_friday.jpg", "coast_trip.webp", "IMG_0007.jpg", "DSC_0402.jpg", "flat_01.jpg", "paddock.jpg")
QUESTIONS = {"pizza with salami and olives": 0, "orange tabby cat": 2, "chess pieces on a board": 3}
OTHERS = ("trail.jpg", "breakfast.jpg", "kickoff.webp", "IMG_2041.jpg")
CELL, GAP = 300, 20


def picture(name: str) -> Image.Image:
    return Image.open(PICTURES / name).convert("RGB")


def place(at: int) -> tuple[int, int]:
    return GAP + at % 3 * (CELL + GAP), GAP + at // 3 * (CELL + GAP)


def contact_sheet() -> Image.Image:
    sheet = Image.new("RGB", (3 * (CELL + GAP) + GAP, 2 * (CELL + GAP) + GAP), "white")
    for at, name in enumerate(SHOWN):
        sheet.paste(ImageOps.fit(picture(name), (CELL, CELL)), place(at))
    return sheet


def long_picture() -> Image.Image:
    """The same pictures one below the other, without a gap."""
    whole = Image.new("RGB", (400, 300 * len(SHOWN)))
    for at, name in enumerate(SHOWN):
        whole.paste(ImageOps.fit(picture(name), (400, 300)), (0, 300 * at))
    return whole


def filled(command: Command, name: str, image: Image.Image) -> Command:
    command.cwd.mkdir(exist_ok=True)
    for other in OTHERS:
        (command.cwd / other).write_bytes((PICTURES / other).read_bytes())
    image.save(command.cwd / name, quality=90)
    command.report(".", "--tiles")
    return command


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory) -> Command:
    folder = tmp_path_factory.mktemp("sheets")
    return filled(Command(folder / "files", folder / "index"), "sheet.jpg", contact_sheet())


def evidence(command: Command, *args: str) -> dict[str, Any]:
    done = command("search", "--context", "-k", "1", *args)
    assert done.returncode == 0, done.stderr.decode()
    return dict(json.loads(done.stdout)["evidence"][0])


def answers(command: Command) -> dict[str, list[dict[str, Any]]]:
    """The hits of each question."""
    done = command("search", "--queries", "-", "--json", "-k", "3", stdin="\n".join(QUESTIONS).encode())
    assert done.returncode == 0, done.stderr.decode()
    return {one["query"]: one["hits"] for one in json.loads(done.stdout)}


def test_a_sheet_is_found_by_what_a_panel_shows_and_cites_it(album: Command) -> None:
    for question, hits in answers(album).items():
        assert [os.path.basename(one["path"]) == "sheet.jpg" for one in hits] == [True, False, False]
        assert np.abs(np.subtract(hits[0]["box"], (*place(QUESTIONS[question]), CELL, CELL))).max() <= 3
        assert all("box" not in one for one in hits[1:])


def test_context_gives_the_panel(album: Command) -> None:
    entry = evidence(album, "pizza with salami and olives")
    shown = Image.open(io.BytesIO(base64.b64decode(entry["image"].partition(",")[2])))
    expected = ImageOps.fit(picture(SHOWN[0]), (CELL, CELL)).resize(shown.size)
    assert (entry["type"], tuple(entry["box"][2:])) == ("image", shown.size)
    assert np.abs(np.asarray(shown, np.int16) - np.asarray(expected, np.int16)).mean() < 12


def test_each_panel_can_be_a_hit_and_can_be_read_again(album: Command) -> None:
    every = album.hits("a photo", "--all-segments", "-k", "50", "--mode", "dense")
    boxes = [one.get("box") for one in every if one["path"].endswith("sheet.jpg")]
    assert len(boxes) == 1 + len(SHOWN) and boxes.count(None) == 1
    told = album("search", "orange tabby cat", "--rerank", "-k", "1").stdout.decode()
    assert "sheet.jpg" in told and "box 660,20 300x300" in told and "rerank" in told


def test_a_long_picture_cites_the_stretch(mmsearch: Command) -> None:
    filled(mmsearch, "long.png", long_picture())
    for question, (hit, *_) in answers(mmsearch).items():
        (_, top, width, height), at = hit["box"], QUESTIONS[question]
        assert hit["path"].endswith("long.png") and width == 400
        assert min(top + height, 300 * at + 300) - max(top, 300 * at) > 150


def test_a_sheet_is_one_file_that_holds_its_pictures_and_is_forgotten_as_one(mmsearch: Command) -> None:
    filled(mmsearch, "sheet.jpg", contact_sheet())
    files, vectors = len(OTHERS) + 1, len(OTHERS) + 1 + len(SHOWN)
    assert f"{files} indexed" in (status := mmsearch("status").stdout.decode()) and f"{vectors} vectors" in status
    ImageOps.fit(picture(SHOWN[0]), (CELL, CELL)).save(mmsearch.cwd / "pizza.png")
    contact_sheet().resize((150, 99)).save(mmsearch.cwd / "small.jpg")
    again = mmsearch.report(".")
    assert (again["unchanged"], again["embedded"], again["items"]) == (files, 2, 2)
    found = [json.loads(line) for line in mmsearch("dupes", "--jsonl").stdout.splitlines()]
    groups = {one["match"]: {os.path.basename(file["path"]): file for file in one["files"]} for one in found}
    assert len(found) == 2 and {*groups["near"]} >= {"sheet.jpg", "small.jpg"}
    assert groups["part"]["pizza.png"]["whole"] and not groups["part"]["sheet.jpg"]["whole"]
    assert len(groups["part"]["sheet.jpg"]["parts"]) == 1
    for name in ("sheet.jpg", "small.jpg", "pizza.png"):
        (mmsearch.cwd / name).unlink()
    mmsearch.report(".", "--prune")
    assert f"{len(OTHERS)} vectors" in mmsearch("status").stdout.decode()


def test_whether_there_are_tiles_is_remembered_and_changed_by_a_rebuild(mmsearch: Command) -> None:
    contact_sheet().save(mmsearch.cwd / "sheet.png")
    assert mmsearch.report(".", "--no-tiles")["items"] == 1
    done = mmsearch("index", ".", "--tiles")
    assert done.returncode == 2 and b"tiles is False, not True" in done.stderr and b"--rebuild" in done.stderr
    (mmsearch.cwd / "other.png").write_bytes((mmsearch.cwd / "sheet.png").read_bytes() + b"\0")
    assert mmsearch.report(".")["items"] == 1
