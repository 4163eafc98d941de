"""Groups of alike files over a real index with given vectors."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from mmsearch.extras.duplicates import Group, find, links
from mmsearch.extras.duplicates.groups import COMMONPLACE
from mmsearch.store import EVERYTHING, Filter
from mmsearch.types import Box, FileMetadata, Modality, Span, Vectors
from tests.given import Given, Part, make, one, unit

DIM = 64


def rows(count: int, seed: int = 0) -> Vectors:
    """Directions that are not alike."""
    return unit(np.random.default_rng(seed).standard_normal((count, DIM)).astype(np.float32))


def near(row: Vectors, seed: int, by: float = 0.1) -> Vectors:
    """A direction at a cosine of about 1 - by² / 2."""
    return unit(row + by * unit(np.random.default_rng(seed).standard_normal(DIM).astype(np.float32)))


def strangers(count: int = 20) -> list[Given]:
    """Pictures that are like nothing, so that there is a background."""
    return [one(f"strangers/{at}.png", "image", row) for at, row in enumerate(rows(count, seed=99))]


def pages(name: str, vectors: Iterable[Vectors], partition: Modality = "document") -> Given:
    parts = [Part(partition, row, Span("page", at, at)) for at, row in enumerate(vectors, 1)]
    return Given(name, "document", parts)


def groups(folder: Path, files: list[Given], scope: links.Scope = "all", where: Filter = EVERYTHING) -> list[Group]:
    with make(folder, files) as reader:
        return find(reader, where, scope=scope).groups


def names(group: Group) -> list[str]:
    return [os.path.basename(member.path) for member in group.members]


def test_unlike_files_are_in_no_group(tmp_path: Path) -> None:
    assert groups(tmp_path, strangers(60)) == []


def test_the_same_bytes_are_exact_copies(tmp_path: Path) -> None:
    row = rows(1)[0]
    same = [Given(name, "image", [Part("image", row)], b"same") for name in ("b.png", "a.png")]
    (group,) = groups(tmp_path, [*strangers(), *same])
    assert (group.match, names(group)) == ("exact", ["a.png", "b.png"] if group.why != "oldest" else ["b.png", "a.png"])
    assert [member.likeness for member in group.members] == [1.0, 1.0]


def test_near_copies_of_a_copied_file_are_one_group(tmp_path: Path) -> None:
    row = rows(1)[0]
    files = [Given(name, "image", [Part("image", row)], b"same") for name in ("a.png", "b.png")]
    files += [one("small.jpg", "image", near(row, 1)), one("smaller.jpg", "image", near(row, 2))]
    (group,) = groups(tmp_path, [*strangers(), *files])
    assert group.match == "near"
    assert {*names(group)} == {"a.png", "b.png", "small.jpg", "smaller.jpg"}
    assert all(0.95 <= member.likeness <= 1 for member in group.members)


def test_two_pictures_are_enough(tmp_path: Path) -> None:
    row = rows(1)[0]
    (group,) = groups(tmp_path, [one("a.png", "image", row), one("b.png", "image", near(row, 1))])
    assert group.match == "near"


def test_likeness_is_measured_against_what_the_folder_is_like(tmp_path: Path) -> None:
    # All pictures lie close together: what is near elsewhere is nothing special here.
    common = rows(1)[0]
    crowd = [one(f"{at}.png", "image", near(common, at, 0.3)) for at in range(60)]
    assert groups(tmp_path, crowd) == []


def test_parts_of_one_file_are_no_copies(tmp_path: Path) -> None:
    row = rows(1)[0]
    still = Given("still.mp4", "video", [Part("video", near(row, at), Span("second", at, at + 1)) for at in range(5)])
    assert groups(tmp_path, [*strangers(), still]) == []


def test_a_picture_and_the_page_that_holds_it(tmp_path: Path) -> None:
    row, *others = rows(5)
    book = pages("book.pdf", [others[0], others[1], near(row, 1), others[2]])
    (group,) = groups(tmp_path, [*strangers(), one("photo.jpg", "image", row), book])
    photo, holder = group.members
    assert (group.match, names(group)) == ("part", ["photo.jpg", "book.pdf"])
    assert (photo.whole, photo.spans) == (True, ())
    assert (holder.whole, holder.spans, holder.keep) == (False, (Span("page", 3, 3),), True)
    assert group.copies == [photo]


def test_copies_keep_what_holds_them_beside_them_and_different_pictures_in_one_book_apart(tmp_path: Path) -> None:
    first, second, *others = rows(8)
    files = [
        one("first.jpg", "image", first), one("first_small.jpg", "image", near(first, 1)),
        one("second.jpg", "image", second), pages("book.pdf", [near(first, 2), near(second, 3), *others]),
    ]  # fmt: skip
    found = groups(tmp_path, [*strangers(), *files])
    assert [{*names(group)} for group in found] == [
        {"first.jpg", "first_small.jpg", "book.pdf"},
        {"second.jpg", "book.pdf"},
    ]
    assert [group.match for group in found] == ["near", "part"]
    assert {os.path.basename(member.path) for member in found[0].copies} == {"first.jpg", "first_small.jpg"}


@pytest.mark.parametrize(("same", "match"), [(5, "near"), (4, "near"), (3, None)])
def test_texts_are_copies_when_nearly_all_passages_are_alike(tmp_path: Path, same: int, match: str | None) -> None:
    passages, changed = rows(5), rows(5, seed=1)
    edited = [near(passages[at], at, 0.05) if at < same else changed[at] for at in range(5)]
    files = [Given("one.md", "text", [Part("text", row) for row in passages])]
    files.append(Given("two.md", "text", [Part("text", row) for row in edited]))
    files += [one(f"{at}.txt", "text", row) for at, row in enumerate(rows(20, seed=7))]
    found = groups(tmp_path, files)
    assert [group.match for group in found] == ([match] if match else [])


def test_a_page_that_many_files_have_makes_them_no_copies(tmp_path: Path) -> None:
    empty, own = rows(1)[0], rows(3 * COMMONPLACE, seed=3)
    files = [pages(f"{at}.pdf", [near(empty, at, 0.01), own[at]]) for at in range(COMMONPLACE + 2)]
    assert groups(tmp_path, files) == []


def test_scope_is_within_a_modality_or_across(tmp_path: Path) -> None:
    first, second = rows(2)
    files = [
        one("a.png", "image", first), one("b.png", "image", near(first, 1)),
        one("c.png", "image", second), pages("c.pdf", [near(second, 2)]),
    ]  # fmt: skip
    files += strangers()
    assert [{*names(group)} for group in groups(tmp_path / "1", files)] == [{"a.png", "b.png"}, {"c.png", "c.pdf"}]
    assert [{*names(group)} for group in groups(tmp_path / "2", files, "within")] == [{"a.png", "b.png"}]
    assert [{*names(group)} for group in groups(tmp_path / "3", files, "across")] == [{"c.png", "c.pdf"}]


def test_both_sides_pass_the_filter(tmp_path: Path) -> None:
    row = rows(1)[0]
    files = [one("in/a.png", "image", row), one("in/b.png", "image", near(row, 1)), one("c.png", "image", row)]
    where = Filter(accept=lambda path: "/in/" in path.replace(os.sep, "/"))
    (group,) = groups(tmp_path, [*strangers(), *files], where=where)
    assert {*names(group)} == {"a.png", "b.png"}


def test_a_changed_file_is_left_out_and_told_and_one_that_is_gone_is_left_out(tmp_path: Path) -> None:
    row = rows(1)[0]
    files = [one(f"{name}.png", "image", near(row, at)) for at, name in enumerate("abcd")]
    with make(tmp_path, [*strangers(), *files]) as reader:
        (tmp_path / "files" / "a.png").write_bytes(b"something else")
        (tmp_path / "files" / "b.png").unlink()
        found = find(reader)
    assert [{*names(group)} for group in found.groups] == [{"c.png", "d.png"}]
    assert found.stale == 1


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_another_name_of_the_same_file_is_no_copy(tmp_path: Path) -> None:
    row = rows(1)[0]
    files = [Given(name, "image", [Part("image", row)], b"same") for name in ("a.png", "bb.png", "ccc.png")]
    with make(tmp_path, [*strangers(), *files]) as reader:
        root = tmp_path / "files"
        status = (root / "a.png").stat()
        for name, link in (("bb.png", os.link), ("ccc.png", os.symlink)):
            (root / name).unlink()
            link(root / "a.png", root / name)
        os.utime(root / "a.png", ns=(status.st_atime_ns, status.st_mtime_ns))
        assert find(reader).groups == []


def keepers(folder: Path, first: Given, second: Given) -> tuple[str, str]:
    (group,) = groups(folder, [*strangers(), first, second])
    assert [member.keep for member in group.members] == [True, False]
    return names(group)[0], group.why


def test_the_keeper_has_most_pixels_or_is_largest_oldest_or_shortest(tmp_path: Path) -> None:
    row = rows(1)[0]
    parts, other = [Part("image", row)], [Part("image", near(row, 1))]
    big, small = FileMetadata(200, 100), FileMetadata(20, 10)
    assert keepers(tmp_path / "1", Given("a", "image", parts, b"xx", small), Given("b", "image", other, b"x", big)) == (
        "b",
        "most pixels",
    )
    assert keepers(tmp_path / "2", Given("a", "image", parts, b"xx"), Given("b", "image", other, b"x", big)) == (
        "a",
        "largest",
    )
    files = [*strangers(), Given("long", "image", parts, b"1"), Given("b", "image", other, b"2")]
    with make(tmp_path / "3", files) as reader:
        times = {member.mtime_ns for group in find(reader).groups for member in group.members}
        (group,) = find(reader).groups
    assert (names(group)[0], group.why) == (("long", "oldest") if len(times) == 2 else ("b", "shortest path"))


@pytest.mark.parametrize("tile", [1, 7, 2048])
def test_groups_do_not_depend_on_tiles(tmp_path: Path, tile: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links, "ROWS", tile)
    centres = rows(12)
    files = [
        one(f"{at}-{copy}.png", "image", near(centres[at], 10 * at + copy)) for copy in range(3) for at in range(12)
    ]
    found = groups(tmp_path, files)
    assert sorted(sorted(names(group)) for group in found) == sorted(
        [f"{at}-{copy}.png" for copy in range(3)] for at in range(12)
    )


def test_forest_links_as_a_plain_search_over_the_graph_would() -> None:
    rng = np.random.default_rng(5)
    for _ in range(50):
        count = int(rng.integers(2, 60))
        pairs = rng.integers(0, count, (int(rng.integers(1, 80)), 2))
        forest = links.Forest(count)
        for piece in np.array_split(pairs, 3):
            forest.link(piece[:, 0], piece[:, 1])
        expected = list(range(count))
        for left, right in pairs.tolist():
            low, high = sorted((expected[left], expected[right]))
            expected = [low if group == high else group for group in expected]
        assert forest.roots(np.arange(count)).tolist() == expected


def sheet(name: str, whole: Vectors, panels: Iterable[Vectors]) -> Given:
    """A picture with boxes in it."""
    boxed = [Part("image", row, Span.of_box(Box(100 * at, 0, 100, 80))) for at, row in enumerate(panels)]
    return Given(name, "image", [Part("image", whole), *boxed])


def test_boxes_of_one_picture_are_no_copies_of_each_other(tmp_path: Path) -> None:
    row, whole = rows(2)
    assert groups(tmp_path, [*strangers(), sheet("sheet.png", whole, [row, near(row, 1), near(row, 2)])]) == []


def test_a_sheet_holds_the_picture_that_one_of_its_boxes_shows(tmp_path: Path) -> None:
    whole, *panels = rows(6)
    files = [sheet("sheet.png", whole, panels), one("photo.png", "image", near(panels[2], 1))]
    (group,) = groups(tmp_path, [*strangers(), *files])
    assert (group.match, names(group)) == ("part", ["photo.png", "sheet.png"])
    assert [member.whole for member in group.members] == [True, False]
    assert [str(span) for span in group.members[1].spans] == ["box 200,0 100x80"]


def test_two_sheets_that_show_one_picture_have_nothing_else_in_common(tmp_path: Path) -> None:
    one_whole, other_whole, panel = rows(3)
    files = [sheet("a.png", one_whole, [panel]), sheet("b.png", other_whole, [near(panel, 1)])]
    assert groups(tmp_path, [*strangers(), *files]) == []


def test_a_smaller_copy_of_a_sheet_is_a_copy_though_it_has_no_boxes(tmp_path: Path) -> None:
    whole, *panels = rows(6)
    files = [sheet("sheet.png", whole, panels), one("small.png", "image", near(whole, 1))]
    (group,) = groups(tmp_path, [*strangers(), *files])
    assert (group.match, {*names(group)}) == ("near", {"sheet.png", "small.png"})
    assert [member.whole for member in group.members] == [True, True]
