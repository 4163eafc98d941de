"""Trains the reranker: a query and an item, read together, against items that are almost right.

The towers stay as they are; only the reranker and the layers that make its states learn. Items are pictures of
puzzles, mined neighbours among photographs, passages, and sounds. Feature maps are computed once, since nothing under
them changes.
"""

from __future__ import annotations

import math
import random
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.clips import Clip
from training.colours import NAMES
from training.dual import falling_rate, grouped_parameters
from training.evaluate import resized, share
from training.model import Model
from training.pictures import Packed, Row
from training.sound import logmels
from training.texts import TextPairs
from training.tokens import Words, embed, embed_all
from training.towers import PictureTower, SoundTower

_CANDIDATES = 8  # items for a query, one of them right
_NEAREST = 40  # mined negatives come from this many neighbours
_ASKED = 150  # queries of each text source: every one reads twenty passages
_GLANCING = 0.5  # share of the training, on puzzles alone, before the blocks take part: without them steps are cheap
_ASKED_MORE = {"places": 3.0, "colours": 0.5}
_CAPTIONED = ("vicap", "flowers102", "emoji", "ms_")


@dataclass(frozen=True)
class Question:
    """A query, its right item and wrong ones, as indices into one pool."""

    query: str
    right: int
    wrong: list[int]


class GridPool:
    """Pictures or sounds with their pooled feature maps, float16 `(n, grid * grid, channels)`, and embeddings."""

    def __init__(self, tower: PictureTower | SoundTower, embeddings: Tensor, cells: Tensor) -> None:
        self.tower, self.embeddings, self.cells = tower, embeddings, cells

    def __len__(self) -> int:
        return len(self.embeddings)

    def states(self, at: Sequence[int]) -> tuple[Tensor, Tensor]:
        """States `(n, 1 + grid * grid, dim)` and their mask; gradients flow into the state layer."""
        rows = list(at)
        tower = self.tower
        states = tower.states.from_cells(self.cells[rows].float(), self.embeddings[rows], tower.project)
        return states, torch.ones(states.shape[:2], dtype=torch.int64, device=states.device)


class TextPool:
    """Passages, encoded when asked for, and only their beginning: long ones cost more than they teach."""

    MAX_TOKENS = 48

    def __init__(self, model: Model, words: Words, texts: Sequence[str]) -> None:
        self.model, self.words, self.texts = model, words, list(texts)
        self.embeddings = embed_all(model.text, words, self.texts)

    def __len__(self) -> int:
        return len(self.texts)

    def states(self, at: Sequence[int]) -> tuple[Tensor, Tensor]:
        return text_states(self.model, self.words, [self.texts[i] for i in at], self.MAX_TOKENS)


Pool = GridPool | TextPool


def text_states(
    model: Model, words: Words, texts: Sequence[str], max_tokens: int | None = None
) -> tuple[Tensor, Tensor]:
    """States `(n, t, dim)` and mask of texts; gradients flow into the state layer alone."""
    ids, mask = words(texts)
    ids, mask = ids[:, :max_tokens], mask[:, :max_tokens]
    with torch.no_grad():
        embedding, hidden = model.text.encode(ids, mask)
    return model.text.states(embedding, hidden), mask


@torch.no_grad()
def picture_pool(model: Model, packed: Packed, indices: Sequence[int]) -> GridPool:
    """Feature maps of packed pictures at the model's size."""
    size, embeddings, cells = model.shape.image_size, [], []
    for first in range(0, len(indices), 200):
        pixels = resized(packed, indices[first : first + 200], size).to(model.log_scale.device)
        embedding, maps = model.picture.embed_normalised(model.picture.normalise(pixels))
        embeddings.append(embedding)
        cells.append(model.picture.states.cells(maps).half())
    return GridPool(model.picture, torch.cat(embeddings), torch.cat(cells))


@torch.no_grad()
def sound_pool(model: Model, logmels: Tensor) -> GridPool:
    """Feature maps of log-mel maps `(n, 1, bands, frames)`."""
    embeddings, cells = [], []
    for first in range(0, len(logmels), 100):
        embedding, maps = model.sound.embed_maps(logmels[first : first + 100])
        embeddings.append(embedding)
        cells.append(model.sound.states.cells(maps).half())
    return GridPool(model.sound, torch.cat(embeddings), torch.cat(cells))


class Asker:
    """Draws questions from one pool of items."""

    def __init__(self, pool: Pool, sample: Callable[[random.Random], Question]) -> None:
        self.pool, self.sample = pool, sample

    def draw(self, rng: random.Random, count: int) -> list[Question]:
        return [self.sample(rng) for _ in range(count)]


