"""Exports of CLIP and SigLIP run by ONNX Runtime: the vectors of the torch models, without torch."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mmsearch.errors import MmsearchError, ModelUnavailable, UsageError
from mmsearch.models import load_embedder
from mmsearch.models.onnx_clip import ExportedEmbedder
from mmsearch.models.st_embedder import SentenceTransformerEmbedder
from mmsearch.types import Audio, Embedder, ModelOptions, ResizeRule, Segment
from tests.models import builders, exports
from tests.models.conftest import Models
from tests.models.content import PICTURES, TEXTS, clip, cosines, picture, pictures, query, segment, texts

pytestmark = pytest.mark.models

SAME = 0.9999
STORED = 0.999
"""An index keeps vectors in fewer bits."""
COMMIT = "0123456789abcdef0123456789abcdef01234567"
NAMES = ["clip", "siglip"]
ODD = [*PICTURES, picture(6, 1, 1), picture(7, 3, 90), picture(8, 31, 33)]
NO_TORCH = "import sys\nfor name in ('torch', 'transformers', 'sentence_transformers'): sys.modules[name] = None\n"


@pytest.fixture(scope="module")
def made(models: Models, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Directories of the exports by name; `combined` is the CLIP in one graph. CLIP also has the variant int8."""
    root = tmp_path_factory.mktemp("exports")
    found = {name: getattr(exports, f"export_{name}")(models[name], root / name) for name in NAMES}
    exports.quantize(found["clip"], "int8")
    return found | {"combined": exports.combine(found["clip"], root / "combined")}


@pytest.fixture(scope="module")
def loaded(made: dict[str, Path]) -> dict[str, Embedder]:
    return {name: load(directory) for name, directory in made.items()} | {"int8": load(made["clip"], variant="int8")}


def load(directory: Path, **model_kwargs: Any) -> Embedder:
    return load_embedder(ModelOptions(str(directory), model_kwargs=model_kwargs))


def everything() -> list[Segment]:
    return [*texts(*TEXTS), *pictures(*ODD), segment(picture(9), "document"), segment(clip(1), "video")]


@pytest.mark.parametrize("name", NAMES)
def test_vectors_equal_the_torch_model(models: Models, loaded: dict[str, Embedder], name: str) -> None:
    import torch
    from transformers import AutoModel, AutoProcessor

    directory = models[name] / "0_CLIPModel" if name == "clip" else models[name]
    model = AutoModel.from_pretrained(directory, local_files_only=True).eval()
    processor = AutoProcessor.from_pretrained(directory, local_files_only=True)
    padding = {"padding": True} if name == "clip" else {"padding": "max_length", "max_length": builders.SIGLIP_TOKENS}
    spoken = [*TEXTS, "red car " * 100]
    with torch.inference_mode():
        given = processor(text=spoken, truncation=True, return_tensors="pt", **padding)
        written = model.get_text_features(**given).pooler_output.numpy()
        seen = [
            model.get_image_features(**processor(images=Image.fromarray(one), return_tensors="pt")).pooler_output[0]
            for one in ODD
        ]
    assert cosines(loaded[name].embed(texts(*spoken)), written).min() >= SAME
    assert cosines(loaded[name].embed(pictures(*ODD)), np.stack(seen)).min() >= SAME
    assert loaded[name].spec.dim == written.shape[1]


@pytest.mark.parametrize("name", [*NAMES, "combined", "int8"])
def test_vectors_do_not_depend_on_batch_mates(loaded: dict[str, Embedder], name: str) -> None:
    given = everything()
    together = loaded[name].embed(given)
    alone = np.concatenate([loaded[name].embed([one]) for one in given])
    assert cosines(together, alone).min() >= SAME
    assert together.dtype == np.float32
    assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)


def test_one_graph_of_both_sides_is_as_good_as_two(loaded: dict[str, Embedder]) -> None:
    assert cosines(loaded["combined"].embed(everything()), loaded["clip"].embed(everything())).min() >= SAME
    assert loaded["int8"].embed(everything()).shape == loaded["clip"].embed(everything()).shape


