"""Relevance: the natural logarithm of the odds that a file is what was asked for, given how many files there are.

The prior, and the evidence of vectors, of words and of the name, added up. The numbers were fitted on mixed folders of
100 to 12,500 files (`training/relevance.py`). Knows nothing of stores or of how candidates are found.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from mmsearch.store.word_lookup import NameMatch
from mmsearch.store.word_search import WordMatch

EXACT = 10.0
"""Relevance of a file whose name is the query, or whose content is the example: no other reaches it."""
STEADY, MOST = 5.0, 9.0
"""Odds above 150 to 1 are certain of little: from the first of these on relevance grows ever slower, to the second."""
CROWD, OTHERS = 0.62, 0.45
"""Exponents of the number of files of a kind, and of how many times as many there are of all kinds: in ten times as
many files, not quite ten times as many are wrong."""
PARTS = 0.5
"""Exponent of the number of parts of a file."""
DAMPED = 0.25
"""What is left of the evidence of a passage's vector beside that of its words, which partly say the same."""
WITHOUT_WORDS = 0.8
"""What speaks against a passage that does not hold the words of a query."""
WORDS_BASE, WORDS_SLOPE, WORDS_SCALE = -0.6, 0.45, 49.0
"""Evidence of words: base, and slope over BM25; the more all words of the query weigh, the less. This halves it."""
_NAMES_SLOPE, _NAMES_IMPRECISE = 0.3, 0.45
"""Evidence of a name: slope over the weight of its words, and what is left of it if the name says much else."""


class Evidence(NamedTuple):
    """What speaks for a part of a file, each as a natural logarithm; 0 says nothing.

    Attributes:
        prior: of the file among those of its kind, less what its number of parts makes up for.
        vectors, words, name: log-likelihood ratios.
        exact: the name, or the content, is what was asked for.
    """

    prior: float
    vectors: float = 0.0
    words: float = 0.0
    name: float = 0.0
    exact: bool = False

    @property
    def relevance(self) -> float:
        """The sum, in bounds that leave room for what is exact."""
        total = self.prior + self.vectors + self.words + self.name
        bounded = total if total < STEADY else MOST - (MOST - STEADY) * math.exp((STEADY - total) / (MOST - STEADY))
        return EXACT + max(bounded, 0.0) / MOST if self.exact else bounded


@lru_cache(maxsize=1 << 10)
def log_prior(files: int, others: int = 0, parts: float = 1.0) -> float:
    """Of one of so many files of a kind beside files of other kinds; less for one of many parts.

    Each part is a chance to be near a query by accident.
    """
    files = max(files, 1)
    return -CROWD * math.log(files) - OTHERS * math.log(1 + others / files) - PARTS * math.log(max(parts, 1.0))


def of_words(match: WordMatch, total: float) -> float:
    """The evidence of a passage that holds words of a query whose words weigh `total`."""
    return WORDS_BASE + WORDS_SLOPE * match.score * WORDS_SCALE / (WORDS_SCALE + total)


def of_name(match: NameMatch) -> float:
    """The evidence of a name that holds words of a query, and is not the query."""
    share = match.covered / match.total if match.total else 1.0
    return _NAMES_SLOPE * match.covered * share * (_NAMES_IMPRECISE + (1.0 - _NAMES_IMPRECISE) * match.precision)


def probability(relevance: float) -> float:
    """The probability in [0, 1] that is meant by natural log-odds; finite or not."""
    small = math.exp(-abs(relevance))
    return 1 / (1 + small) if relevance >= 0 else small / (1 + small)


def log_sum(values: Iterable[float]) -> float:
    """The logarithm of the sum of exponentials: of several ways for a file to be right, any will do."""
    numbers = list(values)
    highest = max(numbers)
    return highest + math.log(sum(math.exp(number - highest) for number in numbers))