class PuzzleAsker(Asker):
    """All questions of whole puzzles, in the order of their pictures.

    The items of each begin with its own picture and go round, so each picture can also be asked for its text.
    """

    def __init__(self, pool: Pool, one: Callable[[random.Random], list[Question]]) -> None:
        super().__init__(pool, lambda rng: rng.choice(one(rng)))
        self.one = one

    def draw(self, rng: random.Random, count: int) -> list[Question]:
        return [question for _ in range(max(1, count // _CANDIDATES)) for question in self.one(rng)]


def puzzle_asker(packed: Packed, pool: GridPool, indices: Sequence[int]) -> PuzzleAsker:
    """Every picture of a puzzle with one of its texts, the puzzle's other pictures being wrong.

    `indices` are the pool's. Colours, which the towers know already, are asked for less than what they do not.
    """
    members: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for place, i in enumerate(indices):
        members[packed.rows[i].source][packed.rows[i].group].append(place)
    kinds = [[group for group in groups.values() if len(group) == _CANDIDATES] for groups in members.values()]
    weights = [_ASKED_MORE.get(kind, 1.0) for kind in members]

    def one(rng: random.Random) -> list[Question]:
        group = rng.choice(rng.choices(kinds, weights)[0])
        texts = [rng.choice(packed.rows[indices[place]].texts) for place in group]
        return [Question(text, group[i], group[i + 1 :] + group[:i]) for i, text in enumerate(texts)]

    return PuzzleAsker(pool, one)


def neighbour_asker(pool: Pool, queries: Sequence[Sequence[str]], keys: Sequence[str], embeddings: Tensor) -> Asker:
    """Items against those whose embeddings lie nearest to the query's; items of an equal non-empty key are never wrong.

    `queries[i]` are texts of item i, `embeddings[i]` the embedding of the first of them.
    """
    near = torch.cat(
        [(part @ pool.embeddings.T).topk(min(_NEAREST, len(keys)), 1).indices for part in torch.split(embeddings, 500)]
    ).tolist()
    known = [set(q) for q in queries]

    def wrong_for(right: int, rng: random.Random) -> list[int]:
        def fits(i: int) -> bool:
            return i == right or bool(keys[i] and keys[i] == keys[right]) or not known[i].isdisjoint(known[right])

        hard = [i for i in near[right] if not fits(i)]
        chosen = rng.sample(hard, min(_CANDIDATES - 3, len(hard)))
        while len(chosen) < _CANDIDATES - 1:
            i = rng.randrange(len(keys))
            chosen += [] if fits(i) else [i]
        return chosen

    def sample(rng: random.Random) -> Question:
        right = rng.randrange(len(keys))
        return Question(rng.choice(queries[right]), right, wrong_for(right, rng))

    return Asker(pool, sample)


def picture_asker(model: Model, words: Words, packed: Packed, count: int, seed: int) -> Asker:
    """Photographs, screenshots and rendered pictures of the train split against their neighbours."""
    train = packed.indices("train")
    indices = random.Random(seed).sample(train, min(count, len(train)))
    pool, rows = picture_pool(model, packed, indices), [packed.rows[i] for i in indices]
    return neighbour_asker(
        pool, [r.texts for r in rows], [r.group for r in rows], _first_texts(model, words, [r.texts for r in rows])
    )


def colour_asker(model: Model, packed: Packed, count: int, seed: int) -> Asker:
    """ "red car" over photographs: wrong are the same thing in another colour and other things in this one.

    Raises ValueError where the set has no things with a measured colour.
    """
    coloured = [(i, colour) for i in packed.indices("train") if (colour := measured_colour(packed.rows[i]))]
    if not coloured:
        raise ValueError("no picture of the set has a measured colour")
    coloured = random.Random(seed).sample(coloured, min(count, len(coloured)))
    rows = [packed.rows[i] for i, _ in coloured]
    things: dict[str, list[int]] = defaultdict(list)
    colours: dict[str, list[int]] = defaultdict(list)
    for place, (row, (_, colour)) in enumerate(zip(rows, coloured, strict=True)):
        things[row.group].append(place)
        colours[colour].append(place)

    def wrong_for(right: int, rng: random.Random) -> list[int]:
        thing, colour = rows[right], coloured[right][1]
        wrong = [i for i in _some(rng, things[thing.group]) if coloured[i][1] != colour][:2]
        wrong += [i for i in _some(rng, colours[colour]) if set(rows[i].texts).isdisjoint(thing.texts)]
        while len(wrong) < _CANDIDATES - 1:
            i = rng.randrange(len(rows))
            wrong += [i] if set(rows[i].texts).isdisjoint(thing.texts) else []
        return wrong[: _CANDIDATES - 1]

    def sample(rng: random.Random) -> Question:
        right = rng.randrange(len(rows))
        return Question(f"{coloured[right][1]} {rows[right].texts[0]}", right, wrong_for(right, rng))

    return Asker(picture_pool(model, packed, [i for i, _ in coloured]), sample)


def measured_colour(row: Row) -> str | None:
    """The colour that was measured for a labelled thing, None where it has no single one."""
    if not row.group:
        return None
    return next((name for name in NAMES if f"{name} {row.texts[0]}" in row.texts), None)


def _some(rng: random.Random, places: list[int]) -> list[int]:
    return rng.sample(places, min(len(places), 3 * _CANDIDATES))


def passage_asker(model: Model, words: Words, pairs: TextPairs, count: int, seed: int) -> Asker:
    """Paragraphs, captions or glosses against their neighbours."""
    sets = random.Random(seed).sample(pairs.train, min(count, len(pairs.train)))
    pool, queries = TextPool(model, words, [s[1] for s in sets]), [s[:1] for s in sets]
    return neighbour_asker(pool, queries, [s[0] for s in sets], _first_texts(model, words, queries))


def sound_asker(model: Model, words: Words, clips: Sequence[Clip]) -> Asker:
    """Sounds of the train split against their neighbours."""
    clips = [c for c in clips if c.row.split == "train"]
    texts = [c.row.texts for c in clips]
    pool = sound_pool(model, logmels(model.sound, [c.samples for c in clips]))
    return neighbour_asker(pool, texts, [t[0] for t in texts], _first_texts(model, words, texts))


def _first_texts(model: Model, words: Words, queries: Sequence[Sequence[str]]) -> Tensor:
    return embed_all(model.text, words, [q[0] for q in queries])


class RerankRun:
    """Training of the reranker over several askers, each drawn from by its weight."""

    def __init__(
        self,
        model: Model,
        words: Words,
        askers: Sequence[tuple[Asker, float]],
        seed: int,
        questions: int = 24,
        rate: float = 1e-3,
    ) -> None:
        self.model, self.words, self.questions, self.rate = model.eval(), words, questions, rate
        self.askers, self.weights = [a for a, _ in askers], [w for _, w in askers]
        self.rng = random.Random(seed)
        layers = [
            model.reranker,
            model.picture.states,
            model.sound.states,
            model.text.state_project,
            model.text.state_norm,
        ]
        self.layers = nn.ModuleList(layers)
        model.requires_grad_(False)
        self.layers.requires_grad_(True)
        self.optimiser = torch.optim.AdamW(grouped_parameters(self.layers, 0.05), lr=rate)

    def train(self, minutes: float = 0, steps: int = 0, report: Callable[[str], None] = print) -> None:
        """For a time or a number of steps, whichever is given."""
        began, step, done, mean = time.monotonic(), 0, 0.0, math.nan
        while done < 1:
            for group in self.optimiser.param_groups:
                group["lr"] = falling_rate(self.rate, step, done, 50)
            loss = self.step(glance=done < _GLANCING)
            mean = loss if math.isnan(mean) else 0.97 * mean + 0.03 * loss
            step += 1
            done = step / steps if steps else (time.monotonic() - began) / 60 / minutes
            if step % 50 == 0:
                report(f"rerank step {step} loss {mean:.3f}")

    def _choose(self, glance: bool) -> Asker:
        puzzles = [asker for asker in self.askers if isinstance(asker, PuzzleAsker)]
        if glance and puzzles:
            return self.rng.choice(puzzles)
        return self.rng.choices(self.askers, self.weights)[0]

    def step(self, glance: bool = False) -> float:
        """One update on questions of one asker; returns the loss.

        Each question also meets one item of another modality, once the blocks take part. Without it the scores of
        pictures and passages would have no common zero, and a search reranks both together.
        """
        asker = self._choose(glance)
        # Passages are several times longer than pictures have positions.
        count = self.questions // 3 if isinstance(asker.pool, TextPool) else self.questions * (3 if glance else 1)
        asked = asker.draw(self.rng, count)
        scores = own = score(self.model, self.words, asker.pool, asked, glance)
        strangers = [other.pool for other in self.askers if type(other.pool) is not type(asker.pool)]
        if strangers and not glance:
            pool = self.rng.choice(strangers)
            lone = [Question(q.query, self.rng.randrange(len(pool)), []) for q in asked]
            scores = torch.cat([scores, score(self.model, self.words, pool, lone)], 1)
        loss = F.cross_entropy(scores, torch.zeros(len(asked), dtype=torch.int64, device=scores.device))
        if isinstance(asker, PuzzleAsker):
            loss = (loss + told_apart(own)) / 2
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.layers.parameters(), 1.0)
        self.optimiser.step()
        return loss.item()


def told_apart(scores: Tensor) -> Tensor:
    """The loss of asking each picture of whole puzzles for its text; `scores` `(n, m)` as `PuzzleAsker` orders them."""
    size = scores.shape[1]
    place = torch.arange(size, device=scores.device)
    square = scores.view(-1, size, size)
    by_item = square.gather(2, ((place[None, :] - place[:, None]) % size).expand_as(square))
    return F.cross_entropy(by_item.transpose(1, 2).reshape(-1, size), place.repeat(len(square)))


def score(model: Model, words: Words, pool: Pool, asked: Sequence[Question], glance: bool = False) -> Tensor:
    """Logits `(questions, candidates)`, the right one first; all questions need as many candidates."""
    queries, query_mask = text_states(model, words, [q.query for q in asked], model.shape.max_query_tokens)
    wanted = [i for q in asked for i in (q.right, *q.wrong)]
    distinct = list(dict.fromkeys(wanted))
    states, mask = pool.states(distinct)
    place = {i: k for k, i in enumerate(distinct)}
    at = torch.tensor([place[i] for i in wanted])
    each = len(wanted) // len(asked)
    if glance:
        items, masks = (x[at].view(len(asked), each, *x.shape[1:]) for x in (states, mask))
        glanced: Tensor = model.reranker.glance(queries, query_mask, items, masks)
        return glanced
    logits = model.reranker(
        queries.repeat_interleave(each, 0), query_mask.repeat_interleave(each, 0), states[at], mask[at]
    )
    shaped: Tensor = logits.view(len(asked), each)
    return shaped


@torch.no_grad()
def puzzle_figures(model: Model, words: Words, packed: Packed) -> dict[str, tuple[float, float]]:
    """Share of held-out puzzle questions answered first by the dual encoder and by the reranker, for each kind."""
    indices = packed.indices("val")
    pool = picture_pool(model, packed, indices)
    members: dict[str, list[int]] = defaultdict(list)
    for place, i in enumerate(indices):
        members[packed.rows[i].group].append(place)
    hits: dict[str, list[tuple[bool, bool]]] = defaultdict(list)
    for group in members.values():
        asked = [Question(packed.rows[indices[i]].texts[0], i, [j for j in group if j != i]) for i in group]
        first = score(model, words, pool, asked).argmax(1) == 0
        queries = embed(model.text, words, [q.query for q in asked])
        dual = (queries @ pool.embeddings[group].T).argmax(1) == torch.arange(len(group))
        hits[packed.rows[indices[group[0]]].source] += list(zip(dual.tolist(), first.tolist(), strict=True))
    hits["all"] = [h for found in list(hits.values()) for h in found]
    out: dict[str, tuple[float, float]] = {}
    for kind, found in hits.items():
        both = torch.tensor(found)
        out |= {f"puzzles {kind} dual": share(both[:, 0]), f"puzzles {kind} reranked": share(both[:, 1])}
    return out


@torch.no_grad()
def retrieval_figures(
    model: Model, words: Words, pool: Pool, queries: Sequence[str], keys: Sequence[str], name: str
) -> dict[str, tuple[float, float]]:
    """Share of queries whose first hit is right, before and after reranking the best twenty.

    Query i belongs to item i.
    """
    embeddings = _first_texts(model, words, [[q] for q in queries])
    best = (embeddings @ pool.embeddings.T).topk(min(20, len(keys)), 1).indices.tolist()
    before, after = [], []
    for i, found in enumerate(best):
        order = score(model, words, pool, [Question(queries[i], found[0], found[1:])])[0].argsort(descending=True)
        right = [keys[j] == keys[i] for j in found]
        before.append(right[0])
        after.append(right[int(order[0])])
    return {
        f"{name} first hit, dual": share(torch.tensor(before)),
        f"{name} first hit, reranked": share(torch.tensor(after)),
    }


def rerank_figures(
    model: Model, words: Words, sets: Sequence[Packed], puzzles: Packed, pairs: Sequence[TextPairs]
) -> dict[str, tuple[float, float]]:
    """Puzzles, and whether reranking helps or hurts on captioned pictures and on passages."""
    figures = puzzle_figures(model, words, puzzles)
    for packed in sets:
        for source in _CAPTIONED:
            if indices := [i for i in packed.indices("val") if packed.rows[i].source.startswith(source)]:
                texts = [packed.rows[i].texts[0] for i in indices]
                figures |= retrieval_figures(model, words, picture_pool(model, packed, indices), texts, texts, source)
    for texts_of in pairs:
        held = texts_of.val[:_ASKED]
        pool = TextPool(model, words, [t[1] for t in held])
        figures |= retrieval_figures(model, words, pool, [t[0] for t in held], [t[1] for t in held], texts_of.name)
    return figures
