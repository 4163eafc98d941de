"""Whether a model fits: from its size, the bytes of a number and the memory that is free."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mmsearch.models import catalog, machine
from mmsearch.models.machine import EASE, OVERHEAD, Memory

ENTRY = catalog.CATALOG["qwen3-vl-2b"]
GIB = 2**30


def memory(free: int, number: int = 2, device: str = "cuda:0") -> Memory:
    return Memory(device, "", free, 10**12, number)


def test_need_is_the_weights_in_the_format_of_the_device_and_an_overhead() -> None:
    assert ENTRY.parameters is not None
    assert machine.need(ENTRY, memory(0)) == 2 * ENTRY.parameters + OVERHEAD
    assert machine.need(ENTRY, memory(0, number=4)) == 4 * ENTRY.parameters + OVERHEAD
    assert machine.need(replace(ENTRY, parameters=None), memory(0)) is None


def test_verdict_has_a_bound_for_ease_and_one_for_fitting_at_all() -> None:
    need = machine.need(ENTRY, memory(0))
    assert need is not None
    assert machine.verdict(ENTRY, memory(int(need / EASE) + 1)) == "yes"
    assert machine.verdict(ENTRY, memory(int(need / EASE) - 1)) == "tight"
    assert machine.verdict(ENTRY, memory(need)) == "tight"
    assert machine.verdict(ENTRY, memory(need - 1)) == "no"
    assert machine.verdict(replace(ENTRY, parameters=None), memory(need)) == "unknown"


def test_a_small_card_gives_way_to_a_large_host() -> None:
    card, host = memory(2 * GIB), memory(64 * GIB, 4, "cpu")
    assert machine.best(ENTRY, [card, host]) == (host, "yes")
    assert machine.best(ENTRY, [memory(24 * GIB), host])[0].device == "cuda:0"


def test_this_machine_has_a_memory_and_not_more_free_than_all() -> None:
    found = machine.memories()
    assert found[-1].device == "cpu"
    assert all(0 < one.free <= one.total for one in found)


def test_cards_are_read_from_what_their_tool_prints(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    card = machine._card(1, "NVIDIA RTX, Ada 6000, 40000, 49140")
    assert card == Memory("cuda:1", "NVIDIA RTX, Ada 6000", 40_000 * 2**20, 49_140 * 2**20, 2)
    monkeypatch.setattr(machine, "NVIDIA", ("no-such-tool-on-any-machine",))
    assert [one.device for one in machine.memories()] == ["cpu"]
