"""Labelled sounds for training: the archive of a data folder and synthetic ones, packed into one array.

A packed set is `sounds.npy`, int16 `(n, CLIP_SAMPLES)`, and `sounds.jsonl`, one row a line. Knows nothing of the model.
"""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.pictures import SOUNDS, Row, seeds
from training.render import noises
from training.towers import CLIP_SAMPLES, SAMPLE_RATE

_OTHER_WORDS = {
    "dog barking": ("dog", "bark"),
    "sea waves": ("ocean waves", "waves on a beach"),
    "crying baby": ("baby crying", "baby"),
    "ticking clock": ("clock ticking",),
    "sneezing": ("a person sneezing", "sneeze"),
    "rooster": ("rooster crowing", "cock"),
    "crackling fire": ("fire", "campfire"),
    "chainsaw": ("power saw",),
    "rain": ("rainfall", "raindrops"),
    "cow": ("cow mooing",),
    "thunderstorm": ("thunder", "storm"),
    "alarm clock": ("alarm",),
    "typing on a keyboard": ("keyboard typing",),
    "people clapping": ("applause", "clapping hands"),
    "cat meowing": ("cat", "meow"),
    "birds chirping": ("bird song", "birds"),
    "church bells": ("bell ringing", "bells"),
    "car engine": ("engine", "motor"),
    "a person laughing": ("laughter",),
    "a person speaking": ("speech", "someone talking", "human voice"),
    "train": ("train passing",),
    "airplane": ("plane flying",),
}
_INSECTS = (
    "Weevil",
    "Stemborer",
    "Rootborer",
    "Locust",
    "Crickets",
    "Cicada",
    "Cicada2",
    "Carpenter- bee",
    "Asianlongharnbeetle",
)


@dataclass(frozen=True)
class Clip:
    """Five seconds of mono sound and what it is called."""

    samples: NDArray[np.float32]
    row: Row


def fit(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Exactly `CLIP_SAMPLES`: what is short but not tiny is repeated, the rest is cut or followed by silence."""
    if SAMPLE_RATE <= len(samples) < CLIP_SAMPLES:
        return np.resize(samples, CLIP_SAMPLES)
    return np.pad(samples, (0, max(0, CLIP_SAMPLES - len(samples))))[:CLIP_SAMPLES]


def decode(content: bytes) -> NDArray[np.float32]:
    """Any sound that PyAV reads, as mono at `SAMPLE_RATE`."""
    import av

    with av.open(io.BytesIO(content)) as container:
        resampler = av.AudioResampler("flt", "mono", SAMPLE_RATE)
        parts = [f.to_ndarray()[0] for frame in container.decode(audio=0) for f in resampler.resample(frame)]
    return np.concatenate(parts).astype(np.float32)


def read_clips(data: Path, skip_groups: Sequence[str] = ()) -> list[Clip]:
    """The sounds of a data folder; none when it has none. `skip_groups` leaves sources out, for their terms."""
    archive = data / f"{SOUNDS}.zip"
    if not archive.exists():
        return []
    clips = []
    with zipfile.ZipFile(archive) as z:
        for line in csv.DictReader(io.StringIO(z.read("captions.csv").decode())):
            content = z.read(line["file"])
            if content and line["group"] not in skip_groups:  # a few files of the archive are empty
                clips.append(Clip(fit(decode(content)), Row(line["group"], _texts(line["text"]), line["split"])))
    return clips


def _texts(text: str) -> tuple[str, ...]:
    names = [t.strip() for t in text.split(" | ")]
    if names[0] in _INSECTS:
        return "insects", "insect sound", names[0].lower()
    return (*names, *_OTHER_WORDS.get(names[0], ()))


def synthetic_clips(count: int, held_out: int, seed: int) -> list[Clip]:
    made = ((noises.noise(number), split) for number, split in seeds(count, held_out, seed))
    return [Clip(samples, Row("synthetic", texts, split)) for (samples, texts), split in made]


def write(folder: Path, clips: Sequence[Clip]) -> None:
    """Pack clips; the row file comes last, so its presence means that the set is whole."""
    folder.mkdir(parents=True, exist_ok=True)
    listing = folder / f"{SOUNDS}.jsonl"
    listing.unlink(missing_ok=True)
    np.save(folder / f"{SOUNDS}.npy", np.stack([(c.samples * 32767).astype(np.int16) for c in clips]))
    listing.write_text("".join(json.dumps(asdict(c.row)) + "\n" for c in clips))


def read(folder: Path) -> list[Clip]:
    """What `write` packed. Raises FileNotFoundError when it was never finished."""
    lines = (folder / f"{SOUNDS}.jsonl").read_text().splitlines()
    samples = np.load(folder / f"{SOUNDS}.npy", mmap_mode="r")
    found = []
    for line, wave in zip(lines, samples, strict=True):
        entry = json.loads(line)
        row = Row(entry["source"], tuple(entry["texts"]), entry["split"], entry["group"])
        found.append(Clip(wave.astype(np.float32) / 32767, row))
    return found
