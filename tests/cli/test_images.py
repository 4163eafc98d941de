"""When pictures are shown: only where somebody asked for them and the terminal is known to show them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from PIL import Image

from mmsearch.cli import images
from mmsearch.errors import UsageError
from mmsearch.output.terminal_images import Screen
from mmsearch.types import Hit, Item, LoaderSettings, Span
from tests.media.make_pdf import pdf


@pytest.fixture
def on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Stdout is said to be a terminal of 100 x 40 cells, of which nothing else is known."""
    for name in list(os.environ):
        monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("LINES", "40")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    return monkeypatch


@pytest.mark.parametrize(
    ("wanted", "environment", "protocol"),
    [
        (None, {}, None),
        (True, {}, "kitty"),
        (False, {}, None),
        (None, {"MMSEARCH_PICTURES": "auto"}, "kitty"),
        (None, {"MMSEARCH_PICTURES": "never"}, None),
        (True, {"MMSEARCH_PICTURES": "never"}, "kitty"),
        (False, {"MMSEARCH_PICTURES": "auto"}, None),
        (None, {"MMSEARCH_PICTURES": "Sixel"}, "sixel"),
        (True, {"MMSEARCH_PICTURES": "iterm"}, "iterm"),
        (None, {"MMSEARCH_PICTURES": "auto", "TMUX": "1"}, None),
        (None, {"MMSEARCH_PICTURES": "sixel", "TMUX": "1"}, "sixel"),
        (None, {"MMSEARCH_PICTURES": "auto", "COLUMNS": "30"}, None),
        (None, {"MMSEARCH_PICTURES": "auto", "LINES": "5"}, None),
    ],
)
def test_pictures_are_shown_where_they_are_asked_for(
    wanted: bool | None, environment: dict[str, str], protocol: str | None, on_a_terminal: pytest.MonkeyPatch
) -> None:
    for name, value in {"TERM": "xterm-kitty", **environment}.items():
        on_a_terminal.setenv(name, value)
    found = images.screen(wanted)
    assert (found.protocol if found else None) == protocol


def test_a_terminal_without_pictures_is_told_to_who_asked_for_them(
    on_a_terminal: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    on_a_terminal.setattr(sys.stdout, "isatty", lambda: True)
    on_a_terminal.setenv("TERM", "dumb")
    on_a_terminal.setenv("MMSEARCH_PICTURES", "auto")
    assert images.screen(None) is None
    assert not capsys.readouterr().err
    on_a_terminal.setattr(sys.stdout, "isatty", lambda: True)
    assert images.screen(True) is None
    assert "MMSEARCH_PICTURES=sixel" in capsys.readouterr().err


def test_a_protocol_that_is_none_is_an_error_on_a_terminal_alone(on_a_terminal: pytest.MonkeyPatch) -> None:
    on_a_terminal.setenv("MMSEARCH_PICTURES", "gif")
    with pytest.raises(UsageError, match="MMSEARCH_PICTURES=gif: choose from auto, never, kitty, iterm, sixel"):
        images.screen(None)
    on_a_terminal.setattr(sys.stdout, "isatty", lambda: False)
    assert images.screen(True) is None


@pytest.mark.parametrize("rows", [7, 8, 12, 24, 1000])
def test_pictures_wait_for_lines_only_while_they_are_on_the_screen(rows: int) -> None:
    heights, pictured = [5, 6, 1, 5, 1, 1, 5], [True, True, False, True, False, False, True]
    line, began, drawn = 0, dict[int, int](), list[int]()
    for place, above in images._steps(heights, pictured, rows):
        if above:
            assert began[place] == line - above and above < rows
            drawn.append(place)
        else:
            began[place] = line
            line += heights[place]
    assert drawn == [0, 1, 3, 6] and list(began) == list(range(7))
    if rows == 1000:
        order = [above > 0 for _, above in images._steps(heights, pictured, rows)]
        assert order == [False] * 7 + [True] * 4, "what fits is written before anything is drawn"


def test_without_workers_there_are_the_pictures_that_need_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("RGB", (30, 20), "red").save(tmp_path / "a.png")
    (tmp_path / "b.pdf").write_bytes(pdf(["one", "two"]))
    items = [Item(str(tmp_path / "a.png"), "", "image", "image"), Item("/no/such.png", "", "image", "image")]
    items += [Item(str(tmp_path / "b.pdf"), "", "document", "document", n, Span("page", n + 1, n + 1)) for n in (0, 1)]
    hits = [Hit(item, rank, 0.5, 1.0) for rank, item in enumerate(items, 1)]
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no-python"))
    with images._Pictures(hits, LoaderSettings(), Screen("kitty", 80, 24)) as pictures:
        seen = [pictures.get(hit) for hit in hits]
    assert [None if one is None else one.shape for one in seen] == [(20, 30, 3), None, None, None]
