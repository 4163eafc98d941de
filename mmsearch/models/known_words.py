"""How much of a text a model can know: the share of its words that the tokenizer does not break into crumbs.

A word that training showed often is one piece of the vocabulary, or a few long ones; keyboard mash and words of other
languages fall into pieces of one or two letters, and other scripts into bytes or the unknown token. Knows tokenizers by
what they return, and no model.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from typing import Any, TypeAlias

PieceCount: TypeAlias = Callable[[str], "int | None"]
"""Number of vocabulary pieces of one word; None if a part of it is unknown."""

UNKNOWN_LETTERS, KNOWN_LETTERS = 1.75, 2.75
"""Letters in a piece, on average over a word, at which the word counts nothing, and fully; between them in proportion.

So 130 English questions have a mean share of 0.96 and keyboard mash 0.01, by the vocabulary of the built-in model.
"""
WIDE_LETTERS = 3
"""Letters that a Chinese, Japanese or Korean character counts as: one of them can be a word."""
_MARKERS = "▁Ġ"
"""Marks of the beginning of a word, which some tokenizers make pieces of their own."""


def known_share(text: str, count_pieces: PieceCount) -> float:
    """The share in [0, 1] of the text's words, weighted by their letters, that a vocabulary knows.

    Numbers count only if there are no words. A text without either has the share 0.
    """
    words = split_words(text)
    words = [word for word in words if any(char.isalpha() for char in word)] or words
    lengths = [_letters(word) for word in words]
    known = sum(length * _known(length, count_pieces(word)) for word, length in zip(words, lengths, strict=True))
    return known / max(sum(lengths), 1)


def split_words(text: str) -> list[str]:
    """Runs of letters with their marks and digits; a symbol such as an emoji belongs to them, punctuation does not."""
    chars = (char if unicodedata.category(char).startswith(("L", "M", "N", "So")) else " " for char in text)
    return "".join(chars).split()


def pieces_of(tokenizer: Any) -> PieceCount:
    """The piece count of a tokenizer of the packages `tokenizers` or `transformers`."""
    is_fast = hasattr(tokenizer, "token_to_id")
    names = ("[UNK]", "<unk>") if is_fast else ()
    unknown = {tokenizer.token_to_id(name) for name in names} if is_fast else {tokenizer.unk_token_id}

    def count(word: str) -> int | None:
        # Byte-level vocabularies hold most words with the space before them.
        spaced = f" {word}"
        if is_fast:
            encoding = tokenizer.encode(spaced, add_special_tokens=False)
            ids, pieces = encoding.ids, encoding.tokens
        else:
            ids = tokenizer(spaced, add_special_tokens=False)["input_ids"]
            pieces = tokenizer.convert_ids_to_tokens(ids)
        return None if unknown.intersection(ids) else sum(bool(piece.strip(_MARKERS)) for piece in pieces)

    return count


def _known(letters: int, pieces: int | None) -> float:
    if not pieces:
        return 0.0
    if pieces == 1:
        return 1.0
    return min(1.0, max(0.0, (letters / pieces - UNKNOWN_LETTERS) / (KNOWN_LETTERS - UNKNOWN_LETTERS)))


def _letters(word: str) -> int:
    return sum(WIDE_LETTERS if unicodedata.east_asian_width(char) in "WF" else 1 for char in word)
