"""Videos: one sparse pass that cuts at shot borders, a few frames of every stretch, then the windows of the sound.

Holds only the reduced frames of the stretch being read, so memory does not grow with the length. Knows nothing of
models or the index; `audio` handles the sound.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import av
import numpy as np
import numpy.typing as npt

from mmsearch.errors import MediaError
from mmsearch.media import audio
from mmsearch.media.audio import decode_packets, duration, open_container, origin, packets
from mmsearch.media.loaded import Loaded
from mmsearch.types import Clip, FileMetadata, Item, LoaderSettings, Picture, Segment, Span

_Histogram: TypeAlias = npt.NDArray[np.float64]

_STEP = 0.5
"""Seconds between the frames that are looked at."""
_SHORTEST = 1.0
"""Seconds; shots and leftovers below it stay with the stretch before them."""
_JUMP = 1.0
_NEARLY = 0.02
_SIDE = 768
_MOST_PIXELS = 1 << 26
_THREADS = 4
_THUMB = (32, 18)
_SURE_CUT = 0.55
_LIKELY_CUT = 0.3
_MOVED = 0.06
# Above the first length keyframes alone are decoded if none is further from the next than its share of a stretch.
_KEYFRAMES_FROM = 120.0
_LONG = 20 * 60.0
_SPACING, _LONG_SPACING = 0.25, 1.0
_MANY_FRAMES = 12
"""A second; from here on enough are left without those that no other frame refers to."""


def load(path: str, digest: str, kind_name: str, settings: LoaderSettings, only: int | None = None) -> Loaded:
    """A `Clip` for each stretch of a video, then the windows of its sound; `only` asks for one of them by its ordinal.

    Stretches end at shot borders and after `clip_seconds`. Shot borders are known to half a second, or to the next
    keyframe in long videos. A damaged tail is left out.

    Raises:
        MediaError: no picture in it can be decoded.
    """
    with open_container(path, f"broken {kind_name}") as container:
        stream = _decodable(container)
        first = next((frame for _, frames in decode_packets(container, stream) for frame in frames), None)
        if first is None:
            raise MediaError("no picture could be decoded")
        width, height = (first.height, first.width) if _quarter_turns(first) % 2 else (first.width, first.height)
        facts = FileMetadata(width=width, height=height, duration=duration(container, stream))
        has_sound = bool(container.streams.audio)
    return Loaded(facts, _segments(path, digest, settings, has_sound, only))


def _segments(path: str, digest: str, settings: LoaderSettings, has_sound: bool, only: int | None) -> Iterator[Segment]:
    count = 0
    for stretch in _stretches(path, settings, only):
        if only in (None, count):
            span = Span("second", round(stretch.start, 3), round(stretch.end, 3))
            item = Item(path, digest, "video", "video", count, span)
            yield Segment(item, stretch.clip(settings.clip_frames))
        if count == only:
            return
        count += 1
    if not count:
        raise MediaError("no picture could be decoded")
    if has_sound:
        try:
            yield from audio.segments(path, digest, "video", settings, first=count, only=only)
        except MediaError:
            return  # a video whose sound is silent, damaged or of an unknown codec is still a video


# --- streams and frames -----------------------------------------------------------------------------------------------


def _decodable(container: Any) -> Any:
    """The first stream of moving pictures, ready to be decoded."""
    still = ("attached_pic", "timed_thumbnails")
    for stream in container.streams.video:
        if not any(getattr(type(stream.disposition), name) in stream.disposition for name in still):
            break
    else:
        raise MediaError("no moving pictures in it")
    codec = stream.codec_context
    if codec is None:
        raise MediaError("no decoder for its pictures")
    if codec.width * codec.height > _MOST_PIXELS:
        raise MediaError(f"frames of {codec.width} x {codec.height} pixels; at most {_MOST_PIXELS} can be read")
    codec.thread_count = _THREADS
    codec.thread_type = "AUTO"
    return stream


def _quarter_turns(frame: Any) -> int:
    """Turns to the left that bring the frame upright."""
    return round(getattr(frame, "rotation", 0) / 90) % 4


def _reduced(frame: Any, stream: Any, side: int) -> tuple[int, int]:
    """Width and height as stored, with the pixels made square and the longer side brought down to `side`."""
    ratio = stream.sample_aspect_ratio if stream is not None else None
    width, height = round(frame.width * ratio) if ratio and 0.1 < ratio < 10 else frame.width, frame.height
    scale = min(1.0, side / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def _picture(frame: Any, size: tuple[int, int]) -> Picture:
    """Upright RGB, `size` wide and high before it is turned."""
    small = frame.reformat(width=size[0], height=size[1], format="rgb24", interpolation="AREA")
    upright: Picture = np.ascontiguousarray(np.rot90(small.to_ndarray(), _quarter_turns(frame)))
    return upright


def _skipped(path: str, settings: LoaderSettings) -> str:
    """The frames that need no decoding, in FFmpeg's word: all but keyframes, those nobody refers to, or none."""
    if _keyframes_suffice(path, settings):
        return "NONKEY"
    with open_container(path, "broken video") as container:
        rate = _decodable(container).average_rate
        return "NONREF" if rate and rate >= _MANY_FRAMES else "DEFAULT"


