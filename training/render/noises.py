"""Synthetic sounds with labels, from a seed with numpy alone: tones, tunes, noises, beats and voice-like sound.

Everything is mono float32 at 16 kHz, five seconds, within [-1, 1].
"""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

RATE, SECONDS = 16000, 5
COUNT = RATE * SECONDS
Samples = NDArray[np.float32]
Wave = NDArray[np.float64]
_TIME = np.arange(COUNT) / RATE
_MAJOR, _MINOR = (0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10)


def _noise(rng: random.Random, count: int = COUNT) -> Wave:
    return np.random.default_rng(rng.getrandbits(32)).standard_normal(count)


def _band(wave: Wave, low: float, high: float) -> Wave:
    """Keep frequencies between two, in Hz, with soft edges."""
    spectrum = np.fft.rfft(wave)
    hz = np.fft.rfftfreq(len(wave), 1 / RATE)
    keep = 1 / (1 + (low / np.maximum(hz, 1)) ** 4) / (1 + (hz / high) ** 4)
    return np.fft.irfft(spectrum * keep, len(wave))


def _place(out: Wave, sound: Wave, at: float) -> None:
    """Add `sound` into `out` from a time in seconds; what runs over the end is dropped."""
    start = int(at * RATE)
    part = sound[: max(0, len(out) - start)]
    out[start : start + len(part)] += part


def _note(rng: random.Random, hz: float, seconds: float, timbre: str) -> Wave:
    t = np.arange(int(seconds * RATE)) / RATE
    partials = {
        "piano": (1, 0.5, 0.25, 0.12, 0.06),
        "flute": (1, 0.15, 0.05),
        "organ": (1, 0.7, 0.5, 0.4, 0.3, 0.2),
    }.get(timbre, (1, 0.8, 0.6, 0.4))
    tone = sum(a * np.sin(2 * np.pi * hz * (i + 1) * t + i) for i, a in enumerate(partials))
    if timbre in ("piano", "guitar"):
        return tone * np.exp(-t * rng.uniform(2, 5)) * np.minimum(1, t * 200)
    return tone * np.minimum(1, t * 20) * np.minimum(1, (seconds - t) * 20)


def _hz(step: int, root: float) -> float:
    return float(root * 2 ** (step / 12))


def melody(rng: random.Random) -> tuple[Wave, tuple[str, ...]]:
    out, at = np.zeros(COUNT), 0.0
    timbre, root, scale = (
        rng.choice(("piano", "flute", "organ", "guitar")),
        rng.uniform(180, 500),
        rng.choice((_MAJOR, _MINOR)),
    )
    beat, harmony = rng.uniform(0.16, 0.45), rng.random() < 0.5
    while at < SECONDS:
        seconds = beat * rng.choice((1, 1, 2))
        _place(out, _note(rng, _hz(rng.choice(scale) + rng.choice((0, 0, 12)), root), seconds * 1.2, timbre), at)
        if harmony and rng.random() < 0.5:
            _place(out, 0.6 * _note(rng, _hz(rng.choice((0, 5, 7)) - 12, root), beat * 4, timbre), at)
        at += seconds
    return out, ("music melody", "music", "a tune", f"{timbre} music", "musical notes", "song")


def chord(rng: random.Random) -> tuple[Wave, tuple[str, ...]]:
    out, root = np.zeros(COUNT), rng.uniform(110, 350)
    timbre, minor, length = (
        rng.choice(("piano", "organ", "guitar")),
        rng.random() < 0.5,
        rng.choice((1.0, 1.7, 2.5, 5.0)),
    )
    for i in range(int(np.ceil(SECONDS / length))):
        shift = rng.choice((0, 5, 7, 9)) if i else 0
        for step in (0, 3 if minor else 4, 7, 12):
            _place(out, _note(rng, _hz(step + shift, root), length, timbre), i * length)
    return out, (
        "chord",
        "musical chord",
        "music",
        f"{timbre} chord",
        f"{'minor' if minor else 'major'} chord",
        "harmony",
    )


