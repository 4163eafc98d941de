"""Sounds are packed, fitted to five seconds and learned from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from tests.training.conftest import TINY
from training import clips
from training.model import Model
from training.sound import SoundRun
from training.tokens import Words
from training.towers import CLIP_SAMPLES, SAMPLE_RATE, LogMel


def test_packed_sounds_come_back(tmp_path: Path) -> None:
    made = clips.synthetic_clips(2, 1, seed=0)
    clips.write(tmp_path, made)
    back = clips.read(tmp_path)
    assert [c.row for c in back] == [c.row for c in made]
    assert np.abs(back[0].samples - made[0].samples).max() < 1e-4


def test_short_sounds_repeat_and_clicks_are_followed_by_silence() -> None:
    two = clips.fit(np.ones(2 * SAMPLE_RATE, np.float32))
    click = clips.fit(np.ones(100, np.float32))
    assert len(two) == len(click) == CLIP_SAMPLES
    assert two.all()
    assert click.sum() == 100


def test_a_tone_lights_up_its_own_band() -> None:
    mel, time = LogMel(), torch.arange(CLIP_SAMPLES) / SAMPLE_RATE
    low, high = (mel(torch.sin(2 * torch.pi * hz * time)[None])[0, 0].mean(1).argmax() for hz in (300, 3000))
    assert mel(torch.zeros(1, CLIP_SAMPLES)).shape == (1, 1, LogMel.BANDS, LogMel.FRAMES)
    assert low < high


def test_kernels_are_a_windowed_fourier_transform() -> None:
    mel = LogMel()
    frame = torch.randn(LogMel.WINDOW, generator=torch.Generator().manual_seed(0))
    mixed = mel._kernels()[:, 0] @ frame
    power = mixed[: LogMel.WINDOW // 2] ** 2 + mixed[LogMel.WINDOW // 2 :] ** 2
    expected = torch.fft.rfft(frame * torch.hann_window(LogMel.WINDOW)).abs()[:-1] ** 2
    assert torch.allclose(power, expected, rtol=1e-3, atol=1e-2)


def test_training_lowers_the_loss(words: Words) -> None:
    torch.manual_seed(0)
    model = Model(TINY)
    model.sound.start_from(model.picture)
    run = SoundRun(model, words, clips.synthetic_clips(24, 6, seed=0), seed=0, batch=12, rate=3e-3)
    losses = [run._step(list(range(12))) for _ in range(30)]
    assert sum(losses[-6:]) < sum(losses[:6])
    assert run.evaluate()


def test_texts_that_no_sound_is_about_are_wrong_answers_to_every_sound(words: Words) -> None:
    made = clips.synthetic_clips(24, 6, seed=0)
    heard = made[0].row.texts[0]
    strangers = [
        *(f"{thing} {i}" for thing in ("red chair", "bar chart", "green tree") for i in range(30)),
        f"a {heard}",
    ]

    def first_loss(given: list[str]) -> float:
        torch.manual_seed(0)
        model = Model(TINY)
        model.sound.start_from(model.picture)
        run = SoundRun(model, words, made, seed=0, batch=12, rate=3e-3, strangers=given)
        assert len(run.strangers) == max(0, len(given) - 1), "the last one is about a sound"
        return run._step(list(range(12)))

    # An untrained tower cannot tell them apart, so each wrong answer more costs something.
    assert first_loss(strangers) > first_loss([]) + 0.2
