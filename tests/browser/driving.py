"""A real browser and a real server: where they are found, and how they are started and ended.

Knows processes; nothing of what the page shows.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser

VARIABLE = "MMSEARCH_TEST_BROWSER"
"""Names the browser to use."""
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
PLACES = (
    "/usr/bin/chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
)
QUIETLY = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
)
"""It runs in containers too, and asks nobody for anything."""
ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "sample_corpus"


def find_browser() -> str | None:
    """The Chromium of this machine, or what the variable names."""
    if named := os.environ.get(VARIABLE):
        return shutil.which(named)
    found = (shutil.which(name) for name in (*NAMES, *PLACES))
    return next((path for path in found if path), None)


@cache
def absent() -> str:
    """Why there is no browser to drive; empty where there is one."""
    try:
        import playwright.sync_api  # noqa: F401
    except ImportError:
        return "playwright is not installed"
    browser = find_browser()
    if browser is None:
        return f"no Chromium is installed, and {VARIABLE} names none"
    done = subprocess.run([browser, "--version"], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return f"{browser} does not start" if done.returncode else ""


@contextmanager
def browsing() -> Iterator[Browser]:
    """A headless browser. Only one may be open in a thread, and no event loop runs there meanwhile."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=list(QUIETLY))
        try:
            yield browser
        finally:
            browser.close()


def command(*args: str) -> list[str]:
    """`mmsearch` with these arguments."""
    return [sys.executable, "-m", "mmsearch", *args]


def index(folder: Path, directory: Path) -> None:
    """Index a folder."""
    done = subprocess.run(
        command("index", str(folder), "--index", str(directory)), cwd=ROOT, capture_output=True, check=False
    )
    assert done.returncode in (0, 5), done.stderr.decode()


@contextmanager
def serving(directory: Path, *more: str) -> Iterator[str]:
    """The address of a server of an index, without a slash at its end."""
    arguments = command("serve", "--index", str(directory), "--port", "0", *more)
    with subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        try:
            url = process.stdout.readline().decode().strip()
            assert url, "the server has ended"
            yield url.rstrip("/")
        finally:
            process.terminate()
            process.wait(30)
