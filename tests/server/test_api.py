"""What the API answers, held against its own description and against the command line."""

from __future__ import annotations

import io
import json
import os
import sys
from typing import Any

import jsonschema
import pytest
from PIL import Image

from mmsearch.server.openapi import document
from tests.server.conftest import CORPUS, SCRIPT, Answer, Served, run

DOCUMENT = document()


def check(answer: Answer, name: str, status: int = 200) -> Any:
    """The JSON of an answer, which is as the document says."""
    assert answer.status == status, answer.body
    schema = {"$ref": f"#/components/schemas/{name}", "components": DOCUMENT["components"]}
    jsonschema.Draft202012Validator(schema).validate(answer.json)
    return answer.json


def picture(answer: Answer) -> Image.Image:
    assert answer.status == 200, answer.body
    assert answer.headers["content-type"] == "image/webp"
    return Image.open(io.BytesIO(answer.body))


def test_the_document_is_served_and_names_every_address(served: Served) -> None:
    answer = served.ask("/api/openapi.json")
    assert answer.json == DOCUMENT
    assert answer.json["openapi"].startswith("3.")
    for schema in answer.json["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_a_search_finds_what_the_command_finds(served: Served) -> None:
    found = check(served.ask("/api/search?q=red+car&top=4"), "Answer")
    done = run("search", "red car", "-k", "4", "--json", "--no-server", "--index", str(served.index))
    told = json.loads(done.stdout)
    assert found["query"] == told["query"]
    assert [{**hit, **own} for hit, own in zip(found["hits"], told["hits"], strict=True)] == found["hits"]


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"q": "red car", "type": "image", "top": 1}, {"winter_drive.jpg"}),
        ({"q": "car", "type": ["document", "audio"], "top": 9}, {"energy_report.pdf", "siren.mp3", "REC_0007.ogg"}),
        ({"q": "car", "glob": "notes/**", "top": 9}, {"bike_care.md", "beekeeping.html", "stars.md"}),
        ({"q": "car", "glob": ["*.jpg", "!pictures/c*"]}, {"winter_drive.jpg", "IMG_2041.jpg"}),
        (
            {"q": "car", "glob": ["*.jpg", "!pictures/c*"], "all_copies": 1},
            {"IMG_2041.jpg", "winter_drive.jpg", "again.jpg"},
        ),
        ({"q": "car", "duration": "+1"}, {"siren.mp3", "REC_0007.ogg", "clip_01.mp4"}),
        ({"q": "car", "size": "-1b"}, set()),
        ({"q": "car", "after": "2999"}, set()),
    ],
)
def test_filters(served: Served, options: dict[str, Any], names: set[str]) -> None:
    assert {hit["name"] for hit in served.search(**options)["hits"]} == names


def test_pages_of_hits_follow_one_another(served: Served) -> None:
    whole = served.search(q="car", top=6)
    second = served.search(q="car", top=3, offset=3)
    assert [hit["id"] for hit in second["hits"]] == [hit["id"] for hit in whole["hits"][3:]]
    assert [hit["rank"] for hit in second["hits"]] == [4, 5, 6]
    assert second["more"]
    assert not served.search(q="car", top=100)["more"]


def test_stages_are_told_when_asked_for(served: Served) -> None:
    plain = check(served.ask("/api/search?q=bicycle+chain"), "Answer")
    told = check(served.ask("/api/search?q=bicycle+chain&explain=1&rerank=true&top=3"), "Answer")
    assert "stages" not in plain["hits"][0]
    assert {"dense", "fused"} <= set(told["hits"][0]["stages"])
    assert any(hit["rerank_score"] is not None for hit in served.search(q="red car", rerank=1)["hits"])


def test_a_search_as_json(served: Served) -> None:
    body = json.dumps({"q": "red car", "type": ["image"], "top": 2, "not": "snow", "raw": True}).encode()
    answer = served.ask("/api/search", "POST", body, {"content-type": "application/json"})
    assert check(answer, "Answer")["hits"][0]["modality"] == "image"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, "nothing to look for"),
        ({"q": "x", "colour": "red"}, "unknown option 'colour'"),
        ({"q": "x", "top": "many"}, "top is a number"),
        ({"q": "x", "top": 100_000}, "from 1 to 1000"),
        ({"q": "x", "mode": "magic"}, "choose from dense, lexical, hybrid"),
        ({"q": "x", "type": "smell"}, "unknown type"),
        ({"q": "x", "size": "big"}, "is no range"),
        ({"q": "x", "after": "soon"}, "is no date"),
        ({"q": "x", "raw": "perhaps"}, "true or false"),
        ({"q": ["x", "y"]}, "given 2 times"),
        ({"q": "x", "image": "/etc/passwd"}, "unknown option 'image'"),
    ],
)
def test_what_cannot_be_read_is_one_line(served: Served, options: dict[str, Any], told: str) -> None:
    assert told in served.search(400, **options)["error"]


