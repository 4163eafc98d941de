"""Videos become one segment a stretch, cut at shot borders, and windows of their sound."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest

from mmsearch.errors import MediaError
from mmsearch.media import video
from mmsearch.types import Audio, Clip, LoaderSettings, Segment
from tests.media.make_av import shots, tone, write_sound, write_video

SETTINGS = LoaderSettings()
RED, GREEN, BLUE = (200, 30, 30), (30, 180, 40), (30, 40, 200)
FORMATS = [("v.mp4", "libx264"), ("v.mov", "mpeg4"), ("v.mkv", "mpeg4"), ("v.webm", "libvpx-vp9"), ("v.ts", "libx264")]


def read(path: Path | str, settings: LoaderSettings = SETTINGS, only: int | None = None) -> list[Segment]:
    return list(video.load(str(path), "d", "video", settings, only=only).segments)


def clips(segments: list[Segment]) -> list[Clip]:
    return [one.content for one in segments if isinstance(one.content, Clip)]


def spans(segments: list[Segment]) -> list[tuple[float, float]]:
    return [(one.item.span.start, one.item.span.end) for one in segments if one.item.partition == "video"]


def corner(clip: Clip) -> np.ndarray:
    """The colour of each frame's corner, `(t, 3)`."""
    return clip.frames[:, 2, 2].astype(int)


@pytest.mark.parametrize(("name", "codec"), FORMATS)
def test_every_container_gives_its_shots_and_its_sound(name: str, codec: str, tmp_path: Path) -> None:
    sound_codec = "libopus" if name.endswith("webm") else "aac"
    path = write_video(tmp_path / name, shots([RED, GREEN, BLUE], 3), codec, sound=tone(9), sound_codec=sound_codec)
    loaded = video.load(str(path), "d", "video", SETTINGS)
    segments = list(loaded.segments)
    assert (loaded.facts.width, loaded.facts.height) == (96, 64)
    assert loaded.facts.duration == pytest.approx(9, abs=0.2)
    assert [one.item.partition for one in segments] == ["video", "video", "video", "audio"]
    assert [one.item.ordinal for one in segments] == [0, 1, 2, 3]
    assert {one.item.modality for one in segments} == {"video"}
    for (start, end), clip, colour, begin in zip(
        spans(segments), clips(segments), (RED, GREEN, BLUE), (0, 3, 6), strict=True
    ):
        assert (start, end) == (pytest.approx(begin, abs=0.15), pytest.approx(begin + 3, abs=0.15))
        assert clip.frames.dtype == np.uint8
        assert clip.frames.shape == (len(clip.seconds), 64, 96, 3)
        assert 2 <= len(clip.seconds) <= SETTINGS.clip_frames
        assert np.abs(corner(clip) - colour).max() < 25
        assert (np.diff(clip.seconds) > 0).all()
        assert start <= clip.seconds[0]
        assert clip.seconds[-1] < end
    assert isinstance(segments[3].content, Audio)
    assert np.abs(segments[3].content.samples).max() == pytest.approx(0.5, abs=0.1)


