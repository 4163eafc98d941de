"""What a repository of each model of the catalog says besides its weights: sizes, processors, prompts, special tokens.

A small table of facts, as plain data in the form of the files that a hub repository has. Imports nothing heavy; knows
nothing of weights or devices.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

from mmsearch.models import qwen
from mmsearch.models.blueprint import (
    CLIP_MEAN,
    CLIP_STD,
    HALVES,
    SENTENCE_TRANSFORMERS,
    Architecture,
    Tokens,
    embedding,
)

DEPTHS = ("num_hidden_layers", "depth", "encoder_layers", "n_layers")
"""How configurations call the number of layers of a tower."""
LAYER_LISTS = ("deepstack_visual_indexes", "fullatt_block_indexes")
"""Lists of layers by number, which must stay within the depth."""


def find(name: str, layers: int | None = None) -> Architecture | None:
    """The architecture of the model with this short name, None where it is not part of transformers.

    With `layers` every tower keeps its width and has at most so many layers.
    """
    build = ARCHITECTURES.get(name)
    if build is None:
        return None
    found = build()
    if layers is None:
        return found
    files = {
        path: _cut(content, layers) if path.endswith("config.json") else content
        for path, content in found.files.items()
    }
    return Architecture(files, found.tokens)


def _cut(content: Any, layers: int) -> Any:
    """A configuration with at most so many layers in each of its parts."""
    if not isinstance(content, Mapping):
        return content
    short = {key: _cut(value, layers) for key, value in copy.deepcopy(dict(content)).items()}
    for key in DEPTHS:
        if isinstance(short.get(key), int):
            short[key] = min(layers, short[key])
    for key in LAYER_LISTS:
        if key in short:
            short[key] = [min(number, layers - 1) for number in short[key]]
    return short


def _clip_tokens(folder: str = "") -> Tokens:
    start, end = "<|startoftext|>", "<|endoftext|>"
    return Tokens(
        size=49_408, special={start: 49_406, end: 49_407}, pad=end, unknown=end, limit=77,
        before=(start,), after=(end,), folder=folder, roles={"bos_token": start, "eos_token": end},
    )  # fmt: skip


def _clip_config(patch: int, large: bool) -> dict[str, Any]:
    text, vision = (768, 1024) if large else (512, 768)
    return {
        "architectures": ["CLIPModel"],
        "model_type": "clip",
        "projection_dim": text,
        "logit_scale_init_value": 2.6592,
        "text_config": {
            "model_type": "clip_text_model", "vocab_size": 49_408, "max_position_embeddings": 77, "hidden_size": text,
            "intermediate_size": 4 * text, "num_hidden_layers": 12, "num_attention_heads": text // 64,
            "projection_dim": text, "bos_token_id": 49_406, "eos_token_id": 49_407, "pad_token_id": 49_407,
        },
        "vision_config": {
            "model_type": "clip_vision_model", "hidden_size": vision, "intermediate_size": 4 * vision,
            "num_hidden_layers": 24 if large else 12, "num_attention_heads": vision // 64, "image_size": 224,
            "patch_size": patch, "projection_dim": text,
        },
    }  # fmt: skip


def _clip_processor() -> dict[str, Any]:
    return {
        "image_processor_type": "CLIPImageProcessor", "do_resize": True, "size": {"shortest_edge": 224}, "resample": 3,
        "do_center_crop": True, "crop_size": {"height": 224, "width": 224}, "do_rescale": True, "do_normalize": True,
        "image_mean": CLIP_MEAN, "image_std": CLIP_STD,
    }  # fmt: skip


def _clip(patch: int, large: bool = False) -> Architecture:
    """CLIP as `sentence-transformers/clip-ViT-*` is laid out: one module in a folder of its own."""
    folder = "0_CLIPModel"
    module = {"idx": 0, "name": "0", "path": folder, "type": "sentence_transformers.models.CLIPModel"}
    files = {
        "modules.json": [module],
        SENTENCE_TRANSFORMERS: {"__version__": {"sentence_transformers": "2.0.0"}},
        f"{folder}/config.json": _clip_config(patch, large),
        f"{folder}/preprocessor_config.json": _clip_processor(),
    }
    return Architecture(files, _clip_tokens(folder))


def _plain_clip(patch: int, large: bool = False) -> Architecture:
    """CLIP in plain transformers files."""
    files = {"config.json": _clip_config(patch, large), "preprocessor_config.json": _clip_processor()}
    return Architecture(files, _clip_tokens())


def _siglip2(width: int, inner: int, layers: int, heads: int, patch: int, side: int) -> Architecture:
    """SigLIP 2 at a fixed size, in plain transformers files; the two towers have the same shape."""
    tower = {
        "hidden_size": width,
        "intermediate_size": inner,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "hidden_act": "gelu_pytorch_tanh",
    }
    config = {
        "architectures": ["SiglipModel"],
        "model_type": "siglip",
        "text_config": {
            **tower, "model_type": "siglip_text_model", "vocab_size": 256_000, "max_position_embeddings": 64,
            "projection_size": width, "pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 1,
        },
        "vision_config": {**tower, "model_type": "siglip_vision_model", "image_size": side, "patch_size": patch},
    }  # fmt: skip
    processor = {
        "processor_class": "SiglipProcessor", "image_processor_type": "SiglipImageProcessor", "do_resize": True,
        "size": {"height": side, "width": side}, "resample": 2, "do_rescale": True, "do_normalize": True,
        "image_mean": HALVES, "image_std": HALVES,
    }  # fmt: skip
    tokens = Tokens(
        size=256_000, special={"<pad>": 0, "<eos>": 1, "<bos>": 2, "<unk>": 3}, pad="<pad>", unknown="<unk>", limit=64,
        after=("<eos>",), inputs=("input_ids",), roles={"bos_token": "<bos>", "eos_token": "<eos>"},
    )  # fmt: skip
    return Architecture({"config.json": config, "preprocessor_config.json": processor}, tokens)


def _llava_next() -> Architecture:
    """LLaVA-NeXT on Mistral 7B, as BGE-VL-MLLM is built."""
    grid = [[336, 672], [672, 336], [672, 672], [1008, 336], [336, 1008]]
    config = {
        "architectures": ["LlavaNextForConditionalGeneration"],
        "model_type": "llava_next",
        "image_token_index": 32_000,
        "image_grid_pinpoints": grid,
        "vision_feature_layer": -2,
        "vision_feature_select_strategy": "default",
        "text_config": {
            "model_type": "mistral", "vocab_size": 32_005, "hidden_size": 4096, "intermediate_size": 14_336,
            "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8, "rms_norm_eps": 1e-5,
            "max_position_embeddings": 32_768, "sliding_window": None,
            "rope_parameters": {"rope_type": "default", "rope_theta": 1_000_000.0},
        },
        "vision_config": {
            "model_type": "clip_vision_model", "hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24,
            "num_attention_heads": 16, "image_size": 336, "patch_size": 14, "projection_dim": 768,
        },
    }  # fmt: skip
    pixels = {
        **_clip_processor(), "image_processor_type": "LlavaNextImageProcessor", "size": {"shortest_edge": 336},
        "crop_size": {"height": 336, "width": 336}, "image_grid_pinpoints": grid, "do_pad": True,
    }  # fmt: skip
    processor = {
        "processor_class": "LlavaNextProcessor", "patch_size": 14, "vision_feature_select_strategy": "default",
        "num_additional_image_tokens": 1, "image_token": "<image>",
    }  # fmt: skip
    tokens = Tokens(
        size=32_005, special={"<unk>": 0, "<s>": 1, "</s>": 2, "<image>": 32_000, "<pad>": 32_001}, pad="<pad>",
        unknown="<unk>", limit=32_768, before=("<s>",), roles={"bos_token": "<s>", "eos_token": "</s>"},
    )  # fmt: skip
    files = {
        "config.json": config,
        "preprocessor_config.json": pixels,
        "processor_config.json": processor,
        "chat_template.jinja": SHOW_LLAVA,
        **embedding(4096, ("text", "image")),
    }
    return Architecture(files, tokens)


SHOW_LLAVA = """{{ '[INST] ' }}
{%- for message in messages -%}
{%- if message.content is string -%}{{ message.content }}
{%- else -%}{%- for part in message.content -%}
{%- if part.type == 'image' -%}{{ '<image>\n' }}{%- else -%}{{ part.text }}{%- endif -%}
{%- endfor -%}{%- endif -%}
{%- endfor -%}
{{ ' [/INST]' }}"""


def _multilingual_clip() -> Architecture:
    """The text tower that was taught the vectors of CLIP B/32: a DistilBERT and a projection."""
    config = {
        "architectures": ["DistilBertModel"], "model_type": "distilbert", "vocab_size": 119_547, "dim": 768,
        "hidden_dim": 3072, "n_layers": 6, "n_heads": 12, "max_position_embeddings": 512,
    }  # fmt: skip
    base = "sentence_transformers.models."
    names = ("Transformer", ""), ("Pooling", "1_Pooling"), ("Dense", "2_Dense")
    tokens = Tokens(
        size=119_547, special={"[PAD]": 0, "[UNK]": 100, "[CLS]": 101, "[SEP]": 102, "[MASK]": 103}, pad="[PAD]",
        unknown="[UNK]", limit=128, before=("[CLS]",), after=("[SEP]",),
        roles={"cls_token": "[CLS]", "sep_token": "[SEP]", "mask_token": "[MASK]"},
    )  # fmt: skip
    files = {
        "config.json": config,
        "modules.json": [
            {"idx": index, "name": str(index), "path": path, "type": base + name}
            for index, (name, path) in enumerate(names)
        ],
        "sentence_bert_config.json": {"max_seq_length": 128, "do_lower_case": False},
        "1_Pooling/config.json": {"word_embedding_dimension": 768, "pooling_mode_mean_tokens": True},
        "2_Dense/config.json": {
            "in_features": 768,
            "out_features": 512,
            "bias": False,
            "activation_function": "torch.nn.modules.linear.Identity",
        },
        "2_Dense/model.safetensors": {"linear.weight": (512, 768)},
    }
    return Architecture(files, tokens)


def _text_reranker(kind: str, sizes: Mapping[str, Any], tokens: Tokens) -> Architecture:
    """A text encoder with one score, as the first rerankers were published: no `modules.json`."""
    config = {"architectures": [f"{kind}ForSequenceClassification"], "id2label": {"0": "LABEL_0"}, **sizes}
    return Architecture({"config.json": config}, tokens)


def _minilm() -> Architecture:
    sizes = {
        "model_type": "bert", "vocab_size": 30_522, "hidden_size": 384, "intermediate_size": 1536,
        "num_hidden_layers": 6, "num_attention_heads": 12, "max_position_embeddings": 512, "type_vocab_size": 2,
    }  # fmt: skip
    tokens = Tokens(
        size=30_522, special={"[PAD]": 0, "[UNK]": 100, "[CLS]": 101, "[SEP]": 102, "[MASK]": 103}, pad="[PAD]",
        unknown="[UNK]", limit=512, before=("[CLS]",), after=("[SEP]",),
        inputs=("input_ids", "token_type_ids", "attention_mask"),
        roles={"cls_token": "[CLS]", "sep_token": "[SEP]", "mask_token": "[MASK]"},
    )  # fmt: skip
    return _text_reranker("Bert", sizes, tokens)


def _bge_m3() -> Architecture:
    sizes = {
        "model_type": "xlm-roberta", "vocab_size": 250_002, "hidden_size": 1024, "intermediate_size": 4096,
        "num_hidden_layers": 24, "num_attention_heads": 16, "max_position_embeddings": 8194, "type_vocab_size": 1,
        "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2,
    }  # fmt: skip
    tokens = Tokens(
        size=250_002, special={"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3, "<mask>": 250_001}, pad="<pad>",
        unknown="<unk>", limit=8192, before=("<s>",), after=("</s>",),
        roles={"bos_token": "<s>", "eos_token": "</s>", "cls_token": "<s>", "sep_token": "</s>"},
    )  # fmt: skip
    return _text_reranker("XLMRoberta", sizes, tokens)


ARCHITECTURES: Mapping[str, Callable[[], Architecture]] = {
    "qwen3-vl-2b": lambda: qwen.qwen3_vl_embedding(large=False),
    "qwen3-vl-8b": lambda: qwen.qwen3_vl_embedding(large=True),
    "qwen3-vl-reranker-2b": lambda: qwen.qwen3_vl_reranker(large=False),
    "qwen3-vl-reranker-8b": lambda: qwen.qwen3_vl_reranker(large=True),
    "omni-nemotron-3b": qwen.omni,
    "lco-omni-3b": qwen.omni,
    "bge-vl-base": lambda: _plain_clip(16),
    "bge-vl-large": lambda: _plain_clip(14, large=True),
    "bge-vl-mllm-s1": _llava_next,
    "bge-vl-mllm-s2": _llava_next,
    "clip-b32": lambda: _clip(32),
    "clip-b16": lambda: _clip(16),
    "clip-l14": lambda: _clip(14, large=True),
    "clip-b32-multilingual": _multilingual_clip,
    "siglip2-base": lambda: _siglip2(768, 3072, 12, 12, 16, 224),
    "siglip2-so400m": lambda: _siglip2(1152, 4304, 27, 16, 14, 384),
    "bge-reranker-v2-m3": _bge_m3,
    "ms-marco-minilm-l6": _minilm,
}
