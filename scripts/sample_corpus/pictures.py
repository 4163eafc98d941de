"""The table of pictures: which view becomes which file, in which size and encoding. Knows nothing about drawing."""

# ruff: noqa: E501 - rows of words and numbers are tables
from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from . import animals, garden, landscapes, rooms, tabletop, vehicles
from .canvas import Board, Sheet, photo, sheet
from .noise import f32, fbm3
from .solid import render
from .vehicles import View

VIEWS: dict[str, Callable[[], View]] = {
    **vehicles.VIEWS, **tabletop.VIEWS, **rooms.VIEWS, **animals.VIEWS, **garden.VIEWS,
}  # fmt: skip


class Shot(NamedTuple):
    """One file: what it shows, and for rendered views its size in pixels."""

    subject: str
    file: str
    width: int = 512
    height: int = 384


SHOTS = (
    Shot("red_car", "IMG_2041.jpg"), Shot("blue_car", "DSC_0113.jpg"), Shot("yellow_taxi", "city_cab.webp"),
    Shot("red_car_from_behind", "winter_drive.jpg"), Shot("green_bicycle", "DSC_0127.jpg"),
    Shot("red_bicycle", "IMG_2077.jpg"), Shot("airplane", "departure.jpg", 560, 374),
    Shot("sailing_boat", "regatta.webp", 416, 520), Shot("hot_air_balloons", "P1040330.jpg"),
    Shot("red_apple", "IMG_3308.png", 512, 512), Shot("green_apple", "IMG_3309.jpg", 512, 512),
    Shot("fruit_bowl", "still_life.jpg"), Shot("pizza", "dinner_friday.jpg"), Shot("birthday_cake", "IMG_2950.jpg", 512, 512),
    Shot("soccer_ball", "kickoff.webp"), Shot("red_left_blue_right", "balls_a.png", 512, 340),
    Shot("blue_left_red_right", "balls_b.png", 512, 340), Shot("coffee_and_croissant", "breakfast.jpg"),
    Shot("bookshelf", "library_corner.jpg", 512, 400), Shot("chess", "DSC_0402.jpg"),
    Shot("red_armchair", "furniture_17.jpg", 512, 512), Shot("living_room", "flat_01.jpg"), Shot("bedroom", "flat_02.jpg"),
    Shot("kitchen", "flat_03.jpg"), Shot("red_house", "IMG_1560.jpg"), Shot("white_house_blue_car", "IMG_1561.jpg"),
    Shot("lighthouse", "coast_trip.webp", 416, 520), Shot("orange_cat", "IMG_0007.jpg", 512, 512),
    Shot("black_cat", "midnight.jpg", 512, 512), Shot("dog", "IMG_1187.jpg"), Shot("horse", "paddock.jpg"),
    Shot("bird", "DSC_0655.jpg"), Shot("bee_on_flower", "DSC_0660.jpg"), Shot("sunflower", "poster_print.jpg", 512, 512),
    Shot("butterfly", "DSC_0661.webp"), Shot("fish", "aquarium.png"), Shot("portrait", "staff_photo.jpg", 416, 520),
    Shot("group_of_people", "team.jpg", 512, 340), Shot("beach_sunset", "P1040412.jpg"), Shot("snowy_mountains", "panorama.jpg"),
    Shot("forest", "trail.jpg"), Shot("night_city", "IMG_4410.jpg"), Shot("desert", "P1040500.webp"),
    Shot("starry_tent", "camping.jpg"), Shot("aerial_view", "drone_0031.jpg"), Shot("street_map", "map_centre.png"),
    Shot("world_map", "atlas_page.jpg"),
)  # fmt: skip

CONTACT = ("IMG_3309.jpg", "P1040412.jpg", "kickoff.webp", "IMG_0007.jpg", "DSC_0402.jpg", "flat_03.jpg",
           "departure.jpg", "DSC_0661.webp", "dinner_friday.jpg", "IMG_4410.jpg", "coast_trip.webp", "paddock.jpg")  # fmt: skip


def draw(shot: Shot) -> Sheet:
    """The pixels of one picture, as a camera would have them."""
    if shot.subject in landscapes.SHEETS:
        return landscapes.SHEETS[shot.subject]()
    scene, camera = VIEWS[shot.subject]()
    pixels = render(scene, camera, shot.width, shot.height)
    return photo(np.asarray(pixels, np.float32) / 255, len(shot.file) + shot.width, 0.014, 0.16)


def save(pixels: Sheet, path: Path) -> None:
    """Encode by suffix, small; three files are special: turned by EXIF, CMYK, and PNG for flat drawings."""
    image = Image.fromarray(pixels)
    if path.name == "IMG_1187.jpg":
        exif = Image.Exif()
        exif[0x0112], exif[0x0132], exif[0x010F] = 6, "2024:05:18 10:42:07", "Sample"
        image.transpose(Image.Transpose.ROTATE_90).save(path, quality=84, exif=exif)
    elif path.name == "poster_print.jpg":
        image.convert("CMYK").save(path, quality=84)
    elif path.suffix == ".png":
        image.quantize(256, dither=Image.Dither.FLOYDSTEINBERG).save(path, optimize=True)
    else:
        image.save(path, quality=82, method=5) if path.suffix == ".webp" else image.save(
            path, quality=82, optimize=True
        )