def test_a_long_query_is_cut_with_a_note(served: Served) -> None:
    found = served.search(q="a red car " * 5000)
    assert found["hits"]
    assert [note for note in found["notes"] if "of 15000 words" in note] == found["notes"] != []
    assert served.search(q="a red car")["notes"] == []
    assert served.search(q="a red car " * 5000, mode="lexical")["notes"] == []


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b'{"q": 1}', b'{"top": true, "q": "x"}', b"[" * 100_000])
def test_a_body_that_is_no_search(served: Served, body: bytes) -> None:
    check(served.ask("/api/search", "POST", body, {"content-type": "application/json"}), "Error", 400)


def test_a_body_of_another_kind(served: Served) -> None:
    check(served.ask("/api/search", "POST", b"q=x", {"content-type": "text/plain"}), "Error", 415)


def test_a_picture_is_searched_by(served: Served) -> None:
    content = (CORPUS / "pictures/kickoff.webp").read_bytes()
    found = check(served.send([("image", "x.webp", content)], top="1", type="image"), "Answer")
    assert (found["hits"][0]["name"], found["query"]) == ("kickoff.webp", "x.webp")
    mixed = check(served.send([("image", "x.webp", content)], q="a car", **{"not": "football"}), "Answer")
    assert mixed["query"] == "a car x.webp"
    sound = check(served.send([("audio", "s.mp3", (CORPUS / "sounds/siren.mp3").read_bytes())], type="audio"), "Answer")
    assert sound["hits"][0]["name"] == "siren.mp3"


def test_an_upload_that_is_no_picture_is_one_line_without_a_path(served: Served) -> None:
    told = check(served.send([("image", "notes.md", b"# A note\n\nwith words")], q="x"), "Error", 400)["error"]
    assert told == "notes.md: not a picture but text"
    broken = check(served.send([("image", "x.jpg", b"\xff\xd8\xff" + b"\0" * 99)]), "Error", 400)["error"]
    assert broken.startswith("x.jpg: ")
    assert "mmsearch-" not in broken
    check(served.send([("secret", "x.jpg", b"x")], q="x"), "Error", 400)


def test_an_item_is_told_in_full(served: Served) -> None:
    page = served.hit("energy report", "energy_report.pdf")
    item = check(served.ask(f"/api/items/{page['id']}"), "Item")
    assert item["path"] == page["path"]
    assert (item["kind"], item["stale"], item["missing"]) == ("pdf", False, False)
    assert [part["page"] for part in item["siblings"]] == list(range(1, item["parts"] + 1))
    assert all(part["page_image"] for part in item["siblings"])
    photo = check(served.ask(f"/api/items/{served.hit('red car', 'winter_drive.jpg')['id']}"), "Item")
    assert photo["facts"]["width"] > 0
    sheet = served.search(q="contact sheet", type="image", all_segments=1, glob="contact_sheet.jpg")["hits"]
    assert any("box" in hit for hit in sheet)


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("red car", "winter_drive.jpg"),
        ("energy report", "energy_report.pdf"),
        ("driving car", "clip_01.mp4"),
        ("siren", "siren.mp3"),
    ],
)
def test_thumbnails(served: Served, query: str, name: str) -> None:
    hit = served.hit(query, name)
    assert max(picture(served.ask(f"{hit['thumbnail']}?size=100")).size) == 160
    assert max(picture(served.ask(hit["thumbnail"])).size) <= 320
    assert max(picture(served.ask(f"{hit['thumbnail']}?size=99999")).size) <= 640
    assert served.ask(f"{hit['thumbnail']}?size=x").status == 400


def test_a_thumbnail_of_a_box_shows_the_box(served: Served) -> None:
    hits = served.search(q="picture", type="image", all_segments=1, glob="contact_sheet.jpg", top=20)["hits"]
    box = next(hit for hit in hits if "box" in hit)
    whole = next(hit for hit in hits if "box" not in hit)
    _, _, width, height = box["box"]
    small, sheet = (picture(served.ask(hit["thumbnail"])) for hit in (box, whole))
    assert small.width / small.height == pytest.approx(width / height, rel=0.05)
    assert small.tobytes() != sheet.tobytes()


def test_a_thumbnail_is_kept_and_not_made_twice(served: Served) -> None:
    hit = served.hit("camping", "camping.jpg")
    first = served.ask(hit["thumbnail"])
    kept = [path for path in (served.index / "cache" / "thumbnails").rglob("*.webp") if path.read_bytes() == first.body]
    assert len(kept) == 1
    kept[0].write_bytes(b"RIFF not made again")
    assert served.ask(hit["thumbnail"]).body == b"RIFF not made again"
    kept[0].unlink()
    assert served.ask(hit["thumbnail"]).body == first.body


def test_what_has_no_looks_has_no_picture(served: Served) -> None:
    note = served.hit("bicycle", "bike_care.md")
    assert note["thumbnail"] is None
    check(served.ask(f"/api/items/{note['id']}/thumbnail"), "Error", 404)
    check(served.ask(f"/api/items/{note['id']}/page"), "Error", 404)


def test_a_page_is_large_enough_to_read(served: Served) -> None:
    hit = served.hit("energy report", "energy_report.pdf")
    assert max(picture(served.ask(hit["page_image"])).size) == 1600