def test_a_clip_is_the_mean_of_its_frames_and_query_parts_add_up(loaded: dict[str, Embedder]) -> None:
    frames = loaded["clip"].embed(pictures(*clip(3, 5).frames))
    assert cosines(loaded["clip"].embed([segment(clip(3, 5), "video")]), frames.mean(0)) >= SAME
    parts = [loaded["clip"].embed_query(query(part)) for part in ("red car", PICTURES[0])]
    mixed = loaded["clip"].embed_query(query("red car", PICTURES[0], weights=(1.0, -0.5)))
    assert cosines(mixed, parts[0] - 0.5 * parts[1]) >= SAME


def test_siglip_reads_lower_case_as_it_was_trained(loaded: dict[str, Embedder]) -> None:
    rows = loaded["siglip"].embed(texts("Red CAR", "red car"))
    assert cosines(rows[0], rows[1]) >= SAME


def test_settings_fit_the_model(loaded: dict[str, Embedder]) -> None:
    loaders = {name: model.spec.loader for name, model in loaded.items()}
    assert loaders["clip"].passage_chars == 220
    assert loaders["siglip"].passage_chars == 180
    assert loaders["clip"].image_fit == ResizeRule("edge", builders.SIDE, builders.SIDE, builders.SIDE)
    assert loaders["siglip"].image_fit is not None
    assert loaders["siglip"].image_fit.kind == "squash"
    assert loaded["clip"].spec.modalities == {"text", "image", "document", "video"}


def test_tiles_are_made_where_they_are_asked_for(made: dict[str, Path]) -> None:
    for choice in (None, True, False):
        assert load_embedder(ModelOptions(str(made["clip"]), tiles=choice)).spec.loader.tiles is bool(choice)


def test_exact_leaves_pictures_to_the_model_and_a_loader_that_fits_them_changes_little(made: dict[str, Path]) -> None:
    fitted, exact = (load_embedder(ModelOptions(str(made["clip"]), exact=choice)) for choice in (False, True))
    assert exact.spec.loader.exact
    assert exact.spec.loader.image_fit is None
    fit = fitted.spec.loader.image_fit
    assert fit is not None
    whole = np.asarray(Image.effect_mandelbrot((640, 400), (-2, -1.5, 1, 1.5), 60).convert("RGB"))
    size, part = fit.cut(640, 400)
    box = tuple(share * side for share, side in zip(part, (640, 400, 640, 400), strict=True))
    small = np.asarray(Image.fromarray(whole).resize(size, Image.Resampling.BICUBIC, box))
    rows = [model.embed([segment(p, "image")])[0] for model, p in ((fitted, small), (exact, whole))]
    assert rows[0] @ rows[1] > 0.995


def test_what_the_model_cannot_read_is_refused(loaded: dict[str, Embedder]) -> None:
    with pytest.raises(MmsearchError, match="cannot embed audio: it embeds document, image, text, video"):
        loaded["clip"].embed_query(query(Audio(np.zeros(8000, np.float32), 8000)))


def test_torch_goes_first_unless_the_user_says_otherwise(models: Models, made: dict[str, Path], tmp_path: Path) -> None:
    both = shutil.copytree(models["siglip"], tmp_path / "both")
    shutil.copytree(made["siglip"], both, dirs_exist_ok=True)
    assert isinstance(load(both), SentenceTransformerEmbedder)
    assert isinstance(load(both, backend="torch"), SentenceTransformerEmbedder)
    by_onnx = load(both, backend="onnx")
    assert isinstance(by_onnx, ExportedEmbedder)
    assert cosines(by_onnx.embed(everything()), load(both).embed(everything())).min() >= 0.99
    assert isinstance(load(made["siglip"]), ExportedEmbedder)


def test_a_sentence_transformers_folder_may_hold_the_export(
    models: Models, made: dict[str, Path], tmp_path: Path
) -> None:
    folder = tmp_path / "st"
    shutil.copytree(made["clip"], folder / "0_CLIPModel")
    shutil.move(folder / "0_CLIPModel" / "onnx", folder / "onnx")
    shutil.copy(models["clip"] / "modules.json", folder)
    assert cosines(load(folder).embed(everything()), load(made["clip"]).embed(everything())).min() >= SAME


