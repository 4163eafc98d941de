"""Fits the constants of relevance to labelled queries in folders drawn from an index.

`odds` measures single pairs of a model's own data, of which half match. A search has one answer among thousands of
files, and words and names beside vectors; only such folders show how often a hit of each relevance is right. Trains no
weights.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from mmsearch.errors import UsageError
from mmsearch.extras.evaluation.reliability import Reliability, reliability
from mmsearch.search import calibration, relevance
from training.odds import Odds, logistic
from training.relevance_features import Asked, Library, Rows, Searched, answers, draw_folder, join, search_folder

SIZES = (100, 300, 1000, 3000)
"""Files of the folders that are drawn, those that are smaller than the index; it is searched as a whole, too."""
SHOWN = 10
"""Hits of a query that count for reliability: as many as a search shows."""
LEAST_ANSWERED = 20
"""Queries with answers in the index that a fit needs."""
_STEPS = 80
_NOTHING = -60.0
_TODAY: dict[str, tuple[float, float]] = {
    "CROWD": (relevance.CROWD, 0.1),
    "OTHERS": (relevance.OTHERS, 0.1),
    "PARTS": (relevance.PARTS, 0.1),
    "DAMPED": (relevance.DAMPED, 0.2),
    "WITHOUT_WORDS": (relevance.WITHOUT_WORDS, 0.5),
    "WORDS_BASE": (relevance.WORDS_BASE, 1.0),
    "WORDS_SLOPE": (relevance.WORDS_SLOPE, 0.3),
    "WORDS_SCALE": (math.log(relevance.WORDS_SCALE), 1.0),
    "MISSED": (math.log(calibration.MISSED / (1 - calibration.MISSED)), 1.0),
}
"""Each constant as it is fitted, a scale as its logarithm and a share as its log-odds, and how far it is expected to be
from today's value: few queries cannot move what they say little about."""
_LINE_SPREAD = (4.0, 8.0)
"""Likewise for base and slope of a partition."""


@dataclass(frozen=True)
class Fitted:
    """Constants by their names in `mmsearch.search`, and the base and slope of each partition."""

    constants: dict[str, float]
    odds: Odds


class Judge(torch.nn.Module):
    """Computes relevance as a search does, from parameters that can be fitted."""

    def __init__(self, lines: Mapping[str, tuple[float, float]]) -> None:
        super().__init__()
        self.partitions = list(lines)
        self.lines = torch.nn.Parameter(torch.tensor(list(lines.values()), dtype=torch.float64))
        self.constants = torch.nn.ParameterDict(
            {name: torch.nn.Parameter(torch.tensor(value, dtype=torch.float64)) for name, (value, _) in _TODAY.items()}
        )
        self.start = self.lines.detach().clone()

    def forward(self, rows: Mapping[str, Tensor], hits: int) -> Tensor:
        """The relevance of each hit, `(hits,)`."""
        c = self.constants
        missed, scale = torch.sigmoid(c["MISSED"]), torch.exp(c["WORDS_SCALE"])
        base, slope = self.lines[rows["partition"]].unbind(1)
        line = base + slope * rows["cosine"]
        vectors = rows["known"] * torch.logaddexp(torch.log(missed).expand_as(line), torch.log1p(-missed) + line)
        prior = -c["CROWD"] * rows["log_files"] - c["OTHERS"] * rows["log_others"] - c["PARTS"] * rows["log_parts"]
        words = c["WORDS_BASE"] + c["WORDS_SLOPE"] * rows["score"] * scale / (scale + rows["total"])
        without = prior + vectors + rows["name"] - c["WITHOUT_WORDS"] * rows["lacks"]
        holding = prior + c["DAMPED"] * vectors + rows["name"] + words
        best = _most(without[~rows["holds"]], rows["hit"][~rows["holds"]], hits)
        total = torch.maximum(best, _log_sum(holding[rows["holds"]], rows["hit"][rows["holds"]], hits))
        room = relevance.MOST - relevance.STEADY
        bounded = relevance.MOST - room * torch.exp((relevance.STEADY - total).clamp(max=0.0) / room)
        return torch.where(total < relevance.STEADY, total, bounded)

    @torch.no_grad()
    def relevance(self, searches: Sequence[Searched]) -> NDArray[np.float64]:
        """The relevance of the hits of all searches, one after the other, `(hits,)`."""
        rows, hits, _ = _tensors(searches)
        values: NDArray[np.float64] = self(rows, hits).numpy()
        return values

    def surprise(self) -> Tensor:
        """How unexpected the parameters are, as a negative log-likelihood."""
        apart = [(self.constants[name] - value) / spread for name, (value, spread) in _TODAY.items()]
        lines = (self.lines - self.start) / torch.tensor(_LINE_SPREAD)
        return 0.5 * (torch.stack(apart).square().sum() + lines.square().sum())

    def fitted(self) -> Fitted:
        """The parameters, rounded to what can be told apart."""
        values = {name: float(value.detach()) for name, value in self.constants.items()}
        values["WORDS_SCALE"] = math.exp(values["WORDS_SCALE"])
        values["MISSED"] = 1 / (1 + math.exp(-values["MISSED"]))
        lines = zip(self.partitions, self.lines.detach().tolist(), strict=True)
        odds = {name: (round(base, 2), round(slope, 2)) for name, (base, slope) in lines}
        return Fitted({name: round(value, 3) for name, value in values.items()}, odds)