def beep(rng: random.Random) -> tuple[Wave, tuple[str, ...]]:
    hz, period = rng.uniform(300, 3000), rng.uniform(0.2, 2.5)
    steady = rng.random() < 0.35
    on = np.ones(COUNT) if steady else (_TIME % period < period * rng.uniform(0.2, 0.6)).astype(float)
    square = np.sin(2 * np.pi * hz * _TIME)
    tone = np.sign(square) if rng.random() < 0.3 else square
    words = (
        ("a steady tone", "beep", "sine tone", "test tone")
        if steady
        else ("beep", "beeping", "a beep tone", "electronic beeps")
    )
    return tone * on, words


def siren(rng: random.Random) -> tuple[Wave, tuple[str, ...]]:
    kind = rng.choice(("wail", "two", "yelp"))
    if kind == "two":
        hz = np.where(_TIME % 1.2 < 0.6, rng.uniform(400, 550), rng.uniform(600, 750))
    else:
        speed = rng.uniform(0.15, 0.6) if kind == "wail" else rng.uniform(2, 4)
        hz = rng.uniform(700, 1100) + rng.uniform(200, 450) * np.sin(2 * np.pi * speed * _TIME)
    phase = 2 * np.pi * np.cumsum(hz) / RATE
    return np.sin(phase) + 0.4 * np.sin(3 * phase), (
        "siren",
        "emergency siren",
        "police siren",
        "alarm",
        "ambulance siren",
    )


def sweep(rng: random.Random) -> tuple[Wave, tuple[str, ...]]:
    up, period = rng.random() < 0.5, rng.uniform(0.4, 5)
    part = (_TIME % period) / period
    hz = rng.uniform(150, 400) + rng.uniform(600, 3000) * (part if up else 1 - part)
    return np.sin(2 * np.pi * np.cumsum(hz) / RATE), (
        f"{'rising' if up else 'falling'} tone",
        "sweeping tone",
        "whistle",
        "slide whistle",
    )


def static(rng: random.Random) -> tuple[Wave, tuple[str, ...]]:
    kind = rng.choice(("white", "pink", "brown"))
    wave = _noise(rng)
    if kind != "white":
        spectrum = np.fft.rfft(wave)
        spectrum /= np.maximum(1, np.arange(len(spectrum))) ** (0.5 if kind == "pink" else 1.0)
        wave = np.fft.irfft(spectrum, COUNT)
    return wave, (f"{kind} noise", "noise", "static", "hiss" if kind != "brown" else "rumble")


def silence(rng: random.Random) -> tuple[Wave, tuple[str, ...]]:
    return np.zeros(COUNT), ("silence", "nothing to hear", "quiet")


def rain(rng: random.Random) -> tuple[Wave, tuple[str, ...]]:
    out = _band(_noise(rng), 800, 7000) * 0.2
    drop = _band(_noise(rng, 800), 1500, 7000) * np.exp(-np.arange(800) / 60)
    for _ in range(rng.randint(60, 500)):
        _place(out, drop * rng.uniform(0.1, 1), rng.uniform(0, SECONDS))
    return out, ("rain", "rain falling", "rainfall", "raindrops")


def wind(rng: random.Random) -> tuple[Wave, tuple[str, ...]]:
    swell = 0.6 + 0.4 * np.sin(2 * np.pi * rng.uniform(0.1, 0.4) * _TIME + rng.uniform(0, 6))
    return _band(_noise(rng), 100, rng.uniform(400, 900)) * swell, ("wind", "wind blowing", "windy weather")


def waves(rng: random.Random) -> tuple[Wave, tuple[str, ...]]:
    swell = np.maximum(0.08, np.sin(2 * np.pi * rng.uniform(0.15, 0.35) * _TIME + rng.uniform(0, 6))) ** 2
    return _band(_noise(rng), 200, rng.uniform(1500, 4000)) * swell, (
        "sea waves",
        "ocean waves",
        "waves on a beach",
        "the sea",
    )


def applause(rng: random.Random) -> tuple[Wave, tuple[str, ...]]:
    out = np.zeros(COUNT)
    claps = [
        _band(_noise(rng, 1200), rng.uniform(600, 1200), rng.uniform(2500, 5000)) * np.exp(-np.arange(1200) / 150)
        for _ in range(6)
    ]
    for _ in range(rng.randint(60, 700)):
        _place(out, rng.choice(claps) * rng.uniform(0.3, 1), rng.uniform(0, SECONDS))
    return out, ("applause", "people clapping", "audience clapping", "clapping hands")


