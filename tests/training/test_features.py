"""What training keeps of pictures."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from training import features
from training.backbone import FEATURES, SIZE, EfficientNetLite0, SamePadding, normalise
from training.features import COLOURS, WIDTH, PictureFeatures, View
from training.render.kinds import FLAT

RED, BLUE = (255, 0, 0), (0, 0, 255)


@pytest.fixture(scope="module")
def network() -> PictureFeatures:
    torch.manual_seed(0)
    return PictureFeatures(EfficientNetLite0().eval()).eval()


def plain(colour: tuple[int, int, int]) -> Image.Image:
    return Image.new("RGB", (300, 200), colour)


def view(number: int, split: str = "train") -> View:
    return View("set", (f"picture {number}", "picture"), split, "", number, 0)


@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (3, 2), (5, 1), (5, 2)])
def test_padding_is_even_but_for_one_more_row_at_the_end(kernel: int, stride: int) -> None:
    layer = SamePadding(1, 1, kernel, stride, bias=False)
    nn.init.ones_(layer.weight)
    counted = layer(torch.ones(1, 1, 8, 8))[0, 0]
    before = max(kernel - stride, 0) // 2
    assert counted.shape == (8 // stride, 8 // stride)
    assert counted[0, 0] == (kernel - before) ** 2, "so many pixels of the first window lie inside"


def test_the_network_has_the_maps_and_weights_of_the_published_one(network: PictureFeatures) -> None:
    assert sum(p.numel() for p in network.network.parameters()) == 4_652_008
    taps, last = network.network(normalise(torch.zeros(1, SIZE, SIZE, 3, dtype=torch.uint8)))
    assert [tuple(tap.shape[1:]) for tap in taps] == [(24, 56, 56), (40, 28, 28), (112, 14, 14), (320, 7, 7)]
    assert last.shape == (1, FEATURES, 7, 7)


def test_colours_are_counted_where_they_are(network: PictureFeatures) -> None:
    framed = plain(BLUE)
    framed.paste(RED, (100, 66, 200, 133))
    rows, _ = features.compute(network, [(view(0), plain(RED)), (view(1), plain(BLUE)), (view(2), framed)])
    assert rows.shape == (3, WIDTH)
    start = WIDTH - 3 * 64 - 3 * COLOURS
    whole, found, middle = (
        rows[:, start + i * COLOURS : start + (i + 1) * COLOURS].astype(np.float32) for i in range(3)
    )
    assert np.allclose(whole.sum(1), 1, atol=0.01)
    assert np.allclose(middle.sum(1), 1, atol=0.01)
    assert (found.sum(1) < 1.01).all(), "an untrained network finds next to nothing"
    red, blue = int(whole[0].argmax()), int(whole[1].argmax())
    assert red != blue
    assert whole[2, blue] > whole[2, red], "the frame is blue"
    assert middle[2, red] > whole[2, red] > whole[1, red]


def test_an_archive_gives_every_view_of_what_is_trained_on_and_one_of_the_rest(tmp_path: Path) -> None:
    table = io.StringIO()
    lines = csv.DictWriter(table, ["file", "text", "split", "group"])
    lines.writeheader()
    for number, split in enumerate(("train", "val")):
        lines.writerow({"file": f"{number}.png", "text": "a car | car", "split": split, "group": "car"})
    with zipfile.ZipFile(tmp_path / "cars.zip", "w") as archive:
        archive.writestr("captions.csv", table.getvalue())
        for number in range(2):
            data = io.BytesIO()
            plain(RED).save(data, "PNG")
            archive.writestr(f"{number}.png", data.getvalue())
    jobs = list(features.archive_jobs(tmp_path / "cars.zip", 3))
    assert [(told.picture, told.view, told.split) for told, _ in jobs] == [
        (0, 0, "train"),
        (0, 1, "train"),
        (0, 2, "train"),
        (1, 0, "val"),
    ]
    assert jobs[0][0] == View("cars", ("a car", "car"), "train", "car", 0, 0)


def test_views_differ_but_for_the_plain_one() -> None:
    picture = Image.effect_noise((320, 240), 80).convert("RGB")
    whole = features.seen(picture, None)
    assert whole.shape == (SIZE, SIZE, 3)
    assert (features.seen(picture, None) == whole).all()
    assert (features.seen(picture, 7) == features.seen(picture, 7)).all()
    assert not (features.seen(picture, 7) == whole).all()
    clear = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    assert (features.seen(clear, None) == 255).all(), "what is transparent lies on white"


def test_drawn_pictures_are_those_of_their_seed(network: PictureFeatures) -> None:
    def jobs() -> Iterator[features.Job]:
        return features.drawn_jobs(FLAT, 2, 1, seed=3)

    assert [told.split for told, _ in jobs()] == ["train", "train", "val"]
    rows, views = features.compute(network, jobs())
    again, _ = features.compute(network, jobs())
    assert (rows == again).all()
    assert len({told.texts for told in views}) > 1


def test_what_is_saved_comes_back(tmp_path: Path) -> None:
    rows = np.arange(2 * WIDTH, dtype=np.float16).reshape(2, WIDTH)
    features.save(tmp_path, "set", rows, [view(0), view(1, "val")])
    loaded, views = features.load(tmp_path, "set")
    assert (loaded == rows).all()
    assert views == [view(0), view(1, "val")]
