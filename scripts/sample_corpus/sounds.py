"""Short sounds, synthesised: effects, music, and speech by espeak-ng; and their encoding in four formats.

A sound is float32 `(n,)` in -1..1 at 24 kHz. Knows nothing of what is asked about them.
"""

from __future__ import annotations

import io
import subprocess
import wave
from collections.abc import Callable
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.audio.stream import AudioStream
from numpy.typing import NDArray

RATE = 24000
Sound = NDArray[np.float32]


def _time(seconds: float) -> NDArray[np.float64]:
    return np.arange(int(seconds * RATE)) / RATE


def _noise(seconds: float, seed: int, low: float = 0, high: float = 12000) -> NDArray[np.float64]:
    n = int(seconds * RATE)
    spectrum = np.fft.rfft(np.random.default_rng(seed).normal(size=n))
    f = np.fft.rfftfreq(n, 1 / RATE)
    out = np.fft.irfft(spectrum * ((f >= low) & (f <= high)), n)
    return np.asarray(out / np.abs(out).max())


def _place(seconds: float, events: list[tuple[float, NDArray[np.float64]]]) -> NDArray[np.float64]:
    out = np.zeros(int(seconds * RATE))
    for start, sound in events:
        at = int(start * RATE)
        piece = sound[: max(0, len(out) - at)]
        out[at : at + len(piece)] += piece
    return out


def bell() -> NDArray[np.float64]:
    """A church bell struck twice."""
    t = _time(4)
    partials = (
        (0.5, 1.0, 1.1),
        (1.0, 0.9, 1.6),
        (1.2, 0.7, 1.9),
        (1.5, 0.5, 2.4),
        (2.0, 0.6, 2.8),
        (2.7, 0.3, 4),
        (4.1, 0.2, 6),
    )
    stroke = sum(a * np.exp(-d * t) * np.sin(2 * np.pi * 330 * r * t) for r, a, d in partials)
    return _place(6, [(0.1, np.asarray(stroke)), (2.6, np.asarray(stroke))])


def rain() -> NDArray[np.float64]:
    """Steady rain with single drops."""
    rng, out = np.random.default_rng(2), 0.3 * _noise(6, 1, 900, 11000) + 0.14 * _noise(6, 3, 100, 900)
    t = _time(0.03)
    drops = [
        (
            float(rng.uniform(0, 5.9)),
            rng.uniform(0.05, 0.4) * np.exp(-t * 190) * np.sin(2 * np.pi * rng.uniform(1200, 5000) * t),
        )
        for _ in range(500)
    ]
    return out + _place(6, drops)


def siren() -> NDArray[np.float64]:
    """An ambulance with two tones."""
    t = _time(5)
    pitch = np.where((t % 1.3) < 0.65, 435.0, 580.0)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    return np.asarray(np.sin(phase) + 0.5 * np.sin(2 * phase) + 0.35 * np.sin(3 * phase))


def knock() -> NDArray[np.float64]:
    """Five knocks on a wooden door."""
    t = _time(0.25)
    hit = np.exp(-t * 38) * (np.sin(2 * np.pi * 170 * t) + 0.6 * np.sin(2 * np.pi * 310 * t)) + 0.5 * np.exp(
        -t * 160
    ) * _noise(0.25, 5, 200, 5000)
    return _place(3, [(s, hit) for s in (0.2, 0.42, 0.64, 1.6, 1.85)])


def beep() -> NDArray[np.float64]:
    """An alarm clock: groups of four beeps."""
    t = _time(0.09)
    one = np.sign(np.sin(2 * np.pi * 2000 * t)) * 0.4 + 0.6 * np.sin(2 * np.pi * 2000 * t)
    return _place(4, [(g + 0.15 * i, one) for g in (0.1, 1.1, 2.1, 3.1) for i in range(4)])


