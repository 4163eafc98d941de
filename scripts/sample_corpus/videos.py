"""Clips of several shots each, made from the still pictures by moving over them and from drawn scenes.

A frame is uint8 `(240, 320, 3)`, 12 a second. Knows nothing of what is asked about them.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.video.stream import VideoStream
from PIL import Image, ImageOps

from .canvas import Board, Sheet
from .sounds import RATE, Sound, levelled, waves

FPS, W, H = 12, 320, 240


def pan(
    path: Path, seconds: float, zoom: tuple[float, float] = (1.0, 1.25), drift: tuple[float, float] = (0.0, 0.0)
) -> Iterator[Sheet]:
    """A camera that moves over a picture: zoom from..to, drift in shares of the spare room."""
    with Image.open(path) as image:
        picture = ImageOps.exif_transpose(image).convert("RGB")
    base = min(picture.width / W, picture.height / H)
    count = int(seconds * FPS)
    for i in range(count):
        t = i / max(count - 1, 1)
        scale = base / (zoom[0] + (zoom[1] - zoom[0]) * t)
        w, h = W * scale, H * scale
        x = (picture.width - w) * float(np.clip(0.5 + drift[0] * (t - 0.5), 0, 1))
        y = (picture.height - h) * float(np.clip(0.5 + drift[1] * (t - 0.5), 0, 1))
        yield np.asarray(picture.resize((W, H), Image.Resampling.BICUBIC, (x, y, x + w, y + h)))


def growing_bars(seconds: float) -> Iterator[Sheet]:
    """A bar chart whose bars grow."""
    heights, tones = (60, 95, 80, 130, 150, 118), ("#3366cc", "#dc3912", "#ff9900", "#109618", "#990099", "#0099c6")
    count = int(seconds * FPS)
    for i in range(count):
        t = min(1.0, 1.4 * i / count)
        board = Board(W, H)
        board.text(160, 28, "Sales by region", 17, bold=True, align="center")
        board.line(36, 210, 300, 210, "#333333", 2)
        for k, tall in enumerate(heights):
            rise = tall * t * t * (3 - 2 * t)
            board.rect(50 + 42 * k, 210 - rise, 30, rise, tones[k])
            board.text(65 + 42 * k, 226, "NSEWCX"[k], 12, align="center")
        yield board.sheet()


def rolling_ball(seconds: float, tone: str) -> Iterator[Sheet]:
    """A ball that rolls over a table from left to right."""
    count = int(seconds * FPS)
    for i in range(count):
        x = -30 + 380 * i / count
        board = Board(W, H, "#cfd8dc")
        board.rect(0, 160, W, 80, "#8d6e4f")
        board.circle(x, 182, 30, "#3b2b1c", alpha=0.5, blur=5)
        board.circle(x, 150, 32, tone)
        board.circle(x - 10, 139, 10, "#ffffff", alpha=0.5, blur=5)
        a = x / 32
        board.line(x, 150, x + 31 * np.cos(a), 150 + 31 * np.sin(a), "#ffffff", 4)
        yield board.sheet()


def rain_window(seconds: float) -> Iterator[Sheet]:
    """Rain that falls in front of grey houses."""
    rng = np.random.default_rng(4)
    drops = rng.uniform(0, 1, (170, 3))
    for i in range(int(seconds * FPS)):
        board = Board(W, H, "#77838e")
        for k in range(6):
            board.rect(10 + 52 * k, 120 - 12 * (k % 3), 46, 140, "#4c565f")
            for r in range(4):
                board.rect(
                    20 + 52 * k, 134 - 12 * (k % 3) + 24 * r, 10, 12, "#e8c873" if (k * r) % 3 == 1 else "#3a424a"
                )
        for x, y, speed in drops:
            px, py = (x * 360 - 3 * i) % 360 - 20, (y * 240 + i * (16 + 12 * speed)) % 260 - 10
            board.line(px, py, px - 3, py + 12, "#dfe9f2", 1.3, 0.7)
        yield board.sheet()


def title(words: str, seconds: float, back: str = "#202830") -> Iterator[Sheet]:
    """A title card."""
    for _ in range(int(seconds * FPS)):
        board = Board(W, H, back)
        board.text(160, 128, words, 24, "#ffffff", bold=True, align="center")
        yield board.sheet()


def write(path: Path, shots: list[Iterator[Sheet]], codec: str, sound: Sound | None = None) -> None:
    """Encode the shots one after another into the container of the suffix."""
    with av.open(str(path), "w") as out:
        video = cast(VideoStream, out.add_stream(codec, rate=FPS, width=W, height=H, pix_fmt="yuv420p"))
        video.time_base = Fraction(1, FPS)
        video.options = (
            {"crf": "27", "threads": "1"}
            if codec != "libvpx-vp9"
            else {"crf": "36", "b": "0", "cpu-used": "5", "threads": "1"}
        )
        audio = None
        if sound is not None:
            audio = out.add_stream("aac", rate=RATE, layout="mono")
        for number, pixels in enumerate(frame for shot in shots for frame in shot):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
        if audio is not None and sound is not None:
            piece = av.AudioFrame.from_ndarray(sound[None, :], format="fltp", layout="mono")
            piece.sample_rate = RATE
            resampler = av.AudioResampler(
                format=audio.format.name, layout="mono", rate=RATE, frame_size=audio.frame_size or 1024
            )
            for part in [*resampler.resample(piece), *resampler.resample(None)]:
                out.mux(audio.encode(part))
            out.mux(audio.encode(None))


def make(folder: Path, corpus: Path) -> None:
    """Write every clip into `folder`, from the pictures in `corpus`."""
    folder.mkdir(parents=True, exist_ok=True)
    p, c = corpus / "pictures", corpus / "charts"
    sea = levelled(waves())[: int(6.5 * RATE)]
    write(
        folder / "clip_01.mp4",
        [pan(p / "IMG_2041.jpg", 3, (1.3, 1.1), (1.6, 0)), pan(p / "P1040412.jpg", 3), growing_bars(3)],
        "libx264",
    )
    write(
        folder / "clip_02.webm",
        [
            pan(p / "DSC_0113.jpg", 3, (1.1, 1.3), (-1.5, 0)),
            pan(p / "aquarium.png", 3, (1.2, 1.2), (1, 0)),
            pan(p / "IMG_4410.jpg", 3, (1.3, 1.0)),
        ],
        "libvpx-vp9",
    )
    write(
        folder / "holiday.mkv",
        [
            title("Our holiday", 1.5),
            pan(p / "panorama.jpg", 3, (1.3, 1.3), (1.8, 0)),
            pan(p / "regatta.webp", 2.5),
            pan(p / "P1040330.jpg", 3, (1.0, 1.3)),
        ],
        "libx264",
    )
    write(
        folder / "MVI_0450.mp4",
        [pan(p / "P1040412.jpg", 3.5, (1.4, 1.1), (0.8, 0.5)), pan(p / "coast_trip.webp", 3, (1.0, 1.2), (0, 1))],
        "libx264",
        sea,
    )
    write(folder / "MVI_0462.mkv", [rolling_ball(3, "#c62828"), rolling_ball(3, "#1e5bc6"), rain_window(3)], "libx264")
    write(
        folder / "pets.webm",
        [
            pan(p / "midnight.jpg", 3, (1.0, 1.35)),
            pan(p / "IMG_1187.jpg", 3, (1.3, 1.0)),
            pan(p / "DSC_0655.jpg", 2.5, (1.0, 1.2)),
        ],
        "libvpx-vp9",
    )
    write(
        folder / "screen_recording.mp4",
        [
            pan(corpus / "screenshots" / "Screenshot_0431.png", 3, (1.0, 1.2)),
            pan(corpus / "screenshots" / "terminal.png", 3, (1.0, 1.2)),
            pan(c / "dashboard_shop.png", 3, (1.0, 1.3)),
        ],
        "libx264",
    )
