"""Models of real architecture and size with random weights, in the layouts of the hub, for the benchmarks.

The processors and what surrounds them come from the builders of the tests; only sizes differ. Tokenizers stay those of
the tests, so the embeddings of words are smaller than the published ones; pictures do not pass through them.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.models import builders

REDUCED_PIXELS = 640 * 640
"""Most pixels that the reduced Qwen3-VL sees of a picture."""


def make_model(name: str, folder: Path) -> str:
    """The directory of a model, made where it is not there yet. Raises KeyError for a name not in `MODELS`."""
    directory = folder / name
    if not (directory / "done").exists():
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        MODELS[name](directory)
        (directory / "done").touch()
    return str(directory)


def _clip_b32(directory: Path) -> None:
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPProcessor

    builders.make_clip(directory)
    inner = directory / "0_CLIPModel"
    tokenizer = CLIPProcessor.from_pretrained(inner).tokenizer
    text = {"vocab_size": len(tokenizer), "eos_token_id": tokenizer.eos_token_id}
    _save(CLIPModel, CLIPConfig(text_config=text), inner)
    CLIPProcessor(image_processor=CLIPImageProcessor(), tokenizer=tokenizer).save_pretrained(inner)


def _siglip2_base(directory: Path) -> None:
    from transformers import SiglipConfig, SiglipImageProcessor, SiglipModel, SiglipProcessor

    builders.make_siglip(directory)
    tokenizer = SiglipProcessor.from_pretrained(directory).tokenizer
    text = {"vocab_size": len(tokenizer), "pad_token_id": tokenizer.pad_token_id}
    _save(SiglipModel, SiglipConfig(text_config=text), directory)
    images = SiglipImageProcessor(size={"height": 224, "width": 224}, resample=2)
    SiglipProcessor(image_processor=images, tokenizer=tokenizer).save_pretrained(directory)


def _qwen3_vl_small(directory: Path) -> None:
    from transformers import Qwen3VLConfig, Qwen3VLForConditionalGeneration, Qwen3VLProcessor
    from transformers.models.qwen2_vl.image_processing_qwen2_vl import Qwen2VLImageProcessor

    builders.make_qwen3vl(directory)
    config = Qwen3VLConfig.from_pretrained(directory)
    for part, changes in ((config.vision_config, VISION), (config.text_config, TEXT)):
        for key, value in changes.items():
            setattr(part, key, value)
    _save(Qwen3VLForConditionalGeneration, config, directory)
    builders.reset(directory / "1_Pooling", "config.json", word_embedding_dimension=TEXT["hidden_size"])
    processor = Qwen3VLProcessor.from_pretrained(directory)
    size = {"shortest_edge": 256 * 256, "longest_edge": REDUCED_PIXELS}
    half = [0.5] * 3
    processor.image_processor = Qwen2VLImageProcessor(patch_size=16, size=size, image_mean=half, image_std=half)
    processor.save_pretrained(directory)


VISION = {"depth": 6, "hidden_size": 384, "intermediate_size": 1536, "num_heads": 6, "patch_size": 16,
          "out_hidden_size": 512, "num_position_embeddings": 2304, "deepstack_visual_indexes": [1, 3, 5]}  # fmt: skip
TEXT = {"hidden_size": 512, "intermediate_size": 1536, "num_hidden_layers": 6, "num_attention_heads": 8,
        "num_key_value_heads": 4, "head_dim": 64}  # fmt: skip
MODELS: dict[str, Callable[[Path], None]] = {
    "clip-b32": _clip_b32,
    "siglip2-base": _siglip2_base,
    "qwen3-vl-small": _qwen3_vl_small,
}


def _save(kind: Any, config: Any, directory: Path) -> None:
    import torch

    torch.manual_seed(20)
    kind(config).save_pretrained(directory)
