"""No command's exit code or machine-readable output changes without anybody noticing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.golden import cases


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, cases.Outcome]:
    return cases.run(Path(tmp_path_factory.mktemp("golden").resolve()))


@pytest.fixture(scope="module")
def recorded() -> dict[str, cases.Outcome]:
    return dict(json.loads(cases.RECORDED.read_text(encoding="utf-8")))


@pytest.mark.parametrize("name", cases.CASES)
def test_output_is_as_recorded(
    name: str, outcomes: dict[str, cases.Outcome], recorded: dict[str, cases.Outcome]
) -> None:
    assert not cases.differences(recorded[name], outcomes[name])


def test_a_difference_is_noticed() -> None:
    before = {"code": 0, "stdout": {"hits": [{"path": "a", "score": 0.5}], "total": 1}}
    assert not cases.differences(before, {"code": 0, "stdout": {"hits": [{"path": "a", "score": 0.5001}], "total": 1}})
    for changed in (
        {"code": 1, "stdout": before["stdout"]},
        {"code": 0, "stdout": {"total": 1, "hits": [{"path": "a", "score": 0.5}]}},
        {"code": 0, "stdout": {"hits": [{"path": "b", "score": 0.5}], "total": 1}},
        {"code": 0, "stdout": {"hits": [{"path": "a", "score": 0.7}], "total": 1}},
        {"code": 0, "stdout": {"hits": [{"path": "a", "score": 0.5}], "total": 1.0}},
        {"code": 0, "stdout": {"hits": [], "total": 1}},
    ):
        assert cases.differences(before, changed)
