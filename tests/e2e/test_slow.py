"""Models at full size: minutes and gigabytes, so only with `-m slow`."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from .conftest import Command

CORPUS = Path(__file__).parent.parent.parent / "sample_corpus"


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_a_full_size_qwen3_vl_2b_finds_an_exact_duplicate(mmsearch: Command, tmp_path: Path) -> None:
    pictures = sorted((CORPUS / "pictures").glob("*.jpg"))[:4]
    for path in pictures:
        shutil.copy(path, mmsearch.cwd)
    (mmsearch.cwd / "note.txt").write_text("Tomatoes need sun and water.")
    wanted = pictures[2]
    shutil.copy(wanted, tmp_path / "query.jpg")
    shape = ("--model", "qwen3-vl-2b", "--dummy-weights", "--dtype", "bf16", "--device", "cpu", "--max-pixels", "16384")
    report = mmsearch.report(".", *shape)
    assert report["embedded"] == len(pictures) + 1
    hits = mmsearch.hits("--image", str(tmp_path / "query.jpg"))
    assert Path(hits[0]["path"]).name == wanted.name
    assert hits[0]["score"] == pytest.approx(1, abs=0.01)
    assert hits[1]["score"] < hits[0]["score"]
