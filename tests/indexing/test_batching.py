from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmsearch.errors import MmsearchError
from mmsearch.indexing import batching as windows
from mmsearch.indexing.batching import BATCH_PARTS, BATCH_TOKENS, CALL_SECONDS, BatchQueue, guess_tokens
from mmsearch.indexing.timing import StageTimer
from mmsearch.types import (
    Audio,
    Clip,
    Content,
    Item,
    LoaderSettings,
    Modality,
    ModelSpec,
    Query,
    Segment,
    Vectors,
)

Part = tuple[Modality, int]


def segment(content: Content, partition: Modality = "text") -> Segment:
    return Segment(Item("", "", partition, partition), content)


class Counting:
    """A model that has a token for each character, and computes nothing."""

    spec = ModelSpec("counting", "1", 1, frozenset(), LoaderSettings())

    def tokens(self, one: Segment) -> int:
        return len(str(one.content))

    def embed(self, segments: Sequence[Segment]) -> Vectors:
        raise NotImplementedError

    def embed_query(self, query: Query) -> Vectors:
        raise NotImplementedError


@dataclass
class Owner:
    """A file with parts; what becomes of them is noted."""

    number: int
    failed: bool = False
    results: list[float | str] = field(default_factory=list)


def filled(parts: list[Part]) -> BatchQueue[Owner]:
    """A queue of parts that cost what is asked."""
    window: BatchQueue[Owner] = BatchQueue(Counting())
    for number, (partition, cost) in enumerate(parts):
        window.add(Owner(number), segment("x" * cost, partition), 10)
    return window


@given(st.lists(st.tuples(st.sampled_from(["text", "image", "video"]), st.integers(1, 40_000)), max_size=200))
def test_every_part_is_in_one_batch_within_the_budget_of_its_partition(parts: list[Part]) -> None:
    batches = list(filled(parts).take())
    assert sorted(part.owner.number for batch in batches for part in batch) == list(range(len(parts)))
    for batch in batches:
        assert len({part.segment.item.partition for part in batch}) == 1
        padded = len(batch) * max(part.cost for part in batch)
        assert len(batch) == 1 or (len(batch) <= BATCH_PARTS and padded <= BATCH_TOKENS)


def test_parts_of_like_cost_go_together() -> None:
    window = filled([("image", 1000 if number % 2 else 10) for number in range(2 * BATCH_PARTS)])
    assert [{part.cost for part in batch} for batch in window.take()] == [{1000}, {10}]
    assert len(window) == 0


def test_a_fast_model_that_cuts_its_own_passes_gets_more_at_a_time() -> None:
    window = filled([("image", 1000)] * 256 + [("text", 10)] * 65)
    sizes = []
    for batch in window.take():
        sizes.append(len(batch))
        window.adapt(batch, CALL_SECONDS / 2 if batch[0].cost == 1000 else 100 * CALL_SECONDS)
    assert sizes == [64, 125, 67, 64, 1]


def test_what_an_owner_loses_is_told_in_its_sizes() -> None:
    window = filled([])
    (second, first), *_ = filled([("text", 5), ("text", 6)]).take()
    for part in (first, second):
        window.add(part.owner, part.segment, 7)
    assert window.drop(first.owner) == 7
    assert second.owner in [part.owner for batch in window.take() for part in batch]


def test_a_part_that_cannot_be_embedded_fails_alone_with_its_file() -> None:
    class Choking(Counting):
        def embed(self, segments: Sequence[Segment]) -> Vectors:
            if any(one.content == "bad" for one in segments):
                raise MmsearchError("bad")
            return np.array([[len(str(one.content))] for one in segments], np.float32)

    model, queue = Choking(), BatchQueue[Owner](Choking())
    owners = [Owner(0), Owner(1)]
    for owner, text in ((owners[0], "a"), (owners[1], "bad"), (owners[1], "b"), (owners[0], "ab")):
        queue.add(owner, segment(text), 1)
    for batch in queue.take():
        for part, result in queue.embed(batch, model, StageTimer()):
            part.owner.failed = isinstance(result, MmsearchError)
            part.owner.results.append(str(result) if part.owner.failed else float(result[0]))  # type: ignore[index]
    assert sorted(owners[0].results, key=str) == [1.0, 2.0]
    assert owners[1].results == ["bad"], "nothing more of it is embedded"


def test_a_window_is_due_by_number_and_by_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    window = filled([("text", 1)] * windows.MOST_PARTS)
    assert window.due
    list(window.take())
    assert not window.due
    monkeypatch.setattr(windows, "MOST_BYTES", 100)
    window.add(0, segment(np.zeros((10, 10, 3), np.uint8), "image"), 0)
    assert window.due


@pytest.mark.parametrize(
    ("content", "tokens"),
    [
        ("x" * 400, 101),
        (np.zeros((280, 280, 3), np.uint8), 101),
        (Clip(np.zeros((4, 280, 280, 3), np.uint8), np.zeros(4)), 401),
        (Audio(np.zeros(16_000, np.float32), 16_000), 51),
    ],
)
def test_larger_contents_are_guessed_to_cost_more(content: Content, tokens: int) -> None:
    assert guess_tokens(segment(content)) == tokens


def test_a_model_with_nothing_to_do_does_not_wait_for_a_full_batch() -> None:
    assert not filled([("image", 10)] * (windows.WORTHWHILE_PARTS - 1)).worthwhile
    assert filled([("image", 10)] * windows.WORTHWHILE_PARTS).worthwhile
    assert windows.WORTHWHILE_PARTS < BATCH_PARTS
