"""What a repository of a model says besides its weights, as plain data: the words that the tables of facts are in.

Imports nothing heavy; knows no model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Files = Mapping[str, Any]
"""Content by path inside the repository: text, or what becomes JSON."""

SENTENCE_TRANSFORMERS = "config_sentence_transformers.json"
CLIP_MEAN = [0.48145466, 0.4578275, 0.40821073]
CLIP_STD = [0.26862954, 0.26130258, 0.27577711]
HALVES = [0.5, 0.5, 0.5]


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


def embedding(width: int, kinds: tuple[str, ...], pooling: str = "lasttoken") -> dict[str, Any]:
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
