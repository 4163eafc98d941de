"""What the repositories of Qwen3-VL and of the models on Qwen2.5-Omni say besides their weights.

Imports nothing heavy.
"""

from __future__ import annotations

from typing import Any

from mmsearch.models.blueprint import (
    CLIP_MEAN,
    CLIP_STD,
    HALVES,
    SENTENCE_TRANSFORMERS,
    Architecture,
    Files,
    Tokens,
    embedding,
)

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


def qwen3_vl_embedding(large: bool) -> Architecture:
    """Qwen3-VL-Embedding with 2 or 8 billion parameters."""
    return _qwen3_vl(large, embedding(4096 if large else 2048, ("text", "image", "video")), CHAT)


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


def omni() -> Architecture:
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
        **embedding(2048, ("text", "image", "video", "audio")),
    }  # fmt: skip
    return Architecture(files, tokens)


def qwen3_vl_reranker(large: bool) -> Architecture:
    """Qwen3-VL-Reranker with 2 or 8 billion parameters."""
    return _qwen3_vl(large, _answering(), PAIR)
