"""The WordPiece vocabulary: made once from the training texts, then a file that belongs to the weights."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from torch import Tensor

from training.towers import TextTower

_AT_A_TIME = 500
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")


def make(texts: Iterable[str], size: int) -> Tokenizer:
    """A vocabulary of at most `size` pieces, lower case and without accents."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True, strip_accents=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    # Sorted, because the trainer breaks ties by the order in which it saw the words.
    trainer = trainers.WordPieceTrainer(
        vocab_size=size, special_tokens=list(SPECIAL), min_frequency=2, show_progress=False
    )
    tokenizer.train_from_iterator(sorted(texts), trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return tokenizer


def padded(rows: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """int64 ids and mask of texts, each `(n, longest)`."""
    ids = torch.zeros(len(rows), max(map(len, rows)), dtype=torch.int64)
    mask = torch.zeros_like(ids)
    for i, row in enumerate(rows):
        ids[i, : len(row)] = torch.tensor(row)
        mask[i, : len(row)] = 1
    return ids, mask


class Words:
    """Turns texts into padded batches of ids and masks on a device."""

    def __init__(self, path: Path, max_tokens: int, device: str = "cpu") -> None:
        self.tokenizer = Tokenizer.from_file(str(path))
        self.tokenizer.enable_truncation(max_tokens)
        self.tokenizer.no_padding()
        self.device = device

    def __call__(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """int64 ids and mask, each `(n, longest)`."""
        return self.padded([found.ids for found in self.tokenizer.encode_batch(list(texts))])

    def padded(self, rows: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
        ids, mask = padded(rows)
        return ids.to(self.device), mask.to(self.device)

    def by_length(self, texts: Sequence[str], parts: int) -> Iterator[tuple[list[int], Tensor, Tensor]]:
        """The texts in `parts` batches of like length, with their places: long ones do not pad the short ones."""
        rows = [found.ids for found in self.tokenizer.encode_batch(list(texts))]
        order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
        size = -(-len(rows) // parts)
        for first in range(0, len(rows), size):
            places = order[first : first + size]
            yield places, *self.padded([rows[i] for i in places])


@torch.no_grad()
def embed_all(tower: TextTower, words: Words, texts: Sequence[str]) -> Tensor:
    """Unit embeddings `(n, dim)` of any number of texts, without gradients."""
    found = [embed(tower, words, texts[i : i + _AT_A_TIME]) for i in range(0, len(texts), _AT_A_TIME)]
    return torch.cat(found) if found else tower.places.new_empty(0, tower.places.shape[1])


def embed(tower: TextTower, words: Words, texts: Sequence[str], parts: int = 8) -> Tensor:
    """Unit embeddings `(n, dim)` of texts, in their order; gradients flow."""
    places: list[int] = []
    found = []
    for at, ids, mask in words.by_length(texts, parts):
        places += at
        found.append(tower.encode(ids, mask)[0])
    order = torch.tensor(places).argsort()
    return torch.cat(found)[order.to(found[0].device)]
