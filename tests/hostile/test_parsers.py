"""Every parser of ours takes anything: what looks right, what is nearly right, and noise."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.hostile.parsers import PARSERS, SEEDS

CHANGES = st.lists(st.tuples(st.integers(0, 1 << 16), st.binary(max_size=3), st.integers(0, 2)), max_size=5)


def _pieces(name: str) -> st.SearchStrategy[bytes]:
    """Pieces of good input in any order, with noise between them."""
    found = sorted({piece for seed in SEEDS[name] for piece in seed.split(b" ") if len(piece) < 200})
    return st.lists(st.one_of(st.sampled_from(found), st.binary(max_size=3)), max_size=8).map(b" ".join)


def _changed(seed: bytes, changes: list[tuple[int, bytes, int]]) -> bytes:
    for at, new, gone in changes:
        place = at % (len(seed) + 1)
        seed = seed[:place] + new + seed[place + gone :]
    return seed


@pytest.mark.parametrize("name", PARSERS)
def test_input_of_the_right_kind_is_taken_or_refused_in_a_line(name: str) -> None:
    for seed in SEEDS[name]:
        PARSERS[name](seed)


@pytest.mark.parametrize("name", PARSERS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
@given(st.data())
def test_any_input_is_taken_or_refused_in_a_line(name: str, data: st.DataObject) -> None:
    near = st.builds(_changed, st.sampled_from(SEEDS[name]), CHANGES)
    PARSERS[name](data.draw(st.one_of(near, _pieces(name), st.binary(max_size=60))))
