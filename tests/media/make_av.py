"""Writes the small sound and video files that the tests of the loaders read."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

RATE = 16_000
_PLAIN = {"fflags": "bitexact"}
"""Without the random numbers that some formats carry: the same content gives the same file."""


def tone(seconds: float, hertz: float = 440.0, rate: int = RATE, level: float = 0.5) -> npt.NDArray[np.float32]:
    """A sine, float32 `(n,)`."""
    times = np.arange(round(seconds * rate)) / rate
    return (level * np.sin(2 * np.pi * hertz * times)).astype(np.float32)


def _encode_sound(container: av.container.OutputContainer, stream: av.AudioStream, channels: npt.NDArray) -> None:
    rate, block = stream.codec_context.sample_rate, 1024
    layout = stream.codec_context.layout.name
    resampler = av.AudioResampler(format=stream.codec_context.format, layout=layout, rate=rate)
    for start in range(0, channels.shape[1], block):
        part = np.ascontiguousarray(channels[:, start : start + block])
        frame = av.AudioFrame.from_ndarray(part, format="fltp", layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
        for ready in resampler.resample(frame):
            container.mux(stream.encode(ready))
    container.mux(stream.encode(None))


def write_sound(path: Path, codec: str, channels: npt.NDArray, rate: int = RATE, form: str = "") -> Path:
    """Encode float32 `(channels, n)`; the format is that of the suffix, unless `form` names one."""
    with open(path, "wb") as file, av.open(file, "w", form or _format(path), _PLAIN) as container:
        stream = container.add_stream(codec, rate=rate, layout="stereo" if len(channels) == 2 else "mono")
        _encode_sound(container, stream, channels)
    return path


def _format(path: Path) -> str:
    names = {".mkv": "matroska", ".m4a": "ipod", ".mka": "matroska", ".ts": "mpegts"}
    return names.get(path.suffix, path.suffix.lstrip("."))


def shots(colours: Sequence[tuple[int, int, int]], seconds: float, fps: int = 10) -> list[npt.NDArray[np.uint8]]:
    """Frames of 96 x 64 pixels: each colour held for `seconds`, with a white block wandering over it."""
    frames = []
    for colour in colours:
        for i in range(round(seconds * fps)):
            frame = np.full((64, 96, 3), colour, np.uint8)
            x = 2 * i % 80
            frame[24:40, x : x + 12] = 255
            frames.append(frame)
    return frames


def write_video(
    path: Path,
    frames: Sequence[npt.NDArray[np.uint8]],
    codec: str = "mpeg4",
    fps: int = 10,
    sound: npt.NDArray | None = None,
    sound_codec: str = "aac",
    keyframe_every: int = 12,
    rotation: int = 0,
    form: str = "",
) -> Path:
    """Encode RGB frames, and a mono sound beside them; the format is that of the suffix, unless `form` names one."""
    with open(path, "wb") as file, av.open(file, "w", form or _format(path), _PLAIN) as container:
        stream = container.add_stream(codec, rate=fps)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt, stream.codec_context.gop_size = "yuv420p", keyframe_every
        stream.bit_rate = 400_000
        if rotation:
            stream.set_display_rotation(rotation)
        beside = container.add_stream(sound_codec, rate=RATE, layout="mono") if sound is not None else None
        for i, array in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(array, format="rgb24")
            frame.pts, frame.time_base = i, Fraction(1, fps)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if beside is not None and sound is not None:
            _encode_sound(container, beside, sound[None])
    return path
