"""Filters are applied before the cut: what answers is what brute force over the filtered set finds."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from mmsearch.store import Bounds, Filter, Reader
from mmsearch.store.writer import Writer
from mmsearch.types import FileMetadata, Item, Modality, Vectors
from tests.store.helpers import DIM, IDENTITY

COUNT = int(os.environ.get("MMSEARCH_TEST_ITEMS", "10000"))
"""The figures of the requirement are for 100 000."""
FILTERS = 200
START = datetime(2020, 1, 1)
MODALITIES: tuple[Modality, ...] = ("image", "video", "audio")


class World:
    """An index of synthetic files, and the same as plain arrays."""

    def __init__(self, directory: str) -> None:
        rng = np.random.default_rng(0)
        rows = rng.standard_normal((COUNT, DIM)).astype(np.float32)
        self.rows: Vectors = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        draw = random.Random(0)
        self.files = [self._file(draw, number) for number in range(COUNT)]
        with Writer.open(directory, IDENTITY) as writer:
            for number, (path, modality, size, when, facts) in enumerate(self.files):
                digest = f"{number}"
                item = Item("", digest, modality, modality)
                writer.put_content(digest, "kind", modality, facts, [item], self.rows[number][None])
                writer.put_file(path, size, int(when.timestamp() * 1e9), digest, "kind")
            writer.commit()
        self.reader = Reader.open(directory)

    @staticmethod
    def _file(draw: random.Random, number: int) -> tuple[str, Modality, int, datetime, FileMetadata]:
        modality = draw.choice(MODALITIES)
        path = f"/data/{draw.choice('abc')}/{draw.choice('de')}/{number}.{draw.choice(['x', 'y'])}"
        when = START + timedelta(hours=draw.randrange(40_000))
        taken = START + timedelta(hours=draw.randrange(40_000)) if modality == "image" and draw.random() < 0.5 else None
        facts = FileMetadata(
            width=draw.randrange(1, 5000) if modality != "audio" else None,
            height=draw.randrange(1, 5000) if modality != "audio" else None,
            duration=draw.uniform(0, 600) if modality != "image" else None,
            taken=taken.isoformat() if taken else None,
        )
        return path, modality, draw.randrange(1, 10**7), when, facts

    def passes(self, where: Filter, number: int) -> bool:
        path, modality, size, when, facts = self.files[number]
        date = datetime.fromisoformat(facts.taken) if facts.taken else when
        return (
            (where.modalities is None or modality in where.modalities)
            and (where.accept is None or where.accept(path))
            and (not where.folders or any(path.startswith(folder + "/") for folder in where.folders))
            and (where.after is None or date >= where.after)
            and (where.before is None or date < where.before)
            and all(
                within(getattr(where, name), value)
                for name, value in (
                    ("size", size),
                    ("width", facts.width),
                    ("height", facts.height),
                    ("duration", facts.duration),
                )
            )
        )


def within(bounds: Bounds, value: float | None) -> bool:
    if bounds == Bounds():
        return True
    low, high = bounds.least, bounds.most
    return value is not None and (low is None or value >= low) and (high is None or value <= high)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    instance = World(str(tmp_path_factory.mktemp("world")))
    yield instance
    instance.reader.close()


def random_filter(draw: random.Random) -> Filter:
    """From hardly anything to hardly everything, of one to four conditions."""

    def bounds(most: float) -> Bounds:
        low, high = sorted(draw.uniform(0, most) for _ in range(2))
        return draw.choice([Bounds(low), Bounds(None, high), Bounds(low, high)])

    moment = START + timedelta(hours=draw.randrange(40_000))
    choices: dict[str, object] = {
        "modalities": frozenset(draw.sample(MODALITIES, draw.randint(1, 2))),
        "accept": draw.choice([lambda path: path.endswith("7.x"), lambda path: "/e/" in path]),
        "folders": tuple(draw.sample(["/data/a", "/data/b/d", "/data/c/e", "/data"], draw.randint(1, 2))),
        "size": bounds(10**7),
        "width": bounds(5000),
        "height": bounds(5000),
        "duration": bounds(600),
        draw.choice(["after", "before"]): moment,
    }
    return Filter(**{name: choices[name] for name in draw.sample(list(choices), draw.randint(1, 4))})  # type: ignore[arg-type]


def test_random_filters_find_what_brute_force_finds(world: World) -> None:
    draw, rng = random.Random(1), np.random.default_rng(1)
    sizes = []
    for _ in range(FILTERS):
        where, query = random_filter(draw), rng.standard_normal(DIM).astype(np.float32)
        query /= np.linalg.norm(query)
        partition = draw.choice(MODALITIES)
        inside = [n for n in range(COUNT) if world.files[n][1] == partition and world.passes(where, n)]
        best = sorted(((float(world.rows[n] @ query), n) for n in inside), reverse=True)[:10]
        hits = world.reader.search(query, partition, 10, where)
        assert [score for _, score in hits] == pytest.approx([score for score, _ in best], abs=2e-3)
        locations = world.reader.locate([item for item, _ in hits], where)
        paths = [locations[item][0].item.path for item, _ in hits]
        # Half precision may swap what is as good as equal, no more.
        if all(first[0] - second[0] > 4e-3 for first, second in pairwise(best)):
            assert paths == [world.files[n][0] for _, n in best]
        assert all(world.passes(where, int(path.rpartition("/")[2].partition(".")[0])) for path in paths)
        sizes.append(len(inside))
    assert min(sizes) == 0 and max(sizes) > COUNT // 10, "the filters were not varied"


def test_a_filter_that_leaves_five_finds_five(world: World) -> None:
    numbers = [n for n in range(COUNT) if world.files[n][1] == "image"][:5]
    paths = {world.files[n][0] for n in numbers}
    hits = world.reader.search(world.rows[0], "image", 50, Filter(accept=paths.__contains__))
    assert len(hits) == 5


@pytest.mark.parametrize("year", [1, 1677, 9999])
def test_any_year_is_before_or_after_all_files(world: World, year: int) -> None:
    after, before = (world.reader.search(world.rows[0], "video", 3, Filter(**{side: datetime(year, 1, 1)}))
                     for side in ("after", "before"))  # fmt: skip
    assert (len(after), len(before)) == ((0, 3) if year > 2020 else (3, 0))


def test_several_queries_at_once_find_what_each_finds_alone(world: World) -> None:
    for where in (Filter(), Filter(size=Bounds(None, 5e6)), Filter(folders=("/data/a/d",), width=Bounds(4000))):
        alone = [world.reader.search(row, "video", 7, where) for row in world.rows[:20]]
        together = world.reader.search_all(world.rows[:20], "video", 7, where)
        assert [[item for item, _ in hits] for hits in together] == [[item for item, _ in hits] for hits in alone]


def test_a_copy_answers_for_itself_alone(tmp_path: Path) -> None:
    with Writer.open(str(tmp_path), IDENTITY) as writer:
        row = np.eye(1, DIM, dtype=np.float32)
        writer.put_content("a", "kind", "image", FileMetadata(), [Item("", "a", "image", "image")], row)
        writer.put_file("/data/old.png", 1, 1_000_000_000, "a", "kind")
        writer.put_file("/data/new.png", 1, 2 * 10**18, "a", "kind")
        writer.commit()
    with Reader.open(str(tmp_path)) as reader:
        where = Filter(after=datetime(2020, 1, 1))
        [(item, _)] = reader.search(row[0], "image", 5, where)
        assert [location.item.path for location in reader.locate([item], where)[item]] == ["/data/new.png"]