def _keyframes_suffice(path: str, settings: LoaderSettings) -> bool:
    """Whether keyframes are close enough, judged by the first two minutes of packets.

    The limit is a share of a stretch in a long video, else half a second, the interval of the sampled frames.
    """
    with open_container(path, "broken video") as container:
        stream = _decodable(container)
        limit = _SPACING if (duration(container, stream) or 0.0) < _LONG else _LONG_SPACING
        last, widest = None, 0.0
        for packet in packets(container, stream):
            if packet.pts is None:
                continue
            now = float(packet.pts * packet.time_base) - origin(container)
            last = now if last is None else last
            widest = max(widest, now - last)
            if widest > max(_STEP, limit * settings.clip_seconds):
                return False
            if packet.is_keyframe:
                last = now
            if now > _KEYFRAMES_FROM:
                return True
    return last is not None and widest <= _STEP


@dataclass(slots=True)
class _Pass:
    """One reading of a file; `end` is where the last packet that was read ends, in seconds."""

    path: str
    skip: str
    end: float = 0.0

    def samples(self) -> Iterator[tuple[float, Any, Any]]:
        """Second, frame and stream, at least about half a second apart and never going back."""
        with open_container(self.path, "broken video") as container:
            stream = _decodable(container)
            stream.codec_context.skip_frame = self.skip
            zero, last, latest = origin(container), None, 0.0
            frame_time = 1.0 / float(stream.average_rate) if stream.average_rate else 0.04
            packet_frames = (
                _keyframes(container, stream, frame_time)
                if self.skip == "NONKEY"
                else decode_packets(container, stream)
            )
            for packet, frames in packet_frames:
                if packet.pts is not None and not packet.is_corrupt:
                    length = float((packet.duration or 0) * packet.time_base) or frame_time
                    self.end = max(self.end, float(packet.pts * packet.time_base) - zero + length)
                for frame in frames:
                    now = latest + frame_time if frame.time is None else frame.time - zero
                    if now < latest - _JUMP:  # recordings joined end to end: the clock starts again
                        zero -= latest + frame_time - now
                        now = latest + frame_time
                    latest = max(latest, now)
                    if last is None or now >= last + _STEP - frame_time / 2:
                        last = max(0.0, now)
                        yield last, frame, stream


def _keyframes(container: Any, stream: Any, frame_time: float) -> Iterator[tuple[Any, list[Any]]]:
    """Every packet, and the frames of those keyframes that are not too near to the last one; others are not decoded."""
    last = None
    for packet in packets(container, stream):
        frames: list[Any] = []
        now = None if packet.pts is None else float(packet.pts * packet.time_base)
        is_near = now is not None and last is not None and abs(now - last) < _STEP - frame_time / 2
        if not packet.size or (packet.is_keyframe and not is_near):
            with suppress(av.FFmpegError):
                frames = packet.decode()
            last = now if now is not None else last
        yield packet, frames


def frame_in(path: str, start: float, end: float, settings: LoaderSettings) -> Picture:
    """A frame of a stretch of a video: the last keyframe in its first half, or else the frame that it begins with.

    `start` and `end` in seconds; uint8 `(h, w, 3)`, longer side at most `settings.image_side`. Found by seeking where
    the file allows it.

    Raises:
        MediaError: no picture there can be decoded.
    """
    with open_container(path, "broken video") as container:
        stream = _decodable(container)
        # A frame is wanted at once: threads would hold it back until some more were read.
        stream.codec_context.thread_type, stream.codec_context.thread_count = "NONE", 1
        zero, last = origin(container), None
        with suppress(av.FFmpegError, OSError):
            container.seek(int((zero + (start + end) / 2) / stream.time_base), stream=stream)
        for _, frames in decode_packets(container, stream):
            for last in frames:
                if last.time is None or last.time - zero >= start - _NEARLY:
                    return _picture(last, _reduced(last, stream, settings.image_side or _SIDE))
        if last is None:
            raise MediaError("no picture could be decoded")
        return _picture(last, _reduced(last, stream, settings.image_side or _SIDE))