def test_no_torch_is_needed(models: Models, made: dict[str, Path], tmp_path: Path) -> None:
    both = shutil.copytree(models["siglip"], tmp_path / "both")
    shutil.copytree(made["siglip"], both, dirs_exist_ok=True)
    code = (
        NO_TORCH + "import numpy as np\nfrom mmsearch.types import *\nfrom mmsearch.models import load_embedder\n"
        "for name in sys.argv[1:]:\n"
        "    model = load_embedder(ModelOptions(name))\n"
        "    model.embed_query(Query((QueryPart('red car'), QueryPart(np.zeros((9, 9, 3), np.uint8)))))\n"
        "    print(type(model).__name__)\n"
    )
    argv = [sys.executable, "-c", code, str(made["clip"]), str(made["combined"]), str(both)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["ExportedEmbedder"] * 3, done.stderr


def test_a_torch_model_without_torch_is_one_line(models: Models) -> None:
    code = NO_TORCH + (
        "from mmsearch.types import ModelOptions\nfrom mmsearch.models import load_embedder\n"
        "try:\n    load_embedder(ModelOptions(sys.argv[1]))\nexcept Exception as error:\n    print(repr(error))\n"
    )
    argv = [sys.executable, "-c", code, str(models["siglip"])]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    assert "ModelUnavailable" in done.stdout
    assert "needs PyTorch" in done.stdout


def test_an_export_in_the_hub_cache_loads_by_its_id(
    made: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SENTENCE_TRANSFORMERS_HOME", str(tmp_path))
    needed = [path for path in made["clip"].rglob("*") if path.is_file() and "int8" not in path.name]
    snapshot = exports.into_cache(made["clip"], tmp_path, "some-org/clip-onnx", COMMIT, needed)
    model = load_embedder(ModelOptions("some-org/clip-onnx"))
    assert model.spec.fingerprint == load(made["clip"]).spec.fingerprint
    assert cosines(model.embed(everything()), load(made["clip"]).embed(everything())).min() >= SAME
    (snapshot / "onnx" / "vision_model.onnx").unlink()
    command = "hf download some-org/clip-onnx --include '[*].json' --include 'onnx/text_model.onnx[*]'"
    with pytest.raises(ModelUnavailable, match=f"no onnx/vision_model.onnx: run `{command}"):
        load_embedder(ModelOptions("some-org/clip-onnx", model_kwargs={"backend": "onnx"}))
    with pytest.raises(ModelUnavailable, match=r"hf download some-org/other --include .* 'onnx/text_model_q4.onnx\*'"):
        load_embedder(ModelOptions("some-org/other", model_kwargs={"backend": "onnx", "variant": "q4"}))


def rename_output(directory: Path) -> None:
    """A tower without its projection: what it gives is not in the common space."""
    import onnx

    path = directory / "onnx" / "text_model.onnx"
    model = onnx.load(path)
    for node in model.graph.node:
        node.output[:] = ["pooler_output" if name == "text_embeds" else name for name in node.output]
    model.graph.output[0].name = "pooler_output"
    onnx.save(model, path)


BROKEN: dict[str, tuple[Callable[[Path], Any], str]] = {
    "no picture graph": (lambda d: (d / "onnx" / "vision_model.onnx").unlink(), "no onnx/vision_model.onnx"),
    "no graphs": (lambda d: shutil.rmtree(d / "onnx"), "no onnx/text_model.onnx and no onnx/vision_model.onnx"),
    "no preprocessor": (lambda d: (d / "preprocessor_config.json").unlink(), "no preprocessor_config.json"),
    "no tokenizer": (lambda d: (d / "tokenizer.json").unlink(), "no tokenizer.json"),
    "bad tokenizer": (lambda d: (d / "tokenizer.json").write_text("{"), "cannot read .*tokenizer.json"),
    "no padding": (lambda d: (d / "tokenizer_config.json").unlink(), "padding token"),
    "unknown type": (lambda d: builders.reset(d, "config.json", model_type="bert"), "is a bert model: .* clip, siglip"),
    "no type": (lambda d: builders.reset(d, "config.json", model_type=None), "no config.json that says"),
    "bad graph": (lambda d: (d / "onnx" / "text_model.onnx").write_bytes(b"x" * 99), "cannot load .*text_model.onnx"),
    "no projection": (rename_output, "gives pooler_output, not text_embeds: export it with its projection"),
    "swapped": (
        lambda d: shutil.copy(d / "onnx/vision_model.onnx", d / "onnx/text_model.onnx"),
        "has no input input_ids",
    ),
    "other size": (
        lambda d: builders.reset(d, "preprocessor_config.json", crop_size={"height": 40, "width": 40}),
        "takes pictures of 32 pixels, the preprocessor makes 40",
    ),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_export_is_one_line(made: dict[str, Path], tmp_path: Path, broken: str) -> None:
    ignore = shutil.ignore_patterns("*int8*")
    directory = shutil.copytree(made["clip"], tmp_path / "broken", ignore=ignore)
    spoil, told = BROKEN[broken]
    spoil(directory)
    with pytest.raises(ModelUnavailable, match=told) as caught:
        load(directory, backend="onnx").embed([*pictures(PICTURES[0]), *texts("red car")])
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


def test_variants_are_named_where_the_choice_is_open(made: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match=r"no onnx/text_model_q4\.onnx .*there are variants int8: choose one"):
        load(made["clip"], variant="q4")
    only = shutil.copytree(made["clip"], tmp_path / "only")
    for name in ("text_model", "vision_model"):
        (only / "onnx" / f"{name}.onnx").unlink()
    assert load(only).spec.fingerprint == load(made["clip"], variant="int8").spec.fingerprint


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"dtype": "fp16"}, "takes no --dtype"),
        ({"device": "cuda"}, "takes no --device"),
        ({"max_pixels": 100}, "takes no --max-pixels"),
        ({"revision": "main"}, "has no revision"),
        ({"model_kwargs": {"backend": "openvino"}}, "unknown backend openvino"),
        ({"model_kwargs": {"attn_implementation": "eager"}}, "not attn_implementation"),
    ],
)
def test_options_that_would_do_nothing_are_refused(made: dict[str, Path], options: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        load_embedder(ModelOptions(str(made["clip"]), **options))


def test_fingerprint_follows_all_that_makes_a_vector(made: dict[str, Path], tmp_path: Path) -> None:
    copy = shutil.copytree(made["clip"], tmp_path / "elsewhere")
    (copy / "README.md").write_text("a model card")
    seen = [load(made["clip"]).spec.fingerprint]
    assert load(copy).spec.fingerprint == seen[0]
    seen.append(load(copy, variant="int8").spec.fingerprint)
    builders.reset(copy, "preprocessor_config.json", resample=2)
    seen.append(load(copy).spec.fingerprint)
    builders.reset(copy, "tokenizer_config.json", model_max_length=20)
    seen.append(load(copy).spec.fingerprint)
    tokenizer = (copy / "tokenizer.json").read_text(encoding="utf-8")
    (copy / "tokenizer.json").write_text(tokenizer + "\n", encoding="utf-8")
    seen.append(load(copy).spec.fingerprint)
    with open(copy / "onnx" / "vision_model.onnx", "ab") as file:
        file.write(b"\0")
    seen.append(load(copy).spec.fingerprint)
    assert len(set(seen)) == len(seen)


def test_index_and_search_with_an_export_from_the_command_line(made: dict[str, Path], tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    for number, one in enumerate(PICTURES):
        Image.fromarray(one).save(folder / f"{number}.png")
    (folder / "note.txt").write_text("red car")
    code = NO_TORCH + "from mmsearch.cli import main\nsys.argv[0] = 'mmsearch'\nmain()"

    def mmsearch(*argv: str) -> dict[str, Any]:
        line = [sys.executable, "-c", code, *argv, "--index", str(tmp_path / "index"), "--json"]
        done = subprocess.run(line, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    chosen = ["--model", str(made["clip"]), "--model-kwargs", '{"backend": "onnx", "variant": "int8"}']
    report = mmsearch("index", str(folder), *chosen)
    assert (report["added"], report["failed"]) == (6, 0)
    hits = mmsearch("search", "--image", str(folder / "2.png"), "-t", "image")["hits"]
    assert hits[0]["path"].endswith("2.png")
    assert hits[0]["score"] > STORED
    assert mmsearch("search", "red car", "-t", "text")["hits"][0]["score"] > STORED
