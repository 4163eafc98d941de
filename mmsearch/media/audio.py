"""Sound files, and the sound of videos: one stream of samples cut into overlapping windows.

Decodes with PyAV as a stream, so memory does not grow with the length. Knows nothing of pictures, models or the index.
"""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import chain
from typing import Any, TypeAlias

import av
import numpy as np
import numpy.typing as npt

from mmsearch.errors import MediaError
from mmsearch.media.loaded import Loaded, reasons
from mmsearch.system.safe_open import regular
from mmsearch.types import Audio, FileMetadata, Item, LoaderSettings, Modality, Segment, Span

av.logging.set_level(None)

_Samples: TypeAlias = npt.NDArray[np.float32]

LONGEST = 24 * 3600.0
"""Maximum seconds of sound read of one file."""
_LAST_SHARE = 0.25
_NEW_SHARE = 0.05
_SLOWEST, _FASTEST = 1_000, 1_536_000
_BLOCK = 4096
_MOST_CHANNELS = 8
_MOST_NEW_STREAMS = 10_000
_SEEK_FROM = 30.0
_LEAD_IN = 1.0


class _File(io.FileIO):
    """A file whose failing seeks give the number FFmpeg expects; PyAV would write an exception to stderr."""

    def seek(self, offset: int, whence: int = 0, /) -> int:
        try:
            return super().seek(offset, whence)
        except OSError as error:
            return -(error.errno or errno.EIO)


@contextmanager
def open_container(path: str, prefix: str) -> Iterator[Any]:
    """Open the file as a PyAV input container; decoding errors inside the block become `MediaError`s after `prefix`.

    PyAV gets an open file instead of a name, so that any bytes can be in the name, and no protocol to open others
    with: a playlist must not make us read other files or the network.
    """
    options = {"protocol_whitelist": "none"}
    with reasons(prefix), _File(path, opener=regular) as file:
        if not os.fstat(file.fileno()).st_size:
            raise MediaError("empty file")
        try:
            with av.open(file, options=options, metadata_errors="ignore", buffer_size=1 << 17) as container:
                yield container
        except av.EOFError as error:
            raise MediaError(f"{prefix}: it ends too early") from error
        except av.FFmpegError as error:
            raise MediaError(f"{prefix}: {(error.strerror or type(error).__name__).lower()}") from error


def origin(container: Any) -> float:
    """The timestamp in seconds that players show as 0; some formats do not start at 0."""
    return float(container.start_time / av.time_base) if container.start_time is not None else 0.0


def duration(container: Any, stream: Any) -> float | None:
    """Seconds the header promises, None if it is silent about it."""
    if container.duration is not None and container.duration > 0:
        return float(container.duration / av.time_base)
    if stream.duration is not None and stream.duration > 0 and stream.time_base:
        return float(stream.duration * stream.time_base)
    return None


def packets(container: Any, stream: Any) -> Iterator[Any]:
    """Every packet of `stream` up to the end of the file, or to where it cannot be read any further."""
    for _ in range(_MOST_NEW_STREAMS):
        try:
            yield from container.demux(stream)
        except IndexError:
            continue  # PyAV trips over a packet of a stream that only appears in mid-file; the next ones are fine
        except (av.FFmpegError, OSError):
            return
        return


def decode_packets(container: Any, stream: Any) -> Iterator[tuple[Any, list[Any]]]:
    """Every packet of `stream` with the frames that came out of it: none for a damaged one."""
    for packet in packets(container, stream):
        frames: list[Any] = []
        with suppress(av.FFmpegError):
            frames = packet.decode()
        yield packet, frames


def load(path: str, digest: str, kind_name: str, settings: LoaderSettings, only: int | None = None) -> Loaded:
    """One segment for each window of a sound file, at most 24 hours of it; `only` asks for the one with that ordinal.

    Raises:
        MediaError: no sound in it, or none that can be decoded (then when the segments are read).
    """
    with open_container(path, f"broken {kind_name}") as container:
        facts = FileMetadata(duration=duration(container, _stream(container)))
    return Loaded(facts, segments(path, digest, "audio", settings, only=only))


def segments(
    path: str, digest: str, modality: Modality, settings: LoaderSettings, first: int = 0, only: int | None = None
) -> Iterator[Segment]:
    """The windows of the first sound stream of a file, numbered from `first`.

    Raises:
        MediaError: no sound stream, or nothing in it can be decoded.
    """
    any_window = False
    for index, start, samples in _windows(path, settings, None if only is None else only - first):
        any_window = True
        span = Span("second", round(start, 3), round(start + len(samples) / settings.audio_rate, 3))
        item = Item(path, digest, modality, "audio", first + index, span)
        yield Segment(item, Audio(samples, settings.audio_rate))
    if not any_window:
        raise MediaError("no sound could be decoded")


@dataclass(frozen=True, slots=True)
class _Grid:
    """Where windows lie: each `size` samples long, one every `hop`, at `rate` samples a second."""

    size: int
    hop: int
    rate: int

    @classmethod
    def of(cls, settings: LoaderSettings) -> _Grid:
        size = max(1, round(settings.audio_seconds * settings.audio_rate))
        return cls(size, max(1, round(size * (1 - settings.audio_overlap))), settings.audio_rate)

    def keeps_last(self, length: int) -> bool:
        """Whether a short window at the end is worth having: neither a scrap nor a mere repeat of the one before."""
        new_samples = length - (self.size - self.hop)
        return length >= _LAST_SHARE * self.size and new_samples >= _NEW_SHARE * self.size


