"""Pages that are watched: no request leaves this machine, nothing is complained of, and no dialog of a script opens."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from tests.browser import driving

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

ARTEFACTS = Path(__file__).parent / "artefacts"
"""What each test saw last; not kept in the repository."""
PATIENCE_MS = 15_000
DESKTOP = {"width": 1280, "height": 800}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Of a module, since a browser keeps an event loop that would be in the way of other tests."""
    if reason := driving.absent():
        pytest.skip(reason)
    with driving.browsing() as browser:
        yield browser


@pytest.fixture(scope="session")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server of the sample corpus."""
    if reason := driving.absent():
        pytest.skip(reason)
    directory = tmp_path_factory.mktemp("samples") / "index"
    driving.index(driving.SAMPLES, directory)
    with driving.serving(directory) as url:
        yield url


@dataclass
class Watched:
    """What has happened in the pages of a test that must not."""

    host: str
    strange: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)

    def watch(self, context: BrowserContext) -> None:
        context.on("request", lambda request: self._request(request.url))
        context.on("page", self._page)

    def _page(self, page: Page) -> None:
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda message: self._console(message.type, message.text))
        page.on("dialog", self._dialog)

    def _request(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("data", "blob") and parts.netloc != self.host:
            self.strange.append(url)

    def _console(self, kind: str, text: str) -> None:
        if kind == "error":
            self.complaints.append(text)

    def _dialog(self, dialog: Any) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()


Opener = Callable[..., "Page"]


@pytest.fixture
def watched() -> Watched:
    return Watched("")


@pytest.fixture
def opened(browser: Browser, watched: Watched, request: pytest.FixtureRequest) -> Iterator[Opener]:
    """Opens an address in a window of its own; options are those of a browser context."""
    contexts: list[BrowserContext] = []

    def open_page(url: str, **options: Any) -> Page:
        context = browser.new_context(**{"viewport": DESKTOP, "locale": "en-GB", **options})
        contexts.append(context)
        watched.host = urlsplit(url).netloc
        watched.watch(context)
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.goto(url)
        return page

    ARTEFACTS.mkdir(exist_ok=True)
    yield open_page
    for number, context in enumerate(contexts):
        for page in context.pages[:1]:
            name = re.sub(r"[^\w-]+", "-", request.node.name)
            page.screenshot(path=ARTEFACTS / f"{name}{number or ''}.jpg", type="jpeg", quality=80)
        context.close()
    assert (watched.strange, watched.complaints, watched.dialogs) == ([], [], [])
