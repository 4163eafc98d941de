"""The video loader against decoding every frame: 10 minutes of 1080p H.264, keyframes often and seldom.

`loader` is all that `mmsearch index` does with the pictures of a video: choosing how to read it, looking at it twice a
second (or at each keyframe) for shot borders, reducing frames and stacking them into clips. `decode` decodes every
frame and looks at none. Ratios above 1 mean faster than that. One line of JSON for each video.

Usage: `python -m benchmarks.video_sampling`, or see README.md.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from benchmarks.machine import circumstances
from benchmarks.pictures import scene

RESULTS = Path(__file__).parent / "results" / "video_sampling.jsonl"
WIDTH, HEIGHT, RATE = 1920, 1080, 30
PIECE = 750
"""Frames that are encoded; the video repeats them, which decodes like new ones."""
SHOT = 150


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--work", help="where videos are kept for the next time")
    parser.add_argument("--out", default=str(RESULTS), help="file that results are added to")
    given = parser.parse_args()
    Path(given.out).parent.mkdir(parents=True, exist_ok=True)
    with _workplace(given.work) as work:
        for every in (30, 250):
            path = make_video(work / f"every{every}-{given.minutes:g}.mp4", every, given.minutes)
            line = json.dumps({"keyframe_every": every, "minutes": given.minutes, **measured(path, given.rounds)})
            print(line, flush=True)
            with open(given.out, "a", encoding="utf-8") as file:
                file.write(line + "\n")


@contextmanager
def _workplace(kept: str | None) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="mmsearch-benchmark-") as folder:
        Path(kept or folder).mkdir(parents=True, exist_ok=True)
        yield Path(kept or folder)


def measured(path: str, rounds: int) -> dict[str, Any]:
    """Least seconds and least CPU seconds of each way in some rounds, and their ratios to decoding it all."""
    before = circumstances()
    ways: dict[str, Callable[[str], int]] = {"decode": _decode, "loader": _load}
    best = {name: (float("inf"), float("inf"), 0) for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            wall, cpu = time.perf_counter(), time.process_time()
            frames = way(path)
            found = time.perf_counter() - wall, time.process_time() - cpu
            best[name] = min(best[name][0], found[0]), min(best[name][1], found[1]), frames
    return {
        "ratio": {"loader": round(best["decode"][0] / best["loader"][0], 2)},
        "cpu_ratio": {"loader": round(best["decode"][1] / best["loader"][1], 2)},
        "seconds": {name: round(one[0], 2) for name, one in best.items()},
        "cpu_seconds": {name: round(one[1], 2) for name, one in best.items()},
        "frames": {name: one[2] for name, one in best.items()},
        **before,
    }


def _decode(path: str) -> int:
    with av.open(path) as container:
        container.streams.video[0].thread_type = "AUTO"
        return sum(1 for _ in container.decode(video=0))


def _load(path: str) -> int:
    from mmsearch.media import video
    from mmsearch.types import Clip, LoaderSettings

    contents = (segment.content for segment in video.load(path, "", "video", LoaderSettings()).segments)
    return sum(len(clip.frames) for clip in contents if isinstance(clip, Clip))


def make_video(path: Path, every: int, minutes: float) -> str:
    """An H.264 video with a keyframe every so many frames, made where it is not there yet."""
    if path.exists():
        return str(path)
    piece = path.with_suffix(".piece.mp4")
    _encode(piece, every)
    count = max(1, round(minutes * 60 * RATE / PIECE))
    with av.open(str(path), "w") as out:
        target = None
        for turn in range(count):
            with av.open(str(piece)) as source:
                stream = source.streams.video[0]
                target = target or out.add_stream_from_template(stream)
                ahead = int(turn * PIECE / RATE / stream.time_base)
                for packet in source.demux(stream):
                    if packet.dts is not None:
                        packet.pts, packet.dts, packet.stream = packet.pts + ahead, packet.dts + ahead, target
                        out.mux(packet)
    piece.unlink()
    return str(path)


def _encode(path: Path, every: int) -> None:
    """Camera movements over a few scenes, with grain, a cut every five seconds, at about 5 Mbit a second."""
    scenes = [scene(2600, 1500, seed, 0.6) for seed in range(3)]
    rng = np.random.default_rng(0)
    grain = rng.integers(0, 8, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.gop_size, stream.bit_rate = every, 5_000_000
        # Cuts make no keyframes of their own, so that their distance is what it is said to be.
        stream.options = {"preset": "veryfast", "bf": "3", "sc_threshold": "0"}
        for number in range(PIECE):
            shot, step = divmod(number, SHOT)
            picture = scenes[shot % len(scenes)]
            top, left = step * (picture.shape[0] - HEIGHT) // SHOT, step * (picture.shape[1] - WIDTH) // SHOT
            view = picture[top : top + HEIGHT, left : left + WIDTH] // 2 + np.roll(grain, number * 37, axis=1) + 60
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(view), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


if __name__ == "__main__":
    main()