def drums(rng: random.Random) -> tuple[Wave, tuple[str, ...]]:
    out, beat = np.zeros(COUNT), rng.uniform(0.2, 0.4)
    t = np.arange(4000) / RATE
    kick = np.sin(2 * np.pi * 60 * np.exp(-t * 9) * t * 3) * np.exp(-t * 14) * 1.6
    snare = _band(_noise(rng, 4000), 800, 6000) * np.exp(-t * 20)
    hat = _band(_noise(rng, 1500), 5000, 8000) * np.exp(-np.arange(1500) / 200)
    pattern = rng.choice(("k-s-", "khsh", "kksh", "k---s---"))
    for i in range(int(SECONDS / beat)):
        mark = pattern[i % len(pattern)]
        _place(out, {"k": kick, "s": snare, "h": hat}.get(mark, hat * 0.3), i * beat)
    return out, ("drum beat", "drums", "rhythm", "percussion", "drum loop")


def bell(rng: random.Random) -> tuple[Wave, tuple[str, ...]]:
    out, root = np.zeros(COUNT), rng.uniform(250, 1500)
    t = np.arange(COUNT) / RATE
    strike = np.zeros(COUNT)
    for ratio, decay in ((1, 1.0), (2.01, 1.6), (2.76, 2.2), (5.4, 4)):
        strike += np.sin(2 * np.pi * root * ratio * t) * np.exp(-t * decay)
    for i in range(rng.randint(1, 5)):
        _place(out, strike, i * rng.uniform(0.8, 1.4))
    return out, ("bell", "bell ringing", "church bells" if root < 700 else "small bell ringing", "chime")


def telephone(rng: random.Random) -> tuple[Wave, tuple[str, ...]]:
    if rng.random() < 0.5:
        on = (_TIME % 2 < 1).astype(float)
        return np.sin(2 * np.pi * 440 * _TIME) * (1 + np.sign(np.sin(2 * np.pi * 20 * _TIME))) * on, (
            "telephone ringing",
            "phone ringing",
            "ringtone",
        )
    rows, columns, out = (697, 770, 852, 941), (1209, 1336, 1477), np.zeros(COUNT)
    t = np.arange(2400) / RATE
    for i in range(10):
        key = np.sin(2 * np.pi * rng.choice(rows) * t) + np.sin(2 * np.pi * rng.choice(columns) * t)
        _place(out, key, 0.3 + i * 0.35)
    return out, ("dialling a telephone", "phone keypad tones", "telephone tones")


def ticking(rng: random.Random) -> tuple[Wave, tuple[str, ...]]:
    out, period = np.zeros(COUNT), rng.choice((0.25, 0.5, 1.0)) * rng.uniform(0.9, 1.1)
    tick = _band(_noise(rng, 500), 2000, 6500) * np.exp(-np.arange(500) / 40)
    for i in range(int(SECONDS / period)):
        _place(out, tick * (1 if i % 2 else 0.7), i * period)
    return out, ("ticking clock", "clock ticking", "metronome", "ticking")


def knocking(rng: random.Random) -> tuple[Wave, tuple[str, ...]]:
    out, at = np.zeros(COUNT), rng.uniform(0, 0.5)
    t = np.arange(2500) / RATE
    knock = (np.sin(2 * np.pi * rng.uniform(120, 260) * t) + 0.5 * _band(_noise(rng, 2500), 200, 1500)) * np.exp(
        -t * 45
    )
    while at < SECONDS:
        for i in range(rng.randint(2, 5)):
            _place(out, knock, at + i * 0.22)
        at += rng.uniform(1.5, 2.5)
    return out, ("knocking on a door", "knock", "door knock")


def chirping(rng: random.Random) -> tuple[Wave, tuple[str, ...]]:
    out, at = np.zeros(COUNT), 0.0
    while at < SECONDS:
        t = np.arange(int(rng.uniform(0.05, 0.16) * RATE)) / RATE
        hz = rng.uniform(2500, 4500) + rng.uniform(-12000, 12000) * t
        _place(out, np.sin(2 * np.pi * np.cumsum(hz) / RATE) * np.sin(np.pi * t / t[-1]), at)
        at += rng.choice((0.1, 0.15, 0.6))
    return out, ("birds chirping", "bird song", "a bird singing", "tweeting")


