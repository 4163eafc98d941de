"""Photo-like views of everyday scenes, shaded, textured and hazed, with captions as people write them.

`KINDS` names every kind with its share. No two pictures have interchangeable texts, so their group is "".
"""

from __future__ import annotations

import random
from collections.abc import Callable

from training.render import (
    coasts,
    creatures,
    heavens,
    interiors,
    landmarks,
    leisure,
    tabletop,
    terrain,
    townscape,
)
from training.render.canvas import Drawn

_THEMES = (terrain, coasts, heavens, townscape, landmarks, leisure, interiors, tabletop, creatures)
KINDS: dict[str, tuple[Callable[[random.Random, int], Drawn], int]] = {
    name: kind for theme in _THEMES for name, kind in theme.KINDS.items()
}
_NAMES, _SHARES = tuple(KINDS), [share for _, share in KINDS.values()]


def view(rng: random.Random, size: int) -> Drawn:
    """A view of any kind, at most `size` pixels on its shorter side; the same state of `rng` gives the same one."""
    return KINDS[rng.choices(_NAMES, _SHARES)[0]][0](rng, size)