def engine() -> NDArray[np.float64]:
    """A car engine that starts and revs twice."""
    t = _time(6)
    speed = 26 + 34 * np.exp(-(((t - 2.3) / 0.6) ** 2)) + 48 * np.exp(-(((t - 4.4) / 0.7) ** 2))
    phase = 2 * np.pi * np.cumsum(speed) / RATE
    out = sum(np.sin(k * phase + k) / k**0.7 for k in range(1, 12))
    return np.asarray(out * (1 + 0.4 * np.sin(phase / 2)) + 0.8 * _noise(6, 6, 60, 900) * speed / 60)


def applause() -> NDArray[np.float64]:
    """Many people clapping."""
    rng, t = np.random.default_rng(7), _time(0.04)
    claps = [
        (
            float(rng.uniform(0, 4.9)),
            rng.uniform(0.2, 1) * np.exp(-t * rng.uniform(90, 200)) * _noise(0.04, int(rng.integers(999)), 500, 6500),
        )
        for _ in range(900)
    ]
    return _place(5, claps) * np.minimum(1, np.minimum(_time(5) * 2.5, (5 - _time(5)) * 1.5))


def birds() -> NDArray[np.float64]:
    """Songbirds chirping in the morning."""
    rng, events = np.random.default_rng(8), []
    for _ in range(16):
        start, base = rng.uniform(0, 5.2), rng.uniform(2600, 5200)
        for k in range(int(rng.integers(2, 7))):
            t = _time(0.085)
            sweep = base * (1 + 0.25 * np.sin(2 * np.pi * rng.uniform(6, 16) * t + k))
            events.append(
                (start + 0.12 * k, 0.6 * np.sin(np.pi * t / 0.085) * np.sin(2 * np.pi * np.cumsum(sweep) / RATE))
            )
    return _place(6, events) + 0.02 * _noise(6, 9, 200, 2500)


def clock() -> NDArray[np.float64]:
    """A wall clock ticking."""
    t = _time(0.05)
    tick = [
        np.exp(-t * 130) * (np.sin(2 * np.pi * f * t) + 0.4 * np.sin(2 * np.pi * f * 2.7 * t)) for f in (2300, 1800)
    ]
    return _place(5, [(0.1 + 0.5 * i, tick[i % 2]) for i in range(10)])


def waves() -> NDArray[np.float64]:
    """Sea waves rolling onto a beach."""
    t = _time(7)
    swell = 0.15 + np.clip(np.sin(2 * np.pi * t / 3.5 - 1), 0, 1) ** 2
    return 0.8 * _noise(7, 10, 150, 2500) * swell + 0.4 * _noise(7, 11, 2500, 9000) * swell**2


def _tone(pitch: float, seconds: float, bright: float, decay: float) -> NDArray[np.float64]:
    t = _time(seconds)
    wave_ = sum(np.sin(2 * np.pi * pitch * k * t) * bright ** (k - 1) / k for k in range(1, 8))
    return np.asarray(wave_ * np.exp(-decay * t) * np.minimum(1, t * 120) * np.minimum(1, (seconds - t) * 30))


def melody() -> NDArray[np.float64]:
    """A slow tune on a piano-like instrument."""
    tune = ((0, 0.5), (4, 0.5), (7, 0.5), (12, 1), (11, 0.5), (9, 0.5), (7, 1), (5, 0.5), (4, 0.5), (2, 0.5), (0, 1.2))
    events, at = [], 0.1
    for step, long in tune:
        events.append((at, _tone(261.6 * 2 ** (step / 12), 1.4, 0.75, 2.6)))
        at += long
    return _place(7.5, events)


def chords() -> NDArray[np.float64]:
    """Four sustained chords, like an organ."""
    events = [
        (0.1 + 1.7 * i, sum(_tone(220 * 2 ** (s / 12), 1.75, 0.6, 0.25) for s in chord))
        for i, chord in enumerate(((0, 4, 7), (5, 9, 12), (7, 11, 14), (0, 4, 7, 12)))
    ]
    return _place(7, [(at, np.asarray(sound)) for at, sound in events])