def _windows(path: str, settings: LoaderSettings, only: int | None) -> Iterator[tuple[int, float, _Samples]]:
    """Index, start in seconds and samples of each window, or of one alone."""
    grid = _Grid.of(settings)
    if only is not None and only * grid.hop >= _SEEK_FROM * grid.rate:
        with open_container(path, "broken sound") as container:
            stream = _stream(container)
            samples = _seek_window(container, stream, only * grid.hop, grid)
            if samples is not None:
                yield only, _begin(container, stream) + only * grid.hop / grid.rate, samples
                return
    with open_container(path, "broken sound") as container:
        stream = _stream(container)
        begin = _begin(container, stream)
        for index, samples in enumerate(_cut(_mono(decode_packets(container, stream), grid.rate), grid)):
            if only is None or index == only:
                yield index, begin + index * grid.hop / grid.rate, samples
            if index == only:
                return


def _stream(container: Any) -> Any:
    if not container.streams.audio:
        raise MediaError("no sound stream")
    stream = container.streams.audio[0]
    if stream.codec_context is None:
        raise MediaError("no decoder for its sound")
    return stream


def _begin(container: Any, stream: Any) -> float:
    """When the sound sets in, in seconds from the start of the file."""
    if stream.start_time is None or not stream.time_base:
        return 0.0
    return max(0.0, float(stream.start_time * stream.time_base) - origin(container))


def _cut(blocks: Iterator[_Samples], grid: _Grid) -> Iterator[_Samples]:
    """Windows of the sound that `blocks` make in a row, the last one shorter if it is kept."""
    pending: list[_Samples] = []
    count, first = 0, True
    for block in blocks:
        pending.append(block)
        count += len(block)
        while count >= grid.size:
            joined = np.concatenate(pending)
            yield joined[: grid.size].copy()
            pending, count, first = [joined[grid.hop :]], count - grid.hop, False
    if count and (first or grid.keeps_last(count)):
        yield np.concatenate(pending)


def _mono(packets: Iterator[tuple[Any, list[Any]]], rate: int) -> Iterator[_Samples]:
    """Float32 blocks in [-1, 1] at `rate`, all channels mixed; follows a change of format within the stream."""
    mixer, mixer_shape, total = None, None, 0
    for _, frames in packets:
        for frame in map(_plain, frames):
            shape = (frame.format.name, frame.layout.name, frame.sample_rate)
            if shape != mixer_shape:
                yield from _flushed(mixer)
                if not _SLOWEST <= frame.sample_rate <= _FASTEST:
                    raise MediaError(
                        f"{frame.sample_rate} samples a second: only {_SLOWEST} to {_FASTEST} can be read as sound"
                    )
                # To integers, because only there the mix is scaled so that equal channels stay within full scale.
                mixer = av.AudioResampler(format="s32", layout="mono", rate=rate, frame_size=_BLOCK)
                mixer_shape = shape
            for block in _mixed(mixer, frame):
                total += len(block)
                yield block
        if total > LONGEST * rate:
            return
    yield from _flushed(mixer)


def _plain(frame: Any) -> Any:
    """A frame the mixer takes: it knows no layouts of more than eight channels, so those are averaged before it."""
    count = frame.layout.nb_channels
    if count > _MOST_CHANNELS:
        if frame.format.is_planar:  # PyAV reads wild memory for the ninth plane
            raise MediaError(f"sound of {count} channels; at most {_MOST_CHANNELS} can be read of its codec")
        samples = frame.to_ndarray().reshape(-1, count)
        mean = samples.mean(axis=1, dtype=np.float64)
        if samples.dtype.kind != "f":
            mean = mean / float(np.iinfo(samples.dtype).max) - (samples.dtype.kind == "u")
        averaged = av.AudioFrame.from_ndarray(mean[None].astype(np.float32), format="fltp", layout="mono")
        averaged.sample_rate = frame.sample_rate
        frame = averaged
    frame.pts = None  # so that gaps in damaged timestamps are not filled with silence
    return frame


def _mixed(mixer: Any, frame: Any) -> Iterator[_Samples]:
    with suppress(av.FFmpegError):
        for part in mixer.resample(frame):
            yield part.to_ndarray().reshape(-1).astype(np.float32) / np.float32(2**31)


def _flushed(mixer: Any) -> Iterator[_Samples]:
    if mixer is not None:
        yield from _mixed(mixer, None)


def _seek_window(container: Any, stream: Any, first: int, grid: _Grid) -> _Samples | None:
    """The window that starts at sample `first`, read from shortly before it; None where seeking does not get there."""
    zero = float((stream.start_time or 0) * stream.time_base)
    target = first / grid.rate
    with suppress(av.FFmpegError):
        container.seek(int((zero + target - _LEAD_IN) / stream.time_base), stream=stream)
        packets = decode_packets(container, stream)
        for packet, frames in packets:
            if not frames:
                continue
            if frames[0].time is None or (lead_seconds := target - (frames[0].time - zero)) < 0:
                return None
            if lead_seconds <= _LEAD_IN:
                lead = round(lead_seconds * grid.rate)
                return _gather(_mono(chain([(packet, frames)], packets), grid.rate), lead, grid.size)
    return None


def _gather(blocks: Iterator[_Samples], skip: int, size: int) -> _Samples | None:
    """Samples `skip` to `skip + size` of the joined blocks, fewer at the end; None if there are none."""
    pending: list[_Samples] = []
    count = 0
    for block in blocks:
        pending.append(block)
        count += len(block)
        if count >= skip + size:
            break
    return np.concatenate(pending)[skip : skip + size] if count > skip else None
