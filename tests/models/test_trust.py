"""No model runs code of its own unless the user has allowed just that."""

from __future__ import annotations

import inspect
import io
import json
import os
import pickle
import re
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from mmsearch.errors import ModelUnavailable, UsageError
from mmsearch.models import load_embedder, load_reranker, weight_check
from mmsearch.models.dual_encoder import open_graph
from mmsearch.models.onnx_check import _is_inside, read
from mmsearch.types import ModelOptions

from . import builders

pytestmark = pytest.mark.models


def with_own_code(model: Path, harm: Path) -> Path:
    """The model, whose first module is a class from a file beside it that leaves a trace as soon as it is imported."""
    modules = json.loads((model / "modules.json").read_text())
    modules[0]["type"] = "own.Module"
    (model / "modules.json").write_text(json.dumps(modules))
    (model / "own.py").write_text(f"open({str(harm)!r}, 'w').close()\nclass Module: pass\n")
    return model


def test_modules_from_a_file_of_the_model_are_not_imported(tmp_path: Path) -> None:
    harm = tmp_path / "harm"
    model = with_own_code(builders.make_text_embedder(tmp_path / "model"), harm)
    with pytest.raises(ModelUnavailable, match=r"own program code.*--trust-remote-code"):
        load_embedder(ModelOptions(str(model)))
    assert not harm.exists()


def test_nor_are_those_of_a_reranker(tmp_path: Path) -> None:
    harm = tmp_path / "harm"
    model = builders.make_text_reranker(tmp_path / "model")
    shutil.copy(builders.make_text_embedder(tmp_path / "other") / "modules.json", model)
    with_own_code(model, harm)
    with pytest.raises(ModelUnavailable):
        load_reranker(ModelOptions(str(model)))
    assert not harm.exists()


@pytest.mark.parametrize("load", [load_embedder, load_reranker])
@pytest.mark.parametrize("key", ["trust_remote_code", "weights_only", "code_revision"])
@pytest.mark.parametrize("where", ["model_kwargs", "processor_kwargs"])
def test_what_goes_to_the_loader_gives_no_permission(load: Any, key: str, where: str) -> None:
    with pytest.raises(UsageError, match=f"{key}.*--trust-remote-code"):
        load(ModelOptions("some/model", **{where: {key: False}}))


# --- weights ----------------------------------------------------------------------------------------------------------


class Payload:
    """What a pickle runs when it is read."""

    def __init__(self, harm: Path) -> None:
        self.harm = harm

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.harm),)


def pickled(path: Path, harm: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps({"linear.weight": Payload(harm)}))


def unsafe(model: Path) -> None:
    """Leave no weights in safetensors in the root."""
    (model / "model.safetensors").unlink()


def with_module(model: Path, kind: str, settings: dict[str, Any]) -> Path:
    """The folder of a module that the model has besides."""
    modules = json.loads((model / "modules.json").read_text())
    modules.append(
        {"idx": len(modules), "name": "x", "path": f"2_{kind}", "type": f"sentence_transformers.models.{kind}"}
    )
    (model / "modules.json").write_text(json.dumps(modules))
    folder = model / f"2_{kind}"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(settings))
    return folder


def root_weights(model: Path, harm: Path) -> None:
    unsafe(model)
    pickled(model / "pytorch_model.bin", harm)


def root_weights_of_several(model: Path, harm: Path) -> None:
    unsafe(model)
    pickled(model / "pytorch_model-00001-of-00001.bin", harm)
    index = {"metadata": {}, "weight_map": {"x": "pytorch_model-00001-of-00001.bin"}}
    (model / "pytorch_model.bin.index.json").write_text(json.dumps(index))


def safetensors_that_name_a_pickle(model: Path, harm: Path) -> None:
    (model / "model.safetensors").rename(model / "other.safetensors")
    pickled(model / "weights.data", harm)
    index = {"metadata": {}, "weight_map": {"x": "weights.data"}}
    (model / "model.safetensors.index.json").write_text(json.dumps(index))


