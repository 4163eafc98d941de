"""Every kind of rendered picture with its share in the set of its family.

`render(seed)` gives one picture of a family; the same seed always gives the same one. With `real`, some kinds also use
given pictures: contact sheets of photographs, error dialogs upon screenshots.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from PIL import Image

from training.render import charts, dialogs, documents, interfaces, objects, scenes, solids, views
from training.render.canvas import Drawn

SIZE = 160  # pixels of the shorter side, before a picture is squashed


@dataclass
class RealParts:
    """Pictures that may be built into rendered ones; both may be empty."""

    photographs: list[Image.Image] = field(default_factory=list)
    screenshots: list[Image.Image] = field(default_factory=list)


Kinds = tuple[tuple[Callable[[random.Random, int], Drawn], int], ...]
_FLAT: Kinds = (
    (objects.single, 26),
    (objects.counted, 8),
    (objects.related, 12),
    (objects.bee_on_flower, 3),
    (scenes.beach, 2),
    (scenes.mountains, 2),
    (scenes.countryside, 3),
    (scenes.town, 3),
    (scenes.room, 3),
    (scenes.meal, 3),
    (scenes.sky_alone, 1),
    (scenes.gathering, 2),
    (charts.chart, 10),
    (interfaces.interface, 14),
    (documents.page, 7),
    (documents.slide, 3),
    (documents.street_map, 3),
    (documents.lettering, 3),
    (documents.diagram, 2),
)
_CONTACT_SHEETS, _ERRORS_OVER_REAL = 2, 4
FLAT, SOLIDS, VIEWS = "rendered", "solids", "views"
FAMILIES: dict[str, Kinds] = {
    FLAT: _FLAT,
    SOLIDS: ((solids.solid, 27), (solids.solid_pair, 8), (solids.solid_count, 4)),
    VIEWS: ((views.view, 1),),
}
"""Each becomes a set of its own, so that training decides how often it sees them."""


def render(seed: int, real: RealParts | None = None, family: str = FLAT, size: int = SIZE) -> Drawn:
    rng, kinds = random.Random(seed), FAMILIES[family]
    composed = [_CONTACT_SHEETS, _ERRORS_OVER_REAL] if family == FLAT else [0, 0]
    choice = rng.choices(range(len(kinds) + 2), [*(weight for _, weight in kinds), *composed])[0]
    if choice < len(kinds):
        return kinds[choice][0](rng, size)
    if choice == len(kinds):
        return documents.contact_sheet(rng, size, _small_pictures(rng, real))
    if real and real.screenshots:
        return dialogs.error_over(rng.choice(real.screenshots), rng)
    return interfaces.interface(rng, size)


def _small_pictures(rng: random.Random, real: RealParts | None) -> list[Image.Image]:
    if real and real.photographs and rng.random() < 0.6:
        return rng.sample(real.photographs, min(12, len(real.photographs)))
    return [
        rng.choice((objects.single, solids.solid, scenes.beach, scenes.town, scenes.meal))(rng, 64).image
        for _ in range(6)
    ]


def render_many(first_seed: int, count: int, real: RealParts | None = None) -> Iterator[Drawn]:
    """`count` pictures of consecutive seeds."""
    return (render(seed, real) for seed in range(first_seed, first_seed + count))
