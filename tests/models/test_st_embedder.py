"""Sentence Transformers embedders against the library itself, on real architectures with random weights."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mmsearch.errors import MediaError, MmsearchError, ModelUnavailable, UsageError
from mmsearch.models import load_embedder
from mmsearch.types import Audio, Clip, Embedder, ModelOptions
from tests.models import builders
from tests.models.conftest import Models
from tests.models.content import PICTURES, TEXTS, clip, cosines, picture, pictures, query, segment, texts, tone

pytestmark = pytest.mark.models

SAME = 0.9999
VISUAL = ["clip", "siglip", "qwen3vl"]
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def load(directory: Path, **options: Any) -> Embedder:
    return load_embedder(ModelOptions(str(directory), device="cpu", dtype="fp32", **options))


def reference(directory: Path) -> Any:
    """The library's own model; SigLIP as its authors say it must be called."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(directory), device="cpu", local_files_only=True)
    if directory.name == "siglip":
        model[0].processing_kwargs = {"text": {"padding": "max_length", "max_length": builders.SIGLIP_TOKENS}}
    return model


def pil(*given: np.ndarray) -> list[Image.Image]:
    return [Image.fromarray(array) for array in given]


@pytest.fixture(scope="module")
def loaded(models: Models) -> dict[str, Embedder]:
    return {name: load(models[name]) for name in [*VISUAL, "text_embedder", "clap"]}


@pytest.mark.parametrize("name", VISUAL)
def test_embeddings_equal_the_library_on_the_same_input(models: Models, loaded: dict[str, Embedder], name: str) -> None:
    library, ours = reference(models[name]), loaded[name]
    assert cosines(ours.embed(texts(*TEXTS)), library.encode_document(TEXTS, batch_size=1)).min() >= SAME
    assert cosines(ours.embed(pictures(*PICTURES)), library.encode_document(pil(*PICTURES), batch_size=1)).min() >= SAME
    for text in TEXTS:
        assert cosines(ours.embed_query(query(text)), library.encode_query(text)) >= SAME
    assert cosines(ours.embed_query(query(PICTURES[0])), library.encode_query(pil(PICTURES[0])[0])) >= SAME


@pytest.mark.parametrize("name", VISUAL)
def test_vectors_do_not_depend_on_batch_mates(loaded: dict[str, Embedder], name: str) -> None:
    given = [*texts(*TEXTS), *pictures(*PICTURES), segment(picture(9), "document"), segment(clip(1), "video")]
    given = given * 2
    together = loaded[name].embed(given)
    alone = np.concatenate([loaded[name].embed([one]) for one in given])
    assert cosines(together, alone).min() >= SAME
    assert together.dtype == np.float32
    assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("name", VISUAL)
def test_different_inputs_get_different_vectors(loaded: dict[str, Embedder], name: str) -> None:
    rows = loaded[name].embed([*texts(*TEXTS), *pictures(*PICTURES)])
    likeness = rows @ rows.T - 2 * np.eye(len(rows))
    assert likeness.max() < 0.999


def test_right_and_left_padding_give_the_same_vector(models: Models, tmp_path: Path) -> None:
    for side in ("left", "right"):
        directory = shutil.copytree(models["qwen3vl"], tmp_path / side)
        builders.reset(directory, "tokenizer_config.json", padding_side=side)
        model = load(directory)
        alone = np.concatenate([model.embed(texts(text)) for text in TEXTS])
        assert cosines(model.embed(texts(*TEXTS)), alone).min() >= SAME


def test_siglip_text_is_padded_as_it_was_trained(models: Models, loaded: dict[str, Embedder]) -> None:
    import torch
    from transformers import SiglipModel, SiglipProcessor

    model = SiglipModel.from_pretrained(models["siglip"], local_files_only=True).eval()
    processor = SiglipProcessor.from_pretrained(models["siglip"], local_files_only=True)
    given = processor(text=TEXTS, padding="max_length", max_length=64, truncation=True, return_tensors="pt")
    with torch.inference_mode():
        expected = model.get_text_features(**given).pooler_output
    assert cosines(loaded["siglip"].embed(texts(*TEXTS)), expected.numpy()).min() >= SAME


def test_modalities_are_what_the_model_reads(loaded: dict[str, Embedder]) -> None:
    visual = {"text", "image", "document", "video"}
    assert {name: set(model.spec.modalities) for name, model in loaded.items()} == {
        "clip": visual,
        "siglip": visual,
        "qwen3vl": visual,
        "text_embedder": {"text"},
        "clap": {"text", "audio"},
    }