def _most(values: Tensor, hit: Tensor, hits: int) -> Tensor:
    """The highest value of each hit, `(hits,)`."""
    nothing = torch.full((hits,), _NOTHING, dtype=values.dtype)
    return nothing.scatter_reduce(0, hit, values, "amax")


def _log_sum(values: Tensor, hit: Tensor, hits: int) -> Tensor:
    """The logarithm of the sum of exponentials of each hit, `(hits,)`."""
    highest = _most(values, hit, hits).detach()
    total = torch.zeros(hits, dtype=values.dtype).scatter_add(0, hit, torch.exp(values - highest[hit]))
    return torch.where(total > 0, highest + torch.log(total.clamp(min=1e-30)), highest)


def search_folders(library: Library, asked: Asked, rounds: int, seed: int) -> list[Searched]:
    """Searches in `rounds` folders of each size, and in all files once. Raises UsageError for too few queries."""
    answered = sum(bool(answers(library, query)) for query in asked.queries)
    if answered < LEAST_ANSWERED:
        raise UsageError(f"the index has answers to {answered} queries: label at least {LEAST_ANSWERED}")
    draw = np.random.default_rng(seed)
    sizes = [size for size in SIZES if size < len(library.paths) for _ in range(rounds)]
    searches: list[Searched] = []
    for size in [*sizes, len(library.paths)]:
        searches += search_folder(draw_folder(library, asked, size, draw), asked, draw)
    return searches


def start_lines(searches: Sequence[Searched], library: Library, odds: Odds) -> Odds:
    """The model's own lines; for a partition without one, what single candidates say."""
    rows, right = (
        join([search.rows for search in searches]),
        np.concatenate([search.right[search.rows.hit] for search in searches]),
    )
    lines: Odds = {}
    for number, name in enumerate(library.parts):
        of_right, of_wrong = (rows.cosine[(rows.partition == number) & (right == value)] for value in (True, False))
        if name in odds or not len(of_right) or not len(of_wrong):
            lines[name] = odds.get(name, (0.0, 0.0))
        else:
            lines[name] = logistic(of_right, of_wrong)
    return lines


def fit(searches: Sequence[Searched], judge: Judge) -> None:
    """Fit a judge by maximum likelihood; each query in each folder counts once."""
    rows, hits, right = _tensors(searches)
    optimizer = torch.optim.LBFGS(judge.parameters(), max_iter=_STEPS, line_search_fn="strong_wolfe")

    def closure() -> float:
        optimizer.zero_grad()
        loss = binary_cross_entropy_with_logits(judge(rows, hits), right, reduction="sum") + judge.surprise()
        loss.backward()  # type: ignore[no-untyped-call]
        return float(loss.detach())

    optimizer.step(closure)  # type: ignore[no-untyped-call]


def measure(searches: Sequence[Searched], judge: Judge) -> dict[int, Reliability]:
    """The reliability of the first hits of each search, by the number of files."""
    pairs: dict[int, list[tuple[float, bool]]] = {}
    for search in searches:
        values = judge.relevance([search])
        for hit in np.argsort(-values, kind="stable")[:SHOWN]:
            pairs.setdefault(search.size, []).append((float(values[hit]), bool(search.right[hit])))
    return {size: reliability(found) for size, found in sorted(pairs.items())}


def _tensors(searches: Sequence[Searched]) -> tuple[dict[str, Tensor], int, Tensor]:
    """Rows as tensors with hits numbered through, the number of hits, and which are right, float64 `(hits,)`."""
    starts = np.cumsum([0, *(len(search.right) for search in searches)])
    moved = [s.rows._replace(hit=s.rows.hit + start) for s, start in zip(searches, starts, strict=False)]
    rows: Rows = join(moved)
    tensors = {name: torch.as_tensor(np.ascontiguousarray(column)) for name, column in rows._asdict().items()}
    right = torch.as_tensor(np.concatenate([search.right for search in searches]), dtype=torch.float64)
    return tensors, int(starts[-1]), right


def run(library: Library, asked: Asked, odds: Odds, searches: Sequence[Searched]) -> dict[str, Any]:
    """The report of the stage: reliability of a fit to half of the queries on the others, and the fit to all."""
    lines = start_lines(searches, library, odds)
    # By their texts: labels may come in turns, one that has an answer and one that has none.
    halves = [zlib.crc32(query.text.encode("utf-8", "replace")) % 2 for query in asked.queries]
    seen, held_out = ([search for search in searches if halves[search.query] == half] for half in (0, 1))
    before, half, whole = Judge(lines), Judge(lines), Judge(lines)
    fit(seen, half)
    fit(searches, whole)
    old, new = measure(held_out, before), measure(held_out, half)
    fitted = whole.fitted()
    return {
        "queries": len(asked.queries),
        "searches": len(searches),
        "reliability": {size: {"before": _summary(old[size]), "after": _summary(new[size])} for size in old},
        "constants": fitted.constants,
        "odds": fitted.odds,
    }


def _summary(found: Reliability) -> dict[str, Any]:
    return {name: value for name, value in found.to_json().items() if name != "bins"}