def dense(model: Path, harm: Path) -> None:
    folder = with_module(model, "Dense", {"in_features": 32, "out_features": 16, "bias": False})
    pickled(folder / "pytorch_model.bin", harm)


def lstm(model: Path, harm: Path) -> None:
    folder = with_module(model, "LSTM", {"word_embedding_dimension": 32, "hidden_dim": 16})
    (folder / "lstm_config.json").write_text(json.dumps({"word_embedding_dimension": 32, "hidden_dim": 16}))
    pickled(folder / "pytorch_model.bin", harm)


def router(model: Path, harm: Path) -> None:
    folder = with_module(model, "Router", {})
    kinds = {"query_0_Dense": "sentence_transformers.models.Dense"}
    (folder / "router_config.json").write_text(json.dumps({"types": kinds, "structure": {"query": [*kinds]}}))
    pickled(folder / "query_0_Dense" / "pytorch_model.bin", harm)


def adapter(model: Path, harm: Path) -> None:
    pickled(model / "adapter_model.bin", harm)
    (model / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "base_model_name_or_path": "."}))


def setting(file: str, **settings: Any) -> Callable[[Path, Path], None]:
    """Plants settings beside pickled weights."""

    def plant(model: Path, harm: Path) -> None:
        pickled(model / "pytorch_model.bin", harm)  # safetensors stay: only the settings could prefer the pickle
        known = json.loads((model / file).read_text()) if (model / file).exists() else {}
        (model / file).write_text(json.dumps(known | settings))

    plant.__name__ = f"{file} {settings}"
    return plant


PLANTED = [
    *(root_weights, root_weights_of_several, safetensors_that_name_a_pickle, dense, lstm, router, adapter),
    setting("sentence_bert_config.json", model_args={"weights_only": False, "use_safetensors": False}),
    setting("sentence_bert_config.json", model_kwargs={"use_safetensors": False}),
    setting("sentence_bert_config.json", tokenizer_args={"gguf_file": "pytorch_model.bin"}),
    setting("sentence_bert_config.json", config_args={"code_revision": "x"}),
    setting("sentence_bert_config.json", model_args={"attn_implementation": "org/kernel"}),
    setting("sentence_bert_config.json", processor_kwargs={"cache_dir": "."}),
    setting("config.json", _attn_implementation="org/kernel"),
    setting("config.json", use_kernels=True),
    setting("1_Pooling/config.json", model_args={"weights_only": False}),
]


@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
def test_no_weights_are_unpickled(plant: Callable[[Path, Path], None], tmp_path: Path) -> None:
    model, harm = builders.make_text_embedder(tmp_path / "model"), tmp_path / "harm"
    plant(model, harm)
    with pytest.raises(ModelUnavailable) as refused:
        load_embedder(ModelOptions(str(model)))
    assert not harm.exists() and "\n" not in str(refused.value)
    assert torch_load_is_whole()


def torch_load_is_whole() -> bool:
    import torch

    return torch.load is torch.serialization.load and "guarded" not in torch.load.__qualname__


@pytest.mark.parametrize("permission", [False, True])
def test_the_permission_to_run_code_is_none_to_unpickle(permission: bool, tmp_path: Path) -> None:
    model, harm = builders.make_text_embedder(tmp_path / "model"), tmp_path / "harm"
    root_weights(model, harm)
    with pytest.raises(ModelUnavailable, match=r"pytorch_model\.bin may hold program code.*safetensors"):
        load_embedder(ModelOptions(str(model), trust_remote_code=permission))
    assert not harm.exists()


def test_nor_does_a_reranker_unpickle(tmp_path: Path) -> None:
    model, harm = builders.make_text_reranker(tmp_path / "model"), tmp_path / "harm"
    root_weights(model, harm)
    with pytest.raises(ModelUnavailable, match="safetensors"):
        load_reranker(ModelOptions(str(model)))
    assert not harm.exists()


def test_what_training_leaves_beside_the_weights_does_no_harm(tmp_path: Path) -> None:
    model, harm = builders.make_text_embedder(tmp_path / "model"), tmp_path / "harm"
    for name in ("training_args.bin", "optimizer.pt", "rng_state.pth", "pytorch_model.bin"):
        pickled(model / name, harm)
    load_embedder(ModelOptions(str(model)))
    assert not harm.exists()