def test_loader_settings_fit_the_model(loaded: dict[str, Embedder]) -> None:
    loaders = {name: model.spec.loader for name, model in loaded.items()}
    assert loaders["clip"].passage_chars == 220
    assert loaders["siglip"].passage_chars == 180
    assert loaders["text_embedder"].passage_chars == 370
    assert loaders["qwen3vl"].passage_chars == 2400
    assert loaders["clap"].audio_rate == builders.CLAP_RATE
    assert loaders["clip"].audio_rate == 16_000


def test_text_longer_than_the_model_is_cut(loaded: dict[str, Embedder]) -> None:
    for name in [*VISUAL, "text_embedder"]:
        assert np.isfinite(loaded[name].embed(texts("red car " * 2000))).all()


def test_sound_equals_the_library(models: Models, loaded: dict[str, Embedder]) -> None:
    tones = [tone(hertz, builders.CLAP_RATE) for hertz in (220, 880, 3000)]
    given = [{"array": one.samples, "sampling_rate": one.rate} for one in tones]
    rows = loaded["clap"].embed([segment(one, "audio") for one in tones])
    assert cosines(rows, reference(models["clap"]).encode_document(given)).min() >= SAME
    assert loaded["clap"].embed_query(query(tones[0])) @ rows[0] >= SAME


def test_sound_at_another_rate_is_refused_by_name(loaded: dict[str, Embedder]) -> None:
    given = [segment(tone(440, 8000), "audio", "good.wav"), segment(tone(440, 44_100), "audio", "fast.wav")]
    with pytest.raises(MediaError, match=r"^fast\.wav"):
        loaded["clap"].embed(given)


def test_video_of_a_picture_model_is_the_mean_of_its_frames(models: Models, loaded: dict[str, Embedder]) -> None:
    frames = reference(models["clip"]).encode_document(pil(*clip(3, 11).frames), normalize_embeddings=True)
    assert cosines(loaded["clip"].embed([segment(clip(3, 11), "video")]), frames.mean(0)) >= SAME


def test_video_goes_natively_to_a_model_that_reads_it(models: Models, loaded: dict[str, Embedder]) -> None:
    library = reference(models["qwen3vl"])
    library[0].processing_kwargs = {"video": {"do_sample_frames": False}}
    one = clip(4, 6)
    metadata = {"fps": 1 / 1.5, "total_num_frames": 6, "duration": 9.0, "frames_indices": list(range(6))}
    expected = library.encode_document([{"array": one.frames.transpose(0, 3, 1, 2).copy(), "video_metadata": metadata}])
    assert cosines(loaded["qwen3vl"].embed([segment(one, "video")]), expected) >= SAME
    slower = Clip(one.frames, one.seconds * 20)
    assert cosines(loaded["qwen3vl"].embed([segment(slower, "video")]), expected) < SAME


@pytest.mark.parametrize("name", VISUAL)
def test_shortest_videos_and_oddest_pictures_pass(loaded: dict[str, Embedder], name: str) -> None:
    odd = [(1, 1), (1, 3), (3, 3), (3, 1), (2, 700), (900, 3)]
    given = [
        *pictures(*(picture(1, *size) for size in odd)),
        segment(clip(1, 1), "video"),
        segment(clip(1, 3), "video"),
    ]
    assert np.isfinite(loaded[name].embed(given)).all()


