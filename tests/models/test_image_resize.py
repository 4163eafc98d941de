"""Pictures decoded at the model's scale against the library's own way with the file, on real image processors."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import ExifTags, Image

from mmsearch import media
from mmsearch.models import load_embedder
from mmsearch.models.st_inputs import picture_rule
from mmsearch.types import Embedder, LoaderSettings, ModelOptions, ResizeRule, Segment
from tests.models import builders
from tests.models.conftest import Models
from tests.models.content import cosines

pytestmark = pytest.mark.models

CLIP = ResizeRule("edge", 224, 224, edge=224)
SHAPES = [(400, 300), (300, 400), (640, 359), (333, 777), (257, 256)]


def processor(name: str, **settings: Any) -> Any:
    import transformers

    return getattr(transformers, name)(**settings)


def qwen(**settings: Any) -> Any:
    from transformers.models.qwen2_vl.image_processing_qwen2_vl import Qwen2VLImageProcessor

    return Qwen2VLImageProcessor(patch_size=16, **settings)


def fit_of(image_processor: Any, **stated: Any) -> ResizeRule | None:
    return picture_rule(SimpleNamespace(processor=image_processor, processing_kwargs={"image": stated}))


def photo(width: int, height: int, seed: int = 0) -> Image.Image:
    """Blobs of all sizes and some noise, as in a photograph."""
    rng = np.random.default_rng(seed)
    total = rng.normal(0, 4, (height, width, 3))
    for tiles, contrast in ((3, 60), (12, 30), (48, 14), (192, 7)):
        blobs = Image.fromarray(rng.integers(0, 256, (tiles, tiles, 3), dtype=np.uint8))
        total += (np.asarray(blobs.resize((width, height), Image.Resampling.BICUBIC), float) - 128) * contrast / 64
    return Image.fromarray(np.clip(total + 128, 0, 255).astype(np.uint8))


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """JPEGs of up to a megapixel, one of them on its side, and a PNG."""
    folder = tmp_path_factory.mktemp("photos")
    sizes = [(1200, 800), (800, 1200), (1000, 1000), (1400, 500)]
    paths = [str(folder / f"{number}.jpg") for number in range(len(sizes))]
    for number, (path, size) in enumerate(zip(paths, sizes, strict=True)):
        photo(*size, seed=number).save(path, quality=92)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    photo(900, 600, seed=8).save(folder / "turned.jpg", quality=92, exif=exif)
    photo(700, 500, seed=9).save(folder / "lossless.png")
    return [*paths, str(folder / "turned.jpg"), str(folder / "lossless.png")]


@pytest.mark.parametrize(
    ("image_processor", "expected"),
    [
        (processor("CLIPImageProcessor"), CLIP),
        (processor("CLIPImageProcessor", size={"shortest_edge": 256}), ResizeRule("edge", edge=256)),
        (processor("CLIPImageProcessor", do_center_crop=False), ResizeRule("edge", edge=224)),
        (processor("SiglipImageProcessor", resample=2), ResizeRule("squash", 224, 224, resample="bilinear")),
        (qwen(), ResizeRule("patches", step=32, least=56 * 56, most=28 * 28 * 1280)),
        (processor("CLIPImageProcessor", do_resize=False), None),
        (processor("LlavaNextImageProcessor"), None),
        (processor("Siglip2ImageProcessor"), None),
        (None, None),
    ],
    ids=["clip", "larger than its cut", "uncut", "siglip", "qwen", "no resizing", "tiles", "naflex", "text only"],
)
def test_fit_is_read_from_the_processor(image_processor: Any, expected: ResizeRule | None) -> None:
    assert fit_of(image_processor) == expected


def test_what_the_model_tells_its_processor_goes_first() -> None:
    bounds = {"shortest_edge": 64 * 64, "longest_edge": 128 * 128}
    assert fit_of(qwen(), size=bounds) == ResizeRule("patches", step=32, least=64 * 64, most=128 * 128)


def test_processor_that_does_not_do_as_it_says_has_no_fit() -> None:
    from transformers import CLIPImageProcessor

    class Stretching(CLIPImageProcessor):  # type: ignore[misc]
        def resize(self, image: Any, size: Any, **more: Any) -> Any:
            return super().resize(image, processor("SiglipImageProcessor").size, **more)

    class Failing(CLIPImageProcessor):  # type: ignore[misc]
        def preprocess(self, *_: Any, **__: Any) -> Any:
            raise RuntimeError("only takes two pictures at once")

    assert fit_of(Stretching()) is None
    assert fit_of(Failing()) is None


@pytest.mark.parametrize("size", SHAPES)
@pytest.mark.parametrize("most", [96 * 96, 256 * 256])
def test_patches_are_counted_as_the_processor_counts(size: tuple[int, int], most: int) -> None:
    given = qwen(size={"shortest_edge": 64 * 64, "longest_edge": most})
    fit = fit_of(given)
    assert fit is not None
    width, height = fit.whole(*size)
    grid = given(images=[Image.new("RGB", size)], return_tensors="pt")["image_grid_thw"].tolist()
    assert grid == [[1, height // 16, width // 16]]
    assert fit.whole(width, height) == (width, height)


@pytest.fixture(scope="module")
def loaded(models: Models) -> dict[str, Embedder]:
    names = ["clip", "siglip", "qwen3vl"]
    return {name: load_embedder(ModelOptions(str(models[name]), device="cpu", dtype="fp32")) for name in names}


def segments(paths: list[str], settings: LoaderSettings) -> list[Segment]:
    return [part for path in paths for part in media.load(path, "", media.identify(path), settings).segments]


def reference(directory: Path, paths: list[str]) -> Any:
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(directory), device="cpu", local_files_only=True).encode_document(paths)


@pytest.mark.parametrize("name", ["clip", "siglip", "qwen3vl"])
def test_reduced_pictures_get_the_vectors_of_the_whole_ones(
    models: Models, loaded: dict[str, Embedder], name: str, photos: list[str]
) -> None:
    model, whole = loaded[name], reference(models[name], photos)
    reduced = segments(photos, model.spec.loader)
    assert max(np.asarray(segment.content).size for segment in reduced) <= 3 * 2 * 96 * 96
    assert cosines(model.embed(reduced), whole).mean() >= 0.995
    others = whole @ whole.T / np.linalg.norm(whole, axis=1) / np.linalg.norm(whole, axis=1)[:, None]
    assert others[0, 1] < 0.99


@pytest.mark.parametrize("name", ["clip", "siglip", "qwen3vl"])
def test_exact_is_the_reference_path(models: Models, name: str, photos: list[str]) -> None:
    model = load_embedder(ModelOptions(str(models[name]), device="cpu", dtype="fp32", exact=True))
    assert model.spec.loader.exact
    assert cosines(model.embed(segments(photos, model.spec.loader)), reference(models[name], photos)).min() > 0.999999


def test_model_sees_what_its_processor_would_make_of_the_whole(photos: list[str]) -> None:
    given = processor("CLIPImageProcessor")
    settings = LoaderSettings(image_fit=fit_of(given))
    exact = segments(photos, replace(settings, exact=True))
    for small, whole in zip(segments(photos, settings), exact, strict=True):
        assert np.asarray(small.content).shape == (224, 224, 3)
        seen, expected = (given(images=[one.content], return_tensors="np")["pixel_values"] for one in (small, whole))
        assert np.abs(seen - expected).mean() < 0.02 * np.ptp(expected)


def test_limit_of_pixels_decides_over_the_fit(models: Models) -> None:
    name = str(models["qwen3vl"])
    limited = load_embedder(ModelOptions(name, device="cpu", max_pixels=64 * 64)).spec.loader.image_fit
    assert limited is not None
    assert limited.most == 64 * 64
    assert load_embedder(ModelOptions(str(models["clip"]), device="cpu", max_pixels=64)).spec.loader.image_fit is None


def test_fit_of_the_tiny_models(loaded: dict[str, Embedder]) -> None:
    side = builders.SIDE
    fits = {name: model.spec.loader.image_fit for name, model in loaded.items()}
    assert fits == {
        "clip": ResizeRule("edge", side, side, edge=side),
        "siglip": ResizeRule("squash", side, side),
        "qwen3vl": ResizeRule("patches", step=16, least=32 * 32, most=96 * 96),
    }
