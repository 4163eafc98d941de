"""The page in a real browser over the sample corpus: searching, narrowing, looking, by keys and at phone width."""

from __future__ import annotations

import base64
import json
import os
import re
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

from mmsearch.server.app import _PageFiles
from tests.browser.conftest import ARTEFACTS, PATIENCE_MS, Opener, Watched
from tests.browser.driving import SAMPLES, index, serving

if TYPE_CHECKING:
    from playwright.sync_api import Page

RED_CARS = {"IMG_2041.jpg", "winter_drive.jpg"}
PHONE = {"width": 360, "height": 740}
TILE = "#hits a.tile"
TRANSFER = """([name, type, data]) => {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  const transfer = new DataTransfer();
  transfer.items.add(new File([bytes], name, { type }));
  return transfer;
}"""


def hits(url: str, **asked: str) -> list[dict[str, Any]]:
    """What the server answers by itself."""
    with urllib.request.urlopen(f"{url}/api/search?{urlencode(asked)}", timeout=60) as answer:
        return list(json.load(answer)["hits"])


def names(page: Page) -> list[str]:
    page.wait_for_selector(TILE)
    return page.locator(f"{TILE} .name").all_text_contents()


def ask(page: Page, words: str) -> None:
    page.evaluate("document.querySelector('#told').textContent = ''")  # what was found before stays until then
    page.fill("#q", words)
    with page.expect_response(re.compile("/api/search")):
        page.keyboard.press("Enter")
    until(page, "/ s$|^Nothing/.test(document.querySelector('#told').textContent)")


def transfer(page: Page, name: str, kind: str = "image/jpeg") -> Any:
    data = base64.b64encode((SAMPLES / name).read_bytes()).decode()
    return page.evaluate_handle(TRANSFER, [name.rpartition("/")[2], kind, data])


def until(page: Page, script: str, times: int = 1) -> None:
    """Wait for what a script says; Playwright's own way is forbidden by the policy of the page, as it should be."""
    end = time.monotonic() + times * PATIENCE_MS / 1000
    while not page.evaluate(script):
        assert time.monotonic() < end, script
        page.wait_for_timeout(30)


def fits(page: Page) -> bool:
    widest = "document.querySelector('dialog[open]') || document.documentElement"
    return bool(page.evaluate(f"(at => at.scrollWidth <= at.clientWidth)({widest})"))


def test_the_files_of_the_page_are_asked_for_anew_and_are_scripts_on_any_system(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "app.js").write_text("1")
    monkeypatch.setattr("starlette.responses.guess_type", lambda *_: ("text/plain", None))
    answer = _PageFiles(directory=tmp_path).file_response(
        tmp_path / "app.js", os.stat(tmp_path / "app.js"), {"type": "http", "method": "GET", "headers": []}
    )
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"


def test_a_typed_query_shows_the_red_car_first(samples: str, opened: Opener) -> None:
    page = opened(samples)
    page.wait_for_selector(".count")
    assert page.evaluate("document.activeElement.id") == "q"
    page.keyboard.type("red car")
    page.keyboard.press("Enter")
    assert set(names(page)[:2]) == RED_CARS
    assert page.url == f"{samples}/?q=red+car"
    assert page.title() == "red car – mmsearch"
    assert "40" in page.inner_text("#told")
    until(page, "[...document.querySelectorAll('#hits li:first-child img')].some(one => one.naturalWidth > 0)")


def test_the_address_holds_the_search_and_history_goes_through_it(samples: str, opened: Opener) -> None:
    page = opened(f"{samples}/?q=red+car&type=image")
    assert set(names(page)[:2]) == RED_CARS
    ask(page, "green apple")
    assert names(page)[0] == "IMG_3309.jpg"
    page.go_back()
    until(page, "document.querySelector('#q').value === 'red car'")
    until(page, f"{sorted(RED_CARS)}.includes(document.querySelector('#hits .name').textContent)")
    page.go_forward()
    until(page, "document.querySelector('#hits .name').textContent === 'IMG_3309.jpg'")
    assert page.input_value("#q") == "green apple"


