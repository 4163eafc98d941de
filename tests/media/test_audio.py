"""Sound files become windows: the right pieces of the right samples, whatever the format and the damage."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import tracemalloc
from pathlib import Path

import av
import numpy as np
import pytest

from mmsearch.errors import MediaError
from mmsearch.media import audio
from mmsearch.types import Audio, LoaderSettings, Segment
from tests.media.make_av import RATE, tone, write_sound, write_video

SETTINGS = LoaderSettings()
FORMATS = [("a.wav", "pcm_s16le"), ("a.flac", "flac"), ("a.mp3", "libmp3lame"), ("a.ogg", "libopus"), ("a.m4a", "aac")]


def read(path: Path | str, settings: LoaderSettings = SETTINGS, only: int | None = None) -> list[Segment]:
    return list(audio.load(str(path), "d", "audio", settings, only=only).segments)


def sound(segment: Segment) -> np.ndarray:
    assert isinstance(segment.content, Audio)
    return segment.content.samples


def spans(segments: list[Segment]) -> list[tuple[float, float]]:
    return [(one.item.span.start, one.item.span.end) for one in segments]


def raw_wav(path: Path, rate: int, channels: int, samples: np.ndarray) -> Path:
    data = samples.astype("<i2").tobytes()
    header = struct.pack("<IHHIIHH", 16, 1, channels, rate, rate * channels * 2, channels * 2, 16)
    sizes = struct.pack("<I", 36 + len(data)), struct.pack("<I", len(data))
    path.write_bytes(b"RIFF" + sizes[0] + b"WAVEfmt " + header + b"data" + sizes[1] + data)
    return path


def pitch(samples: np.ndarray) -> float:
    """The strongest frequency in hertz."""
    return float(np.abs(np.fft.rfft(samples)).argmax() * RATE / len(samples))


@pytest.mark.parametrize(("name", "codec"), FORMATS)
def test_every_format_gives_the_same_windows(name: str, codec: str, tmp_path: Path) -> None:
    path = write_sound(tmp_path / name, codec, tone(13, rate=48_000)[None], 48_000)
    loaded = audio.load(str(path), "d", "audio", SETTINGS)
    segments = list(loaded.segments)
    assert loaded.facts.duration == pytest.approx(13, abs=0.1)
    assert spans(segments) == [(0.0, 10.0), (7.5, pytest.approx(13, abs=0.1))]
    for ordinal, segment in enumerate(segments):
        item, content = segment.item, segment.content
        assert (item.path, item.digest, item.ordinal) == (str(path), "d", ordinal)
        assert (item.partition, item.modality, item.span.unit) == ("audio", "audio", "second")
        assert isinstance(content, Audio)
        assert (content.rate, content.samples.dtype, content.samples.ndim) == (RATE, np.float32, 1)
        assert pitch(content.samples) == pytest.approx(440, abs=1)
        assert np.sqrt(np.mean(content.samples**2)) == pytest.approx(0.5 / np.sqrt(2), abs=0.03)
    assert len(sound(segments[0])) == 10 * RATE


def test_windows_overlap_by_the_share_asked_for(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 10 * RATE).astype(np.float32)
    path = write_sound(tmp_path / "a.wav", "pcm_f32le", noise[None])
    settings = LoaderSettings(audio_seconds=4.0, audio_overlap=0.5)
    segments = read(path, settings)
    assert spans(segments) == [(0, 4), (2, 6), (4, 8), (6, 10)]
    for segment in segments:
        start = round(segment.item.span.start * RATE)
        np.testing.assert_allclose(sound(segment), noise[start : start + 4 * RATE], atol=1e-6)


@pytest.mark.parametrize(
    ("seconds", "overlap", "expected"),
    [
        (0.3, 0.25, [(0, 0.3)]),
        (10.0, 0.25, [(0, 10)]),
        (10.2, 0.25, [(0, 10)]),
        (11.0, 0.25, [(0, 10), (7.5, 11)]),
        (12.0, 0.0, [(0, 10)]),
        (12.5, 0.0, [(0, 10), (10, 12.5)]),
    ],
)
def test_last_window_is_kept_if_it_is_worth_it(
    seconds: float, overlap: float, expected: list[tuple[float, float]], tmp_path: Path
) -> None:
    path = write_sound(tmp_path / "a.wav", "pcm_s16le", tone(seconds)[None])
    assert spans(read(path, LoaderSettings(audio_overlap=overlap))) == expected


@pytest.fixture(scope="module", params=FORMATS, ids=[name for name, _ in FORMATS])
def rising(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """45 seconds, another note each second."""
    name, codec = request.param
    rate = 48_000 if codec == "libopus" else 24_000
    notes = np.concatenate([tone(1, 200 + 37 * i, rate) for i in range(45)])
    return write_sound(tmp_path_factory.mktemp("rising") / name, codec, notes[None], rate)


def test_one_window_alone_is_the_one_of_the_whole_pass(rising: Path) -> None:
    whole = read(rising)
    for only in (0, 1, 4, len(whole) - 1):
        [alone] = read(rising, only=only)
        assert alone.item == whole[only].item
        assert likeness(sound(alone), sound(whole[only])) > 0.95


def likeness(one: np.ndarray, other: np.ndarray) -> float:
    """Correlation at the best shift of less than a millisecond; seeking in compressed sound is no more exact,
    and half a sample of shift already costs three per cent here."""
    size = min(len(one), len(other)) - 32
    middle = one[16 : 16 + size]
    return max(float(np.corrcoef(middle, other[shift : shift + size])[0, 1]) for shift in range(32))


def test_window_that_is_not_there_gives_nothing(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "a.wav", "pcm_s16le", tone(3)[None])
    for missing in (1, 50):
        with pytest.raises(MediaError):
            read(path, only=missing)


@pytest.mark.parametrize("rate", [8_000, 44_100, 96_000])
def test_sound_is_resampled(rate: int, tmp_path: Path) -> None:
    path = write_sound(tmp_path / "a.wav", "pcm_s16le", tone(2, rate=rate)[None], rate)
    [segment] = read(path, LoaderSettings(audio_rate=22_050))
    assert isinstance(segment.content, Audio)
    assert segment.content.rate == 22_050
    assert len(sound(segment)) == pytest.approx(44_100, abs=30)
    assert segment.item.span.end == pytest.approx(2, abs=0.002)


def test_stereo_is_mixed_without_going_beyond_full_scale(tmp_path: Path) -> None:
    loud = tone(1, level=0.95)
    [same] = read(write_sound(tmp_path / "same.flac", "flac", np.stack([loud, loud])))
    [opposite] = read(write_sound(tmp_path / "opposite.flac", "flac", np.stack([loud, -loud])))
    assert np.abs(sound(same)).max() == pytest.approx(0.95, abs=0.01)
    assert np.abs(sound(opposite)).max() < 0.01


@pytest.mark.parametrize("channels", [3, 7, 11, 40])
def test_any_number_of_channels_is_mixed(channels: int, tmp_path: Path) -> None:
    samples = np.repeat(tone(1)[:, None], channels, axis=1) * 32_000
    [segment] = read(raw_wav(tmp_path / "a.wav", RATE, channels, samples))
    assert pitch(sound(segment)) == pytest.approx(440, abs=2)
    assert 0.2 < np.abs(sound(segment)).max() < 0.6


def test_floats_that_are_no_numbers_stay_within_range(tmp_path: Path) -> None:
    samples = tone(1)
    samples[100:200], samples[300:400] = np.nan, np.inf
    [segment] = read(write_sound(tmp_path / "a.wav", "pcm_f32le", samples[None]))
    assert np.isfinite(sound(segment)).all()
    assert np.abs(sound(segment)).max() <= 1


def test_truncated_sound_keeps_what_can_be_decoded(tmp_path: Path) -> None:
    for name, codec in FORMATS[:4]:
        path = write_sound(tmp_path / name, codec, tone(30, rate=24_000)[None], 24_000)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        assert spans(read(path))[0] == (0, 10), name
        assert 13 < spans(read(path))[-1][1] < 17, name


def test_damage_in_the_middle_costs_only_what_it_hit(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "a.mp3", "libmp3lame", tone(30)[None])
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 4000] = os.urandom(4000)
    path.write_bytes(content)
    assert spans(read(path))[-1][1] > 28


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty file"),
        (b"\0" * 5000, "broken audio"),
        (b"RIFF\x24\0\0\0WAVEfmt ", "broken audio|no sound"),
        (b"fLaC" + b"\xff" * 100, "broken audio|no sound"),
        (b"#EXTM3U\n#EXTINF:9,\nreal.wav\n#EXT-X-ENDLIST\n", "broken audio"),
        (b"ffconcat version 1.0\nfile real.wav\n", "broken audio"),
    ],
)
def test_what_holds_no_sound_is_a_media_error(content: bytes, reason: str, tmp_path: Path) -> None:
    write_sound(tmp_path / "real.wav", "pcm_s16le", tone(1)[None])
    (tmp_path / "a.bin").write_bytes(content)
    with pytest.raises(MediaError, match=reason) as caught:
        read(tmp_path / "a.bin")
    assert "\n" not in str(caught.value)


def test_playlist_opens_no_other_file(tmp_path: Path) -> None:
    """FFmpeg by itself would play the sound that a playlist names, wherever it lies."""
    real = write_sound(tmp_path / "real.ts", "aac", tone(3)[None])
    playlist = tmp_path / "list.m3u8"
    playlist.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:3,\n{real}\n#EXT-X-ENDLIST\n")
    with av.open(str(playlist)) as container:
        assert container.streams.audio, "else this test proves nothing"
    with pytest.raises(MediaError):
        read(playlist)


def test_missing_file_and_silent_video_are_media_errors(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="cannot be read: No such file"):
        read(tmp_path / "gone.wav")
    with pytest.raises(MediaError, match="no sound stream"):
        read(write_video(tmp_path / "v.avi", [np.zeros((64, 96, 3), np.uint8)] * 5))


def test_header_without_samples_and_absurd_rate_are_media_errors(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="no sound could be decoded"):
        read(raw_wav(tmp_path / "a.wav", RATE, 1, np.zeros(0)))
    with pytest.raises(MediaError, match="1 samples a second"):
        read(raw_wav(tmp_path / "b.wav", 1, 1, np.zeros(100)))


@pytest.mark.skipif(os.name == "nt", reason="needs byte names")
def test_name_in_latin_1_bytes_is_read(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.wav"))
    try:
        write_sound(path, "pcm_s16le", tone(1)[None])
    except OSError:
        pytest.skip("this file system takes only UTF-8 names")
    [segment] = read(path)
    assert os.fsencode(segment.item.path).endswith(b"caf\xe9.wav")


def test_sound_beyond_the_limit_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audio, "LONGEST", 20.0)
    path = write_sound(tmp_path / "a.wav", "pcm_s16le", tone(60)[None])
    assert 20 <= spans(read(path))[-1][1] <= 22


def test_memory_does_not_grow_with_the_length(tmp_path: Path) -> None:
    path = raw_wav(tmp_path / "a.wav", RATE, 1, np.zeros(4 * 60 * RATE))
    tracemalloc.start()
    try:
        count = sum(1 for _ in audio.load(str(path), "d", "audio", SETTINGS).segments)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 32
    assert peak < 6 * 2**20, "four minutes are 15 MB of samples"


def test_broken_files_print_nothing(tmp_path: Path) -> None:
    (tmp_path / "empty.mp3").write_bytes(b"")
    path = write_sound(tmp_path / "a.mp3", "libmp3lame", tone(5)[None])
    path.write_bytes(path.read_bytes()[:3000] + os.urandom(3000))
    (tmp_path / "b.flac").write_bytes(b"fLaC")
    script = (
        "import sys; from mmsearch.types import LoaderSettings; from mmsearch.errors import MediaError\n"
        "from mmsearch.media import audio\n"
        "for path in sys.argv[1:]:\n"
        "    try: list(audio.load(path, 'd', 'audio', LoaderSettings()).segments)\n"
        "    except MediaError: pass\n"
    )
    names = [str(tmp_path / name) for name in ("empty.mp3", "a.mp3", "b.flac")]
    done = subprocess.run([sys.executable, "-c", script, *names], capture_output=True, check=True)
    assert done.stdout + done.stderr == b""