def drums() -> NDArray[np.float64]:
    """A rock beat: bass drum, snare and hi-hat."""
    t = _time(0.3)
    kick = 1.6 * np.exp(-t * 16) * np.sin(2 * np.pi * (50 * t + 9 * (1 - np.exp(-t * 30))))
    snare = np.exp(-t * 20) * _noise(0.3, 12, 800, 9000) + 0.6 * np.exp(-t * 25) * np.sin(2 * np.pi * 190 * t)
    hat = 0.4 * np.exp(-t * 70) * _noise(0.3, 13, 6500, 12000)
    events = []
    for bar in range(3):
        for i in range(8):
            at = 0.05 + bar * 2 + i * 0.25
            events += [(at, hat)] + ([(at, kick)] if i in (0, 3, 4) else []) + ([(at, snare)] if i in (2, 6) else [])
    return _place(6, events)


def speech(words: str, voice: str = "en") -> NDArray[np.float64]:
    """`words` spoken by espeak-ng, at 24 kHz."""
    raw = subprocess.run(
        ["espeak-ng", "-v", voice, "-s", "150", "--stdout", words], check=True, capture_output=True
    ).stdout
    with wave.open(io.BytesIO(raw)) as sound:
        rate, data = sound.getframerate(), sound.readframes(10**8)
    samples = np.frombuffer(data, "<i2").astype(np.float64) / 32768
    at = np.arange(int(len(samples) * RATE / rate)) * rate / RATE
    return np.asarray(np.interp(at, np.arange(len(samples)), samples))


SPOKEN = {
    "memo_01.ogg": ("en", "Remember to oil the bicycle chain and to check the brake pads before Saturday."),
    "memo_02.mp3": ("en-us", "For the apple cake you need four apples, two hundred grams of flour and three eggs."),
    "announcement.wav": ("en-gb", "The train to Porto leaves at ten thirty two from platform four."),
    "voicemail.ogg": ("en-gb", "Hello, this is the dentist. Your appointment on Tuesday was moved to half past three."),
}
EFFECTS: dict[str, Callable[[], NDArray[np.float64]]] = {
    "tower.flac": bell,
    "REC_0007.ogg": rain,
    "siren.mp3": siren,
    "REC_0012.wav": knock,
    "alarm.wav": beep,
    "engine.mp3": engine,
    "hall.ogg": applause,
    "morning.ogg": birds,
    "REC_0031.flac": clock,
    "shore.mp3": waves,
    "melody.flac": melody,
    "organ.ogg": chords,
    "beat.mp3": drums,
}


def levelled(sound: NDArray[np.float64]) -> Sound:
    """Scaled to a peak of 0.8."""
    return np.asarray(sound / max(float(np.abs(sound).max()), 1e-9) * 0.8, np.float32)


def encode(sound: Sound, path: Path) -> None:
    """Write a mono sound in the format of the suffix."""
    codec, layout = {
        ".wav": ("pcm_s16le", "s16"),
        ".flac": ("flac", "s16"),
        ".ogg": ("libopus", "s16"),
        ".mp3": ("libmp3lame", "s16p"),
    }[path.suffix]
    with av.open(str(path), "w") as out:
        stream = cast(AudioStream, out.add_stream(codec, rate=RATE, layout="mono"))
        if path.suffix in (".ogg", ".mp3"):
            stream.bit_rate = 56000
        frame = av.AudioFrame.from_ndarray((sound * 32767).astype(np.int16)[None, :], format=layout, layout="mono")
        frame.sample_rate = RATE
        resampler = av.AudioResampler(
            format=stream.format.name, layout="mono", rate=RATE, frame_size=stream.frame_size or 1024
        )
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            out.mux(stream.encode(piece))
        out.mux(stream.encode(None))


def make(folder: Path) -> None:
    """Write every sound into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, build in EFFECTS.items():
        encode(levelled(build()), folder / name)
    for name, (voice, words) in SPOKEN.items():
        encode(levelled(speech(words, voice)), folder / name)