# --- stretches --------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Stretch:
    """Part of one shot, `[start, end)` in seconds, and evenly spread candidates for its frames."""

    start: float
    end: float = 0.0
    max_frames: int = 32
    frames: list[tuple[float, Picture]] = field(default_factory=list)
    _apart: float = 0.0
    _size: tuple[int, int] | None = None

    def add(self, now: float, frame: Any, stream: Any, side: int) -> None:
        self._size = self._size or _reduced(frame, stream, side)  # a stream may change its size on the way
        picture = _picture(frame, self._size)
        if self.frames and picture.shape != self.frames[0][1].shape:
            return
        self.frames.append((now, picture))
        if len(self.frames) > self.max_frames:
            self.frames = self.frames[::2]
            self._apart = 2 * (self.frames[-1][0] - self.frames[0][0]) / self.max_frames

    def is_due(self, now: float) -> bool:
        return not self.frames or now - self.frames[-1][0] >= 0.9 * self._apart

    def clip(self, max_frames: int) -> Clip:
        """At most `max_frames` frames, each the nearest to the middle of an equal part of the stretch."""
        seconds = np.array([now for now, _ in self.frames], dtype=np.float64)
        count = max(1, max_frames)
        middles = self.start + (np.arange(count) + 0.5) * (self.end - self.start) / count
        nearest = np.unique(np.abs(seconds[None, :] - middles[:, None]).argmin(axis=1))
        chosen = np.arange(len(seconds)) if len(seconds) <= count else nearest
        return Clip(np.stack([self.frames[i][1] for i in chosen]), seconds[chosen])


def _stretches(path: str, settings: LoaderSettings, only: int | None) -> Iterator[_Stretch]:
    """The stretches of a video in order; with `only`, all but that one are without frames."""
    skip = _skipped(path, settings)
    any_stretch = False
    for stretch in _joined(_Pass(path, skip), settings, only):
        any_stretch = True
        yield stretch
    if skip != "DEFAULT" and not any_stretch:  # keyframes that the decoder does not take for such
        yield from _joined(_Pass(path, "DEFAULT"), settings, only)


def _joined(reading: _Pass, settings: LoaderSettings, only: int | None) -> Iterator[_Stretch]:
    """As `_split`, but a leftover too short to stand alone becomes the end of the stretch before it."""
    pending: _Stretch | None = None
    shortest = min(_SHORTEST, settings.clip_seconds / 2)
    for stretch in _split(reading, settings, only):
        if pending is not None and stretch.end - stretch.start < shortest:
            pending.end = stretch.end
            continue
        if pending is not None:
            yield pending
        pending = stretch
    if pending is not None:
        yield pending


def _split(reading: _Pass, settings: LoaderSettings, only: int | None) -> Iterator[_Stretch]:
    side = settings.image_side or _SIDE
    max_frames = max(4 * settings.clip_frames, 16)
    index, borders = 0, _Borders()
    current: _Stretch | None = None
    for now, frame, stream in reading.samples():
        cut = borders.is_border(_Look.of(frame))
        if current is None:
            current = _Stretch(now, max_frames=max_frames)
        elif border := _border(current, now, cut, settings.clip_seconds):
            current.end, start = border
            yield current
            current, index = _Stretch(start, max_frames=max_frames), index + 1
        if only in (None, index) and current.is_due(now):
            current.add(now, frame, stream, side)
    if current is not None:
        current.end = min(max(reading.end, current.start + 0.001), current.start + settings.clip_seconds)
        yield current


def _border(current: _Stretch, now: float, cut: bool, longest: float) -> tuple[float, float] | None:
    """End of the current stretch and start of the next one, if a frame at `now` no longer belongs to it."""
    past = int((now - current.start) / longest)
    if past:
        return current.start + longest, current.start + past * longest
    return (now, now) if cut and now - current.start >= _SHORTEST else None


@dataclass(frozen=True, slots=True)
class _Look:
    """A frame from afar: a thumbnail, and the distribution of its pixels over 64 colours."""

    thumb: npt.NDArray[np.int16]
    colours: _Histogram

    @classmethod
    def of(cls, frame: Any) -> _Look:
        width, height = _THUMB
        small = frame.reformat(width=width, height=height, format="rgb24", interpolation="AREA").to_ndarray()
        bins = (small >> 6).astype(np.int64) @ np.array([16, 4, 1])
        colours = np.bincount(bins.ravel(), minlength=64) / bins.size
        return cls(small.astype(np.int16), colours)

    def change(self, other: _Look) -> float:
        """How far the colours differ, from 0 to 1; 0 where each pixel hardly changes, as in a slow fade."""
        moved = float(np.abs(self.thumb - other.thumb).mean()) / 255
        return 0.5 * float(np.abs(self.colours - other.colours).sum()) if moved > _MOVED else 0.0


class _Borders:
    """Distinguishes shot borders from movement: at a border the picture changes much more than it did just before."""

    def __init__(self) -> None:
        self._previous: _Look | None = None
        self._recent: deque[float] = deque(maxlen=4)

    def is_border(self, look: _Look) -> bool:
        """Whether a border lies between this frame and the one before it."""
        previous, self._previous = self._previous, look
        if previous is None:
            return False
        change, calm = look.change(previous), min(self._recent, default=0.0)
        self._recent.append(change)
        return change > _SURE_CUT or change > max(_LIKELY_CUT, 2 * calm)