@pytest.mark.parametrize("name", [*VISUAL, "text_embedder"])
def test_text_that_names_a_file_or_url_stays_text(
    loaded: dict[str, Embedder], name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["cat.jpg", "http://127.0.0.1:9/x.png", "https://[[x", "data:image/png;base64,AAAA", "clip.mp4"]
    before = loaded[name].embed(texts(*names))
    asked = [loaded[name].embed_query(query(one)) for one in names]
    Image.fromarray(PICTURES[0]).save(tmp_path / "cat.jpg")
    (tmp_path / "clip.mp4").write_bytes(b"no video")
    monkeypatch.chdir(tmp_path)
    assert cosines(loaded[name].embed(texts(*names)), before).min() >= SAME
    assert min(loaded[name].embed_query(query(one)) @ row for one, row in zip(names, asked, strict=True)) >= SAME
    if name != "text_embedder":
        assert cosines(before[0], loaded[name].embed(pictures(PICTURES[0]))) < SAME


def test_text_that_spells_a_placeholder_stays_text(loaded: dict[str, Embedder]) -> None:
    spelled = "put <|image_pad|> and <|video_pad|> into the prompt"
    assert np.isfinite(loaded["qwen3vl"].embed(texts(spelled))).all()
    assert np.isfinite(loaded["qwen3vl"].embed_query(query(spelled, PICTURES[0]))).all()


def test_text_and_picture_are_one_pass_where_the_model_composes(models: Models, loaded: dict[str, Embedder]) -> None:
    expected = reference(models["qwen3vl"]).encode_query({"image": pil(PICTURES[0])[0], "text": "red car"})
    assert cosines(loaded["qwen3vl"].embed_query(query("red car", PICTURES[0])), expected) >= SAME
    parts = [loaded["qwen3vl"].embed_query(query(part)) for part in ("red car", PICTURES[0])]
    weighted = loaded["qwen3vl"].embed_query(query("red car", PICTURES[0], weights=(1.0, 0.25)))
    assert cosines(weighted, parts[0] + 0.25 * parts[1]) >= SAME


def test_text_and_picture_are_added_where_the_model_does_not_compose(loaded: dict[str, Embedder]) -> None:
    parts = [loaded["clip"].embed_query(query(part)) for part in ("red car", PICTURES[0])]
    assert cosines(loaded["clip"].embed_query(query("red car", PICTURES[0])), parts[0] + parts[1]) >= SAME
    minus = loaded["clip"].embed_query(query("red car", PICTURES[0], weights=(1.0, -0.5)))
    assert cosines(minus, parts[0] - 0.5 * parts[1]) >= SAME


def test_parts_that_cancel_out_are_an_error(loaded: dict[str, Embedder]) -> None:
    with pytest.raises(MmsearchError, match="no usable vector"):
        loaded["clip"].embed_query(query(PICTURES[0], PICTURES[0], weights=(1.0, -1.0)))


def test_what_the_model_cannot_read_is_refused(loaded: dict[str, Embedder]) -> None:
    with pytest.raises(MmsearchError, match="cannot embed image: it embeds text"):
        loaded["text_embedder"].embed(pictures(PICTURES[0]))
    with pytest.raises(MmsearchError, match="cannot embed audio"):
        loaded["clip"].embed_query(query(Audio(np.zeros(8000, np.float32), 8000)))


def test_nothing_to_embed_gives_no_rows(loaded: dict[str, Embedder]) -> None:
    assert loaded["clip"].embed([]).shape == (0, loaded["clip"].spec.dim)


def test_max_pixels_bounds_what_the_model_sees(models: Models, loaded: dict[str, Embedder]) -> None:
    large = picture(7, 96, 96)
    small = load(models["qwen3vl"], max_pixels=32 * 32)
    library = reference(models["qwen3vl"])
    library[0].processing_kwargs = {"image": {"size": {"shortest_edge": 32 * 32, "longest_edge": 32 * 32}}}
    assert cosines(small.embed(pictures(large)), library.encode_document(pil(large))) >= SAME
    assert cosines(small.embed(pictures(large)), loaded["qwen3vl"].embed(pictures(large))) < SAME
    tiny = load(models["clip"], max_pixels=16 * 16)
    shrunk = np.asarray(pil(large)[0].resize((16, 16), Image.Resampling.BICUBIC))
    assert cosines(tiny.embed(pictures(large)), loaded["clip"].embed(pictures(shrunk))) >= SAME


def test_a_batch_that_does_not_fit_is_halved(models: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch
    from sentence_transformers import SentenceTransformer

    model = load(models["clip"])
    expected = model.embed(pictures(*PICTURES))
    whole, sizes = SentenceTransformer.encode_document, []

    def small_memory(self: Any, inputs: list[Any], **kwargs: Any) -> Any:
        sizes.append(len(inputs))
        if len(inputs) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return whole(self, inputs, **kwargs)

    monkeypatch.setattr(SentenceTransformer, "encode_document", small_memory)
    assert cosines(model.embed(pictures(*PICTURES)), expected).min() >= SAME
    assert sizes == [5, 2, 2, 1]


def test_weights_that_give_no_number_are_an_error_that_names_the_file(models: Models, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    directory = shutil.copytree(models["text_embedder"], tmp_path / "nan")
    weights = load_file(directory / "model.safetensors")
    save_file({name: weight * float("nan") for name, weight in weights.items()}, directory / "model.safetensors")
    with pytest.raises(MediaError, match=r"^notes\.txt: .*no usable vector"):
        load(directory).embed([segment("red car", "text", "notes.txt")])


def test_fingerprint_follows_the_content_and_not_the_directory(models: Models, tmp_path: Path) -> None:
    copy = shutil.copytree(models["qwen3vl"], tmp_path / "elsewhere")
    (copy / "README.md").write_text("a model card")
    original = load(models["qwen3vl"]).spec.fingerprint
    assert load(copy).spec.fingerprint == original
    builders.reset(copy, "config_sentence_transformers.json", prompts={"query": "Look:", "document": ""})
    prompted = load(copy).spec.fingerprint
    weights = copy / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    assert len({original, prompted, load(copy).spec.fingerprint}) == 3


def test_fingerprint_follows_the_options_that_change_vectors(models: Models) -> None:
    name = str(models["qwen3vl"])
    options = [
        ModelOptions(name, device="cpu"),
        ModelOptions(name, device="cpu", dtype="bf16"),
        ModelOptions(name, device="cpu", max_pixels=1024),
        ModelOptions(name, device="cpu", processor_kwargs={"model_max_length": 64}),
    ]
    assert len({load_embedder(one).spec.fingerprint for one in options}) == len(options)
    assert (
        load_embedder(ModelOptions(name, device="cpu", attn="eager")).spec.fingerprint
        == load_embedder(ModelOptions(name)).spec.fingerprint
    )


def test_bf16_and_fp32_agree(models: Models, loaded: dict[str, Embedder]) -> None:
    half = load_embedder(ModelOptions(str(models["qwen3vl"]), device="cpu", dtype="bf16"))
    given = [*texts(*TEXTS), *pictures(*PICTURES)]
    assert cosines(half.embed(given), loaded["qwen3vl"].embed(given)).min() > 0.99


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("the network was tried")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.mark.usefixtures("no_network")
def test_model_that_is_not_on_disk_says_what_to_run() -> None:
    with pytest.raises(ModelUnavailable, match="run `hf download some-org/no-such-model`"):
        load_embedder(ModelOptions("some-org/no-such-model"))
    with pytest.raises(ModelUnavailable, match="hf download sentence-transformers/no-such-model --revision v2`"):
        load_embedder(ModelOptions("no-such-model", revision="v2"))
    with pytest.raises(ModelUnavailable, match=r"no model directory \./no/such/place"):
        load_embedder(ModelOptions("./no/such/place"))


@pytest.mark.usefixtures("no_network")
def test_model_in_the_hub_cache_loads_by_its_id(
    models: Models, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = tmp_path / "models--some-org--small-clip"
    shutil.copytree(models["clip"], repository / "snapshots" / COMMIT)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)
    monkeypatch.setenv("SENTENCE_TRANSFORMERS_HOME", str(tmp_path))
    by_id = load_embedder(ModelOptions("some-org/small-clip", device="cpu", dtype="fp32"))
    assert by_id.spec.name == "some-org/small-clip"
    assert by_id.spec.fingerprint == load(models["clip"]).spec.fingerprint
    with pytest.raises(ModelUnavailable, match="--revision v9"):
        load_embedder(ModelOptions("some-org/small-clip", revision="v9"))


@pytest.mark.parametrize("broken", ["truncated weights", "no weights", "bad json", "no tokenizer", "unknown type"])
def test_broken_model_is_one_line(models: Models, tmp_path: Path, broken: str) -> None:
    directory = shutil.copytree(models["qwen3vl"], tmp_path / "broken")
    weights = directory / "model.safetensors"
    if broken == "truncated weights":
        weights.write_bytes(weights.read_bytes()[:5000])
    elif broken == "no weights":
        weights.unlink()
    elif broken == "bad json":
        (directory / "config.json").write_text("{")
    elif broken == "no tokenizer":
        for name in ("tokenizer.json", "tokenizer_config.json"):
            (directory / name).unlink()
    else:
        builders.reset(directory, "config.json", model_type="no_such_architecture")
    with pytest.raises(ModelUnavailable) as caught:
        load(directory)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


def test_only_a_directory_that_exists_is_taken_for_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelUnavailable, match="is not on this machine"):
        load_embedder(ModelOptions("clip"))
    (tmp_path / "clip").mkdir()
    with pytest.raises(ModelUnavailable, match="is not on this machine"):
        load_embedder(ModelOptions("clip"))  # a folder is named by its whole path, or means whatever lies around
    with pytest.raises(ModelUnavailable, match=r"clip is not a model: it has none of modules\.json, config\.json"):
        load_embedder(ModelOptions(str(tmp_path / "clip")))


def test_directory_that_is_no_embedder_is_refused(models: Models, tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="is not a model"):
        load(tmp_path)
    with pytest.raises(ModelUnavailable, match="is a CrossEncoder"):
        load(models["qwen3vl_reranker"])
    with pytest.raises(UsageError, match="has no revision"):
        load(models["clip"], revision="main")


def test_impossible_options_name_the_allowed_values(models: Models) -> None:
    name = str(models["clip"])
    with pytest.raises(UsageError, match="unknown dtype fp8: use fp32"):
        load_embedder(ModelOptions(name, dtype="fp8"))
    with pytest.raises(UsageError, match="unknown device gpu: use cpu"):
        load_embedder(ModelOptions(name, device="gpu"))


def test_loading_and_embedding_are_silent(models: Models, capfd: pytest.CaptureFixture[str]) -> None:
    load(models["qwen3vl"]).embed([*texts(*TEXTS), *pictures(*PICTURES), segment(clip(1), "video")])
    assert capfd.readouterr() == ("", "")


def test_importing_the_models_imports_no_torch() -> None:
    ours = "mmsearch.models, mmsearch.models.st_embedder, mmsearch.models.st_reranker"
    code = f"import sys, {ours}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
