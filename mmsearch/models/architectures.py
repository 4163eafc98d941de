"""What a repository of each model of the catalog says besides its weights: sizes, processors, prompts, special tokens.

A small table of facts, as plain data in the form of the files that a hub repository has. Imports nothing heavy; knows
nothing of weights or devices.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Files = Mapping[str, Any]
"""Content by path inside the repository: text, or what becomes JSON."""

SENTENCE_TRANSFORMERS = "config_sentence_transformers.json"
DEPTHS = ("num_hidden_layers", "depth", "encoder_layers", "n_layers")
"""How configurations call the number of layers of a tower."""
LAYER_LISTS = ("deepstack_visual_indexes", "fullatt_block_indexes")
"""Lists of layers by number, which must stay within the depth."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a stand-in tokenizer shares with the real one.

    Attributes:
        size: how many tokens there are.
        special: number of each special token.
        pad, unknown: which of the special tokens pads, and which stands for what has no token.
        before, after: special tokens put around a text.
        limit: most tokens of a text.
        inputs: what the tokenizer gives a model.
        folder: where in the repository its files lie.
        roles: further special tokens by the name of the tokenizer's attribute.
        extra: special tokens that only this kind of tokenizer has, likewise.
        words: ordinary tokens whose numbers matter.
    """

    size: int
    special: Mapping[str, int]
    pad: str
    unknown: str
    limit: int
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ("input_ids", "attention_mask")
    folder: str = ""
    roles: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, str] = field(default_factory=dict)
    words: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Architecture:
    """A repository without weights: `files` holds everything but the tokenizer, which `tokens` describes.

    Small weights that Sentence Transformers reads itself are given by their shapes, in a `.safetensors` file.
    """

    files: Files
    tokens: Tokens


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


CLIP_MEAN = [0.48145466, 0.4578275, 0.40821073]
CLIP_STD = [0.26862954, 0.26130258, 0.27577711]
HALVES = [0.5, 0.5, 0.5]


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


QWEN_SPECIAL = {
    "<|endoftext|>": 151_643, "<|im_start|>": 151_644, "<|im_end|>": 151_645, "<|vision_start|>": 151_652,
    "<|vision_end|>": 151_653, "<|vision_pad|>": 151_654, "<|image_pad|>": 151_655, "<|video_pad|>": 151_656,
}  # fmt: skip
QWEN_VOCABULARY = 151_936
QWEN_YES, QWEN_NO = 9693, 2152
QWEN3_VL_PIXELS = (4 * 32 * 32, 1800 * 32 * 32)
QWEN3_VL_CLIP_PIXELS = (4 * 32 * 32, 2 * 7_864_320)
"""Bounds for the pixels of all frames of a clip together."""

SHOW_QWEN = """{%- macro show(content) -%}
{%- if content is string -%}{{ content }}
{%- else -%}{%- for part in content -%}
{%- if part.type == 'image' -%}<|vision_start|><|image_pad|><|vision_end|>
{%- elif part.type == 'video' -%}<|vision_start|><|video_pad|><|vision_end|>
{%- else -%}{{ part.text }}{%- endif -%}
{%- endfor -%}{%- endif -%}
{%- endmacro -%}
"""
CHAT = """{%- if messages[0].role != 'system' -%}
{{ "<|im_start|>system\nRepresent the user's input.<|im_end|>\n" }}
{%- endif -%}
{%- for message in messages -%}
{{ '<|im_start|>' + message.role + '\n' + show(message.content) + '<|im_end|>\n' }}
{%- endfor -%}
{{ '<|im_start|>assistant\n' }}"""
PAIR = """{%- set query = messages | selectattr('role', 'eq', 'query') | first -%}
{%- set document = messages | selectattr('role', 'eq', 'document') | first -%}
{{ '<|im_start|>system\nJudge whether the Document meets the requirements based on the Query and the Instruct '
   + 'provided. Note that the answer can only be "yes" or "no".<|im_end|>\n<|im_start|>user\n' }}
{{- '<Instruct>: Given a search query, retrieve relevant candidates that answer the query.\n' }}
{{- '<Query>: ' + show(query.content) + '\n<Document>: ' + show(document.content) }}
{{- '<|im_end|>\n<|im_start|>assistant\n' }}"""


def _qwen3_vl(large: bool, files: Files, template: str) -> Architecture:
    """Qwen3-VL with 2 or 8 billion parameters, with the modules that `files` describe."""
    rope = {"rope_type": "default", "rope_theta": 5_000_000.0, "mrope_section": [24, 20, 20], "mrope_interleaved": True}
    width = 4096 if large else 2048
    config = {
        "architectures": ["Qwen3VLForConditionalGeneration"],
        "model_type": "qwen3_vl",
        "tie_word_embeddings": not large,
        "text_config": {
            "model_type": "qwen3_vl_text", "vocab_size": QWEN_VOCABULARY, "hidden_size": width,
            "intermediate_size": 3 * width, "num_hidden_layers": 36 if large else 28,
            "num_attention_heads": 32 if large else 16, "num_key_value_heads": 8, "head_dim": 128,
            "max_position_embeddings": 262_144, "rope_parameters": rope, "tie_word_embeddings": not large,
        },
        "vision_config": {
            "model_type": "qwen3_vl_vision", "depth": 27 if large else 24, "hidden_size": 1152 if large else 1024,
            "intermediate_size": 4304 if large else 4096, "num_heads": 16, "patch_size": 16, "out_hidden_size": width,
            "deepstack_visual_indexes": [8, 16, 24] if large else [5, 11, 17],
        },
    }  # fmt: skip
    tokens = Tokens(
        size=QWEN_VOCABULARY, special=QWEN_SPECIAL, pad="<|endoftext|>", unknown="<|endoftext|>", limit=32_768,
        roles={"eos_token": "<|im_end|>"}, words={"yes": QWEN_YES, "no": QWEN_NO},
    )  # fmt: skip
    return Architecture(
        {
            "config.json": config,
            "preprocessor_config.json": _qwen_pixels("Qwen2VLImageProcessor", "Qwen3VLProcessor", QWEN3_VL_PIXELS, 16),
            "video_preprocessor_config.json": {
                **_qwen_pixels("", "Qwen3VLProcessor", QWEN3_VL_CLIP_PIXELS, 16),
                "video_processor_type": "Qwen3VLVideoProcessor",
            },
            "chat_template.jinja": SHOW_QWEN + template,
            **files,
        },
        tokens,
    )


def _qwen_pixels(kind: str, processor: str, pixels: tuple[int, int], patch: int) -> dict[str, Any]:
    settings = {
        "processor_class": processor, "size": {"shortest_edge": pixels[0], "longest_edge": pixels[1]}, "resample": 3,
        "patch_size": patch, "merge_size": 2, "temporal_patch_size": 2, "do_resize": True, "do_rescale": True,
        "do_normalize": True, "image_mean": HALVES if patch == 16 else CLIP_MEAN,
        "image_std": HALVES if patch == 16 else CLIP_STD,
    }  # fmt: skip
    return {**settings, "image_processor_type": kind} if kind else settings


def _embedding(width: int, kinds: tuple[str, ...], pooling: str = "lasttoken") -> dict[str, Any]:
    """The files of Sentence Transformers for a chat model whose last state, at unit length, is the vector."""
    call = {"method": "forward", "method_output_name": "last_hidden_state"}
    base = "sentence_transformers.models."
    names = ("Transformer", ""), ("Pooling", "1_Pooling"), ("Normalize", "2_Normalize")
    return {
        "modules.json": [
            {"idx": index, "name": str(index), "path": path, "type": base + name}
            for index, (name, path) in enumerate(names)
        ],
        "1_Pooling/config.json": {
            "word_embedding_dimension": width,
            "pooling_mode_mean_tokens": pooling == "mean",
            "pooling_mode_lasttoken": pooling == "lasttoken",
        },
        "2_Normalize/config.json": {},
        "sentence_bert_config.json": {
            "transformer_task": "feature-extraction",
            "modality_config": {**dict.fromkeys(kinds, call), "message": {**call, "format": "structured"}},
            "module_output_name": "token_embeddings",
        },
        SENTENCE_TRANSFORMERS: {"model_type": "SentenceTransformer", "similarity_fn_name": "cosine"},
    }


def _answering() -> dict[str, Any]:
    """The files of Sentence Transformers for a chat model that scores a pair by answering yes or no."""
    call = {"method": "forward", "method_output_name": "logits"}
    return {
        "modules.json": [
            {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.base.modules.transformer.Transformer"},
            {
                "idx": 1,
                "name": "1",
                "path": "1_LogitScore",
                "type": "sentence_transformers.cross_encoder.modules.logit_score.LogitScore",
            },
        ],
        "1_LogitScore/config.json": {"true_token_id": QWEN_YES, "false_token_id": QWEN_NO},
        "sentence_bert_config.json": {
            "transformer_task": "any-to-any",
            "modality_config": {
                **dict.fromkeys(("text", "image", "video"), call),
                "message": {**call, "format": "structured"},
            },
            "module_output_name": "causal_logits",
        },
        SENTENCE_TRANSFORMERS: {"model_type": "CrossEncoder", "activation_fn": "torch.nn.modules.linear.Identity"},
    }


def _qwen3_vl_embedding(large: bool) -> Architecture:
    return _qwen3_vl(large, _embedding(4096 if large else 2048, ("text", "image", "video")), CHAT)


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
        **_embedding(4096, ("text", "image")),
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

OMNI_SPECIAL = {
    "<|endoftext|>": 151_643, "<|im_start|>": 151_644, "<|im_end|>": 151_645, "<|AUDIO|>": 151_646,
    "<|audio_bos|>": 151_647, "<|audio_eos|>": 151_648, "<|vision_bos|>": 151_652, "<|vision_eos|>": 151_653,
    "<|vision_pad|>": 151_654, "<|IMAGE|>": 151_655, "<|VIDEO|>": 151_656,
}  # fmt: skip
OMNI_ROLES = {
    "image_token": "<|IMAGE|>", "audio_token": "<|AUDIO|>", "video_token": "<|VIDEO|>", "vision_bos_token":
    "<|vision_bos|>", "vision_eos_token": "<|vision_eos|>", "audio_bos_token": "<|audio_bos|>", "audio_eos_token":
    "<|audio_eos|>",
}  # fmt: skip
SHOW_OMNI = """{%- macro show(content) -%}
{%- if content is string -%}{{ content }}
{%- else -%}{%- for part in content -%}
{%- if part.type == 'image' -%}<|vision_bos|><|IMAGE|><|vision_eos|>
{%- elif part.type == 'video' -%}<|vision_bos|><|VIDEO|><|vision_eos|>
{%- elif part.type == 'audio' -%}<|audio_bos|><|AUDIO|><|audio_eos|>
{%- else -%}{{ part.text }}{%- endif -%}
{%- endfor -%}{%- endif -%}
{%- endmacro -%}
"""
OMNI_PIXELS = (3136, 12_845_056)
OMNI_CLIP_PIXELS = (128 * 28 * 28, 768 * 28 * 28)


def _omni() -> Architecture:
    """The part of Qwen2.5-Omni 3B that reads: text, pictures, video and sound."""
    config = {
        "architectures": ["Qwen2_5OmniThinkerForConditionalGeneration"],
        "model_type": "qwen2_5_omni_thinker",
        "tie_word_embeddings": False,
        "audio_token_index": 151_646,
        "image_token_index": 151_655,
        "video_token_index": 151_656,
        "audio_start_token_id": 151_647,
        "audio_end_token_id": 151_648,
        "vision_start_token_id": 151_652,
        "vision_end_token_id": 151_653,
        "text_config": {
            "model_type": "qwen2_5_omni_text", "vocab_size": QWEN_VOCABULARY, "hidden_size": 2048,
            "intermediate_size": 11_008, "num_hidden_layers": 36, "num_attention_heads": 16, "num_key_value_heads": 2,
            "max_position_embeddings": 32_768, "max_window_layers": 70, "tie_word_embeddings": False,
            "rope_parameters": {"rope_type": "default", "rope_theta": 1_000_000.0, "mrope_section": [16, 24, 24]},
        },
        "vision_config": {
            "model_type": "qwen2_5_omni_vision_encoder", "depth": 32, "hidden_size": 1280, "intermediate_size": 3420,
            "num_heads": 16, "patch_size": 14, "window_size": 112, "out_hidden_size": 2048,
            "fullatt_block_indexes": [7, 15, 23, 31],
        },
        "audio_config": {
            "model_type": "qwen2_5_omni_audio_encoder", "num_mel_bins": 128, "encoder_layers": 32, "d_model": 1280,
            "encoder_attention_heads": 20, "encoder_ffn_dim": 5120, "max_source_positions": 1500, "n_window": 100,
            "output_dim": 2048,
        },
    }  # fmt: skip
    sound = {
        "feature_extractor_type": "WhisperFeatureExtractor", "feature_size": 128, "sampling_rate": 16_000,
        "hop_length": 160, "chunk_length": 300, "n_fft": 400, "n_samples": 4_800_000, "nb_max_frames": 30_000,
        "padding_side": "right", "padding_value": 0.0, "return_attention_mask": True, "dither": 0.0,
    }  # fmt: skip
    tokens = Tokens(
        size=QWEN_VOCABULARY, special=OMNI_SPECIAL, pad="<|endoftext|>", unknown="<|endoftext|>", limit=32_768,
        roles={"eos_token": "<|im_end|>"}, extra=OMNI_ROLES,
    )  # fmt: skip
    files = {
        "config.json": config,
        "preprocessor_config.json": {
            **_qwen_pixels("Qwen2VLImageProcessor", "Qwen2_5OmniProcessor", OMNI_PIXELS, 14), **sound,
        },
        "video_preprocessor_config.json": {
            **_qwen_pixels("", "Qwen2_5OmniProcessor", OMNI_CLIP_PIXELS, 14),
            "video_processor_type": "Qwen2VLVideoProcessor",
        },
        "chat_template.jinja": SHOW_OMNI + CHAT,
        **_embedding(2048, ("text", "image", "video", "audio")),
    }  # fmt: skip
    return Architecture(files, tokens)


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
    "qwen3-vl-2b": lambda: _qwen3_vl_embedding(large=False),
    "qwen3-vl-8b": lambda: _qwen3_vl_embedding(large=True),
    "qwen3-vl-reranker-2b": lambda: _qwen3_vl(False, _answering(), PAIR),
    "qwen3-vl-reranker-8b": lambda: _qwen3_vl(True, _answering(), PAIR),
    "omni-nemotron-3b": _omni,
    "lco-omni-3b": _omni,
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
