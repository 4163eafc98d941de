"""Blocks in 8-bit integers: what they compute, when they are chosen, and that every vector stays its own."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmsearch.errors import MmsearchError, UsageError
from mmsearch.models import load_embedder
from mmsearch.types import ModelOptions
from tests.models.conftest import Models
from tests.models.content import PICTURES, TEXTS, cosines, pictures, texts

torch = pytest.importorskip("torch")
from mmsearch.models import int8  # noqa: E402  (needs torch)

pytestmark = [
    pytest.mark.models,
    pytest.mark.skipif(not hasattr(torch, "_int_mm"), reason="torch does not multiply 8-bit integers"),
]


@pytest.fixture
def any_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Integers are multiplied on every CPU, only not fast on all."""
    monkeypatch.setattr(int8, "supported", lambda: True)


def load(directory: Path, dtype: str | None, many: bool = True, **options: Any) -> Any:
    return load_embedder(ModelOptions(str(directory), device="cpu", dtype=dtype, **options), many)


def changed(embedder: Any) -> int:
    return sum(isinstance(module, int8.Int8Linear) for module in embedder._model.modules())


class Attention(torch.nn.Module):  # type: ignore[misc,name-defined]
    """Three layers with one input and one with another, as in every transformer."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.q_proj, self.k_proj, self.v_proj = (torch.nn.Linear(width, 2 * width) for _ in range(3))
        self.out_proj = torch.nn.Linear(2 * width, width, bias=False)

    def forward(self, given: Any) -> Any:
        return self.out_proj(self.q_proj(given) * self.k_proj(given) + self.v_proj(given))


@pytest.fixture
def stack() -> Iterator[Any]:
    with torch.inference_mode():
        model = torch.nn.Module()
        model.blocks = torch.nn.ModuleList([Attention(), Attention()])
        model.head = torch.nn.Linear(64, 64)
        yield model


def through(model: Any, given: Any) -> Any:
    for block in model.blocks:
        given = block(given)
    return given


def test_layers_in_integers_give_nearly_what_they_gave(stack: Any) -> None:
    given = torch.randn(3, 7, 64)
    before = through(stack, given)
    quantised = int8.Quantised(stack)
    after = through(stack, given)
    assert quantised.layers == 8
    assert type(stack.head) is torch.nn.Linear, "what comes after the blocks stays in float32"
    assert after.shape == before.shape
    assert after.dtype == torch.float32
    assert cosines(after.flatten(0, 1).numpy(), before.flatten(0, 1).numpy()).min() > 0.999
    assert not torch.equal(after, before)
    quantised.undo()
    assert torch.equal(through(stack, given), before)


def test_a_row_is_the_same_to_the_last_bit_whatever_else_is_in_the_pass(
    stack: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(int8, "CHUNK", 1000)  # several chunks, the last of them short
    int8.Quantised(stack)
    given = torch.randn(41, 64) * torch.logspace(-3, 3, 41)[:, None]
    together = stack.blocks[0].q_proj(given)
    alone = torch.cat([stack.blocks[0].q_proj(row[None]) for row in given])
    assert torch.equal(together, alone)


def test_rows_are_scaled_by_their_own_largest_number() -> None:
    numbers = torch.tensor([[1.0, -2.0, 0.5, 0.0], [0.0, 0.0, 0.0, 0.0], [300.0, 1.0, -1.0, 2.0]])
    rows, scales = int8.scaled(numbers)
    assert rows.dtype == torch.int8
    assert rows[:, :3].tolist() == [[64, -127, 32], [0, 0, 0], [127, 0, 0]]
    assert (rows * scales - numbers).abs().max() <= 300 / 127 / 2 + 1e-6


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_what_is_not_a_number_does_not_become_one(stack: Any, bad: float) -> None:
    int8.Quantised(stack)
    given = torch.randn(4, 64)
    good = stack.blocks[0].q_proj(given)
    given[2, 5] = bad
    found = stack.blocks[0].q_proj(given)
    assert not torch.isfinite(found[2]).any()
    assert torch.equal(found[[0, 1, 3]], good[[0, 1, 3]])


def test_an_input_that_was_written_over_is_scaled_again(stack: Any) -> None:
    int8.Quantised(stack)
    given = torch.randn(4, 64)
    through(stack, given)
    given.mul_(-3)
    assert torch.equal(through(stack, given), through(stack, given.clone()))


@pytest.mark.parametrize("name", ["quick_gelu", "gelu_pytorch_tanh", "gelu", "relu"])
@pytest.mark.parametrize("rows", [1, 70])
def test_a_pair_of_layers_gives_nearly_what_it_gave(name: str, rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers.activations import ACT2FN

    monkeypatch.setattr(int8, "PAIR_ROWS", 32)  # several blocks, the last of them short
    monkeypatch.setattr(int8, "CHUNK", 1000)
    torch.manual_seed(5)
    first, second = torch.nn.Linear(64, 96), torch.nn.Linear(96, 48)
    with torch.inference_mode():
        pair = int8.Int8Pair(first, second, ACT2FN[name])
        given = 3 * torch.randn(2, rows, 64)
        before, kept = second(ACT2FN[name](first(given))), given.clone()
        after = pair(given)
        assert torch.equal(given, kept)
        assert after.shape == before.shape
        assert cosines(after.flatten(0, 1).numpy(), before.flatten(0, 1).numpy()).min() > 0.999
        assert torch.allclose(after, before, atol=0.02 * float(before.abs().max()))
        assert torch.equal(after, torch.cat([pair(row[None, None]) for row in given.flatten(0, 1)]).view(after.shape))


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_pair_makes_no_number_of_what_is_none(bad: float) -> None:
    from transformers.activations import ACT2FN

    for name in ("quick_gelu", "gelu_pytorch_tanh"):
        with torch.inference_mode():
            pair = int8.Int8Pair(torch.nn.Linear(64, 96), torch.nn.Linear(96, 48), ACT2FN[name])
            given = torch.randn(4, 64)
            good = pair(given)
            given[2, 5] = bad
            found = pair(given)
        assert not torch.isfinite(found[2]).any()
        assert torch.equal(found[[0, 1, 3]], good[[0, 1, 3]])


@pytest.mark.parametrize("side", [32, 45])
def test_patches_in_integers_give_nearly_what_they_gave(side: int) -> None:
    plain = torch.nn.Conv2d(3, 64, 16, 16)
    with torch.inference_mode():
        pixels = torch.randn(3, 3, side, 48)
        before, patches = plain(pixels), int8.Int8Patches(plain)
        after = patches(pixels)
    assert patches.weight.dtype is torch.float32, "models ask it what pixels are to be"
    assert after.shape == before.shape
    assert cosines(after.flatten(1).numpy(), before.flatten(1).numpy()).min() > 0.9999


def test_only_patches_that_lie_side_by_side_are_changed(stack: Any) -> None:
    stack.patches = torch.nn.Conv2d(3, 64, 16, 16)
    stack.padded = torch.nn.Conv2d(3, 64, 16, 16, padding=2)
    stack.overlapping = torch.nn.Conv2d(3, 64, 16, 8)
    quantised = int8.Quantised(stack)
    kinds = [type(one).__name__ for one in (stack.patches, stack.padded, stack.overlapping)]
    assert kinds == ["Int8Patches", "Conv2d", "Conv2d"]
    quantised.undo()
    assert type(stack.patches) is torch.nn.Conv2d


@pytest.mark.usefixtures("any_cpu")
@pytest.mark.parametrize("name", ["clip", "siglip", "qwen3vl", "text_embedder"])
def test_models_asked_for_in_int8_agree_with_float32(models: Models, name: str) -> None:
    plain, small = load(models[name], "fp32"), load(models[name], "int8")
    given = texts(*TEXTS) + (pictures(*PICTURES) if "image" in plain.spec.modalities else [])
    found = small.embed(given)
    assert changed(small) > 0
    assert changed(plain) == 0
    assert cosines(found, plain.embed(given)).min() > 0.98
    assert cosines(found, np.concatenate([small.embed([one]) for one in given])).min() > 0.9999


@pytest.mark.usefixtures("any_cpu")
def test_a_search_computes_in_float32(models: Models) -> None:
    plain, small = load(models["clip"], "fp32"), load(models["clip"], "int8", many=False)
    assert changed(small) == 0
    assert cosines(small.embed(texts(*TEXTS)), plain.embed(texts(*TEXTS))).min() > 0.99999


def format_of(embedder: Any) -> Any:
    return next(embedder._model.parameters()).dtype


@pytest.mark.usefixtures("any_cpu")
@pytest.mark.parametrize("computes_bf16", [False, True])
def test_an_encoder_is_changed_unasked_when_its_probes_stay_alike(
    models: Models, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, computes_bf16: bool
) -> None:
    monkeypatch.setattr("mmsearch.models.device._cpu_computes_bf16", lambda: computes_bf16)
    usual = torch.bfloat16 if computes_bf16 else torch.float32
    narrow = load(models["clip"], None)
    assert changed(narrow) == 0, "it is too narrow to become faster"
    assert format_of(narrow) is usual
    monkeypatch.setattr(int8, "WORTHWHILE", 32)
    monkeypatch.setattr(int8, "MIN_MEAN_COSINE", 0.98)  # so few numbers in a row are farther off than real models
    monkeypatch.setattr(int8, "MIN_COSINE", 0.98)
    caplog.set_level(logging.INFO, "mmsearch.models.int8")
    assert changed(load(models["clip"], None)) > 0
    assert "computing in int8: probes in int8 against float32: mean cosine 0.99" in caplog.text
    assert changed(load(models["clip"], None, many=False)) == 0
    assert changed(load(models["clip"], "fp32")) == 0
    assert changed(load(models["clip"], "bf16")) == 0
    assert changed(load(models["clip"], None, exact=True)) == 0, "that is to be what the model itself gives"
    assert changed(load(models["clip"], "int8", exact=True)) > 0
    decoder = load(models["qwen3vl"], None)
    assert changed(decoder) == 0, "decoders are not changed unasked"
    assert format_of(decoder) is usual
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: True, raising=False)
    assert changed(load(models["clip"], None)) == 0, "tiles compute in bfloat16 as fast"


@pytest.mark.usefixtures("any_cpu")
@pytest.mark.parametrize("computes_bf16", [False, True])
def test_a_model_that_suffers_computes_as_it_would_without(
    models: Models, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, computes_bf16: bool
) -> None:
    monkeypatch.setattr("mmsearch.models.device._cpu_computes_bf16", lambda: computes_bf16)
    monkeypatch.setattr(int8, "WORTHWHILE", 32)
    monkeypatch.setattr(int8, "MAX_INTEGER", 3)  # as if the numbers of a row were very unequal
    caplog.set_level(logging.INFO, "mmsearch.models.int8")
    found = load(models["clip"], None)
    assert changed(found) == 0
    assert "no int8: probes in int8 against float32: " in caplog.text
    given = pictures(*PICTURES)
    same = load(models["clip"], "bf16" if computes_bf16 else "fp32")
    assert cosines(found.embed(given), same.embed(given)).min() > 0.99999


def test_probes_that_the_model_does_not_take_leave_it_as_it_is(stack: Any) -> None:
    def refuse() -> Any:
        raise MmsearchError("a probe: the model gave no usable vector")

    assert not int8.convert_if_alike(stack, refuse)
    assert type(stack.blocks[0].q_proj) is torch.nn.Linear


def test_int8_that_cannot_be_is_refused_in_one_line(models: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    from mmsearch.models.st_reranker import CrossEncoderReranker

    with pytest.raises(UsageError, match="dtype int8 is for the CPU, not for cuda"):
        int8.convert(torch.nn.Module(), "cuda")
    monkeypatch.setattr(int8, "_has_onednn", lambda: False)
    assert not int8.supported()
    with pytest.raises(UsageError, match="dtype int8 needs a CPU with AVX512-VNNI"):
        load(models["clip"], "int8")
    with pytest.raises(UsageError, match="rerankers do not compute in int8"):
        CrossEncoderReranker(ModelOptions(str(models["clip"]), device="cpu", dtype="int8"))
    monkeypatch.setattr(int8, "supported", lambda: True)
    with pytest.raises(UsageError, match="blocks of linear layers, which this one lacks"):
        int8.convert(torch.nn.Linear(64, 64), "cpu")


@pytest.mark.usefixtures("any_cpu")
def test_int8_that_was_asked_for_is_part_of_the_identity_and_a_choice_is_not(
    models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = load(models["clip"], "int8").spec.fingerprint
    assert asked == load(models["clip"], "int8", many=False).spec.fingerprint
    assert asked not in {load(models["clip"], dtype).spec.fingerprint for dtype in ("fp32", None)}
    plain = load(models["clip"], None, many=False).spec.fingerprint
    monkeypatch.setattr("mmsearch.models.device._cpu_computes_bf16", lambda: False)
    monkeypatch.setattr(int8, "WORTHWHILE", 32)
    monkeypatch.setattr(int8, "MIN_MEAN_COSINE", 0.0)
    monkeypatch.setattr(int8, "MIN_COSINE", 0.0)
    chosen = load(models["clip"], None)
    assert changed(chosen) > 0
    assert chosen.spec.fingerprint == plain