def _make(job: tuple[Shot, Path]) -> str:
    shot, folder = job
    save(draw(shot), folder / shot.file)
    return shot.file


def _moon(path: Path) -> None:
    y, x = np.mgrid[-1.25:1.25:560j, -1.25:1.25:560j].astype(np.float32)
    z = np.sqrt(np.maximum(1 - x * x - y * y, 0))
    p = np.stack([x, y, z], -1).reshape(-1, 3)
    height = fbm3(f32(p * 3), 5).reshape(x.shape)
    for cx, cy, r in np.random.default_rng(4).uniform([-0.9, -0.9, 0.03], [0.9, 0.9, 0.17], (60, 3)):
        d = np.hypot(x - cx, y - cy) / r
        height += np.where(d < 1, -0.5 * (1 - d * d), 0.3 * np.exp(-(((d - 1) / 0.18) ** 2))).astype(np.float32) * f32(
            r * 2
        )
    gy, gx = np.gradient(height)
    light = np.clip(-0.72 * x - 0.25 * y + 0.55 * z + 6 * (gx + 0.4 * gy), 0, 1)
    dark = 0.55 + 0.6 * fbm3(f32(p * 1.7 + 5), 3).reshape(x.shape)
    values = np.where(x * x + y * y < 1, light * dark, 0.004 + 0.003 * np.random.default_rng(2).uniform(size=x.shape))
    Image.fromarray((np.clip(values, 0, 1) * 65535).astype(np.uint16) & 0xFFC0).save(path, optimize=True)


def _balloons(path: Path) -> None:
    board = Board(512, 640)
    tones = ["#e02b35", "#2a62d0", "#f2b51d", "#2fa04e", "#a63bb4"]
    spots = [(150, 170), (330, 130), (240, 260), (390, 290), (110, 330)]
    for (x, y), tone in zip(spots, tones, strict=True):
        board.poly(
            [(x, y + 95), (x + (256 - x) * 0.3 + 14, y + 190), (256, 610)], "#555555", 2, close=False, smooth=True
        )
        board.canvas.save()
        board.canvas.scale(1, 1.2)
        board.circle(x, y / 1.2, 78, tone)
        for i in range(14):
            board.circle(x - 20, y / 1.2 - 24, 44 - 3 * i, "#ffffff", alpha=0.028)
        board.canvas.restore()
        board.poly([(x - 10, y + 104), (x + 10, y + 104), (x, y + 90)], tone)
    pixels = board.sheet()
    clear = (pixels == 255).all(axis=2)
    image = Image.fromarray(pixels).quantize(255)
    index = np.array(image)
    index[clear] = 255
    out = Image.fromarray(index, "P")
    out.putpalette([*(image.getpalette() or [])[:765], 0, 0, 0])
    out.save(path, transparency=255, optimize=True)


def _bounce(path: Path) -> None:
    frames = []
    for i in range(14):
        t = i / 14
        high = 4 * t * (1 - t)
        board = Board(512, 384, "#dfe8ee")
        board.rect(0, 300, 512, 84, "#b98a5a")
        for k in range(9):
            board.line(k * 64 - 20, 384, k * 44 + 70, 300, "#9a7046", 2)
        y, squash = 262 - 200 * high, 1 - 0.2 * (high < 0.1)
        board.circle(256, 318, 48 - 22 * high, "#3a2a18", alpha=0.45, blur=8)
        board.canvas.save()
        board.canvas.translate(256, y + (1 - squash) * 56)
        board.canvas.scale(2 - squash, squash)
        board.canvas.rotate(t * 90)
        for k in range(12):
            board.circle(-k * 1.4, -k * 1.6, 56 - 4 * k, (0.8 + 0.015 * k, 0.36 + 0.02 * k, 0.1 + 0.01 * k))
        board.circle(0, 0, 56, "#2b1507", 3)
        board.line(-56, 0, 56, 0, "#2b1507", 3)
        board.line(0, -56, 0, 56, "#2b1507", 3)
        board.canvas.restore()
        frames.append(Image.fromarray(board.sheet()).quantize(48, dither=Image.Dither.NONE))
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=60, loop=0, optimize=True)


def _contact_sheet(folder: Path) -> None:
    board = Board(880, 760, "#1c1c1e")
    for i, name in enumerate(CONTACT):
        with Image.open(folder / name) as image:
            small = image.convert("RGB")
            small.thumbnail((400, 400))
        w, h = 200.0, 200 * small.height / small.width
        if h > 180:
            w, h = w * 180 / h, 180.0
        x, y = 16 + 214 * (i % 4), 20 + 244 * (i // 4)
        board.paste(np.asarray(small), x + (200 - w) / 2, y + (190 - h) / 2, w, h)
        board.text(x + 100, y + 212, f"{i + 1:02d}  {name}", 12, "#cccccc", align="center")
    Image.fromarray(board.sheet()).save(folder / "contact_sheet.jpg", quality=84)


def make(folder: Path, jobs: int = 2) -> list[str]:
    """Write every picture into `folder`; returns the file names."""
    folder.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(jobs) as pool:
        made = list(pool.map(_make, [(shot, folder) for shot in SHOTS]))
    _moon(folder / "IMG_5001.png")
    _balloons(folder / "party.png")
    _bounce(folder / "bounce.gif")
    _contact_sheet(folder)
    return made


__all__ = ["SHOTS", "Shot", "draw", "make", "sheet"]
