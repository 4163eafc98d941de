"""Small models with random weights, saved in the layouts in which the real ones are published on the hub.

Every builder takes an empty or new directory, fills it and returns it. Same call, same weights.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

WORDS = ["red", "blue", "car", "sunset", "beach", "invoice", "dog", "cat", "yes", "no", "the", "on"]
CLIP_TOKENS = 77
SIGLIP_TOKENS = 64
CLAP_RATE = 8000
SIDE = 32
"""Pixels along each edge of what the fixed-size towers see."""

EMBEDDING_PROMPTS = {"query": "Find what this describes.", "document": "Represent the input."}

QWEN_SPECIALS = [
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|vision_pad|>",
    "<|image_pad|>",
    "<|video_pad|>",
]

PART_MACRO = """
{%- macro show(content) -%}
{%- if content is string -%}{{ content }}
{%- else -%}{%- for part in content -%}
{%- if part.type == 'image' -%}<|vision_start|><|image_pad|><|vision_end|>
{%- elif part.type == 'video' -%}<|vision_start|><|video_pad|><|vision_end|>
{%- else -%}{{ part.text }}
{%- endif -%}
{%- endfor -%}{%- endif -%}
{%- endmacro -%}
"""
EMBEDDING_TEMPLATE = (
    PART_MACRO
    + """
{%- for message in messages -%}
{{ '<|im_start|>' + message.role + '\n' + show(message.content) + '<|im_end|>\n' }}
{%- endfor -%}
{{ '<|im_start|>assistant\n' }}
"""
).strip("\n")
RERANKER_TEMPLATE = (
    PART_MACRO
    + """
{%- set asked = messages | selectattr('role', 'eq', 'query') | first -%}
{%- set given = messages | selectattr('role', 'eq', 'document') | first -%}
{{ '<|im_start|>system\nSay yes or no.<|im_end|>\n<|im_start|>user\n' }}
{{- '<Query>:' + show(asked.content) + '\n<Document>:' + show(given.content) }}
{{- '<|im_end|>\n<|im_start|>assistant\n' }}
"""
).strip("\n")


def make_clip(directory: Path) -> Path:
    """A CLIP as `clip-ViT-B-32` is published: `modules.json` naming a CLIPModel module in a folder of its own."""
    from transformers import CLIPConfig, CLIPModel, CLIPProcessor

    inner = directory / "0_CLIPModel"
    tower: dict[str, Any] = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
    }
    tokenizer = _clip_tokenizer()
    text = tower | {
        "vocab_size": len(tokenizer),
        "max_position_embeddings": CLIP_TOKENS,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    config = CLIPConfig(
        text_config=text, vision_config=tower | {"image_size": SIDE, "patch_size": 8}, projection_dim=16
    )
    _seed()
    _spread(CLIPModel(config)).save_pretrained(inner)
    CLIPProcessor(image_processor=_clip_image_processor(), tokenizer=tokenizer).save_pretrained(inner)
    module = "sentence_transformers.models.CLIPModel"
    _write(directory / "modules.json", [{"idx": 0, "name": "0", "path": "0_CLIPModel", "type": module}])
    _write(directory / "config_sentence_transformers.json", {"__version__": {"sentence_transformers": "2.0.0"}})
    return directory


def make_siglip(directory: Path) -> Path:
    """A SigLIP as Google publishes it: plain transformers files, no word of Sentence Transformers."""
    from transformers import SiglipConfig, SiglipModel, SiglipProcessor

    tower: dict[str, Any] = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
    }
    tokenizer = _word_tokenizer(model_input_names=["input_ids"])
    text = tower | {
        "vocab_size": len(tokenizer),
        "max_position_embeddings": SIGLIP_TOKENS,
        "pad_token_id": tokenizer.pad_token_id,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
    }
    config = SiglipConfig(text_config=text, vision_config=tower | {"image_size": SIDE, "patch_size": 8})
    _seed()
    _spread(SiglipModel(config)).save_pretrained(directory)
    SiglipProcessor(image_processor=_siglip_image_processor(), tokenizer=tokenizer).save_pretrained(directory)
    return directory


def make_clap(directory: Path) -> Path:
    """A CLAP, of text and two-second sounds at 8 kHz, in plain transformers files."""
    from transformers import ClapConfig, ClapFeatureExtractor, ClapModel, ClapProcessor

    tokenizer = _word_tokenizer(model_input_names=["input_ids", "attention_mask"])
    text: dict[str, Any] = {
        "vocab_size": len(tokenizer),
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "max_position_embeddings": 128,
        "pad_token_id": tokenizer.pad_token_id,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
    }
    audio: dict[str, Any] = {
        "window_size": 4,
        "num_mel_bins": 16,
        "spec_size": 32,
        "patch_size": 4,
        "patch_stride": [4, 4],
        "patch_embeds_hidden_size": 8,
        "hidden_size": 16,
        "depths": [1, 1],
        "num_attention_heads": [1, 2],
        "num_hidden_layers": 2,
        "enable_fusion": False,
    }
    sizes: dict[str, Any] = {"projection_dim": 16}
    _seed()
    _spread(ClapModel(ClapConfig(text_config=text | sizes, audio_config=audio | sizes, **sizes))).save_pretrained(
        directory
    )
    extractor = ClapFeatureExtractor(
        feature_size=16,
        sampling_rate=CLAP_RATE,
        hop_length=320,
        max_length_s=2,
        fft_window_size=1024,
        frequency_max=CLAP_RATE // 2,
        truncation="rand_trunc",
        padding="repeatpad",
    )
    ClapProcessor(feature_extractor=extractor, tokenizer=tokenizer).save_pretrained(directory)
    return directory


def make_qwen3vl(directory: Path) -> Path:
    """A Qwen3-VL embedding model: last-token pooling and normalisation, with prompts for queries and documents."""
    hidden = _save_qwen3vl(directory, EMBEDDING_TEMPLATE)
    base = "sentence_transformers.models."
    _write(
        directory / "modules.json",
        [
            {"idx": 0, "name": "0", "path": "", "type": base + "Transformer"},
            {"idx": 1, "name": "1", "path": "1_Pooling", "type": base + "Pooling"},
            {"idx": 2, "name": "2", "path": "2_Normalize", "type": base + "Normalize"},
        ],
    )
    (directory / "2_Normalize").mkdir()
    _write(
        directory / "1_Pooling" / "config.json",
        {"word_embedding_dimension": hidden, "pooling_mode_mean_tokens": False, "pooling_mode_lasttoken": True},
    )
    _write(
        directory / "sentence_bert_config.json",
        _multimodal("feature-extraction", "last_hidden_state", "token_embeddings"),
    )
    _write(
        directory / "config_sentence_transformers.json",
        {"model_type": "SentenceTransformer", "prompts": EMBEDDING_PROMPTS, "similarity_fn_name": "cosine"},
    )
    return directory


def make_qwen3vl_reranker(directory: Path) -> Path:
    """A Qwen3-VL reranker: the log-odds of `yes` against `no` after a chat template with both sides of the pair."""
    _save_qwen3vl(directory, RERANKER_TEMPLATE)
    tokens = _byte_tokenizer()
    _write(
        directory / "modules.json",
        [
            {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.base.modules.transformer.Transformer"},
            {
                "idx": 1,
                "name": "1",
                "path": "1_LogitScore",
                "type": "sentence_transformers.cross_encoder.modules.logit_score.LogitScore",
            },
        ],
    )
    _write(
        directory / "1_LogitScore" / "config.json",
        {"true_token_id": tokens.convert_tokens_to_ids("yes"), "false_token_id": tokens.convert_tokens_to_ids("no")},
    )
    _write(directory / "sentence_bert_config.json", _multimodal("any-to-any", "logits", "causal_logits"))
    _write(
        directory / "config_sentence_transformers.json",
        {"model_type": "CrossEncoder", "activation_fn": "torch.nn.modules.linear.Identity"},
    )
    return directory


def make_text_reranker(directory: Path, labels: int = 1) -> Path:
    """A BERT with one label, as the first rerankers were published: no `modules.json`."""
    from transformers import BertConfig, BertForSequenceClassification

    tokenizer = _word_tokenizer(model_input_names=["input_ids", "token_type_ids", "attention_mask"])
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=128,
        num_labels=labels,
    )
    _seed()
    _spread(BertForSequenceClassification(config)).save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    return directory


def make_text_embedder(directory: Path) -> Path:
    """A BERT with mean pooling, as most text-only embedders are published."""
    from transformers import BertConfig, BertModel

    tokenizer = _word_tokenizer(model_input_names=["input_ids", "token_type_ids", "attention_mask"])
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=128,
    )
    _seed()
    _spread(BertModel(config)).save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    base = "sentence_transformers.models."
    _write(
        directory / "modules.json",
        [
            {"idx": 0, "name": "0", "path": "", "type": base + "Transformer"},
            {"idx": 1, "name": "1", "path": "1_Pooling", "type": base + "Pooling"},
        ],
    )
    _write(directory / "sentence_bert_config.json", {"max_seq_length": 128, "do_lower_case": False})
    _write(
        directory / "1_Pooling" / "config.json",
        {"word_embedding_dimension": 32, "pooling_mode_mean_tokens": True},
    )
    return directory


def _save_qwen3vl(directory: Path, template: str) -> int:
    """Weights and processor of a tiny Qwen3-VL; the width of its hidden states."""
    from transformers import Qwen3VLConfig, Qwen3VLForConditionalGeneration, Qwen3VLProcessor
    from transformers.models.qwen2_vl.image_processing_qwen2_vl import Qwen2VLImageProcessor
    from transformers.models.qwen3_vl.video_processing_qwen3_vl import Qwen3VLVideoProcessor

    tokenizer = _byte_tokenizer()
    number = {token: tokenizer.convert_tokens_to_ids(token) for token in QWEN_SPECIALS}
    hidden = 32
    text: dict[str, Any] = {
        "vocab_size": len(tokenizer),
        "hidden_size": hidden,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 16,
        "max_position_embeddings": 4096,
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": 10_000.0,
            "mrope_section": [4, 2, 2],
            "mrope_interleaved": True,
        },
    }
    vision: dict[str, Any] = {
        "depth": 2,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_heads": 2,
        "patch_size": 8,
        "spatial_merge_size": 2,
        "temporal_patch_size": 2,
        "out_hidden_size": hidden,
        "num_position_embeddings": 64,
        "deepstack_visual_indexes": [0, 1],
    }
    config = Qwen3VLConfig(
        text_config=text,
        vision_config=vision,
        image_token_id=number["<|image_pad|>"],
        video_token_id=number["<|video_pad|>"],
        vision_start_token_id=number["<|vision_start|>"],
        vision_end_token_id=number["<|vision_end|>"],
    )
    _seed()
    _spread(Qwen3VLForConditionalGeneration(config)).save_pretrained(directory)
    patches: dict[str, Any] = {"patch_size": 8, "merge_size": 2, "temporal_patch_size": 2}
    normal: dict[str, Any] = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    Qwen3VLProcessor(
        image_processor=Qwen2VLImageProcessor(
            size={"shortest_edge": 32 * 32, "longest_edge": 96 * 96}, **patches, **normal
        ),
        tokenizer=tokenizer,
        video_processor=Qwen3VLVideoProcessor(
            size={"shortest_edge": 32 * 32 * 2, "longest_edge": 64 * 64 * 8}, **patches, **normal
        ),
        chat_template=template,
    ).save_pretrained(directory)
    return hidden


def _multimodal(task: str, output: str, name: str) -> dict[str, Any]:
    """The Transformer module's settings for a model that takes chat messages with pictures and video."""
    call = {"method": "forward", "method_output_name": output}
    return {
        "transformer_task": task,
        "modality_config": {
            "text": call,
            "image": call,
            "video": call,
            "message": call | {"format": "structured"},
        },
        "module_output_name": name,
    }