def engine(rng: random.Random) -> tuple[Wave, tuple[str, ...]]:
    hz = rng.uniform(25, 70) * (1 + rng.uniform(0, 0.8) * np.sin(2 * np.pi * rng.uniform(0.05, 0.4) * _TIME))
    phase = 2 * np.pi * np.cumsum(hz) / RATE
    return sum(np.sin(phase * k + k) / k for k in range(1, 14)) + 0.2 * _band(_noise(rng), 50, 900), (
        "engine",
        "car engine",
        "motor running",
        "machine hum",
    )


def heartbeat(rng: random.Random) -> tuple[Wave, tuple[str, ...]]:
    out, period = np.zeros(COUNT), rng.uniform(0.6, 1.1)
    t = np.arange(3200) / RATE
    thump = np.sin(2 * np.pi * 55 * t) * np.exp(-t * 22)
    for i in range(int(SECONDS / period)):
        _place(out, thump, i * period)
        _place(out, thump * 0.7, i * period + 0.22)
    return out, ("heartbeat", "beating heart", "heart sounds")


def game(rng: random.Random) -> tuple[Wave, tuple[str, ...]]:
    out, at = np.zeros(COUNT), 0.0
    while at < SECONDS:
        t = np.arange(int(rng.uniform(0.1, 0.35) * RATE)) / RATE
        hz = rng.uniform(200, 1500) * np.exp(rng.uniform(-6, 6) * t)
        _place(out, np.sign(np.sin(2 * np.pi * np.cumsum(hz) / RATE)), at)
        at += rng.uniform(0.2, 0.9)
    return out, ("video game sound", "laser sound", "arcade game effects", "8-bit sound effect")


def voice(rng: random.Random) -> tuple[Wave, tuple[str, ...]]:
    """Syllables of a pulse train through moving formants: not words, but it has the shape of speech."""
    out, at, pitch = np.zeros(COUNT), rng.uniform(0, 0.3), rng.choice((rng.uniform(85, 150), rng.uniform(165, 260)))
    vowels = ((730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240), (530, 1840, 2480), (570, 840, 2410))
    while at < SECONDS:
        count = int(rng.uniform(0.09, 0.28) * RATE)
        t = np.arange(count) / RATE
        phase = 2 * np.pi * np.cumsum(pitch * (1 + 0.12 * np.sin(6 * t + rng.uniform(0, 6)))) / RATE
        formants, start = rng.choice(vowels), pitch
        tone = np.zeros(count)
        for k in range(1, int(4000 / start)):
            tone += np.sin(k * phase) * sum(1 / (1 + ((k * start - f) / 90) ** 2) for f in formants) / k**0.4
        _place(out, tone * np.abs(np.sin(np.pi * t / t[-1])) ** 0.5, at)
        if rng.random() < 0.4:
            _place(out, 0.25 * _band(_noise(rng, 1200), 3000, 7500), at)
        at += count / RATE + rng.choice((0.0, 0.03, 0.3))
    who = "a man" if pitch < 155 else "a woman"
    return out, ("a person speaking", "speech", "someone talking", f"{who} speaking", "human voice")


KINDS: tuple[Callable[[random.Random], tuple[Wave, tuple[str, ...]]], ...] = (
    *(melody,) * 3, *(chord, beep, drums) * 2, *(voice,) * 3,
    siren, sweep, static, silence, rain, wind, waves, applause, bell, telephone, ticking, knocking, chirping, engine,
    heartbeat, game,
)  # fmt: skip


def noise(seed: int) -> tuple[Samples, tuple[str, ...]]:
    """One labelled sound, at a random loudness over a faint noise floor."""
    rng = random.Random(seed)
    wave, texts = rng.choice(KINDS)(rng)
    wave = wave / (np.abs(wave).max() + 1e-9) * rng.uniform(0.1, 0.95)
    wave = wave + _noise(rng) * rng.choice((0.0, 3e-5, 1e-3, 4e-3))
    return np.clip(wave, -1, 1).astype(np.float32), texts
