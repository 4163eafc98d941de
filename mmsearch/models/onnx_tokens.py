"""Texts as the token numbers that a CLIP or SigLIP text tower takes, by the files of its tokenizer.

Knows no graphs and no transformers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from mmsearch.errors import ModelUnavailable
from mmsearch.models.hub import one_line

Ints: TypeAlias = npt.NDArray[np.int64]


class TextRule:
    """How texts become tokens: by `tokenizer.json`, cut at `limit` and padded with `pad`.

    Attributes:
        siglip: texts are lower-cased, as in training, unless the tokenizer's settings say otherwise.
        left: padding comes before the text.
    """

    def __init__(
        self, path: Path, settings: Mapping[str, Any], special: Mapping[str, Any], limit: int, siglip: bool
    ) -> None:
        """Reads the tokenizer with its settings (`tokenizer_config.json`) and its special tokens.

        Raises ModelUnavailable where it is broken or names no padding token.
        """
        from tokenizers import Tokenizer

        self.path = path
        try:
            self._tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:  # the tokenizers package raises bare exceptions
            raise ModelUnavailable(f"cannot read {path}: {one_line(error)}") from error
        own = settings.get("model_max_length")
        self.limit = min(limit, own) if not siglip and isinstance(own, int) and own > 0 else limit
        self.lower = siglip and settings.get("do_lower_case") is not False
        # CLIP counts positions from the left, so padding before the text would move it.
        self.left = siglip and settings.get("padding_side") == "left"
        self.pad = self._padding([settings.get("pad_token"), special.get("pad_token")])
        self._tokenizer.no_padding()

    def _padding(self, tokens: Sequence[Any]) -> int:
        """The number of the padding token: of the first that is named, else what the tokenizer itself pads with."""
        for token in tokens:
            name = token.get("content") if isinstance(token, dict) else token
            number = self._tokenizer.token_to_id(name) if isinstance(name, str) else None
            if number is not None:
                return int(number)
        if own := self._tokenizer.padding:
            return int(own["pad_id"])
        raise ModelUnavailable(f"{self.path} comes without a padding token: tokenizer_config.json should name it")

    def encode(self, texts: Sequence[str], limit: int) -> list[list[int]]:
        """Token numbers of each text, at most `limit`, unpadded."""
        self._tokenizer.enable_truncation(limit)
        given = [text.lower() if self.lower else text for text in texts]
        return [encoding.ids for encoding in self._tokenizer.encode_batch(given)]

    def cuts(self, text: str, limit: int) -> bool:
        """Whether a text has more than `limit` tokens."""
        self._tokenizer.enable_truncation(limit)
        return bool(self._tokenizer.encode(text.lower() if self.lower else text).overflowing)

    def padded(self, encoded: Sequence[Sequence[int]], width: int) -> tuple[Ints, Ints]:
        """Token numbers `(n, width)` and their mask, 1 where there is text."""
        ids = np.full((len(encoded), width), self.pad, np.int64)
        mask = np.zeros((len(encoded), width), np.int64)
        for row, numbers in enumerate(encoded):
            part = slice(width - len(numbers), width) if self.left else slice(len(numbers))
            ids[row, part], mask[row, part] = numbers, 1
        return ids, mask

    def identity(self) -> list[Any]:
        """What besides the file decides the tokens."""
        return [self.limit, self.pad, self.lower, self.left]