def test_more_hits_come_on_request_and_none_twice(samples: str, opened: Opener) -> None:
    page = opened(f"{samples}/?q=red+car")
    names(page)
    page.click("#more")
    until(page, f"document.querySelectorAll('{TILE}').length > 40")
    ids = page.locator(TILE).evaluate_all("all => all.map(one => one.dataset.id)")
    assert len(set(ids)) == len(ids) == 80


def test_unlikely_hits_are_dim_below_a_line(samples: str, opened: Opener) -> None:
    page = opened(f"{samples}/?q=red+car")
    relevances = [hit["relevance"] for hit in hits(samples, q="red car", top="40")]
    first = next((number for number, value in enumerate(relevances) if value < 0), None)
    names(page)
    dim = page.locator(TILE).evaluate_all("all => all.map(one => one.classList.contains('unlikely'))")
    assert dim == [value < 0 for value in relevances]
    lines = page.locator("#hits li").evaluate_all("all => all.map(one => one.classList.contains('divider'))")
    assert [number for number, is_line in enumerate(lines) if is_line] == ([first] if first else [])
    assert ("Nothing here is likely" in page.inner_text("#notes")) == (first == 0)


def test_a_dropped_picture_is_searched_by_alone_and_with_words(samples: str, opened: Opener) -> None:
    page = opened(samples)
    page.wait_for_selector(".count")
    page.dispatch_event("body", "drop", {"dataTransfer": transfer(page, "pictures/IMG_2041.jpg")})
    assert "IMG_2041.jpg" in names(page)[:2]
    assert page.inner_text("#attached") == "IMG_2041.jpg"
    ask(page, "blue")
    assert set(names(page)[:4]) & {"DSC_0113.jpg", "IMG_1561.jpg"}
    page.reload()
    page.wait_for_selector("#notes p")
    assert "IMG_2041.jpg is not part of the address" in page.inner_text("#notes")


def test_a_pasted_picture_is_searched_by(samples: str, opened: Opener) -> None:
    page = opened(samples)
    pasted = transfer(page, "pictures/DSC_0127.jpg")
    page.evaluate("data => document.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data }))", pasted)
    assert names(page)[0] == "DSC_0127.jpg"


def test_chips_and_menus_narrow_the_search(samples: str, opened: Opener) -> None:
    page = opened(f"{samples}/?q=red+car")
    names(page)
    assert page.inner_text("[data-kind=video] .number") == "7"
    page.click("[data-kind=video]")
    until(page, f"document.querySelectorAll('{TILE}').length === 7")
    assert page.locator("#hits .picture.video").count() == 7
    assert page.get_attribute("[data-kind=video]", "aria-pressed") == "true"
    assert "type=video" in page.url
    page.click("[data-kind='']")
    until(page, f"document.querySelectorAll('{TILE}').length === 40")
    page.click("[data-menu=folder] summary")
    page.click("[data-menu=folder] >> text=notes")
    until(page, f"document.querySelectorAll('{TILE}').length === 18")
    assert page.locator("#hits .picture.text").count() == 18
    page.click("text=Clear filters")
    until(page, f"document.querySelectorAll('{TILE}').length === 40")


def test_a_video_hit_opens_at_its_second(samples: str, opened: Opener) -> None:
    (hit, *_) = hits(samples, q="a bar chart", type="video")
    assert hit["name"] == "clip_01.mp4"
    assert hit["start"] > 5
    page = opened(f"{samples}/?q=a+bar+chart&type=video")
    page.click(TILE)
    until(page, f"Math.abs(document.querySelector('video')?.currentTime - {hit['start']}) < 0.2")
    until(page, "document.querySelector('video').readyState >= 2")
    page.click(".strip .part >> nth=0")
    until(page, "document.querySelector('video').currentTime < 0.2")


def test_a_pdf_hit_is_paged_through(samples: str, opened: Opener) -> None:
    page = opened(f"{samples}/?q=wind+and+sun+need+storage&type=document")
    page.click(TILE)
    assert page.inner_text(".turn") == "Page 2 of 3"
    page.wait_for_selector(".words mark >> text=storage")
    page.keyboard.press("PageDown")
    page.wait_for_selector("text=Page 3 of 3")
    until(page, "document.querySelector('.paper img')?.naturalHeight === 1600")
    assert page.is_disabled("[data-act='Next page']")
    page.click("[data-act='Previous page']")
    page.click(".strip .part >> nth=0")
    page.wait_for_selector("text=Page 1 of 3")
    page.go_back()
    page.wait_for_selector("#detail", state="hidden")
    assert page.url.endswith("type=document")


