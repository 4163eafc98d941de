"""`mmsearch dupes` on real pictures and the built-in model."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from .conftest import Command

PICTURES = Path(__file__).resolve().parents[2] / "sample_corpus" / "pictures"
OTHERS = ("IMG_2041.jpg", "DSC_0113.jpg", "kickoff.webp", "trail.jpg", "breakfast.jpg", "midnight.jpg")
COPIES = {"drone.png", "small.jpg", "coarse.jpg", "cropped.jpg", "copy.png"}


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory) -> Command:
    """Pictures of six different things, and of a seventh resized, recompressed, cropped, copied and on a page."""
    folder = tmp_path_factory.mktemp("album")
    (folder / "files").mkdir()
    command = Command(folder / "files", folder / "index")
    for name in OTHERS:
        (command.cwd / name).write_bytes((PICTURES / name).read_bytes())
    picture = Image.open(PICTURES / "drone_0031.jpg").convert("RGB")
    width, height = picture.size
    picture.save(command.cwd / "drone.png")
    (command.cwd / "copy.png").write_bytes((command.cwd / "drone.png").read_bytes())
    picture.resize((width // 2, height // 2)).save(command.cwd / "small.jpg")
    picture.save(command.cwd / "coarse.jpg", quality=25)
    picture.crop((width // 25, height // 25, width - width // 25, height - height // 25)).save(
        command.cwd / "cropped.jpg"
    )
    page = Image.open(PICTURES / "trail.jpg").convert("RGB")
    page.save(command.cwd / "report.pdf", save_all=True, append_images=[picture, page.rotate(180)])
    command.report(".")
    return command


def groups(command: Command, *args: str, code: int = 0) -> list[dict[str, Any]]:
    done = command("dupes", "--jsonl", *args)
    assert done.returncode == code, done.stderr.decode()
    return [json.loads(line) for line in done.stdout.splitlines()]


def names(group: dict[str, Any]) -> set[str]:
    return {os.path.basename(one["path"]) for one in group["files"]}


def test_resized_recompressed_and_cropped_copies_are_found_and_different_pictures_are_not(album: Command) -> None:
    (group,) = groups(album, "--within")
    assert names(group) == COPIES
    assert group["match"] == "near"
    assert os.path.basename(group["keep"]) in ("drone.png", "copy.png")
    assert [one["keep"] for one in group["files"]] == [True, False, False, False, False]


def test_pages_that_hold_a_picture_are_named_by_page(album: Command) -> None:
    found = groups(album, "--across")
    pages = {
        os.path.basename(group["files"][0]["path"]): one["parts"]
        for group in found
        for one in group["files"]
        if one["path"].endswith("report.pdf")
    }
    assert pages["trail.jpg"] == [{"page": 1}]
    assert [parts for name, parts in pages.items() if name in COPIES] == [[{"page": 2}]]


def test_nul_separated_groups_hold_copies_alone_the_keeper_first(album: Command) -> None:
    done = album("dupes", "-0")
    assert done.returncode == 0
    (group, rest) = done.stdout.split(b"\0\0")
    assert rest == b""
    paths = [os.path.basename(path.decode()) for path in group.split(b"\0")]
    assert {*paths} == COPIES and paths[0] in ("drone.png", "copy.png")


def test_a_folder_without_copies_is_exit_code_1(album: Command) -> None:
    done = album("dupes", "IMG_2041.jpg", "trail.jpg")
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr == b"mmsearch: nothing found\n"


def test_table_marks_what_to_keep(album: Command) -> None:
    lines = album("dupes").stdout.decode().splitlines()
    assert lines[0].split() == ["#", "match", "path", "where", "likeness", "size"]
    assert sum("keep: " in line for line in lines) == 1
    assert any("holds it" in line and "report.pdf" in line and "p.2" in line for line in lines)


def test_nothing_is_changed_or_deleted(album: Command) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in album.cwd.iterdir()}
    album("dupes")
    assert {path.name: path.stat().st_mtime_ns for path in album.cwd.iterdir()} == before


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("--across", "--within"), 2, "--across and --within together leave nothing"),
        (("--jsonl", "-0"), 2, "choose one output format"),
        (("nowhere",), 2, "nowhere is not there"),
        (("--index", "nowhere"), 3, "no index in"),
    ],
)
def test_bad_usage_is_one_line(album: Command, arguments: tuple[str, ...], code: int, told: str) -> None:
    done = album("dupes", *arguments)
    assert done.returncode == code
    (line,) = done.stderr.decode().splitlines()
    assert told in line
