"""Archives become packed sets; colours are read from pixels; batches match pictures with their texts."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from training import pictures
from training.batches import PictureBatches, without_colour
from training.colours import plain_colour
from training.pictures import PACKED, Packed, Row, with_plain_names


def archive(path: Path, colour: tuple[int, ...], mode: str = "RGB") -> Path:
    picture = io.BytesIO()
    Image.new(mode, (90, 30), colour).save(picture, "PNG")
    with zipfile.ZipFile(path, "w") as z:
        z.writestr("a.png", picture.getvalue())
        z.writestr("captions.csv", 'file,text,split,group\na.png,"a sign | sign | a sign",train,cls:sign\n')
    return path


def test_archive_is_squashed_to_a_square_with_its_texts(tmp_path: Path) -> None:
    count = pictures.pack_archives([archive(tmp_path / "signs.zip", (200, 10, 20))], tmp_path, "set")
    packed = pictures.read(tmp_path, "set")
    assert count == 1
    assert packed.rows == [Row("signs", ("a sign", "sign"), "train", "cls:sign")]
    assert packed.pixels.shape == (1, PACKED, PACKED, 3)
    assert (packed.pixels[0] == (200, 10, 20)).all()


def test_transparency_is_laid_on_white(tmp_path: Path) -> None:
    pictures.pack_archives([archive(tmp_path / "x.zip", (0, 0, 0, 0), "RGBA")], tmp_path, "set")
    assert (pictures.read(tmp_path, "set").pixels == 255).all()


def test_clothes_are_named_by_their_measured_colour(tmp_path: Path) -> None:
    shirt = np.full((PACKED, PACKED, 3), 240, np.uint8)
    shirt[15:-10, 15:-15] = (200, 20, 30)
    row = Row("clothing", ("t-shirt",), "train", "cls:t-shirt")
    assert pictures.with_colour(row, shirt).texts == ("t-shirt", "red t-shirt")
    assert pictures.with_colour(Row("intel", ("street",), "train"), shirt).texts == ("street",)


def test_a_colour_is_right_for_its_own_picture_and_wrong_for_the_rest_of_the_class() -> None:
    cars = [Row("vehicles", ("car", f"{colour} car"), "train", "car") for colour in ("red", "blue")]
    batches = PictureBatches([packed(*cars)], 32, seed=0)
    for _ in range(8):
        batch = batches.next(16)
        column = {text: batch.positive[:, j] for j, text in enumerate(batch.texts)}
        if len({"red car", "blue car"} & set(column)) == 2:
            assert not (column["red car"] * column["blue car"]).any(), "no car is both"
            assert not column["green car"].any() if "green car" in column else True
            return
    raise AssertionError("a seed that draws both colours is needed")


def test_colour_that_also_fills_the_border_is_not_the_things() -> None:
    assert plain_colour(np.full((40, 40, 3), (20, 30, 220), np.uint8)) is None


def packed(*rows: Row) -> Packed:
    return Packed(np.zeros((len(rows), PACKED, PACKED, 3), np.uint8), list(rows))


def test_pictures_match_every_text_of_theirs_and_of_their_group() -> None:
    rows = [Row("tinyin", ("cat", "animal"), "train", "g1"), Row("tinyin", ("cat", "animal"), "train", "g1")]
    rows += [Row("tinyin", ("dog", "animal"), "train", "g2"), Row("emoji", ("x",), "val", "g3")]
    batches = PictureBatches([packed(*rows)], 32, seed=0)
    positive = batches._positives([0, 1, 2], ["kitten", "animal", "dog"], [True] * 3, ["kitten", "animal", "dog"])
    assert positive.tolist() == [[1, 1, 0], [1, 1, 0], [0, 1, 1]]


def test_held_out_pictures_are_never_drawn() -> None:
    rows = [Row("tinyin", (f"t{i}",), "train" if i % 2 else "val") for i in range(10)]
    batches = PictureBatches([packed(*rows)], 32, seed=0)
    texts = {text for _ in range(5) for text in batches.next(16).texts}
    assert {t for t in texts if t.startswith("t")} <= {f"t{i}" for i in range(1, 10, 2)}


def test_batch_gives_pixels_of_the_models_size_in_range(rendered: Packed) -> None:
    batch = PictureBatches([rendered], 32, seed=0).next(16)
    assert batch.pixels.shape == (16, 32, 32, 3)
    assert 0 <= float(batch.pixels.min()) <= float(batch.pixels.max()) <= 255
    assert batch.positive.shape == (16, len(batch.texts))
    assert (batch.positive.sum(1) >= 1).all()


def test_cluster_key_drops_the_colour_alone() -> None:
    assert without_colour("red car") == "car"
    assert without_colour("traffic light") == "traffic light"


def test_alt_texts_of_screenshots_gain_the_plain_names_that_people_ask_for() -> None:
    told = Row("ms_cpp", ("Screenshot of the output window displaying a runtime error.",), "train")
    assert "error message" in with_plain_names(told).texts
    assert "screenshot of an error message" in with_plain_names(told).texts
    assert with_plain_names(Row("tinyin", ("error",), "train")).texts == ("error",)
    assert with_plain_names(Row("ms_bing", ("Plot of the error function",), "train")).texts[1] == "chart"