def test_a_sound_has_its_waveform_and_a_passage_its_context(samples: str, opened: Opener) -> None:
    page = opened(f"{samples}/?q=birds&type=audio")
    page.click(TILE)
    until(page, "document.querySelector('audio')?.duration > 5")
    box = page.locator(".waveform").bounding_box()
    assert box
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + 10)
    until(page, "(one => Math.abs(one.currentTime - one.duration / 2) < 0.2)(document.querySelector('audio'))")
    page.goto(f"{samples}/?q=tomatoes+in+may&type=text")
    page.click(TILE)
    page.wait_for_selector(".here mark >> text=tomatoes")
    until(page, "[...document.querySelectorAll('.context')].every(one => one.textContent)")


def test_the_part_of_a_picture_that_was_found_is_outlined(samples: str, opened: Opener) -> None:
    found = hits(samples, q="a butterfly", type="image", all_segments="true", top="40")
    hit = next(one for one in found if one["name"] == "contact_sheet.jpg" and "box" in one)
    page = opened(f"{samples}/#item={hit['id']}")
    box = page.locator(".outline").bounding_box()
    frame = page.locator(".frame").bounding_box()
    assert box
    assert frame
    shares = [(box["x"] - frame["x"]) / frame["width"], (box["y"] - frame["y"]) / frame["height"]]
    assert shares == pytest.approx([hit["box"][0] / 880, hit["box"][1] / 760], abs=0.01)


def test_from_load_to_the_copied_path_by_keys_alone(samples: str, opened: Opener) -> None:
    page = opened(samples)
    page.wait_for_selector(".count")
    page.keyboard.type("red car")
    page.keyboard.press("Enter")
    second = names(page)[1]
    for key in ("ArrowDown", "ArrowRight", "Enter"):
        page.keyboard.press(key)
    page.wait_for_selector("#detail .actions")
    page.keyboard.press("c")
    page.wait_for_selector(".toast.on")
    assert page.evaluate("navigator.clipboard.readText()") == str(SAMPLES / "pictures" / second)
    page.keyboard.press("ArrowRight")
    page.wait_for_selector("text=3 of 40")
    for _ in range(12):  # Tab stays within the view
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement === document.body || !!document.activeElement.closest('#detail')")
    page.keyboard.press("Escape")
    page.wait_for_selector("#detail", state="hidden")
    assert page.evaluate("document.activeElement.querySelector('.name').textContent") == names(page)[2]
    page.keyboard.press("?")
    page.wait_for_selector("#keys[open]")
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "q"


def test_an_open_hit_says_why_and_leads_to_more_like_it(samples: str, opened: Opener) -> None:
    page = opened(f"{samples}/?q=red+car&type=image")
    page.click(TILE)
    page.click("text=Why it was found")
    assert "By meaning" in page.inner_text(".explain table")
    name = page.inner_text("#detail-name")
    page.keyboard.press("m")
    page.wait_for_selector("#detail", state="hidden")
    page.wait_for_selector(f"#attached >> text=like {name}")
    until(page, f"document.querySelector('#hits .name').textContent !== '{name}'")
    assert set(names(page)[:2]) & RED_CARS
    page.go_back()
    until(page, "document.querySelector('#q').value === 'red car'")
    assert page.is_hidden("#detail")


def test_a_phone_needs_no_scrolling_sideways(samples: str, opened: Opener) -> None:
    page = opened(samples, viewport=PHONE, has_touch=True, is_mobile=True)
    page.wait_for_selector("#start .tile")
    assert fits(page)
    page.fill("#q", "wind and sun need storage")
    page.keyboard.press("Enter")
    page.wait_for_selector(TILE)
    assert fits(page)
    for menu in ("date", "folder", "more"):
        page.tap(f"[data-menu={menu}] summary")
        panel = page.locator(f"[data-menu={menu}] .panel").bounding_box()
        assert panel
        assert panel["x"] >= 0
        assert panel["x"] + panel["width"] <= PHONE["width"]
    page.keyboard.press("Escape")
    page.mouse.click(5, PHONE["height"] - 5)
    page.tap(f"{TILE} >> nth=0")
    page.wait_for_selector("#detail .actions")
    assert fits(page)
    page.tap("[data-act=close]")
    page.wait_for_selector("#detail", state="hidden")


