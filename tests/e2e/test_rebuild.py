"""`--rebuild` on an index that works and on one that does not."""

from __future__ import annotations

from tests.e2e.conftest import Command


def test_rebuild_without_folders_takes_those_of_the_index(mmsearch: Command) -> None:
    (mmsearch.cwd / "note.txt").write_text("the quick brown fox jumps over the lazy dog")
    first = mmsearch.report(".")
    again = mmsearch.report("--rebuild")
    assert again["added"] == first["added"] > 0


def test_damaged_index_says_rebuild_and_rebuild_helps(mmsearch: Command) -> None:
    (mmsearch.cwd / "note.txt").write_text("the quick brown fox jumps over the lazy dog")
    first = mmsearch.report(".")
    (mmsearch.index / "meta.sqlite").write_bytes(b"garbage" * 1000)
    for arguments in (["index", "."], ["search", "fox"], ["status"]):
        done = mmsearch(*arguments)
        assert done.returncode == 3 and b"--rebuild" in done.stderr and done.stderr.count(b"\n") == 1
    assert mmsearch.report("--rebuild", ".")["added"] == first["added"]
