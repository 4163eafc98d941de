from __future__ import annotations

import json
import subprocess
import sys
from types import SimpleNamespace

import pytest

from mmsearch.models.catalog import CATALOG
from mmsearch.models.estimate import Estimate, Shape, Sizes, before_loading, shape_of, stored, tower_of
from mmsearch.types import ModelOptions

from .conftest import Models

CLIP_VISION = SimpleNamespace(
    hidden_size=768,
    intermediate_size=3072,
    num_hidden_layers=12,
    num_attention_heads=12,
    image_size=224,
    patch_size=32,
    hidden_act="quick_gelu",
)
QWEN_TEXT = SimpleNamespace(
    hidden_size=2048,
    intermediate_size=6144,
    num_hidden_layers=28,
    num_attention_heads=16,
    num_key_value_heads=8,
    head_dim=128,
    hidden_act="silu",
    vocab_size=151936,
    max_position_embeddings=262144,
)
QWEN_VISION = SimpleNamespace(
    hidden_size=1024,
    intermediate_size=4096,
    depth=24,
    num_heads=16,
    patch_size=16,
    spatial_merge_size=2,
    hidden_act="gelu_pytorch_tanh",
)


def estimate(shape: Shape, itemsize: int = 2) -> Estimate:
    return Estimate(shape, itemsize, shape.parameters * itemsize, base=0)


def qwen() -> Shape:
    found = shape_of(SimpleNamespace(model_type="qwen3_vl", text_config=QWEN_TEXT, vision_config=QWEN_VISION))
    assert found is not None
    return found


def test_parameters_follow_from_the_sizes_of_layers() -> None:
    vision = tower_of(CLIP_VISION)
    assert vision is not None
    assert vision.parameters == pytest.approx(87_456_000, rel=0.02), "the published vision tower of CLIP B/32"
    assert qwen().parameters == pytest.approx(2_127_532_032, rel=0.05), "the published Qwen3-VL-2B"


def test_pictures_of_a_fixed_size_model_cost_the_same_whatever_their_size() -> None:
    clip = Shape(None, tower_of(CLIP_VISION), None, joint=False)
    small, large = (estimate(clip).activations("image", 8, Sizes(pixels=pixels)) for pixels in (10_000, 10_000_000))
    assert small == large > 0


def test_memory_grows_with_the_batch_and_weights_do_not() -> None:
    expected = estimate(qwen())
    one, ten = (expected.peak("image", batch, Sizes()) - expected.weights for batch in (1, 10))
    assert ten == pytest.approx(10 * one)


def test_pictures_pass_through_both_towers_of_a_joint_model() -> None:
    expected = estimate(qwen())
    picture, text = (expected.operations(kind, Sizes(pixels=1_000_000, tokens=976)) for kind in ("image", "text"))
    assert picture > 1.2 * text, "a megapixel is 976 tokens, and 3,906 patches before that"
    assert text == pytest.approx(2 * 1.4e9 * 976, rel=0.1), "two operations for each weight of a layer and token"


def test_frames_of_a_clip_go_in_together_only_where_the_model_reads_video() -> None:
    clip = Shape(None, tower_of(CLIP_VISION), None, joint=False)
    assert estimate(clip).activations("video", 1, Sizes()) == estimate(clip).activations("video", 16, Sizes())
    assert estimate(qwen()).activations("video", 16, Sizes()) > estimate(qwen()).activations("video", 1, Sizes())


def test_what_is_no_transformer_has_no_estimate() -> None:
    assert shape_of(None) is None
    assert shape_of(SimpleNamespace(hidden_size=3)) is None


@pytest.mark.models
@pytest.mark.parametrize("name", ["clip", "siglip", "qwen3vl", "text_embedder"])
def test_weights_are_counted_by_the_heads_of_their_files(models: Models, name: str) -> None:
    from mmsearch.models import load_embedder

    options = ModelOptions(str(models[name]), dtype="float32")
    expected = before_loading(options, "", 4, 0)
    network = load_embedder(options).network  # type: ignore[attr-defined]
    assert expected is not None
    # Heads that an embedder does not use lie in the files too.
    assert expected.weights == pytest.approx(4 * sum(one.numel() for one in network.parameters()), rel=0.1)


@pytest.mark.models
def test_files_of_another_kind_have_no_heads(models: Models) -> None:
    assert stored([models["clip"]]) is None


@pytest.mark.models
@pytest.mark.parametrize("name", [entry.name for entry in CATALOG.values() if entry.dummy])
def test_the_towers_of_every_family_add_up_to_the_published_parameters(name: str) -> None:
    expected = before_loading(ModelOptions(name, dummy_weights=True), "", 2, 0)
    entry = CATALOG[name]
    assert expected is not None
    assert expected.shape.parameters == pytest.approx(entry.parameters, rel=0.1)
    assert (expected.shape.vision is not None) == ("image" in entry.modalities)


CHILD = """
import json, sys
from mmsearch.extras.bench import measure, worker
from mmsearch.extras.bench.job import Job
from mmsearch.types import ModelOptions
from mmsearch.models.estimate import Sizes
options = ModelOptions("clip-b32", dtype="float32", device="cpu", dummy_weights=True)
job = Job(options, batches=(1, 8), sizes=Sizes(tokens=75), time=0.0)
subject = worker.loaded(job)
for modality in ("text", "image"):
    for row in measure.cells(subject, modality, lambda *_: None):
        print(json.dumps(row.to_json()))
"""


@pytest.mark.models
@pytest.mark.torch_process
def test_the_peak_is_known_before_loading_within_a_fifth() -> None:
    done = subprocess.run([sys.executable, "-c", CHILD], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["status"] for row in rows] == ["ok"] * 4
    for row in rows:
        assert row["weights"] == pytest.approx(151_277_313 * 4, rel=0.03)
        assert row["estimated"] == pytest.approx(row["peak_resident"], rel=0.2)