@pytest.mark.parametrize("name", ["sentence_transformers.base.model.torch", "sentence_transformers.base.model.pickle"])
def test_what_a_library_imports_is_no_module_of_a_model(name: str, tmp_path: Path) -> None:
    model = builders.make_text_embedder(tmp_path / "model")
    modules = json.loads((model / "modules.json").read_text())
    modules[1]["type"] = name
    (model / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(ModelUnavailable, match="--trust-remote-code"):
        load_embedder(ModelOptions(str(model)))


def test_while_a_model_loads_nothing_is_unpickled_in_its_thread(tmp_path: Path) -> None:
    import numpy as np
    import torch

    harm = tmp_path / "harm"
    pickled(tmp_path / "a.pkl", harm)
    np.save(tmp_path / "plain.npy", np.arange(3))
    data = (tmp_path / "a.pkl").read_bytes()
    with weight_check.refuse_unpickling("m"):
        for attempt in (
            lambda: pickle.loads(data),
            lambda: pickle.load(io.BytesIO(data)),
            lambda: pickle.Unpickler(io.BytesIO(data)),
            lambda: torch.load(tmp_path / "a.pkl", weights_only=True),
            lambda: torch.load(tmp_path / "a.pkl", weights_only=False),
            lambda: np.load(tmp_path / "a.pkl", allow_pickle=True),
        ):
            with pytest.raises(ModelUnavailable, match="m: some of its weights"):
                attempt()
        assert np.load(tmp_path / "plain.npy").tolist() == [0, 1, 2]
        with ThreadPoolExecutor() as other:
            assert other.submit(pickle.loads, pickle.dumps([1])).result() == [1], "what other threads do is theirs"
    assert pickle.loads(pickle.dumps([2])) == [2] and not harm.exists() and torch_load_is_whole()


def test_a_name_never_means_a_folder_of_where_the_command_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    builders.make_text_embedder(tmp_path / "model")
    monkeypatch.chdir(tmp_path)
    for name in ("model", "./model"):
        with pytest.raises(ModelUnavailable):
            load_embedder(ModelOptions(name))


# --- switches of the libraries ----------------------------------------------------------------------------------------


REVIEWED = weight_check.LOADER_ARGUMENTS | weight_check.MODEL_ARGUMENTS | {
    *("self", "cls", "args", "kwargs", "model_kwargs", "model_name_or_path", "pretrained_model_name_or_path"),
    *("backend", "config_kwargs", "processor_kwargs", "cache_folder", "module_classes", "init_defaults"),
    *("attn_implementation", "config_args", "tokenizer_args", "model_args", "cache_dir", "resume_download"),
}  # fmt: skip
"""What `from_pretrained` and the modules' `load` take, as far as somebody has thought about each."""


def test_every_switch_of_the_loaders_has_been_reviewed() -> None:
    """A switch that a release adds may let files run code: look at it, then put it where it belongs in `weights`."""
    from sentence_transformers.models import Dense, Router, Transformer
    from transformers import PreTrainedModel

    source = inspect.getsource(PreTrainedModel.from_pretrained)
    found = set(re.findall(r'kwargs\.(?:pop|get)\(\s*"(\w+)"', source))
    for load in (PreTrainedModel.from_pretrained, Transformer.load, Dense.load, Router.load):
        found |= set(inspect.signature(load).parameters)
    assert found - REVIEWED == set()


UNPICKLING = re.compile(r"\b(torch\.(?:jit\.)?load|pickle\.loads?|joblib\.load|np\.load|Unpickler)\(")
KNOWN_UNPICKLING = {
    *("base/model.py", "base/modules/module.py", "util/distributed.py", "util/hard_negatives.py"),
    *("sentence_transformer/modules/static_embedding.py", "base/trainer.py"),
}
"""Files of Sentence Transformers that unpickle: guarded while a model loads, or never called by us."""


def test_every_place_that_unpickles_has_been_reviewed() -> None:
    import sentence_transformers

    top = Path(sentence_transformers.__file__).parent
    found = {
        path.relative_to(top).as_posix()
        for path in top.rglob("*.py")
        if UNPICKLING.search(path.read_text(encoding="utf-8"))
    }
    assert found - KNOWN_UNPICKLING == set()


# --- graphs -----------------------------------------------------------------------------------------------------------


def graph(path: Path, domain: str = "", operator: str = "Identity", nested: bool = False) -> Any:
    import onnx
    from onnx import TensorProto, helper

    given = helper.make_tensor_value_info("a", TensorProto.FLOAT, [1])
    taken = helper.make_tensor_value_info("b", TensorProto.FLOAT, [1])
    node = helper.make_node(operator, ["a"], ["b"], domain=domain)
    if nested:
        inner = helper.make_graph([helper.make_node(operator, ["a"], ["c"], domain=domain)], "inner", [], [taken])
        node = helper.make_node("If", ["a"], ["b"], then_branch=inner, else_branch=inner)
    model = helper.make_model(helper.make_graph([node], "g", [given], [taken]))
    onnx.save(model, str(path))
    return model


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize(("domain", "operator"), [("own", "Identity"), ("ai.onnx.contrib", "PyOp"), ("", "EPContext")])
def test_operators_of_others_are_refused(domain: str, operator: str, nested: bool, tmp_path: Path) -> None:
    graph(tmp_path / "m.onnx", domain, operator, nested)
    with pytest.raises(ModelUnavailable, match="operators of its own"):
        open_graph(str(tmp_path / "m.onnx"))


@pytest.mark.parametrize("place", ["../outside.data", "absolute", "link.data", "folder/../../outside.data", ""])
@pytest.mark.parametrize("where", ["initializer", "attribute"])
def test_data_from_outside_is_refused(place: str, where: str, tmp_path: Path) -> None:
    import onnx

    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "outside.data").write_bytes(bytes(16))
    (folder / "link.data").symlink_to(tmp_path / "outside.data")
    model = graph(folder / "m.onnx")
    tensor = onnx.TensorProto(name="w", data_type=onnx.TensorProto.FLOAT, dims=[4])
    tensor.data_location = onnx.TensorProto.EXTERNAL
    told = str(tmp_path / "outside.data") if place == "absolute" else place
    tensor.external_data.add(key="location", value=told)
    if where == "initializer":
        model.graph.initializer.append(tensor)
    else:
        model.graph.node.append(onnx.helper.make_node("Constant", [], ["k"]))
        model.graph.node[-1].attribute.add(name="value", type=onnx.AttributeProto.TENSOR).t.CopyFrom(tensor)
    (folder / "m.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ModelUnavailable, match="outside of its folder"):
        open_graph(str(folder / "m.onnx"))


@pytest.mark.parametrize("data", [b"", b"\xff" * 40, b"\x3a\xff\xff\xff\xff\x0f", b"\x3a\x02" * 500, bytes(100)])
def test_what_is_no_graph_is_one_line(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(data)
    with pytest.raises(ModelUnavailable) as refused:
        open_graph(str(tmp_path / "m.onnx"))
    assert "\n" not in str(refused.value)


def test_data_beside_the_graph_is_taken_also_from_the_hubs_cache(tmp_path: Path) -> None:
    snapshot, blobs = tmp_path / "models--a--b" / "snapshots" / "1" / "onnx", tmp_path / "models--a--b" / "blobs"
    snapshot.mkdir(parents=True)
    blobs.mkdir()
    (blobs / "x").write_bytes(bytes(16))
    (snapshot / "m.onnx_data").symlink_to(blobs / "x")
    (snapshot / "near.data").write_bytes(bytes(16))
    assert _is_inside(str(snapshot / "m.onnx"), "m.onnx_data") and _is_inside(str(snapshot / "m.onnx"), "near.data")
    graph(snapshot / "m.onnx")
    assert read(str(snapshot / "m.onnx")).domains == {""}
