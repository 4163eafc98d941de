"""The short form of `python -m tests.hostile.mutations`: some seeds of every kind of change."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.hostile.forked import Forking
from tests.hostile.mutating import KINDS
from tests.hostile.mutations import Campaign, prepared

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks, and limits memory")
CASES = 160
AT_ONCE = 20


@pytest.fixture(scope="module")
def campaigns(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Campaign]]:
    pytest.importorskip("pyarrow", reason="the extra is absent")
    work = tmp_path_factory.mktemp("mutations")
    bases = prepared(work)
    with Forking(work) as one, Forking(work) as other:
        yield [Campaign(work, bases, commands, most=2) for commands in (one, other)]


@pytest.mark.parametrize("first", range(0, CASES, AT_ONCE))
def test_an_index_that_was_changed_in_any_way_ends_in_one_line(campaigns: list[Campaign], first: int) -> None:
    def breaches(at: int) -> list[str]:
        seeds = range(first + at, first + AT_ONCE, len(campaigns))
        return [breach for seed in seeds for breach in campaigns[at].case(seed)[1]]

    with ThreadPoolExecutor(len(campaigns)) as pool:
        found = [breach for some in pool.map(breaches, range(len(campaigns))) for breach in some]
    assert not found, "\n".join(found)


def test_each_kind_of_change_is_among_them_and_can_be_made_again(campaigns: list[Campaign]) -> None:
    campaign = campaigns[0]
    seen = {campaign.change(seed).partition(":")[0] for seed in range(CASES)}
    assert seen >= {make.__name__.strip("_") for make, _ in KINDS}
    assert campaign.change(7) == campaign.change(7)
