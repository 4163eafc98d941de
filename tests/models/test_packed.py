"""Linear layers in oneDNN's layout."""

from __future__ import annotations

from typing import Any

import pytest

from mmsearch.models import load_embedder
from mmsearch.types import ModelOptions
from tests.models.conftest import Models
from tests.models.content import PICTURES, TEXTS, cosines, pictures, texts

torch = pytest.importorskip("torch")
from mmsearch.models import int8, packed  # noqa: E402  (needs torch)

pytestmark = [
    pytest.mark.models,
    pytest.mark.skipif(not packed.supported(), reason="this torch cannot lay out weights for oneDNN"),
]


@pytest.fixture
def faster(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is faster differs from CPU to CPU; int8 would be tried first on some."""
    monkeypatch.setattr(packed, "_gains", lambda layer: True)
    monkeypatch.setattr(int8, "is_candidate", lambda family: False)
    monkeypatch.setattr("mmsearch.models.device._cpu_computes_bf16", lambda: False)


def load(models: Models, name: str, dtype: str | None = None, many: bool = True, **options: Any) -> Any:
    return load_embedder(ModelOptions(str(models[name]), device="cpu", dtype=dtype, **options), many)


def changed(embedder: Any) -> int:
    return sum(isinstance(module, packed.PackedLinear) for module in embedder.network.modules())


@pytest.mark.parametrize("shape", [(40,), (1, 40), (7, 40), (2, 3, 40), (0, 40)])
@pytest.mark.parametrize("bias", [True, False])
def test_a_packed_layer_gives_what_the_plain_one_does(shape: tuple[int, ...], bias: bool) -> None:
    torch.manual_seed(1)
    layer = torch.nn.Linear(40, 48, bias=bias)
    with torch.inference_mode():
        given = torch.randn(shape)
        plain, quick = layer(given), packed.PackedLinear(layer)(given)
    assert quick.shape == plain.shape
    assert torch.allclose(quick, plain, atol=1e-5)


@pytest.mark.usefixtures("faster")
@pytest.mark.parametrize("name", ["clip", "siglip"])
def test_an_encoder_is_packed_and_gives_the_same_vectors(models: Models, name: str) -> None:
    quick, plain = load(models, name), load(models, name, many=False)
    assert changed(quick) > 0
    assert changed(plain) == 0
    given = texts(*TEXTS) + pictures(*PICTURES)
    assert cosines(quick.embed(given), plain.embed(given)).min() > 0.99999


@pytest.mark.usefixtures("faster")
def test_what_is_to_be_exact_or_in_another_format_is_left_alone(models: Models) -> None:
    assert changed(load(models, "clip", exact=True)) == 0
    assert changed(load(models, "clip", "bf16")) == 0
    assert changed(load(models, "clip", "int8") if int8.supported() else load(models, "clip", "bf16")) == 0
    assert changed(load(models, "qwen3vl")) == 0, "one pass has all cores there, and that is not what was compared"


def test_layers_are_packed_where_that_is_faster_and_nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    def stack() -> Any:
        return torch.nn.ModuleList([torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.Linear(64, 256))])

    asked = []
    for gain, count in ((0.0, 2), (1e9, 0)):
        monkeypatch.setattr(packed, "GAIN", gain)
        model = torch.nn.Module()
        model.blocks = stack()
        assert packed.pack_if_faster(model) == count
        asked.append(sum(isinstance(module, packed.PackedLinear) for module in model.modules()))
    assert asked == [2, 0]
    monkeypatch.setattr(packed, "supported", lambda: False)
    monkeypatch.setattr(packed, "GAIN", 0.0)
    assert packed.pack_if_faster(stack()) == 0
    assert packed.pack_if_faster(torch.nn.Linear(4, 4)) == 0