def test_long_shot_is_cut_and_its_frames_are_spread(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mp4", shots([GREEN], 25, fps=4), fps=4)
    segments = read(path, LoaderSettings(clip_seconds=10.0, clip_frames=4))
    assert spans(segments) == [(0, 10), (10, 20), (20, 25)]
    first = clips(segments)[0].seconds
    assert len(first) == 4
    assert np.abs(first - [1.25, 3.75, 6.25, 8.75]).max() <= 0.5


def test_stretch_of_minutes_holds_few_frames_and_spreads_them(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mkv", shots([GREEN], 100, fps=2), fps=2)
    [clip] = clips(read(path, LoaderSettings(clip_seconds=200.0, clip_frames=4)))
    assert np.abs(clip.seconds - [12.5, 37.5, 62.5, 87.5]).max() < 6


def test_leftover_joins_the_stretch_before_it(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mp4", shots([GREEN], 10.5))
    assert spans(read(path, LoaderSettings(clip_seconds=10.0))) == [(0, 10.5)]


def test_movement_within_a_shot_is_no_border(tmp_path: Path) -> None:
    x = np.arange(400)
    strip = np.stack([128 + 90 * np.sin(x / 9), 128 + 90 * np.sin(x / 14), 128 + 90 * np.sin(x / 23)], axis=-1)
    wide = np.broadcast_to(strip.astype(np.uint8), (64, 400, 3))
    path = write_video(tmp_path / "v.mp4", [np.ascontiguousarray(wide[:, 4 * i : 4 * i + 96]) for i in range(60)])
    assert len(read(path)) == 1


def test_fade_of_light_is_no_border(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    scene = np.kron(rng.uniform(40, 200, (8, 12, 3)), np.ones((8, 8, 1)))
    frames = [(scene * (0.8 + 0.2 * np.cos(i / 15))).astype(np.uint8) for i in range(80)]
    assert len(read(write_video(tmp_path / "v.mp4", frames))) == 1


def test_one_frame_is_a_video(tmp_path: Path) -> None:
    [segment] = read(write_video(tmp_path / "v.mp4", shots([RED], 0.1)))
    assert clips([segment])[0].frames.shape == (1, 64, 96, 3)
    assert (segment.item.span.start, segment.item.span.end) == (0, pytest.approx(0.1))


def test_frames_are_reduced_to_the_side_asked_for(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mp4", [np.full((480, 960, 3), RED, np.uint8)] * 10)
    assert clips(read(path))[0].frames.shape[1:3] == (384, 768)
    assert clips(read(path, LoaderSettings(image_side=224)))[0].frames.shape[1:3] == (112, 224)
    assert clips(read(path, LoaderSettings(image_side=2000)))[0].frames.shape[1:3] == (480, 960)


@pytest.mark.skipif(not hasattr(av.VideoStream, "set_display_rotation"), reason="this PyAV cannot write a rotation")
@pytest.mark.parametrize(("rotation", "row", "column"), [(90, 80, 10), (-90, 15, 54), (180, 54, 80)])
def test_rotated_video_comes_out_upright(rotation: int, row: int, column: int, tmp_path: Path) -> None:
    """A phone held upright records lying frames and says -90, a quarter turn to the right."""
    frame = np.zeros((64, 96, 3), np.uint8)
    frame[:20, :30] = 255
    path = write_video(tmp_path / "v.mp4", [frame] * 10, rotation=rotation)
    loaded = video.load(str(path), "d", "video", SETTINGS)
    picture = clips(list(loaded.segments))[0].frames[0]
    assert (loaded.facts.height, loaded.facts.width) == picture.shape[:2]
    assert np.abs(np.argwhere(picture[..., 0] > 200).mean(axis=0) - [row, column]).max() < 2


@pytest.mark.parametrize("only", [0, 1, 2, 3])
def test_one_segment_alone_is_the_one_of_the_whole_pass(only: int, tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mkv", shots([RED, GREEN], 4), sound=tone(13), sound_codec="aac")
    whole = read(path)
    assert len(whole) == 4
    [alone] = read(path, only=only)
    assert alone.item == whole[only].item
    one, other = alone.content, whole[only].content
    if isinstance(one, Clip) and isinstance(other, Clip):
        np.testing.assert_array_equal(one.frames, other.frames)
        np.testing.assert_array_equal(one.seconds, other.seconds)
    else:
        assert isinstance(one, Audio)
        assert isinstance(other, Audio)
        np.testing.assert_allclose(one.samples, other.samples, atol=1e-6)


def test_long_video_is_read_by_keyframes(tmp_path: Path) -> None:
    frames = shots([RED, GREEN, BLUE], 45, fps=2)
    path = write_video(tmp_path / "v.mp4", frames, "libx264", fps=2, keyframe_every=6)
    assert video._keyframes_suffice(str(path), SETTINGS)
    segments = read(path)
    assert spans(segments)[0] == (0, 20)
    assert spans(segments)[-1][1] == pytest.approx(135, abs=0.5)
    assert [end for _, end in spans(segments)[:-1]] == [start for start, _ in spans(segments)[1:]]
    for (start, _), clip in zip(spans(segments), clips(segments), strict=True):
        assert len(clip.seconds) >= 1
        colour = (RED, GREEN, BLUE)[int(clip.seconds[0] // 45)]
        assert np.abs(corner(clip) - colour).max() < 25
        assert clip.seconds[0] >= start


def test_long_video_with_rare_keyframes_is_read_in_full(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mkv", shots([RED], 130, fps=2), fps=2, keyframe_every=300)
    assert not video._keyframes_suffice(str(path), SETTINGS)
    assert all(len(clip.seconds) >= 2 for clip in clips(read(path)))


def test_video_of_keyframes_alone_is_not_decoded_in_full(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mkv", shots([RED, GREEN], 4, fps=25), "libx264", fps=25, keyframe_every=1)
    assert video._skipped(str(path), SETTINGS) == "NONKEY"
    taken = np.array([now for now, _, _ in video._Pass(str(path), "NONKEY").samples()])
    assert np.array_equal(taken, [now for now, _, _ in video._Pass(str(path), "DEFAULT").samples()])
    assert np.abs(np.diff(taken) - 0.5).max() < 0.05
    assert spans(read(path)) == [(pytest.approx(0), pytest.approx(4, abs=0.5)), (pytest.approx(4, abs=0.5), 8)]


def test_frames_that_no_other_needs_are_not_decoded(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mp4", shots([RED, GREEN, BLUE], 3, fps=30), "libx264", fps=30, keyframe_every=250)
    assert video._skipped(str(path), SETTINGS) == "NONREF"
    segments = read(path)
    assert spans(segments) == [(pytest.approx(3 * i, abs=0.5), pytest.approx(3 * i + 3, abs=0.5)) for i in range(3)]
    for clip, colour in zip(clips(segments), (RED, GREEN, BLUE), strict=True):
        assert np.abs(corner(clip) - colour).max() < 25
        assert np.diff(clip.seconds).max() < 1
    slow = write_video(tmp_path / "slow.mp4", shots([RED], 3, fps=4), "libx264", fps=4, keyframe_every=250)
    assert video._skipped(str(slow), SETTINGS) == "DEFAULT", "few frames are all needed"


@pytest.mark.parametrize("name", ["v.mkv", "v.webm", "v.avi", "v.ts"])
def test_broken_tail_keeps_what_was_decoded(name: str, tmp_path: Path) -> None:
    codec = "libvpx-vp9" if name.endswith("webm") else "mpeg4"
    path = write_video(tmp_path / name, shots([RED, GREEN, BLUE], 3), codec)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    found = read(path)
    assert len(found) >= 1
    assert np.abs(corner(clips(found)[0]) - RED).max() < 25
    assert spans(found)[-1][1] < 8


def test_joined_recordings_of_two_sizes_are_one_video(tmp_path: Path) -> None:
    """Put end to end, the clock of the second one starts again at zero, and its frames are of another size."""
    small = write_video(tmp_path / "a.ts", shots([RED], 2), "libx264")
    large = write_video(tmp_path / "b.ts", [np.full((128, 192, 3), RED, np.uint8)] * 20, "libx264")
    both = tmp_path / "both.ts"
    both.write_bytes(small.read_bytes() + large.read_bytes())
    [segment] = read(both)
    assert spans([segment]) == [(pytest.approx(0, abs=0.2), pytest.approx(4, abs=0.3))]
    [clip] = clips([segment])
    assert clip.frames.shape[1:] == (64, 96, 3)
    assert clip.seconds[-1] > 3


@pytest.mark.parametrize("seed", range(12))
def test_any_damage_is_survived_or_a_media_error(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    name, codec = FORMATS[seed % len(FORMATS)]
    sound_codec = "libopus" if name.endswith("webm") else "aac"
    path = write_video(tmp_path / name, shots([RED, BLUE], 1), codec, sound=tone(2), sound_codec=sound_codec)
    content = np.frombuffer(path.read_bytes(), np.uint8).copy()
    where = rng.integers(0, len(content) if seed % 2 else 600, 40)
    content[where] = rng.integers(0, 256, 40)
    path.write_bytes(content.tobytes())
    try:
        found = read(path)
    except MediaError:
        return
    assert all(0 <= one.item.span.start < one.item.span.end for one in found)


def test_broken_sound_leaves_the_pictures(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.avi", shots([RED], 2), sound=tone(2), sound_codec="libmp3lame")
    content = path.read_bytes()
    path.write_bytes(content.replace(b"01wb", b"02wb"))  # the chunks of the sound now belong to nobody
    assert [one.item.partition for one in read(path)] == ["video"]


@pytest.mark.parametrize("content", [b"", b"\0" * 3000, b"\x1aE\xdf\xa3" + b"\xff" * 50, b"\0\0\0\x18ftypisom"])
def test_what_holds_no_frame_is_a_media_error(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "v.mp4").write_bytes(content)
    with pytest.raises(MediaError) as caught:
        read(tmp_path / "v.mp4")
    assert "\n" not in str(caught.value)
    assert str(tmp_path) not in str(caught.value)


def test_header_without_frames_is_a_media_error(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.avi", shots([RED], 2))
    content = path.read_bytes()
    path.write_bytes(content[: content.index(b"movi") + 8])
    with pytest.raises(MediaError, match="no picture could be decoded"):
        read(path)


def test_cover_of_a_record_is_not_a_video(tmp_path: Path) -> None:
    plain = write_sound(tmp_path / "plain.flac", "flac", tone(2)[None])
    covered = tmp_path / "covered.flac"
    covered.write_bytes(with_cover(plain.read_bytes()))
    with pytest.raises(MediaError, match="no moving pictures"):
        read(covered)
    (tmp_path / "text.mp4").write_text("no video at all")
    with pytest.raises(MediaError):
        read(tmp_path / "text.mp4")


def with_cover(flac: bytes) -> bytes:
    """The same FLAC with a picture block after its stream information."""
    import io

    from PIL import Image

    buffer = io.BytesIO()
    Image.new("RGB", (32, 32), RED).save(buffer, "PNG")
    numbers = [n.to_bytes(4, "big") for n in (3, 9, 0, 32, 32, 24, 0, len(buffer.getvalue()))]
    body = b"".join([*numbers[:2], b"image/png", *numbers[2:], buffer.getvalue()])
    block = b"\x06" + len(body).to_bytes(3, "big") + body
    head = 4 + 4 + 34
    return flac[:4] + bytes([flac[4] & 0x7F]) + flac[5:head] + block + flac[head:]


@pytest.mark.skipif(os.name == "nt", reason="needs byte names")
def test_name_in_latin_1_bytes_is_read(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.mp4"))
    try:
        write_video(path, shots([RED], 1))
    except OSError:
        pytest.skip("this file system takes only UTF-8 names")
    [segment] = read(path)
    assert os.fsencode(segment.item.path).endswith(b"caf\xe9.mp4")


def test_damaged_videos_print_nothing(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").write_bytes(b"")
    path = write_video(tmp_path / "v.mkv", shots([RED, GREEN], 2), "libx264", sound=tone(4))
    content = bytearray(path.read_bytes())
    for i in range(1000, len(content), 97):
        content[i] ^= 0x5A
    path.write_bytes(content)
    script = (
        "import sys; from mmsearch.types import LoaderSettings; from mmsearch.errors import MediaError\n"
        "from mmsearch.media import video\n"
        "for path in sys.argv[1:]:\n"
        "    try: list(video.load(path, 'd', 'video', LoaderSettings()).segments)\n"
        "    except MediaError: pass\n"
    )
    command = [sys.executable, "-c", script, str(path), str(tmp_path / "empty.mp4")]
    done = subprocess.run(command, capture_output=True, check=True)
    assert done.stdout + done.stderr == b""