@pytest.mark.parametrize(
    ("ranged", "status", "part"),
    [
        (None, 200, slice(None)),
        ("bytes=0-9", 206, slice(0, 10)),
        ("bytes=100-", 206, slice(100, None)),
        ("bytes=-7", 206, slice(-7, None)),
        ("bytes=0-999999999", 206, slice(None)),
        ("bytes=5-2", 416, None),
        ("bytes=999999999-", 416, None),
        ("bytes=-0", 416, None),
        ("lines=1-2", 200, slice(None)),
        ("bytes=0-1,4-5", 200, slice(None)),
    ],
)
def test_ranges(served: Served, ranged: str | None, status: int, part: slice | None) -> None:
    hit = served.hit("driving car", "clip_01.mp4")
    content = (served.folder / "videos/clip_01.mp4").read_bytes()
    answer = served.ask(hit["media"], headers={"range": ranged} if ranged else {})
    assert answer.status == status
    assert answer.headers["accept-ranges"] == "bytes"
    if part is None:
        assert answer.headers["content-range"] == f"bytes */{len(content)}"
        return
    assert answer.body == content[part]
    if status == 206:
        start, stop, _ = part.indices(len(content))
        assert answer.headers["content-range"] == f"bytes {start}-{stop - 1}/{len(content)}"


def test_the_head_of_a_file(served: Served) -> None:
    hit = served.hit("driving car", "clip_01.mp4")
    answer = served.ask(hit["media"], "HEAD")
    assert (answer.status, answer.body) == (200, b"")
    assert int(answer.headers["content-length"]) == (served.folder / "videos/clip_01.mp4").stat().st_size


@pytest.mark.parametrize(
    ("query", "name", "kind"),
    [
        ("red car", "winter_drive.jpg", "image/jpeg"),
        ("football", "kickoff.webp", "image/webp"),
        ("driving car", "clip_01.mp4", "video/mp4"),
        ("siren", "siren.mp3", "audio/mpeg"),
        ("noise", "REC_0007.ogg", "audio/ogg"),
        ("energy", "energy_report.pdf", "application/pdf"),
        ("bees", "beekeeping.html", "text/html; charset=utf-8"),
        ("bicycle", "bike_care.md", "text/plain; charset=utf-8"),
    ],
)
def test_a_file_is_what_it_is_and_inert(served: Served, query: str, name: str, kind: str) -> None:
    answer = served.ask(served.hit(query, name)["media"])
    assert answer.headers["content-type"] == kind
    how = "attachment" if kind == "application/pdf" else "inline"
    assert answer.headers["content-disposition"].startswith(f"{how}; filename=")
    assert answer.headers["x-content-type-options"] == "nosniff"
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "script-src" not in policy
    assert "sandbox" in policy
    assert "allow-" not in policy


def test_script_in_names_and_passages_is_data(served: Served) -> None:
    answer = served.ask("/api/search?q=dangerous+scripts+in+names")
    assert answer.headers["content-type"] == "application/json"
    hit = answer.json["hits"][0]
    assert hit["name"] == SCRIPT
    assert "<script>" in hit["snippet"]
    assert served.ask(hit["media"]).status == 200


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="file systems elsewhere want UTF-8")
def test_a_name_that_is_not_utf_8_comes_and_is_found(served: Served) -> None:
    hit = served.search(q="lighthouses", mode="lexical")["hits"][0]
    assert os.fsencode(hit["path"]).endswith(b"odd \xff\xfe.txt")
    assert served.ask(hit["media"]).body.startswith(b"A note about lighthouses")
    check(served.ask(f"/api/items/{hit['id']}"), "Item")


def test_more_like_this(served: Served) -> None:
    hit = served.hit("red car", "winter_drive.jpg")
    found = check(served.ask(f"/api/items/{hit['id']}/similar?type=image&top=3"), "Answer")
    assert hit["path"] not in [one["path"] for one in found["hits"]]
    assert len(found["hits"]) == 3
    mixed = served.search(q="snow", like=hit["id"], type="image")
    assert hit["path"] not in [one["path"] for one in mixed["hits"]]


def test_duplicates(served: Served) -> None:
    hit = served.hit("car", "IMG_2041.jpg")
    found = check(served.ask(f"/api/items/{hit['id']}/duplicates"), "Duplicates")["duplicates"]
    assert ("again.jpg", "exact", 1.0) in [(one["name"], one["match"], one["likeness"]) for one in found]
    twin = next(one for one in found if one["name"] == "again.jpg")
    assert twin["id"] != hit["id"]
    assert check(served.ask(f"/api/items/{twin['id']}"), "Item")["path"].endswith("again.jpg")


def test_the_status(served: Served) -> None:
    told = check(served.ask("/api/status"), "Status")
    assert told["model"] == "builtin"
    assert told["roots"] == [str(served.folder)]
    assert told["files"]["ok"] >= 13


def test_the_page_is_served_without_anything_from_elsewhere(served: Served) -> None:
    page = served.ask("/")
    assert page.status == 200
    assert page.headers["content-type"].startswith("text/html")
    assert b"http" not in page.body
    assert "'unsafe" not in page.headers["content-security-policy"]