def test_colours_follow_the_system_until_they_are_chosen(samples: str, opened: Opener) -> None:
    page = opened(samples, color_scheme="dark")
    back = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(back)
    page.click("#theme")
    assert page.evaluate(back) != dark
    page.reload()
    assert page.evaluate(back) != dark
    page.click("#theme")
    assert page.evaluate(back) == dark


def test_nothing_found_comes_with_advice(samples: str, opened: Opener) -> None:
    page = opened(f"{samples}/?q=red+car&min_relevance=99")
    page.wait_for_selector("text=Nothing found")
    page.click("text=Search without filters")
    assert set(names(page)[:2]) == RED_CARS


def test_a_search_goes_on_when_the_server_is_back(samples: str, opened: Opener, watched: Watched) -> None:
    page = opened(samples)
    page.wait_for_selector(".count")
    page.context.set_offline(True)
    page.fill("#q", "red car")
    page.keyboard.press("Enter")
    page.wait_for_selector("[role=alert] >> text=The server does not answer")
    page.context.set_offline(False)
    assert set(names(page)[:2]) == RED_CARS
    watched.complaints.clear()  # that there was no network is said by the browser itself


def test_a_busy_server_is_asked_again_when_it_wants_to(samples: str, opened: Opener, watched: Watched) -> None:
    page = opened(samples)
    refused = {"status": 503, "headers": {"retry-after": "1"}, "json": {"error": "256 queries wait already"}}
    page.route("**/api/search?**", lambda route: route.fulfill(**refused), times=2)
    page.fill("#q", "red car")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=The server is busy; asking again in 1 second…")
    assert set(names(page)[:2]) == RED_CARS
    watched.complaints.clear()  # of the answers 503


def test_what_the_server_refuses_is_told(samples: str, opened: Opener, watched: Watched) -> None:
    page = opened(f"{samples}/?q=red+car&after=gibberish")
    page.wait_for_selector("[role=alert] >> text='gibberish' is no date")
    watched.complaints.clear()  # of the answer 400


def test_a_new_file_is_shown_without_a_reload(tmp_path: Path, opened: Opener) -> None:
    notes = tmp_path / "notes"
    notes.mkdir()
    (notes / "first.txt").write_text("Tomatoes need sun and water.")
    index(notes, tmp_path / "index")
    with serving(tmp_path / "index", "--watch") as url:
        page = opened(f"{url}/?q=lavender")
        until(page, "document.querySelector('#told').textContent")
        page.evaluate("window.same = true")
        (notes / "second.txt").write_text("Bees fly to the lavender.")
        until(page, "window.same && document.querySelector('#hits').textContent.includes('second.txt')", 4)
        page.close()  # it would go on asking when the server is gone


def test_axe_finds_nothing_serious_in_either_colours(samples: str, opened: Opener) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    page = opened(samples, reduced_motion="reduce")

    def judge(view: str) -> None:
        for colours in ("light", "dark"):
            page.emulate_media(color_scheme=colours)
            page.screenshot(path=ARTEFACTS / f"{view}-{colours}.png")
            # All that another choice of colours can change is the contrast.
            only = {"runOnly": ["color-contrast"]} if colours == "dark" else {}
            options = {"resultTypes": ["violations"], **only}
            violations = axe.Axe().run(page, options=options).response["violations"]
            serious = [one for one in violations if one["impact"] in ("serious", "critical")]
            assert not serious, [(view, one["id"], [node["html"] for node in one["nodes"]][:5]) for one in serious]

    page.wait_for_selector("#start .tile")
    judge("start")
    ask(page, "energy storage")
    judge("results")
    page.click("[data-menu=more] summary")
    judge("menu")
    page.keyboard.press("Escape")
    page.click("#help")
    judge("keys")
    page.keyboard.press("Escape")
    for kind in ("document", "video", "audio", "text"):
        page.click(f"{TILE}:has(.picture.{kind})")
        page.click("text=Why it was found")
        judge(kind)
        page.keyboard.press("Escape")
        page.wait_for_selector("#detail", state="hidden")
