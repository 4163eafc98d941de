"""The small models as ONNX exports, in the layouts in which the hub has them.

Every function takes the directory of a model of the builders and an empty or new one, fills that and returns it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.models import builders

SETTINGS = ("config.json", "preprocessor_config.json", "tokenizer.json", "tokenizer_config.json")


def export_clip(source: Path, directory: Path) -> Path:
    """A CLIP with both towers under `onnx/`, texts of any length with a mask."""
    from transformers import CLIPModel

    model = CLIPModel.from_pretrained(source / "0_CLIPModel", local_files_only=True).eval()
    _settings(source / "0_CLIPModel", directory)
    _text(model, directory / "onnx" / "text_model.onnx", "text_embeds", fixed=False)
    _vision(model, directory / "onnx" / "vision_model.onnx", "image_embeds")
    return directory


def export_siglip(source: Path, directory: Path) -> Path:
    """A SigLIP with both towers under `onnx/`, texts always of full length."""
    from transformers import SiglipModel

    model = SiglipModel.from_pretrained(source, local_files_only=True).eval()
    _settings(source, directory)
    _text(model, directory / "onnx" / "text_model.onnx", "pooler_output", fixed=True)
    _vision(model, directory / "onnx" / "vision_model.onnx", "pooler_output")
    return directory


def combine(export: Path, directory: Path) -> Path:
    """The same export with both towers in one graph at the root, as optimum makes it."""
    import onnx

    _settings(export, directory)
    sides = [onnx.load(export / "onnx" / f"{name}.onnx") for name in ("text_model", "vision_model")]
    text, vision = (
        onnx.compose.add_prefix(side, f"{number}/", rename_inputs=False, rename_outputs=False)
        for number, side in enumerate(sides)
    )
    onnx.save(onnx.compose.merge_models(text, vision, io_map=[]), directory / "model.onnx")
    return directory


def quantize(directory: Path, variant: str) -> None:
    """Adds both towers with weights and activations in eight bits."""
    import onnx
    from onnxruntime.quantization import quantize_dynamic

    for name in ("text_model", "vision_model"):
        model = onnx.load(directory / "onnx" / f"{name}.onnx")
        # Shapes of before the export's own optimisation, which the quantiser takes for contradictions.
        del model.graph.value_info[:]
        quantize_dynamic(model, directory / "onnx" / f"{name}_{variant}.onnx")


def _settings(source: Path, directory: Path) -> None:
    """Copies the settings, those of the picture processor to the file in which most repositories have them."""
    directory.mkdir(parents=True, exist_ok=True)
    for name in SETTINGS:
        if (source / name).is_file():
            shutil.copy(source / name, directory)
    if not (directory / "preprocessor_config.json").is_file():
        from transformers import AutoImageProcessor

        AutoImageProcessor.from_pretrained(source, local_files_only=True).save_pretrained(directory)


def _text(model: Any, path: Path, output: str, fixed: bool) -> None:
    import torch

    class Text(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, input_ids: Any, attention_mask: Any = None) -> Any:
            return self.model.get_text_features(input_ids=input_ids, attention_mask=attention_mask).pooler_output

    batch = torch.export.Dim("batch")
    if fixed:
        ids = torch.full((2, builders.SIGLIP_TOKENS), 7)
        _export(Text(), (ids,), path, ["input_ids"], [output], [{0: batch}])
        return
    ids = torch.full((2, 9), 7)
    axes = {0: batch, 1: torch.export.Dim("length")}
    _export(Text(), (ids, torch.ones_like(ids)), path, ["input_ids", "attention_mask"], [output], [axes, axes])


def _vision(model: Any, path: Path, output: str) -> None:
    import torch

    class Vision(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, pixel_values: Any) -> Any:
            return self.model.get_image_features(pixel_values=pixel_values).pooler_output

    pixels = torch.zeros(2, 3, builders.SIDE, builders.SIDE)
    _export(Vision(), (pixels,), path, ["pixel_values"], [output], [{0: torch.export.Dim("batch")}])


def _export(
    module: Any, given: tuple[Any, ...], path: Path, inputs: list[str], outputs: list[str], axes: Sequence[Any]
) -> None:
    import torch

    path.parent.mkdir(parents=True, exist_ok=True)
    torch.onnx.export(
        module.eval(),
        given,
        str(path),
        input_names=inputs,
        output_names=outputs,
        dynamic_shapes=tuple(axes),
        dynamo=True,
        external_data=False,
        optimize=False,
        verbose=False,
    )


def into_cache(source: Path, cache: Path, hub_id: str, commit: str, names: Iterator[Path]) -> Path:
    """Files of a model as the hub's client keeps them: blobs with links to them. Returns the snapshot."""
    repository = cache / f"models--{hub_id.replace('/', '--')}"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(commit)
    (repository / "blobs").mkdir()
    snapshot = repository / "snapshots" / commit
    for number, path in enumerate(names):
        blob = repository / "blobs" / f"{number:040x}"
        shutil.copy(path, blob)
        link = snapshot / path.relative_to(source)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(blob)
    return snapshot