def _clip_tokenizer() -> Any:
    from transformers import CLIPTokenizer

    letters = _byte_letters()
    tokens = letters + [letter + "</w>" for letter in letters] + ["<|startoftext|>", "<|endoftext|>"]
    return CLIPTokenizer(
        vocab={token: index for index, token in enumerate(tokens)}, merges=[], model_max_length=CLIP_TOKENS
    )


def _byte_tokenizer() -> Any:
    """A byte-level tokenizer with `yes` and `no` as words and Qwen's special tokens."""
    from transformers import Qwen2Tokenizer

    letters = _byte_letters()
    merges = [("y", "e"), ("ye", "s"), ("n", "o")]
    tokens = letters + [first + second for first, second in merges] + QWEN_SPECIALS
    return Qwen2Tokenizer(
        vocab={token: index for index, token in enumerate(tokens)},
        merges=merges,
        unk_token=None,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        additional_special_tokens=QWEN_SPECIALS,
        model_max_length=4096,
    )


def _word_tokenizer(model_input_names: list[str]) -> Any:
    """Words of the tests and single letters, with BERT's frame around one text or a pair."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    letters = [chr(code) for code in range(33, 127)]
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *letters, *("##" + letter for letter in letters), *WORDS]
    vocab = {token: index for index, token in enumerate(tokens)}
    inner = Tokenizer(models.WordPiece(vocab, unk_token="[UNK]", max_input_chars_per_word=200))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    inner.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", vocab["[CLS]"]), ("[SEP]", vocab["[SEP]"])],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=inner,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        bos_token="[CLS]",
        eos_token="[SEP]",
        model_input_names=model_input_names,
    )


def _byte_letters() -> list[str]:
    """The 256 printable stand-ins for bytes that byte-level tokenizers use."""
    from tokenizers.pre_tokenizers import ByteLevel

    return sorted(ByteLevel.alphabet())


def _clip_image_processor() -> Any:
    from transformers import CLIPImageProcessor

    return CLIPImageProcessor(size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE})


def _siglip_image_processor() -> Any:
    from transformers import SiglipImageProcessor

    return SiglipImageProcessor(size={"height": SIDE, "width": SIDE})


def _seed() -> None:
    import torch

    torch.manual_seed(20)


def _spread(model: Any) -> Any:
    """The model with wider random weights: at the usual spread every input gets nearly the same vector."""
    import torch

    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.normal_(0.0, 0.3)
    return model


def reset(directory: Path, name: str, **changes: Any) -> None:
    """Changes keys of a JSON file of a model."""
    path = directory / name
    _write(path, json.loads(path.read_text(encoding="utf-8")) | changes)


def _write(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")
