"""What stands in names, passages and addresses is shown, and never run."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from PIL import Image

from tests.browser import driving
from tests.browser.conftest import Opener, Watched

if TYPE_CHECKING:
    from playwright.sync_api import Page

HOSTILE = "<img src=x onerror=alert(1)>"
CONTENT = f"{HOSTILE} <script>alert(2)</script> tomatoes <svg onload=alert(3)></svg> javascript:alert(4)"
INJECTED = "img[onerror], svg[onload], script:not([src]), [href^='javascript:'], iframe"


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server of files that want to run scripts."""
    if reason := driving.absent():
        pytest.skip(reason)
    if os.name == "nt":
        pytest.skip("Windows has no such names")
    folder = tmp_path_factory.mktemp("hostile")
    (folder / f"{HOSTILE}.txt").write_text(CONTENT)
    (folder / "page.html").write_text(f"<h1>tomatoes</h1><script>alert(5)</script><p onclick='alert(6)'>{HOSTILE}</p>")
    Image.new("RGB", (64, 64), "red").save(folder / "'><svg onload=alert(7)>.png")
    below = folder / "<script>alert(8)<"
    below.mkdir()
    (below / "javascript:alert(9).md").write_text("# tomatoes\n\n[click](javascript:alert(10))")
    with open(os.path.join(os.fsencode(folder), b"caf\xe9.txt"), "w") as file:
        file.write("tomatoes in a coffee house")
    directory = tmp_path_factory.mktemp("index") / "index"
    driving.index(folder, directory)
    with driving.serving(directory) as url:
        yield url


def injected(page: Page) -> int:
    return page.locator(INJECTED).count()


def test_names_and_passages_are_text_in_tiles_and_in_the_open_hit(hostile: str, opened: Opener) -> None:
    page = opened(hostile)
    page.wait_for_selector("#start .tile")
    assert injected(page) == 0
    page.goto(f"{hostile}/?q=tomatoes")
    page.wait_for_selector("#hits a.tile")
    assert page.locator(".passage", has_text=HOSTILE).count() >= 1
    total = page.locator("#hits a.tile").count()
    assert total == 5
    page.locator("#hits a.tile").first.click()
    for number in range(1, total + 1):
        page.wait_for_selector(f"text={number} of {total}")
        page.wait_for_timeout(150)
        assert injected(page) == 0
        page.keyboard.press("ArrowRight")


def test_a_name_that_is_not_utf8_is_shown_and_copied_as_a_shell_takes_it(hostile: str, opened: Opener) -> None:
    page = opened(f"{hostile}/?q=coffee+house")
    page.locator("#hits a.tile", has_text=r"caf\xe9.txt").click()
    page.wait_for_selector("#detail .actions")
    page.keyboard.press("c")
    page.wait_for_selector(".toast.on")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("$'/")
    assert copied.endswith(r"/caf\xe9.txt'")


def test_an_address_from_elsewhere_runs_nothing(hostile: str, opened: Opener, watched: Watched) -> None:
    page = opened(hostile)
    for field in ("q", "not", "like", "type", "after", "in", "glob", "mode", "upload"):
        page.goto(f"{hostile}/?q=tomatoes&{field}={quote(HOSTILE)}#item={quote(HOSTILE)}")
        page.wait_for_selector("#detail h2")
        page.keyboard.press("Escape")
        page.wait_for_selector("#detail", state="hidden")
        assert injected(page) == 0
    watched.complaints[:] = [one for one in watched.complaints if "Failed to load resource" not in one]


def test_a_page_of_the_users_runs_nothing_when_it_is_opened(hostile: str, opened: Opener, watched: Watched) -> None:
    page = opened(f"{hostile}/?q=tomatoes&glob=*.html")
    page.click("#hits a.tile")
    with page.expect_popup() as popped:
        page.click("[data-act=open]")
    popped.value.wait_for_load_state()
    popped.value.reload()  # what it said at first may have come before anybody listened
    assert "tomatoes" in popped.value.inner_text("body")
    assert any("Blocked script execution" in one for one in watched.complaints)
    watched.complaints[:] = [one for one in watched.complaints if not re.search("Blocked|violates", one)]
